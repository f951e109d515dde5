//! What clients ask before they write: the API as OpenAPI documents.
//!
//! kubectl looks for three things: the schemas of kinds (`explain`), whether a kind's patch takes
//! `fieldValidation` (`apply` asks the server to be strict only then), and how a kind is patched.

mod builtin;
mod paths;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use ring::digest::{SHA512, digest};
use serde_json::{Map, Value, json};

use self::builtin::{BUILTIN, Builtin};
use super::crd::{Definition, Version};

/// One kind as a document describes it.
struct Resource<'a> {
    group: &'a str,
    version: &'a str,
    kind: &'a str,
    plural: &'a str,
    namespaced: bool,
    status: bool,
    schema: Value,
}

/// `/openapi/v3`: where each group and version is described. A hash tells clients when to ask
/// again.
pub(crate) fn index(definitions: &[&Definition]) -> Value {
    let mut places: Vec<(&str, &str)> = BUILTIN
        .iter()
        .map(|kind| (kind.group, kind.version))
        .collect();
    for definition in definitions {
        let served = definition.versions.iter().filter(|version| version.served);
        places.extend(served.map(|version| (definition.group.as_str(), version.name.as_str())));
    }
    places.sort_unstable();
    places.dedup();
    let mut paths = Map::new();
    for (group, version) in places {
        let Some(document) = v3(group, version, definitions) else {
            continue;
        };
        let place = place(group, version);
        let hash = hash(&document);
        paths.insert(
            place.clone(),
            json!({"serverRelativeURL": format!("/openapi/v3/{place}?hash={hash}")}),
        );
    }
    json!({ "paths": paths })
}

/// `/openapi/v3/api/v1` (empty group) and `/openapi/v3/apis/GROUP/VERSION`.
pub(crate) fn v3(group: &str, version: &str, definitions: &[&Definition]) -> Option<Value> {
    let builtin = BUILTIN
        .iter()
        .filter(|kind| kind.group == group && kind.version == version);
    let mut resources: Vec<Resource<'_>> = builtin.map(Builtin::resource).collect();
    for definition in definitions
        .iter()
        .filter(|definition| definition.group == group)
    {
        if let Some(version) = definition.version(version).filter(|version| version.served) {
            resources.push(custom(definition, version));
        }
    }
    if resources.is_empty() {
        return None;
    }
    let mut paths = Map::new();
    let mut schemas = builtin::common();
    for resource in &resources {
        paths::add(resource, &mut paths);
        let name = resource.schema_name();
        schemas.insert(format!("{name}List"), resource.list());
        schemas.insert(name, resource.schema.clone());
    }
    Some(json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": paths,
        "components": {"schemas": schemas},
    }))
}

/// `/openapi/v2`, as JSON: enough for a client that only wants one. What asks for schemas finds
/// them in version 3.
pub(crate) fn v2(_definitions: &[&Definition]) -> Value {
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": {},
        "definitions": {},
    })
}

/// The same as protobuf, which is how kubectl asks for it when it meets a kind that version 3 has
/// not: `swagger`, and `info` with title and version.
pub(crate) const V2_PROTOBUF: &str =
    "\n\u{3}2.0\u{12}\u{19}\n\u{a}Kubernetes\u{12}\u{b}unversioned";

fn place(group: &str, version: &str) -> String {
    if group.is_empty() {
        return format!("api/{version}");
    }
    format!("apis/{group}/{version}")
}

fn hash(document: &Value) -> String {
    let hash = digest(&SHA512, document.to_string().as_bytes());
    hash.as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}

fn custom<'a>(definition: &'a Definition, version: &'a Version) -> Resource<'a> {
    let mut schema = version.source.clone();
    let about = [&definition.group, &version.name, &definition.kind].map(String::as_str);
    complete(&mut schema, about);
    Resource {
        group: &definition.group,
        version: &version.name,
        kind: &definition.kind,
        plural: &definition.plural,
        namespaced: definition.namespaced,
        status: version.status,
        schema,
    }
}

/// As Kubernetes describes it in every kind, and the next two.
const API_VERSION: &str = "APIVersion defines the versioned schema of this representation of an \
     object. Servers should convert recognized schemas to the latest internal value, and may \
     reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/\
     sig-architecture/api-conventions.md#resources";
const KIND: &str = "Kind is a string value representing the REST resource this object \
     represents. Servers may infer this from the endpoint the client submits requests to. Cannot \
     be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/\
     sig-architecture/api-conventions.md#types-kinds";
const METADATA: &str = "Standard object's metadata. More info: https://git.k8s.io/community/\
     contributors/devel/sig-architecture/api-conventions.md#metadata";

/// Adds what every object has.
fn complete(schema: &mut Value, [group, version, kind]: [&str; 3]) {
    if !schema["properties"].is_object() {
        schema["properties"] = json!({});
    }
    for (key, about) in [("apiVersion", API_VERSION), ("kind", KIND)] {
        schema["properties"][key] = json!({"type": "string", "description": about});
    }
    let mut metadata = builtin::reference("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");
    metadata["description"] = METADATA.into();
    schema["properties"]["metadata"] = metadata;
    schema["x-kubernetes-group-version-kind"] =
        json!([{"group": group, "kind": kind, "version": version}]);
}

impl Resource<'_> {
    /// `com.kubevault.engine.v1alpha1.AWSRole`, or `io.k8s.api.core.v1.Secret`.
    fn schema_name(&self) -> String {
        let mut parts: Vec<&str> = self
            .group
            .rsplit('.')
            .filter(|part| !part.is_empty())
            .collect();
        if BUILTIN.iter().any(|kind| kind.group == self.group) {
            let group = self
                .group
                .split('.')
                .next()
                .filter(|group| !group.is_empty());
            parts = vec!["io", "k8s", "api", group.unwrap_or("core")];
        }
        parts.extend([self.version, self.kind]);
        parts.join(".")
    }

    fn list(&self) -> Value {
        let items = json!({"$ref": format!("#/components/schemas/{}", self.schema_name())});
        let about = json!([{"group": self.group, "kind": format!("{}List", self.kind),
            "version": self.version}]);
        json!({
            "type": "object",
            "required": ["items"],
            "properties": {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": builtin::reference("io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"),
                "items": {"type": "array", "items": items},
            },
            "x-kubernetes-group-version-kind": about,
        })
    }
}
