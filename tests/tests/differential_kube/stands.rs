//! The two servers, and how they are asked.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::differential::lies::Lie;
use e2e::servers::apiserver::User;
use e2e::servers::{Binaries, Cluster, ClusterOptions, eventually, http};
use leasehold_sandbox::clock::Clock;
use leasehold_sandbox::face;
use leasehold_sandbox::kube::{Config as KubeConfig, Kube, User as SandboxUser};
use leasehold_sandbox::{Config, Sandbox};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::case::{Case, Until, Who};
use crate::mask;

/// Becomes the field manager of who names none.
const USER_AGENT: &str = "differential/1.0";

/// Only there so that a broken test ends.
const DEADLINE: Duration = Duration::from_secs(60);
/// The real server says in its own time that nothing happened.
const PATIENCE: Duration = Duration::from_secs(50);
/// A sandbox that lies may owe an event; an honest one tells it at once.
const PATIENCE_WITH_LIES: Duration = Duration::from_secs(15);
const STEP: Duration = Duration::from_millis(50);

/// A real control plane and a sandbox, with the same users.
pub(crate) struct Pair {
    pub(crate) real: Server,
    pub(crate) sandbox: Server,
    /// The user `limited`, whose token is in some answers.
    pub(crate) limited: User,
    _servers: (Cluster, Sandbox),
}

/// One of the two.
pub(crate) struct Server {
    url: String,
    client: reqwest::Client,
    admin_token: String,
    limited_token: String,
    /// How long a watch may have nothing to tell.
    patience: Duration,
}

impl Pair {
    pub(crate) async fn start() -> Result<Self> {
        let limited = User::new("limited", &["devs"])?;
        let options = ClusterOptions {
            users: vec![limited.clone()],
            ..ClusterOptions::default()
        };
        let cluster = Cluster::start_with(&Binaries::locate()?, options).await?;
        let admin = User::new("admin", &["system:masters"])?;
        let config = Config {
            kube: config(&limited, &admin),
            kube_tls: true,
            ..Config::default()
        };
        let sandbox = Sandbox::start(config).await?;
        let real = Server {
            url: cluster.url().to_owned(),
            client: http::client(Some(cluster.ca_pem()))?,
            admin_token: cluster.admin_token().to_owned(),
            limited_token: limited.token.clone(),
            patience: PATIENCE,
        };
        let fake = Server {
            url: sandbox.kube_url(),
            client: http::client(sandbox.authority())?,
            admin_token: sandbox.kube_token().to_owned(),
            limited_token: limited.token.clone(),
            patience: PATIENCE,
        };
        Ok(Self {
            real,
            sandbox: fake,
            limited,
            _servers: (cluster, sandbox),
        })
    }
}

/// A sandbox's Kubernetes that lies, and its server.
pub(crate) async fn lying(lie: Lie<Kube>, limited: &User) -> Result<(Server, face::Server)> {
    let admin = User::new("admin", &["system:masters"])?;
    let config = KubeConfig {
        // What a sandbox with TLS would have.
        root_ca: "-----BEGIN CERTIFICATE-----\n".to_owned(),
        is_anonymous_admin: false,
        ..config(limited, &admin)
    };
    let clock = Clock::default();
    let server = lie.serve(Kube::new(config, clock.now()), clock).await?;
    let stand = Server {
        url: format!("http://{}", server.address()),
        client: http::client(None)?,
        admin_token: admin.token,
        limited_token: limited.token.clone(),
        patience: PATIENCE_WITH_LIES,
    };
    Ok((stand, server))
}

fn config(limited: &User, admin: &User) -> KubeConfig {
    let user = |user: &User| SandboxUser {
        name: user.name.clone(),
        groups: user.groups.clone(),
        token: user.token.clone(),
    };
    KubeConfig {
        users: vec![user(limited), user(admin)],
        admin_token: Some(admin.token.clone()),
        ..Config::default().kube
    }
}

/// A server on the way through one case file, with what its answers left for later cases.
pub(crate) struct Side<'a> {
    server: &'a Server,
    saved: BTreeMap<String, String>,
}

impl<'a> Side<'a> {
    pub(crate) fn new(server: &'a Server, namespace: &str) -> Self {
        let saved = [
            ("ns".to_owned(), namespace.to_owned()),
            ("limited".to_owned(), server.limited_token.clone()),
        ];
        Self {
            server,
            saved: saved.into(),
        }
    }

