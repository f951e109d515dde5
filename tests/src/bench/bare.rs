//! The floor: a loop that makes the operator's writes for each request, in their order, over kept
//! connections, and looks at nothing.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::ResourceExt as _;
use leasehold_api_types::{AWSAccessKeyRequest, FINALIZER};
use reqwest::{Client, Method, RequestBuilder, header::CONTENT_TYPE};
use serde_json::{Value, json};

const API: &str = "engine.kubevault.com/v1alpha1";
const RBAC: &str = "rbac.authorization.k8s.io";

/// Where the writes go.
#[derive(Debug)]
pub struct Bare {
    /// Client, URL and token of the API server.
    pub kube: (Client, String, String),
    /// Client, URL and token of Vault.
    pub vault: (Client, String, String),
    /// The Vault role that keys are read of.
    pub vault_role: String,
}

impl Bare {
    /// Serves all requests, so many at once; gives the seconds it took.
    pub async fn run(self: &Arc<Self>, all: Vec<AWSAccessKeyRequest>, most: usize) -> Result<f64> {
        let start = Instant::now();
        let served = stream::iter(all).map(|request| {
            let bare = Arc::clone(self);
            async move { tokio::spawn(async move { bare.serve(&request).await }).await? }
        });
        served.buffer_unordered(most).try_collect::<()>().await?;
        Ok(start.elapsed().as_secs_f64())
    }

