#![doc = include_str!("../README.md")]

pub mod aws;
pub mod clock;
pub mod faults;
pub mod kube;
pub mod wire;
