#![doc = include_str!("../README.md")]

pub mod clock;
pub mod cluster;
pub mod driver;
pub mod failures;
pub mod hands;
pub mod lanes;
pub mod memory;
pub mod metrics;
pub mod operator;
pub mod relations;
pub mod sessions;
pub mod stores;
pub mod unreadable;

pub use operator::Operator;
