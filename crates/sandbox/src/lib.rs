#![cfg_attr(feature = "http", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "http"),
    doc = "State machines only: the page is that of the feature `http`."
)]

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

/// The versions of what stands at this crate's borders: times, and JSON.
pub use {jiff, serde_json};

#[cfg(feature = "http")]
pub use sandbox::{Config, Neighbours, Sandbox, StartError};
