//! What a configuration must be before anybody looks at what it changes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::schema::{Cause, ListType, Schema};
use super::fields::{child, element, is_atomic_map, list_type, shown};

/// What is wrong with a configuration, in the words of the library that merges: all of it.
pub(in super::super) fn errors(config: &Value, schema: &Schema, unknown: &[String]) -> Vec<String> {
    let mut errors: Vec<String> = unknown
        .iter()
        .filter(|path| !path.starts_with("metadata"))
        .map(|path| format!(".{path}: field not declared in schema"))
        .collect();
    let causes = schema.validate(config, None);
    errors.extend(causes.iter().filter_map(|cause| mistyped(config, cause)));
    lists(config, Some(schema), "", &mut errors);
    errors
}

fn mistyped(config: &Value, cause: &Cause) -> Option<String> {
    let (_, wanted) = cause.message.split_once("in body must be of type ")?;
    let wanted = match wanted.split(':').next()? {
        "integer" | "number" => "numeric (int or float)",
        "object" => "map",
        "array" => "list",
        word @ ("string" | "boolean") => word,
        // Formats are checked once the whole is merged.
        _ => return None,
    };
    let mut pointer = String::new();
    for part in cause.field.split(['.', '[']) {
        pointer.push('/');
        pointer.push_str(part.trim_end_matches(']'));
    }
    let value = config.pointer(&pointer).filter(|value| !value.is_null())?;
    let field = &cause.field;
    let got = match (wanted, go_type(value)) {
        ("numeric (int or float)", Some(name)) => name.to_owned(),
        _ => format!("&value.valueUnstructured{{Value:{value}}}"),
    };
    Some(format!(".{field}: expected {wanted}, got {got}"))
}

fn go_type(value: &Value) -> Option<&'static str> {
    Some(match value {
        Value::Bool(_) => "bool",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
        Value::Null | Value::Number(_) => return None,
    })
}

/// Lists by key or as sets whose items cannot be told apart.
fn lists(value: &Value, schema: Option<&Schema>, path: &str, errors: &mut Vec<String>) {
    match value {
        Value::Object(map) if !is_atomic_map(schema) => {
            for (key, value) in map {
                lists(value, child(schema, key), &format!("{path}.{key}"), errors);
            }
        }
        Value::Array(list) => {
            let kind = list_type(schema);
            let mut seen = BTreeSet::new();
            for (at, item) in list.iter().enumerate() {
                if let ListType::Map(keys) = &kind
                    && keys.iter().all(|key| item.get(key).is_none())
                {
                    errors.push(format!(
                        "{path}: element {at}: associative list with keys has an element that \
                         omits all key fields {keys:?} (and doesn't have default values for any \
                         key fields)"
                    ));
                    continue;
                }
                let key = element(&kind, item);
                if kind != ListType::Atomic && !seen.insert(key.clone()) {
                    errors.push(format!("{path}: duplicate entries for key {}", shown(&key)));
                }
            }
        }
        _ => {}
    }
}
