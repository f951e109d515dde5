//! `platform-agent`.

use anyhow::Context as _;
use clap::Parser as _;
use platform_agent::{Args, client, run};

fn main() -> anyhow::Result<()> {
    // First of all: whatever speaks TLS finds this provider. A second install cannot happen here.
    drop(rustls::crypto::ring::default_provider().install_default());
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    runtime.block_on(async {
        let config = kube::Config::infer()
            .await
            .context("no cluster is configured")?;
        let stop = async {
            // An error means that no signal can ever come: then it runs until it is killed.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        // It holds the whole operator: too much for a stack.
        Box::pin(run(args, client(config)?, stop)).await;
        Ok(())
    })
}
