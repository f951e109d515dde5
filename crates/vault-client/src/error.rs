//! The one error of this crate.

use std::fmt;
use std::time::Duration;

/// Result of a call to Vault.
pub type Result<T, E = VaultError> = std::result::Result<T, E>;

/// What kind of failure it was: what the caller may do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The token is unknown, expired or revoked: log in again.
    Unauthenticated,
    /// The token lives and its policies say no.
    Denied,
    /// The call can never succeed as it is (400); Vault's words say why.
    Invalid,
    /// No such thing in a mount that is there.
    NotFound,
    /// Nothing is mounted at that path.
    NoMount,
    /// Vault is sealed, not initialised, or no node is active.
    Sealed,
    /// Too many calls (429), or AWS throttles Vault (502).
    RateLimited,
    /// No connection: name, route, refused, reset.
    Unreachable,
    /// The certificate is not trusted, or is for another name.
    Tls,
    /// No answer in time. The call may still take effect.
    Timeout,
    /// The server answered, but not as a Vault does (5xx, garbage, too much).
    Unexpected,
    /// The login itself cannot be made: no Secret, no role, malformed token.
    Login,
}

/// A failed call: what was tried, where, and Vault's own words.
///
/// Never holds a token, a key or a response body that could hold one.
#[derive(Debug, thiserror::Error)]
pub struct VaultError {
    /// What kind of failure.
    pub kind: ErrorKind,
    /// The verb: `GET`, `POST`, `LIST`, `DELETE`, `login`.
    pub op: &'static str,
    /// The path below `/v1/`, or the address for connection failures.
    pub path: String,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// Vault's `errors`, word for word; or our own words where there was no answer.
    pub words: Vec<String>,
    /// `Retry-After`, if the answer had one.
    pub retry_after: Option<Duration>,
    /// The cause below, for logs that walk the chain.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl VaultError {
    /// A failure without an answer of Vault behind it.
    pub fn new(
        kind: ErrorKind,
        op: &'static str,
        path: impl Into<String>,
        words: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            op,
            path: path.into(),
            status: None,
            words: vec![words.into()],
            retry_after: None,
            source: None,
        }
    }

    /// Whether one of Vault's words contains `needle` (its texts vary in white space and prefix).
    pub fn says(&self, needle: &str) -> bool {
        self.words.iter().any(|w| w.contains(needle))
    }

    /// Whether Vault answered at all: then nothing of this call is still running there.
    pub fn answered(&self) -> bool {
        self.status.is_some()
    }
}

impl fmt::Display for VaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.op, self.path)?;
        if let Some(status) = self.status {
            write!(f, ": {status}")?;
        }
        let words: Vec<String> = self
            .words
            .iter()
            .map(|w| w.split_whitespace().collect::<Vec<_>>().join(" "))
            .filter(|w| !w.is_empty())
            .collect();
        if !words.is_empty() {
            write!(f, ": {}", words.join("; "))?;
        }
        Ok(())
    }
}
