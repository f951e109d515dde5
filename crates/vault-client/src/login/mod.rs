//! Ways to log in. One file per method.

mod kubernetes;
mod token;

use std::time::Duration;

use async_trait::async_trait;

pub use self::kubernetes::{JwtSource, KubernetesLogin};
pub use self::token::TokenLogin;
use crate::error::Result;
pub use crate::http::RawVault;
use crate::{Accessor, Redacted};

/// A way to get a token. Called when there is none, when it ends, and when Vault refuses it.
#[async_trait]
pub trait Login: Send + Sync {
    /// Logs in. `raw` makes calls without a token.
    async fn login(&self, raw: &RawVault) -> Result<LoginToken>;
}

/// A token, as a login got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginToken {
    /// The token.
    pub token: Redacted,
    /// How long it lives from now; `None` does not end.
    pub ttl: Option<Duration>,
    /// Whether it can be extended.
    pub renewable: bool,
    /// Its handle.
    pub accessor: Accessor,
}
