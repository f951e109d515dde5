#![doc = include_str!("../README.md")]

pub mod aws;
pub mod clock;
pub mod faults;
pub mod vault;
pub mod wire;
