//! What has our name and is not ours stays as it is.

use std::time::Duration;

use leasehold_reconcile_core::names;
use serde_json::json;

use crate::world::{NS, World, rest, secret};

#[tokio::test(start_paused = true)]
async fn a_foreign_secret_of_that_name_is_never_overwritten() {
    let world = World::new().await;
    let running = world.settled().await;
    world.request("app");
    let name = world.secret_name("app");
    world
        .kube
        .create("secrets", secret(&name, "Opaque", &[("mine", "x")]));
    let before = world.kube.object("secrets", NS, &name);
    world.approve("app");
    world
        .within(30, "said", || {
            world.reason("app") == "NameTaken" || world.reason("app") == "SecretNotStored"
        })
        .await;
    assert_eq!(world.reason("app"), "NameTaken");
    rest().await;
    assert_eq!(world.kube.object("secrets", NS, &name), before);
    assert_eq!(world.vault.issued(), 1);

    world.kube.delete("secrets", NS, &name);
    world
        .within(200, "delivered", || world.one_key_each(&["app"]))
        .await;
    assert_eq!(world.vault.issued(), 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn for_a_name_that_stays_taken_one_key_is_made_and_no_more() {
    let world = World::new().await;
    let running = world.settled().await;
    world.request("app");
    let name = world.secret_name("app");
    world
        .kube
        .create("secrets", secret(&name, "Opaque", &[("mine", "x")]));
    world.approve("app");
    tokio::time::sleep(Duration::from_secs(7200)).await;
    assert_eq!(world.reason("app"), "NameTaken");
    assert_eq!(world.vault.issued(), 1);
    assert!(world.vault.live_keys().is_empty(), "given up and revoked");
    world.forget_calls();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(world.writes(), Vec::<String>::new(), "said once");
    running.stop().await;

    // Nor by another process.
    let next = world.start_as("two");
    tokio::time::sleep(Duration::from_secs(1800)).await;
    assert_eq!(world.vault.issued(), 1);
    world.kube.delete("secrets", NS, &name);
    world
        .within(400, "delivered", || world.one_key_each(&["app"]))
        .await;
    next.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_foreign_role_of_that_name_is_never_overwritten() {
    let world = World::new().await;
    let running = world.settled().await;
    world.request("app");
    let reader = names::reader(&world.secret_name("app"));
    world.kube.create(
        "roles",
        json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": { "name": reader, "namespace": NS }, "rules": [] }),
    );
    let before = world.kube.object("roles", NS, &reader);
    world.approve("app");
    world
        .within(30, "said", || world.reason("app") == "NameTaken")
        .await;
    rest().await;
    assert_eq!(world.kube.object("roles", NS, &reader), before);

    world.kube.delete("roles", NS, &reader);
    world
        .within(900, "delivered", || world.one_key_each(&["app"]))
        .await;
    world.issued("app").await;
    running.stop().await;
}
