//! A Vault that answers what it is told, and a login that is always there.

use std::error::Error as _;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use leasehold_vault_client::login::{Login, LoginToken, RawVault};
use leasehold_vault_client::{
    Connection, HttpVault, IssueRequest, KeeperRequest, Redacted, Result, VaultError,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

pub(crate) const TOKEN: &str = "hvs.OPERATORSECRET";
pub(crate) const KEEPER: &str = "hvs.KEEPERSECRET";

/// Gives `TOKEN`, then `TOKEN2`, … without asking anybody.
pub(crate) struct Given(AtomicUsize);

impl Given {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(0)))
    }
}

#[async_trait]
impl Login for Given {
    async fn login(&self, _: &RawVault) -> Result<LoginToken> {
        let n = self.0.fetch_add(1, Ordering::SeqCst) + 1;
        let token = if n == 1 {
            TOKEN.to_owned()
        } else {
            format!("{TOKEN}{n}")
        };
        Ok(LoginToken {
            token: Redacted::new(token),
            ttl: Some(Duration::from_secs(3600)),
            renewable: true,
            accessor: "acc".into(),
        })
    }
}

/// A server that is healthy, and answers nothing else yet.
pub(crate) async fn server() -> MockServer {
    let server = MockServer::start().await;
    health(&server, 200, &healthy()).await;
    server
}

pub(crate) fn healthy() -> Value {
    json!({"initialized": true, "sealed": false, "standby": false, "cluster_id": "c-1",
        "version": "1.21.0", "replication_dr_mode": "disabled", "new_key": {}})
}

pub(crate) async fn health(server: &MockServer, status: u16, body: &Value) {
    answer(
        server,
        "GET",
        "/v1/sys/health",
        ResponseTemplate::new(status).set_body_json(body),
    )
    .await;
}

pub(crate) async fn answer(server: &MockServer, verb: &str, at: &str, template: ResponseTemplate) {
    Mock::given(method(verb))
        .and(path(at))
        .respond_with(template)
        .with_priority(5)
        .mount(server)
        .await;
}

pub(crate) fn errors(status: u16, words: &[&str]) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({ "errors": words }))
}

/// An answer whose retry costs no time.
pub(crate) fn errors_now(status: u16, words: &[&str]) -> ResponseTemplate {
    errors(status, words).insert_header("Retry-After", "0")
}

pub(crate) fn data(data: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(envelope(data))
}

pub(crate) fn envelope(data: &Value) -> Value {
    json!({"request_id": "r", "lease_id": "", "renewable": false, "lease_duration": 0, "data": data,
        "wrap_info": null, "warnings": null, "auth": null, "mount_type": "aws"})
}

/// `config/root` once more: a read that may be repeated.
pub(crate) const READ: &str = "/v1/aws/config/root";
pub(crate) const CREDS: &str = "/v1/aws/creds/r";

pub(crate) fn creds() -> Value {
    json!({"request_id": "r", "lease_id": "aws/creds/r/abc", "renewable": true,
        "lease_duration": 3600, "warnings": null, "data": {"access_key": "AKIAX",
        "secret_key": "SUPERSECRET", "session_token": null}})
}

pub(crate) fn vault(server: &MockServer) -> HttpVault {
    at(Connection::new(server.uri()))
}

pub(crate) fn at(connection: Connection) -> HttpVault {
    HttpVault::new(connection, Given::new()).unwrap()
}

pub(crate) fn issue() -> IssueRequest {
    IssueRequest {
        mount: "aws".into(),
        role: "r".into(),
        use_sts: false,
        role_arn: None,
        ttl: None,
    }
}

pub(crate) fn keeper() -> Redacted {
    Redacted::new(KEEPER)
}

pub(crate) fn keeper_request() -> KeeperRequest {
    KeeperRequest {
        policy: "leasehold-keeper".into(),
        ttl: Duration::from_secs(4200),
        display_name: "demo-app".into(),
        meta: [("uid".to_owned(), "u-1".to_owned())].into(),
        token_role: None,
    }
}

/// The requests that went to `at`.
pub(crate) async fn sent(server: &MockServer, at: &str) -> Vec<Request> {
    let all = server.received_requests().await.unwrap();
    all.into_iter().filter(|r| r.url.path() == at).collect()
}

pub(crate) fn header(request: &Request, name: &str) -> Option<String> {
    request
        .headers
        .get(name)
        .map(|v| v.to_str().unwrap().to_owned())
}

/// The body that went to `at` last.
pub(crate) async fn last_body(server: &MockServer, at: &str) -> Value {
    sent(server, at).await.last().unwrap().body_json().unwrap()
}

/// All that a log line of this error could show.
pub(crate) fn shown(error: &VaultError) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(below) = source {
        write!(text, " {below} {below:?}").unwrap();
        source = below.source();
    }
    text
}

pub(crate) fn shows_no_secret(error: &VaultError) {
    let shown = shown(error);
    for secret in ["SUPERSECRET", "OPERATORSECRET", "KEEPERSECRET", "JWTSECRET"] {
        assert!(!shown.contains(secret), "{secret} is in: {shown}");
    }
}

/// A server that answers every request with these bytes and closes; counts the requests.
pub(crate) async fn rude(answer: Vec<u8>) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let (answer, counted) = (answer.clone(), Arc::clone(&counted));
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !request.windows(4).any(|w| w == b"\r\n\r\n") {
                    match socket.read_buf(&mut request).await {
                        Ok(n) if n > 0 => {}
                        _ => return,
                    }
                }
                if request.starts_with(b"GET /v1/sys/health ") {
                    let body = healthy().to_string();
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                        body.len()
                    );
                    let _ = socket.write_all((head + &body).as_bytes()).await;
                    return;
                }
                counted.fetch_add(1, Ordering::SeqCst);
                let _ = socket.write_all(&answer).await;
            });
        }
    });
    (address, count)
}
