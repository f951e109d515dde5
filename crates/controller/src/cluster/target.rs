//! One object under a drive: every write to it carries the version last seen.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{Patch, PatchParams},
    core::NamespaceResourceScope,
};
use leasehold_api_types::{ABANDON_ANNOTATION, FINALIZER, LEGACY_FINALIZERS, MANAGER};
use leasehold_reconcile_core::{Failure, Object};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::failures;

/// An object under a drive.
#[derive(Debug, Clone)]
pub struct Target<K> {
    api: Api<K>,
    /// The object as it was looked at: the caches may show a newer one, or another of its name.
    pub object: Arc<K>,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Uid.
    pub uid: String,
    /// The version last seen, our own writes included.
    pub resource_version: String,
    /// Our finalizer was its last: it is gone, whatever a cache shows.
    pub gone: bool,
    finalizers: Vec<String>,
    reference: ObjectReference,
}

impl<K> Target<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + Serialize,
{
    /// From an object as it was read; `None` if it is not one of an API server.
    pub fn new(client: &Client, object: &Arc<K>) -> Option<Self> {
        let namespace = object.namespace()?;
        Some(Self {
            api: Api::namespaced(client.clone(), &namespace),
            object: Arc::clone(object),
            namespace,
            name: object.name_any(),
            uid: object.uid()?,
            resource_version: object.resource_version()?,
            gone: false,
            finalizers: object.finalizers().to_vec(),
            reference: object.as_ref().object_ref(&()),
        })
    }

    /// `namespace/name`.
    pub fn path(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// For events about it.
    pub fn reference(&self) -> ObjectReference {
        self.reference.clone()
    }

    /// Applies our part of the status. A stale version is refused by the API server (409): an
    /// apply without it would wipe another replica's intent.
    pub async fn write_status<S: Serialize>(&mut self, status: &S) -> kube::Result<()> {
        let patch = json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": { "resourceVersion": self.resource_version },
            "status": status,
        });
        let params = PatchParams::apply(MANAGER).force();
        let object = self
            .api
            .patch_status(&self.name, &params, &Patch::Apply(patch))
            .await?;
        self.seen(&object);
        self.clear(&object, status).await
    }

    /// Takes out of the status what somebody else wrote into it: an apply removes only what it
    /// once wrote itself.
    async fn clear<S: Serialize>(&mut self, object: &K, status: &S) -> kube::Result<()> {
        let json = |e| kube::Error::SerdeError(e);
        let found = serde_json::to_value(object).map_err(json)?;
        let wanted = serde_json::to_value(status).map_err(json)?;
        let Some(surplus) = surplus(&found["status"], &wanted) else {
            return Ok(());
        };
        let patch = json!({
            "metadata": { "resourceVersion": self.resource_version },
            "status": surplus,
        });
        let params = PatchParams {
            field_manager: Some(MANAGER.into()),
            ..PatchParams::default()
        };
        let object = self
            .api
            .patch_status(&self.name, &params, &Patch::Merge(patch))
            .await?;
        self.seen(&object);
        Ok(())
    }

    /// Puts our finalizer on.
    pub async fn add_finalizer(&mut self) -> Result<(), Failure> {
        let mut finalizers = self.finalizers.clone();
        finalizers.push(FINALIZER.to_owned());
        self.write_finalizers(finalizers).await
    }

    /// Takes our finalizer off, and KubeVault's older ones, which nobody else would.
    pub async fn remove_finalizer(&mut self) -> Result<(), Failure> {
        let finalizers = self
            .finalizers
            .iter()
            .filter(|f| !is_ours(f))
            .cloned()
            .collect();
        self.write_finalizers(finalizers).await
    }

    async fn write_finalizers(&mut self, finalizers: Vec<String>) -> Result<(), Failure> {
        // A merge patch replaces the whole list: the version keeps it from dropping somebody
        // else's finalizer.
        let patch = json!({
            "metadata": { "finalizers": finalizers, "resourceVersion": self.resource_version },
        });
        let params = PatchParams {
            field_manager: Some(MANAGER.into()),
            ..PatchParams::default()
        };
        match self
            .api
            .patch(&self.name, &params, &Patch::Merge(patch))
            .await
        {
            Ok(object) => {
                self.seen(&object);
                let is_deleted = object.meta().deletion_timestamp.is_some();
                self.gone = is_deleted && finalizers.is_empty();
                self.finalizers = finalizers;
                Ok(())
            }
            // Gone already: nothing is left to take a finalizer off.
            Err(kube::Error::Api(s)) if s.is_not_found() => {
                self.gone = true;
                self.finalizers = finalizers;
                Ok(())
            }
            Err(e) => Err(failures::kubernetes(&e)),
        }
    }

    fn seen(&mut self, object: &K) {
        if let Some(version) = object.resource_version() {
            self.resource_version = version;
        }
    }
}

/// What decisions need of an object's metadata.
pub fn object_of<K: Resource>(object: &K) -> Object {
    let meta = object.meta();
    let annotations = meta.annotations.as_ref();
    Object {
        namespace: meta.namespace.clone().unwrap_or_default(),
        name: meta.name.clone().unwrap_or_default(),
        uid: meta.uid.clone().unwrap_or_default(),
        generation: meta.generation.unwrap_or_default(),
        deleting: meta.deletion_timestamp.as_ref().map(|t| t.0),
        finalizer: meta.finalizers.iter().flatten().any(|f| is_ours(f)),
        abandon: annotations
            .and_then(|a| a.get(ABANDON_ANNOTATION))
            .is_some_and(|v| v == "true"),
    }
}

/// The merge patch that takes out of `found` what `wanted` does not have; `None` if it has nothing
/// else. Conditions are merged by type, and some are a person's.
fn surplus(found: &Value, wanted: &Value) -> Option<Value> {
    let (found, wanted) = (found.as_object()?, wanted.as_object()?);
    let patch: serde_json::Map<String, Value> = found
        .iter()
        .filter(|(key, value)| *key != "conditions" && !value.is_null())
        .filter_map(|(key, value)| match wanted.get(key) {
            None => Some((key.clone(), Value::Null)),
            Some(inner) => Some((key.clone(), surplus(value, inner)?)),
        })
        .collect();
    (!patch.is_empty()).then_some(Value::Object(patch))
}

fn is_ours(finalizer: &str) -> bool {
    finalizer == FINALIZER || LEGACY_FINALIZERS.contains(&finalizer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_wanted_is_taken_out() {
        let wanted = json!({"phase": "Issued", "credential": {"issuedAt": "now"}});
        let mut found = wanted.clone();
        found["conditions"] = json!([{"type": "Approved"}]);
        assert_eq!(surplus(&found, &wanted), None);
        found["credential"]["keeper"] = json!("somebody's");
        found["retiring"] = json!([{"keeper": "somebody's"}]);
        let patch = json!({"credential": {"keeper": null}, "retiring": null});
        assert_eq!(surplus(&found, &wanted), Some(patch));
    }
}
