//! The stand-in on a port.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Aws, Cut, FaultPlan, Request, Response};

/// Where the stand-in's own calls are: `state`, `faults`, `clock` and
/// `root-policy`, answered on loopback only.
pub const ADMIN_PATH: &str = "/_stand_in/";

/// Larger than any request AWS would take.
const MAX_BODY: usize = 1 << 20;

/// A stand-in that a server and its tests share, and the clock it goes by.
#[derive(Debug, Clone)]
pub struct Shared(Arc<Mutex<(Aws, SignedDuration)>>);

impl Shared {
    /// Shares a stand-in that goes by the machine's clock.
    pub fn new(aws: Aws) -> Self {
        Self(Arc::new(Mutex::new((aws, SignedDuration::ZERO))))
    }

    /// Looks at the stand-in, or changes it, between two requests.
    pub fn with<T>(&self, act: impl FnOnce(&mut Aws) -> T) -> T {
        act(&mut self.lock().0)
    }

    /// The time the stand-in goes by.
    pub fn now(&self) -> Timestamp {
        clock(self.lock().1)
    }

    /// Sets how far the stand-in's clock is ahead of the machine's.
    pub fn set_clock_offset(&self, offset: SignedDuration) {
        self.lock().1 = offset;
    }

    fn lock(&self) -> MutexGuard<'_, (Aws, SignedDuration)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the stand-in at its present time.
    fn at<T>(&self, act: impl FnOnce(&mut Aws, Timestamp) -> T) -> T {
        let (aws, offset) = &mut *self.lock();
        act(aws, clock(*offset))
    }

    fn admin(&self, request: &Request) -> Response {
        let call = request.path.trim_start_matches(ADMIN_PATH);
        let body = || serde_json::from_slice::<Value>(&request.body).map_err(|e| e.to_string());
        let done = |result: Result<(), String>| match result {
            Ok(()) => (200, json!({})),
            Err(error) => (400, json!({ "error": error })),
        };
        let (status, value) = match (request.method.as_str(), call) {
            ("GET", "state") => (200, self.with(|aws| aws.state())),
            ("POST", "faults") => done(
                serde_json::from_slice::<FaultPlan>(&request.body)
                    .map(|plan| self.with(|aws| aws.set_faults(plan)))
                    .map_err(|error| error.to_string()),
            ),
            ("POST", "clock") => done(body().and_then(|body| {
                let offset = body["offset_seconds"].as_f64();
                let offset = offset.ok_or("offset_seconds is a number")?;
                let offset = SignedDuration::try_from_secs_f64(offset);
                self.set_clock_offset(offset.map_err(|error| error.to_string())?);
                Ok(())
            })),
            ("POST", "root-policy") => done(
                body().and_then(|body| self.with(|aws| aws.set_root_policy(&body.to_string()))),
            ),
            _ => (404, json!({"error": "state, faults, clock, root-policy"})),
        };
        Response::json(status, &value)
    }
}

#[expect(clippy::disallowed_methods, reason = "the face is where time comes in")]
fn clock(offset: SignedDuration) -> Timestamp {
    let now = Timestamp::now();
    now.checked_add(offset).unwrap_or(now)
}

/// Serves the stand-in until the future is dropped.
pub async fn serve(shared: Shared, listener: TcpListener) -> std::io::Result<Infallible> {
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            // Out of file descriptors: some will be given back.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let shared = shared.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| answer(&shared, peer, request));
            // Ends with an error whenever a client goes or a fault cuts.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// The connection is to be cut.
#[derive(Debug)]
struct IsCut;

impl std::fmt::Display for IsCut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut as the fault plan says")
    }
}

impl std::error::Error for IsCut {}

async fn answer(
    shared: &Shared,
    peer: SocketAddr,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, IsCut> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes().to_vec(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            let words = "Request Entity Too Large";
            return Ok(http(Response::new(413, "text/plain", words)));
        }
        Err(_) => return Err(IsCut),
    };
    let headers = head.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    let request = Request {
        method: head.method.as_str().to_owned(),
        path: head
            .uri
            .path_and_query()
            .map_or("/", |path| path.as_str())
            .to_owned(),
        headers: headers.collect(),
        body,
    };
    if request.path.starts_with(ADMIN_PATH) && peer.ip().is_loopback() {
        return Ok(http(shared.admin(&request)));
    }
    let fault = shared.at(|aws, now| aws.fault(&request, now));
    pause(fault.delay).await;
    if fault.cut == Some(Cut::Before) {
        return Err(IsCut);
    }
    let response = shared.at(|aws, now| aws.answer(&request, now, &fault));
    pause(fault.answer_delay).await;
    if fault.cut == Some(Cut::After) {
        return Err(IsCut);
    }
    Ok(http(response))
}

async fn pause(duration: std::time::Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}

fn http(response: Response) -> hyper::Response<Full<Bytes>> {
    let mut http = hyper::Response::new(Full::from(response.body));
    *http.status_mut() = hyper::StatusCode::from_u16(response.status)
        .unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = hyper::header::HeaderValue::from_static(response.content_type);
    http.headers_mut()
        .insert(hyper::header::CONTENT_TYPE, content_type);
    http
}
