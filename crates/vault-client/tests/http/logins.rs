//! Logging in: one login, what refuses it, what replaces it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use leasehold_vault_client::login::{JwtSource, KubernetesLogin, TokenLogin};
use leasehold_vault_client::{
    AwsEngine, Connection, ErrorKind, Health, HttpVault, Redacted, Result, Vault,
};
use serde_json::{Value, json};
use wiremock::matchers::{header as has, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::*;

const SELF: &str = "/v1/auth/token/lookup-self";
const LOGIN: &str = "/v1/auth/kubernetes/login";

fn with_token(server: &MockServer, token: &str) -> HttpVault {
    let login = TokenLogin::new(Redacted::new(token));
    HttpVault::new(Connection::new(server.uri()), Arc::new(login)).unwrap()
}

struct Jwt;

#[async_trait]
impl JwtSource for Jwt {
    async fn jwt(&self) -> Result<Redacted> {
        Ok(Redacted::new("eyJ.JWTSECRET"))
    }
}

fn kubernetes(server: &MockServer) -> HttpVault {
    let login = KubernetesLogin::new("leasehold", Arc::new(Jwt));
    HttpVault::new(Connection::new(server.uri()), Arc::new(login)).unwrap()
}

fn logged_in(token: &str) -> ResponseTemplate {
    // As Vault leaves out what is empty.
    ResponseTemplate::new(200)
        .set_body_json(json!({"auth": {"client_token": token, "accessor": "a",
        "policies": ["default"], "lease_duration": 3600, "renewable": true}, "data": null}))
}

#[tokio::test]
async fn fifty_calls_one_login() {
    let server = server().await;
    answer(&server, "POST", LOGIN, logged_in("hvs.k")).await;
    answer(&server, "GET", READ, errors(404, &[])).await;
    let vault: Arc<dyn Vault> = Arc::new(kubernetes(&server));
    let calls = (0..50).map(|_| {
        let vault = Arc::clone(&vault);
        tokio::spawn(async move { vault.root_config(&"aws".into()).await.unwrap() })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), None);
    }
    let logins = sent(&server, LOGIN).await;
    assert_eq!(logins.len(), 1);
    let body: Value = logins[0].body_json().unwrap();
    assert_eq!(body, json!({"role": "leasehold", "jwt": "eyJ.JWTSECRET"}));
    assert_eq!(header(&logins[0], "x-vault-token"), None);
    assert_eq!(sent(&server, "/v1/sys/health").await.len(), 1);
    assert_eq!(sent(&server, READ).await.len(), 50);
}

#[tokio::test]
async fn a_refused_login_is_replaced_and_the_call_made_once_more() {
    for words in [
        "permission denied",
        "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n",
    ] {
        let server = server().await;
        Mock::given(method("GET"))
            .and(path(READ))
            .and(has("x-vault-token", TOKEN))
            .respond_with(errors(403, &[words]))
            .with_priority(1)
            .mount(&server)
            .await;
        answer(&server, "GET", READ, errors(404, &[])).await;
        let vault = vault(&server);
        assert_eq!(vault.root_config(&"aws".into()).await.unwrap(), None);
        assert_eq!((vault.logins(), sent(&server, READ).await.len()), (2, 2));
        // And stays.
        vault.root_config(&"aws".into()).await.unwrap();
        assert_eq!((vault.logins(), sent(&server, READ).await.len()), (2, 3));
    }
}

#[tokio::test]
async fn a_policys_refusal_is_no_reason_to_log_in() {
    let server = server().await;
    answer(
        &server,
        "GET",
        READ,
        errors(403, &["1 error occurred:\n\t* permission denied\n\n"]),
    )
    .await;
    let vault = vault(&server);
    let error = vault.root_config(&"aws".into()).await.unwrap_err();
    assert_eq!((error.kind, vault.logins()), (ErrorKind::Denied, 1));
    assert_eq!(sent(&server, READ).await.len(), 1);
}

#[tokio::test]
async fn refused_again_is_told_and_not_tried_for_ever() {
    let server = server().await;
    answer(&server, "GET", READ, errors(403, &["permission denied"])).await;
    let vault = vault(&server);
    for _ in 0..20 {
        let error = vault.root_config(&"aws".into()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unauthenticated);
    }
    // Twenty calls within the first second or so, one try at another login.
    assert!(vault.logins() <= 4, "{}", vault.logins());
}

