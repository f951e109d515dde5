#![doc = include_str!("../README.md")]

pub mod access;
pub mod args;
pub mod operator;
pub mod prepare;
pub mod running;
pub mod timers;
pub mod tutorial;

use std::io::Write;

use anyhow::Context as _;
use leasehold_operator::args::LogFormat;
use leasehold_operator::output::print;
use leasehold_operator::telemetry;
use tokio::signal::unix::{Signal, SignalKind, signal};

use access::Access;
use args::Args;
use running::Running;
use tutorial::screen::Style;

/// Does what the command line says, until a signal.
pub fn execute(args: &Args, out: &mut dyn Write) -> anyhow::Result<()> {
    let log = if args.tutorial { "error" } else { "warn" };
    telemetry::init(LogFormat::Text, args.log.as_deref().unwrap_or(log))?;
    // One thread: only its timers can be set forward.
    let runtime = tokio::runtime::Builder::new_current_thread()
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
    if args.tutorial {
        return tokio::select! {
            played = tutorial::play(running, Style::of(args), out) => played,
            _ = interrupt.recv() => Err(anyhow::anyhow!("interrupted")),
            _ = terminate.recv() => Err(anyhow::anyhow!("ended by a signal")),
        };
    }
    let access = Access::write(&running.sandbox, args.dir.as_deref())?;
    print(out, &access.told(args))?;
    tokio::select! {
        () = timers::follow(&running.sandbox) => {}
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
