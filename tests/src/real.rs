//! The real servers as a [`Stand`].

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use async_trait::async_trait;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, api::PostParams};
use reqwest::Method;
use serde_json::Value;

use crate::servers::{
    Aws, AwsKey, Binaries, Cli, Cluster, Moto, Process, Stand as Folder, Vault, VaultOptions,
    process::Spec,
};
use crate::stand::{Operator, Stand};

/// Namespace and name of the ServiceAccount that the operator runs as.
pub const OPERATOR: (&str, &str) = ("leasehold-system", "leasehold");

/// A control plane, a Vault and moto, each a process of its own.
pub struct RealStand {
    /// The control plane.
    pub cluster: Cluster,
    /// The Vault.
    pub vault: Vault,
    /// The AWS stand-in; it enforces IAM.
    pub moto: Moto,
    client: Client,
    root: AwsKey,
    folder: Folder,
}

impl std::fmt::Debug for RealStand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RealStand").finish_non_exhaustive()
    }
}

impl RealStand {
    /// Starts all of them, with a Vault that can be sealed.
    pub async fn start() -> Result<Self> {
        Self::start_with(&VaultOptions::default()).await
    }

    /// The same with another Vault.
    pub async fn start_with(vault: &VaultOptions) -> Result<Self> {
        let binaries = Binaries::locate()?;
        let (cluster, vault, moto) = tokio::join!(
            Cluster::start(&binaries),
            Vault::start_server(&binaries, vault),
            Moto::start(&binaries)
        );
        let (cluster, vault, moto) = (cluster?, vault?, moto?);
        let root = moto.bootstrap_root().await?;
        let client = client(cluster.kubeconfig_admin()).await?;
        Ok(Self {
            cluster,
            vault,
            moto,
            client,
            root,
            folder: Folder::new("operator")?,
        })
    }

    /// kubectl as the administrator, with our plugin on its PATH.
    pub fn kubectl(&self) -> Result<Cli> {
        let plugin = binary("kubectl-vault")?;
        let dir = plugin
            .parent()
            .context("the plugin is in a folder")?
            .to_owned();
        Ok(self
            .cluster
            .kubectl_as(self.cluster.kubeconfig_admin())
            .path_dir(&dir))
    }

    /// An operator that reaches the API server at another address (a proxy's), over plain HTTP.
    pub async fn operator_through(
        &self,
        api_server: &str,
        flags: &[&str],
    ) -> Result<Box<dyn Operator>> {
        let kubeconfig = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "proxy",
            "clusters": [{"name": "proxy", "cluster": {"server": api_server}}],
            "users": [{"name": "operator", "user": {"token": operator_token(&self.client).await?}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "operator"}}],
        });
        let path = self
            .folder
            .write("proxied.kubeconfig", kubeconfig.to_string())?;
        run_operator(&self.folder, &path, flags, &[])
    }

    /// An operator whose environment has more than the usual.
    pub async fn operator_in(
        &self,
        env: &[(&str, &Path)],
        flags: &[&str],
    ) -> Result<Box<dyn Operator>> {
        let token = operator_token(&self.client).await?;
        let kubeconfig = self.cluster.kubeconfig_with_token("operator", &token)?;
        run_operator(&self.folder, &kubeconfig, flags, env)
    }
}

pub(crate) fn run_operator(
    folder: &Folder,
    kubeconfig: &Path,
    flags: &[&str],
    env: &[(&str, &Path)],
) -> Result<Box<dyn Operator>> {
    let mut spec = Spec::new("leasehold", &binary("leasehold")?, &folder.path(""))
        // Below the tether's patience: an operator that has to be killed is a failure.
        .args(["run", "--listen=off", "--grace=3s"])
        .arg(format!("--home-namespace={}", OPERATOR.0))
        .args(flags.iter().copied())
        .env("KUBECONFIG", kubeconfig);
    for (name, value) in env {
        spec = spec.env(*name, *value);
    }
    Ok(Box::new(RealOperator(Process::spawn(spec)?)))
}

/// A token of the operator's own ServiceAccount.
pub(crate) async fn operator_token(client: &Client) -> Result<String> {
    let (namespace, name) = OPERATOR;
    let api: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let request = TokenRequest {
        spec: TokenRequestSpec {
            expiration_seconds: Some(4 * 3600),
            ..TokenRequestSpec::default()
        },
        ..TokenRequest::default()
    };
    let answer = api
        .create_token_request(name, &PostParams::default(), &request)
        .await?;
    Ok(answer.status.context("a token was asked for")?.token)
}

pub(crate) async fn client(kubeconfig: &Path) -> Result<Client> {
    // A second provider in the tree would make this ambiguous; there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// A binary of this workspace, built before the tests run (`make e2e` does).
pub fn binary(name: &str) -> Result<PathBuf> {
    // A test is target/…/deps/NAME, an example target/…/examples/NAME, a program target/…/NAME.
    let exe = std::env::current_exe()?;
    let found = exe
        .ancestors()
        .skip(1)
        .take(2)
        .map(|dir| dir.join(name))
        .find(|p| p.is_file());
    let path = found.with_context(|| {
        format!("{name} is not built: run make e2e, or cargo build --workspace first")
    })?;
    Ok(path)
}

#[async_trait]
impl Stand for RealStand {
    fn kube(&self) -> Client {
        self.client.clone()
    }

    fn vault_address(&self) -> String {
        self.vault.address.clone()
    }

    async fn vault(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, Value)> {
        self.vault
            .request(&self.vault.root_token, method, path, body)
            .await
    }

    async fn seal(&self) -> Result<()> {
        self.vault.seal().await
    }

    async fn unseal(&self) -> Result<()> {
        self.vault.unseal().await
    }

    fn aws_address(&self) -> String {
        self.moto.url.clone()
    }

    fn aws_root(&self) -> AwsKey {
        self.root.clone()
    }

    fn aws(&self, key: AwsKey) -> Result<Aws> {
        self.moto.aws(key)
    }

    async fn operator(&self, flags: &[&str]) -> Result<Box<dyn Operator>> {
        self.operator_in(&[], flags).await
    }
}

struct RealOperator(Process);

#[async_trait]
impl Operator for RealOperator {
    async fn stop(&mut self) -> Result<()> {
        self.0.stop().await?;
        let status = self.0.exited().context("it was waited for")?;
        anyhow::ensure!(
            status.code() == Some(0),
            "the operator did not end by itself but with {status}:\n{}",
            self.log()
        );
        Ok(())
    }

    async fn kill(&mut self) -> Result<()> {
        self.0.kill().await
    }

    fn pause(&mut self) -> Result<()> {
        self.0.pause()
    }

    fn resume(&mut self) -> Result<()> {
        self.0.resume()
    }

    fn log(&self) -> String {
        self.0.log_tail(400)
    }
}
