//! The real servers: a Kubernetes control plane, Vault and an AWS stand-in.
//!
//! Each is a separate program on a loopback port, with its data in a temporary
//! folder of its own, and dies with the test that started it. Set
//! `LEASEHOLD_KEEP=1` to keep the folders (logs included) for a look afterwards.

pub mod apiserver;
pub mod aws;
pub mod aws_stand_in;
pub mod binaries;
pub mod cli;
pub mod cluster;
pub mod controller_manager;
pub mod etcd;
pub mod http;
pub mod moto;
pub mod ports;
pub mod process;
pub mod tls;
pub mod vault;
pub mod wait;

use std::path::PathBuf;

use anyhow::{Context, Result};

pub use aws::{Aws, AwsError, AwsKey};
pub use aws_stand_in::{AwsStandIn, StandIn};
pub use binaries::Binaries;
pub use cli::{Cli, Run};
pub use cluster::{Cluster, ClusterOptions};
pub use moto::{Moto, MotoOptions};
pub use process::Process;
pub use vault::{Storage, Vault, VaultOptions};
pub use wait::{eventually, patiently};

/// The folder of one server: data, configuration, log. Removed when dropped,
/// unless `LEASEHOLD_KEEP` is set.
#[derive(Debug)]
pub struct Stand(tempfile::TempDir);

impl Stand {
    /// Makes an empty folder whose name starts with `leasehold-NAME-`.
    pub fn new(name: &str) -> Result<Self> {
        let mut dir = tempfile::Builder::new()
            .prefix(&format!("leasehold-{name}-"))
            .tempdir()
            .context("make a temporary folder")?;
        if std::env::var_os("LEASEHOLD_KEEP").is_some() {
            dir.disable_cleanup(true);
        }
        Ok(Self(dir))
    }

    /// The path of `name` in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, readable by its owner only since many of them hold keys,
    /// and gives its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;

        let path = self.path(name);
        std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(content.as_ref()))
            .with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }
}
