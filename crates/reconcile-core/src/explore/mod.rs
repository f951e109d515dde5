//! Every history within bounds: exhaustive exploration of a [`Machine`](crate::Machine) in a model of its world.
//!
//! A [`World`] says what an action does to it; [`explore`] tries every interleaving of replicas,
//! people, time and faults: an action refused, taken effect with its answer lost, taking effect
//! after others have acted, a crash before and after it. What the world calls a violation is told
//! with the shortest history that leads there. From every state where all replicas are idle it
//! must settle without further faults, and stay so.
//!
//! Pure and deterministic, so an embedder can check a machine of their own in a unit test.

mod digest;
mod drive;
mod search;
mod world;

pub use digest::Digest;
pub use drive::drive;
pub use search::{Bounds, Report, Violation, explore};
pub use world::{Fate, Move, World};
