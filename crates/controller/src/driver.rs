//! observe → (decide → act → absorb)* → status → requeue. The only reconcile function.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use kube::{
    Client, Resource, ResourceExt,
    runtime::{
        controller::Action as Requeue,
        reflector::{ObjectRef, Store},
    },
};
use leasehold_api_types::{Condition, MANAGER};
use leasehold_reconcile_core::{
    Machine, Next, Note, Timestamp, conditions, explain::MAX_ROUNDS, reasons,
};

use crate::clock::Clock;
use crate::cluster::{Events, Target};
use crate::failures;
use crate::hands::{ActionOf, Hands, HasConditions, ObservedOf, StatusOf};
use crate::lanes::{Lanes, Pass};
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::unreadable::Unreadable;

/// The operator itself cannot work on an object. Failures of the world are not among these: they
/// are a state of the object, and stand in its conditions.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// A namespaced kind without namespace or uid: not an object of an API server.
    #[error("object has no namespace, uid or resourceVersion")]
    NotAnObject,
    /// The status could not be written.
    #[error("could not write the status of {0}")]
    Status(String, #[source] Box<kube::Error>),
    /// The plan went on and on.
    #[error("the plan for {0} did not settle in {MAX_ROUNDS} rounds")]
    Unsettled(String),
    /// A bug; the other objects go on.
    #[error("panic while working on {0}: {1}")]
    Panic(String, String),
}

/// Everything a drive of one kind needs.
pub struct Context<H: Hands, C> {
    /// The API server.
    pub client: Client,
    /// The cache of the kind.
    pub store: Store<H::Object>,
    /// How the kind sees and touches the world.
    pub hands: H,
    /// What time it is.
    pub clock: C,
    /// What is kept between drives.
    pub memory: Memory,
    /// Who waits for which Vault.
    pub lanes: Lanes,
    /// Objects that cannot be decoded as they are now.
    pub unreadable: Arc<Unreadable>,
    /// Where events go.
    pub events: Events,
    /// What is counted.
    pub metrics: Metrics,
}

impl<H: Hands, C> std::fmt::Debug for Context<H, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

impl<H: Hands, C> Context<H, C> {
    /// The object of that uid is gone: nothing of it is kept.
    pub fn forget(&self, uid: &str) {
        self.memory.forget(uid);
        self.hands.forget(uid);
    }

    /// After a drive: its object may have gone while it ran, and what it noted after that nobody
    /// else would wipe.
    fn forget_if_gone(&self, object: &H::Object) {
        if self.cached(object).is_none() {
            self.forget(&object.uid().unwrap_or_default());
        }
    }

    /// The object as the cache has it now, if it is still the same one.
    fn cached(&self, object: &H::Object) -> Option<Arc<H::Object>> {
        let cached = self.store.get(&ObjectRef::from_obj(object))?;
        (cached.uid() == object.uid()).then_some(cached)
    }
}

/// When a drive is tried again that had to wait for others at the same slow Vault.
const LATER: Duration = Duration::from_secs(2);

/// Drives one object until it rests. A panic in it is an error of this object, not of the operator.
pub async fn drive<H: Hands, C: Clock>(
    object: Arc<H::Object>,
    context: Arc<Context<H, C>>,
) -> Result<Requeue, DriveError> {
    // Gone since this drive was due, with all that was remembered of it: a drive on what it was
    // would do the last steps once more.
    let Some(object) = context.cached(&object) else {
        return Ok(Requeue::await_change());
    };
    let uid = object.uid().unwrap_or_default();
    if context.unreadable.holds(&uid) {
        return Ok(Requeue::await_change());
    }
    let Some(pass) = context.lanes.enter(context.hands.asks(&object)) else {
        return Ok(Requeue::requeue(LATER));
    };
    context.memory.begin(&uid);
    let ended = AssertUnwindSafe(drive_once::<H, C>(&object, &context, &pass))
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| {
            context.metrics.panics.inc();
            let name = crate::stores::path(&*object);
            Err(DriveError::Panic(name, panic_words(&*panic)))
        });
    let again = context.memory.end(&uid);
    drop(pass);
    context.forget_if_gone(&object);
    match ended {
        Ok(_) if again => Ok(Requeue::requeue(Duration::ZERO)),
        ended => ended,
    }
}

