//! Each kind of answer, through the whole client.

use std::sync::atomic::Ordering;
use std::time::Duration;

use leasehold_vault_client::{
    AwsEngine, Connection, Credentials, ErrorKind, Leases, Mounts, Redacted, RootConfig, Tokens,
};
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::support::*;

#[tokio::test]
async fn kinds_and_words_come_through() {
    use ErrorKind::{Denied, Invalid, NoMount, RateLimited, Sealed, Unexpected};
    for (status, word, kind) in [
        (400, "bad", Invalid),
        (403, "1 error occurred:\n\t* permission denied\n\n", Denied),
        (
            404,
            "no handler for route \"aws/x\". route entry not found.",
            NoMount,
        ),
        (412, "required index state not present", Unexpected),
        (429, "rate limit quota exceeded", RateLimited),
        (500, "1 error occurred:\n\t* oh\n\n", Unexpected),
        (502, "Throttling: Rate exceeded", RateLimited),
        (503, "Vault is sealed", Sealed),
    ] {
        let server = server().await;
        answer(&server, "GET", READ, errors_now(status, &[word])).await;
        let error = vault(&server).root_config(&"aws".into()).await.unwrap_err();
        assert_eq!((error.kind, error.status), (kind, Some(status)), "{word}");
        assert_eq!(error.words, [word]);
        assert_eq!((error.op, error.path.as_str()), ("GET", "aws/config/root"));
        shows_no_secret(&error);
    }
}

#[tokio::test]
async fn only_vaults_own_words_mean_absent() {
    let server = server().await;
    let vault = vault(&server);
    let (mount, role) = ("aws".into(), "r".into());
    answer(&server, "GET", READ, errors(404, &[])).await;
    answer(&server, "GET", "/v1/aws/config/lease", errors(404, &[])).await;
    answer(&server, "GET", "/v1/aws/roles/r", errors(404, &[])).await;
    answer(
        &server,
        "GET",
        "/v1/sys/mounts/aws",
        errors(400, &["No secret engine mount at aws/"]),
    )
    .await;
    answer(
        &server,
        "POST",
        "/v1/sys/leases/lookup",
        errors(400, &["invalid lease"]),
    )
    .await;
    answer(
        &server,
        "POST",
        "/v1/auth/token/lookup-accessor",
        errors(403, &["1 error occurred:\n\t* invalid accessor\n\n"]),
    )
    .await;
    answer(
        &server,
        "POST",
        "/v1/auth/token/revoke-accessor",
        errors(400, &["invalid accessor"]),
    )
    .await;
    assert_eq!(vault.root_config(&mount).await.unwrap(), None);
    assert_eq!(vault.engine_lease(&mount).await.unwrap(), None);
    assert_eq!(vault.role(&mount, &role).await.unwrap(), None);
    assert_eq!(vault.mount(&mount).await.unwrap(), None);
    assert_eq!(vault.lookup_lease(&"l".into()).await.unwrap(), None);
    assert_eq!(vault.lookup_accessor(&"a".into()).await.unwrap(), None);
    vault.revoke_accessor(&"a".into()).await.unwrap();
    assert_eq!(vault.logins(), 1);
}

#[tokio::test]
async fn a_proxys_404_is_not_an_absence() {
    let server = server().await;
    for at in [READ, "/v1/aws/roles/r"] {
        answer(
            &server,
            "GET",
            at,
            ResponseTemplate::new(404).set_body_string("<html>no</html>"),
        )
        .await;
    }
    let vault = vault(&server);
    let error = vault.root_config(&"aws".into()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unexpected);
    assert!(error.says("did not answer as a Vault does"));
    assert!(vault.role(&"aws".into(), &"r".into()).await.is_err());
}

#[tokio::test]
async fn garbage_shows_nothing_of_itself() {
    let broken = r#"{"data": {"access_key": "SUPERSECRET", "secret_key": 7SUPERSECRET"#;
    let mistyped =
        json!({"data": {"access_key": "AKIAX", "secret_key": "x", "ttl": "SUPERSECRET"}});
    let no_key = json!({"data": {"secret_key": "SUPERSECRET"}});
    for body in [
        broken.to_owned(),
        mistyped.to_string(),
        no_key.to_string(),
        "SUPERSECRET".to_owned(),
        String::new(),
        "{}".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
    ] {
        let server = server().await;
        answer(
            &server,
            "GET",
            CREDS,
            ResponseTemplate::new(200).set_body_string(&body),
        )
        .await;
        let error = vault(&server)
            .issue(&issue(), Some(&keeper()))
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unexpected, "{body}");
        assert!(error.says("did not answer as a Vault does"), "{error}");
        shows_no_secret(&error);
        assert_eq!(sent(&server, CREDS).await.len(), 1);
    }
}

