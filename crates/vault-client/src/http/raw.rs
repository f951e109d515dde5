//! Calls without a login: what a [`Login`](crate::login::Login) is made with.

use std::sync::Arc;
use std::time::Duration;

use rustify::endpoint::Endpoint;
use serde::Serialize;

use super::carrier::Carrier;
use super::connection::Connection;
use super::health;
use super::retry::{self, Retry};
use super::transport::{Request, Transport};
use super::wire::Answer;
use crate::error::{ErrorKind, Result, VaultError};
use crate::login::LoginToken;
use crate::{HealthReport, Redacted};

/// A Vault that nobody has logged in to.
#[derive(Debug)]
pub struct RawVault {
    pub(super) transport: Transport,
}

/// How a call is made.
pub(crate) struct How {
    retry: Retry,
    slow: bool,
    namespaced: bool,
    also: &'static [u16],
    secrets: Vec<Redacted>,
}

impl How {
    /// Can be made twice.
    pub(crate) fn idempotent() -> Self {
        Self {
            retry: Retry::Idempotent,
            slow: false,
            namespaced: true,
            also: &[],
            secrets: Vec::new(),
        }
    }

    /// Again only if nothing happened.
    pub(crate) fn unsent() -> Self {
        Self {
            retry: Retry::Unsent,
            ..Self::idempotent()
        }
    }

    /// Once.
    pub(crate) fn once() -> Self {
        Self {
            retry: Retry::Never,
            ..Self::idempotent()
        }
    }

    /// Vault waits for AWS meanwhile.
    pub(crate) fn slow(self) -> Self {
        Self { slow: true, ..self }
    }

    /// Belongs to the whole Vault, not to a namespace.
    pub(crate) fn everywhere(self) -> Self {
        Self {
            namespaced: false,
            ..self
        }
    }

    /// Statuses that are answers.
    pub(crate) fn also(self, also: &'static [u16]) -> Self {
        Self { also, ..self }
    }

    /// The body holds this.
    pub(crate) fn hides(mut self, secret: &Redacted) -> Self {
        self.secrets.push(secret.clone());
        self
    }
}

impl RawVault {
    /// Prepares the way to a Vault; nothing is sent yet.
    pub fn new(connection: Connection) -> Result<Self> {
        // One provider for the process; whoever installed one before may keep it.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        Ok(Self {
            transport: connection.open()?,
        })
    }

    /// The same, with requests carried by somebody else than reqwest.
    pub fn over(connection: &Connection, carrier: Arc<dyn Carrier>) -> Result<Self> {
        Ok(Self {
            transport: connection.carried_by(carrier)?,
        })
    }

    /// `sys/health`, whatever its status code.
    pub async fn health(&self) -> Result<HealthReport> {
        health::read(self).await
    }

    /// Posts to a login endpoint (`auth/jwt/login`) and returns the token. What is refused is an
    /// error of kind [`ErrorKind::Login`] with Vault's words. `secrets` are those in the body.
    pub async fn log_in(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
        secrets: &[Redacted],
    ) -> Result<LoginToken> {
        let endpoint = Post {
            path: path.to_owned(),
            body: serde_json::to_vec(body).map_err(|_| {
                VaultError::new(
                    ErrorKind::Login,
                    "login",
                    path,
                    "the login cannot be written as JSON",
                )
            })?,
        };
        self.log_in_with(&endpoint, secrets).await
    }

    pub(crate) async fn log_in_with<E: Endpoint>(
        &self,
        endpoint: &E,
        secrets: &[Redacted],
    ) -> Result<LoginToken> {
        // A login of which no answer came leaves a token behind that ends by itself, and Vault
        // counts failed ones: again only if it was not taken up.
        let mut how = How::unsent();
        how.secrets = secrets.to_vec();
        let answer = self.call(endpoint, None, &how).await.map_err(login_error)?;
        let auth = answer.auth()?;
        let ttl = auth.lease_duration.unwrap_or_default();
        Ok(LoginToken {
            token: auth
                .client_token
                .ok_or_else(|| answer.strange("it sent no token"))?,
            ttl: u64::try_from(ttl)
                .ok()
                .filter(|s| *s > 0)
                .map(Duration::from_secs),
            renewable: auth.renewable.unwrap_or_default(),
            accessor: auth.accessor.unwrap_or_default().into(),
        })
    }

    /// Makes a call, with another try where `how` and the failure allow one.
    pub(crate) async fn call<E: Endpoint>(
        &self,
        endpoint: &E,
        token: Option<&Redacted>,
        how: &How,
    ) -> Result<Answer> {
        let path = endpoint.path();
        // Some of vaultrs' paths begin with a slash, some even with a tab. Other slashes at the
        // ends are a name left empty, and are refused below.
        let path = path.trim_start();
        let path = match path.strip_prefix('/') {
            Some(fixed) if fixed.starts_with("auth/") || fixed.starts_with("sys/") => fixed,
            _ => path,
        };
        let method: http::Method = endpoint.method().into();
        let op = op(&method);
        // rustify's errors may show what they could not write: they go no further.
        let unwritable =
            || VaultError::new(ErrorKind::Invalid, op, path, "the call cannot be written");
        let query = endpoint.query().map_err(|_| unwritable())?;
        let body = endpoint
            .body()
            .map_err(|_| unwritable())?
            .filter(|b| !b.is_empty())
            .map(zeroize::Zeroizing::new);
        let request = Request {
            method,
            op,
            path,
            query: query.as_deref(),
            body: body.as_ref().map(|b| b.as_slice()),
            token,
            secrets: &how.secrets,
            namespaced: how.namespaced,
            also: how.also,
            timeout: if how.slow {
                self.transport
                    .issue_timeout
                    .max(self.transport.request_timeout)
            } else {
                self.transport.request_timeout
            },
        };
        let (mut tries, mut waited) = (0, Duration::ZERO);
        loop {
            tries += 1;
            let failed = match self.transport.send(&request).await {
                Ok(reply) => {
                    tracing::debug!(op, path, status = reply.status, "vault answered");
                    return Ok(Answer {
                        op,
                        path: path.to_owned(),
                        reply,
                    });
                }
                Err(failed) => failed,
            };
            let pause = retry::next(how.retry, &failed.error, failed.unsent, tries, waited);
            tracing::debug!(op, path, tries, error = %failed.error, again = ?pause, "vault failed");
            let Some(pause) = pause else {
                return Err(failed.error);
            };
            tokio::time::sleep(pause).await;
            waited += pause;
        }
    }
}

/// What a login's failure is: refused for what it is, or only not made.
pub(crate) fn login_error(mut error: VaultError) -> VaultError {
    use ErrorKind::{Denied, Invalid, NoMount, NotFound, Unauthenticated};
    if matches!(error.kind, Denied | Invalid | NoMount | NotFound | Unauthenticated)
        // A mount that was never set up says so with a 500.
        || error.says("could not load backend configuration")
    {
        error.kind = ErrorKind::Login;
    }
    error.op = "login";
    error
}

fn op(method: &http::Method) -> &'static str {
    match method.as_str() {
        "POST" | "PUT" => "POST",
        "DELETE" => "DELETE",
        "LIST" => "LIST",
        _ => "GET",
    }
}

#[derive(rustify_derive::Endpoint)]
#[endpoint(path = "{self.path}", method = "POST")]
struct Post {
    #[endpoint(skip)]
    path: String,
    #[endpoint(raw)]
    body: Vec<u8>,
}
