//! The operator on the sandbox, without a cluster or a Vault, on paused time.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "../world/mod.rs"]
mod world;

mod driver;
mod faults;
mod life;
mod logins;
mod names;
mod watches;
