//! The operator on small stand-ins, without a cluster or a Vault, on paused time.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "../fake/mod.rs"]
mod fake;

mod driver;
mod faults;
mod life;
mod logins;
mod names;
mod watches;
