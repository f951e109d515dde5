//! The conditions every kind has: Ready, and Reconciling or Stalled as kstatus wants them.

use jiff::Timestamp;
use leasehold_api_types::{
    Condition,
    aws_access_key_request::{APPROVED, DENIED},
    condition::find,
    time,
};

use crate::{Failure, Note, NoteType, reasons};

/// What to say of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As the spec says.
    Ready {
        /// Reason of the Ready condition.
        reason: &'static str,
        /// Its message.
        message: String,
    },
    /// Being worked on, or waiting for something that comes by itself.
    Progressing {
        /// Reason of the Ready condition.
        reason: &'static str,
        /// Its message.
        message: String,
    },
    /// Waiting for a person's decision: no failure, and no event.
    Waiting {
        /// Reason of the Ready condition.
        reason: &'static str,
        /// Its message.
        message: String,
    },
    /// Failed; whether it passes by itself says the class.
    Failed(Failure),
}

impl Verdict {
    /// Ready.
    pub fn ready(reason: &'static str, message: impl Into<String>) -> Self {
        Self::Ready {
            reason,
            message: message.into(),
        }
    }
    /// Progressing.
    pub fn progressing(reason: &'static str, message: impl Into<String>) -> Self {
        Self::Progressing {
            reason,
            message: message.into(),
        }
    }
    /// Waiting for a person.
    pub fn waiting(reason: &'static str, message: impl Into<String>) -> Self {
        Self::Waiting {
            reason,
            message: message.into(),
        }
    }
}

/// The operator's conditions for that verdict. A condition that says the same as before keeps its
/// time; `Approved` and `Denied` are a person's and never among them.
pub fn of(
    verdict: &Verdict,
    extra: Vec<(&'static str, &'static str, String)>,
    previous: &[Condition],
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    let (status, reason, message, second) = match verdict {
        Verdict::Ready { reason, message } => ("True", *reason, message.clone(), None),
        Verdict::Progressing { reason, message } => (
            "False",
            *reason,
            message.clone(),
            Some(reasons::RECONCILING),
        ),
        Verdict::Waiting { reason, message } => ("False", *reason, message.clone(), None),
        Verdict::Failed(f) => {
            let second = if f.needs_a_person() {
                reasons::STALLED
            } else {
                reasons::RECONCILING
            };
            ("False", f.reason, f.message.clone(), Some(second))
        }
    };
    let mut all = vec![(reasons::READY, status, reason, message.clone())];
    all.extend(second.map(|type_| (type_, "True", reason, message)));
    all.extend(
        extra
            .into_iter()
            .map(|(type_, reason, message)| (type_, "True", reason, message)),
    );
    all.into_iter()
        .map(|(type_, status, reason, message)| {
            let mut condition = Condition {
                type_: type_.into(),
                status: Some(status.into()),
                reason: Some(reason.into()),
                message: Some(message),
                last_transition_time: Some(time(now)),
                last_update_time: None,
                observed_generation: Some(generation),
            };
            if let Some(before) = find(previous, type_)
                && before.status == condition.status
                && before.last_transition_time.is_some()
            {
                condition
                    .last_transition_time
                    .clone_from(&before.last_transition_time);
            }
            condition
        })
        .collect()
}

/// Conditions that are the operator's: those it may compare and write.
pub fn ours(conditions: &[Condition]) -> Vec<Condition> {
    conditions
        .iter()
        .filter(|c| c.type_ != APPROVED && c.type_ != DENIED)
        .cloned()
        .collect()
}

/// The event that the Ready condition's change is worth, if any: one per outcome, none per step.
pub fn event(before: &[Condition], after: &[Condition]) -> Option<Note> {
    let ready = find(after, reasons::READY)?;
    let same = find(before, reasons::READY)
        .is_some_and(|b| b.reason == ready.reason && b.status == ready.status);
    if same {
        return None;
    }
    let reason = known_reason(ready.reason.as_deref()?)?;
    let message = ready.message.clone().unwrap_or_default();
    let failed = [reasons::STALLED, reasons::RECONCILING]
        .iter()
        .any(|t| find(after, t).is_some_and(|c| c.reason == ready.reason));
    match (ready.is_true(), failed) {
        (true, _) => Some(Note::normal(reason, message)),
        (false, true) if !PASSING.contains(&reason) => Some(Note {
            type_: NoteType::Warning,
            ..Note::normal(reason, message)
        }),
        (false, _) => None,
    }
}

/// On the way of every object: no outcome, so no event.
const PASSING: [&str; 3] = [
    reasons::PROGRESSING,
    reasons::DELETING,
    reasons::REVOCATION_PENDING,
];

// Events carry `&'static str` reasons so that no text from outside becomes one.
fn known_reason(reason: &str) -> Option<&'static str> {
    reasons::ALL.iter().find(|r| **r == reason).copied()
}