#[tokio::test]
async fn vaults_words_on_a_login_are_kept() {
    for (status, word) in [
        (403, "service account name not authorized"),
        (403, "permission denied"),
        (400, "missing role"),
        (400, "invalid role name \"leasehold\""),
        (500, "could not load backend configuration"),
    ] {
        let server = server().await;
        answer(&server, "POST", LOGIN, errors_now(status, &[word])).await;
        let vault = kubernetes(&server);
        let error = vault.cluster_id().await.unwrap_err();
        assert_eq!(
            (error.kind, error.op, error.status),
            (ErrorKind::Login, "login", Some(status))
        );
        assert_eq!(
            error.to_string(),
            format!("login auth/kubernetes/login: {status}: {word}")
        );
        shows_no_secret(&error);
        // The next callers get the same, and Vault is not asked.
        for _ in 0..20 {
            let again = vault.root_config(&"aws".into()).await.unwrap_err();
            assert_eq!(again.to_string(), error.to_string());
        }
        assert!(sent(&server, LOGIN).await.len() <= 2);
    }
    let server = server().await;
    answer(&server, "POST", LOGIN, errors(503, &["node is not active"])).await;
    assert_eq!(
        kubernetes(&server).cluster_id().await.unwrap_err().kind,
        ErrorKind::Sealed
    );
}

#[tokio::test]
async fn a_jwt_that_is_echoed_is_not_shown() {
    let server = server().await;
    answer(
        &server,
        "POST",
        LOGIN,
        errors(403, &["cannot parse eyJ.JWTSECRET"]),
    )
    .await;
    let error = kubernetes(&server).cluster_id().await.unwrap_err();
    assert!(error.says("cannot parse <redacted>"));
    shows_no_secret(&error);
}

#[tokio::test]
async fn a_login_is_renewed_where_vault_has_it() {
    let server = server().await;
    let at = "/v1/auth/token/renew-self";
    let short = json!({"auth": {"client_token": "hvs.k", "lease_duration": 2, "renewable": true}});
    let short = ResponseTemplate::new(200).set_body_json(short);
    answer(&server, "POST", LOGIN, short).await;
    answer(&server, "POST", at, logged_in("hvs.k")).await;
    let vault = kubernetes(&server);
    vault.cluster_id().await.unwrap();
    let renewed = async {
        while sent(&server, at).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), renewed)
        .await
        .unwrap();
    let got = sent(&server, at).await;
    assert_eq!(header(&got[0], "x-vault-token").as_deref(), Some("hvs.k"));
}

#[tokio::test]
async fn another_mount_of_the_method() {
    let server = server().await;
    answer(
        &server,
        "POST",
        "/v1/auth/k8s/prod/login",
        logged_in("hvs.k"),
    )
    .await;
    let mut login = KubernetesLogin::new("leasehold", Arc::new(Jwt));
    login.mount_path = "/auth/k8s/prod/".into();
    let vault = HttpVault::new(Connection::new(server.uri()), Arc::new(login)).unwrap();
    assert_eq!(vault.cluster_id().await.unwrap(), "c-1".into());
}

#[tokio::test]
async fn a_given_token_is_looked_up() {
    let server = server().await;
    answer(
        &server,
        "GET",
        SELF,
        data(&json!({"accessor": "a", "ttl": 0, "expire_time": null,
        "renewable": false, "orphan": true, "policies": ["root"], "id": TOKEN})),
    )
    .await;
    answer(&server, "GET", READ, errors(404, &[])).await;
    // The line end that a Secret's file often has.
    let vault = with_token(&server, &format!("{TOKEN}\n"));
    assert_eq!(vault.root_config(&"aws".into()).await.unwrap(), None);
    let got = sent(&server, SELF).await;
    assert_eq!(header(&got[0], "x-vault-token").as_deref(), Some(TOKEN));
    assert_eq!(vault.logins(), 1);
}

#[tokio::test]
async fn a_given_token_that_vault_does_not_know() {
    let server = server().await;
    answer(&server, "GET", SELF, errors(403, &["permission denied"])).await;
    let error = with_token(&server, TOKEN).cluster_id().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Login);
    assert!(
        error.says("the token in the login Secret is not valid in this Vault: permission denied")
    );
    shows_no_secret(&error);
}

#[tokio::test]
async fn a_given_token_that_is_none() {
    let server = server().await;
    for token in ["", " \n", "hvs.OPERATOR\nSECRET", "a b", "\u{7f}", "tökén"] {
        let error = with_token(&server, token).cluster_id().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Login, "{token:?}");
        shows_no_secret(&error);
    }
    assert!(sent(&server, SELF).await.is_empty());
}

#[tokio::test]
async fn nothing_of_a_vault_is_printed() {
    let server = server().await;
    answer(&server, "GET", SELF, data(&json!({"ttl": 0}))).await;
    let vault = with_token(&server, TOKEN);
    vault.cluster_id().await.unwrap();
    assert!(!format!("{vault:?}").contains("SECRET"));
    let login = TokenLogin::new(Redacted::new(TOKEN));
    assert!(!format!("{login:?}").contains("SECRET"));
}
