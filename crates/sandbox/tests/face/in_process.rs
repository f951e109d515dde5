//! The way in without a port, on paused time.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use jiff::SignedDuration;
use leasehold_sandbox::clock::Clock;
use leasehold_sandbox::face::{AnswerBody, InProcess};
use leasehold_sandbox::faults::{Cut, FaultPlan, Rule};
use leasehold_sandbox::{Config, Sandbox};
use serde_json::{Value, json};
use tower_service::Service as _;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

async fn paused() -> Sandbox {
    let config = Config {
        clock: Clock::of_tokio(),
        ..Config::default()
    };
    Sandbox::start(config).await.unwrap()
}

async fn ask(
    mut way: InProcess,
    method: &str,
    path: &str,
    body: &Value,
) -> Result<hyper::Response<AnswerBody>, String> {
    let request = hyper::Request::builder()
        .method(method)
        .uri(path)
        .header("Content-Type", "application/json")
        .body(Full::<Bytes>::from(body.to_string()))
        .unwrap();
    way.call(request).await.map_err(|error| error.to_string())
}

fn map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
}

/// The next line of a watch, if one comes within a second.
async fn line(body: &mut AnswerBody) -> Option<Value> {
    let frame = tokio::time::timeout(Duration::from_secs(1), body.frame()).await;
    let data = frame.ok()??.unwrap().into_data().unwrap();
    Some(serde_json::from_slice(&data).unwrap())
}

#[tokio::test(start_paused = true)]
async fn it_answers_as_the_port_does() {
    let sandbox = paused().await;
    let way = sandbox.kube_in_process();
    let made = ask(way.clone(), "POST", MAPS, &map("a")).await.unwrap();
    assert_eq!(made.status(), 201);
    assert_eq!(made.headers()["content-type"], "application/json");
    let stranger = way.with_bearer("nobody's");
    let refused = ask(stranger, "POST", MAPS, &map("b")).await.unwrap();
    assert_eq!(refused.status(), 401);
    let vault = sandbox.vault_in_process();
    let sealed = ask(vault, "GET", "/v1/sys/seal-status", &Value::Null).await;
    assert_eq!(sealed.unwrap().status(), 200);
    let unsigned = ask(sandbox.aws_in_process(), "POST", "/", &json!({})).await;
    assert!(unsigned.unwrap().status().is_client_error());

    let way = sandbox.kube_in_process();
    sandbox.stop().await;
    let error = ask(way, "GET", MAPS, &json!({})).await.unwrap_err();
    assert_eq!(error, "the server has ended");
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_delay_is_over_at_once_and_a_cut_is_an_error() {
    let sandbox = paused().await;
    let rule = |path: &str| Rule {
        writes: true,
        path: Some(path.into()),
        times: Some(1),
        ..Rule::default()
    };
    let slow = Rule {
        answer_delay_ms: 3_600_000,
        ..rule("configmaps")
    };
    let cut = Rule {
        cut: Some(Cut::After),
        ..rule("configmaps")
    };
    let rules = vec![slow, cut];
    sandbox.with_kube(|kube| kube.set_faults(FaultPlan { rules }));
    let begun = sandbox.clock().now();
    let way = || sandbox.kube_in_process();
    let listed = ask(way(), "GET", MAPS, &json!({})).await.unwrap();
    assert_eq!(listed.status(), 200);
    assert_eq!(sandbox.with_kube(|kube| kube.faults_met().to_vec()), [0, 0]);

    let made = ask(way(), "POST", MAPS, &map("slow")).await.unwrap();
    assert_eq!(made.status(), 201);
    let passed = sandbox.clock().now().duration_since(begun);
    assert!(passed >= SignedDuration::from_hours(1), "{passed}");

    assert!(ask(way(), "POST", MAPS, &map("lost")).await.is_err());
    let lost = format!("{MAPS}/lost");
    assert_eq!(sandbox.ask_kube("GET", &lost, None).0, 200, "it is done");
    assert_eq!(sandbox.with_kube(|kube| kube.faults_met().to_vec()), [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn watches_that_are_held_fall_behind_and_expired_ones_end_with_a_410() {
    let sandbox = paused().await;
    let create = |name: &str| sandbox.ask_kube("POST", MAPS, Some(&map(name)));
    let path = format!("{MAPS}?watch=1&resourceVersion=0&allowWatchBookmarks=1");
    let open = || ask(sandbox.kube_in_process(), "GET", &path, &Value::Null);
    let mut watch = open().await.unwrap().into_body();
    // The certificate that every namespace has.
    let first = line(&mut watch).await.unwrap();
    assert_eq!(first["object"]["metadata"]["name"], "kube-root-ca.crt");

    sandbox.with_kube(|kube| kube.hold_watches(true));
    create("a");
    assert_eq!(line(&mut watch).await, None);
    // Nor do bookmarks say that the watch is farther than it is.
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(line(&mut watch).await, None);
    sandbox.with_kube(|kube| kube.hold_watches(false));
    let second = line(&mut watch).await.unwrap();
    assert_eq!(second["object"]["metadata"]["name"], "a");

    sandbox.with_kube(|kube| kube.hold_watches(true));
    create("b");
    sandbox.with_kube(leasehold_sandbox::kube::Kube::expire_watches);
    let last = line(&mut watch).await.unwrap();
    assert_eq!(last["type"], "ERROR");
    assert_eq!(last["object"]["code"], 410);
    assert!(watch.frame().await.is_none(), "it has ended");
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_is_audited() {
    let sandbox = paused().await;
    let way = || sandbox.kube_in_process();
    ask(way(), "GET", MAPS, &json!({})).await.unwrap();
    sandbox.with_kube(|kube| kube.set_audit(3));
    let refused = Rule {
        method: Some("DELETE".into()),
        status: Some(500),
        ..Rule::default()
    };
    let rules = vec![refused];
    sandbox.with_kube(|kube| kube.set_faults(FaultPlan { rules }));
    let status = "/apis/apps/v1/namespaces/default/deployments/d/status";
    let one = format!("{MAPS}/a");
    for (method, path) in [
        ("GET", "/version"),
        ("POST", MAPS),
        ("PUT", status),
        ("DELETE", &one),
    ] {
        ask(way(), method, path, &map("a")).await.unwrap();
    }
    sandbox.with_kube(|kube| {
        let seen: Vec<_> = kube
            .audited()
            .map(|call| (call.verb, &*call.resource, &*call.name, call.status))
            .collect();
        assert_eq!(
            seen,
            [
                ("create", "configmaps", "", 201),
                ("update", "deployments/status", "d", 400),
                ("delete", "configmaps", "a", 500),
            ],
            "the last three"
        );
        let create = kube.audited().next().unwrap();
        assert_eq!(create.user, "admin");
        assert_eq!(create.namespace, "default");
        assert_eq!(create.body["metadata"]["name"], "a");
        assert_eq!(
            format!("{create:?}"),
            format!("admin: create {MAPS}: 201"),
            "without the body"
        );
        kube.set_audit(0);
        assert_eq!(kube.audited().count(), 0);
    });
}
