//! Custom resource definitions.

mod check;
mod status;
#[cfg(test)]
mod tests;
mod versions;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::schema::{Cause, Schema};
use super::table::Column;

/// A custom resource as the server serves it.
#[derive(Debug)]
pub(crate) struct Definition {
    /// The object's name: `PLURAL.GROUP`.
    pub(crate) name: String,
    pub(crate) group: String,
    pub(crate) kind: String,
    pub(crate) list_kind: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) namespaced: bool,
    /// In the order of the object.
    pub(crate) versions: Vec<Version>,
}

/// One version of it.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) name: String,
    pub(crate) served: bool,
    pub(crate) storage: bool,
    /// The text of the `Warning` header.
    pub(crate) deprecation: Option<String>,
    pub(crate) schema: Schema,
    /// The `openAPIV3Schema` as it was written.
    pub(crate) source: Value,
    /// Whether there is a subresource `status`.
    pub(crate) status: bool,
    pub(crate) scale: Option<Scale>,
    pub(crate) columns: Vec<Column>,
    /// JSON paths, as `.spec.role`.
    pub(crate) selectable_fields: Vec<String>,
}

/// The subresource `scale`.
#[derive(Debug, Clone)]
pub(crate) struct Scale {
    pub(crate) spec_replicas: String,
    pub(crate) status_replicas: String,
    pub(crate) label_selector: Option<String>,
}

impl Definition {
    /// Reads a CustomResourceDefinition with [`defaults`] filled in.
    pub(crate) fn of(crd: &Value) -> Result<Self, Vec<Cause>> {
        let spec = &crd["spec"];
        let mut causes = check::definition(crd);
        let versions = versions::of(crd, &mut causes);
        if !causes.is_empty() {
            return Err(causes);
        }
        let names = &spec["names"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(Self {
            name: text(&crd["metadata"]["name"]),
            group: text(&spec["group"]),
            kind: text(&names["kind"]),
            list_kind: text(&names["listKind"]),
            plural: text(&names["plural"]),
            singular: text(&names["singular"]),
            short_names: texts(&names["shortNames"]),
            categories: texts(&names["categories"]),
            namespaced: spec["scope"] == "Namespaced",
            versions,
        })
    }

    /// The version of that name, served or not.
    pub(crate) fn version(&self, name: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.name == name)
    }

    /// The version in which objects are stored.
    pub(crate) fn storage(&self) -> Option<&Version> {
        self.versions.iter().find(|version| version.storage)
    }
}

/// What the server fills in: `listKind`, `singular`, `conversion`.
pub(crate) fn defaults(crd: &mut Value) {
    let Some(spec) = crd.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    if spec.get("conversion").is_none_or(Value::is_null) {
        spec.insert("conversion".into(), json!({"strategy": "None"}));
    }
    let Some(names) = spec.get_mut("names").and_then(Value::as_object_mut) else {
        return;
    };
    let kind = names
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    if kind.is_empty() {
        return;
    }
    fill(names, "singular", kind.to_lowercase());
    fill(names, "listKind", format!("{kind}List"));
}

/// The `status` after a create or update, from the one before it and the other definitions: a
/// name goes to whoever has it first.
pub(crate) fn status(crd: &Value, others: &[&Definition], now: Timestamp) -> Value {
    status::of(crd, others, now)
}

fn fill(names: &mut Map<String, Value>, key: &str, value: String) {
    let empty = names
        .get(key)
        .and_then(Value::as_str)
        .is_none_or(str::is_empty);
    if empty {
        names.insert(key.into(), value.into());
    }
}

fn texts(list: &Value) -> Vec<String> {
    let texts = list
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    texts.map(ToOwned::to_owned).collect()
}
