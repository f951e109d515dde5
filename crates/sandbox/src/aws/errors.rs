//! AWS's refusals, in AWS's words.

use std::borrow::Cow;
use std::fmt::Display;

/// What AWS says no with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Error {
    pub(super) status: u16,
    pub(super) code: Cow<'static, str>,
    pub(super) message: String,
}

impl Error {
    pub(super) fn new(
        status: u16,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
        }
    }

    /// An error named by its code alone, with the status and words AWS has for
    /// it.
    pub(super) fn named(code: &str) -> Self {
        let (status, message) = match code {
            "Throttling" | "ThrottlingException" => (400, "Rate exceeded"),
            "RequestLimitExceeded" => (503, "Request limit exceeded."),
            "InvalidClientTokenId" => (403, INVALID_TOKEN),
            "SignatureDoesNotMatch" => (403, SIGNATURE),
            "ExpiredToken" => (403, "The security token included in the request is expired"),
            "ServiceUnavailable" => (503, "Service is temporarily unavailable"),
            "InternalFailure" | "ServiceFailure" | "InternalError" => (
                500,
                "The request processing has failed because of an unknown error, exception or failure.",
            ),
            "NoSuchEntity" => (404, "The entity cannot be found."),
            "EntityAlreadyExists" => (409, "The entity already exists."),
            "LimitExceeded" => (409, "Cannot exceed quota."),
            "DeleteConflict" => (
                409,
                "Cannot delete entity, must remove what belongs to it first.",
            ),
            _ => (400, "The request was refused as the stand-in was told to."),
        };
        Self::new(status, code.to_owned(), message)
    }

    pub(super) fn invalid_token() -> Self {
        Self::named("InvalidClientTokenId")
    }

    pub(super) fn signature() -> Self {
        Self::named("SignatureDoesNotMatch")
    }

    pub(super) fn signature_because(message: impl Into<String>) -> Self {
        Self::new(403, "SignatureDoesNotMatch", message)
    }

    pub(super) fn access_denied(message: impl Into<String>) -> Self {
        Self::new(403, "AccessDenied", message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "NoSuchEntity", message)
    }

    /// `The user with name x cannot be found.`
    pub(super) fn no_such(kind: &str, name: &str) -> Self {
        Self::not_found(format!("The {kind} with name {name} cannot be found."))
    }

    pub(super) fn exists(message: impl Into<String>) -> Self {
        Self::new(409, "EntityAlreadyExists", message)
    }

    pub(super) fn conflict(what: &str) -> Self {
        let message = format!("Cannot delete entity, must {what} first.");
        Self::new(409, "DeleteConflict", message)
    }

    pub(super) fn limit(message: impl Into<String>) -> Self {
        Self::new(409, "LimitExceeded", message)
    }

    pub(super) fn quota(quota: &str, limit: impl Display) -> Self {
        Self::limit(format!("Cannot exceed quota for {quota}: {limit}"))
    }

    pub(super) fn malformed_policy(message: &str) -> Self {
        Self::new(400, "MalformedPolicyDocument", message)
    }

    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationError", message)
    }

    /// A parameter that breaks a constraint.
    pub(super) fn constraint(name: &str, value: &str, rule: &str) -> Self {
        let name = lower_first(name);
        Self::validation(format!(
            "1 validation error detected: Value '{value}' at '{name}' failed to satisfy \
             constraint: {rule}"
        ))
    }

    pub(super) fn missing(name: &str) -> Self {
        let name = lower_first(name);
        Self::validation(format!(
            "1 validation error detected: Value null at '{name}' failed to satisfy constraint: \
             Member must not be null"
        ))
    }

    pub(super) fn malformed_input(name: &str, kind: &str) -> Self {
        let message = format!("Value at '{}' is no {kind}", lower_first(name));
        Self::new(400, "MalformedInput", message)
    }
}

const INVALID_TOKEN: &str = "The security token included in the request is invalid.";
const SIGNATURE: &str = "The request signature we calculated does not match the signature you \
     provided. Check your AWS Secret Access Key and signing method. Consult the service \
     documentation for details.";

fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars
        .next()
        .map(|first| first.to_lowercase().chain(chars).collect())
        .unwrap_or_default()
}
