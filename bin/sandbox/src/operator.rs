//! The operator, in this process.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use leasehold_controller::Operator;
use leasehold_controller::clock::Clock;
use leasehold_controller::stores::FEEDS;
use leasehold_reconcile_core::Settings;
use leasehold_sandbox::Sandbox;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::prepare;

/// How long work under way may take to end.
const GRACE: Duration = Duration::from_secs(3);

/// An operator at work.
#[derive(Debug)]
pub struct Work {
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl Work {
    /// Starts one with the rights it is deployed with, and waits until its caches are filled.
    pub async fn start(sandbox: &Sandbox) -> anyhow::Result<Self> {
        let (namespace, name) = prepare::OPERATOR;
        let token = prepare::token_of(sandbox, namespace, name)?;
        let client = client(&sandbox.kubeconfig_of(&token)).await?;
        let mut operator = Operator::new(client, Settings::default());
        operator.home = Some(namespace.to_owned());
        operator.grace = GRACE;
        operator.clock = Arc::new(SandboxClock(sandbox.clock().clone()));
        let mut ready = operator.ready.subscribe();
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn(operator.run(told(stopped)));
        let filled = ready.wait_for(|filled| *filled == FEEDS).await;
        filled.context("the operator ended before it began")?;
        Ok(Self { stop, running })
    }

    /// Ends it, and waits for what is under way.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if self.running.await.is_err() {
            tracing::error!("the operator panicked");
        }
    }
}

async fn told(mut stop: watch::Receiver<bool>) {
    // An error means that nobody is left to tell.
    drop(stop.wait_for(|stop| *stop).await);
}

/// A client of the API server as a kubeconfig has it.
pub async fn client(kubeconfig: &str) -> anyhow::Result<Client> {
    let kubeconfig = Kubeconfig::from_yaml(kubeconfig)?;
    let config =
        kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// The servers' clock, for the operator.
struct SandboxClock(leasehold_sandbox::clock::Clock);

impl Clock for SandboxClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}
