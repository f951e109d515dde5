//! Whether a schema is structural, and the API server takes it.

mod extensions;
mod rules;

use serde_json::Value;

use super::cause::quote;
use super::compile::{fields, flag};
use super::{Cause, Schema, defaults, prune, validate};

/// Where in a schema one looks.
#[derive(Clone, Copy)]
struct Place<'a> {
    path: &'a str,
    level: Level,
    /// The list below which `oldSelf` means nothing: its items have no name.
    uncorrelatable: Option<&'a str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Field,
    Item,
    /// In `allOf`, `anyOf`, `oneOf` or `not`.
    Junctor,
}

const UNSUPPORTED: [&str; 7] = [
    "$ref",
    "additionalItems",
    "definitions",
    "dependencies",
    "id",
    "patternProperties",
    "$schema",
];

pub(super) fn check(schema: &Value, path: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    let place = Place {
        path,
        level: Level::Root,
        uncorrelatable: None,
    };
    node(schema, place, &mut causes);
    causes
}

/// The defaults of a schema have to fit it.
pub(super) fn check_defaults(schema: &Schema, path: &str, causes: &mut Vec<Cause>) {
    if let Some(default) = &schema.default {
        default_value(schema, default, &format!("{path}.default"), causes);
    }
    below_defaults(schema, path, causes);
}

/// The same at the root, whose value is an object of its own.
pub(super) fn check_root_defaults(schema: &Schema, path: &str, causes: &mut Vec<Cause>) {
    for key in ["apiVersion", "kind"] {
        if schema
            .default
            .as_ref()
            .is_some_and(|default| default.get(key).is_none())
        {
            causes.push(Cause::required(&format!("{path}.default.{key}"), ""));
        }
    }
    check_defaults(schema, path, causes);
}

fn below_defaults(schema: &Schema, path: &str, causes: &mut Vec<Cause>) {
    for (key, below) in &schema.properties {
        check_defaults(below, &format!("{path}.properties[{key}]"), causes);
    }
    if let super::Additional::Of(below) = &schema.additional {
        check_defaults(below, &format!("{path}.additionalProperties"), causes);
    }
    if let Some(below) = &schema.items {
        check_defaults(below, &format!("{path}.items"), causes);
    }
}

fn default_value(schema: &Schema, default: &Value, field: &str, causes: &mut Vec<Cause>) {
    let mut kept = default.clone();
    if !prune::below(schema, &mut kept).is_empty() {
        causes.push(Cause::invalid(
            field,
            default,
            "must not have unknown fields",
        ));
        return;
    }
    defaults::apply(schema, &mut kept);
    let mut found = Vec::new();
    validate::value(schema, &kept, None, "", &mut found);
    causes.extend(found.into_iter().map(|cause| {
        let below = if cause.field == "<nil>" {
            String::new()
        } else {
            format!(".{}", cause.field)
        };
        Cause {
            field: format!("{field}{below}"),
            ..cause
        }
    }));
}

fn node(schema: &Value, place: Place<'_>, causes: &mut Vec<Cause>) {
    let at = |key: &str| format!("{}.{key}", place.path);
    for key in UNSUPPORTED {
        if schema.get(key).is_some() {
            let detail = format!("{key} is not supported");
            causes.push(Cause::forbidden(&at(key), &detail));
            return;
        }
    }
    if flag(schema, "uniqueItems") {
        let detail =
            "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        causes.push(Cause::forbidden(&at("uniqueItems"), detail));
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        check_pattern(pattern, &at("pattern"), causes);
    }
    if place.level == Level::Junctor {
        junctor(schema, place, causes);
    } else {
        kind(schema, place, causes);
        extensions::check(schema, place.path, causes);
        if place.level == Level::Root || flag(schema, "x-kubernetes-embedded-resource") {
            resource(schema, place.path, causes);
        }
    }
    rules::check(schema, place, causes);
    below(schema, place, causes);
}

fn below(schema: &Value, place: Place<'_>, causes: &mut Vec<Cause>) {
    let child = |path: &str, level: Level, uncorrelatable, schema: &Value, causes: &mut _| {
        let level = if place.level == Level::Junctor {
            Level::Junctor
        } else {
            level
        };
        let place = Place {
            path,
            level,
            uncorrelatable,
        };
        node(schema, place, causes);
    };
    for (key, field) in fields(&schema["properties"]) {
        let path = format!("{}.properties[{key}]", place.path);
        let atomic = schema["x-kubernetes-map-type"] == "atomic";
        let lost = place
            .uncorrelatable
            .or_else(|| atomic.then_some(place.path));
        child(&path, Level::Field, lost, field, causes);
    }
    if schema["additionalProperties"].is_object() {
        let path = format!("{}.additionalProperties", place.path);
        child(
            &path,
            Level::Field,
            place.uncorrelatable,
            &schema["additionalProperties"],
            causes,
        );
    }
    if schema["items"].is_object() {
        let path = format!("{}.items", place.path);
        let keyed = schema["x-kubernetes-list-type"] == "map";
        let lost = place
            .uncorrelatable
            .or_else(|| (!keyed).then_some(place.path));
        child(&path, Level::Item, lost, &schema["items"], causes);
    }
    let mut branches = Vec::new();
    for key in ["allOf", "anyOf", "oneOf"] {
        let list = schema[key].as_array().into_iter().flatten().enumerate();
        branches
            .extend(list.map(|(index, branch)| (format!("{}.{key}[{index}]", place.path), branch)));
    }
    branches.extend(
        schema
            .get("not")
            .map(|not| (format!("{}.not", place.path), not)),
    );
    for (path, branch) in branches {
        // An int-or-string names its two types in `anyOf`: that form is let pass.
        if flag(schema, "x-kubernetes-int-or-string") && is_only_type(branch) {
            continue;
        }
        let place = Place {
            path: &path,
            level: Level::Junctor,
            uncorrelatable: place.uncorrelatable,
        };
        node(branch, place, causes);
    }
}