/// After an error: again, more and more slowly.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature kube-runtime asks for"
)]
pub fn error_policy<H: Hands, C: Clock>(
    object: Arc<H::Object>,
    error: &DriveError,
    context: Arc<Context<H, C>>,
) -> Requeue {
    let attempts = context
        .memory
        .count(&object.uid().unwrap_or_default(), true);
    context.forget_if_gone(&object);
    let wait = Duration::from_secs((1 << attempts.min(6)).min(60));
    tracing::warn!(
        kind = %H::Object::kind(&()),
        object = crate::stores::path(&*object),
        error = error as &dyn std::error::Error,
        "drive failed"
    );
    Requeue::requeue(wait)
}

async fn drive_once<H: Hands, C: Clock>(
    object: &Arc<H::Object>,
    context: &Context<H, C>,
    pass: &Pass<'_>,
) -> Result<Requeue, DriveError> {
    let mut target = Target::new(&context.client, object).ok_or(DriveError::NotAnObject)?;
    if context
        .memory
        .is_behind(&target.uid, &target.resource_version)
    {
        // The cache does not show our own last write yet.
        return Ok(Requeue::requeue(Duration::from_secs(1)));
    }
    let attempts = context.memory.attempts(&target.uid);
    let (observed, grip) = context
        .hands
        .observe(object, attempts, context.clock.now())
        .await;
    let mut drive = Drive {
        context,
        pass,
        target: &mut target,
        observed,
        grip,
        written: normal(H::status_of(object)),
        stale: false,
    };
    let before = drive
        .written
        .as_ref()
        .map(|s| s.conditions().to_vec())
        .unwrap_or_default();
    let next = drive.run().await;
    let rest = drive.finish(&before, next).await;
    if target.gone {
        context.memory.gone(&target.uid);
    } else {
        context.memory.saw(&target.uid, &target.resource_version);
    }
    rest
}

struct Drive<'a, H: Hands, C> {
    context: &'a Context<H, C>,
    pass: &'a Pass<'a>,
    target: &'a mut Target<H::Object>,
    observed: ObservedOf<H>,
    grip: H::Grip,
    written: Option<StatusOf<H>>,
    /// A write met a newer object: whatever we know is old.
    stale: bool,
}

