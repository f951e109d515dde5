//! The operator on small stand-ins, without a cluster or a Vault, on paused time.

#[path = "../fake/mod.rs"]
mod fake;

mod life;
