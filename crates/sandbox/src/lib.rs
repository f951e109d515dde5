#![doc = include_str!("../README.md")]

pub mod aws;
pub mod clock;
#[cfg(feature = "http")]
pub mod face;
pub mod faults;
pub mod kube;
#[cfg(feature = "http")]
mod sandbox;
pub mod vault;
pub mod wire;

#[cfg(feature = "http")]
pub use sandbox::{Config, Neighbours, Sandbox, StartError};
