//! What to do next for a request.

use jiff::Timestamp;

use super::{Action, Approval, Observed, approval, end, issue};
use crate::{Failure, Next, Plan, backoff};

pub(super) fn decide(o: &Observed, now: Timestamp) -> Plan<Action> {
    if let Some(failure) = &o.failure {
        return Plan::rest(backoff::after(failure, o.attempts, now));
    }
    if o.object.deleting.is_some() {
        return end::delete(o, now);
    }
    match judged(o) {
        Approval::Denied => end::deny(o, now),
        Approval::Pending | Approval::Stale { .. } => Plan::rest(Next::OnChange),
        Approval::Approved if !o.object.finalizer => Plan::act(Action::AddFinalizer),
        Approval::Approved => keep(o, now),
    }
}

/// What people have said, as far as it was not judged before.
pub(super) fn judged(o: &Observed) -> Approval {
    approval(
        &o.previous.conditions,
        o.object.generation,
        o.state.approved_generation,
    )
}

/// An approved request: issue what is missing, end what has retired.
fn keep(o: &Observed, now: Timestamp) -> Plan<Action> {
    // Former keys first: what hinders their end must not hinder the next issue, nor the reverse.
    let ending = end::retire(o, now);
    if !ending.actions.is_empty() {
        return ending;
    }
    let issuing = issue::issue(o, now);
    if !issuing.actions.is_empty() {
        return issuing;
    }
    let look = backoff::resync(o.settings.resync, &o.object.uid, now);
    Plan::rest(backoff::sooner(
        look,
        backoff::sooner(ending.next, issuing.next),
    ))
}

/// What holds the request up, if something does: never while there is something to do.
pub(super) fn failure(o: &Observed, now: Timestamp) -> Option<Failure> {
    if o.failure.is_some() {
        return o.failure.clone();
    }
    let gone = o.object.deleting.is_some() && !o.object.finalizer;
    if gone || !decide(o, now).actions.is_empty() {
        return None;
    }
    if o.object.deleting.is_some() {
        return end::stuck(o, now);
    }
    match judged(o) {
        Approval::Denied => end::stuck(o, now),
        Approval::Approved => issue::trouble(o, now).or_else(|| end::stuck_retiring(o, now)),
        Approval::Pending | Approval::Stale { .. } => None,
    }
}
