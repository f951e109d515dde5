//! One login per AppBinding, for as long as something depends on it.

use std::time::Duration;

use serde_json::json;

use crate::fake::Fault;
use crate::fake::world::{NS, REQUESTS, World, rest};

const ADDRESS: &str = "https://vault.demo.svc:8200";
const OTHER: &str = "https://other.demo.svc:8200";

fn point_to(world: &World, address: &str) {
    world.kube.edit("appbindings", NS, "vault", |binding| {
        binding["spec"]["clientConfig"]["url"] = json!(address);
    });
}

#[tokio::test(start_paused = true)]
async fn a_restart_writes_nothing_and_logs_in_once() {
    let world = World::new();
    let running = world.settled().await;
    for name in ["a", "b", "c"] {
        world.approved(name);
        world.issued(name).await;
    }
    rest().await;
    running.stop().await;
    assert_eq!(world.vault.logins(), [ADDRESS]);
    world.forget_calls();
    let again = world.start_as("two");
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    assert_eq!(world.vault.logins(), [ADDRESS, ADDRESS]);
    let calls = world.vault.calls();
    let writes = ["write", "enable", "open", "issue", "revoke"];
    let wrote = calls
        .iter()
        .any(|c| writes.iter().any(|w| c.starts_with(w)));
    assert!(!wrote, "{calls:?}");
    again.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_app_binding_and_a_rotated_login_secret_mean_a_new_login() {
    let world = World::new();
    let running = world.settled().await;
    // The same Vault by another name: nothing has to be moved.
    point_to(&world, "https://vault.demo.svc.cluster.local:8200");
    world
        .within(5, "a new login", || world.vault.logins().len() == 2)
        .await;
    world.kube.edit("secrets", NS, "login", |secret| {
        secret["data"]["token"] = json!("aHZzLm90aGVy");
    });
    world
        .within(61, "a new login", || world.vault.logins().len() == 3)
        .await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(world.vault.logins().len(), 3);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_live_login_outlives_its_app_binding_until_nothing_needs_it() {
    let world = World::new();
    let running = world.settled().await;
    world.approved("app");
    world.issued("app").await;
    world.kube.delete("appbindings", NS, "vault");
    world.kube.delete("secrets", NS, "login");
    tokio::time::sleep(Duration::from_secs(300)).await;
    world.kube.delete(REQUESTS, NS, "app");
    world
        .within(60, "revoked through the login that lives", || {
            world.kube.object(REQUESTS, NS, "app").is_none() && world.vault.live_keys().is_empty()
        })
        .await;
    world.kube.delete("awsroles", NS, "reader");
    world.kube.delete("secretengines", NS, "engine");
    world
        .within(120, "all gone", || {
            world.kube.all("secretengines").is_empty()
        })
        .await;
    assert_eq!(world.vault.logins().len(), 1);
    rest().await;

    // Swept: whoever comes next finds no login without an AppBinding.
    world.create_engine();
    world
        .within(20, "said", || {
            let ready = world.condition("secretengines", "engine", "Ready");
            ready["reason"] == "AppBindingNotFound"
        })
        .await;
    running.stop().await;
}

/// What was decided on one Vault is done to that one, wherever the AppBinding points meanwhile.
#[tokio::test(start_paused = true)]
async fn an_app_binding_that_changes_under_a_drive_does_not_lead_it_elsewhere() {
    let world = World::new();
    let other = world.vault.other(OTHER, "cluster-2");
    let running = world.settled().await;
    world.approved("app");
    world.issued("app").await;
    let slow = Duration::from_secs(3);
    world
        .vault
        .on(move |method, _| (method == "lookup_accessor").then_some(Fault::Lag(slow)));
    world.kube.delete(REQUESTS, NS, "app");
    tokio::time::sleep(Duration::from_secs(1)).await;
    point_to(&world, OTHER);
    world
        .within(60, "gone", || {
            world.kube.object(REQUESTS, NS, "app").is_none()
        })
        .await;
    assert!(
        world.vault.live_keys().is_empty(),
        "the key is revoked where it was issued"
    );
    let asked = other.calls();
    assert!(!asked.iter().any(|c| c.contains("accessor")), "{asked:?}");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_does_not_answer_holds_up_nobody_elses() {
    let world = World::new();
    let dead = world.vault.other(OTHER, "cluster-2");
    dead.on(|_, _| Some(Fault::Hang));
    let mut binding = world.kube.object("appbindings", NS, "vault").unwrap();
    binding["metadata"] = json!({ "name": "dead", "namespace": NS });
    binding["spec"]["clientConfig"]["url"] = json!(OTHER);
    world.kube.create("appbindings", binding);
    for n in 0..30 {
        let name = format!("dead-{n}");
        world.create_role(&name);
        world.kube.edit("awsroles", NS, &name, |role| {
            role["spec"]["vaultRef"]["name"] = json!("dead");
        });
    }
    let running = world.start();
    world
        .within(5, "ready", || world.is_ready("awsroles", "reader"))
        .await;
    world.approved("app");
    world
        .within(5, "issued", || world.is_ready(REQUESTS, "app"))
        .await;
    // Nor does it hold up the end of the process beyond its grace.
    let took = running.stop().await;
    assert!((19..=21).contains(&took.as_secs()), "{took:?}");
}

/// More objects than there are drives at once, of a Vault that keeps every call for a minute.
#[tokio::test(start_paused = true)]
async fn a_vault_that_does_not_answer_leaves_room_for_the_others() {
    let world = World::new();
    let hung = world.vault.other(OTHER, "cluster-2");
    let minute = Duration::from_secs(60);
    hung.on(move |_, _| Some(Fault::LagThenFail(minute)));
    let mut binding = world.kube.object("appbindings", NS, "vault").unwrap();
    binding["metadata"] = json!({ "name": "hung", "namespace": NS });
    binding["spec"]["clientConfig"]["url"] = json!(OTHER);
    world.kube.create("appbindings", binding);
    for n in 0..200 {
        let name = format!("hung-{n}");
        world.create_role(&name);
        world.kube.edit("awsroles", NS, &name, |role| {
            role["spec"]["vaultRef"]["name"] = json!("hung");
        });
    }
    let running = world.start();
    // One call's limit, at most, until it shows.
    world
        .within(70, "ready", || world.is_ready("awsroles", "reader"))
        .await;
    for n in 0..30 {
        let name = format!("good-{n}");
        world.create_role(&name);
        world
            .within(5, &name, || world.is_ready("awsroles", &name))
            .await;
        tokio::time::sleep(Duration::from_secs(7)).await;
    }
    hung.mend();
    let mut engine = world.kube.object("secretengines", NS, "engine").unwrap();
    engine["metadata"] = json!({ "name": "hung", "namespace": NS });
    engine["spec"]["vaultRef"]["name"] = json!("hung");
    engine["status"] = json!({});
    world.kube.create("secretengines", engine);
    world
        .within(300, "all are ready", || {
            (0..200).all(|n| world.is_ready("awsroles", &format!("hung-{n}")))
        })
        .await;
    running.stop().await;
}

/// Forty drives wait for one read that fails: once, not one after the other.
#[tokio::test(start_paused = true)]
async fn a_slow_failure_is_shared_by_all_who_wait_for_it() {
    let world = World::new();
    let running = world.settled().await;
    let slow = Duration::from_secs(30);
    let reads = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&reads);
    // As a client that gives up after so long would say it.
    world.vault.on(move |method, what| {
        (method == "engine_lease" && what == "aws" && {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            true
        })
        .then_some(Fault::LagThenFail(slow))
    });
    let names: Vec<String> = (0..40).map(|n| format!("app-{n}")).collect();
    for name in &names {
        world.approved(name);
    }
    let said = |name: &str| world.reason(name) == "VaultUnreachable";
    world
        .within(70, "all say so", || names.iter().all(|n| said(n)))
        .await;
    world.vault.mend();
    world
        .within(300, "all are issued", || {
            names.iter().all(|n| world.is_ready(REQUESTS, n))
        })
        .await;
    running.stop().await;
}
