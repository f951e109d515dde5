#![doc = include_str!("../README.md")]

pub mod error;
pub mod go_duration;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "http")]
pub mod login;
#[cfg(feature = "test-util")]
pub mod mock;
pub mod model;
pub mod ports;
pub mod redacted;
#[cfg(feature = "http")]
mod session;

pub use error::{ErrorKind, Result, VaultError};
#[cfg(feature = "http")]
pub use http::{Carrier, Connection, HttpVault};
pub use model::*;
pub use ports::*;
pub use redacted::Redacted;
