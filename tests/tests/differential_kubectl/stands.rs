//! The two servers, and kubectl at each.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use e2e::manifests;
use e2e::servers::apiserver::User;
use e2e::servers::{Binaries, Cli, Cluster, ClusterOptions, Run, Stand};
use e2e::world::base64;
use leasehold_sandbox::kube::User as SandboxUser;
use leasehold_sandbox::{Config, Sandbox};
use serde_json::json;
use tokio::time::Instant;

use crate::case::Case;
use crate::{Done, mask};

/// Only there so that a broken test ends.
const DEADLINE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(100);

/// A real control plane and a sandbox, with the same users.
pub(crate) struct Pair {
    pub(crate) real: Server,
    pub(crate) sandbox: Server,
    _servers: (Cluster, Sandbox),
}

/// One of the two.
pub(crate) struct Server {
    url: String,
    ca_pem: String,
    admin_token: String,
    limited_token: String,
    kubectl: PathBuf,
    /// kubectl's home, where it remembers what the server has, and its kubeconfigs.
    folder: Stand,
}

impl Pair {
    pub(crate) async fn start() -> Result<Self> {
        let binaries = Binaries::locate()?;
        let limited = User::new("limited", &["devs"])?;
        let admin = User::new("admin", &["system:masters"])?;
        let options = ClusterOptions {
            users: vec![limited.clone(), admin.clone()],
            ..ClusterOptions::default()
        };
        let cluster = Cluster::start_with(&binaries, options).await?;
        let sandbox = start_sandbox(&[&limited, &admin]).await?;
        let server = |name: &str, url: &str, ca_pem: &str| {
            anyhow::Ok(Server {
                url: url.to_owned(),
                ca_pem: ca_pem.to_owned(),
                admin_token: admin.token.clone(),
                limited_token: limited.token.clone(),
                kubectl: binaries.program("kubectl"),
                folder: Stand::new(name)?,
            })
        };
        let authority = sandbox.authority().context("the sandbox serves TLS")?;
        Ok(Self {
            real: server("real", cluster.url(), cluster.ca_pem())?,
            sandbox: server("sandbox", &sandbox.kube_url(), authority)?,
            _servers: (cluster, sandbox),
        })
    }
}

async fn start_sandbox(users: &[&User]) -> Result<Sandbox> {
    let mut config = Config {
        kube_tls: true,
        ..Config::default()
    };
    let user = |user: &User| SandboxUser {
        name: user.name.clone(),
        groups: user.groups.clone(),
        token: user.token.clone(),
    };
    config.kube.users = users.iter().copied().map(user).collect();
    Ok(Sandbox::start(config).await?)
}

/// A server on the way through one case file.
pub(crate) struct Side<'a> {
    server: &'a Server,
    admin: PathBuf,
    limited: PathBuf,
    saved: BTreeMap<String, String>,
}

impl<'a> Side<'a> {
    pub(crate) fn new(server: &'a Server, namespace: &str) -> Result<Self> {
        let kubeconfig = |user: &str, token: &str| {
            let content = json!({
                "apiVersion": "v1", "kind": "Config", "current-context": "e2e",
                "clusters": [{"name": "e2e", "cluster": {
                    "server": server.url,
                    "certificate-authority-data": base64(server.ca_pem.as_bytes()),
                }}],
                "users": [{"name": user, "user": {"token": token}}],
                "contexts": [{"name": "e2e", "context": {
                    "cluster": "e2e", "user": user, "namespace": namespace,
                }}],
            });
            let name = format!("{namespace}-{user}.kubeconfig");
            server.folder.write(&name, content.to_string())
        };
        let repo = manifests::root().display().to_string();
        let saved = [
            ("ns".to_owned(), namespace.to_owned()),
            ("repo".to_owned(), repo),
        ];
        Ok(Self {
            server,
            admin: kubeconfig("admin", &server.admin_token)?,
            limited: kubeconfig("limited", &server.limited_token)?,
            saved: saved.into(),
        })
    }

    /// The file's namespace, with what controllers put there.
    pub(crate) async fn make_namespace(&self) -> Result<()> {
        let namespace = self.saved["ns"].clone();
        let kubectl = self.kubectl(false);
        kubectl
            .run(&["create", "namespace", &namespace])
            .await?
            .ok()?;
        for (object, name) in [
            ("serviceaccount", "default"),
            ("configmap", "kube-root-ca.crt"),
        ] {
            let path = format!("{object}/{name}");
            let wait = ["wait", "--for=create", "--timeout=60s", &path];
            kubectl.run(&wait).await?.ok()?;
        }
        Ok(())
    }

    fn kubectl(&self, is_limited: bool) -> Cli {
        let kubeconfig = if is_limited {
            &self.limited
        } else {
            &self.admin
        };
        Cli::new(&self.server.kubectl, &self.server.folder.path("home"))
            .env("KUBECONFIG", kubeconfig)
    }

    /// What the command line did, masked, when it is what counts.
    pub(crate) async fn run(&mut self, case: &Case) -> Result<Done> {
        let start = Instant::now();
        let run = loop {
            let run = self.once(case).await.with_context(|| case.name.clone())?;
            let is_there = case
                .until
                .as_ref()
                .is_none_or(|text| run.stdout.contains(text));
            // One that does not come is a difference like others.
            if is_there || start.elapsed() > DEADLINE {
                break run;
            }
            tokio::time::sleep(STEP).await;
        };
        if let Some(name) = &case.save {
            self.saved
                .insert(name.clone(), run.stdout.trim().to_owned());
        }
        Ok(Done {
            code: run.code,
            stdout: mask::text(&run.stdout),
            stderr: mask::text(&run.stderr),
        })
    }

    async fn once(&self, case: &Case) -> Result<Run> {
        let mut kubectl = self.kubectl(case.is_limited);
        if let Some(input) = &case.input {
            kubectl = kubectl.stdin(self.fill(input));
        }
        let arguments: Vec<String> = case.arguments.iter().map(|word| self.fill(word)).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        kubectl.run(&arguments).await
    }

    fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in &self.saved {
            text = text.replace(&format!("${{{name}}}"), value);
        }
        text
    }
}
