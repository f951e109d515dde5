//! Who may get a key.

use leasehold_api_types::{
    Condition,
    aws_access_key_request::{APPROVED, DENIED},
    condition::find,
};

/// What people have said about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Approval {
    /// Nothing yet.
    Pending,
    /// Yes, to this very spec.
    Approved,
    /// Yes, but to another spec, which is no yes.
    Stale {
        /// The generation that was approved.
        approved: i64,
    },
    /// No. It is final, also after a yes.
    Denied,
}

/// Reads the conditions. Their type alone is enough (KubeVault of 2020 wrote no status). An
/// approval is judged once, before the first issue: `judged` is the generation recorded then.
pub fn approval(conditions: &[Condition], generation: i64, judged: Option<i64>) -> Approval {
    if find(conditions, DENIED).is_some_and(Condition::is_true) {
        return Approval::Denied;
    }
    let Some(approved) = find(conditions, APPROVED).filter(|c| c.is_true()) else {
        return Approval::Pending;
    };
    if judged.is_some() {
        return Approval::Approved;
    }
    match approved.observed_generation {
        Some(approved) if approved != generation => Approval::Stale { approved },
        Some(_) | None => Approval::Approved,
    }
}
