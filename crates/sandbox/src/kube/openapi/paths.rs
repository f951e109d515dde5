//! The operations on a kind.

use serde_json::{Map, Value, json};

use super::{Resource, place};

const LIST: [&str; 9] = [
    "allowWatchBookmarks",
    "continue",
    "fieldSelector",
    "labelSelector",
    "limit",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "timeoutSeconds",
];
const WRITE: [&str; 3] = ["dryRun", "fieldManager", "fieldValidation"];
const PATCH: [&str; 4] = ["dryRun", "fieldManager", "fieldValidation", "force"];
const DELETE: [&str; 3] = ["dryRun", "gracePeriodSeconds", "propagationPolicy"];

/// Strategic merge is not among them: a client that reads how to merge from here would need every
/// field's way, which the schemas of built-in kinds leave out. kubectl then goes by its own types.
const PATCHES: [&str; 3] = [
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
];

pub(super) fn add(resource: &Resource<'_>, paths: &mut Map<String, Value>) {
    let root = format!("/{}", place(resource.group, resource.version));
    let all = format!("{root}/{}", resource.plural);
    let list = operation(resource, "list", &LIST, None);
    let collection = if resource.namespaced {
        paths.insert(all, json!({ "get": list }));
        format!("{root}/namespaces/{{namespace}}/{}", resource.plural)
    } else {
        all
    };
    let own = body(resource, &["application/json"]);
    paths.insert(
        collection.clone(),
        json!({
            "get": list,
            "post": operation(resource, "post", &WRITE, Some(own.clone())),
            "delete": operation(resource, "deletecollection", &DELETE, None),
        }),
    );
    let item = json!({
        "get": operation(resource, "get", &[], None),
        "put": operation(resource, "put", &WRITE, Some(own)),
        "patch": operation(resource, "patch", &PATCH, Some(body(resource, &PATCHES))),
        "delete": operation(resource, "delete", &DELETE, None),
    });
    if resource.status {
        let mut status = item.clone();
        if let Some(operations) = status.as_object_mut() {
            operations.remove("delete");
        }
        paths.insert(format!("{collection}/{{name}}/status"), status);
    }
    paths.insert(format!("{collection}/{{name}}"), item);
}

fn operation(resource: &Resource<'_>, action: &str, query: &[&str], body: Option<Value>) -> Value {
    let parameter = |name: &&str| {
        let kind = match *name {
            "allowWatchBookmarks" | "force" | "sendInitialEvents" => "boolean",
            "limit" | "timeoutSeconds" | "gracePeriodSeconds" => "integer",
            _ => "string",
        };
        json!({"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": true}})
    };
    let answer = match action {
        "list" => format!("{}List", resource.schema_name()),
        _ => resource.schema_name(),
    };
    let schema = json!({"$ref": format!("#/components/schemas/{answer}")});
    let mut operation = json!({
        "parameters": query.iter().map(parameter).collect::<Vec<_>>(),
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": schema}}}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind":
            {"group": resource.group, "version": resource.version, "kind": resource.kind},
    });
    if let Some(body) = body {
        operation["requestBody"] = body;
    }
    operation
}

fn body(resource: &Resource<'_>, types: &[&str]) -> Value {
    let whole = json!({"$ref": format!("#/components/schemas/{}", resource.schema_name())});
    let patch = json!({"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.Patch"});
    let content: Map<String, Value> = types
        .iter()
        .map(|kind| {
            let schema = if *kind == "application/json" {
                &whole
            } else {
                &patch
            };
            ((*kind).to_owned(), json!({ "schema": schema }))
        })
        .collect();
    json!({"content": content, "required": true})
}
