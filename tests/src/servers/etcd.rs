//! etcd, the apiserver's storage.

use anyhow::{Context, Result};

use super::ports::{Port, Tries};
use super::process::{Process, Spec};
use super::{Binaries, Stand, http};

/// A single etcd member without TLS, which forgets nothing but a power cut: it
/// does not flush to disk, or the tests would wait for the disk.
#[derive(Debug)]
pub struct Etcd {
    /// The server.
    pub process: Process,
    /// Where clients connect.
    pub url: String,
    _ports: [Port; 2],
}

impl Etcd {
    /// Starts etcd with its data in `stand`.
    pub async fn start(binaries: &Binaries, stand: &Stand) -> Result<Self> {
        let mut tries = Tries::default();
        loop {
            match Self::start_once(binaries, stand).await {
                Err(error) if tries.again(&error) => {}
                result => return result.context("etcd"),
            }
        }
    }

    async fn start_once(binaries: &Binaries, stand: &Stand) -> Result<Self> {
        let ports = [Port::reserve()?, Port::reserve()?];
        let url = format!("http://{}", ports[0].address());
        let peer_url = format!("http://{}", ports[1].address());
        let spec = Spec::new("etcd", &binaries.program("etcd"), &stand.path(""))
            .flag("--data-dir", stand.path("etcd"))
            .flag("--listen-client-urls", &url)
            .flag("--advertise-client-urls", &url)
            .flag("--listen-peer-urls", &peer_url)
            .flag("--initial-advertise-peer-urls", &peer_url)
            .flag("--initial-cluster", format!("default={peer_url}"))
            .arg("--unsafe-no-fsync");
        let mut etcd = Self {
            process: Process::spawn(spec)?,
            url,
            _ports: ports,
        };
        etcd.ready().await?;
        Ok(etcd)
    }

    /// Waits until etcd serves.
    pub async fn ready(&mut self) -> Result<()> {
        let client = http::client(None)?;
        let url = format!("{}/health", self.url);
        self.process
            .ready(|| async {
                client.get(&url).send().await?.error_for_status()?;
                Ok(())
            })
            .await
    }
}
