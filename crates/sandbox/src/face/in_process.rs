//! A way in without a port.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{AUTHORIZATION, HOST};
use tower_service::Service;

use super::Served;
use super::body::Said;
use super::exchange::Line;
use crate::wire::Request;

type BoxError = Box<dyn Error + Send + Sync>;
type Answering = Pin<Box<dyn Future<Output = Result<Response, BoxError>> + Send>>;
type Response = hyper::Response<AnswerBody>;

/// A way to a server without its port: what a client of that port would be answered, faults,
/// delays and watches included; a connection that is cut is an error.
///
/// It is a `tower` service of HTTP requests, which `kube::Client::new` takes as it is. Nothing
/// leaves the process, and nothing waits for anything but tokio's timers. So it is what tests with
/// paused time need: between a client and a port, tokio would take bytes that are on their way for
/// rest, and let time jump.
#[derive(Clone)]
pub struct InProcess {
    ask: Arc<dyn Fn(Request) -> Answering + Send + Sync>,
    bearer: Option<Arc<str>>,
}

impl std::fmt::Debug for InProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InProcess").finish_non_exhaustive()
    }
}

impl InProcess {
    pub(super) fn new<S: Served>(line: Line<S>) -> Self {
        let line = Arc::new(line);
        let ask = move |request| -> Answering {
            let line = Arc::clone(&line);
            Box::pin(async move {
                if *line.stop.borrow() {
                    return Err("the server has ended".into());
                }
                let response = line.respond(request).await?;
                Ok(response.map(AnswerBody))
            })
        };
        Self {
            ask: Arc::new(ask),
            bearer: None,
        }
    }

    /// The same way for whoever has this token: it goes with each request that names none.
    pub fn with_bearer(self, token: &str) -> Self {
        Self {
            bearer: Some(token.into()),
            ..self
        }
    }
}

impl<B> Service<hyper::Request<B>> for InProcess
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = BoxError;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: hyper::Request<B>) -> Answering {
        let Self { ask, bearer } = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map_err(Into::into)?.to_bytes();
            let headers = head.headers.iter().map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value)
            });
            let mut headers: Vec<(String, String)> = headers.collect();
            if !head.headers.contains_key(HOST) {
                headers.push(("host".to_owned(), "sandbox".to_owned()));
            }
            if let Some(token) = bearer.filter(|_| !head.headers.contains_key(AUTHORIZATION)) {
                headers.push(("authorization".to_owned(), format!("Bearer {token}")));
            }
            let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
            ask(Request {
                method: head.method.as_str().to_owned(),
                path: path.to_owned(),
                headers,
                body: body.to_vec(),
            })
            .await
        })
    }
}

/// The body of an answer: all of it, or a watch that goes on.
pub struct AnswerBody(Said);

impl std::fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnswerBody").finish_non_exhaustive()
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.0).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
