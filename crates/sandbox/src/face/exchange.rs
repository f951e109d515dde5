//! One request and its answer.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, DATE, EXPECT, HOST, HeaderName, HeaderValue};
use hyper::{Method, StatusCode, Version};
use tokio::sync::watch;

use super::body::{Said, Unread, whole};
use super::server::Limits;
use super::{Answer, Course, Served, Shared, admin};
use crate::faults::Cut;
use crate::wire::{Request, Response};

type HttpRequest = hyper::Request<Incoming>;
type HttpResponse = hyper::Response<Said>;

/// The connection is to be cut: nothing of an answer is sent.
#[derive(Debug)]
pub(super) struct IsCut;

impl std::fmt::Display for IsCut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut")
    }
}

impl std::error::Error for IsCut {}

/// One connection, as far as its exchanges need to know.
pub(super) struct Line<S: Served> {
    pub(super) shared: Shared<S>,
    pub(super) peer: SocketAddr,
    pub(super) limits: Limits,
    pub(super) stop: watch::Receiver<bool>,
}

impl<S: Served> Line<S> {
    /// An exchange over a connection.
    pub(super) async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, IsCut> {
        let _under_way = self.shared.begin();
        let request = match self.read(request).await {
            Ok(request) => request,
            Err(Refused::With(response)) => return Ok(self.last(response)),
            Err(Refused::Cut) => return Err(IsCut),
        };
        if request.path.starts_with(admin::ADMIN_PATH) && is_local(self.peer) {
            return Ok(self.http(admin::answer(&self.shared, &request)));
        }
        self.respond(request).await
    }

    /// The answer to a request that has been read, when it is due.
    pub(super) async fn respond(&self, request: Request) -> Result<HttpResponse, IsCut> {
        let (answer, delay) = self.perform(request).await?;
        pause(delay).await;
        Ok(match answer {
            Answer::Whole(response) => self.http(response),
            Answer::Late(response, late) => {
                pause(late).await;
                self.http(response)
            }
            Answer::Watch(watch, content_type) => {
                let said = Said::watch(self.shared.watching(watch), self.stop.clone());
                self.head(200, content_type, said)
            }
        })
    }

    /// The machine's answer, and how long to wait with it.
    async fn perform(&self, request: Request) -> Result<(Answer<S::Watch>, Duration), IsCut> {
        let begun = self.shared.at(|machine, now| {
            let fault = machine.fault(&request, now);
            let course = S::course(&fault);
            if !course.delay.is_zero() || course.cut == Some(Cut::Before) {
                return Err((fault, course));
            }
            Ok((machine.answer(&request, &fault, now), course))
        });
        let (answer, course) = match begun {
            Ok(answered) => answered,
            Err((fault, course)) => {
                let answered = later(self.shared.clone(), request, fault, course);
                // On its own: what a server has begun it ends, also if the client has gone.
                let answer = tokio::spawn(answered).await.ok().flatten();
                (answer.ok_or(IsCut)?, course)
            }
        };
        if course.cut == Some(Cut::After) {
            pause(course.answer_delay).await;
            return Err(IsCut);
        }
        Ok((answer, course.answer_delay))
    }

    async fn read(&self, request: HttpRequest) -> Result<Request, Refused> {
        let (head, body) = request.into_parts();
        let mut hosts = head.headers.get_all(HOST).iter();
        let host = hosts.next();
        if host.is_none() && head.version == Version::HTTP_11 {
            return Err(bad(": missing required Host header"));
        }
        if hosts.next().is_some() {
            return Err(bad(""));
        }
        if head.method == Method::OPTIONS && head.uri.path() == "*" {
            // About the server, not about anything in it: Go's answers that by itself.
            return Err(Refused::With(Response::new(200, "", "")));
        }
        let waits = head.headers.get(EXPECT).is_some();
        let body = whole(body, S::MAX_BODY, waits, self.limits.body_patience).await;
        let body = body.map_err(|error| match error {
            Unread::TooLarge => Refused::With(self.shared.with(|machine| machine.too_large())),
            Unread::Broken => bad(""),
            Unread::TooSlow => Refused::Cut,
        })?;
        // The target may name the host too, and goes before the header (RFC 9112, 3.2.2).
        let authority = head.uri.authority().map(|name| name.as_str().to_owned());
        let is_replaced = |name: &HeaderName| name == HOST && authority.is_some();
        let headers = head.headers.iter().filter(|(name, _)| !is_replaced(name));
        let headers = headers.map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        });
        let host = authority
            .iter()
            .map(|host| ("host".to_owned(), host.clone()));
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Request {
            method: head.method.as_str().to_owned(),
            path: path.to_owned(),
            headers: headers.chain(host).collect(),
            body,
        })
    }

    fn http(&self, response: Response) -> HttpResponse {
        let said = Said::Whole(response.body.into());
        let mut http = self.head(response.status, response.content_type, said);
        for (name, value) in response.headers {
            let name = HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
                http.headers_mut().append(name, value);
            }
        }
        http
    }

    /// An answer after which the connection ends: what follows of the request is not read.
    fn last(&self, response: Response) -> HttpResponse {
        let mut http = self.http(response);
        let close = HeaderValue::from_static("close");
        http.headers_mut().insert(CONNECTION, close);
        http
    }

    fn head(&self, status: u16, content_type: &'static str, said: Said) -> HttpResponse {
        let mut http = hyper::Response::new(said);
        *http.status_mut() =
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if !content_type.is_empty() {
            let value = HeaderValue::from_static(content_type);
            http.headers_mut().insert(CONTENT_TYPE, value);
        }
        // The server's clock, not the machine's: clients compare it with what they are given.
        let date = self.shared.now().strftime("%a, %d %b %Y %H:%M:%S GMT");
        if let Ok(date) = HeaderValue::from_str(&date.to_string()) {
            http.headers_mut().insert(DATE, date);
        }
        http
    }
}

/// Why a request does not reach the machine.
enum Refused {
    With(Response),
    Cut,
}

/// What Go's server says, which the real ones stand on.
fn bad(why: &str) -> Refused {
    let words = format!("400 Bad Request{why}");
    Refused::With(Response::new(400, "text/plain; charset=utf-8", words))
}

/// The answer of a machine to a request that a fault keeps from it for a while, or forever.
async fn later<S: Served>(
    shared: Shared<S>,
    request: Request,
    fault: S::Fault,
    course: Course,
) -> Option<Answer<S::Watch>> {
    pause(course.delay).await;
    if course.cut == Some(Cut::Before) {
        return None;
    }
    Some(shared.at(|machine, now| machine.answer(&request, &fault, now)))
}

fn is_local(peer: SocketAddr) -> bool {
    peer.ip().to_canonical().is_loopback()
}

async fn pause(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}
