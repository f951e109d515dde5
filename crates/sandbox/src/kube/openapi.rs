//! What clients ask before they write: the API as OpenAPI documents.

use serde_json::{Value, json};

use super::crd::Definition;

/// `/openapi/v3`: where each group and version is described.
pub(crate) fn index(_definitions: &[&Definition]) -> Value {
    json!({"paths": {}})
}

/// `/openapi/v3/api/v1` (empty group) and `/openapi/v3/apis/GROUP/VERSION`.
pub(crate) fn v3(_group: &str, _version: &str, _definitions: &[&Definition]) -> Option<Value> {
    None
}

/// `/openapi/v2`, as JSON.
pub(crate) fn v2(_definitions: &[&Definition]) -> Value {
    json!({"swagger": "2.0", "info": {"title": "Kubernetes", "version": "unversioned"}, "paths": {}})
}
