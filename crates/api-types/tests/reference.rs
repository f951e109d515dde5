//! `docs/reference/` is written from the schemas.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::fmt::Write;

use common::{definitions, same_or_update, schema};
use leasehold_api_types::VaultServerConfiguration;
use schemars::generate::SchemaSettings;
use serde_json::Value;

const HEADER: &str = "<!-- Generated from crates/api-types; after a change of the types: UPDATE=1 cargo test -p leasehold-api-types -->\n";

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn strings(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// One line of a table: nothing in it may end the cell.
fn cell(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

fn code(text: &str) -> String {
    let ticks = if text.contains('`') { "``" } else { "`" };
    format!("{ticks}{}{ticks}", cell(text))
}

fn type_of(node: &Value) -> String {
    // `["string", "null"]` outside of a CRD.
    let name = node["type"].get(0).unwrap_or_else(|| &node["type"]);
    match text(name) {
        "array" => format!("list of {}", plural(&type_of(&node["items"]))),
        "object" if node["additionalProperties"].is_object() => {
            format!("map of {}", plural(&type_of(&node["additionalProperties"])))
        }
        "string" => match text(&node["format"]) {
            "date-time" => "time".into(),
            "byte" => "base64".into(),
            _ => "string".into(),
        },
        other => other.into(),
    }
}

fn plural(name: &str) -> String {
    format!("{name}s")
}

/// A bound as a whole number: schemars writes `1.0`.
fn number(value: &Value) -> String {
    value
        .as_f64()
        .map_or_else(|| value.to_string(), |n| format!("{n}"))
}

fn range(node: &Value, low: &str, high: &str, unit: &str) -> Option<String> {
    match (node.get(low), node.get(high)) {
        (Some(l), Some(h)) => Some(format!("{} to {}{unit}", number(l), number(h))),
        (Some(l), None) => Some(format!("at least {}{unit}", number(l))),
        (None, Some(h)) => Some(format!("at most {}{unit}", number(h))),
        (None, None) => None,
    }
}

fn limits(node: &Value) -> String {
    let mut out = Vec::new();
    let values: Vec<String> = strings(&node["enum"]).into_iter().map(code).collect();
    if !values.is_empty() {
        out.push(values.join(", "));
    }
    out.extend(range(node, "minLength", "maxLength", " characters"));
    out.extend(range(node, "minItems", "maxItems", " items"));
    out.extend(range(node, "minProperties", "maxProperties", " keys"));
    out.extend(range(node, "minimum", "maximum", ""));
    if let Some(pattern) = node["pattern"].as_str() {
        out.push(format!("matches {}", code(pattern)));
    }
    if node["items"].is_object() && node["items"]["type"] != "object" {
        let each = limits(&node["items"]);
        if !each.is_empty() {
            out.push(format!("each {each}"));
        }
    }
    out.join("; ")
}

fn rows(node: &Value, path: &str, out: &mut String) {
    let required = strings(&node["required"]);
    let Some(properties) = node["properties"].as_object() else {
        return;
    };
    // What must be given comes first, as in a manifest.
    let mut names: Vec<&String> = properties.keys().collect();
    names.sort_by_key(|name| (!required.contains(&name.as_str()), name.as_str()));
    for name in names {
        let child = &properties[name];
        let list = if child["items"]["type"] == "object" {
            "[]"
        } else {
            ""
        };
        let path = format!("{path}{name}{list}");
        let default = child
            .get("default")
            .map(|d| code(&d.to_string()))
            .unwrap_or_default();
        writeln!(
            out,
            "| `{path}` | {} | {} | {default} | {} | {} |",
            type_of(child),
            if required.contains(&name.as_str()) {
                "yes"
            } else {
                ""
            },
            cell(text(&child["description"])),
            limits(child),
        )
        .unwrap();
        let inner = if list.is_empty() {
            child
        } else {
            &child["items"]
        };
        rows(inner, &format!("{path}."), out);
    }
}

fn rules(node: &Value, path: &str, out: &mut String) {
    for rule in node["x-kubernetes-validations"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let at = rule["fieldPath"]
            .as_str()
            .unwrap_or(path)
            .trim_start_matches('.');
        writeln!(out, "| `{at}` | {} |", cell(text(&rule["message"]))).unwrap();
    }
    for (name, child) in node["properties"].as_object().into_iter().flatten() {
        rules(child, &format!("{path}.{name}"), out);
    }
    if node["items"].is_object() {
        rules(&node["items"], &format!("{path}[]"), out);
    }
}

fn page(kind: &str, definition: &Value) -> String {
    let spec = &definition["spec"];
    let version = &spec["versions"][0];
    let root = schema(definition);
    let mut out = format!("{HEADER}\n# {kind}\n\n{}\n\n", text(&root["description"]));
    let names = &spec["names"];
    writeln!(
        out,
        "| | |\n| --- | --- |\n| apiVersion | `{}/{}` |\n| kind | `{kind}` |\n| for kubectl | `{}`, `{}`; also in `{}` |\n| definition | [crds/{}_{}.yaml](../../crds/{}_{}.yaml) |",
        text(&spec["group"]),
        text(&version["name"]),
        text(&names["plural"]),
        text(&names["singular"]),
        strings(&names["categories"]).join("`, `"),
        text(&spec["group"]),
        text(&names["plural"]),
        text(&spec["group"]),
        text(&names["plural"]),
    )
    .unwrap();

    for part in ["spec", "status"] {
        let node = &root["properties"][part];
        if node.is_null() {
            continue;
        }
        writeln!(out, "\n## {part}\n\n{}\n", text(&node["description"])).unwrap();
        if node["x-kubernetes-preserve-unknown-fields"] == true {
            out += "Fields that are not listed here are kept and ignored.\n\n";
        }
        out += "| field | type | required | default | what it is | limits |\n| --- | --- | --- | --- | --- | --- |\n";
        rows(node, &format!("{part}."), &mut out);
    }

    let mut refused = String::new();
    rules(root, "", &mut refused);
    if !refused.is_empty() {
        out += "\n## Rules\n\nThe API server refuses what breaks one of these, with these words. The rules themselves stand in the definition.\n\n";
        out += "| at | message |\n| --- | --- |\n";
        out += &refused;
    }

    out += "\n## Columns of `kubectl get`\n\n| column | from |\n| --- | --- |\n";
    for column in version["additionalPrinterColumns"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let name = text(&column["name"]).to_uppercase();
        writeln!(out, "| {name} | `{}` |", text(&column["jsonPath"])).unwrap();
    }
    out
}

/// The page of the one kind that has no definition of its own.
fn configuration() -> String {
    let schema = SchemaSettings::draft2020_12()
        .with(|s| s.inline_subschemas = true)
        .into_generator()
        .into_root_schema_for::<VaultServerConfiguration>();
    let mut out = format!(
        "{HEADER}\n# VaultServerConfiguration\n\n{}\n\n\
         It stands in `spec.parameters` of an [AppBinding](appbinding.md), with `apiVersion: config.kubevault.com/v1alpha1` and \
         `kind: VaultServerConfiguration`; it is no resource of its own.\n\n\
         | field | type | required | default | what it is | limits |\n| --- | --- | --- | --- | --- | --- |\n",
        schema.get("description").map_or("", text)
    );
    rows(schema.as_value(), "parameters.", &mut out);
    out
}

#[test]
fn pages_are_what_the_types_say() {
    let mut index = format!(
        "{HEADER}\n# The custom resources\n\n| kind | apiVersion | what it is |\n| --- | --- | --- |\n"
    );
    for (kind, definition) in definitions() {
        let file = format!("{}.md", kind.to_lowercase());
        same_or_update(&format!("docs/reference/{file}"), &page(&kind, &definition));
        writeln!(
            index,
            "| [{kind}]({file}) | `{}/v1alpha1` | {} |",
            text(&definition["spec"]["group"]),
            cell(text(&schema(&definition)["description"])),
        )
        .unwrap();
    }
    same_or_update(
        "docs/reference/vaultserverconfiguration.md",
        &configuration(),
    );
    index += "| [VaultServerConfiguration](vaultserverconfiguration.md) | `config.kubevault.com/v1alpha1` | \
              How to log in to a Vault: what stands in an AppBinding's `spec.parameters`. |\n";
    same_or_update("docs/reference/README.md", &index);
}
