//! The `x-kubernetes-…` of a schema.

use serde_json::{Value, json};

use super::super::Cause;
use super::super::compile::{flag, strings};

pub(super) fn check(schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    list(schema, path, causes);
    map(schema, path, causes);
    unknown_fields(schema, path, causes);
}

fn list(schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    let at = |key: &str| format!("{path}.{key}");
    let keys = strings(&schema["x-kubernetes-list-map-keys"]);
    let Some(list_type) = schema["x-kubernetes-list-type"].as_str() else {
        if !keys.is_empty() {
            let detail = "must be map if x-kubernetes-list-map-keys is non-empty";
            causes.push(Cause::required(&at("x-kubernetes-list-type"), detail));
        }
        return;
    };
    if schema["type"] != "array" {
        let detail = "must be array if x-kubernetes-list-type is specified";
        causes.push(Cause::invalid(&at("type"), &schema["type"], detail));
        return;
    }
    match list_type {
        "atomic" => {}
        "set" => set(&schema["items"], path, causes),
        "map" => keyed(schema, &keys, path, causes),
        other => {
            let field = at("x-kubernetes-list-type");
            causes.push(Cause::not_supported(
                &field,
                &other.into(),
                ["atomic", "set", "map"],
            ));
        }
    }
}

fn set(items: &Value, path: &str, causes: &mut Vec<Cause>) {
    let (key, wanted) = match items["type"].as_str() {
        Some("object") => ("x-kubernetes-map-type", "atomic"),
        Some("array") => ("x-kubernetes-list-type", "atomic"),
        _ => return,
    };
    if items[key] != wanted {
        let detail = "must be atomic as item of a list with x-kubernetes-list-type=set";
        causes.push(Cause::invalid(
            &format!("{path}.items.{key}"),
            &items[key],
            detail,
        ));
    }
}

fn keyed(schema: &Value, keys: &[String], path: &str, causes: &mut Vec<Cause>) {
    let field = format!("{path}.x-kubernetes-list-map-keys");
    let items = &schema["items"];
    if items["type"] != "object" {
        let detail = "must be object if parent array's x-kubernetes-list-type is map";
        causes.push(Cause::invalid(
            &format!("{path}.items.type"),
            &items["type"],
            detail,
        ));
        return;
    }
    if keys.is_empty() {
        let detail = "must not be empty if x-kubernetes-list-type is map";
        causes.push(Cause::required(&field, detail));
        return;
    }
    if keys
        .iter()
        .any(|key| items["properties"].get(key).is_none())
    {
        let detail = "entries must all be names of item properties";
        causes.push(Cause::invalid(&field, &json!(keys), detail));
        return;
    }
    let required = strings(&items["required"]);
    for key in keys {
        if !required.contains(key) && items["properties"][key].get("default").is_none() {
            let detail = "this property is in x-kubernetes-list-map-keys, so it must have a default \
                          or be a required property";
            let field = format!("{path}.items.properties[{key}].default");
            causes.push(Cause::required(&field, detail));
        }
    }
}

fn map(schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    let Some(map_type) = schema["x-kubernetes-map-type"].as_str() else {
        return;
    };
    if schema["type"] != "object" {
        let detail = "must be object if x-kubernetes-map-type is specified";
        causes.push(Cause::invalid(
            &format!("{path}.type"),
            &schema["type"],
            detail,
        ));
    } else if !matches!(map_type, "atomic" | "granular") {
        let field = format!("{path}.x-kubernetes-map-type");
        causes.push(Cause::not_supported(
            &field,
            &map_type.into(),
            ["atomic", "granular"],
        ));
    }
}

fn unknown_fields(schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    if schema["x-kubernetes-preserve-unknown-fields"] == false {
        let field = format!("{path}.x-kubernetes-preserve-unknown-fields");
        causes.push(Cause::invalid(
            &field,
            &false.into(),
            "must be true or undefined",
        ));
    }
    if !flag(schema, "x-kubernetes-embedded-resource") {
        return;
    }
    let empty = schema["properties"]
        .as_object()
        .is_none_or(serde_json::Map::is_empty);
    if empty && !flag(schema, "x-kubernetes-preserve-unknown-fields") {
        let detail = "must not be empty if x-kubernetes-embedded-resource is true without \
                      x-kubernetes-preserve-unknown-fields";
        causes.push(Cause::required(&format!("{path}.properties"), detail));
    }
    if schema["type"] != "object" {
        let detail = "must be object if x-kubernetes-embedded-resource is true";
        causes.push(Cause::invalid(
            &format!("{path}.type"),
            &schema["type"],
            detail,
        ));
    }
}
