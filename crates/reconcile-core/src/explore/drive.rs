//! The driver, one step at a time.

use std::fmt::Write as _;

use super::{Digest, Fate, World};
use crate::{Failure, FailureClass, Machine, Next, Plan, explain::MAX_ROUNDS};

/// A replica in the midst of a drive.
pub(super) struct Drive<W: World> {
    observed: <W::Machine as Machine>::Observed,
    plan: Plan<<W::Machine as Machine>::Action>,
    done: usize,
    round: usize,
    stale: bool,
}

/// What comes next in a drive.
pub(super) enum Due<W: World> {
    Action(<W::Machine as Machine>::Action),
    Status(<W::Machine as Machine>::Status),
}

impl<W: World> Clone for Drive<W> {
    fn clone(&self) -> Self {
        Self {
            observed: self.observed.clone(),
            plan: self.plan.clone(),
            done: self.done,
            round: self.round,
            stale: self.stale,
        }
    }
}

impl<W: World> Drive<W> {
    /// Observes and decides; `None` when there is nothing to do at all.
    pub(super) fn begin(world: &mut W, replica: usize) -> Result<Option<Self>, String> {
        let Some(observed) = world.observe(replica) else {
            return Ok(None);
        };
        let plan = W::Machine::decide(&observed, world.now(replica));
        Self {
            observed,
            plan,
            done: 0,
            round: 1,
            stale: false,
        }
        .go_on(world, replica)
    }

    /// What this drive does next.
    pub(super) fn due(&self, world: &W, replica: usize) -> Option<Due<W>> {
        match self.plan.actions.get(self.done) {
            Some(action) => Some(Due::Action(action.clone())),
            None => W::Machine::status(&self.observed, world.now(replica)).map(Due::Status),
        }
    }

    /// Takes that step. `None`: the drive is over.
    pub(super) fn step(
        mut self,
        world: &mut W,
        replica: usize,
        due: &Due<W>,
        fate: Fate,
    ) -> Result<Option<Self>, String> {
        let action = match due {
            Due::Status(status) => {
                let _ = world.write_status(replica, status, fate);
                world.rest(replica, self.plan.next);
                return Ok(None);
            }
            Due::Action(action) => action,
        };
        let outcome = match W::Machine::records(action) {
            Some(outcome) => self.record(world, replica, action, outcome, fate),
            None => world.perform(replica, action, fate),
        };
        let failed = outcome.is_err();
        self.stale |= matches!(&outcome, Err(f) if f.class == FailureClass::Conflict);
        W::Machine::absorb(&mut self.observed, action, outcome, world.now(replica));
        world.remember(replica, &self.observed);
        self.done += 1;
        if failed || W::Machine::failure(&self.observed, world.now(replica)).is_some() {
            self.done = self.plan.actions.len();
        }
        self.go_on(world, replica)
    }

    fn record(
        &self,
        world: &mut W,
        replica: usize,
        action: &<W::Machine as Machine>::Action,
        outcome: <W::Machine as Machine>::Outcome,
        fate: Fate,
    ) -> Result<<W::Machine as Machine>::Outcome, Failure> {
        let now = world.now(replica);
        let mut after = self.observed.clone();
        W::Machine::absorb(&mut after, action, Ok(outcome.clone()), now);
        if let Some(status) = W::Machine::status(&after, now) {
            world.write_status(replica, &status, fate)?;
        }
        Ok(outcome)
    }

    /// Decides again until there is something to do, or it is time to rest.
    fn go_on(mut self, world: &mut W, replica: usize) -> Result<Option<Self>, String> {
        loop {
            if self.done < self.plan.actions.len() {
                return Ok(Some(self));
            }
            if self.plan.next != Next::Again || self.stale {
                break;
            }
            if self.round >= MAX_ROUNDS {
                return Err(format!("a drive goes on after {MAX_ROUNDS} rounds"));
            }
            self.round += 1;
            self.plan = W::Machine::decide(&self.observed, world.now(replica));
            self.done = 0;
        }
        let news = W::Machine::status(&self.observed, world.now(replica))
            .is_some_and(|status| world.is_news(replica, &status));
        if news && !self.stale {
            return Ok(Some(self));
        }
        world.rest(replica, self.plan.next);
        Ok(None)
    }

    pub(super) fn digest(&self, world: &W, digest: &mut Digest) {
        world.digest_observed(&self.observed, digest);
        digest.number(i64::from(self.stale));
        for action in &self.plan.actions[self.done..] {
            let _ = write!(digest, "{action}");
        }
    }
}

/// A whole drive without faults.
///
/// # Errors
/// When it does not come to rest.
pub fn drive<W: World>(world: &mut W, replica: usize) -> Result<(), String> {
    let mut drive = Drive::begin(world, replica)?;
    while let Some(present) = drive {
        let Some(due) = present.due(world, replica) else {
            break;
        };
        drive = present.step(world, replica, &due, Fate::Done)?;
    }
    Ok(())
}
