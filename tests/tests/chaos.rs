//! The operator is killed at every boundary of issuing and of ending, before the server saw the
//! request and after it answered, while requests are approved and then deleted.
//!
//! Short by default; `make chaos` runs 50 requests, twice each boundary and side, and gives Vault's
//! write-ahead log its time (LEASEHOLD_CHAOS=long).

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use e2e::proxy::{Fate, Passing, Proxy, Watcher};
use e2e::servers::patiently;
use e2e::stand::Server;
use e2e::{Operator, OwnStand, Stand, Start, World, manifests, on_both_stands};
use serde_json::{Value, json};
use tokio::sync::{Mutex as AsyncMutex, Notify};

on_both_stands! {
    killed_at_every_boundary_it_leaves_one_key_a_request_and_then_none,
}

const ROLE: &str = "k8s.-.demo.aws-role";

const ISSUING: [&str; 9] = [
    "finalizer on",
    "open keeper",
    "record intent",
    "read creds",
    "store Secret",
    "Role",
    "RoleBinding",
    "record credential",
    "event",
];
const ENDING: [&str; 5] = [
    "look up keeper",
    "revoke keeper",
    "look up lease",
    "delete Secret",
    "finalizer off",
];

/// Which boundary of a request's life this is.
fn boundary(request: &Passing) -> Option<&'static str> {
    let path = request.path.split('?').next().unwrap_or_default();
    let method = request.method.as_str();
    let ends = |suffix: &str| path.ends_with(suffix);
    Some(match method {
        "PATCH" if path.contains("/awsaccesskeyrequests/") && ends("/status") => {
            let body: Value = serde_json::from_str(&request.body).ok()?;
            let status = &body["status"];
            match (
                status["intent"].is_object(),
                status["credential"].is_object(),
            ) {
                (true, false) => "record intent",
                (false, true) => "record credential",
                _ => return None,
            }
        }
        "PATCH" if path.contains("/awsaccesskeyrequests/") => {
            let body: Value = serde_json::from_str(&request.body).ok()?;
            let off = body["metadata"]["finalizers"].as_array()?.is_empty();
            if off { "finalizer off" } else { "finalizer on" }
        }
        "POST" if ends("auth/token/create-orphan") => "open keeper",
        "GET" if path.contains("/creds/") => "read creds",
        "POST" if ends("/secrets") => "store Secret",
        "POST" if ends("/roles") => "Role",
        "POST" if ends("/rolebindings") => "RoleBinding",
        "POST" if ends("/events") => "event",
        "POST" if ends("auth/token/lookup-accessor") => "look up keeper",
        "POST" if ends("auth/token/revoke-accessor") => "revoke keeper",
        "POST" | "PUT" if ends("sys/leases/lookup") => "look up lease",
        "DELETE" if path.contains("/secrets/") => "delete Secret",
        _ => return None,
    })
}

