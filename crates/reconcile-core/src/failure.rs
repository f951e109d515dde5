//! Failures as a state of the world, in the core's own words.

use std::fmt;

/// What may be done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FailureClass {
    /// Try again later: network, 429, 5xx, sealed, standby.
    Transient,
    /// Log in again, then try again.
    Unauthenticated,
    /// Vault, AWS or the API server says no: a person must act, perhaps elsewhere.
    Denied,
    /// It can never succeed as written: a person must change something.
    Invalid,
    /// Somebody else got there first: observe again.
    Conflict,
}

/// A failed look or action.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Failure {
    /// What may be done about it.
    pub class: FailureClass,
    /// The condition's reason, one of [`crate::reasons`].
    pub reason: &'static str,
    /// What, where and what to do; Vault's or AWS's own words kept.
    pub message: String,
}

impl Failure {
    /// A failure.
    pub fn new(class: FailureClass, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            class,
            reason,
            message: message.into(),
        }
    }

    /// One that a person must mend where it is written.
    pub fn invalid(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(FailureClass::Invalid, reason, message)
    }

    /// One that passes.
    pub fn transient(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(FailureClass::Transient, reason, message)
    }

    /// Whether a person must act.
    pub fn needs_a_person(&self) -> bool {
        matches!(self.class, FailureClass::Denied | FailureClass::Invalid)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.message)
    }
}
