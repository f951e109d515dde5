//! A [`Vault`](crate::Vault) that does what a test tells it.
#![allow(
    clippy::struct_field_names,
    reason = "mockall names fields after methods"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;

use crate::error::Result;
use crate::{
    Accessor, AwsEngine, AwsVaultRole, ClusterId, Credentials, EngineLease, Health, HealthReport,
    IssueRequest, IssuedCredential, Keeper, KeeperRequest, LeaseId, LeaseInfo, Leases, Mount,
    MountPath, Mounts, Policies, Redacted, RoleName, RootConfig, TokenInfo, Tokens,
};

/// mockall cannot mock an `Option` of a reference in an async trait: the two ports that have one
/// go through this, whose methods own it. Their `expect_…` are named like the port's methods.
trait Calls {
    fn root_config(&self, mount: &MountPath) -> Result<Option<RootConfig>>;
    fn write_root_config(
        &self,
        mount: &MountPath,
        config: &RootConfig,
        secret_key: &Redacted,
    ) -> Result<()>;
    fn engine_lease(&self, mount: &MountPath) -> Result<Option<EngineLease>>;
    fn write_engine_lease(&self, mount: &MountPath, lease: &EngineLease) -> Result<()>;
    fn role(&self, mount: &MountPath, name: &RoleName) -> Result<Option<AwsVaultRole>>;
    fn write_role(
        &self,
        mount: &MountPath,
        name: &RoleName,
        role: &AwsVaultRole,
        previous: Option<AwsVaultRole>,
    ) -> Result<()>;
    fn delete_role(&self, mount: &MountPath, name: &RoleName) -> Result<()>;
    fn issue(&self, request: &IssueRequest, under: Option<Redacted>) -> Result<IssuedCredential>;
}

mockall::mock! {
    /// All ports, each with mockall's `expect_…`: see the crate's page for an example.
    #[derive(Debug)]
    pub Vault {}

    #[async_trait]
    impl Health for Vault {
        async fn health(&self) -> Result<HealthReport>;
        async fn cluster_id(&self) -> Result<ClusterId>;
    }

    #[async_trait]
    impl Mounts for Vault {
        async fn mount(&self, path: &MountPath) -> Result<Option<Mount>>;
        async fn enable_mount(&self, path: &MountPath, kind: &str, description: &str) -> Result<()>;
        async fn describe_mount(&self, path: &MountPath, description: &str) -> Result<()>;
        async fn disable_mount(&self, path: &MountPath) -> Result<()>;
        async fn effective_default_lease(&self, path: &MountPath) -> Result<Duration>;
    }

    impl Calls for Vault {
        fn root_config(&self, mount: &MountPath) -> Result<Option<RootConfig>>;
        fn write_root_config(
            &self,
            mount: &MountPath,
            config: &RootConfig,
            secret_key: &Redacted,
        ) -> Result<()>;
        fn engine_lease(&self, mount: &MountPath) -> Result<Option<EngineLease>>;
        fn write_engine_lease(&self, mount: &MountPath, lease: &EngineLease) -> Result<()>;
        fn role(&self, mount: &MountPath, name: &RoleName) -> Result<Option<AwsVaultRole>>;
        fn write_role(
            &self,
            mount: &MountPath,
            name: &RoleName,
            role: &AwsVaultRole,
            previous: Option<AwsVaultRole>,
        ) -> Result<()>;
        fn delete_role(&self, mount: &MountPath, name: &RoleName) -> Result<()>;
        fn issue(
            &self,
            request: &IssueRequest,
            under: Option<Redacted>,
        ) -> Result<IssuedCredential>;
    }

    #[async_trait]
    impl Tokens for Vault {
        async fn open_keeper(&self, request: &KeeperRequest) -> Result<Keeper>;
        async fn lookup_accessor(&self, accessor: &Accessor) -> Result<Option<TokenInfo>>;
        async fn revoke_accessor(&self, accessor: &Accessor) -> Result<()>;
        async fn renew_accessor(&self, accessor: &Accessor, increment: Duration) -> Result<Duration>;
    }

    #[async_trait]
    impl Leases for Vault {
        async fn lookup_lease(&self, id: &LeaseId) -> Result<Option<LeaseInfo>>;
        async fn revoke_lease(&self, id: &LeaseId) -> Result<()>;
        async fn renew_lease(&self, id: &LeaseId, increment: Duration) -> Result<LeaseInfo>;
    }

    #[async_trait]
    impl Policies for Vault {
        async fn policy(&self, name: &str) -> Result<Option<String>>;
        async fn write_policy(&self, name: &str, text: &str) -> Result<()>;
        async fn capabilities(&self, paths: &[String]) -> Result<BTreeMap<String, Vec<String>>>;
    }
}

#[async_trait]
impl AwsEngine for MockVault {
    async fn root_config(&self, mount: &MountPath) -> Result<Option<RootConfig>> {
        Calls::root_config(self, mount)
    }

    async fn write_root_config(
        &self,
        mount: &MountPath,
        config: &RootConfig,
        secret_key: &Redacted,
    ) -> Result<()> {
        Calls::write_root_config(self, mount, config, secret_key)
    }

    async fn engine_lease(&self, mount: &MountPath) -> Result<Option<EngineLease>> {
        Calls::engine_lease(self, mount)
    }

    async fn write_engine_lease(&self, mount: &MountPath, lease: &EngineLease) -> Result<()> {
        Calls::write_engine_lease(self, mount, lease)
    }

    async fn role(&self, mount: &MountPath, name: &RoleName) -> Result<Option<AwsVaultRole>> {
        Calls::role(self, mount, name)
    }

    async fn write_role(
        &self,
        mount: &MountPath,
        name: &RoleName,
        role: &AwsVaultRole,
        previous: Option<&AwsVaultRole>,
    ) -> Result<()> {
        Calls::write_role(self, mount, name, role, previous.cloned())
    }

    async fn delete_role(&self, mount: &MountPath, name: &RoleName) -> Result<()> {
        Calls::delete_role(self, mount, name)
    }
}

#[async_trait]
impl Credentials for MockVault {
    async fn issue(
        &self,
        request: &IssueRequest,
        under: Option<&Redacted>,
    ) -> Result<IssuedCredential> {
        Calls::issue(self, request, under.cloned())
    }
}
