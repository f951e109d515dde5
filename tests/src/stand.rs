//! What a scenario needs of the servers it runs on: it speaks API only, so that it runs unchanged
//! on real servers and on in-process ones.

use std::path::Path;

use anyhow::{Result, bail};
use async_trait::async_trait;
use kube::Client;
use reqwest::Method;
use serde_json::Value;

use crate::servers::{Aws, AwsKey, StandIn};

/// Namespace and name of the ServiceAccount that the operator runs as.
pub const OPERATOR: (&str, &str) = ("leasehold-system", "leasehold");

/// What a scenario asks of a stand beyond the usual.
#[derive(Clone, Debug, Default)]
pub struct Wants {
    /// Vault serves TLS with a certificate that has this name, beside its address.
    pub tls: Option<&'static str>,
    /// Vault notes what it is asked, for [`Stand::vault_requests`].
    pub audit: bool,
    /// AWS can be told what shall go wrong, through [`Stand::stand_in`].
    pub faults: bool,
}

/// Where a server is, and whose certificates to believe there.
#[derive(Clone, Debug)]
pub struct Server {
    /// `https://…` or `http://…`.
    pub url: String,
    /// The authority of its certificate.
    pub ca_pem: Option<String>,
}

impl Server {
    /// One that speaks plain HTTP.
    pub fn plain(url: String) -> Self {
        Self { url, ca_pem: None }
    }
}

/// How an operator is started, beyond what a deployment says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Start<'a> {
    /// Further flags.
    pub flags: &'a [&'a str],
    /// Further environment: paths of files.
    pub env: &'a [(&'a str, &'a Path)],
    /// The API server's address, if it is not the stand's: a proxy's, over plain HTTP.
    pub api_server: Option<&'a str>,
}

/// A Kubernetes, a Vault and an AWS, and operators to run on them.
#[async_trait]
pub trait Stand: Send + Sync {
    /// The API server, as a cluster administrator.
    fn kube(&self) -> Client;

    /// Where the API server is.
    fn kube_server(&self) -> Server;

    /// Where the Vault is.
    fn vault_server(&self) -> Server;

    /// Address of the Vault.
    fn vault_address(&self) -> String {
        self.vault_server().url
    }

    /// A call to Vault as its root: status and body.
    async fn vault(&self, method: Method, path: &str, body: Option<&Value>)
    -> Result<(u16, Value)>;

    /// What Vault was asked so far, oldest first: `operation` and `path`.
    /// Needs [`Wants::audit`].
    fn vault_requests(&self) -> Result<Vec<(String, String)>>;

    /// Seals the Vault.
    async fn seal(&self) -> Result<()>;

    /// Unseals it.
    async fn unseal(&self) -> Result<()>;

    /// Address of the AWS that Vault calls.
    fn aws_address(&self) -> String;

    /// The AWS credentials Vault shall use.
    fn aws_root(&self) -> AwsKey;

    /// AWS, with a key.
    fn aws(&self, key: AwsKey) -> Result<Aws>;

    /// The AWS, to be told what shall go wrong. Needs [`Wants::faults`].
    fn stand_in(&self) -> Result<&StandIn>;

    /// Starts an operator as the ServiceAccount it is deployed with.
    async fn start_operator(&self, how: Start<'_>) -> Result<Box<dyn Operator>>;

    /// The same, with nothing special but these flags.
    async fn operator(&self, flags: &[&str]) -> Result<Box<dyn Operator>> {
        self.start_operator(Start {
            flags,
            ..Start::default()
        })
        .await
    }
}

/// A Kubernetes alone. It ends when dropped.
pub struct ControlPlane {
    /// Its cluster administrator.
    pub client: Client,
    /// Where it is.
    pub server: Server,
    /// What serves it.
    pub running: Box<dyn std::any::Any + Send + Sync>,
}

impl std::fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ControlPlane")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// A stand of its own, which a scenario may stop in parts.
#[async_trait]
pub trait OwnStand: Stand + Sized {
    /// Starts it.
    async fn start_with(wants: Wants) -> Result<Self>;

    /// Starts it with the usual.
    async fn start() -> Result<Self> {
        Self::start_with(Wants::default()).await
    }

    /// Starts a further Kubernetes of its kind.
    async fn control_plane() -> Result<ControlPlane>;

    /// Takes the Vault away: nobody listens.
    async fn stop_vault(&mut self) -> Result<()>;

    /// Starts the Vault again, with its data, sealed.
    async fn start_vault(&mut self) -> Result<()>;

    /// From now on the API server takes connections and answers nobody.
    fn pause_kube(&mut self) -> Result<()>;

    /// It answers again.
    fn resume_kube(&mut self) -> Result<()>;
}

/// An operator under test. It ends when dropped.
#[async_trait]
pub trait Operator: Send {
    /// Ends it as Kubernetes does: told to, then waited for. That it had to be killed is an error.
    async fn stop(&mut self) -> Result<()>;

    /// Ends it at once.
    async fn kill(&mut self) -> Result<()>;

    /// Freezes it (SIGSTOP).
    fn pause(&mut self) -> Result<()> {
        bail!("this operator cannot be frozen")
    }

    /// Lets it go on.
    fn resume(&mut self) -> Result<()> {
        bail!("this operator cannot be frozen")
    }

    /// What it logged last.
    fn log(&self) -> String;
}
