//! [`Health`] over HTTP.

use async_trait::async_trait;
use serde::Deserialize;
use vaultrs::api::sys::requests::ReadHealthRequest;

use super::HttpVault;
use super::raw::{How, RawVault};
use crate::error::{ErrorKind, Result, VaultError};
use crate::{ClusterId, Health, HealthReport};

#[derive(Deserialize)]
struct Body {
    initialized: bool,
    sealed: bool,
    #[serde(default)]
    standby: Option<bool>,
    #[serde(default)]
    cluster_id: Option<String>,
    #[serde(default)]
    version: Option<String>,
}

/// Statuses that carry a report.
const REPORTS: &[u16] = &[429, 472, 473, 501, 503];

pub(super) async fn read(raw: &RawVault) -> Result<HealthReport> {
    let endpoint = ReadHealthRequest::default();
    let how = How::idempotent().everywhere().also(REPORTS);
    let answer = raw.call(&endpoint, None, &how).await?;
    let body: Body = answer.bare()?;
    Ok(HealthReport {
        initialized: body.initialized,
        sealed: body.sealed,
        standby: body.standby.unwrap_or_default(),
        cluster_id: body.cluster_id.filter(|id| !id.is_empty()).map(ClusterId),
        version: body.version.unwrap_or_default(),
    })
}

#[async_trait]
impl Health for HttpVault {
    async fn health(&self) -> Result<HealthReport> {
        self.raw.health().await
    }

    async fn cluster_id(&self) -> Result<ClusterId> {
        let live = self.session.live().await?;
        live.cluster.clone().ok_or_else(|| {
            VaultError::new(
                ErrorKind::Unexpected,
                "GET",
                "sys/health",
                "this Vault does not tell its cluster_id",
            )
        })
    }
}
