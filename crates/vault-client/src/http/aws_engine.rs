//! [`AwsEngine`] over HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use rustify_derive::Endpoint;
use serde::Deserialize;
use vaultrs::api::aws::requests::{
    ConfigureLeaseRequest, DeleteRoleRequest, GetConfigurationRequest, ReadLeaseRequest,
    ReadRoleRequest,
};

use super::raw::How;
use super::wire::seconds;
use super::{HttpVault, absent, not_found, trimmed};
use crate::error::Result;
use crate::go_duration;
use crate::{AwsEngine, AwsVaultRole, EngineLease, MountPath, Redacted, RoleName, RootConfig};

/// Whole: older Vaults overwrite what is left out. `vaultrs`' own has no `max_retries` below zero
/// on reading; this is its counterpart.
#[derive(Endpoint)]
#[endpoint(path = "{self.mount}/config/root", method = "POST")]
struct WriteRoot {
    #[endpoint(skip)]
    mount: String,
    access_key: String,
    secret_key: String,
    region: String,
    iam_endpoint: String,
    sts_endpoint: String,
    max_retries: i64,
}

#[derive(Deserialize)]
struct Root {
    #[serde(default)]
    access_key: Option<String>,
    #[serde(default)]
    region: Option<String>,
    #[serde(default)]
    iam_endpoint: Option<String>,
    #[serde(default)]
    sts_endpoint: Option<String>,
    #[serde(default)]
    max_retries: Option<i64>,
}

#[derive(Deserialize)]
struct Lease {
    lease: String,
    lease_max: String,
}

/// `vaultrs`' own lacks fields and always sends an empty policy document.
#[derive(Endpoint)]
#[endpoint(path = "{self.mount}/roles/{self.name}", method = "POST")]
struct WriteRole {
    #[endpoint(skip)]
    mount: String,
    #[endpoint(skip)]
    name: String,
    credential_type: String,
    role_arns: Option<Vec<String>>,
    policy_arns: Option<Vec<String>>,
    policy_document: Option<String>,
    iam_groups: Option<Vec<String>>,
    iam_tags: Option<BTreeMap<String, String>>,
    session_tags: Option<BTreeMap<String, String>>,
    external_id: Option<String>,
    mfa_serial_number: Option<String>,
    user_path: Option<String>,
    permissions_boundary_arn: Option<String>,
    default_sts_ttl: Option<u64>,
    max_sts_ttl: Option<u64>,
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "Vault's names")]
struct Role {
    credential_type: String,
    #[serde(default)]
    role_arns: Option<Vec<String>>,
    #[serde(default)]
    policy_arns: Option<Vec<String>>,
    #[serde(default)]
    policy_document: Option<String>,
    #[serde(default)]
    iam_groups: Option<Vec<String>>,
    #[serde(default)]
    iam_tags: Option<BTreeMap<String, String>>,
    #[serde(default)]
    session_tags: Option<BTreeMap<String, String>>,
    #[serde(default)]
    external_id: Option<String>,
    #[serde(default)]
    mfa_serial_number: Option<String>,
    #[serde(default)]
    user_path: Option<String>,
    #[serde(default)]
    permissions_boundary_arn: Option<String>,
    #[serde(default)]
    default_sts_ttl: Option<i64>,
    #[serde(default)]
    max_sts_ttl: Option<i64>,
}

impl From<Role> for AwsVaultRole {
    fn from(role: Role) -> Self {
        Self {
            credential_type: role.credential_type,
            role_arns: role.role_arns.unwrap_or_default(),
            policy_arns: role.policy_arns.unwrap_or_default(),
            policy_document: role.policy_document.unwrap_or_default(),
            iam_groups: role.iam_groups.unwrap_or_default(),
            iam_tags: role.iam_tags.unwrap_or_default(),
            session_tags: role.session_tags.unwrap_or_default(),
            external_id: role.external_id.unwrap_or_default(),
            mfa_serial_number: role.mfa_serial_number.unwrap_or_default(),
            user_path: role.user_path.unwrap_or_default(),
            permissions_boundary_arn: role.permissions_boundary_arn.unwrap_or_default(),
            default_sts_ttl: seconds(role.default_sts_ttl),
            max_sts_ttl: seconds(role.max_sts_ttl),
        }
    }
}

/// What to send of a field: it if it is set, its emptiness if only the previous one was set.
fn field<T: Clone + Default + PartialEq>(now: &T, before: Option<&T>) -> Option<T> {
    let empty = T::default();
    (*now != empty || before.is_some_and(|b| *b != empty)).then(|| now.clone())
}

