//! The shape of every kind: observe, decide, act, absorb, say.

use std::fmt;

use jiff::Timestamp;

use crate::{Failure, Note};

/// When to look at an object again once the actions of a [`Plan`] are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Decide again at once, on the absorbed outcomes.
    Again,
    /// Nothing to do before this moment (1 s to 1 h ahead).
    At(Timestamp),
    /// Nothing to do until something changes.
    OnChange,
}

/// What to do next, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a plan does nothing until its actions are performed"]
pub struct Plan<A> {
    /// Performed in order; the first failure ends the plan.
    pub actions: Vec<A>,
    /// What comes after them.
    pub next: Next,
}

impl<A> Plan<A> {
    /// One action, then decide again.
    pub fn act(action: A) -> Self {
        Self {
            actions: vec![action],
            next: Next::Again,
        }
    }

    /// Several actions, then decide again.
    pub fn all(actions: Vec<A>) -> Self {
        Self {
            actions,
            next: Next::Again,
        }
    }

    /// Nothing to do now.
    pub fn rest(next: Next) -> Self {
        Self {
            actions: Vec::new(),
            next,
        }
    }
}

impl<A: fmt::Display> fmt::Display for Plan<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.actions.is_empty() {
            writeln!(f, "(nothing to do)")?;
        }
        for action in &self.actions {
            writeln!(f, "- {action}")?;
        }
        match self.next {
            Next::Again => write!(f, "then: decide again"),
            Next::At(t) => write!(f, "then: look again at {t}"),
            Next::OnChange => write!(f, "then: wait for a change"),
        }
    }
}

/// The decisions of one kind.
pub trait Machine: 'static {
    /// Everything a decision may rest on, failed looks included.
    type Observed: Clone + fmt::Debug + Send + Sync + 'static;
    /// One effect each. `Display` is for logs and `explain`: never a secret.
    type Action: Clone + fmt::Debug + fmt::Display + Send + Sync + 'static;
    /// What an action brought back.
    type Outcome: Clone + fmt::Debug + Send + 'static;
    /// What people see.
    type Status: Clone + fmt::Debug + PartialEq + Send + Sync + 'static;

    /// Decides the next actions. Pure and total: no clock, no I/O, no panic.
    fn decide(observed: &Self::Observed, now: Timestamp) -> Plan<Self::Action>;

    /// Folds the outcome of a performed action back into the observation.
    fn absorb(
        observed: &mut Self::Observed,
        action: &Self::Action,
        outcome: Result<Self::Outcome, Failure>,
        now: Timestamp,
    );

    /// The status this observation deserves; `None` once the object is let go (there is nothing
    /// left to write it on).
    fn status(observed: &Self::Observed, now: Timestamp) -> Option<Self::Status>;

    /// What the whole effect of an action is, if that is a status write: the driver writes the
    /// status as it stands after absorbing this outcome, with the resourceVersion last seen, and
    /// goes on only if that write succeeded.
    fn records(action: &Self::Action) -> Option<Self::Outcome>;

    /// Whether an action must never be performed twice (a creds read): at most one in a plan, last.
    fn unrepeatable(action: &Self::Action) -> bool;

    /// The failure that holds this object up, if any: the driver counts it for the backoff.
    fn failure(observed: &Self::Observed, now: Timestamp) -> Option<Failure>;

    /// Events to publish besides those of the Ready condition.
    fn notes(observed: &Self::Observed) -> &[Note];
}
