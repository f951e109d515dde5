//! The controller on a Kubernetes in this process. Time is paused: whatever waits for a time gets
//! there at once.

#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use example_greeting::{Greeting, GreetingSpec, run};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, PostParams};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client, CustomResourceExt as _, Resource as _};
use leasehold_sandbox::clock::Clock;
use leasehold_sandbox::faults::{Cut, FaultPlan, Rule};
use leasehold_sandbox::{Config, Sandbox};

/// A cluster in which Greetings are defined.
struct Cluster {
    sandbox: Sandbox,
    client: Client,
    greetings: Api<Greeting>,
    config_maps: Api<ConfigMap>,
}

impl Cluster {
    async fn start() -> Self {
        let config = Config {
            clock: Clock::of_tokio(),
            ..Config::default()
        };
        let sandbox = Sandbox::start(config).await.unwrap();
        let client = Client::new(sandbox.kube_in_process(), "default");
        let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
        let definition = Greeting::crd();
        definitions
            .create(&PostParams::default(), &definition)
            .await
            .unwrap();
        let name = definition.metadata.name.as_deref().unwrap();
        await_condition(definitions, name, conditions::is_crd_established())
            .await
            .unwrap();
        Self {
            greetings: Api::default_namespaced(client.clone()),
            config_maps: Api::default_namespaced(client.clone()),
            client,
            sandbox,
        }
    }

    async fn greet(&self, name: &str, to: &str) -> kube::Result<Greeting> {
        let greeting = Greeting::new(name, GreetingSpec { to: to.into() });
        self.greetings
            .create(&PostParams::default(), &greeting)
            .await
    }

    /// What the status of a Greeting says.
    async fn said(&self, name: &str) -> Option<String> {
        let greeting = self.greetings.get_opt(name).await.unwrap()?;
        Some(greeting.status?.text)
    }

    async fn config_map(&self, name: &str) -> Option<ConfigMap> {
        self.config_maps.get_opt(name).await.unwrap()
    }

    async fn guestbook(&self) -> Vec<String> {
        let book = self
            .config_map("guestbook")
            .await
            .and_then(|book| book.data);
        book.unwrap_or_default().into_values().collect()
    }
}

/// Waits until something is so. Panics if it is not within an hour, which is over at once.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..36_000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("not within an hour: {what}");
}

#[tokio::test(start_paused = true)]
async fn a_greeting_keeps_its_config_map_and_leaves_nothing_behind() {
    let cluster = Cluster::start().await;
    let controller = tokio::spawn(run(cluster.client.clone()));

    let greeting = cluster.greet("world", "World").await.unwrap();
    until("it is said", async || {
        cluster.said("world").await.as_deref() == Some("Hello, World!")
    })
    .await;
    let child = cluster.config_map("world").await.unwrap();
    let owners = child.metadata.owner_references.unwrap();
    assert_eq!(Some(&owners[0].uid), greeting.meta().uid.as_ref());
    assert_eq!(cluster.guestbook().await, ["Hello, World!"]);

    // Somebody deletes the child: it comes back.
    let delete = DeleteParams::default();
    cluster.config_maps.delete("world", &delete).await.unwrap();
    until("it is there again", async || {
        let uid = cluster
            .config_map("world")
            .await
            .and_then(|child| child.metadata.uid);
        uid.is_some_and(|uid| Some(uid) != child.metadata.uid)
    })
    .await;

    // The owner goes: the finalizer clears the guestbook, the cluster collects the child.
    cluster.greetings.delete("world", &delete).await.unwrap();
    until("it is gone", async || {
        cluster.greetings.get_opt("world").await.unwrap().is_none()
            && cluster.config_map("world").await.is_none()
    })
    .await;
    assert!(cluster.guestbook().await.is_empty());
    controller.abort();
}

#[tokio::test(start_paused = true)]
async fn what_goes_wrong_once_is_got_over() {
    let cluster = Cluster::start().await;
    let once = |path: &str| Rule {
        path: Some(path.into()),
        writes: true,
        times: Some(1),
        ..Rule::default()
    };
    let conflict = Rule {
        status: Some(409),
        ..once("/configmaps/guestbook")
    };
    let outage = Rule {
        status: Some(500),
        ..once("/configmaps/world")
    };
    // Done, and nobody learns of it.
    let lost = Rule {
        cut: Some(Cut::After),
        ..once("/greetings/world/status")
    };
    let rules = vec![conflict, outage, lost];
    cluster
        .sandbox
        .with_kube(|kube| kube.set_faults(FaultPlan { rules }));
    let controller = tokio::spawn(run(cluster.client.clone()));

    let begun = tokio::time::Instant::now();
    cluster.greet("world", "World").await.unwrap();
    until("all three were met", async || {
        let met = |kube: &mut leasehold_sandbox::kube::Kube| kube.faults_met() == [1, 1, 1];
        cluster.sandbox.with_kube(met)
    })
    .await;
    until("it is said all the same", async || {
        cluster.said("world").await.is_some() && cluster.guestbook().await.len() == 1
    })
    .await;
    // The half minute before a retry has passed, and took no time.
    assert!(begun.elapsed() >= Duration::from_secs(30));
    controller.abort();
}

#[tokio::test(start_paused = true)]
async fn what_is_as_it_should_be_is_left_alone() {
    let cluster = Cluster::start().await;
    let controller = tokio::spawn(run(cluster.client.clone()));
    cluster.greet("world", "World").await.unwrap();
    until("it is said", async || cluster.said("world").await.is_some()).await;
    tokio::time::sleep(Duration::from_secs(5)).await;

    cluster.sandbox.with_kube(|kube| kube.set_audit(1000));
    tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
    let writes: Vec<String> = cluster.sandbox.with_kube(|kube| {
        let writes = kube.audited().filter(|call| call.verb != "watch");
        writes.map(|call| format!("{call:?}")).collect()
    });
    assert!(writes.is_empty(), "in a day: {writes:#?}");
    controller.abort();
}

#[tokio::test(start_paused = true)]
async fn the_definition_refuses_what_makes_no_sense() {
    let cluster = Cluster::start().await;
    let refused = cluster.greet("nobody", "nobody").await.unwrap_err();
    assert!(refused.to_string().contains("greet somebody"), "{refused}");
}