impl<H: Hands, C: Clock> Drive<'_, H, C> {
    async fn run(&mut self) -> Next {
        for _ in 0..MAX_ROUNDS {
            let plan = H::Machine::decide(&self.observed, self.context.clock.now());
            for action in &plan.actions {
                if !self.act(action).await {
                    break;
                }
            }
            if plan.next != Next::Again || self.stale {
                return plan.next;
            }
        }
        Next::Again
    }

    /// Performs one action; false when the rest of the plan no longer holds.
    async fn act(&mut self, action: &ActionOf<H>) -> bool {
        let kind = H::Object::kind(&());
        tracing::info!(%kind, object = %self.target.path(), %action, "act");
        let started = self.context.clock.now();
        let (outcome, now) = if let Some(outcome) = H::Machine::records(action) {
            // One moment for what is written and for what is known of it.
            (self.record(action, outcome, started).await, started)
        } else {
            let hands = &self.context.hands;
            let outcome = hands.perform(self.target, &self.grip, action).await;
            (outcome, self.context.clock.now())
        };
        if let Err(failure) = &outcome {
            self.stale |= failure.class == leasehold_reconcile_core::FailureClass::Conflict;
            tracing::warn!(%kind, object = %self.target.path(), %action, %failure, "failed");
        }
        self.context.metrics.acted(&kind, outcome.is_ok());
        // At once: the watch may show our own write before the drive ends.
        self.context
            .memory
            .saw(&self.target.uid, &self.target.resource_version);
        let failed = outcome.is_err();
        H::Machine::absorb(&mut self.observed, action, outcome, now);
        self.context
            .hands
            .remember(&self.target.uid, &self.observed);
        !failed && H::Machine::failure(&self.observed, now).is_none()
    }

    /// An action whose whole effect is the status write.
    async fn record(
        &mut self,
        action: &ActionOf<H>,
        outcome: <H::Machine as Machine>::Outcome,
        now: Timestamp,
    ) -> Result<<H::Machine as Machine>::Outcome, leasehold_reconcile_core::Failure> {
        let mut after = self.observed.clone();
        H::Machine::absorb(&mut after, action, Ok(outcome.clone()), now);
        if let Some(status) = self.status(&after, now) {
            self.target
                .write_status(&status)
                .await
                .map_err(|e| failures::kubernetes(&e))?;
            self.written = Some(status);
        }
        Ok(outcome)
    }

    /// What to write. A condition that stands as it was written last has not changed since then,
    /// also if that was in this drive.
    fn status(&self, observed: &ObservedOf<H>, now: Timestamp) -> Option<StatusOf<H>> {
        let mut status = normal(H::Machine::status(observed, now))?;
        let written = self.written.iter().flat_map(HasConditions::conditions);
        for condition in status.conditions_mut() {
            let mut same = written
                .clone()
                .filter(|w| w.type_ == condition.type_ && w.status == condition.status);
            if let Some(same) = same.next() {
                condition
                    .last_transition_time
                    .clone_from(&same.last_transition_time);
            }
        }
        Some(status)
    }

    /// Says where the object stands, if that is news, and when to look again.
    async fn finish(&mut self, before: &[Condition], next: Next) -> Result<Requeue, DriveError> {
        let now = self.context.clock.now();
        if self.stale {
            return Ok(self.look_again(before, now).await);
        }
        let status = self.status(&self.observed, now);
        if let Some(status) = &status
            && self.written.as_ref() != Some(status)
        {
            match self.target.write_status(status).await {
                Ok(()) => {}
                Err(e) if failures::is_stale(&e) => {
                    return Ok(self.look_again(before, now).await);
                }
                Err(e) => return Err(DriveError::Status(self.target.path(), Box::new(e))),
            }
        }
        let after = status
            .as_ref()
            .map(|s| s.conditions().to_vec())
            .unwrap_or_default();
        self.publish(conditions::event(before, &after)).await;
        let rest = requeue(next, now, || self.target.path())?;
        self.count(now);
        Ok(rest)
    }

    /// After a write that met a newer object. What happened in this drive has happened, and so has
    /// what was written: the next one finds it done and tells nobody.
    async fn look_again(&self, before: &[Condition], now: Timestamp) -> Requeue {
        let written = self.written.as_ref().map(|s| s.conditions().to_vec());
        self.publish(conditions::event(before, &written.unwrap_or_default()))
            .await;
        self.count(now);
        Requeue::requeue(Duration::from_secs(1))
    }

    /// Counts the drive; one that ends in an error is counted by the error policy.
    fn count(&self, now: Timestamp) {
        let failure = H::Machine::failure(&self.observed, now);
        if failure
            .as_ref()
            .is_none_or(|f| f.reason != reasons::VAULT_UNREACHABLE)
        {
            self.pass.answered();
        }
        let memory = &self.context.memory;
        memory.count(&self.target.uid, failure.is_some());
    }

    async fn publish(&self, transition: Option<Note>) {
        let notes = H::Machine::notes(&self.observed).iter().cloned();
        for note in transition.into_iter().chain(notes) {
            self.context.metrics.noted(&H::Object::kind(&()), &note);
            self.context
                .events
                .publish(&self.target.reference(), &note)
                .await;
        }
    }
}

fn requeue(
    next: Next,
    now: Timestamp,
    path: impl FnOnce() -> String,
) -> Result<Requeue, DriveError> {
    match next {
        Next::Again => Err(DriveError::Unsettled(path())),
        Next::OnChange => Ok(Requeue::await_change()),
        Next::At(t) => {
            let wait = Duration::try_from(t.duration_since(now)).unwrap_or_default();
            Ok(Requeue::requeue(wait.max(Duration::from_secs(1))))
        }
    }
}

/// A status as far as it is ours, in one order: what the API server merged compares equal to what
/// we would write.
fn normal<S: HasConditions>(status: Option<S>) -> Option<S> {
    status.map(|mut status| {
        let mut ours = conditions::ours(status.conditions());
        ours.sort_by(|a, b| a.type_.cmp(&b.type_));
        *status.conditions_mut() = ours;
        status
    })
}

// The payload of a panic of ours is a text of ours: redacted values cannot be formatted into it.
fn panic_words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| MANAGER.to_owned())
}
