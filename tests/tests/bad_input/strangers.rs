//! Servers that are no Vault.

use std::net::SocketAddr;

use anyhow::Result;
use axum::Router;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::Response;
use tokio::task::JoinHandle;

/// What answers at an address that is no Vault's.
#[derive(Clone, Copy)]
enum Answer {
    /// A login page of some proxy.
    Page,
    /// Ten million bytes.
    Much,
    /// JSON of something else.
    OtherJson,
}

/// Their addresses. They end when dropped.
pub(crate) struct Strangers {
    pub(crate) page: String,
    pub(crate) much: String,
    pub(crate) other_json: String,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Strangers {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

pub(crate) async fn start() -> Result<Strangers> {
    let (page, one) = serve(Answer::Page).await?;
    let (much, two) = serve(Answer::Much).await?;
    let (other_json, three) = serve(Answer::OtherJson).await?;
    Ok(Strangers {
        page,
        much,
        other_json,
        tasks: vec![one, two, three],
    })
}

async fn serve(answer: Answer) -> Result<(String, JoinHandle<()>)> {
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let router = Router::new().fallback(move || std::future::ready(response(answer)));
    let task = tokio::spawn(async move {
        let _ = axum::serve(listener, router).await;
    });
    Ok((url, task))
}

fn response(answer: Answer) -> Response {
    let (content_type, body) = match answer {
        Answer::Page => ("text/html", Body::from("<html>please log in</html>")),
        Answer::Much => (
            "application/json",
            Body::from(format!("{{\"data\": \"{}\"}}", "x".repeat(10_000_000))),
        ),
        Answer::OtherJson => ("application/json", Body::from(r#"{"data": [1, "two"]}"#)),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    let value = header::HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}
