//! What goes to stderr when something cannot be done, in kubectl's words.

use std::error::Error;
use std::fmt;
use std::io;

use kube::core::Status;

/// One message for stderr, prefix included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint(String);

impl Complaint {
    /// What this program found: `error: …`.
    pub fn new(text: impl fmt::Display) -> Self {
        Self(format!("error: {text}"))
    }

    /// What could not be done although the server answered, or why it did not.
    pub fn verbatim(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Complaint {}

impl From<kube::Error> for Complaint {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => of_status(&status),
            other => unreachable(&other),
        }
    }
}

fn of_status(status: &Status) -> Complaint {
    let details = status.details.as_ref();
    if status.code == 401 {
        return Complaint::new("You must be logged in to the server (Unauthorized)");
    }
    // Without a name it is the path that was not found.
    if status.code == 404 && details.is_none_or(|d| d.name.is_empty()) {
        return Complaint::new(
            "the server doesn't have a resource type \"awsaccesskeyrequests\": are Leasehold's custom resource definitions installed?",
        );
    }
    if let (true, Some(details)) = (status.is_invalid(), details) {
        let rest = status
            .message
            .split_once(" is invalid: ")
            .map_or("", |(_, rest)| rest);
        let (kind, name) = (&details.kind, &details.name);
        return Complaint(format!("The {kind} \"{name}\" is invalid: {rest}"));
    }
    if status.reason.is_empty() {
        return Complaint(format!("Error from server: {}", status.message));
    }
    Complaint(format!(
        "Error from server ({}): {}",
        status.reason, status.message
    ))
}

/// The innermost cause says most: the outer ones only say that it was a request.
fn unreachable(error: &kube::Error) -> Complaint {
    let mut cause: &(dyn Error + 'static) = error;
    let mut refused = false;
    loop {
        refused |= cause
            .downcast_ref::<io::Error>()
            .is_some_and(|e| e.kind() == io::ErrorKind::ConnectionRefused);
        match cause.source() {
            Some(inner) => cause = inner,
            None => break,
        }
    }
    match error {
        _ if refused => Complaint::verbatim(
            "The connection to the server was refused - did you specify the right host or port?",
        ),
        kube::Error::Service(_) | kube::Error::HyperError(_) => {
            Complaint(format!("Unable to connect to the server: {cause}"))
        }
        other => Complaint::new(other),
    }
}