#[tokio::test]
async fn a_login_page_is_not_a_write_that_went_well() {
    let server = server().await;
    let at = "/v1/sys/leases/revoke";
    answer(
        &server,
        "POST",
        at,
        ResponseTemplate::new(200).set_body_string("<html/>"),
    )
    .await;
    let error = vault(&server).revoke_lease(&"l".into()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unexpected);
}

#[tokio::test]
async fn an_echoed_secret_is_not_shown() {
    let server = server().await;
    let word = format!("you sent {TOKEN} and SUPERSECRET");
    answer(&server, "POST", READ, errors(400, &[&word])).await;
    let error = vault(&server)
        .write_root_config(
            &"aws".into(),
            &RootConfig::default(),
            &Redacted::new("SUPERSECRET"),
        )
        .await
        .unwrap_err();
    assert!(error.says("you sent <redacted> and <redacted>"), "{error}");
    shows_no_secret(&error);
}

#[tokio::test]
async fn too_much_is_not_read() {
    let server = server().await;
    let body = "SUPERSECRET ".repeat(1 << 20);
    for status in [200, 400] {
        let at = format!("/v1/aws/creds/r{status}");
        answer(
            &server,
            "GET",
            &at,
            ResponseTemplate::new(status).set_body_string(&body),
        )
        .await;
        let mut request = issue();
        request.role = format!("r{status}").into();
        let error = vault(&server)
            .issue(&request, Some(&keeper()))
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unexpected);
        assert!(error.says("answered more than 1 MiB"));
        shows_no_secret(&error);
    }
}

#[tokio::test]
async fn a_token_that_no_header_can_carry_is_refused_without_a_panic() {
    let server = server().await;
    for token in ["hvs.KEEPER\nSECRET-KEEPERSECRET", "KEEPERSECRET\u{0}"] {
        let error = vault(&server)
            .issue(&issue(), Some(&Redacted::new(token)))
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Login);
        shows_no_secret(&error);
    }
    assert!(sent(&server, CREDS).await.is_empty());
}

#[tokio::test]
async fn paths_that_would_go_elsewhere_are_not_asked_for() {
    let server = server().await;
    let vault = vault(&server);
    for mount in ["", "a//b", "../sys", "a/..", ".", "a\nb"] {
        let error = vault.root_config(&mount.into()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{mount:?}");
    }
    let got = server.received_requests().await.unwrap();
    assert!(got.iter().all(|r| r.url.path() == "/v1/sys/health"));
    // What only needs escaping is escaped.
    answer(
        &server,
        "GET",
        "/v1/a%20b%3Fc/config/root",
        errors(404, &[]),
    )
    .await;
    assert_eq!(vault.root_config(&"/a b?c/".into()).await.unwrap(), None);
}

#[tokio::test]
async fn no_answer_in_time() {
    let server = server().await;
    let late = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    answer(&server, "GET", READ, late).await;
    let mut connection = Connection::new(server.uri());
    connection.request_timeout = Duration::from_millis(200);
    let error = at(connection).root_config(&"aws".into()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert!(error.says("no answer within 200ms") && !error.answered());
    assert_eq!(error.path, server.uri());
    assert_eq!(sent(&server, READ).await.len(), 1);
}

#[tokio::test]
async fn nobody_there() {
    let error = at(Connection::new("http://127.0.0.1:1"))
        .root_config(&"aws".into())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(error.says("Connection refused"), "{error}");
    let error = at(Connection::new("http://vault.invalid:8200"))
        .root_config(&"aws".into())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(error.says("lookup"), "{error}");
}

#[tokio::test]
async fn cut_off_in_the_middle() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"data\": \"SUPERSECRET".to_vec();
    let (address, count) = rude(head).await;
    let error = at(Connection::new(format!("http://{address}")))
        .issue(&issue(), Some(&keeper()))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    shows_no_secret(&error);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}
