//! The shell of Leasehold: one driver, the hands of each kind, one Vault login per AppBinding.
//!
//! To run the whole operator inside your own process, make an [`Operator`] and `run` it. To drive a
//! kind of your own, write a [`leasehold_reconcile_core::Machine`] and its [`hands::Hands`].

pub mod clock;
pub mod cluster;
pub mod driver;
pub mod failures;
pub mod hands;
pub mod memory;
pub mod metrics;
pub mod operator;
pub mod relations;
pub mod sessions;
pub mod stores;

pub use operator::Operator;
