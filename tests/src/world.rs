//! A stand made ready for scenarios, and the words in which they are told.

pub mod kubernetes_login;
pub mod neighbour;
pub mod scenes;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{GroupVersionKind, TypeMeta};
use kube::discovery::ApiResource;
use kube::{Api, ResourceExt};
use leasehold_api_types::{AWSAccessKeyRequest, AWSRole, SecretEngine};
use reqwest::Method;
use serde_json::{Value, json};

use crate::manifests;
use crate::servers::{AwsKey, eventually};
use crate::stand::{Operator, Stand};

/// A stand with the CRDs, the operator's rights in Kubernetes and in Vault, and namespace `demo`.
#[derive(Debug)]
pub struct World<S> {
    /// The servers.
    pub stand: S,
    /// A Vault token with the operator's policies and no others.
    pub login_token: String,
}

impl<S: Stand> World<S> {
    /// Prepares a stand as a platform team does once.
    pub async fn prepare(stand: S) -> Result<Self> {
        let mut world = Self {
            stand,
            login_token: String::new(),
        };
        for file in crd_files()? {
            world.apply_file(&file).await?;
        }
        world.established().await?;
        for file in [
            "namespace",
            "serviceaccount",
            "clusterrole",
            "clusterrolebinding",
        ] {
            world
                .apply_file(&format!("deploy/kubernetes/{file}.yaml"))
                .await?;
        }
        world.namespace("demo").await?;
        for policy in ["leasehold", "leasehold-keeper"] {
            let text = std::fs::read_to_string(
                manifests::root().join(format!("deploy/vault/{policy}.hcl")),
            )?;
            world
                .vault_write(
                    &format!("sys/policies/acl/{policy}"),
                    &json!({ "policy": text }),
                )
                .await?;
        }
        let token = world
            .vault_write(
                "auth/token/create-orphan",
                &json!({ "policies": ["leasehold", "leasehold-keeper"], "period": "1h" }),
            )
            .await?;
        token["auth"]["client_token"]
            .as_str()
            .context("a token")?
            .clone_into(&mut world.login_token);
        Ok(world)
    }

    /// Applies manifests, as `kubectl apply` does.
    pub async fn apply(&self, manifests: &[Value]) -> Result<()> {
        for manifest in manifests {
            let object: DynamicObject = serde_json::from_value(manifest.clone())?;
            let api = self.api_of(&object)?;
            let params = PatchParams::apply("a-person").force();
            api.patch(&object.name_any(), &params, &Patch::Apply(manifest))
                .await
                .with_context(|| format!("apply {manifest}"))?;
        }
        Ok(())
    }

    async fn apply_file(&self, path: &str) -> Result<()> {
        self.apply(&manifests::read(path)?).await
    }

