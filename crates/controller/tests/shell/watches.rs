//! What the watches bring, and what they do not; what does not stop the others; the end.

use std::time::Duration;

use serde_json::json;

use crate::world::{Fault, NS, REQUESTS, World, rest};

fn counted(metrics: &leasehold_controller::metrics::Metrics, line: &str) -> bool {
    let mut registry = prometheus_client::registry::Registry::default();
    metrics.register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    text.lines()
        .any(|l| l.starts_with(line) && !l.ends_with(" 0"))
}

#[tokio::test(start_paused = true)]
async fn secrets_are_cached_without_their_data() {
    let world = World::new().await;
    let running = world.settled().await;
    let calls = world.kube.calls();
    let mut cached = calls
        .iter()
        .filter(|c| c.resource == "secrets" && ["list", "watch"].contains(&c.verb));
    assert!(cached.clone().count() >= 2);
    assert!(cached.all(|c| c.accept.contains("as=PartialObjectMetadata")));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_relist_notices_deletes_and_wakes_only_whom_they_concern() {
    let world = World::new().await;
    let running = world.settled().await;
    world.approved("app");
    world.issued("app").await;
    world.create_role("other");
    world
        .until("ready", || world.is_ready("awsroles", "other"))
        .await;
    rest().await;
    world.kube.hold_watches(true);
    world.kube.edit("awsroles", NS, "other", |role| {
        role["metadata"]["finalizers"] = json!([]);
    });
    world.kube.delete("awsroles", NS, "other");
    world.forget_calls();
    // No watch ever tells of it.
    world.kube.expire_watches();
    world.kube.hold_watches(false);
    tokio::time::sleep(Duration::from_secs(20)).await;
    let lists = world
        .kube
        .calls()
        .iter()
        .filter(|c| c.verb == "list")
        .count();
    assert_eq!(lists, 7, "every watch begins anew");
    assert!(world.asked().is_empty(), "{:?}", world.asked());
    assert!(world.vault.calls().is_empty(), "{:?}", world.vault.calls());

    world.kube.delete(REQUESTS, NS, "app");
    world.kube.delete("awsroles", NS, "reader");
    world.kube.delete("secretengines", NS, "engine");
    world
        .within(
            120,
            "the engine no longer waits for the role that vanished",
            || world.kube.all("secretengines").is_empty(),
        )
        .await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_decoded_does_not_stop_the_others_and_can_still_go() {
    let world = World::new().await;
    world.kube.loosen("AWSRole");
    world.create_role("odd");
    world.kube.edit("awsroles", NS, "odd", |role| {
        role["spec"]["policyARNs"] = json!(5);
    });
    world.create_role("later-odd");
    let running = world.settled().await;
    assert!(counted(
        &running.metrics,
        "leasehold_undecodable_total{kind=\"AWSRole\"}"
    ));
    world
        .until("ready", || world.is_ready("awsroles", "later-odd"))
        .await;
    world.kube.edit("awsroles", NS, "later-odd", |role| {
        role["spec"]["policyARNs"] = json!(5);
    });
    rest().await;
    world.kube.edit("awsroles", NS, "later-odd", |role| {
        role["metadata"]["finalizers"] = json!([]);
    });
    world.kube.delete("awsroles", NS, "later-odd");
    world.kube.delete("awsroles", NS, "reader");
    world.kube.delete("secretengines", NS, "engine");
    world
        .within(120, "the engine waits for neither", || {
            world.kube.all("secretengines").is_empty()
        })
        .await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_can_no_longer_be_decoded_is_left_as_it_is() {
    let world = World::new().await;
    world.kube.loosen("AWSRole");
    world.kube.loosen("AWSAccessKeyRequest");
    let running = world.settled().await;
    world.approved("app");
    world.issued("app").await;
    let key = world.key_of("app");
    for relisted in [false, true] {
        world.kube.edit(REQUESTS, NS, "app", |request| {
            request["spec"]["subjects"] = json!(5);
        });
        world.kube.edit("awsroles", NS, "reader", |role| {
            role["spec"]["policyARNs"] = json!(5);
        });
        if relisted {
            world.kube.expire_watches();
        }
        rest().await;
        world.forget_calls();
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(world.writes(), Vec::<String>::new());
        let asked = world.vault.calls();
        let about = |c: &&String| {
            ["creds", "reader", "lookup"]
                .iter()
                .any(|of| c.contains(of))
        };
        assert_eq!(asked.iter().find(about), None, "neither is looked at");
        assert_eq!(world.vault.live_keys(), [key.clone().unwrap()], "it lives");
    }
    // The role is still there for its engine, which waits for it.
    world.kube.delete("secretengines", NS, "engine");
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(world.vault.has_mount("aws"));
    let engine = world.condition("secretengines", "engine", "Ready");
    assert_eq!(engine["reason"], "InUse");

    // Mended, both go on: the role is looked at, and the request ends its key when it is deleted.
    world.kube.edit("awsroles", NS, "reader", |role| {
        role["spec"]["policyARNs"] = json!(["arn:aws:iam::aws:policy/ReadOnlyAccess"]);
    });
    world.kube.edit(REQUESTS, NS, "app", |request| {
        let subject = json!({ "kind": "ServiceAccount", "name": "app", "namespace": NS });
        request["spec"]["subjects"] = json!([subject]);
    });
    world.kube.delete(REQUESTS, NS, "app");
    world.kube.delete("awsroles", NS, "reader");
    world
        .within(120, "all is gone", || {
            world.kube.all("secretengines").is_empty() && world.vault.live_keys().is_empty()
        })
        .await;
    running.stop().await;
}

/// A role of another namespace in the same mount, by an AppBinding of its own.
#[tokio::test(start_paused = true)]
async fn an_engine_waits_for_roles_of_other_namespaces_as_well() {
    let world = World::new().await;
    world.kube.namespace("other");
    for (resource, name) in [("appbindings", "vault"), ("secrets", "login")] {
        let mut copy = world.kube.object(resource, NS, name).unwrap();
        copy["metadata"] = json!({ "name": name, "namespace": "other" });
        world.kube.create(resource, copy);
    }
    let mut role = world.kube.object("awsroles", NS, "reader").unwrap();
    role["metadata"] = json!({ "name": "theirs", "namespace": "other" });
    let running = world.settled().await;
    world.kube.create("awsroles", role);
    rest().await;
    world.kube.delete("awsroles", NS, "reader");
    world.kube.delete("secretengines", NS, "engine");
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(world.vault.has_mount("aws"));
    let engine = world.condition("secretengines", "engine", "Ready");
    assert_eq!(engine["reason"], "InUse");
    let words = engine["message"].as_str().unwrap();
    assert!(words.contains("other/theirs"), "{words}");
    world.kube.delete("awsroles", "other", "theirs");
    world
        .within(60, "the mount goes", || !world.vault.has_mount("aws"))
        .await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_one_drive_does_not_stop_the_others_and_is_counted() {
    let world = World::new().await;
    world.create_role("bad");
    world.vault.panic_at("/aws/roles/k8s.-.demo.bad");
    let running = world.settled().await;
    world.approved("app");
    world.issued("app").await;
    assert!(counted(&running.metrics, "leasehold_panics_total"));
    assert!(!world.is_ready("awsroles", "bad"));
    world.vault.mend();
    world
        .within(120, "it is tried again", || {
            world.is_ready("awsroles", "bad")
        })
        .await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_lags_issues_nothing_twice() {
    let world = World::new().await;
    let running = world.settled().await;
    world.request("app");
    rest().await;
    world.approve("app");
    tokio::time::sleep(Duration::from_millis(1)).await;
    world.kube.hold_watches(true);
    tokio::time::sleep(Duration::from_secs(40)).await;
    world.kube.hold_watches(false);
    world.issued("app").await;
    rest().await;
    assert_eq!(world.vault.issued(), 1);
    assert!(world.one_key_each(&["app"]));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_end_comes_at_once_when_idle() {
    let world = World::new().await;
    let running = world.settled().await;
    assert!(*running.ready.borrow() == leasehold_controller::stores::FEEDS);
    let took = running.stop().await;
    assert!(took < Duration::from_millis(100), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn the_end_comes_within_the_grace_when_the_api_server_never_answers() {
    let world = World::new().await;
    world.kube.fault(Fault::Hang.of(""));
    let running = world.start();
    rest().await;
    let took = running.stop().await;
    assert!(
        took < Duration::from_secs(1),
        "nothing is under way: {took:?}"
    );

    let world = World::new().await;
    let running = world.settled().await;
    world.kube.fault(Fault::Hang.of(""));
    world.approved("app");
    rest().await;
    let took = running.stop().await;
    assert!(took <= Duration::from_secs(20), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn health_costs_nothing_of_the_api_server_and_one_look_a_resync_of_vault() {
    let world = World::new().await;
    let running = world.settled().await;
    world.approved("app");
    world.issued("app").await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    world.forget_calls();
    // The role's status changes, as on a drift repaired: its requests are woken.
    for n in 0..10 {
        world.kube.edit("awsroles", NS, "reader", |role| {
            role["metadata"]["annotations"]["n"] = json!(format!("{n}"));
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let calls = world.vault.calls();
    let looks = calls
        .iter()
        .filter(|c| *c == "update sys/leases/lookup")
        .count();
    assert!(looks <= 1, "{calls:?}");
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    world.forget_calls();
    tokio::time::sleep(Duration::from_secs(1800)).await;
    let calls = world.vault.calls();
    let looks = calls
        .iter()
        .filter(|c| *c == "update sys/leases/lookup")
        .count();
    assert!((2..=4).contains(&looks), "{looks} in half an hour");
    let of_request = |c: &&String| !c.ends_with(" secrets");
    let asked = world.asked();
    assert_eq!(asked.iter().filter(of_request).count(), 0, "{asked:?}");

    let request = world.kube.object(REQUESTS, NS, "app").unwrap();
    world
        .vault
        .revoke(request["status"]["lease"]["id"].as_str().unwrap());
    world
        .within(700, "a key ended behind our back is issued anew", || {
            world.one_key_each(&["app"])
        })
        .await;
    running.stop().await;
}
