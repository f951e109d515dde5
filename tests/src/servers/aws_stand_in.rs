//! Our own stand-in for AWS: faster than moto, in AWS's words, and it fails on
//! request.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::aws::{Aws, AwsKey};
use super::ports::{Port, Tries};
use super::process::{Process, Spec};
use super::{Stand, http};
use crate::real::binary;

/// A stand-in that runs, wherever: it can be asked and told what AWS cannot.
#[derive(Clone, Debug)]
pub struct StandIn {
    /// The endpoint of all services.
    pub url: String,
    root: AwsKey,
    client: reqwest::Client,
}

/// IAM, STS and EC2 on one port, all in memory.
#[derive(Debug)]
pub struct AwsStandIn {
    /// The server.
    pub process: Process,
    at: StandIn,
    _port: Port,
    _stand: Stand,
}

impl std::ops::Deref for AwsStandIn {
    type Target = StandIn;

    fn deref(&self) -> &StandIn {
        &self.at
    }
}

impl AwsStandIn {
    /// Starts one with nobody in it but the user of [`StandIn::root_key`].
    pub async fn start() -> Result<Self> {
        Self::start_with(&[]).await
    }

    /// The same with further options of the program.
    pub async fn start_with(options: &[&str]) -> Result<Self> {
        let mut tries = Tries::default();
        loop {
            match Self::start_once(options).await {
                Err(error) if tries.again(&error) => {}
                result => return result.context("aws-stand-in"),
            }
        }
    }

    async fn start_once(options: &[&str]) -> Result<Self> {
        let port = Port::reserve()?;
        let stand = Stand::new("aws-stand-in")?;
        let program = binary("aws-stand-in")?;
        let root = AwsKey {
            access_key: "AKIAVAULTROOT0000000".to_owned(),
            secret_key: "vault/root/secret/of/forty/characters/00".to_owned(),
            session_token: None,
        };
        let spec = Spec::new("aws-stand-in", &program, &stand.path(""))
            .flag("--listen", port.address())
            .env("AWS_ACCESS_KEY_ID", &root.access_key)
            .env("AWS_SECRET_ACCESS_KEY", &root.secret_key)
            .args(options);
        let mut aws = Self {
            process: Process::spawn(spec)?,
            at: StandIn::at(&format!("http://{}", port.address()), root)?,
            _port: port,
            _stand: stand,
        };
        aws.ready().await?;
        Ok(aws)
    }

    /// Waits until it answers.
    pub async fn ready(&mut self) -> Result<()> {
        let Self { process, at, .. } = self;
        process.ready(|| async { at.state().await.map(drop) }).await
    }

    /// Starts the stopped one again on the same port. It has forgotten all.
    pub async fn start_again(&mut self) -> Result<()> {
        self.process.start_again()?;
        self.ready().await
    }
}

impl StandIn {
    /// One that listens there, and what Vault's own user has as a key.
    pub fn at(url: &str, root: AwsKey) -> Result<Self> {
        Ok(Self {
            url: url.to_owned(),
            root,
            client: http::client(None)?,
        })
    }

    /// The key of the user `vault-root`, which Vault is configured with. It may
    /// do everything until [`Self::set_root_policy`] says otherwise.
    pub fn root_key(&self) -> AwsKey {
        self.root.clone()
    }

    /// AWS as the holder of a key sees it.
    pub fn aws(&self, key: AwsKey) -> Result<Aws> {
        Aws::new(&self.url, key)
    }

    /// Users with their keys, groups, roles, and calls by action.
    pub async fn state(&self) -> Result<Value> {
        let state = self.client.get(format!("{}/_stand_in/state", self.url));
        let text = state.send().await?.error_for_status()?.text().await?;
        serde_json::from_str(&text).context("parse the state")
    }

    /// The names of all users but Vault's own.
    pub async fn users(&self) -> Result<Vec<String>> {
        let state = self.state().await?;
        let users = state["users"].as_object().context("no users")?;
        let names = users.keys().filter(|name| *name != "vault-root");
        Ok(names.cloned().collect())
    }

    /// Says anew what shall go wrong: `{"rules": [{"action": "DeleteUser",
    /// "error": "AccessDenied"}]}` and the like, `{}` for nothing.
    pub async fn set_faults(&self, plan: &Value) -> Result<()> {
        self.tell("faults", plan).await
    }

    /// Says anew what Vault's own user may do.
    pub async fn set_root_policy(&self, policy: &Value) -> Result<()> {
        self.tell("root-policy", policy).await
    }

    /// Puts its clock ahead of the machine's.
    pub async fn set_clock_offset(&self, seconds: i64) -> Result<()> {
        let offset = serde_json::json!({"offset_seconds": seconds});
        self.tell("clock", &offset).await
    }

    async fn tell(&self, what: &str, body: &Value) -> Result<()> {
        let url = format!("{}/_stand_in/{what}", self.url);
        let answer = self.client.post(url).json(body).send().await?;
        let status = answer.status();
        ensure!(
            status.is_success(),
            "{what}: {status} {}",
            answer.text().await?
        );
        Ok(())
    }
}
