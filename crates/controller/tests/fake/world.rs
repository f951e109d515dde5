//! Both stand-ins, what people wrote into them, and operators over them.

use std::sync::Arc;
use std::time::Duration;

use leasehold_controller::{Operator, metrics::Metrics};
use leasehold_reconcile_core::{Settings, names};
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::Time;
use super::kube::{Call, Kube};
use super::vault::FakeVault;

pub(crate) const NS: &str = "demo";
pub(crate) const REQUESTS: &str = "awsaccesskeyrequests";
/// The login Secret's token: never seen anywhere else.
pub(crate) const LOGIN_TOKEN: &str = "hvs.the-login-token";
pub(crate) const ROOT_SECRET_KEY: &str = "the-root-secret-half";

pub(crate) struct World {
    pub(crate) kube: Kube,
    pub(crate) vault: FakeVault,
    pub(crate) time: Time,
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
    /// Nothing but an AppBinding and Secrets.
    pub(crate) fn bare() -> Self {
        let time = Time::new();
        let world = Self {
            kube: Kube::new(time),
            vault: FakeVault::new("cluster-1"),
            time,
        };
        world.kube.create(
            "appbindings",
            json!({
                "apiVersion": "appcatalog.appscode.com/v1alpha1", "kind": "AppBinding",
                "metadata": { "name": "vault", "namespace": NS },
                "spec": { "clientConfig": { "url": "https://vault.demo.svc:8200" }, "secret": { "name": "login" } },
            }),
        );
        world.kube.create(
            "secrets",
            secret("login", "kubevault.com/token", &[("token", LOGIN_TOKEN)]),
        );
        let root = [("access_key", "AKIAROOT"), ("secret_key", ROOT_SECRET_KEY)];
        world
            .kube
            .create("secrets", secret("aws-cred", "Opaque", &root));
        world
    }

    /// With a SecretEngine and an AWSRole.
    pub(crate) fn new() -> Self {
        let world = Self::bare();
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
        self.kube.create(
            "awsroles",
            json!({
                "apiVersion": "engine.kubevault.com/v1alpha1", "kind": "AWSRole",
                "metadata": { "name": name, "namespace": NS },
                "spec": { "vaultRef": { "name": "vault" }, "path": "aws", "credentialType": "iam_user",
                    "policyARNs": ["arn:aws:iam::aws:policy/ReadOnlyAccess"] },
            }),
        );
    }

    pub(crate) fn request(&self, name: &str) {
        self.request_of(name, "reader");
    }

    pub(crate) fn request_of(&self, name: &str, role: &str) {
        self.kube.create(
            REQUESTS,
            json!({
                "apiVersion": "engine.kubevault.com/v1alpha1", "kind": "AWSAccessKeyRequest",
                "metadata": { "name": name, "namespace": NS },
                "spec": { "roleRef": { "name": role, "namespace": NS },
                    "subjects": [{ "kind": "ServiceAccount", "name": "app", "namespace": NS }] },
            }),
        );
    }

    pub(crate) fn approve(&self, name: &str) {
        self.judge(name, "Approved");
    }

    pub(crate) fn judge(&self, name: &str, verdict: &str) {
        self.kube.edit(REQUESTS, NS, name, |request| {
            let condition = json!({
                "type": verdict, "status": "True", "reason": "KubectlApprove",
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

    pub(crate) fn operator(&self, instance: &str) -> Operator {
        let settings = Settings {
            instance: instance.into(),
            ..Settings::default()
        };
        let mut operator = Operator::new(self.kube.client(), settings);
        operator.connect = Arc::new(self.vault.clone());
        operator.clock = Arc::new(self.time);
        operator.home = Some("leasehold".into());
        operator
    }

    pub(crate) fn start(&self) -> Running {
        self.start_as("one")
    }

    pub(crate) fn start_as(&self, instance: &str) -> Running {
        self.start_off(instance, 0)
    }

    /// With a clock that is so many seconds ahead.
    pub(crate) fn start_off(&self, instance: &str, seconds: i64) -> Running {
        let mut operator = self.operator(instance);
        operator.clock = Arc::new(self.time.ahead(seconds));
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
        for _ in 0..seconds * 10 {
            if done() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
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

    /// Writes so far, as `verb resource`.
    pub(crate) fn writes(&self) -> Vec<String> {
        let calls = self.kube.calls();
        calls
            .iter()
            .filter(|c| c.is_write())
            .map(Call::what)
            .collect()
    }

    pub(crate) fn forget_calls(&self) {
        self.kube.forget_calls();
        self.vault.forget_calls();
    }

    /// All requests but watches and their lists.
    pub(crate) fn asked(&self) -> Vec<String> {
        let calls = self.kube.calls();
        let asked = calls
            .iter()
            .filter(|c| c.verb != "watch" && c.verb != "list");
        asked.map(Call::what).collect()
    }
}

/// Long enough for everything under way, too short for what waits.
pub(crate) async fn rest() {
    tokio::time::sleep(Duration::from_secs(5)).await;
}

pub(crate) fn secret(name: &str, type_: &str, data: &[(&str, &str)]) -> Value {
    let data: serde_json::Map<String, Value> = data
        .iter()
        .map(|(key, text)| ((*key).to_owned(), json!(encode(text))))
        .collect();
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": type_,
        "metadata": { "name": name, "namespace": NS }, "data": data,
    })
}

/// Base64, by way of the type that Kubernetes has for it.
fn encode(text: &str) -> String {
    let bytes = k8s_openapi::ByteString(text.as_bytes().to_vec());
    serde_json::to_value(bytes)
        .unwrap()
        .as_str()
        .unwrap()
        .to_owned()
}

fn decode(text: &str) -> Option<String> {
    let bytes: k8s_openapi::ByteString = serde_json::from_value(json!(text)).ok()?;
    String::from_utf8(bytes.0).ok()
}
