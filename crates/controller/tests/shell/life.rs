//! A whole life, and what it costs.

use std::collections::BTreeMap;

use serde_json::json;

use crate::world::{NS, REQUESTS, World, rest};

fn tally(calls: &[String]) -> BTreeMap<&str, usize> {
    let mut tally = BTreeMap::new();
    for call in calls {
        *tally.entry(call.as_str()).or_default() += 1;
    }
    tally
}

#[tokio::test(start_paused = true)]
async fn a_whole_life() {
    let world = World::new().await;
    let running = world.settled().await;
    assert!(world.is_ready("secretengines", "engine"));
    assert_eq!(world.vault.roles("aws"), json!(["k8s.-.demo.reader"]));

    world.request("app");
    rest().await;
    assert_eq!(world.reason("app"), "WaitingForApproval");
    assert!(world.key_of("app").is_none());

    world.forget_calls();
    world.approve("app");
    world.issued("app").await;
    rest().await;
    println!("issue: {:?} {:?}", world.asked(), world.vault.calls());
    assert!(world.one_key_each(&["app"]));
    assert_eq!(world.asked(), world.writes(), "issuing asks nothing");
    assert_eq!(
        world.asked(),
        [
            "patch awsaccesskeyrequests",
            "patch awsaccesskeyrequests/status",
            "create secrets",
            "create roles",
            "create rolebindings",
            "patch awsaccesskeyrequests/status",
            "create events",
        ]
    );
    let calls = world.vault.calls();
    assert_eq!(
        calls,
        [
            "read aws/config/lease",
            "update auth/token/create-orphan",
            "read aws/creds/k8s.-.demo.reader",
        ],
        "the first one a minute reads the engine's lease"
    );

    let request = world.kube.object(REQUESTS, NS, "app").unwrap();
    let name = world.secret_name("app");
    let secret = world.kube.object("secrets", NS, &name).unwrap();
    let reader = format!("{name}-reader");
    let role = world.kube.object("roles", NS, &reader).unwrap();
    let binding = world.kube.object("rolebindings", NS, &reader).unwrap();
    for owned in [&secret, &role, &binding] {
        let owner = &owned["metadata"]["ownerReferences"][0];
        assert_eq!(owner["uid"], request["metadata"]["uid"]);
        assert_eq!(owner["controller"], true);
    }
    let keys: Vec<&String> = secret["data"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["access_key", "secret_key", "security_token"]);
    assert_eq!(role["rules"][0]["resourceNames"][0], *name);
    assert_eq!(role["rules"][0]["verbs"], json!(["get"]));
    assert_eq!(binding["subjects"][0]["name"], "app");
    assert_eq!(binding["roleRef"]["name"], *reader);
    assert_eq!(request["status"]["phase"], "Issued");
    assert_eq!(request["status"]["secret"]["name"], *name);

    world.forget_calls();
    world.kube.delete(REQUESTS, NS, "app");
    world
        .until("gone", || world.kube.object(REQUESTS, NS, "app").is_none())
        .await;
    rest().await;
    let (asked, called) = (world.asked(), world.vault.calls());
    println!("delete: {:?} {called:?}", tally(&asked));
    assert!(asked.len() <= 4, "{asked:?}");
    assert_eq!(called.len(), 3, "{called:?}");
    assert!(world.vault.live_keys().is_empty());
    assert_eq!(world.vault.live_keepers(), 0);
    for (resource, name) in [
        ("secrets", &name),
        ("roles", &reader),
        ("rolebindings", &reader),
    ] {
        assert!(
            world.kube.object(resource, NS, name).is_none(),
            "{resource}"
        );
    }

    world.kube.delete("awsroles", NS, "reader");
    world.kube.delete("secretengines", NS, "engine");
    world
        .until("all gone", || {
            world.kube.all("awsroles").is_empty() && world.kube.all("secretengines").is_empty()
        })
        .await;
    assert!(!world.vault.has_mount("aws"));
    running.stop().await;
}
