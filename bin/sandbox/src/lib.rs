#![doc = include_str!("../README.md")]

pub mod access;
pub mod args;
pub mod operator;
pub mod prepare;
pub mod running;

use std::io::Write;

use anyhow::Context as _;
use leasehold_operator::args::LogFormat;
use leasehold_operator::output::print;
use leasehold_operator::telemetry;
use tokio::signal::unix::{Signal, SignalKind, signal};

use access::Access;
use args::Args;
use running::Running;

/// Does what the command line says, until a signal.
pub fn execute(args: &Args, out: &mut dyn Write) -> anyhow::Result<()> {
    telemetry::init(LogFormat::Text, &args.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    runtime.block_on(stay_up(args, out))
}

async fn stay_up(args: &Args, out: &mut dyn Write) -> anyhow::Result<()> {
    // Before anything is started: from here on a signal ends all that is.
    let mut signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    let [interrupt, terminate] = &mut signals;
    let (interrupt, terminate) = (listened(interrupt)?, listened(terminate)?);
    let running = tokio::select! {
        running = Running::start(args) => running?,
        _ = interrupt.recv() => return Ok(()),
        _ = terminate.recv() => return Ok(()),
    };
    let access = Access::write(&running.sandbox, args.dir.as_deref())?;
    print(out, &access.told(args))?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    running.stop().await;
    Ok(())
}

fn listened(signal: &mut std::io::Result<Signal>) -> anyhow::Result<&mut Signal> {
    let signal = signal.as_mut();
    signal.map_err(|error| anyhow::anyhow!("signals cannot be listened for: {error}"))
}
