//! The program on a Kubernetes, a Vault and an AWS in this process.

#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::config::{KubeConfigOptions, Kubeconfig};
use leasehold_api_types::crds;
use leasehold_sandbox::aws::{Request, sign};
use leasehold_sandbox::{Config, Sandbox};
use platform_agent::{Args, client, run};
use serde_json::{Value, json};
use tokio::sync::oneshot;

const KEEPER: &str = include_str!("../../../deploy/vault/leasehold-keeper.hcl");
const OPERATOR: &str = include_str!("../../../deploy/vault/leasehold.hcl");
/// What a team writes.
const REQUESTS: &str =
    "/apis/engine.kubevault.com/v1alpha1/namespaces/demo/awsaccesskeyrequests/app";

/// The servers, with what a platform team does once.
async fn cluster() -> Sandbox {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    for definition in crds::all() {
        apply(&sandbox, &serde_json::to_value(definition).unwrap());
    }
    apply(
        &sandbox,
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "demo"}}),
    );
    for (name, policy) in [("leasehold", OPERATOR), ("leasehold-keeper", KEEPER)] {
        let path = format!("/v1/sys/policies/acl/{name}");
        sandbox.ask_vault("POST", &path, Some(&json!({ "policy": policy })));
    }
    let login = json!({ "policies": ["leasehold", "leasehold-keeper"], "period": "1h" });
    let (_, login) = sandbox.ask_vault("POST", "/v1/auth/token/create-orphan", Some(&login));
    secret(
        &sandbox,
        "vault-token",
        "kubevault.com/token",
        &json!({ "token": login["auth"]["client_token"] }),
    );
    let (access_key, secret_key) = sandbox.aws_root();
    let root = json!({ "access_key": access_key, "secret_key": secret_key });
    secret(&sandbox, "aws-root", "Opaque", &root);
    sandbox
}

fn secret(sandbox: &Sandbox, name: &str, kind: &str, data: &Value) {
    apply(
        sandbox,
        &json!({
            "apiVersion": "v1", "kind": "Secret", "type": kind,
            "metadata": { "name": name, "namespace": "demo" }, "stringData": data,
        }),
    );
}

/// As `kubectl apply` does. Of each of these kinds the plural is the name with an s.
fn apply(sandbox: &Sandbox, object: &Value) {
    let text = |pointer| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let root = if text("/apiVersion").contains('/') {
        "apis"
    } else {
        "api"
    };
    let version = text("/apiVersion");
    let within = match text("/metadata/namespace") {
        "" => String::new(),
        namespace => format!("namespaces/{namespace}/"),
    };
    let (kind, name) = (text("/kind").to_lowercase(), text("/metadata/name"));
    let path = format!("/{root}/{version}/{within}{kind}s/{name}?fieldManager=me&force=true");
    let (status, answer) = sandbox.ask_kube("PATCH", &path, Some(object));
    assert!(status < 300, "{kind} {name}: {answer}");
}

/// The manifests of the quick start, with the sandbox's Vault and without its Secrets to fill in.
fn apply_manifests(sandbox: &Sandbox) {
    for text in [
        include_str!("../../quickstart/1-vault.yaml"),
        include_str!("../../quickstart/2-secretengine.yaml"),
        include_str!("../../quickstart/3-awsrole.yaml"),
        include_str!("../../quickstart/4-request.yaml"),
    ] {
        let manifests: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
        for mut manifest in manifests {
            match manifest["kind"].as_str() {
                Some("Secret") => continue,
                Some("AppBinding") => {
                    manifest["spec"]["clientConfig"] = json!({ "url": sandbox.vault_url() });
                }
                _ => {}
            }
            apply(sandbox, &manifest);
        }
    }
}

/// As `kubectl vault approve` does.
fn approve(sandbox: &Sandbox) {
    let (_, mut request) = sandbox.ask_kube("GET", REQUESTS, None);
    let approved = json!({
        "type": "Approved", "status": "True", "reason": "ByHand",
        "observedGeneration": request["metadata"]["generation"],
        "lastTransitionTime": sandbox.clock().now().strftime("%FT%TZ").to_string(),
    });
    request["status"]["conditions"] = json!([approved]);
    let (status, answer) = sandbox.ask_kube("PUT", &format!("{REQUESTS}/status"), Some(&request));
    assert_eq!(status, 200, "{answer}");
}

/// Whether AWS knows who shows this key.
fn is_alive(sandbox: &Sandbox, key: &str, half: &str) -> bool {
    let mut request = Request {
        method: "POST".into(),
        path: "/".into(),
        headers: vec![("Host".into(), "localhost".into())],
        body: b"Action=GetCallerIdentity&Version=2011-06-15".to_vec(),
    };
    let now = sandbox.clock().now();
    sign(&mut request, key, half, None, ("us-east-1", "sts"), now);
    sandbox.with_aws(|aws| aws.handle(&request, now)).status == 200
}

/// Asks until there is an answer.
async fn eventually<T>(what: &str, ask: impl Fn() -> Option<T>) -> T {
    for _ in 0..3000 {
        if let Some(answer) = ask() {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within half a minute: {what}");
}

#[tokio::test]
async fn a_key_lives_as_long_as_its_request() {
    let sandbox = cluster().await;
    let kubeconfig = Kubeconfig::from_yaml(&sandbox.kubeconfig()).unwrap();
    let options = KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
    let client = client(config.unwrap()).unwrap();
    let args = Args {
        team: Some("demo".into()),
        name: "agent-1".into(),
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let program = tokio::spawn(run(args, client, async { drop(stopped.await) }));

    apply_manifests(&sandbox);
    approve(&sandbox);
    let name = eventually("a Secret", || {
        let (_, request) = sandbox.ask_kube("GET", REQUESTS, None);
        let is_issued = request["status"]["phase"] == "Issued";
        is_issued.then(|| {
            request["status"]["secret"]["name"]
                .as_str()
                .map(str::to_owned)
        })?
    })
    .await;
    let (_, secret) = sandbox.ask_kube(
        "GET",
        &format!("/api/v1/namespaces/demo/secrets/{name}"),
        None,
    );
    let secret: Secret = serde_json::from_value(secret).unwrap();
    let text = |field| String::from_utf8(secret.data.as_ref().unwrap()[field].0.clone()).unwrap();
    let (key, half) = (text("access_key"), text("secret_key"));
    assert!(is_alive(&sandbox, &key, &half));

    sandbox.ask_kube("DELETE", REQUESTS, None);
    eventually("the request is gone", || {
        (sandbox.ask_kube("GET", REQUESTS, None).0 == 404).then_some(())
    })
    .await;
    assert!(!is_alive(&sandbox, &key, &half));

    drop(stop);
    program.await.unwrap();
    sandbox.stop().await;
}
