//! The annotation of `kubectl apply`, which the server reads and writes when `kubectl apply
//! --server-side` takes over what was applied without it.

use serde_json::Value;

use super::Apply;
use super::fields::{Changes, Fields};

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Whose applies these are: kubectl's, if nobody gave it another name.
const MANAGER: &str = "kubectl";

fn annotation(object: &Value) -> Option<&str> {
    let text = object["metadata"]["annotations"][ANNOTATION].as_str();
    text.filter(|text| !text.is_empty())
}

impl Apply<'_> {
    /// Fields that this manager may take without a conflict: they are as it applied them before,
    /// in the old way.
    pub(super) fn known_to_kubectl(&self, live: &Value) -> Fields {
        let read = annotation(live).filter(|_| self.who.manager == MANAGER);
        let last: Option<Value> = read.and_then(|text| serde_json::from_str(text).ok());
        let Some(last) = last.filter(|last| last["apiVersion"] == *self.who.api_version) else {
            return Fields::default();
        };
        let mut known = Fields::of(&last, self.schema, self.is_custom);
        let changes = Changes::between(&last, live, self.schema);
        for other in [&changes.modified, &changes.added, &changes.removed] {
            known.subtract(other);
        }
        known
    }

    /// Keeps the annotation as if the configuration had been applied in the old way.
    pub(super) fn keep_annotation(&self, object: &mut Value, config: &Value) {
        if self.who.manager != MANAGER || annotation(object).is_none() {
            return;
        }
        let mut config = config.clone();
        if let Some(metadata) = config.get_mut("metadata").and_then(Value::as_object_mut) {
            let is_empty = metadata.get_mut("annotations").is_some_and(|annotations| {
                let map = annotations.as_object_mut();
                map.is_none_or(|map| {
                    map.remove(ANNOTATION);
                    map.is_empty()
                })
            });
            if is_empty {
                metadata.remove("annotations");
            }
        }
        object["metadata"]["annotations"][ANNOTATION] = format!("{config}\n").into();
    }
}
