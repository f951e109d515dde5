//! `kubectl get`: objects as tables.

mod age;
mod builtin;
mod columns;
mod nodes;
mod pods;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde_json::{Value, json};

use self::age::age_of;
use self::builtin::Builtin;
use super::jsonpath;

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
    /// As the server itself shows a kind it knows.
    Builtin(&'static Builtin),
}

impl Columns {
    /// Those of a built-in kind.
    pub(crate) fn builtin(group: &str, kind: &str) -> Self {
        builtin::find(group, kind).map_or(Self::Default, Self::Builtin)
    }

    fn definitions(&self) -> Vec<Value> {
        let age = |kind| definition("Age", kind, "", columns::created(), 0);
        let mut definitions = vec![definition("Name", "string", "name", columns::name(), 0)];
        match self {
            Self::Default => definitions.push(age("string")),
            Self::Custom(columns) if columns.is_empty() => definitions.push(age("date")),
            Self::Custom(columns) => definitions.extend(columns.iter().map(|column| {
                let described = match column.description.as_str() {
                    "" => format!(
                        "Custom resource definition column (in JSONPath format): {}",
                        column.json_path
                    ),
                    own => own.to_owned(),
                };
                definition(
                    &column.name,
                    &column.kind,
                    &column.format,
                    &described,
                    column.priority,
                )
            })),
            Self::Builtin(builtin) => return builtin.definitions(),
        }
        definitions
    }

    fn cells(&self, object: &Value, now: Timestamp) -> Vec<Value> {
        let name = builtin::name(object);
        let age = || created(object, now).into();
        match self {
            Self::Default => vec![name, age()],
            Self::Custom(columns) if columns.is_empty() => vec![name, age()],
            Self::Custom(columns) => {
                let cells = columns.iter().map(|column| column.cell(object, now));
                [name].into_iter().chain(cells).collect()
            }
            Self::Builtin(builtin) => (builtin.cells)(object, now),
        }
    }
}

fn definition(name: &str, kind: &str, format: &str, description: &str, priority: i64) -> Value {
    json!({"name": name, "type": kind, "format": format, "description": description,
        "priority": priority})
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

impl IncludeObject {
    /// From the query; an error is the text of a `BadRequest`.
    pub(crate) fn of(query: &str) -> Result<Self, String> {
        Ok(match query {
            "" | "Metadata" => Self::Metadata,
            "None" => Self::None,
            "Object" => Self::Object,
            other => {
                return Err(format!(
                    "Unable to convert to Table as requested: includeObject: Invalid value: \
                     \"{other}\": must be 'Metadata', 'Object', 'None', or empty"
                ));
            }
        })
    }
}

/// A `meta.k8s.io/v1` Table; `metadata` with the list's resourceVersion is the caller's.
pub(crate) fn table(
    columns: &Columns,
    objects: &[&Value],
    include_object: IncludeObject,
    now: Timestamp,
) -> Value {
    let row = |object: &&Value| {
        let included = match include_object {
            IncludeObject::None => Value::Null,
            IncludeObject::Object => (*object).clone(),
            IncludeObject::Metadata => json!({"kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]}),
        };
        json!({"cells": columns.cells(object, now), "object": included})
    };
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {},
        "columnDefinitions": columns.definitions(),
        "rows": objects.iter().map(row).collect::<Vec<_>>(),
    })
}

impl Column {
    /// The first that the path finds, in the type of the column, or nothing.
    fn cell(&self, object: &Value, now: Timestamp) -> Value {
        let found = jsonpath::find(&self.json_path, object);
        let Some(found) = found.first().copied() else {
            return Value::Null;
        };
        match self.kind.as_str() {
            "integer" => whole(found).map_or(Value::Null, Value::from),
            "number" => found.as_f64().map_or(Value::Null, |_| found.clone()),
            "boolean" => found.as_bool().map_or(Value::Null, Value::from),
            "date" => found
                .as_str()
                .map_or(Value::Null, |time| match time.parse::<Timestamp>() {
                    Ok(time) => age_of(time, now).into(),
                    Err(_) => "<invalid>".into(),
                }),
            _ => text(found).into(),
        }
    }
}

fn whole(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "cut as the server cuts it")]
    value
        .as_i64()
        .or_else(|| value.as_f64().map(|number| number as i64))
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "<no value>".into(),
        other => other.to_string(),
    }
}

fn created(object: &Value, now: Timestamp) -> String {
    since(&object["metadata"]["creationTimestamp"], now)
}

/// How long ago a time was, or `<unknown>`.
fn since(time: &Value, now: Timestamp) -> String {
    let time = time
        .as_str()
        .and_then(|time| time.parse::<Timestamp>().ok());
    time.map_or_else(|| "<unknown>".into(), |time| age_of(time, now))
}