fn is_only_type(branch: &Value) -> bool {
    let types = matches!(branch["type"].as_str(), Some("integer" | "string"));
    types && branch.as_object().is_some_and(|fields| fields.len() == 1)
        || branch["anyOf"]
            .as_array()
            .is_some_and(|list| list.iter().all(is_only_type))
}

fn kind(schema: &Value, place: Place<'_>, causes: &mut Vec<Cause>) {
    const KINDS: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
    let at = |key: &str| format!("{}.{key}", place.path);
    let kind = schema["type"].as_str().unwrap_or_default();
    let free = flag(schema, "x-kubernetes-int-or-string")
        || flag(schema, "x-kubernetes-preserve-unknown-fields");
    match (kind, place.level) {
        ("", Level::Root) => causes.push(Cause::required(
            &at("type"),
            "must not be empty at the root",
        )),
        ("", _) if free => {}
        ("", Level::Item) => {
            let detail = "must not be empty for specified array items";
            causes.push(Cause::required(&at("type"), detail));
        }
        ("", _) => {
            let detail = "must not be empty for specified object fields";
            causes.push(Cause::required(&at("type"), detail));
        }
        (kind, _) if !KINDS.contains(&kind) => {
            causes.push(Cause::not_supported(&at("type"), &kind.into(), KINDS));
        }
        (kind, Level::Root) if kind != "object" => {
            causes.push(Cause::invalid(
                &at("type"),
                &kind.into(),
                "must be object at the root",
            ));
        }
        _ => {}
    }
    if schema["items"].is_array() {
        let detail = "items must be a schema object and not an array";
        causes.push(Cause::forbidden(&at("items"), detail));
    } else if kind == "array" && schema.get("items").is_none() {
        causes.push(Cause::required(&at("items"), "must be specified"));
    }
    let additional = schema
        .get("additionalProperties")
        .is_some_and(|value| *value != false);
    if additional && fields(&schema["properties"]).next().is_some() {
        let detail = "additionalProperties and properties are mutual exclusive";
        causes.push(Cause::forbidden(&at("additionalProperties"), detail));
    }
}

/// Values are told apart by type outside of junctors, so that pruning and defaults are certain.
fn junctor(schema: &Value, place: Place<'_>, causes: &mut Vec<Cause>) {
    const EMPTY: [&str; 4] = ["type", "title", "description", "x-kubernetes-list-type"];
    const UNDEFINED: [&str; 6] = [
        "additionalProperties",
        "default",
        "nullable",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-embedded-resource",
        "x-kubernetes-int-or-string",
    ];
    for (keys, what) in [(EMPTY.as_slice(), "empty"), (&UNDEFINED, "undefined")] {
        for key in keys {
            if schema.get(*key).is_some_and(|value| !value.is_null()) {
                let field = format!("{}.{key}", place.path);
                causes.push(Cause::forbidden(
                    &field,
                    &format!("must be {what} to be structural"),
                ));
            }
        }
    }
}

fn resource(schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    let properties = &schema["properties"];
    for (key, kind) in [
        ("apiVersion", "string"),
        ("kind", "string"),
        ("metadata", "object"),
    ] {
        let Some(found) = properties[key]["type"]
            .as_str()
            .filter(|found| *found != kind)
        else {
            continue;
        };
        let field = format!("{path}.properties[{key}].type");
        causes.push(Cause::invalid(
            &field,
            &found.into(),
            &format!("must be {kind}"),
        ));
    }
    let metadata = &properties["metadata"];
    let names = |key: &String| matches!(key.as_str(), "name" | "generateName");
    if !fields(&metadata["properties"]).all(|(key, _)| names(key)) {
        let detail = "must not specify anything other than name and generateName, but metadata is \
                      implicitly specified";
        causes.push(Cause::forbidden(
            &format!("{path}.properties[metadata]"),
            detail,
        ));
    }
}

fn check_pattern(pattern: &str, field: &str, causes: &mut Vec<Cause>) {
    let Err(error) = regex::Regex::new(pattern) else {
        return;
    };
    let ahead = ["(?!", "(?=", "(?<"]
        .into_iter()
        .find(|sign| pattern.contains(sign));
    let why = match (ahead, error.to_string()) {
        (Some(sign), _) => format!("invalid or unsupported Perl syntax: `{sign}`"),
        (None, text) if text.contains("unclosed group") => {
            format!("missing closing ): `{pattern}`")
        }
        (None, text) if text.contains("unclosed character class") => {
            format!(
                "missing closing ]: `{}`",
                &pattern[pattern.rfind('[').unwrap_or_default()..]
            )
        }
        (None, text) => text.lines().last().unwrap_or_default().to_owned(),
    };
    let detail =
        format!("must be a valid regular expression, but isn't: error parsing regexp: {why}");
    causes.push(Cause::invalid_text(field, &quote(pattern), &detail));
}
