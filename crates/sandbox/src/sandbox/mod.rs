//! The three servers together, going by one clock and reaching each other.

mod error;
mod kubeconfig;
mod neighbours;

use std::net::{Ipv4Addr, SocketAddr};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::aws::{self, Aws};
use crate::clock::Clock;
#[cfg(feature = "tls")]
use crate::face::Identity;
use crate::face::{Answer, Limits, Served, Server, Settings, Shared};
use crate::faults::Fault;
use crate::kube::{self, Kube};
use crate::vault::{self, Vault, Wired};
use crate::wire::Request;

pub use error::StartError;
use neighbours::Neighbours;

/// What a sandbox starts with. The default is empty servers on free ports of the loopback.
#[derive(Debug)]
pub struct Config {
    /// Kubernetes. An administrator without a token gets one.
    pub kube: kube::Config,
    /// Vault.
    pub vault: vault::Config,
    /// AWS.
    pub aws: aws::Config,
    /// What all three go by.
    pub clock: Clock,
    /// Where Kubernetes listens.
    pub kube_address: SocketAddr,
    /// Where Vault listens.
    pub vault_address: SocketAddr,
    /// Where AWS listens.
    pub aws_address: SocketAddr,
    /// What they take from clients.
    pub limits: Limits,
    /// Whether Kubernetes speaks TLS.
    #[cfg(feature = "tls")]
    pub kube_tls: bool,
    /// Whether Vault speaks TLS.
    #[cfg(feature = "tls")]
    pub vault_tls: bool,
    /// Names in the certificate, beside `localhost` and the addresses listened at.
    #[cfg(feature = "tls")]
    pub names: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            kube: kube::Config {
                // The kubeconfig has a token: whoever shows none is nobody.
                is_anonymous_admin: false,
                ..kube::Config::default()
            },
            vault: vault::Config::default(),
            aws: aws::Config::default(),
            clock: Clock::default(),
            kube_address: free,
            vault_address: free,
            aws_address: free,
            limits: Limits::default(),
            #[cfg(feature = "tls")]
            kube_tls: false,
            #[cfg(feature = "tls")]
            vault_tls: false,
            #[cfg(feature = "tls")]
            names: Vec::new(),
        }
    }
}

/// A Kubernetes, a Vault and an AWS, each on a port. They end when it is dropped.
///
/// Locks are taken in the order Vault, then Kubernetes or AWS: within [`Self::with_kube`] and
/// [`Self::with_aws`] nothing of Vault must be asked.
#[derive(Debug)]
pub struct Sandbox {
    kube: Shared<Kube>,
    vault: Shared<Wired<Neighbours>>,
    aws: Shared<Aws>,
    clock: Clock,
    /// In the order of the fields above.
    servers: [Server; 3],
    access: Access,
}

/// How clients come in.
struct Access {
    kube_token: String,
    root_token: String,
    aws_root: (String, String),
    is_kube_tls: bool,
    is_vault_tls: bool,
    authority: Option<String>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Starts all three.
    pub async fn start(mut config: Config) -> Result<Self, StartError> {
        let doors = Doors::new(&config)?;
        let listeners = [
            listen(config.kube_address).await?,
            listen(config.vault_address).await?,
            listen(config.aws_address).await?,
        ];
        let kube_token = match config.kube.admin_token.take() {
            Some(token) => token,
            None => random_token()?,
        };
        config.kube.admin_token = Some(kube_token.clone());
        if let Some(authority) = &doors.authority {
            config.kube.root_ca.clone_from(authority);
        }
        let access = Access {
            kube_token,
            root_token: config.vault.root_token.clone(),
            aws_root: (config.aws.root_key.clone(), config.aws.root_secret.clone()),
            is_kube_tls: doors.is_tls[0],
            is_vault_tls: doors.is_tls[1],
            authority: doors.authority,
        };

        let clock = config.clock;
        let now = clock.now();
        let kube = Shared::new(Kube::new(config.kube, now), clock.clone());
        let aws = Aws::new(config.aws, now).map_err(StartError::policy)?;
        let aws = Shared::new(aws, clock.clone());
        let [kube_door, vault_door, aws_door] = doors.settings;
        let [kube_listener, vault_listener, aws_listener] = listeners;
        let kube_server = serve(&kube, kube_listener, kube_door)?;
        let aws_server = serve(&aws, aws_listener, aws_door)?;
        let wired = Wired {
            vault: Vault::new(config.vault, now),
            upstream: Neighbours::new(
                (kube.clone(), kube_server.address()),
                (aws.clone(), aws_server.address()),
            ),
        };
        let vault = Shared::new(wired, clock.clone());
        let vault_server = serve(&vault, vault_listener, vault_door)?;
        Ok(Self {
            kube,
            vault,
            aws,
            clock,
            servers: [kube_server, vault_server, aws_server],
            access,
        })
    }

    /// Where Kubernetes is.
    pub fn kube_url(&self) -> String {
        url(&self.servers[0], self.access.is_kube_tls)
    }

    /// Where Vault is.
    pub fn vault_url(&self) -> String {
        url(&self.servers[1], self.access.is_vault_tls)
    }

    /// Where AWS's IAM and STS are. Vault needs no telling: to it they are at AWS's own
    /// addresses too.
    pub fn aws_url(&self) -> String {
        url(&self.servers[2], false)
    }

    /// Where each listens: Kubernetes, Vault, AWS.
    pub fn addresses(&self) -> [SocketAddr; 3] {
        [0, 1, 2].map(|at| self.servers[at].address())
    }

