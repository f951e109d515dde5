//! What a request says before Vault looks at it, and how an answer is written.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::call::{Auth, Error, Op, Reply};
use super::{go, json};
use crate::wire::{Request, Response};

/// A request, taken apart.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) op: Op,
    /// Without `/v1/`.
    pub(super) route: String,
    pub(super) data: Map<String, Value>,
    pub(super) token: String,
    pub(super) wrap: Option<SignedDuration>,
}

/// What stops a request before it is one.
#[derive(Debug)]
pub(super) enum Stop {
    Refused(Error),
    /// To the same path without its `//` and `..`.
    Elsewhere(String),
}

/// The path a request means, or where it should have gone.
pub(super) fn route(request: &Request) -> Result<String, Stop> {
    let path = decode(request.route(), false);
    let clean = clean(&path);
    if clean != path {
        return Err(Stop::Elsewhere(clean));
    }
    match path.strip_prefix("/v1/") {
        Some(route) => Ok(route.to_owned()),
        None if path == "/v1" => Err(Stop::Elsewhere("/v1/".to_owned())),
        None => Err(Stop::Refused(Error::silent(404))),
    }
}

impl Incoming {
    pub(super) fn of(request: &Request, mut route: String) -> Result<Self, Error> {
        let is_list = query(request)
            .iter()
            .any(|(name, value)| name == "list" && matches!(value.as_str(), "true" | "1" | "t"));
        let op = match request.method.as_str() {
            "GET" if is_list => Op::List,
            "GET" => Op::Read,
            "LIST" => Op::List,
            "POST" | "PUT" => Op::Update,
            "DELETE" => Op::Delete,
            "PATCH" => Op::Patch,
            _ => return Err(Error::silent(405)),
        };
        if op == Op::List && !route.ends_with('/') {
            route.push('/');
        }
        let data = match op {
            Op::Read | Op::List | Op::Delete => parameters(request),
            Op::Patch => patch(request)?,
            Op::Create | Op::Update => body(request)?,
        };
        Ok(Self {
            op,
            route,
            data,
            token: token(request),
            wrap: wrap(request)?,
        })
    }
}

/// The token a request comes with.
pub(super) fn token(request: &Request) -> String {
    let bearer = || {
        request
            .header_values("Authorization")
            .find_map(|value| value.strip_prefix("Bearer "))
    };
    request
        .header("X-Vault-Token")
        .filter(|token| !token.is_empty())
        .or_else(bearer)
        .unwrap_or_default()
        .trim()
        .to_owned()
}

fn wrap(request: &Request) -> Result<Option<SignedDuration>, Error> {
    let Some(text) = request.header("X-Vault-Wrap-TTL") else {
        return Ok(None);
    };
    let bad = |error: &str| Error::bad(format!("error parsing X-Vault-Wrap-TTL header: {error}"));
    let ttl = go::parse_duration(text).map_err(|error| bad(&error))?;
    if ttl.is_negative() {
        return Err(bad("requested wrap ttl cannot be negative"));
    }
    Ok((!ttl.is_zero()).then_some(ttl))
}

fn parameters(request: &Request) -> Map<String, Value> {
    let mut data = Map::new();
    for (name, value) in query(request) {
        if name != "list" && name != "help" {
            add(&mut data, name, value);
        }
    }
    data
}

fn add(data: &mut Map<String, Value>, name: String, value: String) {
    match data.get_mut(&name) {
        None => drop(data.insert(name, value.into())),
        Some(Value::Array(values)) => values.push(value.into()),
        Some(first) => *first = json!([first.take(), value]),
    }
}

fn body(request: &Request) -> Result<Map<String, Value>, Error> {
    let is_form = request
        .header("Content-Type")
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    if !is_form || matches!(request.body.trim_ascii_start().first(), Some(b'{' | b'[')) {
        return json::object(&request.body);
    }
    let mut data = Map::new();
    for (name, value) in pairs(&String::from_utf8_lossy(&request.body)) {
        add(&mut data, name, value);
    }
    Ok(data)
}

fn patch(request: &Request) -> Result<Map<String, Value>, Error> {
    const WANTED: &str = "application/merge-patch+json";
    match request.header("Content-Type") {
        None | Some("") => Err(Error::bad("mime: no media type")),
        Some(kind) if kind.split(';').next().map(str::trim) == Some(WANTED) => {
            json::object(&request.body)
        }
        Some(kind) => Err(Error::said(
            415,
            format!("PATCH requires Content-Type of {WANTED}, provided {kind}"),
        )),
    }
}

/// The decoded pairs of the query.
pub(super) fn query(request: &Request) -> Vec<(String, String)> {
    pairs(request.query())
}

/// The decoded pairs of a query or a form.
pub(super) fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| {
            (
                decode(name, true).into_owned(),
                decode(value, true).into_owned(),
            )
        })
        .collect()
}

