//! Garbage collection by owner.

use jiff::Timestamp;
use serde_json::Value;

use super::apply::{Managers, Who};
use super::query::{DeleteOptions, Propagation};
use super::resource::Topic;
use super::store::Stored;
use super::{Kube, Work, delete, meta};

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";

impl Kube {
    /// Deletes an object whose owners are all gone, or takes gone ones off its list.
    pub(super) fn tend_owners(&mut self, topic: Topic, key: &str, now: Timestamp) {
        let Some(resource) = self.resources.of(topic) else {
            return;
        };
        let Some(stored) = self.store.at(topic, key).cloned() else {
            return;
        };
        // An owner in the foreground of its deletion waits for this object.
        for owner in &stored.owners {
            if let Some((topic, key)) = self.store.by_uid(owner).cloned()
                && self
                    .store
                    .at(topic, &key)
                    .is_some_and(|owner| owner.is_deleting)
            {
                self.work.insert(Work::Dependents(topic, key));
            }
        }
        if stored.is_deleting {
            return;
        }
        let mut object = stored.value();
        let owners = object["metadata"]["ownerReferences"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let (here, gone): (Vec<Value>, Vec<Value>) = owners
            .into_iter()
            .partition(|owner| self.owner_is_there(owner, &stored));
        if gone.is_empty() {
            return;
        }
        let is_ending = |owner: &Value| self.is_in_foreground(owner);
        if here.is_empty() {
            let options = background(&object);
            self.delete_one(&resource, &stored, &options, now);
        } else if !here.iter().all(is_ending) {
            meta::of(&mut object).insert("ownerReferences".to_owned(), here.into());
            self.put(&resource, object, now);
        }
    }

    /// Whether the object an owner reference means is there: that one, in reach.
    fn owner_is_there(&self, owner: &Value, dependent: &Stored) -> bool {
        let text = |key: &str| owner[key].as_str().unwrap_or_default();
        let Some((topic, key)) = self.store.by_uid(text("uid")) else {
            return false;
        };
        let Some((resource, object)) = self.resources.of(*topic).zip(self.store.at(*topic, key))
        else {
            return false;
        };
        let group = text("apiVersion")
            .rsplit_once('/')
            .map_or("", |(group, _)| group);
        let is_in_reach = !resource.is_namespaced || object.namespace == dependent.namespace;
        resource.kind == text("kind")
            && resource.group == group
            && *object.name == *text("name")
            && is_in_reach
    }

    fn is_in_foreground(&self, owner: &Value) -> bool {
        let uid = owner["uid"].as_str().unwrap_or_default();
        let place = self.store.by_uid(uid);
        let object = place.and_then(|(topic, key)| self.store.at(*topic, key));
        object.is_some_and(|object| {
            object.is_deleting && meta::finalizers(&object.value()).contains(&FOREGROUND)
        })
    }

    /// Goes on with the deletion of an object that waits for what it owns.
    pub(super) fn tend_dependents(&mut self, topic: Topic, key: &str, now: Timestamp) {
        let Some(resource) = self.resources.of(topic) else {
            return;
        };
        let Some(stored) = self
            .store
            .at(topic, key)
            .cloned()
            .filter(|one| one.is_deleting)
        else {
            return;
        };
        let mut object = stored.value();
        let finalizers = meta::finalizers(&object);
        let finalizer = match (
            finalizers.contains(&ORPHAN),
            finalizers.contains(&FOREGROUND),
        ) {
            (true, _) => ORPHAN,
            (_, true) => FOREGROUND,
            _ => return,
        };
        let dependents: Vec<(Topic, String)> = self.store.owned_by(&stored.uid).cloned().collect();
        for (topic, key) in dependents {
            if finalizer == ORPHAN {
                self.without_owner(topic, &key, &stored.uid, now);
            } else {
                self.delete_dependent(topic, &key, &stored.uid, now);
            }
        }
        if finalizer == FOREGROUND && self.blocks(&stored.uid) {
            return;
        }
        meta::remove_finalizer(&mut object, finalizer);
        if delete::is_finished(&resource, &object) {
            self.remove(&resource, key, now);
        } else {
            self.put(&resource, object, now);
        }
    }

    /// Whether an owner is still blocked by something it owns.
    fn blocks(&self, uid: &str) -> bool {
        self.store.owned_by(uid).any(|(topic, key)| {
            self.store.at(*topic, key).is_some_and(|object| {
                let object = object.value();
                let owners = object["metadata"]["ownerReferences"].as_array();
                owners
                    .into_iter()
                    .flatten()
                    .any(|owner| owner["uid"] == uid && owner["blockOwnerDeletion"] == true)
            })
        })
    }

    fn without_owner(&mut self, topic: Topic, key: &str, uid: &str, now: Timestamp) {
        let Some((resource, stored)) = self
            .resources
            .of(topic)
            .zip(self.store.at(topic, key).cloned())
        else {
            return;
        };
        let before = stored.value();
        let mut object = before.clone();
        let meta = meta::of(&mut object);
        if let Some(Value::Array(owners)) = meta.get_mut("ownerReferences") {
            owners.retain(|owner| owner["uid"] != uid);
            if owners.is_empty() {
                meta.remove("ownerReferences");
            }
        }
        let version = resource.storage_version();
        let who = Who {
            is_update: true,
            manager: "kube-controller-manager".to_owned(),
            api_version: resource.api_version(version),
            subresource: String::new(),
        };
        let mut managers = Managers::of(&object);
        managers.updated(who, &before, &object, resource.schema(version), None, now);
        managers.write(&mut object);
        self.put(&resource, object, now);
    }

    fn delete_dependent(&mut self, topic: Topic, key: &str, uid: &str, now: Timestamp) {
        let Some((resource, stored)) = self
            .resources
            .of(topic)
            .zip(self.store.at(topic, key).cloned())
        else {
            return;
        };
        if stored.is_deleting {
            return;
        }
        let has_other = stored
            .owners
            .iter()
            .any(|owner| **owner != *uid && self.store.by_uid(owner).is_some());
        if has_other {
            self.without_owner(topic, key, uid, now);
            return;
        }
        let has_dependents = self.store.owned_by(&stored.uid).next().is_some();
        let options = if has_dependents {
            DeleteOptions {
                propagation: Some(Propagation::Foreground),
                ..DeleteOptions::default()
            }
        } else {
            background(&stored.value())
        };
        self.delete_one(&resource, &stored, &options, now);
    }
}

/// How a dependent is deleted: as its own finalizers say, or in the background.
fn background(object: &Value) -> DeleteOptions {
    let finalizers = meta::finalizers(object);
    let propagation = match (
        finalizers.contains(&ORPHAN),
        finalizers.contains(&FOREGROUND),
    ) {
        (true, _) => Propagation::Orphan,
        (_, true) => Propagation::Foreground,
        _ => Propagation::Background,
    };
    DeleteOptions {
        propagation: Some(propagation),
        ..DeleteOptions::default()
    }
}
