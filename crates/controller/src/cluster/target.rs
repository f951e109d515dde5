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
use serde_json::json;

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
                self.finalizers = finalizers;
                Ok(())
            }
            // Gone already: nothing is left to take a finalizer off.
            Err(kube::Error::Api(s)) if s.is_not_found() => {
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

fn is_ours(finalizer: &str) -> bool {
    finalizer == FINALIZER || LEGACY_FINALIZERS.contains(&finalizer)
}
