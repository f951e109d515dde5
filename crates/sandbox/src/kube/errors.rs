//! The API server's refusals, in its words.

use serde_json::{Map, Value, json};

use super::schema::Cause;
use crate::wire::Response;

/// A `Status` that says no.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) code: u16,
    /// Empty where the server knows no reason.
    reason: &'static str,
    pub(super) message: String,
    details: Option<Value>,
    /// For the few paths that answer with text instead of a `Status`.
    is_plain: bool,
    /// With which a list can be gone on with.
    next: Option<String>,
}

/// What an error is about: a resource, or a kind, with its group.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) group: &'a str,
    /// `secrets` or `Secret`, depending on the error.
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
}

impl About<'_> {
    /// `deployments.apps`, or `secrets` in the core group.
    pub(super) fn qualified(&self) -> String {
        if self.group.is_empty() {
            return self.kind.to_owned();
        }
        format!("{}.{}", self.kind, self.group)
    }

    fn details(&self) -> Map<String, Value> {
        let mut details = Map::new();
        for (key, value) in [
            ("name", self.name),
            ("group", self.group),
            ("kind", self.kind),
        ] {
            if !value.is_empty() {
                details.insert(key.to_owned(), value.into());
            }
        }
        details
    }
}

impl Failure {
    pub(super) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: None,
            is_plain: false,
            next: None,
        }
    }

    fn about(mut self, about: &About<'_>) -> Self {
        self.details = Some(Value::Object(about.details()));
        self
    }

    fn with_details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "", message)
    }

    /// `secrets "x" is forbidden: …`
    pub(super) fn forbidden(about: &About<'_>, why: &str) -> Self {
        let what = about.qualified();
        let message = match (what.is_empty(), about.name.is_empty()) {
            (true, _) => format!("forbidden: {why}"),
            (_, true) => format!("{what} is forbidden: {why}"),
            _ => format!("{what} \"{}\" is forbidden: {why}", about.name),
        };
        Self::new(403, "Forbidden", message).about(about)
    }

    /// As [`Self::forbidden`], with a cause clients look for.
    pub(super) fn forbidden_because(about: &About<'_>, why: &str, causes: Value) -> Self {
        let mut failure = Self::forbidden(about, why);
        if let Some(Value::Object(details)) = &mut failure.details {
            details.insert("causes".to_owned(), causes);
        }
        failure
    }

    pub(super) fn not_found(about: &About<'_>) -> Self {
        let message = format!("{} \"{}\" not found", about.qualified(), about.name);
        Self::new(404, "NotFound", message).about(about)
    }

    pub(super) fn unknown_resource() -> Self {
        let message = "the server could not find the requested resource";
        Self::new(404, "NotFound", message).with_details(json!({}))
    }

    pub(super) fn unknown_path() -> Self {
        Self {
            is_plain: true,
            ..Self::new(404, "NotFound", "404 page not found\n")
        }
    }

    pub(super) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, "MethodNotAllowed", message).with_details(json!({}))
    }

    pub(super) fn not_acceptable() -> Self {
        let message = "406: Not Acceptable\n\nAvailable representations: application/json, \
             application/yaml, application/vnd.kubernetes.protobuf, application/json;stream=watch, \
             application/vnd.kubernetes.protobuf;stream=watch";
        Self::new(406, "NotAcceptable", message).with_details(json!({}))
    }

    pub(super) fn already_exists(about: &About<'_>) -> Self {
        let message = format!("{} \"{}\" already exists", about.qualified(), about.name);
        Self::new(409, "AlreadyExists", message).about(about)
    }

    pub(super) fn conflict(about: &About<'_>, why: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{}\": {why}",
            about.qualified(),
            about.name
        );
        Self::new(409, "Conflict", message).about(about)
    }

    /// An update of what somebody else has updated.
    pub(super) fn modified(about: &About<'_>) -> Self {
        Self::conflict(
            about,
            "the object has been modified; please apply your changes to the latest version and \
             try again",
        )
    }

    /// Fields that other managers own: who, as the message has it, and which.
    pub(super) fn apply_conflict(message: String, conflicts: &[(String, String)]) -> Self {
        let causes: Vec<Value> = conflicts
            .iter()
            .map(|(who, field)| {
                json!({"reason": "FieldManagerConflict", "message": who, "field": field})
            })
            .collect();
        Self::new(409, "Conflict", message).with_details(json!({"causes": causes}))
    }

    pub(super) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// Says how a list can be gone on with nevertheless.
    pub(super) fn with_continue(mut self, token: String) -> Self {
        self.next = Some(token);
        self
    }

    pub(super) fn too_large() -> Self {
        let message = format!("Request entity too large: limit is {}", super::body::LIMIT);
        Self::new(413, "RequestEntityTooLarge", message)
    }

    pub(super) fn unknown_format() -> Self {
        let message = "the body of the request was in an unknown format - accepted media types \
             include: application/json, application/yaml, application/vnd.kubernetes.protobuf";
        Self::new(415, "UnsupportedMediaType", message)
    }

    /// A patch that custom resources do not take.
    pub(super) fn no_patch_of_custom() -> Self {
        let message = "the body of the request was in an unknown format - accepted media types \
             include: application/json-patch+json, application/merge-patch+json, \
             application/apply-patch+yaml";
        Self::new(415, "UnsupportedMediaType", message)
    }

    pub(super) fn unknown_patch() -> Self {
        let message = "415: Unsupported Media Type";
        Self::new(415, "UnsupportedMediaType", message).with_details(json!({}))
    }

    /// A JSON patch that does not fit the object: the server does not say why.
    pub(super) fn patch_rejected() -> Self {
        let message = "the server rejected our request due to an error in our request";
        Self::new(422, "Invalid", message).with_details(json!({}))
    }

    pub(super) fn invalid(about: &About<'_>, causes: &[Cause]) -> Self {
        let why = Cause::message_of(causes);
        let message = format!("{} \"{}\" is invalid: {why}", about.qualified(), about.name);
        let mut failure = Self::new(422, "Invalid", message).about(about);
        if let Some(Value::Object(details)) = &mut failure.details {
            details.insert("causes".to_owned(), causes.iter().map(cause).collect());
        }
        failure
    }

    /// Options in the query that cannot be.
    pub(super) fn invalid_options(kind: &str, cause: Cause) -> Self {
        let about = About {
            group: "meta.k8s.io",
            kind,
            name: "",
        };
        Self::invalid(&about, &[cause])
    }

    /// A resourceVersion that has not been yet.
    pub(super) fn too_new(asked: u64, current: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
        Self::new(504, "Timeout", message).with_details(json!({
            "causes": [{
                "reason": "ResourceVersionTooLarge",
                "message": "Too large resource version"
            }],
            "retryAfterSeconds": 1
        }))
    }

    /// The answer a fault plan asks for: the server's own words unless it has some.
    pub(super) fn told(code: u16, message: Option<String>) -> Self {
        let (reason, words) = match code {
            400 => (
                "BadRequest",
                "the server rejected our request for an unknown reason",
            ),
            401 => ("Unauthorized", "Unauthorized"),
            403 => ("Forbidden", "forbidden"),
            404 => (
                "NotFound",
                "the server could not find the requested resource",
            ),
            405 => (
                "MethodNotAllowed",
                "the server does not allow this method on the requested resource",
            ),
            409 => (
                "Conflict",
                "the object has been modified; please apply your changes to the latest version \
                 and try again",
            ),
            410 => (
                "Expired",
                "The resourceVersion for the provided watch is too old.",
            ),
            422 => (
                "Invalid",
                "the server rejected our request due to an error in our request",
            ),
            429 => (
                "TooManyRequests",
                "the server has received too many requests and has asked us to try again later",
            ),
            503 => (
                "ServiceUnavailable",
                "the server is currently unable to handle the request",
            ),
            504 => (
                "Timeout",
                "the server was unable to return a response in the time allotted, but may still \
                 be processing the request",
            ),
            _ => (
                "InternalError",
                "an error on the server has prevented the request from succeeding",
            ),
        };
        Self::new(code, reason, message.unwrap_or_else(|| words.to_owned())).with_details(json!({}))
    }

    /// The `Status` object.
    pub(super) fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "code": self.code,
        });
        if !self.reason.is_empty() {
            status["reason"] = self.reason.into();
        }
        if let Some(next) = &self.next {
            status["metadata"]["continue"] = next.clone().into();
        }
        if let Some(details) = &self.details {
            status["details"] = details.clone();
        }
        status
    }

    pub(super) fn response(&self) -> Response {
        if self.is_plain {
            return Response::new(self.code, "text/plain; charset=utf-8", self.message.clone());
        }
        let mut response = Response::json(self.code, &self.status());
        let after = self
            .details
            .as_ref()
            .and_then(|details| details["retryAfterSeconds"].as_u64());
        if let Some(after) = after.or_else(|| (self.code == 429).then_some(1)) {
            response.headers.push(("Retry-After", after.to_string()));
        }
        response
    }
}

fn cause(cause: &Cause) -> Value {
    json!({"reason": cause.reason, "message": cause.message, "field": cause.field})
}

impl Cause {
    /// `Invalid` for a text.
    pub(super) fn refused(field: &str, value: &str, why: &str) -> Self {
        Self::invalid(field, &Value::from(value), why)
    }
}
