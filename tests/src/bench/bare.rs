//! The floor: a loop that makes the operator's writes for each request, in their order, over kept
//! connections, and looks at nothing.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::ResourceExt as _;
use leasehold_api_types::{AWSAccessKeyRequest, FINALIZER};
use reqwest::{Client, RequestBuilder, header::CONTENT_TYPE};
use serde_json::{Value, json};

const GROUP: &str = "engine.kubevault.com/v1alpha1";

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
    pub async fn run(self: &Arc<Self>, all: Vec<AWSAccessKeyRequest>, at_once: usize) -> Result<f64> {
        let start = Instant::now();
        stream::iter(all)
            .map(|request| {
                let bare = Arc::clone(self);
                async move { tokio::spawn(async move { bare.serve(&request).await }).await? }
            })
            .buffer_unordered(at_once)
            .try_collect::<()>()
            .await?;
        Ok(start.elapsed().as_secs_f64())
    }

    async fn serve(&self, request: &AWSAccessKeyRequest) -> Result<()> {
        let (namespace, name) = (request.namespace().unwrap_or_default(), request.name_any());
        let uid = request.uid().context("a uid")?;
        let secret = format!("{name}-{}", uid.get(..6).unwrap_or_default());
        let at = format!("apis/{GROUP}/namespaces/{namespace}/awsaccesskeyrequests/{name}");

        let version = request.resource_version();
        let patch = json!({"metadata": {"finalizers": [FINALIZER], "resourceVersion": version}});
        let answer = self.patch(&at, "application/merge-patch+json", &patch).await?;
        let mut version = answer["metadata"]["resourceVersion"].clone();

        let keeper = json!({
            "policies": ["leasehold-keeper"], "no_default_policy": true, "ttl": "4200s",
            "display_name": format!("{namespace}-{name}"), "renewable": true, "type": "service",
            "meta": {"cluster": "-", "kind": "AWSAccessKeyRequest", "namespace": namespace, "name": name, "uid": uid},
        });
        let token = self.vault("auth/token/create-orphan", None, Some(&keeper)).await?;
        let token = &token["auth"];
        let accessor = &token["accessor"];

        let place = json!({"clusterID": uid, "mount": "aws", "namespace": namespace, "appBinding": "vault"});
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let mut status = json!({
            "phase": "Approved", "observedGeneration": 1, "approvedGeneration": 1,
            "conditions": [{
                "type": "Ready", "status": "False", "reason": "Issuing", "message": "a key is being issued",
                "lastTransitionTime": now, "observedGeneration": 1,
            }],
            "intent": {"keeper": accessor, "by": "bare", "at": now, "vault": place},
        });
        version = self.apply_status(&at, &namespace, &name, &version, &status).await?;

        let creds = format!("aws/creds/{}", self.vault_role);
        let key = self.vault(&creds, token["client_token"].as_str(), None).await?;

        let owned = |name: &str| {
            json!({
                "name": name, "labels": {"app.kubernetes.io/managed-by": "bare"},
                "ownerReferences": [{
                    "apiVersion": GROUP, "kind": "AWSAccessKeyRequest", "name": request.name_any(),
                    "uid": uid, "controller": true, "blockOwnerDeletion": true,
                }],
            })
        };
        let mut meta = owned(&secret);
        meta["annotations"] = json!({
            "bare/keeper": accessor, "bare/lease-id": key["lease_id"], "bare/lease-seconds": "3600",
            "bare/lease-renewable": "true", "bare/issued-at": now, "bare/expires-at": now, "bare/role-generation": "1",
        });
        let data = json!({"access_key": key["data"]["access_key"], "secret_key": key["data"]["secret_key"], "security_token": ""});
        let body = json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": meta, "stringData": data});
        self.create(&format!("api/v1/namespaces/{namespace}/secrets"), &body).await?;

        let rbac = "rbac.authorization.k8s.io";
        let (reader, at_rbac) = (format!("{secret}-reader"), format!("apis/{rbac}/v1/namespaces/{namespace}"));
        let rules = json!([{"apiGroups": [""], "resources": ["secrets"], "resourceNames": [secret], "verbs": ["get"]}]);
        let body = json!({"apiVersion": format!("{rbac}/v1"), "kind": "Role", "metadata": owned(&reader), "rules": rules});
        self.create(&format!("{at_rbac}/roles"), &body).await?;
        let role = json!({"apiGroup": rbac, "kind": "Role", "name": reader});
        let subjects = json!([{"kind": "ServiceAccount", "name": "app", "namespace": namespace}]);
        let body = json!({"apiVersion": format!("{rbac}/v1"), "kind": "RoleBinding", "metadata": owned(&reader), "roleRef": role, "subjects": subjects});
        self.create(&format!("{at_rbac}/rolebindings"), &body).await?;

        status["phase"] = json!("Issued");
        status["conditions"][0]["status"] = json!("True");
        status["lease"] = json!({"id": key["lease_id"], "duration": "1h0m0s", "renewable": true});
        status["secret"] = json!({"name": secret});
        status["credential"] = json!({"keeper": accessor, "issuedAt": now, "expiresAt": now, "renewAt": now, "vault": place});
        status.as_object_mut().map(|s| s.remove("intent"));
        self.apply_status(&at, &namespace, &name, &version, &status).await?;

        let body = json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"generateName": name},
            "eventTime": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
            "reportingController": "bare", "reportingInstance": "bare", "action": "Issued", "reason": "Issued",
            "type": "Normal", "note": "the Secret holds a live key",
            "regarding": {"apiVersion": GROUP, "kind": "AWSAccessKeyRequest", "namespace": namespace, "name": name, "uid": uid},
        });
        self.create(&format!("apis/events.k8s.io/v1/namespaces/{namespace}/events"), &body).await?;
        Ok(())
    }

    async fn apply_status(&self, at: &str, namespace: &str, name: &str, version: &Value, status: &Value) -> Result<Value> {
        let body = json!({
            "apiVersion": GROUP, "kind": "AWSAccessKeyRequest", "status": status,
            "metadata": {"namespace": namespace, "name": name, "resourceVersion": version},
        });
        let at = format!("{at}/status?fieldManager=bare&force=true");
        let answer = self.patch(&at, "application/apply-patch+yaml", &body).await?;
        Ok(answer["metadata"]["resourceVersion"].clone())
    }

    async fn patch(&self, at: &str, kind: &str, body: &Value) -> Result<Value> {
        let (client, url, token) = &self.kube;
        let request = client.patch(format!("{url}/{at}")).header(CONTENT_TYPE, kind);
        send(request.bearer_auth(token).body(body.to_string())).await
    }

    async fn create(&self, at: &str, body: &Value) -> Result<Value> {
        let (client, url, token) = &self.kube;
        send(client.post(format!("{url}/{at}")).bearer_auth(token).json(body)).await
    }

    async fn vault(&self, path: &str, token: Option<&str>, body: Option<&Value>) -> Result<Value> {
        let (client, url, login) = &self.vault;
        let at = format!("{url}/v1/{path}");
        let request = body.map_or_else(|| client.get(&at), |body| client.post(&at).json(body));
        send(request.header("X-Vault-Token", token.unwrap_or(login))).await
    }
}

async fn send(request: RequestBuilder) -> Result<Value> {
    let answer = request.send().await?;
    let (status, url) = (answer.status(), answer.url().path().to_owned());
    let body = answer.text().await?;
    ensure!(status.is_success(), "{url}: {status} {body}");
    Ok(serde_json::from_str(&body)?)
}
