//! kube-apiserver.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::aws::hex;
use super::ports::{Port, Tries};
use super::process::{Process, Spec};
use super::{Binaries, Stand, http, tls};

/// The real apiserver: RBAC, TokenRequest, TokenReview, CEL validation and
/// admission policies all work. Only the ServiceAccount admission plugin is
/// off, since it would keep Pods waiting for token mounts nobody makes.
#[derive(Debug)]
pub struct ApiServer {
    /// The server.
    pub process: Process,
    /// Where clients connect, with TLS.
    pub url: String,
    /// The authority of its serving certificate.
    pub ca_pem: String,
    /// A token of group `system:masters`.
    pub admin_token: String,
    /// The private key that signs service-account tokens.
    pub(crate) signing_key: PathBuf,
    /// The file behind `ca_pem`.
    pub(crate) ca_file: PathBuf,
    _port: Port,
}

/// A user who logs in with a static token, as a person would with a certificate.
#[derive(Debug, Clone)]
pub struct User {
    /// The user's name, as RBAC knows it.
    pub name: String,
    /// The user's groups.
    pub groups: Vec<String>,
    /// The bearer token.
    pub token: String,
}

impl User {
    /// A user with a fresh token.
    pub fn new(name: &str, groups: &[&str]) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            groups: groups.iter().map(ToString::to_string).collect(),
            token: random_token()?,
        })
    }
}

impl ApiServer {
    /// Starts the apiserver on top of etcd. `extra_flags` come last and so win.
    pub async fn start(
        binaries: &Binaries,
        stand: &Stand,
        etcd_url: &str,
        users: &[User],
        extra_flags: &[String],
    ) -> Result<Self> {
        let admin = User::new("admin", &["system:masters"])?;
        let mut tokens = String::new();
        for User {
            name,
            groups,
            token,
        } in users.iter().chain([&admin])
        {
            let _ = writeln!(tokens, "{token},{name},{name}-uid,\"{}\"", groups.join(","));
        }
        let tokens = stand.write("tokens.csv", tokens)?;
        let (private, public) = tls::key_pair()?;
        let signing_key = stand.write("service-accounts.key", private)?;
        let public_key = stand.write("service-accounts.pub", public)?;
        let certs = stand.path("apiserver");
        let ca_file = certs.join("apiserver.crt");

        let mut tries = Tries::default();
        loop {
            let port = Port::reserve()?;
            let program = binaries.program("kube-apiserver");
            let spec = Spec::new("kube-apiserver", &program, &stand.path(""))
                .flag("--etcd-servers", etcd_url)
                .flag("--cert-dir", &certs)
                .flag("--bind-address", "127.0.0.1")
                .flag("--secure-port", port.number().to_string())
                // The machine may have no other address than the loopback one,
                // which may not become an endpoint of the Service `kubernetes`.
                .flag("--advertise-address", "127.0.0.1")
                .flag("--endpoint-reconciler-type", "none")
                .flag("--service-cluster-ip-range", "10.0.0.0/24")
                .flag("--service-account-issuer", "https://kubernetes.default.svc")
                .flag("--service-account-signing-key-file", &signing_key)
                .flag("--service-account-key-file", &public_key)
                .flag("--token-auth-file", &tokens)
                .flag("--authorization-mode", "RBAC")
                .flag("--disable-admission-plugins", "ServiceAccount")
                .args(extra_flags);
            let mut server = Self {
                process: Process::spawn(spec)?,
                url: format!("https://{}", port.address()),
                ca_pem: String::new(),
                admin_token: admin.token.clone(),
                signing_key: signing_key.clone(),
                ca_file: ca_file.clone(),
                _port: port,
            };
            match server.ready().await {
                Ok(()) => return Ok(server),
                Err(error) if tries.again(&error) => {}
                Err(error) => return Err(error.context("kube-apiserver")),
            }
        }
    }

    /// Waits until `/readyz` says ok.
    pub async fn ready(&mut self) -> Result<()> {
        let Self {
            process,
            url,
            admin_token,
            ca_file,
            ..
        } = self;
        // The server makes its certificate when it first starts.
        let ca_pem = || std::fs::read_to_string(&*ca_file).context("no certificate yet");
        process
            .ready(|| async {
                http::client(Some(&ca_pem()?))?
                    .get(format!("{url}/readyz"))
                    .bearer_auth(&*admin_token)
                    .send()
                    .await?
                    .error_for_status()?;
                Ok(())
            })
            .await?;
        self.ca_pem = ca_pem()?;
        Ok(())
    }

    /// Starts the stopped server again, on the same port with the same data.
    pub async fn start_again(&mut self) -> Result<()> {
        self.process.start_again()?;
        self.ready().await
    }
}

fn random_token() -> Result<String> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| anyhow!("no random token"))?;
    Ok(hex(&bytes))
}
