//! [`Mounts`] over HTTP.

use std::time::Duration;

use async_trait::async_trait;
use rustify_derive::Endpoint;
use serde::Deserialize;
use vaultrs::api::sys::requests::{
    DisableEngineRequest, EnableEngineRequest, GetConfigurationOfTheSecretEngineRequest,
};

use super::raw::How;
use super::wire::seconds;
use super::{HttpVault, absent, trimmed};
use crate::error::Result;
use crate::{Mount, MountPath, Mounts};

#[derive(Deserialize)]
struct Info {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    accessor: Option<String>,
    #[serde(default)]
    config: Option<Tuning>,
}

#[derive(Default, Deserialize)]
struct Tuning {
    #[serde(default)]
    default_lease_ttl: Option<i64>,
    #[serde(default)]
    max_lease_ttl: Option<i64>,
}

#[derive(Endpoint)]
#[endpoint(path = "sys/mounts/{self.path}/tune", method = "GET")]
struct ReadTune {
    #[endpoint(skip)]
    path: String,
}

#[derive(Endpoint)]
#[endpoint(path = "sys/mounts/{self.path}/tune", method = "POST")]
struct WriteTune {
    #[endpoint(skip)]
    path: String,
    description: String,
}

#[async_trait]
impl Mounts for HttpVault {
    async fn mount(&self, path: &MountPath) -> Result<Option<Mount>> {
        let endpoint = GetConfigurationOfTheSecretEngineRequest {
            path: trimmed(path.as_str()),
        };
        let found = absent(self.call(&endpoint, &How::idempotent()).await, |e| {
            e.says("No secret engine mount at")
        })?;
        let Some(answer) = found else {
            return Ok(None);
        };
        let info: Info = answer.data()?;
        let tuning = info.config.unwrap_or_default();
        Ok(Some(Mount {
            kind: info.kind,
            description: info.description.unwrap_or_default(),
            accessor: info.accessor.unwrap_or_default(),
            default_lease: seconds(tuning.default_lease_ttl),
            max_lease: seconds(tuning.max_lease_ttl),
        }))
    }

    async fn enable_mount(&self, path: &MountPath, kind: &str, description: &str) -> Result<()> {
        let endpoint = EnableEngineRequest {
            path: trimmed(path.as_str()),
            engine_type: Some(kind.to_owned()),
            description: Some(description.to_owned()),
            config: None,
            options: None,
        };
        // A second try after a lost answer would say that the path is in use.
        self.call(&endpoint, &How::unsent()).await?.done()
    }

    async fn describe_mount(&self, path: &MountPath, description: &str) -> Result<()> {
        let endpoint = WriteTune {
            path: trimmed(path.as_str()),
            description: description.to_owned(),
        };
        self.call(&endpoint, &How::idempotent()).await?.done()
    }

    async fn disable_mount(&self, path: &MountPath) -> Result<()> {
        let endpoint = DisableEngineRequest {
            path: trimmed(path.as_str()),
        };
        self.call(&endpoint, &How::idempotent().slow())
            .await?
            .done()
    }

    async fn effective_default_lease(&self, path: &MountPath) -> Result<Duration> {
        let endpoint = ReadTune {
            path: trimmed(path.as_str()),
        };
        let answer = self.call(&endpoint, &How::idempotent()).await?;
        let tuning: Tuning = answer.data()?;
        tuning
            .default_lease_ttl
            .map(|ttl| seconds(Some(ttl)))
            .ok_or_else(|| answer.strange("it sent no default_lease_ttl"))
    }
}
