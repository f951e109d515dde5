//! [`Leases`] over HTTP: `vaultrs` has none of it.

use std::time::Duration;

use async_trait::async_trait;
use rustify_derive::Endpoint;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::raw::How;
use super::{HttpVault, absent};
use crate::error::Result;
use crate::{LeaseId, LeaseInfo, Leases};

#[derive(Endpoint)]
#[endpoint(path = "sys/leases/lookup", method = "POST")]
struct Lookup {
    lease_id: String,
}

/// `sync` always: versions differ in what they do without.
#[derive(Endpoint)]
#[endpoint(path = "sys/leases/revoke", method = "POST")]
struct Revoke {
    lease_id: String,
    sync: bool,
}

#[derive(Endpoint)]
#[endpoint(path = "sys/leases/renew", method = "POST")]
struct Renew {
    lease_id: String,
    increment: u64,
}

#[derive(Deserialize)]
struct Looked {
    #[serde(default)]
    ttl: Option<i64>,
    #[serde(default)]
    renewable: Option<bool>,
}

#[async_trait]
impl Leases for HttpVault {
    async fn lookup_lease(&self, id: &LeaseId) -> Result<Option<LeaseInfo>> {
        let endpoint = Lookup {
            lease_id: id.to_string(),
        };
        let found = absent(self.call(&endpoint, &How::idempotent()).await, |e| {
            e.says("invalid lease")
        })?;
        let Some(answer) = found else {
            return Ok(None);
        };
        let looked: Looked = answer.data()?;
        Ok(Some(LeaseInfo {
            ttl: looked.ttl.unwrap_or_default(),
            renewable: looked.renewable.unwrap_or_default(),
        }))
    }

    async fn revoke_lease(&self, id: &LeaseId) -> Result<()> {
        let endpoint = Revoke {
            lease_id: id.to_string(),
            sync: true,
        };
        self.call(&endpoint, &How::idempotent().slow())
            .await?
            .done()
    }

    async fn renew_lease(&self, id: &LeaseId, increment: Duration) -> Result<LeaseInfo> {
        let endpoint = Renew {
            lease_id: id.to_string(),
            increment: increment.as_secs(),
        };
        let answer = self.call(&endpoint, &How::idempotent()).await?;
        let envelope = answer.envelope::<IgnoredAny>()?;
        Ok(LeaseInfo {
            ttl: envelope
                .lease_duration
                .ok_or_else(|| answer.strange("it sent no lease_duration"))?,
            renewable: envelope.renewable.unwrap_or_default(),
        })
    }
}
