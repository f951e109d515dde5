//! The same calls to sandbox and real servers, one after the other over one kept connection: how
//! many are answered a second.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use kube::CustomResourceExt as _;
use leasehold_api_types::AWSRole;
use serde_json::{Value, json};

use super::client::Kept;
use crate::bench::usage::Usage;
use crate::stand::Server;

const OURS: &str = "/apis/engine.kubevault.com/v1alpha1/namespaces/default/awsroles";
/// A definition is served, and a mount there, after so long at most.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a server is, and a token that may do everything there.
#[derive(Clone)]
pub struct Door {
    /// The server.
    pub server: Server,
    /// The token.
    pub token: String,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").finish_non_exhaustive()
    }
}

/// Calls a second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rate {
    /// By the wall clock.
    pub wall: f64,
    /// By the CPU time of this process, the client's included: all there is, if the servers are in
    /// this process too.
    pub cpu: f64,
}

/// What was measured of a Kubernetes and a Vault.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    /// ConfigMaps created.
    pub config_maps: Rate,
    /// AWSRoles created: 13 rules in CEL.
    pub checked: Rate,
    /// Reads of a small secret from Vault.
    pub reads: Rate,
}

/// Makes so many calls of each kind.
pub fn measure(kube: &Door, vault: &Door, count: usize) -> Result<Rates> {
    let bearer = format!("Bearer {}", kube.token);
    let mut kube = Kept::open(&kube.server, "Authorization", &bearer)?;
    define(&mut kube)?;
    let text = "x".repeat(200);
    let config_maps = rate(count, |n| {
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("bench-{n}")},
            "data": {"text": text},
        });
        let path = "/api/v1/namespaces/default/configmaps";
        kube.call("POST", path, &object.to_string()).map(drop)
    })?;
    let checked = rate(count, |n| {
        let role = role(&format!("bench-{n}"), "iam_user");
        kube.call("POST", OURS, &role.to_string()).map(drop)
    })?;
    let mut vault = Kept::open(&vault.server, "X-Vault-Token", &vault.token)?;
    mount(&mut vault)?;
    let reads = rate(count, |_| {
        vault.call("GET", "/v1/bench/small", "").map(drop)
    })?;
    Ok(Rates {
        config_maps,
        checked,
        reads,
    })
}

fn rate(count: usize, mut call: impl FnMut(usize) -> Result<()>) -> Result<Rate> {
    let (start, before) = (Instant::now(), Usage::of_this()?);
    for n in 0..count {
        call(n)?;
    }
    let cpu = Usage::of_this()?.cpu - before.cpu;
    Ok(Rate {
        wall: count as f64 / start.elapsed().as_secs_f64(),
        cpu: count as f64 / cpu.max(f64::EPSILON),
    })
}

fn role(name: &str, credential_type: &str) -> Value {
    let allow = json!({"Effect": "Allow", "Action": "ec2:*", "Resource": "*"});
    let policy = json!({"Version": "2012-10-17", "Statement": [allow]});
    json!({
        "apiVersion": "engine.kubevault.com/v1alpha1", "kind": "AWSRole", "metadata": {"name": name},
        "spec": {
            "vaultRef": {"name": "vault"}, "credentialType": credential_type,
            "policyDocument": policy.to_string(),
        },
    })
}

/// Defines AWSRoles, if they are not, and sees to it that they are checked.
fn define(kube: &mut Kept) -> Result<()> {
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let definition = serde_json::to_value(AWSRole::crd())?;
    let (status, answer) = kube.json("POST", path, &definition)?;
    ensure!(matches!(status, 201 | 409), "{path}: {status} {answer}");
    // Session tokens take no policies: a rule says so.
    let wrong = role("bench", "session_token");
    until("AWSRoles are checked", || {
        let (status, answer) = kube.json("POST", OURS, &wrong)?;
        let message = answer["message"].as_str().unwrap_or_default();
        ensure!(status != 201, "a rule of AWSRoles does not hold");
        Ok(status == 422 && message.contains("takes no policies"))
    })
}

/// Mounts a KV engine with a small secret in it.
fn mount(vault: &mut Kept) -> Result<()> {
    let (status, answer) = vault.json("POST", "/v1/sys/mounts/bench", &json!({"type": "kv"}))?;
    ensure!(status == 204, "mount kv: {status} {answer}");
    until("the KV engine takes a secret", || {
        let written = vault.json("POST", "/v1/bench/small", &json!({"a": "b"}))?;
        Ok(written.0 == 204)
    })
}

fn until(what: &str, mut so: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if so().with_context(|| what.to_owned())? {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("not in {PATIENCE:?}: {what}")
}