    /// The certificate, PEM, of whoever vouches for those that speak TLS.
    pub fn authority(&self) -> Option<&str> {
        self.access.authority.as_deref()
    }

    /// A kubeconfig, YAML, of Kubernetes' administrator.
    pub fn kubeconfig(&self) -> String {
        self.kubeconfig_of(&self.access.kube_token)
    }

    /// A kubeconfig, YAML, of whoever has a token.
    pub fn kubeconfig_of(&self, token: &str) -> String {
        let authority = self.authority().filter(|_| self.access.is_kube_tls);
        kubeconfig::text(&self.kube_url(), authority, token)
    }

    /// The token of Kubernetes' administrator.
    pub fn kube_token(&self) -> &str {
        &self.access.kube_token
    }

    /// Vault's root token.
    pub fn root_token(&self) -> &str {
        &self.access.root_token
    }

    /// Id and secret of the AWS key that may do everything.
    pub fn aws_root(&self) -> (&str, &str) {
        let (key, secret) = &self.access.aws_root;
        (key, secret)
    }

    /// The clock all three go by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Looks at Kubernetes, or changes it, between two requests.
    pub fn with_kube<T>(&self, act: impl FnOnce(&mut Kube) -> T) -> T {
        self.kube.with(act)
    }

    /// Looks at Vault, or changes it, between two requests.
    pub fn with_vault<T>(&self, act: impl FnOnce(&mut Vault) -> T) -> T {
        self.vault.with(|wired| act(&mut wired.vault))
    }

    /// Looks at AWS, or changes it, between two requests.
    pub fn with_aws<T>(&self, act: impl FnOnce(&mut Aws) -> T) -> T {
        self.aws.with(act)
    }

    /// A call to Kubernetes as its administrator, past HTTP and the fault plan: status and
    /// body. Its controllers have seen to what follows when it returns: what was defined is
    /// served. Watches are for clients: of them it gives nothing.
    pub fn ask_kube(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let token = format!("Bearer {}", self.access.kube_token);
        let content_type = match method {
            "PATCH" => "application/apply-patch+yaml",
            _ => "application/json",
        };
        let headers = vec![
            ("Authorization".to_owned(), token),
            ("Content-Type".to_owned(), content_type.to_owned()),
        ];
        let answer = ask(&self.kube, &request(method, path, headers, body));
        self.kube.at(Kube::advance);
        answer
    }

    /// A call to Vault as root, past HTTP and the fault plan: status and body.
    pub fn ask_vault(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let token = self.access.root_token.clone();
        let headers = vec![("X-Vault-Token".to_owned(), token)];
        ask(&self.vault, &request(method, path, headers, body))
    }

    /// Ends all three, and waits until their ports are free.
    pub async fn stop(self) {
        let [kube, vault, aws] = self.servers;
        tokio::join!(kube.stop(), vault.stop(), aws.stop());
    }
}

fn url(server: &Server, is_tls: bool) -> String {
    let scheme = if is_tls { "https" } else { "http" };
    format!("{scheme}://{}", server.address())
}

fn request(
    method: &str,
    path: &str,
    mut headers: Vec<(String, String)>,
    body: Option<&Value>,
) -> Request {
    headers.push(("Host".to_owned(), "sandbox".to_owned()));
    Request {
        method: method.to_owned(),
        path: path.to_owned(),
        headers,
        body: body.map_or_else(Vec::new, |body| body.to_string().into_bytes()),
    }
}

fn ask<S: Served<Fault = Fault>>(shared: &Shared<S>, request: &Request) -> (u16, Value) {
    let answer = shared.at(|machine, now| machine.answer(request, &Fault::default(), now));
    match answer {
        Answer::Whole(response) | Answer::Late(response, _) => {
            let body = serde_json::from_str(&response.body).unwrap_or_default();
            (response.status, body)
        }
        Answer::Watch(..) => (200, Value::Null),
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| StartError::address(address, error))
}

fn serve<S: Served>(
    shared: &Shared<S>,
    listener: TcpListener,
    settings: Settings,
) -> Result<Server, StartError> {
    Server::start(shared.clone(), listener, settings).map_err(StartError::system)
}

/// What nobody guesses: others on this machine reach the loopback too.
fn random_token() -> Result<String, StartError> {
    let mut bytes = [0; 16];
    let made = SystemRandom::new().fill(&mut bytes);
    made.map_err(|_| StartError::random())?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// How the servers are entered, in their order.
struct Doors {
    settings: [Settings; 3],
    is_tls: [bool; 3],
    authority: Option<String>,
}

impl Doors {
    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unnecessary_wraps, reason = "with TLS it may fail")]
    fn new(config: &Config) -> Result<Self, StartError> {
        Ok(Self {
            settings: [(); 3].map(|()| config.limits.into()),
            is_tls: [false; 3],
            authority: None,
        })
    }

    #[cfg(feature = "tls")]
    fn new(config: &Config) -> Result<Self, StartError> {
        let is_tls = [config.kube_tls, config.vault_tls, false];
        let identity = if is_tls.contains(&true) {
            let mut names = vec!["localhost".to_owned(), "kubernetes.default.svc".to_owned()];
            names.extend(config.names.iter().cloned());
            names.extend([config.kube_address, config.vault_address].map(|at| at.ip().to_string()));
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            Some(Identity::new(&names).map_err(StartError::tls)?)
        } else {
            None
        };
        Ok(Self {
            settings: is_tls.map(|is_tls| Settings {
                limits: config.limits,
                identity: identity.clone().filter(|_| is_tls),
            }),
            is_tls,
            authority: identity.map(|identity| identity.authority().to_owned()),
        })
    }
}
