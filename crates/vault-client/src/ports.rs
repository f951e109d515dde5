//! The ports: everything the operator asks of one Vault, dyn-safe, one `Arc<dyn Vault>` per login.
//!
//! All methods return `Ok(None)` only when a reachable, unsealed Vault said that the thing is not
//! there; everything else that hinders a look is an error.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{
    Accessor, AwsVaultRole, ClusterId, EngineLease, HealthReport, IssueRequest, IssuedCredential,
    Keeper, KeeperRequest, LeaseId, LeaseInfo, Mount, MountPath, RoleName, RootConfig, TokenInfo,
};
use crate::redacted::Redacted;

/// Is it there, and which one is it?
#[async_trait]
pub trait Health: Send + Sync {
    /// `sys/health`, whatever its status code.
    async fn health(&self) -> Result<HealthReport>;
    /// The `cluster_id` of the Vault that the live login belongs to (logs in if there is none yet).
    async fn cluster_id(&self) -> Result<ClusterId>;
}

/// Secrets engines' mounts.
#[async_trait]
pub trait Mounts: Send + Sync {
    /// The mount at `path`.
    async fn mount(&self, path: &MountPath) -> Result<Option<Mount>>;
    /// Mounts an engine.
    async fn enable_mount(&self, path: &MountPath, kind: &str, description: &str) -> Result<()>;
    /// Sets the description of a mount (ownership).
    async fn describe_mount(&self, path: &MountPath, description: &str) -> Result<()>;
    /// Unmounts an engine: every lease under it is revoked first. Nothing mounted is no error.
    async fn disable_mount(&self, path: &MountPath) -> Result<()>;
    /// The effective default lease of a mount (its own tuning, else the system's).
    async fn effective_default_lease(&self, path: &MountPath) -> Result<Duration>;
}

/// Configuration and roles of an AWS engine.
#[async_trait]
pub trait AwsEngine: Send + Sync {
    /// `config/root`, without the secret.
    async fn root_config(&self, mount: &MountPath) -> Result<Option<RootConfig>>;
    /// Writes `config/root` whole.
    async fn write_root_config(
        &self,
        mount: &MountPath,
        config: &RootConfig,
        secret_key: &Redacted,
    ) -> Result<()>;
    /// `config/lease`.
    async fn engine_lease(&self, mount: &MountPath) -> Result<Option<EngineLease>>;
    /// Writes `config/lease`.
    async fn write_engine_lease(&self, mount: &MountPath, lease: &EngineLease) -> Result<()>;
    /// A role.
    async fn role(&self, mount: &MountPath, name: &RoleName) -> Result<Option<AwsVaultRole>>;
    /// Writes a role. `previous` is what Vault holds now: fields set there and not in `role` are
    /// emptied, since Vault keeps what a write leaves out; fields set in neither are not sent.
    async fn write_role(
        &self,
        mount: &MountPath,
        name: &RoleName,
        role: &AwsVaultRole,
        previous: Option<&AwsVaultRole>,
    ) -> Result<()>;
    /// Deletes a role; issued credentials live on.
    async fn delete_role(&self, mount: &MountPath, name: &RoleName) -> Result<()>;
}

/// Issuing.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// Reads credentials once: never retried, whatever happens. `under` is the keeper's token;
    /// `None` reads under the login itself (STS credentials, which nobody can revoke).
    /// `Unauthenticated` under a keeper says that the keeper is dead, not the login.
    async fn issue(
        &self,
        request: &IssueRequest,
        under: Option<&Redacted>,
    ) -> Result<IssuedCredential>;
}

/// Tokens by accessor.
#[async_trait]
pub trait Tokens: Send + Sync {
    /// Opens a keeper. Not retried after it may have been sent (a lost one has no key and ends by itself).
    async fn open_keeper(&self, request: &KeeperRequest) -> Result<Keeper>;
    /// Looks a token up by its accessor; `None` on `invalid accessor`.
    async fn lookup_accessor(&self, accessor: &Accessor) -> Result<Option<TokenInfo>>;
    /// Revokes a token and, asynchronously, every lease made with it. Unknown is no error.
    async fn revoke_accessor(&self, accessor: &Accessor) -> Result<()>;
    /// Extends a token; returns what was granted.
    async fn renew_accessor(&self, accessor: &Accessor, increment: Duration) -> Result<Duration>;
}

/// Leases.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Looks a lease up; `None` on `invalid lease`.
    async fn lookup_lease(&self, id: &LeaseId) -> Result<Option<LeaseInfo>>;
    /// Revokes a lease and waits: the error carries AWS's words. Unknown is no error.
    async fn revoke_lease(&self, id: &LeaseId) -> Result<()>;
    /// Extends a lease; returns what was granted.
    async fn renew_lease(&self, id: &LeaseId, increment: Duration) -> Result<LeaseInfo>;
}

/// Policies. The operator never edits its own; this is for set-up and for checks.
#[async_trait]
pub trait Policies: Send + Sync {
    /// The text of a policy.
    async fn policy(&self, name: &str) -> Result<Option<String>>;
    /// Writes a policy.
    async fn write_policy(&self, name: &str, text: &str) -> Result<()>;
    /// What the live login may do, by path.
    async fn capabilities(&self, paths: &[String]) -> Result<BTreeMap<String, Vec<String>>>;
}

/// Everything the operator asks of one Vault.
pub trait Vault: Health + Mounts + AwsEngine + Credentials + Tokens + Leases + Policies {}
impl<T: Health + Mounts + AwsEngine + Credentials + Tokens + Leases + Policies> Vault for T {}