    async fn serve(&self, request: &AWSAccessKeyRequest) -> Result<()> {
        let (ns, name) = (request.namespace().unwrap_or_default(), request.name_any());
        let uid = request.uid().context("a uid")?;
        let secret = format!("{name}-{}", uid.get(..6).unwrap_or_default());
        let core = format!("api/v1/namespaces/{ns}");
        let rbac = format!("apis/{RBAC}/v1/namespaces/{ns}");
        let events = format!("apis/events.k8s.io/v1/namespaces/{ns}/events");
        let at = format!("apis/{API}/namespaces/{ns}/awsaccesskeyrequests/{name}");
        let at_status = format!("{at}/status?fieldManager=bare&force=true");
        let now = jiff::Timestamp::now();
        let micros = now.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
        let now = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();

        let version = request.resource_version();
        let body = json!({"metadata": {"finalizers": [FINALIZER], "resourceVersion": version}});
        let written = self.patch(&at, "merge-patch+json", &body).await?;

        let meta = json!({"cluster": "-", "kind": "AWSAccessKeyRequest", "namespace": ns, "name": name, "uid": uid});
        let body = json!({
            "policies": ["leasehold-keeper"], "no_default_policy": true, "ttl": "4200s", "meta": meta,
            "display_name": format!("{ns}-{name}"), "renewable": true, "type": "service",
        });
        let path = "auth/token/create-orphan";
        let keeper = &self.vault(path, None, Some(&body)).await?["auth"];
        let (accessor, token) = (&keeper["accessor"], keeper["client_token"].as_str());

        let place =
            json!({"clusterID": uid, "mount": "aws", "namespace": ns, "appBinding": "vault"});
        let ready = |status: &str| {
            json!([{
                "type": "Ready", "status": status, "reason": "Issuing", "message": "a key is being issued",
                "lastTransitionTime": now, "observedGeneration": 1,
            }])
        };
        let intent = json!({"keeper": accessor, "by": "bare", "at": now, "vault": place});
        let status = |version: &Value, status: Value| {
            let meta = json!({"namespace": ns, "name": name, "resourceVersion": version});
            json!({"apiVersion": API, "kind": "AWSAccessKeyRequest", "metadata": meta, "status": status})
        };
        let body = json!({
            "phase": "Approved", "observedGeneration": 1, "approvedGeneration": 1,
            "conditions": ready("False"), "intent": intent,
        });
        let body = status(&written["metadata"]["resourceVersion"], body);
        let written = self.patch(&at_status, "apply-patch+yaml", &body).await?;

        let path = format!("aws/creds/{}", self.vault_role);
        let key = self.vault(&path, token, None).await?;
        let (lease, data) = (&key["lease_id"], &key["data"]);

        let owner = json!([{
            "apiVersion": API, "kind": "AWSAccessKeyRequest", "name": name, "uid": uid,
            "controller": true, "blockOwnerDeletion": true,
        }]);
        let facts = json!({
            "bare/keeper": accessor, "bare/lease-id": lease, "bare/lease-seconds": "3600", "bare/renewable": "true",
            "bare/issued-at": now, "bare/expires-at": now, "bare/role-generation": "1",
        });
        let meta = json!({"name": secret, "labels": {"app.kubernetes.io/managed-by": "bare"}, "ownerReferences": owner});
        let (mut with_facts, body) = (meta.clone(), json!({"security_token": ""}));
        with_facts["annotations"] = facts;
        let mut body = json!({"metadata": with_facts, "type": "Opaque", "stringData": body});
        body["stringData"]["access_key"] = data["access_key"].clone();
        body["stringData"]["secret_key"] = data["secret_key"].clone();
        self.create(&format!("{core}/secrets"), &body).await?;

        let rules = json!([{"apiGroups": [""], "resources": ["secrets"], "resourceNames": [secret], "verbs": ["get"]}]);
        let body = json!({"metadata": meta, "rules": rules});
        self.create(&format!("{rbac}/roles"), &body).await?;
        let subjects = json!([{"kind": "ServiceAccount", "name": "app", "namespace": ns}]);
        let role = json!({"apiGroup": RBAC, "kind": "Role", "name": secret});
        let body = json!({"metadata": meta, "roleRef": role, "subjects": subjects});
        let path = format!("{rbac}/rolebindings");
        self.create(&path, &body).await?;

        let body = json!({
            "phase": "Issued", "observedGeneration": 1, "approvedGeneration": 1, "conditions": ready("True"),
            "lease": {"id": lease, "duration": "1h0m0s", "renewable": true}, "secret": {"name": secret},
            "credential": {"keeper": accessor, "issuedAt": now, "expiresAt": now, "renewAt": now, "vault": place},
        });
        let body = status(&written["metadata"]["resourceVersion"], body);
        self.patch(&at_status, "apply-patch+yaml", &body).await?;

        let about = json!({"apiVersion": API, "kind": "AWSAccessKeyRequest", "namespace": ns, "name": name, "uid": uid});
        let body = json!({
            "metadata": {"generateName": name}, "eventTime": micros, "regarding": about, "type": "Normal",
            "reportingController": "bare", "reportingInstance": "bare", "action": "Issued", "reason": "Issued",
            "note": "the Secret holds a live key",
        });
        self.create(&events, &body).await
    }

    async fn patch(&self, at: &str, kind: &str, body: &Value) -> Result<Value> {
        let request = self.kube.0.patch(format!("{}/{at}", self.kube.1));
        let request = request.header(CONTENT_TYPE, format!("application/{kind}"));
        send(request.bearer_auth(&self.kube.2).body(body.to_string())).await
    }

    async fn create(&self, at: &str, body: &Value) -> Result<()> {
        let request = self.kube.0.post(format!("{}/{at}", self.kube.1));
        let answer = send(request.bearer_auth(&self.kube.2).json(body)).await;
        answer.map(drop)
    }

    async fn vault(&self, path: &str, token: Option<&str>, body: Option<&Value>) -> Result<Value> {
        let method = body.map_or(Method::GET, |_| Method::POST);
        let url = format!("{}/v1/{path}", self.vault.1);
        let request = self.vault.0.request(method, url);
        let request = request.header("X-Vault-Token", token.unwrap_or(&self.vault.2));
        send(body.into_iter().fold(request, RequestBuilder::json)).await
    }
}

async fn send(request: RequestBuilder) -> Result<Value> {
    let answer = request.send().await?;
    let (status, path) = (answer.status(), answer.url().path().to_owned());
    let body = answer.text().await?;
    ensure!(status.is_success(), "{path}: {status} {body}");
    Ok(serde_json::from_str(&body)?)
}
