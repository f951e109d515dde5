//! Taking out what a schema does not know.

use serde_json::{Map, Value};

use super::numbers::is_whole;
use super::{Schema, join};

/// The fields of `metadata`.
pub(crate) const OBJECT_META: [&str; 15] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];
const OWNER_REFERENCE: [&str; 6] = [
    "apiVersion",
    "blockOwnerDeletion",
    "controller",
    "kind",
    "name",
    "uid",
];
const MANAGED_FIELDS: [&str; 7] = [
    "apiVersion",
    "fieldsType",
    "fieldsV1",
    "manager",
    "operation",
    "subresource",
    "time",
];

/// Fields first, in alphabetical order, then those of `metadata`, as the server lists them.
pub(super) fn root(schema: &Schema, object: &mut Value) -> Vec<String> {
    let mut found = Found::default();
    value(schema, object, "", true, &mut found);
    found.fields.sort();
    found.metadata.sort();
    found.fields.extend(found.metadata);
    found.fields
}

/// The same for a value that is no object of its own.
pub(super) fn below(schema: &Schema, inner: &mut Value) -> Vec<String> {
    let mut found = Found::default();
    value(schema, inner, "", schema.embedded, &mut found);
    found.fields
}

#[derive(Default)]
struct Found {
    fields: Vec<String>,
    metadata: Vec<String>,
}

fn value(schema: &Schema, inner: &mut Value, path: &str, resource: bool, found: &mut Found) {
    match inner {
        Value::Object(object) => fields(schema, object, path, resource, found),
        Value::Array(items) => {
            let Some(below) = &schema.items else { return };
            for (index, item) in items.iter_mut().enumerate() {
                value(
                    below,
                    item,
                    &format!("{path}[{index}]"),
                    below.embedded,
                    found,
                );
            }
        }
        // Stored as 2, however it was written.
        Value::Number(number) if number.is_f64() && is_whole(number) => {
            if let Ok(whole) = number.to_string().trim_end_matches(".0").parse::<i64>() {
                *inner = whole.into();
            }
        }
        _ => {}
    }
}

fn fields(
    schema: &Schema,
    object: &mut Map<String, Value>,
    path: &str,
    resource: bool,
    found: &mut Found,
) {
    if resource && let Some(metadata) = object.get_mut("metadata") {
        object_meta(metadata, &join(path, "metadata"), &mut found.metadata);
    }
    object.retain(|key, below| {
        if resource && matches!(key.as_str(), "apiVersion" | "kind" | "metadata") {
            return true;
        }
        if let Some(known) = schema.child(key) {
            value(known, below, &join(path, key), known.embedded, found);
            return true;
        }
        if schema.takes_any_key() {
            return true;
        }
        found.fields.push(join(path, key));
        false
    });
}

fn object_meta(metadata: &mut Value, path: &str, found: &mut Vec<String>) {
    only(metadata, &OBJECT_META, path, found);
    for (list, known) in [
        ("ownerReferences", OWNER_REFERENCE.as_slice()),
        ("managedFields", &MANAGED_FIELDS),
    ] {
        let items = metadata.get_mut(list).and_then(Value::as_array_mut);
        for (index, item) in items.into_iter().flatten().enumerate() {
            only(item, known, &format!("{path}.{list}[{index}]"), found);
        }
    }
}

fn only(object: &mut Value, known: &[&str], path: &str, found: &mut Vec<String>) {
    let Some(fields) = object.as_object_mut() else {
        return;
    };
    fields.retain(|key, _| {
        let keep = known.contains(&key.as_str());
        if !keep {
            found.push(join(path, key));
        }
        keep
    });
}
