//! Vault, as a development server or as a real one.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use reqwest::Method;
use serde_json::{Value, json};

use super::cli::{Cli, Run};
use super::ports::{Port, Tries};
use super::process::{Process, Spec};
use super::wait::eventually;
use super::{Binaries, Stand, http, tls};

/// The root token of a development server.
const DEV_ROOT_TOKEN: &str = "root";

/// Where a real server keeps its data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Storage {
    /// Plain files; up at once.
    #[default]
    File,
    /// Integrated storage, as in production; elects itself first.
    Raft,
}

/// What differs from one real server to the next.
#[derive(Debug, Clone, Default)]
pub struct VaultOptions {
    /// Where the data go.
    pub storage: Storage,
    /// Serve TLS with this certificate, which must name `127.0.0.1`.
    pub tls: Option<tls::Certificate>,
    /// Write an audit log, for [`Vault::audited_requests`].
    pub audit: bool,
}

/// A running Vault.
#[derive(Debug)]
pub struct Vault {
    /// The server.
    pub process: Process,
    /// Where clients connect.
    pub address: String,
    /// A token that may do everything.
    pub root_token: String,
    /// The authority of its certificate, if it serves TLS.
    pub ca_pem: Option<String>,
    unseal_key: Option<String>,
    ca_file: Option<PathBuf>,
    client: reqwest::Client,
    program: PathBuf,
    _ports: Vec<Port>,
    stand: Stand,
}

impl Vault {
    /// Starts a development server: plain HTTP, all in memory, unsealed, root
    /// token `root`.
    pub async fn start_dev(binaries: &Binaries) -> Result<Self> {
        let mut tries = Tries::default();
        let vault = loop {
            match Self::start_dev_once(binaries).await {
                Err(error) if tries.again(&error) => {}
                result => break result.context("vault")?,
            }
        };
        vault.active().await?;
        Ok(vault)
    }

    async fn start_dev_once(binaries: &Binaries) -> Result<Self> {
        let program = binaries.program("vault");
        let port = Port::reserve()?;
        let stand = Stand::new("vault")?;
        let spec = Spec::new("vault", &program, &stand.path(""))
            .env("VAULT_DEV_ROOT_TOKEN_ID", DEV_ROOT_TOKEN)
            .args(["server", "-dev", "-dev-no-store-token"])
            .flag("-dev-listen-address", port.address());
        let mut vault = Self {
            process: Process::spawn(spec)?,
            address: format!("http://{}", port.address()),
            root_token: DEV_ROOT_TOKEN.to_owned(),
            ca_pem: None,
            unseal_key: None,
            ca_file: None,
            client: http::client(None)?,
            program,
            _ports: vec![port],
            stand,
        };
        vault.answers().await?;
        Ok(vault)
    }

    /// Starts a real server and initializes and unseals it, with one key share.
    pub async fn start_server(binaries: &Binaries, options: &VaultOptions) -> Result<Self> {
        let mut tries = Tries::default();
        let mut vault = loop {
            match Self::start_server_once(binaries, options).await {
                Err(error) if tries.again(&error) => {}
                result => break result.context("vault")?,
            }
        };
        vault.init().await?;
        vault.unseal().await?;
        if options.audit {
            let device = json!({"type": "file", "options": {"file_path": vault.audit_log()}});
            vault.write("sys/audit/file", &device).await?;
        }
        Ok(vault)
    }

    async fn start_server_once(binaries: &Binaries, options: &VaultOptions) -> Result<Self> {
        let program = binaries.program("vault");
        let ports = [Port::reserve()?, Port::reserve()?];
        let stand = Stand::new("vault")?;
        let config = stand.write("vault.json", config(&stand, &ports, options)?)?;
        let scheme = if options.tls.is_some() {
            "https"
        } else {
            "http"
        };
        let (ca_pem, ca_file) = match &options.tls {
            Some(tls) => (Some(&tls.ca_pem), Some(stand.write("ca.crt", &tls.ca_pem)?)),
            None => (None, None),
        };
        let spec = Spec::new("vault", &program, &stand.path(""))
            .arg("server")
            .flag("-config", config);
        let mut vault = Self {
            process: Process::spawn(spec)?,
            address: format!("{scheme}://{}", ports[0].address()),
            root_token: String::new(),
            ca_pem: ca_pem.cloned(),
            unseal_key: None,
            ca_file,
            client: http::client(ca_pem.map(String::as_str))?,
            program,
            _ports: ports.into(),
            stand,
        };
        vault.answers().await?;
        Ok(vault)
    }

    /// Seals the server. Only a real one can be unsealed again.
    pub async fn seal(&self) -> Result<()> {
        self.write("sys/seal", &json!({})).await?;
        Ok(())
    }

    /// Unseals a real server and waits until it serves.
    pub async fn unseal(&self) -> Result<()> {
        let key = self
            .unseal_key
            .as_ref()
            .context("a development server has no unseal key")?;
        self.write("sys/unseal", &json!({"key": key})).await?;
        self.active().await
    }

    /// Whether the server is sealed.
    pub async fn is_sealed(&self) -> Result<bool> {
        let status = self.read("sys/seal-status").await?;
        status["sealed"].as_bool().context("no seal status")
    }

    /// Stops the server in good order.
    pub async fn stop(&mut self) -> Result<()> {
        self.process.stop().await
    }

    /// Starts the stopped server again, on the same port with the same data.
    /// As after any restart a real one is sealed; a development server has
    /// forgotten everything.
    pub async fn start_again(&mut self) -> Result<()> {
        self.process.start_again()?;
        self.answers().await?;
        if self.unseal_key.is_none() {
            self.active().await?;
        }
        Ok(())
    }