    /// The file's namespace, with what controllers put there.
    pub(crate) async fn make_namespace(&self) -> Result<()> {
        let namespace = &self.saved["ns"];
        let all = format!("{}/api/v1/namespaces", self.server.url);
        let token = &self.server.admin_token;
        let body = json!({"metadata": {"name": namespace}});
        let made = self.server.client.post(&all).bearer_auth(token).json(&body);
        made.send().await?.error_for_status()?;
        for path in ["serviceaccounts/default", "configmaps/kube-root-ca.crt"] {
            let url = format!("{all}/{namespace}/{path}");
            eventually(path, || async {
                let get = self.server.client.get(&url).bearer_auth(token);
                Ok(get.send().await?.error_for_status()?)
            })
            .await?;
        }
        Ok(())
    }

    /// The masked answer, when it is the one that counts.
    pub(crate) async fn ask(&mut self, case: &Case) -> Result<Value> {
        let name = || format!("{} at {}", case.name, self.server.url);
        let answer = match &case.until {
            Some(until) => self.until(case, until).await.with_context(name)?,
            None => self.once(case).await.with_context(name)?,
        };
        for (name, pointer) in &case.save {
            let value = answer["body"].pointer(pointer);
            let value = value.with_context(|| format!("{}: no {pointer}", case.name))?;
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            self.saved.insert(name.clone(), text);
        }
        Ok(mask::answer(answer))
    }

    /// Asks until the answer is there. One that does not come is a difference like others, so
    /// the last answer is marked then.
    async fn until(&self, case: &Case, until: &Until) -> Result<Value> {
        let start = Instant::now();
        loop {
            let mut answer = self.once(case).await?;
            let is_there = match until {
                Until::Status(status) => answer["status"] == *status,
                Until::Holds(pointer, value) => answer["body"].pointer(pointer) == Some(value),
            };
            if is_there {
                return Ok(answer);
            }
            if start.elapsed() > DEADLINE {
                answer["not as waited for at"] = self.server.url.clone().into();
                return Ok(answer);
            }
            tokio::time::sleep(STEP).await;
        }
    }

    async fn once(&self, case: &Case) -> Result<Value> {
        let url = format!("{}{}", self.server.url, self.fill(&case.path));
        let method = Method::from_bytes(case.method.as_bytes())?;
        let mut request = self.server.client.request(method, url);
        request = request.header("User-Agent", USER_AGENT);
        for (name, value) in &case.headers {
            request = request.header(name, self.fill(value));
        }
        request = match &case.who {
            Who::Admin => request.bearer_auth(&self.server.admin_token),
            Who::Limited => request.bearer_auth(&self.server.limited_token),
            Who::Token(token) => request.bearer_auth(self.fill(token)),
            Who::Nobody => request,
        };
        if let Some(body) = &case.body {
            let body = self.fill(body);
            request = if case.is_base64 {
                request.body(STANDARD.decode(body)?)
            } else {
                request.body(body)
            };
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let header = |name| {
            let all = response.headers().get_all(name).iter();
            all.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
                .collect::<Vec<_>>()
        };
        let (content_type, warnings) = (header("content-type"), header("warning"));
        let body = match case.events {
            Some(events) if status == 200 => {
                first_events(response, events, self.server.patience).await?
            }
            _ => whole(&response.text().await?),
        };
        Ok(json!({"status": status, "type": content_type, "warnings": warnings, "body": body}))
    }

    fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in &self.saved {
            text = text.replace(&format!("${{{name}}}"), value);
        }
        text
    }
}

/// The body as JSON, or else as text.
fn whole(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// A watch lasts; what was asked for comes, or the client's time is up.
async fn first_events(mut response: Response, wanted: usize, patience: Duration) -> Result<Value> {
    let mut text = Vec::new();
    let mut events = Vec::new();
    while events.len() < wanted {
        let chunk = tokio::time::timeout(patience, response.chunk()).await;
        let Some(chunk) = chunk.with_context(|| format!("only {events:?}"))?? else {
            break;
        };
        text.extend_from_slice(&chunk);
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        let complete = lines.filter(|line| line.ends_with(b"\n"));
        events = complete
            .map(serde_json::from_slice)
            .collect::<Result<Vec<Value>, _>>()?;
    }
    events.truncate(wanted);
    Ok(events.into())
}
