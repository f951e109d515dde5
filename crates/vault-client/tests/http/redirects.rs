//! A token goes only where it was meant to go.

use leasehold_vault_client::{AwsEngine, Credentials, ErrorKind, Leases};
use wiremock::ResponseTemplate;

use crate::support::*;

fn to(status: u16, location: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).insert_header("Location", location)
}

#[tokio::test]
async fn another_host_is_named_and_never_asked() {
    let (here, there) = (server().await, server().await);
    answer(
        &there,
        "GET",
        CREDS,
        ResponseTemplate::new(200).set_body_json(creds()),
    )
    .await;
    for status in [301, 302, 303, 307, 308] {
        here.reset().await;
        health(&here, 200, &healthy()).await;
        answer(
            &here,
            "GET",
            CREDS,
            to(status, &format!("{}{CREDS}", there.uri())),
        )
        .await;
        let error = vault(&here)
            .issue(&issue(), Some(&keeper()))
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unexpected);
        assert!(error.says(&there.uri()), "{error}");
        shows_no_secret(&error);
    }
    assert!(there.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn within_the_host_verb_body_and_token_are_kept() {
    let server = server().await;
    answer(
        &server,
        "POST",
        "/v1/sys/leases/revoke",
        to(307, "/v1/active/revoke"),
    )
    .await;
    answer(
        &server,
        "POST",
        "/v1/active/revoke",
        ResponseTemplate::new(204),
    )
    .await;
    vault(&server)
        .revoke_lease(&"aws/creds/r/1".into())
        .await
        .unwrap();
    let got = sent(&server, "/v1/active/revoke").await;
    assert_eq!(got.len(), 1);
    assert_eq!(header(&got[0], "x-vault-token").as_deref(), Some(TOKEN));
    let body: serde_json::Value = got[0].body_json().unwrap();
    assert_eq!(
        body,
        serde_json::json!({"lease_id": "aws/creds/r/1", "sync": true})
    );
}

#[tokio::test]
async fn not_round_and_round() {
    let server = server().await;
    answer(&server, "GET", READ, to(307, READ)).await;
    let error = vault(&server).root_config(&"aws".into()).await.unwrap_err();
    assert!(error.says("redirected more than 3 times"), "{error}");
    assert_eq!(sent(&server, READ).await.len(), 4);
}

#[tokio::test]
async fn what_is_no_standbys_redirect_is_not_followed() {
    let server = server().await;
    for (n, template) in [
        to(301, READ),
        to(302, "/ui/"),
        ResponseTemplate::new(307),
        to(307, "http://me:SUPERSECRET@127.0.0.1/"),
        to(307, "::::"),
    ]
    .into_iter()
    .enumerate()
    {
        let mount = format!("m{n}");
        answer(
            &server,
            "GET",
            &format!("/v1/{mount}/config/root"),
            template,
        )
        .await;
        let error = vault(&server)
            .root_config(&mount.as_str().into())
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unexpected);
        shows_no_secret(&error);
    }
}
