//! Namespaces: what each is given, and how each ends.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::Call;
use super::apply::{Managers, Who};
use super::errors::{About, Failure};
use super::query::{DeleteOptions, Propagation};
use super::resource::Resource;
use super::{Kube, delete, meta};

/// The namespaces every cluster begins with.
const FIRST: &[&str] = &["default", "kube-node-lease", "kube-public", "kube-system"];

const ABOUT_CA: &str = "Contains a CA bundle that can be used to verify the kube-apiserver when \
     using internal endpoints such as the internal service IP or kubernetes.default.svc. No other \
     usage is guaranteed across distributions of Kubernetes clusters.";

impl Kube {
    /// Makes the namespaces and roles that every cluster has.
    pub(super) fn bootstrap(&mut self, now: Timestamp) {
        for name in FIRST {
            self.make(
                "",
                "namespaces",
                json!({
                    "metadata": {
                        "name": name,
                        "labels": {"kubernetes.io/metadata.name": name},
                    },
                    "spec": {"finalizers": ["kubernetes"]},
                    "status": {"phase": "Active"},
                }),
                now,
            );
        }
        for object in super::rbac::bootstrap() {
            let kind = object["kind"].as_str().unwrap_or_default();
            if let Some(resource) = self.resources.of_kind("rbac.authorization.k8s.io", kind) {
                self.make_one(&resource, object, now);
            }
        }
        self.advance(now);
    }

    fn make(&mut self, group: &str, plural: &str, object: Value, now: Timestamp) {
        if let Some(resource) = self.resources.find(group, plural) {
            self.make_one(&resource, object, now);
        }
    }

    /// Keeps an object that the server itself makes.
    fn make_one(&mut self, resource: &Resource, mut object: Value, now: Timestamp) {
        object["apiVersion"] = resource.api_version(resource.storage_version()).into();
        object["kind"] = resource.kind.clone().into();
        let uid = self.ids.uid();
        let meta = meta::of(&mut object);
        meta.insert("uid".to_owned(), uid.into());
        meta.insert("creationTimestamp".to_owned(), meta::time(now).into());
        let is_controllers = matches!(resource.kind.as_str(), "ConfigMap" | "ServiceAccount");
        let who = Who {
            is_update: true,
            manager: if is_controllers {
                "kube-controller-manager"
            } else {
                "kube-apiserver"
            }
            .to_owned(),
            api_version: resource.api_version(resource.storage_version()),
            subresource: String::new(),
        };
        let mut managers = Managers::default();
        let schema = resource.schema(resource.storage_version());
        let blank = super::rules::blank(resource);
        managers.updated(who, &blank, &object, schema, Some("f:status"), now);
        managers.write(&mut object);
        self.put(resource, object, now);
    }

    pub(super) fn is_terminating(&self, name: &str) -> bool {
        if name.is_empty() {
            return false;
        }
        let namespaces = self.resources.find("", "namespaces");
        let found = namespaces.and_then(|resource| self.store.get(resource.topic, "", name));
        found.is_some_and(|namespace| namespace.is_deleting)
    }

    /// Whether something may be created where a call says.
    pub(super) fn check_namespace(&self, call: &Call<'_>, name: &str) -> Result<(), Failure> {
        let namespace = &call.route.namespace;
        if !call.resource.is_namespaced {
            return Ok(());
        }
        let namespaces = self.resources.find("", "namespaces");
        let found = namespaces.and_then(|resource| self.store.get(resource.topic, "", namespace));
        let Some(found) = found else {
            let about = About {
                group: "",
                kind: "namespaces",
                name: namespace,
            };
            return Err(Failure::not_found(&about));
        };
        if !found.is_deleting {
            return Ok(());
        }
        let why = format!(
            "unable to create new content in namespace {namespace} because it is being terminated"
        );
        let causes = json!([{
            "reason": "NamespaceTerminating",
            "message": format!("namespace {namespace} is being terminated"),
            "field": "metadata.namespace",
        }]);
        Err(Failure::forbidden_because(
            &call.resource.about(name),
            &why,
            causes,
        ))
    }

