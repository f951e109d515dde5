//! A proxy in front of a server: counts what passes, and can have somebody act before a request
//! reaches the server or after it was answered, before the answer is passed on.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use tokio::task::JoinHandle;

use crate::stand::Server;

/// A request that came by.
#[derive(Clone, Debug)]
pub struct Passing {
    /// Its method.
    pub method: Method,
    /// Its path, with the query.
    pub path: String,
    /// Its body, as text.
    pub body: String,
}

/// What is done to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It passes.
    Pass,
    /// The watcher acts, and it never reaches the server.
    ActBefore,
    /// It reaches the server, the watcher acts, and its answer is never passed on.
    ActAfter,
}

/// Looks at each request and says what is done to it.
pub trait Watcher: Send + Sync + 'static {
    /// What is done to this request.
    fn fate(&self, request: &Passing) -> Fate;
    /// What is done at the moment that [`Fate`] names.
    fn act(&self) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// Lets everything pass.
#[derive(Clone, Copy, Debug)]
pub struct Open;

impl Watcher for Open {
    fn fate(&self, _: &Passing) -> Fate {
        Fate::Pass
    }
    fn act(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(std::future::ready(()))
    }
}

/// A running proxy. It ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens: plain HTTP on loopback.
    pub url: String,
    seen: Arc<Mutex<Vec<Passing>>>,
    task: JoinHandle<()>,
}

struct Shared {
    target: String,
    client: reqwest::Client,
    seen: Arc<Mutex<Vec<Passing>>>,
    watcher: Arc<dyn Watcher>,
}

impl Proxy {
    /// A proxy to that server.
    pub async fn start(target: &Server, watcher: Arc<dyn Watcher>) -> Result<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = reqwest::Client::builder().no_proxy();
        if let Some(pem) = &target.ca_pem {
            let certificates = reqwest::Certificate::from_pem_bundle(pem.as_bytes())?;
            client = client.tls_certs_only(certificates);
        } else {
            client = client.tls_certs_only([]);
        }
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shared = Shared {
            target: target.url.trim_end_matches('/').to_owned(),
            client: client.build().context("a client")?,
            seen: Arc::clone(&seen),
            watcher,
        };
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new().fallback(pass).with_state(Arc::new(shared));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url, seen, task })
    }

    /// What came by so far.
    pub fn seen(&self) -> Vec<Passing> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Forgets what came by.
    pub fn forget(&self) {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, 16 << 20).await else {
        return cut();
    };
    let passing = Passing {
        method: parts.method.clone(),
        path: parts
            .uri
            .path_and_query()
            .map(ToString::to_string)
            .unwrap_or_default(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let fate = shared.watcher.fate(&passing);
    shared
        .seen
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(passing.clone());
    if fate == Fate::ActBefore {
        act(&shared).await;
        return cut();
    }
    let answer = forward(&shared, &passing, parts.headers, body).await;
    if fate == Fate::ActAfter {
        if let Ok(answer) = answer {
            // The server has answered whole before anybody acts.
            let _ = answer.bytes().await;
        }
        act(&shared).await;
        return cut();
    }
    answer.map_or_else(|_| cut(), relay)
}

/// In a task of its own: whoever dies of it closes the connection, which ends this handler.
async fn act(shared: &Shared) {
    let _ = tokio::spawn(shared.watcher.act()).await;
}

async fn forward(
    shared: &Shared,
    passing: &Passing,
    mut headers: HeaderMap,
    body: Bytes,
) -> reqwest::Result<reqwest::Response> {
    headers.remove(header::HOST);
    headers.remove(header::CONNECTION);
    headers.remove(header::TRANSFER_ENCODING);
    headers.remove(header::CONTENT_LENGTH);
    let url = format!("{}{}", shared.target, passing.path);
    shared
        .client
        .request(passing.method.clone(), url)
        .headers(headers)
        .body(body)
        .send()
        .await
}

fn relay(answer: reqwest::Response) -> Response {
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        if name != header::TRANSFER_ENCODING
            && name != header::CONNECTION
            && name != header::CONTENT_LENGTH
        {
            response = response.header(name, value);
        }
    }
    response
        .body(Body::from_stream(answer.bytes_stream()))
        .unwrap_or_else(|_| cut())
}

/// No answer that the server gave: the connection is closed with a body that never comes.
fn cut() -> Response {
    let mut response = Response::new(Body::from_stream(futures::stream::once(async {
        Err::<Bytes, _>(std::io::Error::other("cut"))
    })));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}
