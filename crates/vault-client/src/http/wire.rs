//! Vault's envelope, read with patience: unknown keys, nulls and absent keys are fine.

use std::time::Duration;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};

use super::errors::NOT_A_VAULT;
use super::transport::Reply;
use crate::Redacted;
use crate::error::{ErrorKind, Result, VaultError};

/// What most answers are wrapped in. Not `vaultrs`' own: that wants fields which Vault may leave
/// out, and shows its content when it fails.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(crate) struct Envelope<T> {
    #[serde(default = "none")]
    pub(crate) data: Option<T>,
    #[serde(default)]
    pub(crate) auth: Option<Auth>,
    #[serde(default)]
    pub(crate) lease_id: Option<String>,
    #[serde(default)]
    pub(crate) lease_duration: Option<i64>,
    #[serde(default)]
    pub(crate) renewable: Option<bool>,
    #[serde(default)]
    pub(crate) warnings: Option<Vec<String>>,
}

fn none<T>() -> Option<T> {
    None
}

/// A token that was made or renewed.
#[derive(Deserialize)]
pub(crate) struct Auth {
    #[serde(default, deserialize_with = "secret")]
    pub(crate) client_token: Option<Redacted>,
    #[serde(default)]
    pub(crate) accessor: Option<String>,
    #[serde(default)]
    pub(crate) policies: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) lease_duration: Option<i64>,
    #[serde(default)]
    pub(crate) renewable: Option<bool>,
    #[serde(default)]
    pub(crate) orphan: Option<bool>,
}

/// Reads a text straight into what cannot be printed; empty is absent.
pub(crate) fn secret<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Redacted>, D::Error> {
    Ok(Option::<String>::deserialize(d)?
        .map(Redacted::new)
        .filter(|s| !s.is_empty()))
}

/// Seconds as Vault writes them; below zero is over.
pub(crate) fn seconds(n: Option<i64>) -> Duration {
    Duration::from_secs(n.and_then(|n| u64::try_from(n).ok()).unwrap_or_default())
}

/// A success, and what it was the answer to.
pub(crate) struct Answer {
    pub(crate) op: &'static str,
    pub(crate) path: String,
    pub(crate) reply: Reply,
}

impl Answer {
    /// An answer that is no Vault's, in words that hold nothing of it.
    pub(crate) fn strange(&self, detail: &str) -> VaultError {
        VaultError {
            status: Some(self.reply.status),
            ..VaultError::new(
                ErrorKind::Unexpected,
                self.op,
                self.path.clone(),
                format!("{NOT_A_VAULT}: {detail}"),
            )
        }
    }

    /// The body as it is, for what has no envelope.
    pub(crate) fn bare<T: DeserializeOwned>(&self) -> Result<T> {
        // serde_json's own words may hold a value: only the place is told.
        serde_json::from_slice(&self.reply.body).map_err(|e| {
            self.strange(&format!(
                "what it sent ends or errs at line {} column {}",
                e.line(),
                e.column()
            ))
        })
    }

    pub(crate) fn envelope<T: DeserializeOwned>(&self) -> Result<Envelope<T>> {
        let envelope: Envelope<T> = self.bare()?;
        for warning in envelope.warnings.iter().flatten() {
            tracing::debug!(op = self.op, path = self.path, warning, "vault warns");
        }
        Ok(envelope)
    }

    /// `data`, which must be there.
    pub(crate) fn data<T: DeserializeOwned>(&self) -> Result<T> {
        self.envelope()?
            .data
            .ok_or_else(|| self.strange("it sent no data"))
    }

    /// `auth`, which must be there.
    pub(crate) fn auth(&self) -> Result<Auth> {
        self.envelope::<IgnoredAny>()?
            .auth
            .ok_or_else(|| self.strange("it sent no token"))
    }

    /// The end of a write: 204, or 200 with warnings. A login page of some proxy is neither.
    pub(crate) fn done(&self) -> Result<()> {
        if self.reply.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        self.envelope::<IgnoredAny>().map(drop)
    }
}
