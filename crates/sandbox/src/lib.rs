#![doc = include_str!("../README.md")]

pub mod aws;
pub mod clock;
#[cfg(feature = "http")]
pub mod face;
pub mod faults;
pub mod kube;
pub mod wire;
