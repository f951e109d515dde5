#![doc = include_str!("../README.md")]

use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use kube::client::ClientBuilder;
use kube::{Client, Config};
use leasehold_controller::Operator;
use leasehold_controller::stores::{FEEDS, Scope};
use leasehold_reconcile_core::Settings;
use tower::timeout::TimeoutLayer;

/// The program's own flags; none of them has to be called as Leasehold's are.
#[derive(Clone, Debug, Default, Parser)]
pub struct Args {
    /// Look at this namespace only
    #[arg(long, value_name = "NAMESPACE")]
    pub team: Option<String>,
    /// What this process is called, other than any that ran before
    #[arg(long, env = "POD_NAME", default_value = "platform-agent")]
    pub name: String,
}

/// A client as an operator wants one: no call waits for longer than this. Without a limit an API
/// server that does not answer holds up a drive for as long as it likes.
pub fn client(config: Config) -> anyhow::Result<Client> {
    let builder = ClientBuilder::try_from(config).context("the kubeconfig cannot be used")?;
    let limit = TimeoutLayer::new(Duration::from_secs(30));
    Ok(builder.with_layer(&limit).build())
}

/// The program: Leasehold beside whatever else it does, until told to stop.
pub async fn run(args: Args, client: Client, stop: impl Future<Output = ()> + Send) {
    let settings = Settings {
        instance: args.name,
        ..Settings::default()
    };
    let mut operator = Operator::new(client, settings);
    if let Some(team) = args.team {
        operator.scope = Scope::Namespace(team);
    }
    let mut ready = operator.ready.subscribe();
    // `operator.metrics` goes into the program's own registry, `operator.ready` into its probe.
    let own_work = async {
        if ready.wait_for(|filled| *filled == FEEDS).await.is_ok() {
            // Whatever wants Leasehold to be at work.
        }
        std::future::pending::<()>().await;
    };
    // It ends by itself once `stop` does, and what it has begun gets `Operator::grace` to end.
    tokio::select! {
        () = operator.run(stop) => {}
        () = own_work => {}
    }
}