fn write_role(
    mount: &MountPath,
    name: &RoleName,
    role: &AwsVaultRole,
    previous: Option<&AwsVaultRole>,
) -> WriteRole {
    // A role written the old way (several types, joined by commas) reads in the same fields, and
    // becomes one of today's by naming its type.
    macro_rules! field {
        ($name:ident) => {
            field(&role.$name, previous.map(|p| &p.$name))
        };
    }
    let ttl = |now: Option<Duration>| now.map(|d| d.as_secs());
    WriteRole {
        mount: trimmed(mount.as_str()),
        name: name.to_string(),
        credential_type: role.credential_type.clone(),
        role_arns: field!(role_arns),
        policy_arns: field!(policy_arns),
        policy_document: field!(policy_document),
        iam_groups: field!(iam_groups),
        iam_tags: field!(iam_tags),
        session_tags: field!(session_tags),
        external_id: field!(external_id),
        mfa_serial_number: field!(mfa_serial_number),
        user_path: field!(user_path),
        permissions_boundary_arn: field!(permissions_boundary_arn),
        default_sts_ttl: ttl(field!(default_sts_ttl)),
        max_sts_ttl: ttl(field!(max_sts_ttl)),
    }
}

#[async_trait]
impl AwsEngine for HttpVault {
    async fn root_config(&self, mount: &MountPath) -> Result<Option<RootConfig>> {
        let endpoint = GetConfigurationRequest {
            mount: trimmed(mount.as_str()),
        };
        let found = absent(self.call(&endpoint, &How::idempotent()).await, not_found)?;
        let Some(answer) = found else {
            return Ok(None);
        };
        let root: Root = answer.data()?;
        Ok(Some(RootConfig {
            access_key: root.access_key.unwrap_or_default(),
            region: root.region.unwrap_or_default(),
            iam_endpoint: root.iam_endpoint.unwrap_or_default(),
            sts_endpoint: root.sts_endpoint.unwrap_or_default(),
            max_retries: root.max_retries.unwrap_or(-1),
        }))
    }

    async fn write_root_config(
        &self,
        mount: &MountPath,
        config: &RootConfig,
        secret_key: &Redacted,
    ) -> Result<()> {
        let endpoint = WriteRoot {
            mount: trimmed(mount.as_str()),
            access_key: config.access_key.clone(),
            secret_key: secret_key.expose().to_owned(),
            region: config.region.clone(),
            iam_endpoint: config.iam_endpoint.clone(),
            sts_endpoint: config.sts_endpoint.clone(),
            max_retries: config.max_retries,
        };
        self.call(&endpoint, &How::idempotent().hides(secret_key))
            .await?
            .done()
    }

    async fn engine_lease(&self, mount: &MountPath) -> Result<Option<EngineLease>> {
        let endpoint = ReadLeaseRequest {
            mount: trimmed(mount.as_str()),
        };
        let found = absent(self.call(&endpoint, &How::idempotent()).await, not_found)?;
        let Some(answer) = found else {
            return Ok(None);
        };
        let lease: Lease = answer.data()?;
        let parse = |text: &str| {
            go_duration::parse(text).ok_or_else(|| answer.strange("a lease is no Go duration"))
        };
        Ok(Some(EngineLease {
            lease: parse(&lease.lease)?,
            lease_max: parse(&lease.lease_max)?,
        }))
    }

    async fn write_engine_lease(&self, mount: &MountPath, lease: &EngineLease) -> Result<()> {
        let endpoint = ConfigureLeaseRequest {
            mount: trimmed(mount.as_str()),
            lease: go_duration::format(lease.lease),
            lease_max: go_duration::format(lease.lease_max),
        };
        self.call(&endpoint, &How::idempotent()).await?.done()
    }

    async fn role(&self, mount: &MountPath, name: &RoleName) -> Result<Option<AwsVaultRole>> {
        let endpoint = ReadRoleRequest {
            mount: trimmed(mount.as_str()),
            name: name.to_string(),
        };
        let found = absent(self.call(&endpoint, &How::idempotent()).await, not_found)?;
        let Some(answer) = found else {
            return Ok(None);
        };
        Ok(Some(answer.data::<Role>()?.into()))
    }

    async fn write_role(
        &self,
        mount: &MountPath,
        name: &RoleName,
        role: &AwsVaultRole,
        previous: Option<&AwsVaultRole>,
    ) -> Result<()> {
        let endpoint = write_role(mount, name, role, previous);
        self.call(&endpoint, &How::idempotent()).await?.done()
    }

    async fn delete_role(&self, mount: &MountPath, name: &RoleName) -> Result<()> {
        let endpoint = DeleteRoleRequest {
            mount: trimmed(mount.as_str()),
            name: name.to_string(),
        };
        self.call(&endpoint, &How::idempotent()).await?.done()
    }
}
