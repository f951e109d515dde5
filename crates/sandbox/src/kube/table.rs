//! `kubectl get`: objects as tables.

use jiff::Timestamp;
use serde_json::{Value, json};

/// A printer column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub(crate) kind: String,
    pub(crate) format: String,
    pub(crate) description: String,
    /// Above 0 only with `-o wide`.
    pub(crate) priority: i64,
    pub(crate) json_path: String,
}

/// How a kind is shown.
#[derive(Debug, Clone)]
pub(crate) enum Columns {
    /// Name and age.
    Default,
    /// Name, these, and age if there are none.
    Custom(Vec<Column>),
}

impl Columns {
    /// Those of a built-in kind.
    pub(crate) fn builtin(_group: &str, _kind: &str) -> Self {
        Self::Default
    }
}

/// What of each object goes along: the query parameter `includeObject`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum IncludeObject {
    None,
    /// A `PartialObjectMetadata`.
    #[default]
    Metadata,
    Object,
}

/// A `meta.k8s.io/v1` Table; `metadata` with the list's resourceVersion is the caller's.
pub(crate) fn table(
    _columns: &Columns,
    _objects: &[&Value],
    _include_object: IncludeObject,
    _now: Timestamp,
) -> Value {
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "columnDefinitions": [], "rows": []})
}
