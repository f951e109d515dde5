//! The seeds' first story, played on the sandbox: from manifests to a key and to its end.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use clap::Parser as _;
use leasehold_sandbox_bin::args::Args;
use leasehold_sandbox_bin::prepare::apply;
use leasehold_sandbox_bin::running::Running;
use serde_json::{Value, json};

const NAMESPACE: &str = "/apis/engine.kubevault.com/v1alpha1/namespaces/demo";
const REQUEST: &str = "awsaccesskeyrequests/aws-cred-rqst";
const ENGINE: &str = include_str!("../../../examples/seeds/000-secretengine.yaml");
const ROLE: &str = include_str!("../../../examples/seeds/000-awsrole.yaml");
const ASK: &str = include_str!("../../../examples/seeds/000-awsaccesskeyrequest.yaml");

fn seed(running: &Running, text: &str) {
    let manifest: Value = serde_saphyr::from_str(text).unwrap();
    apply(&running.sandbox, &manifest).unwrap();
}

/// Waits until an object is in a phase.
async fn phase(running: &Running, object: &str, wanted: &str) -> Value {
    loop {
        let path = format!("{NAMESPACE}/{object}");
        let (_, answer) = running.sandbox.ask_kube("GET", &path, None);
        if answer["status"]["phase"] == wanted {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn users(running: &Running) -> usize {
    let state = running.sandbox.with_aws(|aws| aws.state());
    state["users"].as_object().unwrap().len() - 1
}

/// As `kubectl vault approve` does.
fn approve(running: &Running) {
    let path = format!("{NAMESPACE}/{REQUEST}");
    let (_, mut request) = running.sandbox.ask_kube("GET", &path, None);
    let now = running.sandbox.clock().now().strftime("%Y-%m-%dT%H:%M:%SZ");
    request["status"]["conditions"] = json!([{
        "type": "Approved", "status": "True", "reason": "KubectlApprove", "message": "approved",
        "lastTransitionTime": now.to_string(),
    }]);
    let status = format!("{path}/status");
    let (code, answer) = running.sandbox.ask_kube("PUT", &status, Some(&request));
    assert_eq!(code, 200, "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_issued_and_ends_with_its_request() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let args = Args::parse_from(["leasehold-sandbox"]);
    let running = Running::start(&args).await.unwrap();
    seed(&running, ENGINE);
    phase(&running, "secretengines/aws-secret-engine", "Success").await;
    seed(&running, ROLE);
    phase(&running, "awsroles/aws-role", "Success").await;

    seed(&running, ASK);
    phase(&running, REQUEST, "WaitingForApproval").await;
    assert_eq!(users(&running), 0);
    approve(&running);
    let issued = phase(&running, REQUEST, "Issued").await;
    assert_eq!(users(&running), 1);
    let secret = issued["status"]["secret"]["name"].as_str().unwrap();
    let path = format!("/api/v1/namespaces/demo/secrets/{secret}");
    let (code, secret) = running.sandbox.ask_kube("GET", &path, None);
    assert_eq!(code, 200);
    assert!(secret["data"]["access_key"].is_string());

    let path = format!("{NAMESPACE}/{REQUEST}");
    running.sandbox.ask_kube("DELETE", &path, None);
    while running.sandbox.ask_kube("GET", &path, None).0 != 404 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(users(&running), 0, "the key ended before the request went");
    running.stop().await;
}
