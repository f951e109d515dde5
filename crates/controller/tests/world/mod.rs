//! The sandbox with what people wrote into it, and operators over it. Nothing of it is on a port
//! and all of it goes by tokio's clock: paused time passes in the servers as well.
#![allow(dead_code, reason = "each test uses what it needs")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a world that is used wrongly fails its test"
)]

mod kube;
mod vault;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use leasehold_controller::{Operator, metrics::Metrics};
use leasehold_reconcile_core::{Settings, names};
use leasehold_sandbox::clock::Clock;
use leasehold_sandbox::faults::{Cut, FaultPlan, Rule};
use leasehold_sandbox::{Config, Sandbox};
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

pub(crate) use kube::{Kube, is_write, what};
pub(crate) use vault::{LOGIN_TOKEN, Vault};

pub(crate) const NS: &str = "demo";
pub(crate) const REQUESTS: &str = "awsaccesskeyrequests";
pub(crate) const ADDRESS: &str = "https://vault.demo.svc:8200";

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// Answered with this status; nothing happens.
    Refuse(u16),
    /// It happens, and nobody learns of it.
    LoseAnswer,
    /// It never reaches the server, and nobody learns of that.
    LoseCall,
    /// It happens and is answered, so much later.
    Lag(Duration),
    /// Nothing happens, and that is known so much later.
    LagThenFail(Duration),
    /// No answer, ever; nothing happens.
    Hang,
}

impl Fault {
    /// Of a part of the path: the rule by which it happens to every call.
    pub(crate) fn of(self, path: &str) -> Rule {
        let rule = Rule {
            path: Some(path.to_owned()),
            ..Rule::default()
        };
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap();
        match self {
            Self::Refuse(status) => Rule {
                status: Some(status),
                ..rule
            },
            Self::LoseAnswer => Rule {
                cut: Some(Cut::After),
                ..rule
            },
            Self::LoseCall => Rule {
                cut: Some(Cut::Before),
                ..rule
            },
            Self::Lag(by) => Rule {
                answer_delay_ms: ms(by),
                ..rule
            },
            Self::LagThenFail(by) => Rule {
                delay_ms: ms(by),
                cut: Some(Cut::Before),
                ..rule
            },
            // Longer than any test.
            Self::Hang => Self::LagThenFail(Duration::from_secs(1_000_000)).of(path),
        }
    }
}

fn plan(rule: Rule) -> FaultPlan {
    FaultPlan { rules: vec![rule] }
}

/// The servers' clock, for an operator; so many seconds ahead.
struct Time(Clock, SignedDuration);

impl leasehold_controller::clock::Clock for Time {
    fn now(&self) -> Timestamp {
        self.0.now() + self.1
    }
}

pub(crate) struct World {
    pub(crate) kube: Kube,
    pub(crate) vault: Vault,
    clock: Clock,
}

/// An operator that runs.
pub(crate) struct Running {
    pub(crate) stop: Option<oneshot::Sender<()>>,
    pub(crate) task: JoinHandle<()>,
    pub(crate) metrics: Metrics,
    pub(crate) ready: watch::Receiver<usize>,
}

impl Running {
    /// As SIGTERM does; returns how long it took.
    pub(crate) async fn stop(mut self) -> Duration {
        let from = tokio::time::Instant::now();
        let _ = self.stop.take().unwrap().send(());
        (&mut self.task).await.unwrap();
        from.elapsed()
    }