/// Percent decoding.
pub(super) fn decode(text: &str, plus_is_space: bool) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let digit = |at: usize| {
        let digit = char::from(*bytes.get(at)?).to_digit(16)?;
        u8::try_from(digit).ok()
    };
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(high * 16 + low);
                at += 2;
            }
            (b'+', ..) if plus_is_space => decoded.push(b' '),
            _ => decoded.push(*byte),
        }
        at += 1;
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

/// A path as it should have been.
fn clean(path: &str) -> String {
    let needs = |path: &str| {
        path.contains("//")
            || path
                .split('/')
                .any(|segment| segment == "." || segment == "..")
    };
    if !needs(path) {
        return path.to_owned();
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    let end = if path.ends_with('/') && !segments.is_empty() {
        "/"
    } else {
        ""
    };
    format!("/{}{end}", segments.join("/"))
}

const JSON: &str = "application/json";

fn response(status: u16, content: &'static str, body: String) -> Response {
    let mut response = Response::new(status, content, body);
    response.headers = vec![
        ("Cache-Control", "no-store".to_owned()),
        (
            "Strict-Transport-Security",
            "max-age=31536000; includeSubDomains".to_owned(),
        ),
    ];
    response
}

/// An object without an envelope.
pub(super) fn plain(status: u16, body: &Value) -> Response {
    response(status, JSON, body.to_string())
}

pub(super) fn refusal(error: &Error) -> Response {
    plain(error.status, &json!({ "errors": error.lines() }))
}

pub(super) fn redirect(to: String) -> Response {
    let body = format!("<a href=\"{to}\">Temporary Redirect</a>.\n\n");
    let mut response = response(307, "text/html; charset=utf-8", body);
    response.headers.push(("Location", to));
    response
}

#[derive(Serialize)]
struct Envelope<'a> {
    request_id: &'a str,
    lease_id: &'a str,
    renewable: bool,
    lease_duration: i64,
    data: Option<&'a Map<String, Value>>,
    wrap_info: Option<&'a Value>,
    warnings: Option<&'a [String]>,
    auth: Option<Value>,
    mount_type: &'a str,
}

/// The envelope of a reply, as text.
pub(super) fn envelope(reply: &Reply, request_id: &str, mount_type: &str) -> String {
    let secret = reply.secret.as_ref();
    let envelope = Envelope {
        request_id,
        lease_id: secret.map_or("", |secret| &secret.lease_id),
        renewable: secret.is_some_and(|secret| secret.is_renewable),
        lease_duration: secret.map_or(0, |secret| secret.ttl.as_secs()),
        data: reply.data.as_ref(),
        wrap_info: None,
        warnings: (!reply.warnings.is_empty()).then_some(&reply.warnings),
        auth: reply.auth.as_deref().map(auth),
        mount_type: reply.mount_type.unwrap_or(mount_type),
    };
    text(&envelope)
}

/// The envelope of a reply that is not in it, but wrapped.
pub(super) fn wrapped(info: &Value, warnings: &[String]) -> String {
    text(&Envelope {
        request_id: "",
        lease_id: "",
        renewable: false,
        lease_duration: 0,
        data: None,
        wrap_info: Some(info),
        warnings: (!warnings.is_empty()).then_some(warnings),
        auth: None,
        mount_type: "",
    })
}

fn text(envelope: &Envelope<'_>) -> String {
    serde_json::to_string(envelope).unwrap_or_default()
}

/// The answer to a request that succeeded.
pub(super) fn reply(op: Op, reply: Option<Reply>, request_id: &str, mount_type: &str) -> Response {
    let Some(mut reply) = reply else {
        return match op {
            Op::Read | Op::List => refusal(&Error::silent(404)),
            _ => response(204, JSON, String::new()),
        };
    };
    let status = reply.status.unwrap_or(200);
    if let Some(body) = reply.body.take() {
        return response(status, JSON, body);
    }
    let body = envelope(&reply, request_id, mount_type);
    if !reply.is_flat {
        return response(status, JSON, body);
    }
    let mut all = reply.data.take().unwrap_or_default();
    if let Ok(Value::Object(envelope)) = serde_json::from_str(&body) {
        all.extend(envelope);
    }
    plain(status, &Value::Object(all))
}

fn auth(auth: &Auth) -> Value {
    json!({
        "client_token": auth.client_token,
        "accessor": auth.accessor,
        "policies": auth.policies,
        "token_policies": auth.policies,
        "metadata": auth.metadata,
        "lease_duration": auth.ttl.as_secs(),
        "renewable": auth.is_renewable,
        "entity_id": auth.entity_id,
        "token_type": if auth.is_batch { "batch" } else { "service" },
        "orphan": auth.is_orphan,
        "mfa_requirement": null,
        "num_uses": auth.num_uses,
    })
}

/// A time as Vault writes it.
pub(super) fn time(time: Timestamp) -> Value {
    go::time(time).into()
}
