//! What the end-to-end tests stand on: real servers, started and stopped by the
//! tests themselves, and the helpers to talk to them.

pub mod bench;
pub mod manifests;
pub mod proxy;
pub mod real;
pub mod servers;
pub mod stand;
pub mod world;

pub use real::RealStand;
pub use stand::{Operator, OwnStand, Stand, Start, Wants};
pub use world::World;
