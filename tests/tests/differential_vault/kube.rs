//! The Kubernetes both Vaults review tokens with: the sandbox's.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use leasehold_sandbox::Sandbox;
use leasehold_sandbox::faults::FaultPlan;
use serde_json::{Value, json};

use crate::nothing;
use crate::sign::base64;

/// Two accounts in two namespaces; their tokens, and some that are none, for later requests.
pub(crate) fn populate(sandbox: &Sandbox, kept: &mut BTreeMap<String, String>) -> Result<()> {
    kept.insert("kube".to_owned(), sandbox.kube_url());
    kept.insert("reviewer".to_owned(), sandbox.kube_token().to_owned());
    for (name, namespace, account) in [
        ("sa_jwt", "ns", "sa"),
        ("other_jwt", "ns", "other"),
        ("elsewhere_jwt", "elsewhere", "sa"),
    ] {
        make(sandbox, "/api/v1/namespaces", namespace)?;
        let accounts = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
        make(sandbox, &accounts, account)?;
        let path = format!("{accounts}/{account}/token");
        for (name, audience) in [(name.to_owned(), "vault"), (format!("{name}_x"), "x")] {
            let wanted = json!({"spec": {"audiences": [audience]}});
            let (status, answer) = sandbox.ask_kube("POST", &path, Some(&wanted));
            ensure!(status == 201, "a token: {status} {answer}");
            let token = answer["status"]["token"].as_str().context("no token")?;
            kept.insert(name, token.to_owned());
        }
    }
    for (name, claims) in [
        ("expired_jwt", json!({"exp": 5})),
        ("early_jwt", json!({"nbf": 99_999_999_999_u64})),
        ("forged_jwt", json!({})),
        ("nameless_jwt", json!({"kubernetes.io": {}})),
    ] {
        kept.insert(name.to_owned(), forged(&claims));
    }
    Ok(())
}

fn make(sandbox: &Sandbox, path: &str, name: &str) -> Result<()> {
    let object = json!({"metadata": {"name": name}});
    let (status, answer) = sandbox.ask_kube("POST", path, Some(&object));
    ensure!([201, 409].contains(&status), "{path}: {status} {answer}");
    Ok(())
}

/// A token nobody signed.
fn forged(claims: &Value) -> String {
    let mut all = json!({
        "iss": "https://kubernetes.default.svc",
        "sub": "system:serviceaccount:ns:sa",
        "aud": ["vault"],
        "exp": 33_000_000_000_u64,
        "iat": 1_700_000_000,
        "nbf": 1_700_000_000,
        "kubernetes.io": {"namespace": "ns", "serviceaccount": {"name": "sa", "uid": "uid-1"}},
    });
    for (name, value) in claims.as_object().into_iter().flatten() {
        all[name] = value.clone();
    }
    let part = |value: &Value| {
        let text = base64(&value.to_string());
        text.replace('+', "-").replace('/', "_").replace('=', "")
    };
    let head = part(&json!({"alg": "RS256", "kid": "k"}));
    format!("{head}.{}.c2ln", part(&all))
}

/// What Kubernetes shall do wrong from now on.
pub(crate) fn set_faults(sandbox: &Sandbox, plan: Option<&Value>) -> Result<()> {
    let plan: FaultPlan = serde_json::from_value(plan.cloned().unwrap_or_else(nothing))?;
    sandbox.with_kube(|kube| kube.set_faults(plan));
    Ok(())
}