    /// Makes a namespace.
    pub async fn namespace(&self, name: &str) -> Result<()> {
        self.apply(&[json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})])
            .await
    }

    fn api_of(&self, object: &DynamicObject) -> Result<Api<DynamicObject>> {
        let TypeMeta { api_version, kind } = object.types.clone().context("apiVersion and kind")?;
        let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &kind));
        let client = self.stand.kube();
        Ok(match object.namespace() {
            Some(namespace) => Api::namespaced_with(client, &namespace, &resource),
            None => Api::all_with(client, &resource),
        })
    }

    async fn established(&self) -> Result<()> {
        eventually("the CRDs are served", || async {
            let client = self.stand.kube();
            let p = ListParams::default().limit(1);
            Api::<AWSAccessKeyRequest>::all(client.clone())
                .list(&p)
                .await?;
            Api::<AWSRole>::all(client.clone()).list(&p).await?;
            Api::<SecretEngine>::all(client.clone()).list(&p).await?;
            Api::<leasehold_api_types::AppBinding>::all(client)
                .list(&p)
                .await?;
            Ok(())
        })
        .await
    }

    /// An operator with short times for what a person would wait for.
    pub async fn operator(&self, flags: &[&str]) -> Result<Box<dyn Operator>> {
        self.stand.operator(flags).await
    }

    /// A call to Vault as root that must succeed.
    pub async fn vault_write(&self, path: &str, body: &Value) -> Result<Value> {
        let (status, answer) = self.stand.vault(Method::POST, path, Some(body)).await?;
        ensure!(status < 300, "POST {path}: {status} {answer}");
        Ok(answer)
    }

    /// A read of Vault as root; `None` if there is nothing.
    pub async fn vault_read(&self, path: &str) -> Result<Option<Value>> {
        let (status, answer) = self.stand.vault(Method::GET, path, None).await?;
        match status {
            404 => Ok(None),
            _ if status < 300 => Ok(Some(answer["data"].clone())),
            _ => bail!("GET {path}: {status} {answer}"),
        }
    }

    /// The AppBinding `vault` of a namespace: plain HTTP, login by a token Secret.
    pub fn token_binding(&self, namespace: &str) -> [Value; 2] {
        [
            json!({
                "apiVersion": "appcatalog.appscode.com/v1alpha1", "kind": "AppBinding",
                "metadata": {"name": "vault", "namespace": namespace},
                "spec": {
                    "clientConfig": {"url": self.stand.vault_address()},
                    "secret": {"name": "vault-token"},
                },
            }),
            json!({
                "apiVersion": "v1", "kind": "Secret", "type": "kubevault.com/token",
                "metadata": {"name": "vault-token", "namespace": namespace},
                // With the newline that `vault token create > file` leaves.
                "stringData": {"token": format!("{}\n", self.login_token)},
            }),
        ]
    }

    /// The seed's root Secret and SecretEngine, with the stand's AWS.
    pub fn seed_engine(&self) -> Result<[Value; 2]> {
        let root = self.stand.aws_root();
        let base64 = |text: &str| Value::from(base64(text.as_bytes()));
        let aws = Value::from(self.stand.aws_address());
        Ok([
            manifests::seed(
                "000-aws-cred.yaml",
                &[
                    ("/data/access_key", base64(&root.access_key)),
                    ("/data/secret_key", base64(&root.secret_key)),
                ],
            )?,
            manifests::seed(
                "000-secretengine.yaml",
                &[
                    ("/spec/aws/iamEndpoint", aws.clone()),
                    ("/spec/aws/stsEndpoint", aws),
                ],
            )?,
        ])
    }

    /// An object as JSON; `None` if it is not there.
    pub async fn get(&self, kind: &str, namespace: &str, name: &str) -> Result<Option<Value>> {
        let resource = resource(kind)?;
        let api: Api<DynamicObject> = Api::namespaced_with(self.stand.kube(), namespace, &resource);
        let found = api.get_opt(name).await?;
        found
            .map(|object| serde_json::to_value(object).map_err(Into::into))
            .transpose()
    }

    /// Waits until an object is as `wanted`; the error shows what it was instead.
    pub async fn until(
        &self,
        kind: &str,
        namespace: &str,
        name: &str,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        eventually(&format!("{kind} {namespace}/{name}: {what}"), || async {
            match self.get(kind, namespace, name).await? {
                Some(object) if wanted(&object) => Ok(object),
                Some(object) => bail!("it is {}", object["status"]),
                None => bail!("it does not exist"),
            }
        })
        .await
    }

    /// Waits until an object's phase is that.
    pub async fn phase(&self, kind: &str, name: &str, phase: &str) -> Result<Value> {
        self.until(kind, "demo", name, phase, |o| o["status"]["phase"] == phase)
            .await
    }

    /// Waits until an object's Ready condition has that reason; gives its message.
    pub async fn reason(&self, kind: &str, name: &str, reason: &str) -> Result<String> {
        let object = self
            .until(kind, "demo", name, reason, |o| ready(o)["reason"] == reason)
            .await?;
        Ok(ready(&object)["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned())
    }

    /// Approves a request as `kubectl vault approve` does.
    pub async fn approve(&self, name: &str) -> Result<()> {
        self.decide(name, "Approved", "KubectlApprove").await
    }

    /// Ids of the leases that Vault holds on keys of a role.
    pub async fn leases(&self, role: &str) -> Result<Vec<String>> {
        let list = Method::from_bytes(b"LIST")?;
        let path = format!("sys/leases/lookup/aws/creds/{role}");
        let (status, answer) = self.stand.vault(list, &path, None).await?;
        ensure!(
            status == 404 || status < 300,
            "LIST {path}: {status} {answer}"
        );
        let keys = answer["data"]["keys"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        Ok(keys
            .iter()
            .filter_map(|k| k.as_str().map(str::to_owned))
            .collect())
    }

    /// Denies a request.
    pub async fn deny(&self, name: &str) -> Result<()> {
        self.decide(name, "Denied", "KubectlDeny").await
    }

    async fn decide(&self, name: &str, type_: &str, reason: &str) -> Result<()> {
        let api: Api<AWSAccessKeyRequest> = Api::namespaced(self.stand.kube(), "demo");
        let request = api.get(name).await?;
        let patch = json!({
            "apiVersion": "engine.kubevault.com/v1alpha1", "kind": "AWSAccessKeyRequest",
            "status": {"conditions": [{
                "type": type_, "status": "True", "reason": reason, "message": "by a test",
                "lastTransitionTime": jiff::Timestamp::now().to_string(),
                "observedGeneration": request.metadata.generation,
            }]},
        });
        let params = PatchParams::apply(&format!("a-person-{type_}")).force();
        api.patch_status(name, &params, &Patch::Apply(patch))
            .await?;
        Ok(())
    }

    /// Deletes an object and waits until it is gone.
    pub async fn delete(&self, kind: &str, name: &str) -> Result<()> {
        self.delete_later(kind, name).await?;
        self.gone(kind, name).await
    }

    /// Deletes an object without waiting.
    pub async fn delete_later(&self, kind: &str, name: &str) -> Result<()> {
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.stand.kube(), "demo", &resource(kind)?);
        api.delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    /// Waits until an object is gone.
    pub async fn gone(&self, kind: &str, name: &str) -> Result<()> {
        eventually(&format!("{kind} {name} is gone"), || async {
            match self.get(kind, "demo", name).await? {
                None => Ok(()),
                Some(object) => bail!("it is {}", object["status"]),
            }
        })
        .await
    }

    /// Deletes a namespace and waits until it is gone.
    pub async fn delete_namespace(&self, name: &str) -> Result<()> {
        let api: Api<Namespace> = Api::all(self.stand.kube());
        api.delete(name, &DeleteParams::default()).await?;
        self.delete_namespace_gone(name).await
    }

    /// Waits until a namespace under deletion is gone.
    pub async fn delete_namespace_gone(&self, name: &str) -> Result<()> {
        let api: Api<Namespace> = Api::all(self.stand.kube());
        eventually(&format!("namespace {name} is gone"), || async {
            match api.get_opt(name).await? {
                None => Ok(()),
                Some(ns) => bail!("{}", serde_json::to_string(&ns.status)?),
            }
        })
        .await
    }

    /// The IAM users that Vault made.
    pub async fn users(&self) -> Result<Vec<String>> {
        let mut users = self.stand.aws(self.stand.aws_root())?.list_users().await?;
        users.retain(|user| user.starts_with("vault-token-"));
        Ok(users)
    }

    /// Waits until that many IAM users of Vault are left.
    pub async fn users_become(&self, count: usize) -> Result<()> {
        eventually(&format!("{count} IAM users"), || async {
            let users = self.users().await?;
            ensure!(users.len() == count, "there are {users:?}");
            Ok(())
        })
        .await
    }

    /// The key that a Secret of namespace `demo` holds.
    pub async fn key_in(&self, secret: &str) -> Result<AwsKey> {
        let api: Api<Secret> = Api::namespaced(self.stand.kube(), "demo");
        let data = api.get(secret).await?.data.unwrap_or_default();
        let text = |key: &str| -> Result<String> {
            let bytes = data
                .get(key)
                .with_context(|| format!("{secret} has no key {key}"))?;
            Ok(String::from_utf8(bytes.0.clone())?)
        };
        let token = text("security_token")?;
        Ok(AwsKey {
            access_key: text("access_key")?,
            secret_key: text("secret_key")?,
            session_token: (!token.is_empty()).then_some(token),
        })
    }

    /// Whether the API server would let that user do it: its own answer.
    pub async fn may(&self, user: &str, verb: &str, secret: &str) -> Result<bool> {
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(user.into()),
                resource_attributes: Some(ResourceAttributes {
                    namespace: Some("demo".into()),
                    resource: Some("secrets".into()),
                    name: Some(secret.into()),
                    verb: Some(verb.into()),
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

    /// Stays true for a while: for what must not happen.
    pub async fn stays<F>(&self, what: &str, holds: impl Fn() -> F) -> Result<()>
    where
        F: Future<Output = Result<bool>>,
    {
        for _ in 0..20 {
            ensure!(holds().await?, "{what} did not stay true");
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        Ok(())
    }
}

/// The Ready condition of an object.
pub fn ready(object: &Value) -> Value {
    condition(object, "Ready")
}

/// A condition of an object; null if there is none of that type.
pub fn condition(object: &Value, type_: &str) -> Value {
    let conditions = object["status"]["conditions"].as_array();
    conditions
        .and_then(|all| all.iter().find(|c| c["type"] == type_))
        .cloned()
        .unwrap_or(Value::Null)
}

/// Base64, as Secrets have it.
pub fn base64(bytes: &[u8]) -> String {
    let value = serde_json::to_value(k8s_openapi::ByteString(bytes.to_vec()));
    value
        .ok()
        .and_then(|v| v.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn crd_files() -> Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(manifests::root().join("crds"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if Path::new(&name).extension().is_some_and(|e| e == "yaml") {
            files.push(format!("crds/{name}"));
        }
    }
    files.sort();
    Ok(files)
}

fn resource(kind: &str) -> Result<ApiResource> {
    let (group, version) = match kind {
        "AppBinding" => ("appcatalog.appscode.com", "v1alpha1"),
        "SecretEngine" | "AWSRole" | "AWSAccessKeyRequest" => ("engine.kubevault.com", "v1alpha1"),
        "Role" | "RoleBinding" => ("rbac.authorization.k8s.io", "v1"),
        "Secret" | "ResourceQuota" | "ConfigMap" => ("", "v1"),
        other => bail!("scenarios do not know kind {other}"),
    };
    Ok(ApiResource::from_gvk(&GroupVersionKind::gvk(
        group, version, kind,
    )))
}
