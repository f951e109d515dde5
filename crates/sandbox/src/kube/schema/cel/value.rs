//! JSON as CEL sees it: by its schema, times as times and declared fields only.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Duration, NaiveDate};
use kube_cel::cel::Value as CelValue;
use kube_cel::cel::objects::{Key, Map};
use serde_json::Value;

use super::super::formats::go_duration;
use super::super::{Additional, Kind, Schema};

/// `resource` for an object with `apiVersion`, `kind` and `metadata`, declared or not.
pub(super) fn of(schema: &Schema, value: &Value, resource: bool) -> CelValue {
    match value {
        Value::Object(_) => object(schema, value, resource || schema.embedded),
        Value::Array(items) => {
            let item = |item| {
                schema
                    .items
                    .as_ref()
                    .map_or_else(|| plain(item), |below| of(below, item, false))
            };
            CelValue::List(Arc::new(items.iter().map(item).collect()))
        }
        Value::Number(number) if schema.kind == Some(Kind::Number) => {
            CelValue::Float(number.as_f64().unwrap_or(f64::NAN))
        }
        Value::String(text) => string(schema, text),
        other => plain(other),
    }
}

fn object(schema: &Schema, value: &Value, resource: bool) -> CelValue {
    let is_map = !matches!(schema.additional, Additional::None);
    let mut fields = HashMap::new();
    for (key, field) in value.as_object().into_iter().flatten() {
        let converted = match key.as_str() {
            "apiVersion" | "kind" if resource => plain(field),
            "metadata" if resource => metadata(field),
            // For `has`, a field that is null is not there.
            _ if field.is_null() && !is_map => continue,
            key => match (schema.child(key), is_map) {
                (Some(below), _) => of(below, field, false),
                (None, true) => plain(field),
                // The server gives rules no field that the schema does not name.
                (None, false) => continue,
            },
        };
        // A rule may write `self.namespace` or `self.__namespace__`.
        if !is_map && escaped(key) != *key {
            fields.insert(Key::String(Arc::new(escaped(key))), converted.clone());
        }
        fields.insert(Key::String(Arc::new(key.clone())), converted);
    }
    CelValue::Map(Map {
        map: Arc::new(fields),
    })
}

fn metadata(metadata: &Value) -> CelValue {
    let fields = ["name", "generateName"].into_iter().filter_map(|key| {
        let field = plain(metadata.get(key)?);
        Some((Key::String(Arc::new(key.to_owned())), field))
    });
    CelValue::Map(Map {
        map: Arc::new(fields.collect()),
    })
}

fn string(schema: &Schema, text: &str) -> CelValue {
    let converted = match schema.checks.format.as_deref() {
        Some("date-time") => DateTime::parse_from_rfc3339(text)
            .ok()
            .map(CelValue::Timestamp),
        Some("date") => NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()
            .and_then(|date| date.and_hms_opt(0, 0, 0))
            .map(|time| CelValue::Timestamp(time.and_utc().fixed_offset())),
        Some("duration") => go_duration(text)
            .and_then(|duration| i64::try_from(duration.as_nanos()).ok())
            .map(|nanos| CelValue::Duration(Duration::nanoseconds(nanos))),
        Some("byte") => STANDARD
            .decode(text)
            .ok()
            .map(|bytes| CelValue::Bytes(Arc::new(bytes))),
        _ => None,
    };
    converted.unwrap_or_else(|| CelValue::String(Arc::new(text.to_owned())))
}

/// A value without a schema.
fn plain(value: &Value) -> CelValue {
    match value {
        Value::Null => CelValue::Null,
        Value::Bool(flag) => CelValue::Bool(*flag),
        Value::Number(number) => number.as_i64().map_or_else(
            || CelValue::Float(number.as_f64().unwrap_or(f64::NAN)),
            CelValue::Int,
        ),
        Value::String(text) => CelValue::String(Arc::new(text.clone())),
        Value::Array(items) => CelValue::List(Arc::new(items.iter().map(plain).collect())),
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| {
                (Key::String(Arc::new(key.clone())), plain(value))
            };
            CelValue::Map(Map {
                map: Arc::new(fields.iter().map(field).collect()),
            })
        }
    }
}

/// The name of a field in a rule: CEL's own words and signs are escaped.
pub(super) fn escaped(name: &str) -> String {
    const WORDS: [&str; 21] = [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "false",
        "for",
        "function",
        "if",
        "import",
        "in",
        "let",
        "loop",
        "namespace",
        "null",
        "package",
        "return",
        "true",
        "var",
        "void",
        "while",
    ];
    if WORDS.contains(&name) {
        return format!("__{name}__");
    }
    name.replace("__", "__underscores__")
        .replace('.', "__dot__")
        .replace('-', "__dash__")
        .replace('/', "__slash__")
}
