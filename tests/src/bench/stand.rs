//! The servers of a bench: like those of the scenarios, with audit logs that tell what was asked
//! of them and by whom.

use std::path::Path;

use anyhow::{Context, Result};
use async_trait::async_trait;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, api::PostParams};
use reqwest::Method;
use serde_json::{Value, json};

use super::audit::Log;
use crate::real::{OPERATOR, binary};
use crate::servers::process::Spec;
use crate::servers::{
    Aws, AwsKey, AwsStandIn, Binaries, Cluster, ClusterOptions, Process, Stand as Folder, Vault,
    VaultOptions,
};
use crate::stand::{Operator, Stand};

/// A control plane and a Vault that write audit logs, and an AWS.
pub struct BenchStand {
    /// The control plane.
    pub cluster: Cluster,
    /// The Vault.
    pub vault: Vault,
    aws: AwsStandIn,
    client: Client,
    folder: Folder,
}

impl std::fmt::Debug for BenchStand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BenchStand").finish_non_exhaustive()
    }
}

impl BenchStand {
    /// Starts all of them.
    pub async fn start() -> Result<Self> {
        let binaries = Binaries::locate()?;
        let folder = Folder::new("bench")?;
        let options = ClusterOptions {
            apiserver_flags: audit_flags(&folder)?,
            ..ClusterOptions::default()
        };
        let audited = VaultOptions {
            audit: true,
            ..VaultOptions::default()
        };
        let (cluster, vault, aws) = tokio::join!(
            Cluster::start_with(&binaries, options),
            Vault::start_server(&binaries, &audited),
            AwsStandIn::start_with(&["--max-users=100000"])
        );
        let (cluster, vault, aws) = (cluster?, vault?, aws?);
        let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig_admin())?;
        let config =
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        Ok(Self {
            client: Client::try_from(config)?,
            cluster,
            vault,
            aws,
            folder,
        })
    }

    /// What the operator's ServiceAccount asks of the API server, from now on.
    pub fn kube_log(&self) -> Log {
        Log::from_its_end(self.folder.path("audit.log"))
    }

    /// What is asked of Vault, from now on.
    pub fn vault_log(&self) -> Result<Log> {
        let dir = self.vault.process.log_path().parent();
        let dir = dir.context("the log is in a folder")?;
        Ok(Log::from_its_end(dir.join("audit.log")))
    }

    /// The IAM users that Vault made: how many ever, and how many there are.
    pub async fn users(&self) -> Result<(u64, usize)> {
        let state = self.aws.state().await?;
        let calls = &state["counts"]["CreateUser"];
        let count = |what: &str| calls[what].as_u64().unwrap_or_default();
        Ok((
            count("calls") - count("errors"),
            self.aws.users().await?.len(),
        ))
    }

    /// A token of the operator's own ServiceAccount.
    pub async fn operator_token(&self) -> Result<String> {
        let (namespace, name) = OPERATOR;
        let api: Api<ServiceAccount> = Api::namespaced(self.client.clone(), namespace);
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

    /// Starts the operator as it is deployed, in a process of its own.
    pub async fn spawn(&self, flags: &[&str]) -> Result<Process> {
        let token = self.operator_token().await?;
        let kubeconfig = self.cluster.kubeconfig_with_token("operator", &token)?;
        let spec = Spec::new("leasehold", &binary("leasehold")?, &self.folder.path(""))
            .args(["run", "--listen=off", "--grace=3s"])
            .arg(format!("--home-namespace={}", OPERATOR.0))
            .args(flags.iter().copied())
            .env("KUBECONFIG", kubeconfig);
        Process::spawn(spec)
    }
}

/// Metadata of what the operator's ServiceAccount asks, and of nothing else. Each line is written
/// before the answer is complete, so that none is missing or dropped.
fn audit_flags(folder: &Folder) -> Result<Vec<String>> {
    let account = format!("system:serviceaccount:{}:{}", OPERATOR.0, OPERATOR.1);
    let policy = json!({
        "apiVersion": "audit.k8s.io/v1", "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "omitManagedFields": true,
        "rules": [{"level": "Metadata", "users": [account]}, {"level": "None"}],
    });
    let policy = folder.write("audit-policy.json", policy.to_string())?;
    let flag = |name: &str, path: &Path| format!("--audit-{name}={}", path.display());
    Ok(vec![
        flag("policy-file", &policy),
        flag("log-path", &folder.path("audit.log")),
        // No rotation: it would move lines away from the reader.
        "--audit-log-maxsize=0".into(),
    ])
}

#[async_trait]
impl Stand for BenchStand {
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
        self.aws.url.clone()
    }

    fn aws_root(&self) -> AwsKey {
        self.aws.root_key()
    }

    fn aws(&self, key: AwsKey) -> Result<Aws> {
        self.aws.aws(key)
    }

    async fn operator(&self, flags: &[&str]) -> Result<Box<dyn Operator>> {
        Ok(Box::new(Spawned(self.spawn(flags).await?)))
    }
}

struct Spawned(Process);

#[async_trait]
impl Operator for Spawned {
    async fn stop(&mut self) -> Result<()> {
        self.0.stop().await
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
