//! What scenarios begin with, and what is said about objects.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use leasehold_api_types::AWSAccessKeyRequest;
use reqwest::Method;
use serde_json::{Value, json};

use super::World;
use crate::manifests;
use crate::servers::eventually;
use crate::stand::{OwnStand, Stand, Wants};

impl<S: OwnStand> World<S> {
    /// A stand whose AWS can be told what shall go wrong, made ready.
    pub async fn with_faults() -> Result<Self> {
        let wants = Wants {
            faults: true,
            ..Wants::default()
        };
        Self::prepare(S::start_with(wants).await?).await
    }
}

impl<S: Stand> World<S> {
    /// The login, the seed's engine, and the engine in Vault.
    pub async fn ready_engine(&self) -> Result<()> {
        self.apply(&self.token_binding("demo")).await?;
        self.apply(&self.seed_engine()?).await?;
        self.phase("SecretEngine", "aws-secret-engine", "Success")
            .await?;
        Ok(())
    }

    /// The login, the seed's engine and role, all in Vault.
    pub async fn ready_role(&self) -> Result<()> {
        self.ready_engine().await?;
        self.apply(&[manifests::seed("000-awsrole.yaml", &[])?])
            .await?;
        self.phase("AWSRole", "aws-role", "Success").await?;
        Ok(())
    }

    /// A request for a role, approved and issued.
    pub async fn issue(&self, name: &str, role: &str) -> Result<Value> {
        self.apply(&[request(name, role)]).await?;
        self.approve(name).await?;
        self.phase("AWSAccessKeyRequest", name, "Issued").await
    }

    /// Every event about objects of namespace `demo` of that name.
    pub async fn events(&self, name: &str) -> Result<Vec<Event>> {
        let api: Api<Event> = Api::namespaced(self.stand.kube(), "demo");
        let mut all = api.list(&ListParams::default()).await?.items;
        all.retain(|e| {
            let about = e.regarding.as_ref().and_then(|r| r.name.as_deref());
            about == Some(name)
        });
        Ok(all)
    }

    /// Waits for an event about an object; gives its words.
    pub async fn told(&self, name: &str, reason: &str) -> Result<String> {
        eventually(&format!("an event {reason} about {name}"), || async {
            let all = self.events(name).await?;
            let found = all.iter().find(|e| e.reason.as_deref() == Some(reason));
            let reasons: Vec<_> = all.iter().filter_map(|e| e.reason.as_deref()).collect();
            let event = found.with_context(|| format!("there are {reasons:?}"))?;
            Ok(event.note.clone().unwrap_or_default())
        })
        .await
    }

    /// Waits until the Ready condition has that reason and says all of these words, and an event
    /// says the same; gives the condition's message.
    pub async fn says(
        &self,
        kind: &str,
        name: &str,
        reason: &str,
        words: &[&str],
    ) -> Result<String> {
        let object = self
            .until(kind, "demo", name, &format!("{reason} {words:?}"), |o| {
                let ready = super::ready(o);
                let message = ready["message"].as_str().unwrap_or_default();
                ready["reason"] == reason && words.iter().all(|w| message.contains(w))
            })
            .await?;
        let note = self.told(name, reason).await?;
        for word in words {
            ensure!(note.contains(word), "{name}: the event says {note}");
        }
        Ok(text(&super::ready(&object), "/message"))
    }

    /// Writes into a request's status, as whoever may.
    pub async fn patch_status(&self, name: &str, status: &Value) -> Result<()> {
        let api: Api<AWSAccessKeyRequest> = Api::namespaced(self.stand.kube(), "demo");
        let patch = json!({ "status": status });
        let params = PatchParams::default();
        api.patch_status(name, &params, &Patch::Merge(patch))
            .await
            .with_context(|| format!("patch the status of {name}"))?;
        Ok(())
    }

    /// Whether the API server would let somebody of those groups `get` a Secret of `demo`.
    pub async fn may_get(&self, user: &str, groups: &[&str], secret: &str) -> Result<bool> {
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(user.into()),
                groups: Some(groups.iter().map(|g| (*g).to_owned()).collect()),
                resource_attributes: Some(ResourceAttributes {
                    namespace: Some("demo".into()),
                    resource: Some("secrets".into()),
                    name: Some(secret.into()),
                    verb: Some("get".into()),
                    ..ResourceAttributes::default()
                }),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let api: Api<SubjectAccessReview> = Api::all(self.stand.kube());
        let answer = api.create(&PostParams::default(), &review).await?;
        Ok(answer.status.is_some_and(|s| s.allowed))
    }

    /// A call to IAM as Vault's own user.
    pub async fn iam(&self, action: &str, params: &[(&str, &str)]) -> Result<String> {
        let aws = self.stand.aws(self.stand.aws_root())?;
        Ok(aws.call("iam", action, params).await?)
    }

    /// Whether Vault still knows a lease.
    pub async fn lease_lives(&self, id: &str) -> Result<bool> {
        let body = json!({ "lease_id": id });
        let (status, _) = self
            .stand
            .vault(Method::PUT, "sys/leases/lookup", Some(&body))
            .await?;
        Ok(status < 300)
    }

    /// Whether the key in a Secret works.
    pub async fn works(&self, secret: &str) -> Result<()> {
        let key = self.key_in(secret).await?;
        let who = self.stand.aws(key)?.caller_arn().await;
        who.with_context(|| format!("the key in {secret} works"))?;
        Ok(())
    }
}

/// An AWSRole of namespace `demo` at the AppBinding `vault`.
pub fn role(name: &str, mut spec: Value) -> Value {
    spec["vaultRef"] = json!({"name": "vault"});
    json!({
        "apiVersion": "engine.kubevault.com/v1alpha1", "kind": "AWSRole",
        "metadata": {"name": name, "namespace": "demo"}, "spec": spec,
    })
}

/// An `iam_user` role that needs nothing in AWS.
pub fn simple_role(name: &str) -> Value {
    let document = json!({"Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]});
    role(
        name,
        json!({"credentialType": "iam_user", "policyDocument": document.to_string()}),
    )
}

/// A request of namespace `demo` for a role there, for the seed's ServiceAccount.
pub fn request(name: &str, role: &str) -> Value {
    json!({
        "apiVersion": "engine.kubevault.com/v1alpha1", "kind": "AWSAccessKeyRequest",
        "metadata": {"name": name, "namespace": "demo"},
        "spec": {
            "roleRef": {"name": role, "namespace": "demo"},
            "subjects": [{"kind": "ServiceAccount", "name": "demo-sa", "namespace": "demo"}],
        },
    })
}

/// The Secret that a request's status names.
pub fn secret_of(request: &Value) -> String {
    text(request, "/status/secret/name")
}

/// The text at a JSON pointer; empty if there is none.
pub fn text(object: &Value, pointer: &str) -> String {
    let found = object.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_default().to_owned()
}

/// Seconds from the issue to the end of what a request was given.
pub fn life(request: &Value) -> Result<i64> {
    let moment = |field: &str| -> Result<jiff::Timestamp> {
        Ok(text(request, &format!("/status/credential/{field}")).parse()?)
    };
    Ok(moment("expiresAt")?
        .duration_since(moment("issuedAt")?)
        .as_secs())
}
