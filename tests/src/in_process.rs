//! The sandbox as a [`Stand`]: the same scenarios, in seconds and without other programs.

use anyhow::{Context, Result};
use async_trait::async_trait;
use kube::Client;
use leasehold_sandbox::{
    Config, Sandbox,
    faults::{Cut, FaultPlan, Rule},
};
use reqwest::Method;
use serde_json::Value;

use crate::real;
use crate::servers::{Aws, AwsKey, Stand as Folder, StandIn};
use crate::stand::{ControlPlane, Operator, OwnStand, Server, Stand, Start, Wants};

/// More than any scenario asks of Vault.
const AUDITED: usize = 100_000;
/// Longer than any scenario.
const FOR_EVER: u64 = 3_600_000;

/// The three small servers in this process; the operator is the real program.
pub struct SandboxStand {
    sandbox: Sandbox,
    client: Client,
    aws: StandIn,
    folder: Folder,
}

impl std::fmt::Debug for SandboxStand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SandboxStand").finish_non_exhaustive()
    }
}

#[async_trait]
impl Stand for SandboxStand {
    fn kube(&self) -> Client {
        self.client.clone()
    }

    fn kube_server(&self) -> Server {
        server(&self.sandbox)
    }

    fn vault_server(&self) -> Server {
        let url = self.sandbox.vault_url();
        let is_tls = url.starts_with("https:");
        let authority = self.sandbox.authority().filter(|_| is_tls);
        Server {
            url,
            ca_pem: authority.map(str::to_owned),
        }
    }

    async fn vault(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, Value)> {
        let path = format!("/v1/{path}");
        Ok(self.sandbox.ask_vault(method.as_str(), &path, body))
    }

    fn vault_requests(&self) -> Result<Vec<(String, String)>> {
        Ok(self.sandbox.with_vault(|vault| {
            let all = vault.audited();
            all.map(|entry| (entry.operation.to_owned(), entry.path.clone()))
                .collect()
        }))
    }

    async fn seal(&self) -> Result<()> {
        self.sandbox
            .with_vault(leasehold_sandbox::vault::Vault::seal);
        Ok(())
    }

    async fn unseal(&self) -> Result<()> {
        self.sandbox
            .with_vault(leasehold_sandbox::vault::Vault::unseal);
        Ok(())
    }

    fn aws_address(&self) -> String {
        self.sandbox.aws_url()
    }

    fn aws_root(&self) -> AwsKey {
        self.aws.root_key()
    }

    fn aws(&self, key: AwsKey) -> Result<Aws> {
        self.aws.aws(key)
    }

    fn stand_in(&self) -> Result<&StandIn> {
        Ok(&self.aws)
    }

    async fn start_operator(&self, how: Start<'_>) -> Result<Box<dyn Operator>> {
        real::run_operator(&self.folder, &self.client, &self.kube_server(), how).await
    }
}

#[async_trait]
impl OwnStand for SandboxStand {
    async fn start_with(wants: Wants) -> Result<Self> {
        let mut config = config();
        config.vault_tls = wants.tls.is_some();
        config.names.extend(wants.tls.map(str::to_owned));
        let sandbox = Sandbox::start(config).await?;
        if wants.audit {
            sandbox.with_vault(|vault| vault.set_audit(AUDITED));
        }
        let folder = Folder::new("operator")?;
        let kubeconfig = folder.write("admin.kubeconfig", sandbox.kubeconfig())?;
        let (access_key, secret_key) = sandbox.aws_root();
        let root = AwsKey {
            access_key: access_key.to_owned(),
            secret_key: secret_key.to_owned(),
            session_token: None,
        };
        Ok(Self {
            client: real::client(&kubeconfig).await.context("a client")?,
            aws: StandIn::at(&sandbox.aws_url(), root)?,
            sandbox,
            folder,
        })
    }

    async fn control_plane() -> Result<ControlPlane> {
        let sandbox = Sandbox::start(config()).await?;
        let folder = Folder::new("kubeconfig")?;
        let kubeconfig = folder.write("admin.kubeconfig", sandbox.kubeconfig())?;
        Ok(ControlPlane {
            client: real::client(&kubeconfig).await.context("a client")?,
            server: server(&sandbox),
            running: Box::new(sandbox),
        })
    }

    async fn stop_vault(&mut self) -> Result<()> {
        let gone = Rule {
            cut: Some(Cut::Before),
            ..Rule::default()
        };
        self.sandbox
            .with_vault(|vault| vault.set_faults(plan(gone)));
        Ok(())
    }

    async fn start_vault(&mut self) -> Result<()> {
        self.sandbox.with_vault(|vault| {
            vault.seal();
            vault.set_faults(FaultPlan::default());
        });
        Ok(())
    }

    fn pause_kube(&mut self) -> Result<()> {
        let silent = Rule {
            delay_ms: FOR_EVER,
            ..Rule::default()
        };
        self.sandbox.with_kube(|kube| kube.set_faults(plan(silent)));
        Ok(())
    }

    fn resume_kube(&mut self) -> Result<()> {
        self.sandbox
            .with_kube(|kube| kube.set_faults(FaultPlan::default()));
        Ok(())
    }
}

fn config() -> Config {
    let mut config = Config {
        kube_tls: true,
        ..Config::default()
    };
    // No two stands hand out the same ids.
    let seed = config.clock.now().as_microsecond().unsigned_abs();
    (config.kube.seed, config.vault.seed, config.aws.seed) = (seed, seed, seed);
    config
}

fn server(sandbox: &Sandbox) -> Server {
    Server {
        url: sandbox.kube_url(),
        ca_pem: sandbox.authority().map(str::to_owned),
    }
}

fn plan(rule: Rule) -> FaultPlan {
    FaultPlan { rules: vec![rule] }
}
