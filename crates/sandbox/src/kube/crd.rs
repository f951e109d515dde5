//! Custom resource definitions.

use jiff::Timestamp;
use serde_json::Value;

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
        let text = |pointer: &str| {
            crd.pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        Ok(Self {
            name: text("/metadata/name"),
            group: text("/spec/group"),
            kind: text("/spec/names/kind"),
            list_kind: text("/spec/names/listKind"),
            plural: text("/spec/names/plural"),
            singular: text("/spec/names/singular"),
            short_names: Vec::new(),
            categories: Vec::new(),
            namespaced: text("/spec/scope") == "Namespaced",
            versions: Vec::new(),
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
pub(crate) fn defaults(_crd: &mut Value) {}

/// The `status` after a create or update, from the one before it and the other definitions'.
pub(crate) fn status(_crd: &Value, _others: &[&Definition], _now: Timestamp) -> Value {
    Value::Null
}
