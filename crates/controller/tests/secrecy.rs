//! No secret in a log line, an event or a status. Alone in its process: what other threads do not
//! log is remembered for all of them.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod world;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use leasehold_sandbox::faults::Rule;
use serde_json::Value;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};

use crate::world::{Fault, LOGIN_TOKEN, NS, REQUESTS, World, rest};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_ever_told() {
    let log = Log::default();
    let writer = log.clone();
    let filter: Targets = "warn,leasehold_controller=trace,leasehold_vault_client=trace,leasehold_reconcile_core=trace,kube=trace"
        .parse()
        .unwrap();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .with_filter(filter);
    let subscriber = tracing_subscriber::registry().with(lines);
    let _guard = tracing::subscriber::set_default(subscriber);

    let world = World::new().await;
    let running = world.settled().await;
    world.kube.fault(Rule {
        method: Some("POST".into()),
        ..Fault::Refuse(403).of("/secrets")
    });
    world.approved("app");
    tokio::time::sleep(Duration::from_secs(60)).await;
    world.mend();
    world.issued("app").await;
    world.vault.fault(Fault::LoseAnswer.of("aws/creds/"));
    world.approved("lost");
    tokio::time::sleep(Duration::from_secs(60)).await;
    world.mend();
    world.vault.panic_at("auth/token/revoke-accessor");
    world.kube.delete(REQUESTS, NS, "app");
    rest().await;
    world.mend();
    world
        .until("gone", || world.kube.object(REQUESTS, NS, "app").is_none())
        .await;
    running.stop().await;

    let told = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(told.contains("open a keeper"), "{told}");
    assert!(told.contains("as told"), "the panic is met");
    let stored = [
        REQUESTS,
        "awsroles",
        "secretengines",
        "appbindings",
        "events",
    ];
    let stored: String = stored
        .iter()
        .flat_map(|resource| world.kube.all(resource))
        .map(|object| object.to_string())
        .collect();
    assert!(stored.contains("\"reason\":\"Issued\""));
    let (_, root_half) = world.vault.aws_root();
    let mut secrets = vec![LOGIN_TOKEN.to_owned(), root_half, "hvs.".to_owned()];
    let known = secrets.len();
    secrets.extend(handed_out(&world));
    assert!(
        secrets.len() >= known + 6,
        "a keeper's token, a key, and its half, twice"
    );
    for secret in secrets {
        for place in [&told, &stored] {
            let at = place.find(&secret);
            let around = at.map(|at| &place[at.saturating_sub(200)..at]);
            assert!(at.is_none(), "{secret} is told after: {around:?}");
        }
    }
}

/// Every token, key and secret half that the operator got from Vault.
fn handed_out(world: &World) -> Vec<String> {
    let fields = ["/auth/client_token", "/data/access_key", "/data/secret_key"];
    let mut found = Vec::new();
    for answer in world.vault.answers() {
        let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        // Vault shows the id of its own key to whoever may read its configuration.
        let (own, _) = world.vault.aws_root();
        let texts = fields
            .iter()
            .filter_map(|field| answer.pointer(field)?.as_str());
        found.extend(texts.filter(|text| *text != own).map(str::to_owned));
    }
    found
}
