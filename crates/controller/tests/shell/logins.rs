//! One login per AppBinding, for as long as something depends on it.

use std::time::Duration;

use serde_json::json;

use crate::world::{Fault, LOGIN_TOKEN, NS, REQUESTS, World, rest};

const OTHER: &str = "https://other.demo.svc:8200";

fn point_to(world: &World, address: &str) {
    world.kube.edit("appbindings", NS, "vault", |binding| {
        binding["spec"]["clientConfig"]["url"] = json!(address);
    });
}

#[tokio::test(start_paused = true)]
async fn a_restart_writes_nothing_and_logs_in_once() {
    let world = World::new().await;
    let running = world.settled().await;
    for name in ["a", "b", "c"] {
        world.approved(name);
        world.issued(name).await;
    }
    rest().await;
    running.stop().await;
    assert_eq!(world.vault.logins(), 1);
    world.forget_calls();
    let again = world.start_as("two");
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    assert_eq!(world.vault.logins(), 1);
    let calls = world.vault.calls();
    let looks = [
        "read ",
        "update sys/leases/lookup",
        "update auth/token/lookup-accessor",
    ];
    let looked = |call: &String| {
        looks.iter().any(|look| call.starts_with(look)) && !call.contains("/creds/")
    };
    assert!(calls.iter().all(looked), "{calls:?}");
    again.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_app_binding_and_a_rotated_login_secret_mean_a_new_login() {
    let world = World::new().await;
    let running = world.settled().await;
    // The same Vault by another name: nothing has to be moved.
    point_to(&world, "https://vault.demo.svc.cluster.local:8200");
    world
        .within(5, "a new login", || world.vault.logins() == 2)
        .await;
    let other = LOGIN_TOKEN.replace("the", "another");
    world.vault.open_login(&other);
    world.kube.edit("secrets", NS, "login", |secret| {
        // The server writes it into the data.
        secret["metadata"]["annotations"] = json!({ "rotated": "yes" });
        secret["stringData"] = json!({ "token": other });
    });
    world
        .within(61, "a new login", || world.vault.logins() == 3)
        .await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(world.vault.logins(), 3);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_live_login_outlives_its_app_binding_until_nothing_needs_it() {
    let world = World::new().await;
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
    assert_eq!(world.vault.logins(), 1);
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
    let world = World::new().await;
    let other = world.vault.other(OTHER).await;
    let running = world.settled().await;
    world.approved("app");
    world.issued("app").await;
    let slow = Duration::from_secs(3);
    world
        .vault
        .fault(Fault::Lag(slow).of("auth/token/lookup-accessor"));
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
    assert_eq!(world.vault.met(), 1);
    let asked = other.calls();
    assert!(!asked.iter().any(|c| c.contains("accessor")), "{asked:?}");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_does_not_answer_holds_up_nobody_elses() {
    let world = World::new().await;
    let dead = world.vault.other(OTHER).await;
    dead.fault(Fault::Hang.of(""));
    let mut binding = world.kube.object("appbindings", NS, "vault").unwrap();
    binding["metadata"] = json!({ "name": "dead", "namespace": NS });
    binding["spec"]["clientConfig"]["url"] = json!(OTHER);
    world.kube.create("appbindings", binding);
    for n in 0..30 {
        let name = format!("dead-{n}");
        world.create_role_of(&name, "dead");
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
    let world = World::new().await;
    let hung = world.vault.other(OTHER).await;
    let minute = Duration::from_secs(60);
    hung.fault(Fault::LagThenFail(minute).of(""));
    let mut binding = world.kube.object("appbindings", NS, "vault").unwrap();
    binding["metadata"] = json!({ "name": "hung", "namespace": NS });
    binding["spec"]["clientConfig"]["url"] = json!(OTHER);
    world.kube.create("appbindings", binding);
    for n in 0..200 {
        let name = format!("hung-{n}");
        world.create_role_of(&name, "hung");
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
    let world = World::new().await;
    let running = world.settled().await;
    // The client gives up after half of that.
    let slow = Duration::from_secs(60);
    world
        .vault
        .fault(Fault::LagThenFail(slow).of("aws/config/lease"));
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
