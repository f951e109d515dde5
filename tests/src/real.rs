//! The real servers as a [`Stand`].

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, api::PostParams};
use reqwest::Method;
use serde_json::{Value, json};

use crate::servers::{
    Aws, AwsKey, AwsStandIn, Binaries, Cli, Cluster, ClusterOptions, Moto, Process,
    Stand as Folder, StandIn, Vault, VaultOptions, process::Spec, tls,
};
use crate::stand::{ControlPlane, OPERATOR, Operator, OwnStand, Server, Stand, Start, Wants};
use crate::world::base64;

/// A control plane, a Vault and an AWS, each a process of its own.
pub struct RealStand {
    /// The control plane.
    pub cluster: Cluster,
    /// The Vault.
    pub vault: Vault,
    aws: OwnAws,
    client: Client,
    folder: Folder,
}

/// The AWS of a stand.
enum OwnAws {
    /// moto, which others made; it enforces IAM.
    Moto(Moto, AwsKey),
    /// Ours, which fails when told to, and in AWS's words.
    StandIn(AwsStandIn),
}

impl std::fmt::Debug for RealStand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RealStand").finish_non_exhaustive()
    }
}

/// What differs from one stand of real servers to the next.
#[derive(Clone, Debug, Default)]
pub struct RealOptions {
    /// What any stand can be asked for.
    pub wants: Wants,
    /// Flags for the API server.
    pub apiserver_flags: Vec<String>,
    /// Flags for the AWS stand-in.
    pub stand_in_flags: Vec<&'static str>,
}

