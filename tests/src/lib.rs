//! What the end-to-end tests stand on: real servers, started and stopped by the
//! tests themselves, and the helpers to talk to them.

pub mod servers;
