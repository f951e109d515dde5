//! `leasehold run`: the operator as a process.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use leasehold_controller::{
    Operator,
    stores::{FEEDS, Scope},
};
use leasehold_reconcile_core::{Settings, SignedDuration};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::args::RunArgs;
use crate::serve::{Health, router};
use crate::values::Listen;
use crate::{kubernetes, telemetry};

/// Where a pod finds the name of its own namespace.
const POD_NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
/// The event API takes 128 bytes of an instance's name.
const INSTANCE_LIMIT: usize = 100;

/// Runs until a signal.
pub fn run(args: RunArgs) -> anyhow::Result<()> {
    telemetry::init(args.log_format, &args.log)?;
    // One thread: drives wait for servers, and each further thread has a heap of its own.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    let ended = runtime.block_on(serve(args));
    // A look-up of a name may hang in the system for long: it is not waited for.
    runtime.shutdown_timeout(Duration::from_millis(200));
    ended
}

async fn serve(args: RunArgs) -> anyhow::Result<()> {
    let stop = stop()?;
    let settings = settings(&args, &instance(&args));
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        instance = settings.instance,
        cluster_name = settings.cluster,
        namespace = args.namespace.as_deref().unwrap_or("all"),
        "leasehold"
    );
    let client = kubernetes::client(&args).await?;
    let mut operator = Operator::new(client.clone(), settings);
    operator.scope = scope(&args);
    operator.concurrency = args.concurrency;
    operator.home = home(&args);
    operator.resolve = args.resolve;
    operator.grace = args.grace;
    let health = Health::new(&operator.metrics, operator.ready.subscribe(), FEEDS);
    if let Listen::At(address) = args.listen {
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!("cannot listen on {address} for health and metrics (--listen)")
        })?;
        let address = listener.local_addr().unwrap_or(address);
        tracing::info!(%address, "serving /healthz, /readyz and /metrics");
        tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router(Arc::new(health))).await {
                tracing::error!(%error, "health and metrics are no longer served");
            }
        });
    }
    tokio::select! {
        () = async { kubernetes::reached(&client).await; kubernetes::preflight(&client).await } => {}
        () = told(stop.clone()) => return Ok(()),
    }
    Box::pin(operator.run(told(stop))).await;
    tracing::info!("ended");
    Ok(())
}

fn settings(args: &RunArgs, instance: &str) -> Settings {
    let signed = |d: Duration| SignedDuration::try_from(d).unwrap_or(SignedDuration::MAX);
    Settings {
        cluster: args.cluster_name.clone(),
        instance: instance.to_owned(),
        keeper_max: signed(args.keeper_max),
        revocation_deadline: signed(args.revocation_deadline),
        resync: signed(args.resync),
    }
}

fn scope(args: &RunArgs) -> Scope {
    let namespace = args.namespace.clone().filter(|n| !n.is_empty());
    namespace.map_or(Scope::Cluster, Scope::Namespace)
}

fn home(args: &RunArgs) -> Option<String> {
    let said = |text: String| Some(text.trim().to_owned()).filter(|t| !t.is_empty());
    args.home_namespace
        .clone()
        .and_then(said)
        .or_else(|| std::env::var("POD_NAMESPACE").ok().and_then(said))
        .or_else(|| {
            std::fs::read_to_string(POD_NAMESPACE_FILE)
                .ok()
                .and_then(said)
        })
}

/// Another one in each run, also of a pod that is restarted in place: what a former run intended
/// is not this run's to go on with.
fn instance(args: &RunArgs) -> String {
    let said = |text: String| Some(text.trim().to_owned()).filter(|t| !t.is_empty());
    let name = args
        .instance
        .clone()
        .and_then(said)
        .or_else(|| std::env::var("POD_NAME").ok().and_then(said))
        .or_else(|| {
            std::fs::read_to_string("/proc/sys/kernel/hostname")
                .ok()
                .and_then(said)
        })
        .unwrap_or_else(|| "leasehold".into());
    let name: String = name
        .chars()
        .filter(|c| !c.is_control())
        .take(INSTANCE_LIMIT)
        .collect();
    format!("{name}-{}", suffix())
}

fn suffix() -> String {
    // The hasher's keys are random already; pid and time are there should they not be.
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    hasher.write_u128(now.as_nanos());
    format!("{:010x}", hasher.finish() & 0xff_ffff_ffff)
}

/// Turns true at the first signal; the second one ends the process.
fn stop() -> anyhow::Result<watch::Receiver<bool>> {
    let listen = |kind| signal(kind).context("signals cannot be listened for");
    let (mut term, mut interrupt) = (
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
    );
    let (told, stop) = watch::channel(false);
    tokio::spawn(async move {
        let name = either(&mut term, &mut interrupt).await;
        tracing::info!(signal = name, "told to end");
        told.send_replace(true);
        let name = either(&mut term, &mut interrupt).await;
        tracing::warn!(signal = name, "told again: ending at once");
        std::process::exit(1);
    });
    Ok(stop)
}

async fn either(term: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

async fn told(mut stop: watch::Receiver<bool>) {
    // The sender lives as long as the process: an error here means that it is ending.
    drop(stop.wait_for(|stop| *stop).await);
}