    /// Gives a namespace what it lacks; of one that is to end, takes everything.
    pub(super) fn tend_namespace(&mut self, name: &str, now: Timestamp) {
        let Some(resource) = self.resources.find("", "namespaces") else {
            return;
        };
        let Some(namespace) = self.store.get(resource.topic, "", name).cloned() else {
            return;
        };
        if !namespace.is_deleting {
            self.furnish(name, now);
            return;
        }
        let left = self.empty_namespace(name, now);
        // Emptying it may have been the end of it.
        let Some(namespace) = self.store.get(resource.topic, "", name).cloned() else {
            return;
        };
        let mut object = namespace.value();
        if left.is_empty() {
            object["spec"] = json!({});
            if delete::is_finished(&resource, &object) {
                self.remove(&resource, name, now);
            } else if object != namespace.value() {
                self.put(&resource, object, now);
            }
            return;
        }
        let before = object.clone();
        let conditions = conditions(&left, &object["status"]["conditions"], now);
        *meta::field(meta::field(&mut object, "status"), "conditions") = conditions;
        let who = Who {
            is_update: true,
            manager: "kube-controller-manager".to_owned(),
            api_version: "v1".to_owned(),
            subresource: "status".to_owned(),
        };
        let mut managers = Managers::of(&object);
        managers.updated(who, &before, &object, resource.schema("v1"), None, now);
        managers.write(&mut object);
        if object != namespace.value() {
            self.put(&resource, object, now);
        }
    }

    fn furnish(&mut self, name: &str, now: Timestamp) {
        let lacks = |kube: &Self, plural: &str, object: &str| {
            let resource = kube.resources.find("", plural);
            resource.is_some_and(|resource| kube.store.get(resource.topic, name, object).is_none())
        };
        if lacks(self, "serviceaccounts", "default") {
            let account = json!({"metadata": {"name": "default", "namespace": name}});
            self.make("", "serviceaccounts", account, now);
        }
        if lacks(self, "configmaps", "kube-root-ca.crt") {
            let map = json!({
                "metadata": {
                    "name": "kube-root-ca.crt",
                    "namespace": name,
                    "annotations": {"kubernetes.io/description": ABOUT_CA},
                },
                "data": {"ca.crt": self.config.root_ca},
            });
            self.make("", "configmaps", map, now);
        }
    }

    /// Deletes what is in a namespace; what is left has finalizers.
    fn empty_namespace(&mut self, name: &str, now: Timestamp) -> Vec<Left> {
        let mut left = Vec::new();
        let options = DeleteOptions {
            propagation: Some(Propagation::Background),
            ..DeleteOptions::default()
        };
        let resources: Vec<Arc<Resource>> = self
            .resources
            .all()
            .filter(|one| one.is_namespaced)
            .cloned()
            .collect();
        for resource in resources {
            let objects: Vec<_> = self
                .store
                .range(resource.topic, name, "")
                .map(|(_, object)| Arc::clone(object))
                .collect();
            for object in objects {
                if !object.is_deleting {
                    self.delete_one(&resource, &object, &options, now);
                }
                if let Some(object) = self.store.get(resource.topic, name, &object.name) {
                    let finalizers = meta::finalizers(&object.value())
                        .into_iter()
                        .map(str::to_owned)
                        .collect();
                    left.push(Left {
                        what: resource.about("").qualified(),
                        finalizers,
                    });
                }
            }
        }
        left
    }
}

/// An object that keeps a namespace from ending.
#[derive(Debug)]
struct Left {
    what: String,
    finalizers: Vec<String>,
}

/// Counts, as the namespace controller words it: `a has 1 resource instances, b has 2 …`.
fn counted(names: impl Iterator<Item = String>, what: &str) -> String {
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{name}{what} {count} resource instances"))
        .collect();
    counts.join(", ")
}

/// The conditions of a namespace that cannot end yet.
fn conditions(left: &[Left], old: &Value, now: Timestamp) -> Value {
    let remaining = counted(left.iter().map(|one| format!("{}.", one.what)), " has");
    let held = counted(left.iter().flat_map(|one| one.finalizers.clone()), " in");
    let rows = [
        (
            "NamespaceDeletionDiscoveryFailure",
            "False",
            "ResourcesDiscovered",
            "All resources successfully discovered".to_owned(),
        ),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            "False",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed".to_owned(),
        ),
        (
            "NamespaceDeletionContentFailure",
            "False",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization".to_owned(),
        ),
        (
            "NamespaceContentRemaining",
            "True",
            "SomeResourcesRemain",
            format!("Some resources are remaining: {remaining}"),
        ),
        (
            "NamespaceFinalizersRemaining",
            "True",
            "SomeFinalizersRemain",
            format!("Some content in the namespace has finalizers remaining: {held}"),
        ),
    ];
    let rows = rows.into_iter().map(|(kind, status, reason, message)| {
        let known = old
            .as_array()
            .into_iter()
            .flatten()
            .find(|one| one["type"] == kind);
        let since = known.filter(|one| one["status"] == status).map_or_else(
            || meta::time(now).into(),
            |one| one["lastTransitionTime"].clone(),
        );
        json!({
            "type": kind,
            "status": status,
            "reason": reason,
            "message": message,
            "lastTransitionTime": since,
        })
    });
    rows.collect()
}
