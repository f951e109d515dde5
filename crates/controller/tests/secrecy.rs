//! No secret in a log line, an event or a status. Alone in its process: what other threads do not
//! log is remembered for all of them.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod fake;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};

use crate::fake::Fault;
use crate::fake::world::{LOGIN_TOKEN, NS, REQUESTS, ROOT_SECRET_KEY, World, rest};

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

    let world = World::new();
    let running = world.settled().await;
    world
        .kube
        .on(|call| (call.what() == "create secrets").then_some(Fault::Refuse(403, "Forbidden")));
    world.approved("app");
    tokio::time::sleep(Duration::from_secs(60)).await;
    world.kube.mend();
    world.issued("app").await;
    world
        .vault
        .on(|method, _| (method == "issue").then_some(Fault::LoseAnswer));
    world.approved("lost");
    tokio::time::sleep(Duration::from_secs(60)).await;
    world.vault.mend();
    world
        .vault
        .on(|method, _| (method == "revoke_accessor").then_some(Fault::Panic));
    world.kube.delete(REQUESTS, NS, "app");
    rest().await;
    world.vault.mend();
    world
        .until("gone", || world.kube.object(REQUESTS, NS, "app").is_none())
        .await;
    running.stop().await;

    let told = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(told.contains("open a keeper"), "{told}");
    let stored = world.kube.dump("secrets");
    assert!(stored.contains("\"reason\":\"Issued\""));
    for secret in [
        LOGIN_TOKEN,
        ROOT_SECRET_KEY,
        "hvs.",
        "AKIASECRET",
        "very-secret-half",
    ] {
        for place in [&told, &stored] {
            let at = place.find(secret);
            let around = at.map(|at| &place[at.saturating_sub(200)..at]);
            assert!(at.is_none(), "{secret} is told after: {around:?}");
        }
    }
}
