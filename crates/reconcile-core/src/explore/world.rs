//! What a machine is explored in.

use jiff::Timestamp;

use super::Digest;
use crate::{Failure, Machine, Next};

/// What becomes of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It takes effect, and its answer arrives.
    Done,
    /// It is answered with a refusal and has no effect.
    Refused,
    /// It takes effect, but its answer is lost.
    Lost,
    /// Its caller gives up; it takes effect later, or never.
    Late,
}

/// Something that happens without the replicas: a person, time, Vault's own work.
#[derive(Clone, Debug)]
pub struct Move<W> {
    /// For the trace.
    pub label: String,
    /// The world after it.
    pub world: W,
    /// How many faults it costs: none for what is in the order of things.
    pub cost: u8,
}

type ObservedOf<W> = <<W as World>::Machine as Machine>::Observed;
type ActionOf<W> = <<W as World>::Machine as Machine>::Action;
type OutcomeOf<W> = <<W as World>::Machine as Machine>::Outcome;
type StatusOf<W> = <<W as World>::Machine as Machine>::Status;

/// A model of everything outside, and of what each replica keeps in memory.
pub trait World: Clone {
    /// What is explored.
    type Machine: Machine;

    /// What time a replica takes it to be.
    fn now(&self, replica: usize) -> Timestamp;

    /// What a replica sees; `None` when the object is gone.
    fn observe(&mut self, replica: usize) -> Option<ObservedOf<Self>>;

    /// The faults that an action can meet, crashes aside.
    fn fates(&self, action: &ActionOf<Self>) -> Vec<Fate>;

    /// Performs an action.
    fn perform(
        &mut self,
        replica: usize,
        action: &ActionOf<Self>,
        fate: Fate,
    ) -> Result<OutcomeOf<Self>, Failure>;

    /// Whether that status differs from the one this replica last saw.
    fn is_news(&self, replica: usize, status: &StatusOf<Self>) -> bool;

    /// Writes the status with the resourceVersion this replica last saw.
    fn write_status(
        &mut self,
        replica: usize,
        status: &StatusOf<Self>,
        fate: Fate,
    ) -> Result<(), Failure>;

    /// Keeps in a replica's memory what it holds, after every action.
    fn remember(&mut self, replica: usize, observed: &ObservedOf<Self>);

    /// A drive is over.
    fn rest(&mut self, _replica: usize, _next: Next) {}

    /// A replica loses its memory and starts as another run.
    fn crash(&mut self, replica: usize);

    /// What may happen besides; `busy` says whether a replica is in the midst of a drive.
    fn moves(&self, busy: bool) -> Vec<Move<Self>>;

    /// Everything that is still on its way arrives, and time passes to the next moment of note:
    /// for settling without faults. `false` when nothing is on its way and no moment is left.
    fn pass(&mut self) -> bool;

    /// What must never be, if it is.
    fn violation(&self) -> Option<String>;

    /// Why a world at rest is not as it should be, if it is not.
    fn unsettled(&self) -> Option<String>;

    /// What tells this state from others.
    fn digest(&self, digest: &mut Digest);

    /// What tells an observation in the midst of a drive from others.
    fn digest_observed(&self, observed: &ObservedOf<Self>, digest: &mut Digest);
}
