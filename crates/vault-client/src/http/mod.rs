//! The ports over HTTP. One file per port; `raw` makes calls, `transport` moves bytes.

mod aws_engine;
mod carrier;
mod connection;
mod credentials;
mod errors;
mod health;
mod leases;
mod mounts;
mod policies;
pub(crate) mod raw;
mod retry;
mod tokens;
mod transport;
pub(crate) mod wire;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustify::endpoint::Endpoint;
use vaultrs::api::token::requests::RenewTokenSelfRequest;

pub use self::carrier::Carrier;
pub use self::connection::Connection;
use self::raw::How;
pub use self::raw::RawVault;
use self::wire::Answer;
use crate::error::{ErrorKind, Result};
use crate::login::{Login, LoginToken};
use crate::session::{Door, Session};
use crate::{HealthReport, Redacted};

/// A Vault over HTTP, with the one login that all its calls share: [`Vault`](crate::Vault).
pub struct HttpVault {
    raw: Arc<RawVault>,
    session: Session,
}

impl HttpVault {
    /// Prepares; nothing is sent before the first call. Needs a tokio runtime from then on.
    pub fn new(connection: Connection, login: Arc<dyn Login>) -> Result<Self> {
        Ok(Self::of(RawVault::new(connection)?, login))
    }

    /// The same, with requests carried by somebody else than reqwest. Of the connection only
    /// address, namespace and time limits are looked at: names and trust are the carrier's.
    pub fn over(
        connection: &Connection,
        login: Arc<dyn Login>,
        carrier: Arc<dyn Carrier>,
    ) -> Result<Self> {
        Ok(Self::of(RawVault::over(connection, carrier)?, login))
    }

    fn of(raw: RawVault, login: Arc<dyn Login>) -> Self {
        let raw = Arc::new(raw);
        Self {
            session: Session::new(FrontDoor {
                raw: Arc::clone(&raw),
                login,
            }),
            raw,
        }
    }

    /// How many logins succeeded so far.
    pub fn logins(&self) -> u64 {
        self.session.logins()
    }

    /// A call under the live login. One that Vault does not know (any more) is replaced, and the
    /// refused call made once more.
    async fn call<E: Endpoint>(&self, endpoint: &E, how: &How) -> Result<Answer> {
        let live = self.session.live().await?;
        let error = match self.raw.call(endpoint, Some(&live.token), how).await {
            Err(error) if error.kind == ErrorKind::Unauthenticated => error,
            other => return other,
        };
        if error.says("invalid token") {
            // Certain. Without these words it might be live, and is kept until there is another.
            self.session.forget(&live);
        }
        let Some(fresh) = self.session.refused(&live).await else {
            return Err(error);
        };
        let again = self.raw.call(endpoint, Some(&fresh?.token), how).await;
        let refused = matches!(&again, Err(e) if e.kind == ErrorKind::Unauthenticated);
        self.session.repeated(refused);
        again
    }
}

struct FrontDoor {
    raw: Arc<RawVault>,
    login: Arc<dyn Login>,
}

#[async_trait]
impl Door for FrontDoor {
    async fn health(&self) -> Result<HealthReport> {
        self.raw.health().await
    }

    async fn log_in(&self) -> Result<LoginToken> {
        self.login.login(&self.raw).await
    }

    async fn renew(&self, token: &Redacted) -> Result<(Duration, bool)> {
        let endpoint = RenewTokenSelfRequest { increment: None };
        let how = How::idempotent();
        let auth = self.raw.call(&endpoint, Some(token), &how).await?.auth()?;
        Ok((
            wire::seconds(auth.lease_duration),
            auth.renewable.unwrap_or_default(),
        ))
    }
}

impl fmt::Debug for HttpVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpVault")
            .field("address", &self.raw.transport.address())
            .field("logins", &self.logins())
            .finish_non_exhaustive()
    }
}

/// `Ok(None)` for what Vault says is not there.
fn absent<T>(
    result: Result<T>,
    is_absent: impl Fn(&crate::VaultError) -> bool,
) -> Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(e) if e.answered() && is_absent(&e) => Ok(None),
        Err(e) => Err(e),
    }
}

fn not_found(error: &crate::VaultError) -> bool {
    error.kind == ErrorKind::NotFound
}

/// A path as Vault's URLs have it.
fn trimmed(path: &str) -> String {
    path.trim_matches('/').to_owned()
}
