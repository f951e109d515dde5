//! What Leasehold asks of a Vault, and nothing about Kubernetes.
//!
//! Small dyn-safe ports ([`Health`], [`Mounts`], [`AwsEngine`], [`Credentials`], [`Tokens`],
//! [`Leases`], [`Policies`]), one [`VaultError`], and secrets that cannot be printed
//! ([`Redacted`]). The implementation over HTTP stands behind the feature `http`.

pub mod error;
pub mod model;
pub mod ports;
pub mod redacted;

pub use error::{ErrorKind, Result, VaultError};
pub use model::*;
pub use ports::*;
pub use redacted::Redacted;
