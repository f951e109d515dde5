//! When to try again after a failure: the one place that decides it.

use jiff::{SignedDuration, Timestamp};

use crate::{Failure, FailureClass, Next, names};

/// When to try again after `attempts` failed drives in a row (0: this is the first).
///
/// What passes by itself is tried again soon, what needs a person more slowly, but never only
/// when asked: nobody should have to delete and create again.
pub fn after(failure: &Failure, attempts: u32, now: Timestamp) -> Next {
    let (first, most) = match failure.class {
        FailureClass::Conflict | FailureClass::Unauthenticated | FailureClass::Transient => (1, 30),
        FailureClass::Denied => (5, 60),
        FailureClass::Invalid => (5, 300),
    };
    let seconds = (first << attempts.min(10)).min(most);
    Next::At(later(now, SignedDuration::from_secs(seconds)))
}

/// The earlier of two.
pub fn sooner(a: Next, b: Next) -> Next {
    match (a, b) {
        (Next::Again, _) | (_, Next::Again) => Next::Again,
        (Next::At(a), Next::At(b)) => Next::At(a.min(b)),
        (Next::At(t), Next::OnChange) | (Next::OnChange, Next::At(t)) => Next::At(t),
        (Next::OnChange, Next::OnChange) => Next::OnChange,
    }
}

/// So much later, or the end of time: what a status or Vault says may be absurd, and no decision
/// panics over it.
pub fn later(moment: Timestamp, by: SignedDuration) -> Timestamp {
    moment.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// When to compare an object with the world again: spread by its uid over the last quarter of the
/// interval, so that what was looked at together is not looked at together for ever.
pub fn resync(interval: SignedDuration, uid: &str, now: Timestamp) -> Next {
    let share = 0.75 + 0.25 * names::spread(uid);
    let wait = SignedDuration::try_from_secs_f64(interval.as_secs_f64() * share);
    at(later(now, wait.unwrap_or(interval)), now)
}

/// That moment, but 1 s to 1 h ahead.
pub fn at(moment: Timestamp, now: Timestamp) -> Next {
    let soonest = later(now, SignedDuration::from_secs(1));
    let latest = later(now, SignedDuration::from_hours(1));
    Next::At(moment.clamp(soonest, latest))
}
