//! What has our name and is not ours stays as it is.

use leasehold_reconcile_core::names;
use serde_json::json;

use crate::fake::world::{NS, World, rest, secret};

#[tokio::test(start_paused = true)]
async fn a_foreign_secret_of_that_name_is_never_overwritten() {
    let world = World::new();
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
async fn a_foreign_role_of_that_name_is_never_overwritten() {
    let world = World::new();
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