    /// As SIGKILL does.
    pub(crate) async fn crash(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

impl World {
    /// Nothing but the definitions, the rights as they are deployed, an AppBinding and Secrets.
    pub(crate) async fn bare() -> Self {
        let clock = Clock::of_tokio();
        let config = Config {
            clock: clock.clone(),
            ..Config::default()
        };
        let sandbox = Arc::new(Sandbox::start(config).await.unwrap());
        let world = Self {
            kube: Kube::new(Arc::clone(&sandbox)),
            vault: Vault::new(sandbox),
            clock,
        };
        world.kube.create(
            "appbindings",
            json!({
                "apiVersion": "appcatalog.appscode.com/v1alpha1", "kind": "AppBinding",
                "metadata": { "name": "vault", "namespace": NS },
                "spec": { "clientConfig": { "url": ADDRESS }, "secret": { "name": "login" } },
            }),
        );
        world.kube.create(
            "secrets",
            secret("login", "kubevault.com/token", &[("token", LOGIN_TOKEN)]),
        );
        let (id, half) = world.vault.aws_root();
        let root = [("access_key", &*id), ("secret_key", &*half)];
        world
            .kube
            .create("secrets", secret("aws-cred", "Opaque", &root));
        world
    }

    /// With a SecretEngine and an AWSRole.
    pub(crate) async fn new() -> Self {
        let world = Self::bare().await;
        world.create_engine();
        world.create_role("reader");
        world
    }

    pub(crate) fn create_engine(&self) {
        self.kube.create(
            "secretengines",
            json!({
                "apiVersion": "engine.kubevault.com/v1alpha1", "kind": "SecretEngine",
                "metadata": { "name": "engine", "namespace": NS },
                "spec": { "vaultRef": { "name": "vault" }, "path": "aws", "aws": {
                    "credentialSecret": "aws-cred", "region": "us-east-1",
                    "leaseConfig": { "lease": "8h", "leaseMax": "8h" } } },
            }),
        );
    }

    pub(crate) fn create_role(&self, name: &str) {
        self.create_role_of(name, "vault");
    }

    /// At the Vault of that AppBinding.
    pub(crate) fn create_role_of(&self, name: &str, binding: &str) {
        self.kube.create(
            "awsroles",
            json!({
                "apiVersion": "engine.kubevault.com/v1alpha1", "kind": "AWSRole",
                "metadata": { "name": name, "namespace": NS },
                "spec": { "vaultRef": { "name": binding }, "path": "aws", "credentialType": "iam_user",
                    "policyARNs": ["arn:aws:iam::aws:policy/ReadOnlyAccess"] },
            }),
        );
    }

    pub(crate) fn request(&self, name: &str) {
        self.kube.create(
            REQUESTS,
            json!({
                "apiVersion": "engine.kubevault.com/v1alpha1", "kind": "AWSAccessKeyRequest",
                "metadata": { "name": name, "namespace": NS },
                "spec": { "roleRef": { "name": "reader", "namespace": NS },
                    "subjects": [{ "kind": "ServiceAccount", "name": "app", "namespace": NS }] },
            }),
        );
    }

    pub(crate) fn approve(&self, name: &str) {
        self.kube.edit(REQUESTS, NS, name, |request| {
            let condition = json!({
                "type": "Approved", "status": "True", "reason": "KubectlApprove",
                "observedGeneration": request["metadata"]["generation"],
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            });
            let conditions = &mut request["status"]["conditions"];
            if conditions.is_null() {
                *conditions = json!([]);
            }
            conditions.as_array_mut().unwrap().push(condition);
        });
    }

    /// A request, approved.
    pub(crate) fn approved(&self, name: &str) {
        self.request(name);
        self.approve(name);
    }

    pub(crate) fn start(&self) -> Running {
        self.start_as("one")
    }

    pub(crate) fn start_as(&self, instance: &str) -> Running {
        self.start_off(instance, 0)
    }

    /// With a clock that is so many seconds ahead.
    pub(crate) fn start_off(&self, instance: &str, seconds: i64) -> Running {
        let settings = Settings {
            instance: instance.into(),
            ..Settings::default()
        };
        let mut operator = Operator::new(self.kube.operators_client(), settings);
        operator.connect = Arc::new(self.vault.clone());
        operator.clock = self.time(seconds);
        operator.home = Some("leasehold-system".into());
        let (stop, stopped) = oneshot::channel();
        Running {
            stop: Some(stop),
            metrics: operator.metrics.clone(),
            ready: operator.ready.subscribe(),
            task: tokio::spawn(operator.run(async {
                let _ = stopped.await;
            })),
        }
    }

    /// The servers' clock, so many seconds ahead.
    pub(crate) fn time(&self, seconds: i64) -> Arc<dyn leasehold_controller::clock::Clock> {
        let ahead = SignedDuration::from_secs(seconds);
        Arc::new(Time(self.clock.clone(), ahead))
    }

    /// Runs an operator until engine and role are in Vault and nothing moves any more.
    pub(crate) async fn settled(&self) -> Running {
        let running = self.start();
        self.until("the role is ready", || self.is_ready("awsroles", "reader"))
            .await;
        rest().await;
        running
    }

    pub(crate) async fn until(&self, what: &str, done: impl Fn() -> bool) {
        self.within(3600, what, done).await;
    }

    /// Waits on tokio's clock.
    pub(crate) async fn within(&self, seconds: u64, what: &str, done: impl Fn() -> bool) {
        let from = tokio::time::Instant::now();
        let limit = Duration::from_secs(seconds);
        loop {
            if done() {
                return;
            }
            let left = limit.saturating_sub(from.elapsed());
            if left.is_zero() {
                break;
            }
            // What takes longer is looked at less often: a look costs more than the time.
            let pause = (from.elapsed() / 10).max(Duration::from_millis(100));
            tokio::time::sleep(pause.min(Duration::from_secs(2)).min(left)).await;
        }
        let requests = self.kube.all(REQUESTS);
        panic!("not within {seconds} s: {what}\n{requests:#?}");
    }

    pub(crate) fn condition(&self, resource: &str, name: &str, type_: &str) -> Value {
        let object = self.kube.object(resource, NS, name).unwrap_or_default();
        let conditions = object["status"]["conditions"].as_array();
        let mut all = conditions.into_iter().flatten();
        all.find(|c| c["type"] == type_)
            .cloned()
            .unwrap_or_default()
    }

    pub(crate) fn is_ready(&self, resource: &str, name: &str) -> bool {
        self.condition(resource, name, "Ready")["status"] == "True"
    }

    pub(crate) fn reason(&self, name: &str) -> String {
        let ready = self.condition(REQUESTS, name, "Ready");
        ready["reason"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) async fn issued(&self, name: &str) {
        self.until(&format!("{name} is issued"), || {
            self.is_ready(REQUESTS, name)
        })
        .await;
    }

    pub(crate) fn secret_name(&self, request: &str) -> String {
        let request = self.kube.object(REQUESTS, NS, request).unwrap();
        let meta = &request["metadata"];
        names::secret(
            meta["name"].as_str().unwrap(),
            meta["uid"].as_str().unwrap(),
        )
    }

    /// The AWS key id in the request's Secret.
    pub(crate) fn key_of(&self, request: &str) -> Option<String> {
        let secret = self
            .kube
            .object("secrets", NS, &self.secret_name(request))?;
        decode(secret["data"]["access_key"].as_str()?)
    }

    /// Exactly one key lives for each of those requests, and it is in its Secret.
    pub(crate) fn one_key_each(&self, requests: &[&str]) -> bool {
        let mut stored: Vec<String> = requests.iter().filter_map(|r| self.key_of(r)).collect();
        let mut live = self.vault.live_keys();
        stored.sort();
        live.sort();
        stored.len() == requests.len() && stored == live
    }

    /// What the operator wrote so far, as `verb resource`.
    pub(crate) fn writes(&self) -> Vec<String> {
        let calls = self.kube.calls();
        calls.iter().filter(|c| is_write(c)).map(what).collect()
    }

    pub(crate) fn forget_calls(&self) {
        self.kube.forget_calls();
        self.vault.forget_calls();
    }

    /// Nothing goes wrong any more.
    pub(crate) fn mend(&self) {
        self.kube.mend();
        self.vault.mend();
    }

    /// All the operator asked for but watches and their lists.
    pub(crate) fn asked(&self) -> Vec<String> {
        let calls = self.kube.calls();
        let asked = calls
            .iter()
            .filter(|c| c.verb != "watch" && c.verb != "list");
        asked.map(what).collect()
    }
}

/// Long enough for everything under way, too short for what waits.
pub(crate) async fn rest() {
    tokio::time::sleep(Duration::from_secs(5)).await;
}

pub(crate) fn secret(name: &str, type_: &str, data: &[(&str, &str)]) -> Value {
    let data: serde_json::Map<String, Value> = data
        .iter()
        .map(|(key, text)| ((*key).to_owned(), json!(text)))
        .collect();
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": type_,
        "metadata": { "name": name, "namespace": NS }, "stringData": data,
    })
}

/// Base64, by way of the type that Kubernetes has for it.
fn decode(text: &str) -> Option<String> {
    let bytes: k8s_openapi::ByteString = serde_json::from_value(json!(text)).ok()?;
    String::from_utf8(bytes.0).ok()
}
