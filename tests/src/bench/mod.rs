//! What the operator costs: time, requests, memory, counted on the real servers, beside a bare loop
//! that makes only its writes.

pub mod audit;
pub mod bare;
pub mod goals;
pub mod report;
pub mod requests;
pub mod sandbox;
pub mod stand;
pub mod usage;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::ListParams;
use reqwest::Method;
use serde_json::json;

pub use self::audit::Tally;
use self::audit::{Log, kube_watch};
pub use self::bare::Bare;
use self::requests::Requests;
pub use self::usage::Usage;
use crate::real::operator_token;
use crate::servers::{Process, eventually, http};
use crate::{RealStand, Stand as _, Start, World, manifests};

/// Nothing asked for so long: it rests.
const QUIET: Duration = Duration::from_secs(2);
/// How many kinds the operator watches.
const FEEDS: u64 = 7;
/// Namespace of the bare loop's requests.
const BARE: &str = "bare";
/// In flight at once in the bare loop; the best counts.
pub const BARE_AT_ONCE: [usize; 3] = [8, 32, 64];

/// What one stretch of the operator's life cost.
#[derive(Clone, Debug, Default)]
pub struct Stretch {
    /// Until it was done.
    pub seconds: f64,
    /// Requests to the API server.
    pub kube: Tally,
    /// Requests to Vault.
    pub vault: Tally,
    /// Of the operator's process since it started, after it rested.
    pub usage: Usage,
    /// IAM users at the end.
    pub users: usize,
    /// IAM users made.
    pub made: u64,
    /// The machine's load average at the end.
    pub load: String,
}

/// All figures of one number of requests.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// How many requests.
    pub size: usize,
    /// From the start of the process to the last Secret and status.
    pub issue: Stretch,
    /// The next process, over the same requests.
    pub restart: Stretch,
    /// From the first deletion to the last, in that process.
    pub end: Stretch,
}

/// Servers with an engine and a role in place, and no operator.
#[derive(Debug)]
pub struct Bench {
    world: World<RealStand>,
    /// How long the operator is left alone before its idle memory is read.
    pub rest: Duration,
}

impl Bench {
    /// Starts the servers and has an operator put engine and role in place.
    pub async fn start(rest: Duration) -> Result<Self> {
        let world = World::prepare(stand::start().await?).await?;
        world.apply(&world.token_binding("demo")).await?;
        world.apply(&world.seed_engine()?).await?;
        world
            .apply(&[manifests::seed("000-awsrole.yaml", &[])?])
            .await?;
        world.namespace(BARE).await?;
        let watch = Watch::start(&world.stand).await?;
        let mut operator = world.stand.spawn_operator(Start::default()).await?;
        world
            .phase("SecretEngine", "aws-secret-engine", "Success")
            .await?;
        world.phase("AWSRole", "aws-role", "Success").await?;
        watch.quiet().await?;
        operator.stop().await?;
        Ok(Self { world, rest })
    }

    /// Issues, restarts and deletes that many requests.
    pub async fn run(&self, size: usize) -> Result<Figures> {
        let stand = &self.world.stand;
        let requests = Requests::new(&stand.kube(), "demo", "aws-role");
        requests.make(size).await?;
        let mut following = requests.follow().await?;

        let watch = Watch::start(stand).await?;
        let mut operator = stand.spawn_operator(Start::default()).await?;
        following
            .until("all issued", |p| p.issued == size)
            .await
            .with_context(|| operator.log_tail(40))?;
        let seconds = watch.seconds();
        ensure!(self.secrets().await? == size, "Secrets are missing");
        let issue = self.stretch(&watch, seconds, &operator).await?;
        operator.stop().await?;

        let watch = Watch::start(stand).await?;
        let mut operator = stand.spawn_operator(Start::default()).await?;
        watch.begun().await?;
        let seconds = watch.quiet().await?;
        let restart = self.stretch(&watch, seconds, &operator).await?;

        let watch = Watch::start(stand).await?;
        requests.delete(size).await?;
        following
            .until("all gone", |p| p.gone == size)
            .await
            .with_context(|| operator.log_tail(40))?;
        let seconds = watch.seconds();
        watch.quiet().await?;
        let end = self.stretch(&watch, seconds, &operator).await?;
        operator.stop().await?;
        Ok(Figures {
            size,
            issue,
            restart,
            end,
        })
    }

    async fn stretch(&self, watch: &Watch, seconds: f64, operator: &Process) -> Result<Stretch> {
        let load = usage::load();
        tokio::time::sleep(self.rest).await;
        let (made, users) = stand::users(&self.world.stand).await?;
        Ok(Stretch {
            seconds,
            usage: Usage::of(operator.pid())?,
            kube: watch.kube.kubernetes()?,
            vault: watch.vault.vault()?,
            users,
            made: made - watch.made,
            load,
        })
    }

    async fn secrets(&self) -> Result<usize> {
        let api: Api<Secret> = Api::namespaced(self.world.stand.kube(), "demo");
        let ours = ListParams::default().labels("app.kubernetes.io/managed-by=leasehold");
        Ok(api.list_metadata(&ours).await?.items.len())
    }

    /// Seconds of the bare loop for that many requests, for each of [`BARE_AT_ONCE`].
    pub async fn bare(&self, size: usize) -> Result<Vec<(usize, f64)>> {
        let stand = &self.world.stand;
        let requests = Requests::new(&stand.kube(), BARE, "aws-role");
        let bare = Arc::new(Bare {
            kube: (
                http::client(Some(stand.cluster.ca_pem()))?,
                stand.cluster.url().to_owned(),
                operator_token(&stand.kube()).await?,
            ),
            vault: (
                http::client(None)?,
                stand.vault_address(),
                self.world.login_token.clone(),
            ),
            vault_role: "k8s.-.demo.aws-role".into(),
        });
        let mut took = Vec::new();
        for at_once in BARE_AT_ONCE {
            let made = requests.make(size).await?;
            took.push((at_once, bare.run(made, at_once).await?));
            let leases = "sys/leases/revoke-prefix/aws/creds";
            let (status, answer) = stand.vault(Method::PUT, leases, Some(&json!({}))).await?;
            ensure!(status < 300, "{leases}: {status} {answer}");
            requests.free(size).await?;
            requests.delete(size).await?;
            eventually("the bare loop's users are gone", || async {
                ensure!(stand::users(stand).await?.1 == 0);
                Ok(())
            })
            .await?;
        }
        Ok(took)
    }
}

/// From when on things are counted.
struct Watch {
    start: Instant,
    kube: Log,
    vault: Log,
    made: u64,
}

impl Watch {
    async fn start(stand: &RealStand) -> Result<Self> {
        Ok(Self {
            made: stand::users(stand).await?.0,
            kube: stand::kube_log(stand),
            vault: stand::vault_log(stand)?,
            start: Instant::now(),
        })
    }

    fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Waits until the operator has begun.
    async fn begun(&self) -> Result<()> {
        eventually("the operator watches", || async {
            ensure!(self.kube.kubernetes()?.sum(kube_watch) >= FEEDS);
            Ok(())
        })
        .await
    }

    /// Waits until nothing more is asked; gives the seconds until the last request.
    async fn quiet(&self) -> Result<f64> {
        let mut last = (0, Instant::now());
        loop {
            let size = self.kube.end() + self.vault.end();
            if size != last.0 {
                last = (size, Instant::now());
            }
            if last.1.elapsed() > QUIET {
                return Ok(last.1.duration_since(self.start).as_secs_f64());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
