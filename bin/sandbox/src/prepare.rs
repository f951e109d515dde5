//! What is in the servers from the start: what a platform team does once.

use anyhow::{Context as _, ensure};
use leasehold_api_types::crds;
use leasehold_sandbox::Sandbox;
use serde_json::{Value, json};

use crate::running::YEARS;

/// Namespace and name of the ServiceAccount that the operator runs as.
pub const OPERATOR: (&str, &str) = ("leasehold-system", "leasehold");
/// The namespace to try things in.
pub const DEMO: &str = "demo";
/// Whom Vault asks the API server as, whose a token is.
const REVIEWER: (&str, &str) = ("vault", "vault");
/// Whom the operator logs in to Vault as, in the namespace of the AppBinding.
const LOGIN: &str = "vault";
const POLICIES: [(&str, &str); 2] = [
    (
        "leasehold",
        include_str!("../../../deploy/vault/leasehold.hcl"),
    ),
    (
        "leasehold-keeper",
        include_str!("../../../deploy/vault/leasehold-keeper.hcl"),
    ),
];
/// Without the Deployment: there are no nodes, the operator runs here.
const DEPLOYED: [&str; 5] = [
    include_str!("../../../deploy/kubernetes/namespace.yaml"),
    include_str!("../../../deploy/kubernetes/serviceaccount.yaml"),
    include_str!("../../../deploy/kubernetes/clusterrole.yaml"),
    include_str!("../../../deploy/kubernetes/clusterrolebinding.yaml"),
    include_str!("../../../deploy/kubernetes/userroles.yaml"),
];

/// All of it.
pub fn all(sandbox: &Sandbox) -> anyhow::Result<()> {
    for definition in crds::all() {
        apply(sandbox, &serde_json::to_value(&definition)?)?;
    }
    for text in DEPLOYED {
        let documents: Vec<Value> = serde_saphyr::from_multiple(text)?;
        for document in &documents {
            apply(sandbox, document)?;
        }
    }
    for (name, policy) in POLICIES {
        let path = format!("sys/policies/acl/{name}");
        tell_vault(sandbox, &path, &json!({ "policy": policy }))?;
    }
    login(sandbox)?;
    demo(sandbox)
}

/// Vault's kubernetes auth method, and who may log in by it.
fn login(sandbox: &Sandbox) -> anyhow::Result<()> {
    let (namespace, name) = REVIEWER;
    apply(sandbox, &object("Namespace", "", namespace))?;
    apply(sandbox, &object("ServiceAccount", namespace, name))?;
    let mut binding = object("ClusterRoleBinding", "", "vault-tokenreview");
    binding["roleRef"] = json!({
        "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:auth-delegator",
    });
    binding["subjects"] = json!([{"kind": "ServiceAccount", "name": name, "namespace": namespace}]);
    apply(sandbox, &binding)?;
    tell_vault(
        sandbox,
        "sys/auth/kubernetes",
        &json!({"type": "kubernetes"}),
    )?;
    let config = json!({
        "kubernetes_host": "https://kubernetes.default.svc",
        "kubernetes_ca_cert": sandbox.authority().unwrap_or_default(),
        "token_reviewer_jwt": token_of(sandbox, namespace, name)?,
    });
    tell_vault(sandbox, "auth/kubernetes/config", &config)?;
    let role = json!({
        "bound_service_account_names": [LOGIN],
        "bound_service_account_namespaces": [DEMO],
        "token_policies": ["leasehold", "leasehold-keeper"],
        "token_ttl": "1h",
    });
    tell_vault(sandbox, "auth/kubernetes/role/leasehold", &role)
}

/// A namespace with all that a SecretEngine needs.
fn demo(sandbox: &Sandbox) -> anyhow::Result<()> {
    apply(sandbox, &object("Namespace", "", DEMO))?;
    apply(sandbox, &object("ServiceAccount", DEMO, LOGIN))?;
    let mut binding = object("AppBinding", DEMO, "vault");
    binding["spec"] = json!({
        "clientConfig": {"url": sandbox.vault_url()},
        "parameters": {
            "apiVersion": "config.kubevault.com/v1alpha1",
            "kind": "VaultServerConfiguration",
            "path": "kubernetes",
            "vaultRole": "leasehold",
            "kubernetes": {"serviceAccountName": LOGIN},
        },
    });
    apply(sandbox, &binding)?;
    let (key, secret) = sandbox.aws_root();
    let mut credentials = object("Secret", DEMO, "aws-cred");
    credentials["stringData"] = json!({"access_key": key, "secret_key": secret});
    apply(sandbox, &credentials)
}

fn object(kind: &str, namespace: &str, name: &str) -> Value {
    let api_version = match kind {
        "ClusterRoleBinding" => "rbac.authorization.k8s.io/v1",
        "AppBinding" => "appcatalog.appscode.com/v1alpha1",
        _ => "v1",
    };
    let mut object = json!({
        "apiVersion": api_version, "kind": kind, "metadata": {"name": name},
    });
    if !namespace.is_empty() {
        object["metadata"]["namespace"] = namespace.into();
    }
    object
}

/// Applies an object of a kind whose plural is its name with an s.
pub fn apply(sandbox: &Sandbox, object: &Value) -> anyhow::Result<()> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let version = text("/apiVersion").context("apiVersion")?;
    let kind = text("/kind").context("kind")?;
    let name = text("/metadata/name").context("metadata.name")?;
    let root = if version.contains('/') { "apis" } else { "api" };
    let namespace = text("/metadata/namespace");
    let within = namespace.map_or_else(String::new, |name| format!("namespaces/{name}/"));
    let plural = kind.to_lowercase();
    let path = format!(
        "/{root}/{version}/{within}{plural}s/{name}?fieldManager=leasehold-sandbox&force=true"
    );
    let (status, answer) = sandbox.ask_kube("PATCH", &path, Some(object));
    ensure!(
        status < 300,
        "{kind} {name}: {status} {}",
        answer["message"]
    );
    Ok(())
}

/// A token of a ServiceAccount, good for years.
pub fn token_of(sandbox: &Sandbox, namespace: &str, name: &str) -> anyhow::Result<String> {
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
    let request = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"expirationSeconds": YEARS.as_secs()},
    });
    let (status, answer) = sandbox.ask_kube("POST", &path, Some(&request));
    let token = answer["status"]["token"].as_str();
    let token = token.with_context(|| format!("token of {name}: {status} {}", answer["message"]));
    token.map(ToOwned::to_owned)
}

/// A write to Vault that must succeed.
pub fn tell_vault(sandbox: &Sandbox, path: &str, body: &Value) -> anyhow::Result<()> {
    let (status, answer) = sandbox.ask_vault("POST", &format!("/v1/{path}"), Some(body));
    ensure!(status < 300, "{path}: {status} {}", answer["errors"]);
    Ok(())
}