impl RealStand {
    /// Starts all of them, with a Vault that can be sealed.
    pub async fn start_as(options: RealOptions, folder: Folder) -> Result<Self> {
        let binaries = Binaries::locate()?;
        let RealOptions {
            wants,
            apiserver_flags,
            stand_in_flags,
        } = options;
        let authority = tls::Authority::new()?;
        let issue = |name| authority.issue(&[name, "127.0.0.1"]);
        let vault = VaultOptions {
            tls: wants.tls.map(issue).transpose()?,
            audit: wants.audit,
            ..VaultOptions::default()
        };
        let cluster = ClusterOptions {
            apiserver_flags,
            ..ClusterOptions::default()
        };
        let (cluster, vault, aws) = tokio::join!(
            Cluster::start_with(&binaries, cluster),
            Vault::start_server(&binaries, &vault),
            OwnAws::start(&binaries, wants.faults, &stand_in_flags)
        );
        let (cluster, vault, aws) = (cluster?, vault?, aws?);
        Ok(Self {
            client: client(cluster.kubeconfig_admin()).await?,
            cluster,
            vault,
            aws,
            folder,
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

    /// Where this stand's operators keep their files.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// An operator as a bare process.
    pub async fn spawn_operator(&self, how: Start<'_>) -> Result<Process> {
        spawn_operator(&self.folder, &self.client, &self.kube_server(), how).await
    }
}

impl OwnAws {
    async fn start(binaries: &Binaries, faults: bool, flags: &[&str]) -> Result<Self> {
        if faults {
            return Ok(Self::StandIn(AwsStandIn::start_with(flags).await?));
        }
        let moto = Moto::start(binaries).await?;
        let root = moto.bootstrap_root().await?;
        Ok(Self::Moto(moto, root))
    }

    fn url(&self) -> &str {
        match self {
            Self::Moto(moto, _) => &moto.url,
            Self::StandIn(aws) => &aws.url,
        }
    }
}

/// The operator's program against these servers.
pub(crate) async fn run_operator(
    folder: &Folder,
    client: &Client,
    server: &Server,
    how: Start<'_>,
) -> Result<Box<dyn Operator>> {
    let process = spawn_operator(folder, client, server, how).await?;
    Ok(Box::new(ProcessOperator(process)))
}

async fn spawn_operator(
    folder: &Folder,
    client: &Client,
    server: &Server,
    how: Start<'_>,
) -> Result<Process> {
    let token = operator_token(client).await?;
    let (name, cluster) = match (how.api_server, &server.ca_pem) {
        (Some(proxy), _) => ("proxied", json!({ "server": proxy })),
        (None, None) => ("operator", json!({ "server": server.url })),
        (None, Some(ca)) => (
            "operator",
            json!({
                "server": server.url,
                "certificate-authority-data": base64(ca.as_bytes()),
            }),
        ),
    };
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "e2e",
        "clusters": [{"name": "e2e", "cluster": cluster}],
        "users": [{"name": "operator", "user": {"token": token}}],
        "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": "operator"}}],
    });
    let kubeconfig = folder.write(&format!("{name}.kubeconfig"), kubeconfig.to_string())?;
    let mut spec = Spec::new("leasehold", &binary("leasehold")?, &folder.path(""))
        // Below the tether's patience: an operator that has to be killed is a failure.
        .args(["run", "--listen=off", "--grace=3s"])
        .arg(format!("--home-namespace={}", OPERATOR.0))
        .args(how.flags.iter().copied())
        .env("KUBECONFIG", kubeconfig);
    for (name, value) in how.env {
        spec = spec.env(*name, *value);
    }
    Process::spawn(spec)
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

    fn kube_server(&self) -> Server {
        Server {
            url: self.cluster.url().to_owned(),
            ca_pem: Some(self.cluster.ca_pem().to_owned()),
        }
    }

    fn vault_server(&self) -> Server {
        Server {
            url: self.vault.address.clone(),
            ca_pem: self.vault.ca_pem.clone(),
        }
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

    fn vault_requests(&self) -> Result<Vec<(String, String)>> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let all = self.vault.audited_requests()?.into_iter().map(|entry| {
            let request = &entry["request"];
            (text(&request["operation"]), text(&request["path"]))
        });
        Ok(all.collect())
    }

    async fn seal(&self) -> Result<()> {
        self.vault.seal().await
    }

    async fn unseal(&self) -> Result<()> {
        self.vault.unseal().await
    }

    fn aws_address(&self) -> String {
        self.aws.url().to_owned()
    }

    fn aws_root(&self) -> AwsKey {
        match &self.aws {
            OwnAws::Moto(_, root) => root.clone(),
            OwnAws::StandIn(aws) => aws.root_key(),
        }
    }

    fn aws(&self, key: AwsKey) -> Result<Aws> {
        Aws::new(self.aws.url(), key)
    }

    fn stand_in(&self) -> Result<&StandIn> {
        match &self.aws {
            OwnAws::Moto(..) => bail!("moto cannot be told to fail: ask for Wants::faults"),
            OwnAws::StandIn(aws) => Ok(aws),
        }
    }

    async fn start_operator(&self, how: Start<'_>) -> Result<Box<dyn Operator>> {
        run_operator(&self.folder, &self.client, &self.kube_server(), how).await
    }
}

#[async_trait]
impl OwnStand for RealStand {
    async fn start_with(wants: Wants) -> Result<Self> {
        let options = RealOptions {
            wants,
            ..RealOptions::default()
        };
        Self::start_as(options, Folder::new("operator")?).await
    }

    async fn control_plane() -> Result<ControlPlane> {
        let cluster = Cluster::start(&Binaries::locate()?).await?;
        Ok(ControlPlane {
            client: client(cluster.kubeconfig_admin()).await?,
            server: Server {
                url: cluster.url().to_owned(),
                ca_pem: Some(cluster.ca_pem().to_owned()),
            },
            running: Box::new(cluster),
        })
    }

    async fn stop_vault(&mut self) -> Result<()> {
        self.vault.stop().await
    }

    async fn start_vault(&mut self) -> Result<()> {
        self.vault.start_again().await
    }

    fn pause_kube(&mut self) -> Result<()> {
        self.cluster.apiserver.process.pause()
    }

    fn resume_kube(&mut self) -> Result<()> {
        self.cluster.apiserver.process.resume()
    }
}

struct ProcessOperator(Process);

#[async_trait]
impl Operator for ProcessOperator {
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
