//! A Kubernetes control plane: etcd, apiserver and controllers.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;

use super::apiserver::{ApiServer, User};
use super::cli::{Cli, Run};
use super::controller_manager::ControllerManager;
use super::etcd::Etcd;
use super::{Binaries, Stand, http};

/// What differs from one cluster to the next.
#[derive(Debug, Clone, Default)]
pub struct ClusterOptions {
    /// Flags for the apiserver beyond, or instead of, the usual ones.
    pub apiserver_flags: Vec<String>,
    /// Users with static tokens, besides the administrator.
    pub users: Vec<User>,
}

/// A running control plane without nodes.
#[derive(Debug)]
pub struct Cluster {
    // Fields drop in this order, and each server goes before the one it needs.
    /// The controllers; to be stopped or paused at will.
    pub controller_manager: ControllerManager,
    /// The apiserver; to be stopped or paused at will.
    pub apiserver: ApiServer,
    /// The storage; to be stopped or paused at will.
    pub etcd: Etcd,
    binaries: Binaries,
    kubeconfig: PathBuf,
    stand: Stand,
}

impl Cluster {
    /// Starts a cluster and waits until its controllers work.
    pub async fn start(binaries: &Binaries) -> Result<Self> {
        Self::start_with(binaries, ClusterOptions::default()).await
    }

    /// Starts a cluster that differs from the usual one.
    pub async fn start_with(binaries: &Binaries, options: ClusterOptions) -> Result<Self> {
        let stand = Stand::new("cluster")?;
        let etcd = Etcd::start(binaries, &stand).await?;
        let ClusterOptions {
            users,
            apiserver_flags,
        } = options;
        let apiserver =
            ApiServer::start(binaries, &stand, &etcd.url, &users, &apiserver_flags).await?;
        let kubeconfig = write_kubeconfig(&stand, &apiserver, "admin", &apiserver.admin_token)?;
        let controller_manager =
            ControllerManager::start(binaries, &stand, &apiserver, &kubeconfig)?;
        let binaries = binaries.clone();
        let mut cluster = Self {
            controller_manager,
            apiserver,
            etcd,
            binaries,
            kubeconfig,
            stand,
        };
        cluster.controllers_ready().await?;
        Ok(cluster)
    }

    /// The apiserver's address.
    pub fn url(&self) -> &str {
        &self.apiserver.url
    }

    /// The authority of the apiserver's certificate.
    pub fn ca_pem(&self) -> &str {
        &self.apiserver.ca_pem
    }

    /// A token that may do everything.
    pub fn admin_token(&self) -> &str {
        &self.apiserver.admin_token
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig_admin(&self) -> &Path {
        &self.kubeconfig
    }

    /// Writes a kubeconfig for whoever a token stands for, such as a service
    /// account's from TokenRequest.
    pub fn kubeconfig_with_token(&self, file_name: &str, token: &str) -> Result<PathBuf> {
        write_kubeconfig(&self.stand, &self.apiserver, file_name, token)
    }

    /// Runs the real kubectl as the administrator.
    pub async fn kubectl(&self, args: &[&str]) -> Result<Run> {
        self.kubectl_as(&self.kubeconfig).run(args).await
    }

    /// kubectl with a kubeconfig of one's choice, to be refined further: a
    /// plugin's folder on the PATH, a manifest on standard input.
    pub fn kubectl_as(&self, kubeconfig: &Path) -> Cli {
        let home = self.stand.path("kubectl-home");
        Cli::new(&self.binaries.program("kubectl"), &home).env("KUBECONFIG", kubeconfig)
    }

    /// The controllers serve no port here, so their effects tell: the service
    /// account and the root certificate that every namespace gets.
    async fn controllers_ready(&mut self) -> Result<()> {
        let ApiServer {
            url,
            ca_pem,
            admin_token,
            ..
        } = &self.apiserver;
        let client = http::client(Some(ca_pem))?;
        let paths = ["serviceaccounts/default", "configmaps/kube-root-ca.crt"];
        self.controller_manager
            .process
            .ready(|| async {
                for path in paths {
                    client
                        .get(format!("{url}/api/v1/namespaces/default/{path}"))
                        .bearer_auth(admin_token)
                        .send()
                        .await?
                        .error_for_status()?;
                }
                Ok(())
            })
            .await
            .context("kube-controller-manager")
    }
}

fn write_kubeconfig(
    stand: &Stand,
    apiserver: &ApiServer,
    file_name: &str,
    token: &str,
) -> Result<PathBuf> {
    // JSON is YAML.
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "e2e",
        "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": "e2e"}}],
        "clusters": [{"name": "e2e", "cluster": {
            "server": apiserver.url,
            "certificate-authority": apiserver.ca_file,
        }}],
        "users": [{"name": "e2e", "user": {"token": token}}],
    });
    stand.write(&format!("{file_name}.kubeconfig"), kubeconfig.to_string())
}