type Target = (&'static str, Fate);

/// Kills the operator at the target, once.
#[derive(Default)]
struct Killer {
    target: Mutex<Option<Target>>,
    hits: Mutex<BTreeMap<String, u32>>,
    operator: AsyncMutex<Option<Box<dyn Operator>>>,
    killed: Notify,
}

struct Watch(Arc<Killer>);

impl Watcher for Watch {
    fn fate(&self, request: &Passing) -> Fate {
        let Some(at) = boundary(request) else {
            return Fate::Pass;
        };
        let mut target = self.0.target.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((_, side)) = target.take_if(|(name, _)| *name == at) else {
            return Fate::Pass;
        };
        let mut hits = self.0.hits.lock().unwrap_or_else(PoisonError::into_inner);
        *hits.entry(format!("{at:18} {side:?}")).or_default() += 1;
        side
    }

    fn act(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let killer = Arc::clone(&self.0);
        Box::pin(async move {
            if let Some(mut operator) = killer.operator.lock().await.take() {
                let _ = operator.kill().await;
            }
            killer.killed.notify_one();
        })
    }
}

struct Chaos<S> {
    world: World<S>,
    kube: Proxy,
    killer: Arc<Killer>,
    requests: usize,
    rounds: usize,
    long: bool,
}

#[expect(clippy::print_stdout, reason = "the table of hits")]
async fn killed_at_every_boundary_it_leaves_one_key_a_request_and_then_none<S: OwnStand>()
-> Result<()> {
    let long = std::env::var("LEASEHOLD_CHAOS").is_ok_and(|v| v == "long");
    let mut world = World::prepare(S::start().await?).await?;
    let killer = Arc::new(Killer::default());
    let watch = || Arc::new(Watch(Arc::clone(&killer)));
    let kube = Proxy::start(&world.stand.kube_server(), watch()).await?;
    let vault = Proxy::start(&Server::plain(world.stand.vault_address()), watch()).await?;
    let [mut binding, token] = world.token_binding("demo");
    binding["spec"]["clientConfig"]["url"] = json!(vault.url);
    world.apply(&[binding, token]).await?;
    world.login_token.clear();
    let chaos = Chaos {
        world,
        kube,
        killer: Arc::clone(&killer),
        // Each kill may leave an intent that rests for 100 s from the next start: more than there are
        // kills, or each would wait for that.
        requests: if long { 50 } else { 24 },
        rounds: if long { 2 } else { 1 },
        long,
    };
    chaos.issue().await?;
    chaos.end().await?;

    let hits = killer
        .hits
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    for (target, count) in &hits {
        println!("{target:30} {count}");
    }
    let wanted = (ISSUING.len() + ENDING.len()) * 2;
    ensure!(
        hits.len() == wanted,
        "{} of {wanted} boundaries and sides were hit",
        hits.len()
    );
    Ok(())
}

impl<S: Stand> Chaos<S> {
    async fn issue(&self) -> Result<()> {
        let world = &self.world;
        world.apply(&world.seed_engine()?).await?;
        world
            .apply(&[manifests::seed("000-awsrole.yaml", &[])?])
            .await?;
        self.start().await?;
        world.phase("AWSRole", "aws-role", "Success").await?;
        self.stop().await?;
        for n in 0..self.requests {
            let mut request = manifests::seed("000-awsaccesskeyrequest.yaml", &[])?;
            request["metadata"]["name"] = json!(name(n));
            world.apply(&[request]).await?;
            world.approve(&name(n)).await?;
        }
        self.kill_at(&ISSUING).await?;

        self.start().await?;
        self.patiently("one working key a request", || async {
            for n in 0..self.requests {
                let request = world.get("AWSAccessKeyRequest", "demo", &name(n)).await?;
                let request = request.context("the request is there")?;
                ensure!(
                    request["status"]["phase"] == "Issued",
                    "{}",
                    request["status"]
                );
                ensure!(
                    request["status"]["retiring"].is_null(),
                    "{}",
                    request["status"]
                );
                let secret = request["status"]["secret"]["name"]
                    .as_str()
                    .unwrap_or_default();
                let key = world.key_in(secret).await?;
                world
                    .stand
                    .aws(key)?
                    .caller_arn()
                    .await
                    .context("the delivered key works")?;
            }
            let leases = world.leases(ROLE).await?.len();
            ensure!(leases == self.requests, "{leases} leased keys");
            Ok(())
        })
        .await?;
        self.users(self.requests).await?;
        self.stop().await
    }

    async fn end(&self) -> Result<()> {
        let world = &self.world;
        for n in 0..self.requests {
            world.delete_later("AWSAccessKeyRequest", &name(n)).await?;
        }
        self.kill_at(&ENDING).await?;
        self.start().await?;
        self.patiently("all requests are gone", || async {
            for n in 0..self.requests {
                let left = world.get("AWSAccessKeyRequest", "demo", &name(n)).await?;
                ensure!(left.is_none(), "{left:?}");
            }
            ensure!(world.leases(ROLE).await?.is_empty(), "leased keys are left");
            Ok(())
        })
        .await?;
        self.users(0).await?;
        self.stop().await
    }

    /// IAM users, those aside that Vault's write-ahead log still removes: a read that was cut
    /// leaves a user whose key nobody ever held, for five to seven minutes.
    async fn users(&self, count: usize) -> Result<()> {
        if self.long {
            tokio::time::sleep(Duration::from_secs(8 * 60)).await;
            let users = self.world.users().await?;
            ensure!(users.len() == count, "{} IAM users: {users:?}", users.len());
        }
        Ok(())
    }

    async fn kill_at(&self, boundaries: &[&'static str]) -> Result<()> {
        for _ in 0..self.rounds {
            for at in boundaries {
                for side in [Fate::ActBefore, Fate::ActAfter] {
                    *self
                        .killer
                        .target
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner) = Some((at, side));
                    self.start().await?;
                    // An intent whose read was cut is left alone for 100 s.
                    let killed = self.killer.killed.notified();
                    if tokio::time::timeout(Duration::from_secs(300), killed)
                        .await
                        .is_err()
                    {
                        bail!("{at} {side:?} was never reached:\n{}", self.log().await);
                    }
                }
            }
        }
        Ok(())
    }

    async fn start(&self) -> Result<()> {
        let mut operator = self.killer.operator.lock().await;
        *operator = Some(
            self.world
                .stand
                .start_operator(Start {
                    flags: &["--concurrency=1"],
                    api_server: Some(&self.kube.url),
                    ..Start::default()
                })
                .await?,
        );
        Ok(())
    }

    async fn stop(&self) -> Result<()> {
        match self.killer.operator.lock().await.take() {
            Some(mut operator) => operator.stop().await,
            None => Ok(()),
        }
    }

    async fn log(&self) -> String {
        let operator = self.killer.operator.lock().await;
        operator.as_ref().map(|o| o.log()).unwrap_or_default()
    }

    /// Waits longer than other scenarios: intents of killed operators rest for 100 s each.
    /// With the operator's log, where it fails.
    async fn patiently<F>(&self, what: &str, probe: impl Fn() -> F) -> Result<()>
    where
        F: Future<Output = Result<()>>,
    {
        let Err(error) = patiently(what, probe).await else {
            return Ok(());
        };
        bail!("{error:#}\n{}", self.log().await)
    }
}

fn name(n: usize) -> String {
    format!("chaos-{n:02}")
}
