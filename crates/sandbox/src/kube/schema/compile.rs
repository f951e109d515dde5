//! From an `openAPIV3Schema` to what is asked of each object.

use regex::Regex;
use serde_json::{Map, Value};

use super::cel::Rule;
use super::values::{Bound, Checks};
use super::{Additional, Cause, Kind, ListType, Schema};

/// Reads a schema that is structural; what is wrong with its rules goes to `causes`.
pub(super) fn schema(source: &Value, place: &str, causes: &mut Vec<Cause>) -> Schema {
    let properties = source["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| {
            let below = schema(value, &format!("{place}.properties[{key}]"), causes);
            (key.clone(), below)
        })
        .collect();
    let additional = match &source["additionalProperties"] {
        Value::Null | Value::Bool(false) => Additional::None,
        Value::Bool(true) => Additional::Any,
        of => {
            let below = schema(of, &format!("{place}.additionalProperties"), causes);
            Additional::Of(Box::new(below))
        }
    };
    let items = source
        .get("items")
        .filter(|items| items.is_object())
        .map(|items| Box::new(schema(items, &format!("{place}.items"), causes)));
    let mut compiled = Schema {
        kind: kind(source),
        nullable: flag(source, "nullable"),
        int_or_string: flag(source, "x-kubernetes-int-or-string"),
        preserve_unknown: flag(source, "x-kubernetes-preserve-unknown-fields"),
        embedded: flag(source, "x-kubernetes-embedded-resource"),
        properties,
        additional,
        items,
        default: source
            .get("default")
            .filter(|value| !value.is_null())
            .cloned(),
        list_type: list_type(source),
        atomic_map: source["x-kubernetes-map-type"] == "atomic",
        checks: checks(source, place, causes),
        rules: Vec::new(),
        any_rules: false,
    };
    compiled.rules = Rule::all(source, &compiled, place, causes);
    compiled.any_rules = !compiled.rules.is_empty() || any_rules_below(&compiled);
    compiled
}

fn any_rules_below(schema: &Schema) -> bool {
    schema.properties.values().any(|below| below.any_rules)
        || schema.items.as_ref().is_some_and(|below| below.any_rules)
        || matches!(&schema.additional, Additional::Of(below) if below.any_rules)
}

fn kind(source: &Value) -> Option<Kind> {
    Some(match source["type"].as_str()? {
        "object" => Kind::Object,
        "array" => Kind::Array,
        "string" => Kind::String,
        "integer" => Kind::Integer,
        "number" => Kind::Number,
        "boolean" => Kind::Boolean,
        _ => return None,
    })
}

fn list_type(source: &Value) -> ListType {
    match source["x-kubernetes-list-type"].as_str() {
        Some("set") => ListType::Set,
        Some("map") => ListType::Map(strings(&source["x-kubernetes-list-map-keys"])),
        _ => ListType::Atomic,
    }
}

fn checks(source: &Value, place: &str, causes: &mut Vec<Cause>) -> Checks {
    let number = |key: &str| source[key].as_number().cloned();
    let bound = |key: &str, exclusive: &str| {
        number(key).map(|value| Bound {
            value,
            exclusive: flag(source, exclusive),
        })
    };
    let size = |key: &str| source[key].as_u64();
    let mut junctor = |key: &str| -> Vec<Schema> {
        let branches = source[key].as_array().into_iter().flatten().enumerate();
        branches
            .map(|(index, branch)| schema(branch, &format!("{place}.{key}[{index}]"), causes))
            .collect()
    };
    let (any_of, one_of, all_of) = (junctor("anyOf"), junctor("oneOf"), junctor("allOf"));
    let not = source
        .get("not")
        .map(|not| Box::new(schema(not, &format!("{place}.not"), causes)));
    Checks {
        format: source["format"].as_str().map(ToOwned::to_owned),
        pattern: source["pattern"]
            .as_str()
            .and_then(|text| Regex::new(text).ok()),
        min_length: size("minLength"),
        max_length: size("maxLength"),
        minimum: bound("minimum", "exclusiveMinimum"),
        maximum: bound("maximum", "exclusiveMaximum"),
        multiple_of: number("multipleOf"),
        min_items: size("minItems"),
        max_items: size("maxItems"),
        min_properties: size("minProperties"),
        max_properties: size("maxProperties"),
        required: strings(&source["required"]),
        choices: source["enum"].as_array().cloned(),
        any_of,
        one_of,
        all_of,
        not,
    }
}

pub(super) fn flag(source: &Value, key: &str) -> bool {
    source[key].as_bool().unwrap_or_default()
}

pub(super) fn strings(list: &Value) -> Vec<String> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(ToOwned::to_owned)
        .collect()
}

impl Schema {
    /// Takes any value and merges maps by key and lists as one.
    pub(super) fn open() -> Self {
        Self {
            kind: None,
            nullable: false,
            int_or_string: false,
            preserve_unknown: true,
            embedded: false,
            properties: std::collections::BTreeMap::new(),
            additional: Additional::None,
            items: None,
            default: None,
            list_type: ListType::Atomic,
            atomic_map: false,
            checks: Checks::default(),
            rules: Vec::new(),
            any_rules: false,
        }
    }
}

/// The fields of an object, or none.
pub(super) fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}
