//! What the sandbox costs, beside the real servers: how soon it is up, how fast it answers, what
//! many keys take in one process.

pub mod calibration;
pub mod client;
pub mod programs;
pub mod rates;
pub mod report;

use anyhow::{Context as _, Result};
use leasehold_sandbox::{Config, Sandbox};

use self::calibration::Calibration;
use self::programs::Life;
use self::rates::{Door, Rates};
use crate::servers::{Binaries, Cluster, Vault};
use crate::stand::Server;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Calls of each kind to the sandbox.
    pub calls: usize,
    /// Calls of each kind to the real servers, which are slower.
    pub real_calls: usize,
    /// Requests issued and revoked in one process.
    pub requests: usize,
}

/// All figures of a run.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// What the machine gave before, between and after.
    pub machine: Vec<Calibration>,
    /// Many keys in one process.
    pub life: Life,
    /// Of the sandbox, the client in the same process.
    pub sandbox: Rates,
    /// Of a real API server with etcd and of a real Vault, processes of their own.
    pub real: Rates,
    /// Seconds of the tutorial.
    pub tutorial: Option<f64>,
}

/// Measures everything, one after the other; says what comes next.
pub async fn measure(sizes: Sizes, say: fn(&str)) -> Result<Figures> {
    let mut machine = vec![Calibration::measure()?];
    say(&format!("{} requests in one process", sizes.requests));
    let life = Life::measure(sizes.requests).await?;
    say("the sandbox's answers");
    let sandbox = of_sandbox(sizes.calls).await?;
    machine.push(Calibration::measure()?);
    say("the real servers' answers");
    let real = of_real(sizes.real_calls).await?;
    say("the tutorial");
    let tutorial = programs::tutorial().await?;
    machine.push(Calibration::measure()?);
    Ok(Figures {
        machine,
        life,
        sandbox,
        real,
        tutorial,
    })
}

async fn of_sandbox(calls: usize) -> Result<Rates> {
    let config = Config {
        kube_tls: true,
        ..Config::default()
    };
    let sandbox = Sandbox::start(config).await?;
    let kube = Door {
        server: Server {
            url: sandbox.kube_url(),
            ca_pem: sandbox.authority().map(str::to_owned),
        },
        token: sandbox.kube_token().to_owned(),
    };
    let vault = Door {
        server: Server::plain(sandbox.vault_url()),
        token: sandbox.root_token().to_owned(),
    };
    let rates = of(kube, vault, calls).await;
    sandbox.stop().await;
    rates
}

async fn of_real(calls: usize) -> Result<Rates> {
    let binaries = Binaries::locate()?;
    let cluster = Cluster::start(&binaries).await?;
    // In memory, as the sandbox's.
    let vault = Vault::start_dev(&binaries).await?;
    let kube = Door {
        server: Server {
            url: cluster.url().to_owned(),
            ca_pem: Some(cluster.ca_pem().to_owned()),
        },
        token: cluster.admin_token().to_owned(),
    };
    let vault_door = Door {
        server: Server::plain(vault.address.clone()),
        token: vault.root_token.clone(),
    };
    of(kube, vault_door, calls).await
}

/// On a thread of its own: the servers may need the others.
async fn of(kube: Door, vault: Door, calls: usize) -> Result<Rates> {
    let measured = tokio::task::spawn_blocking(move || rates::measure(&kube, &vault, calls));
    measured.await.context("the client panicked")?
}
