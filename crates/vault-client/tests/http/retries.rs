//! What is sent how often.

use std::sync::atomic::Ordering;
use std::time::Duration;

use leasehold_vault_client::{AwsEngine, Connection, Credentials, ErrorKind, Tokens};
use serde_json::json;
use wiremock::matchers::{method, path};
use wiremock::{Mock, ResponseTemplate};

use crate::support::*;

const KEEPERS: &str = "/v1/auth/token/create-orphan";
const STATUSES: [u16; 10] = [400, 412, 429, 472, 473, 500, 501, 502, 503, 504];

#[tokio::test]
async fn reads_are_tried_three_times() {
    for status in STATUSES {
        let server = server().await;
        answer(&server, "GET", READ, errors_now(status, &["oh"])).await;
        vault(&server).root_config(&"aws".into()).await.unwrap_err();
        let times = if matches!(status, 400 | 501) { 1 } else { 3 };
        assert_eq!(sent(&server, READ).await.len(), times, "{status}");
    }
}

#[tokio::test]
async fn a_sealed_vault_is_asked_once() {
    let server = server().await;
    answer(&server, "GET", READ, errors_now(503, &["Vault is sealed"])).await;
    vault(&server).root_config(&"aws".into()).await.unwrap_err();
    assert_eq!(sent(&server, READ).await.len(), 1);
}

#[tokio::test]
async fn it_goes_on_when_the_next_try_succeeds() {
    let server = server().await;
    Mock::given(method("GET"))
        .and(path(READ))
        .respond_with(errors_now(500, &["oh"]))
        .up_to_n_times(2)
        .with_priority(1)
        .mount(&server)
        .await;
    answer(
        &server,
        "GET",
        READ,
        data(&json!({"access_key": "A", "max_retries": -1})),
    )
    .await;
    let root = vault(&server)
        .root_config(&"aws".into())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((root.access_key.as_str(), root.max_retries), ("A", -1));
}

#[tokio::test]
async fn keys_are_asked_for_once_whatever_happens() {
    for status in STATUSES {
        for under in [Some(keeper()), None] {
            let server = server().await;
            answer(&server, "GET", CREDS, errors_now(status, &["oh"])).await;
            vault(&server)
                .issue(&issue(), under.as_ref())
                .await
                .unwrap_err();
            assert_eq!(sent(&server, CREDS).await.len(), 1, "{status}");
        }
    }
}

#[tokio::test]
async fn keys_are_asked_for_once_though_the_connection_breaks() {
    let (address, count) = rude(Vec::new()).await;
    let vault = at(Connection::new(format!("http://{address}")));
    for n in 1..=3 {
        let error = vault.issue(&issue(), Some(&keeper())).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
        assert_eq!(count.load(Ordering::SeqCst), n);
    }
    vault.issue(&issue(), None).await.unwrap_err();
    assert_eq!(count.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn keys_are_asked_for_once_though_no_answer_comes() {
    let server = server().await;
    let late = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    answer(&server, "GET", CREDS, late).await;
    let mut connection = Connection::new(server.uri());
    connection.issue_timeout = Duration::from_millis(200);
    connection.request_timeout = Duration::from_millis(200);
    let error = at(connection)
        .issue(&issue(), Some(&keeper()))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert_eq!(sent(&server, CREDS).await.len(), 1);
}

#[tokio::test]
async fn keys_are_asked_for_once_though_the_login_is_refused() {
    let server = server().await;
    answer(
        &server,
        "GET",
        CREDS,
        errors(403, &["permission denied", "invalid token"]),
    )
    .await;
    let vault = vault(&server);
    let error = vault.issue(&issue(), None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthenticated);
    assert_eq!((sent(&server, CREDS).await.len(), vault.logins()), (1, 1));
    // The next one has another login.
    vault.issue(&issue(), None).await.unwrap_err();
    assert_eq!((sent(&server, CREDS).await.len(), vault.logins()), (2, 2));
    // A keeper's refusal says nothing about the login.
    vault.issue(&issue(), Some(&keeper())).await.unwrap_err();
    assert_eq!(vault.logins(), 2);
}

#[tokio::test]
async fn a_keeper_is_opened_again_only_if_none_was() {
    for status in STATUSES {
        let server = server().await;
        answer(&server, "POST", KEEPERS, errors_now(status, &["oh"])).await;
        vault(&server)
            .open_keeper(&keeper_request())
            .await
            .unwrap_err();
        let times = if matches!(status, 412 | 429) { 3 } else { 1 };
        assert_eq!(sent(&server, KEEPERS).await.len(), times, "{status}");
    }
    let (address, count) = rude(Vec::new()).await;
    let vault = at(Connection::new(format!("http://{address}")));
    vault.open_keeper(&keeper_request()).await.unwrap_err();
    assert_eq!(count.load(Ordering::SeqCst), 1);
}