    /// One request with a token of one's choice: the HTTP status, and the body
    /// or null.
    pub async fn request(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, Value)> {
        let url = format!("{}/v1/{path}", self.address);
        let mut request = self
            .client
            .request(method, url)
            .header("X-Vault-Token", token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request
            .send()
            .await
            .with_context(|| format!("ask vault for {path}"))?;
        let status = answer.status().as_u16();
        let body = answer
            .bytes()
            .await
            .with_context(|| format!("read {path} of vault"))?;
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    /// Reads a path as root; anything but success is an error.
    pub async fn read(&self, path: &str) -> Result<Value> {
        self.as_root(Method::GET, path, None).await
    }

    /// Lists a path as root: the keys, none if there is nothing.
    pub async fn list(&self, path: &str) -> Result<Vec<String>> {
        let url = format!("{path}?list=true");
        let (status, body) = self
            .request(&self.root_token, Method::GET, &url, None)
            .await?;
        match (status, body["data"]["keys"].as_array()) {
            (404, _) => Ok(Vec::new()),
            (200, Some(keys)) => Ok(keys
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()),
            _ => bail!("vault: list {path}: {status} {body}"),
        }
    }

    /// Writes a path as root; anything but success is an error.
    pub async fn write(&self, path: &str, body: &Value) -> Result<Value> {
        self.as_root(Method::POST, path, Some(body)).await
    }

    /// Deletes a path as root; anything but success is an error.
    pub async fn delete(&self, path: &str) -> Result<Value> {
        self.as_root(Method::DELETE, path, None).await
    }

    /// Runs the real `vault` command as root.
    pub async fn cli(&self, args: &[&str]) -> Result<Run> {
        self.cli_as(&self.root_token).run(args).await
    }

    /// The real `vault` command with a token of one's choice.
    pub fn cli_as(&self, token: &str) -> Cli {
        let cli = Cli::new(&self.program, &self.stand.path("cli-home"))
            .env("VAULT_ADDR", &self.address)
            .env("VAULT_TOKEN", token);
        match &self.ca_file {
            Some(file) => cli.env("VAULT_CACERT", file),
            None => cli,
        }
    }

    /// Every request the audit log holds, oldest first: what was really asked
    /// of Vault, and by whom. Needs [`VaultOptions::audit`].
    pub fn audited_requests(&self) -> Result<Vec<Value>> {
        let log = std::fs::read_to_string(self.audit_log()).context("read the audit log")?;
        let mut requests = Vec::new();
        for line in log
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
        {
            let entry: Value = serde_json::from_str(line).context("parse the audit log")?;
            if entry["type"] == "request" {
                requests.push(entry);
            }
        }
        Ok(requests)
    }

    fn audit_log(&self) -> PathBuf {
        self.stand.path("audit.log")
    }

    async fn as_root(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let name = method.clone();
        let (status, answer) = self.request(&self.root_token, method, path, body).await?;
        if !(200..300).contains(&status) {
            bail!("vault: {name} {path}: {status} {answer}");
        }
        Ok(answer)
    }

    async fn init(&mut self) -> Result<()> {
        let shares = json!({"secret_shares": 1, "secret_threshold": 1});
        let answer = self.write("sys/init", &shares).await?;
        let text = |value: &Value| {
            value
                .as_str()
                .map(str::to_owned)
                .context("no key from init")
        };
        self.unseal_key = Some(text(&answer["keys_base64"][0])?);
        self.root_token = text(&answer["root_token"])?;
        Ok(())
    }

    /// Waits until the server answers at all: sealed, uninitialized, whatever.
    async fn answers(&mut self) -> Result<()> {
        let Self {
            process,
            client,
            address,
            ..
        } = self;
        process
            .ready(|| async {
                client
                    .get(format!("{address}/v1/sys/seal-status"))
                    .send()
                    .await?;
                Ok(())
            })
            .await
    }

    /// Waits until the server is unsealed and leads, so that writes succeed.
    async fn active(&self) -> Result<()> {
        let health = format!("{}/v1/sys/health", self.address);
        eventually("vault active", || async {
            self.client.get(&health).send().await?.error_for_status()?;
            Ok(())
        })
        .await
    }
}

fn config(stand: &Stand, ports: &[Port; 2], options: &VaultOptions) -> Result<String> {
    let [api, cluster] = ports;
    let mut listener = json!({"address": api.address(), "cluster_address": cluster.address()});
    let scheme = if let Some(tls) = &options.tls {
        listener["tls_cert_file"] = json!(stand.write("vault.crt", &tls.cert_pem)?);
        listener["tls_key_file"] = json!(stand.write("vault.key", &tls.key_pem)?);
        "https"
    } else {
        listener["tls_disable"] = json!(true);
        "http"
    };
    let data = stand.path("data");
    std::fs::create_dir_all(&data).context("make the data folder")?;
    let storage = match options.storage {
        Storage::File => json!({"file": {"path": data}}),
        Storage::Raft => json!({"raft": {
            "path": data,
            "node_id": "one",
            // The lone node waits seconds for others' votes otherwise.
            "performance_multiplier": "1",
        }}),
    };
    let config = json!({
        // Memory may not be locked without privileges, and raft insists on
        // being told.
        "disable_mlock": true,
        "api_addr": format!("{scheme}://{}", api.address()),
        "cluster_addr": format!("https://{}", cluster.address()),
        "listener": [{"tcp": listener}],
        "storage": storage,
    });
    Ok(config.to_string())
}
