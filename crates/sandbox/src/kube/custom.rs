//! Custom resource definitions: how they begin and end.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::Call;
use super::apply::{Managers, Who};
use super::crd::{self, Definition};
use super::query::{DeleteOptions, Propagation};
use super::schema::Cause;
use super::{Kube, Work, meta};

/// Holds a definition until its objects are gone.
pub(super) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Fills in what a definition has by default. Its status is the server's own to write.
pub(super) fn prepare(object: &mut Value, old: Option<&Value>, call: &Call<'_>) {
    crd::defaults(object);
    if old.is_none() && !call.is_status() {
        let storage = object["spec"]["versions"].as_array().into_iter().flatten();
        let stored: Vec<Value> = storage
            .filter(|version| version["storage"] == true)
            .map(|version| version["name"].clone())
            .collect();
        object["status"] = json!({
            "conditions": null,
            "acceptedNames": {"plural": "", "kind": ""},
            "storedVersions": stored,
        });
    }
}

pub(super) fn check(object: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = Definition::of(object).err().unwrap_or_default();
    for key in ["group", "scope"] {
        let field = format!("spec.{key}");
        let is = &object["spec"][key];
        if old.is_some_and(|old| old["spec"][key] != *is) {
            causes.push(Cause::invalid(&field, is, "field is immutable"));
        }
    }
    causes
}

/// Marks a definition as one that is to end.
pub(super) fn begin_end(object: &mut Value, now: Timestamp) {
    meta::add_finalizer(object, CLEANUP);
    let conditions = meta::field(meta::field(object, "status"), "conditions");
    if let Value::Array(conditions) = conditions {
        conditions.push(json!({
            "type": "Terminating",
            "status": "True",
            "lastTransitionTime": meta::time(now),
            "reason": "InstanceDeletionPending",
            "message": "CustomResourceDefinition marked for deletion; CustomResource deletion \
                 will begin soon",
        }));
    }
}

impl Kube {
    /// Serves what a definition says, establishes it, or ends it.
    pub(super) fn tend_definition(&mut self, name: &str, now: Timestamp) {
        let Some(resource) = self
            .resources
            .find("apiextensions.k8s.io", "customresourcedefinitions")
        else {
            return;
        };
        let Some(stored) = self.store.get(resource.topic, "", name).cloned() else {
            return;
        };
        let mut object = stored.value();
        if stored.is_deleting {
            self.end_definition(&resource, &mut object, now);
            return;
        }
        let definitions = self.resources.definitions();
        let others: Vec<&Definition> = definitions
            .iter()
            .map(AsRef::as_ref)
            .filter(|definition| definition.name != name)
            .collect();
        let status = crd::status(&object, &others, now);
        let is_established = status["conditions"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|one| one["type"] == "Established" && one["status"] == "True");
        if is_established && let Ok(definition) = Definition::of(&object) {
            let topic = self.resources.define(Arc::new(definition));
            self.store.touch(topic);
        }
        if object["status"] != status {
            let before = object.clone();
            object["status"] = status;
            let who = Who {
                is_update: true,
                manager: "kube-apiserver".to_owned(),
                api_version: "apiextensions.k8s.io/v1".to_owned(),
                subresource: "status".to_owned(),
            };
            let mut managers = Managers::of(&object);
            managers.updated(who, &before, &object, resource.schema("v1"), None, now);
            managers.write(&mut object);
            self.put(&resource, object, now);
        }
    }

    fn end_definition(
        &mut self,
        resource: &super::resource::Resource,
        object: &mut Value,
        now: Timestamp,
    ) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let group = text(&object["spec"]["group"]);
        let plural = text(&object["spec"]["names"]["plural"]);
        if let Some(custom) = self.resources.find(&group, &plural) {
            let all: Vec<_> = self
                .store
                .range(custom.topic, "", "")
                .map(|(_, one)| Arc::clone(one))
                .collect();
            let options = DeleteOptions {
                propagation: Some(Propagation::Background),
                ..DeleteOptions::default()
            };
            for one in all.iter().filter(|one| !one.is_deleting) {
                self.delete_one(&custom, one, &options, now);
            }
            if self.store.count(custom.topic) > 0 {
                return;
            }
        }
        meta::remove_finalizer(object, CLEANUP);
        let name = text(&object["metadata"]["name"]);
        if super::delete::is_finished(resource, object) {
            self.remove(resource, &name, now);
        } else {
            self.put(resource, object.clone(), now);
        }
        self.work.remove(&Work::Definition(name));
    }

    /// Stops serving what a definition said.
    pub(super) fn undefine(&mut self, object: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (group, plural) = (
            text(&object["spec"]["group"]),
            text(&object["spec"]["names"]["plural"]),
        );
        if let Some(custom) = self.resources.find(&group, &plural) {
            self.store.touch(custom.topic);
            self.resources.forget(&group, &plural);
        }
    }
}
