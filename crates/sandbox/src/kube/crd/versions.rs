//! The versions of a definition: schema, subresources, columns and fields to select by.

use serde_json::Value;

use super::super::schema::{Cause, Schema};
use super::super::table::Column;
use super::check::label;
use super::{Scale, Version};

/// What is wrong goes to `causes`; the versions are whole only if nothing does.
pub(super) fn of(crd: &Value, causes: &mut Vec<Cause>) -> Vec<Version> {
    let versions = crd["spec"]["versions"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let mut compiled = Vec::new();
    for (index, version) in versions.iter().enumerate() {
        let places = Places { versions, index };
        compiled.extend(one(crd, version, &places, causes));
    }
    compiled
}

/// Where something stands. What all versions have alike is named once, for all of them.
struct Places<'a> {
    versions: &'a [Value],
    index: usize,
}

impl Places<'_> {
    fn of(&self, key: &str, common: &str) -> Option<String> {
        let alike = self
            .versions
            .iter()
            .all(|version| version[key] == self.versions[0][key]);
        match (alike, self.index) {
            (true, 0) => Some(format!("spec.{common}")),
            (true, _) => None,
            (false, index) => Some(format!("spec.versions[{index}].{key}")),
        }
    }
}

fn one(
    crd: &Value,
    version: &Value,
    places: &Places<'_>,
    causes: &mut Vec<Cause>,
) -> Option<Version> {
    let at = |key: &str| format!("spec.versions[{}].{key}", places.index);
    let name = version["name"].as_str().unwrap_or_default();
    label(&at("name"), name, causes);
    if places.index == 0 {
        label("spec.version", name, causes);
    }
    let deprecated = version["deprecated"] == true;
    if let Some(warning) = version["deprecationWarning"]
        .as_str()
        .filter(|_| !deprecated)
    {
        let detail = "can only be set for deprecated versions";
        causes.push(Cause::invalid(
            &at("deprecationWarning"),
            &warning.into(),
            detail,
        ));
    }
    if let Some(place) = places.of("additionalPrinterColumns", "additionalPrinterColumns") {
        columns(&version["additionalPrinterColumns"], &place, causes);
    }
    if let Some(place) = places.of("subresources", "subresources") {
        scale(&version["subresources"]["scale"], &place, causes);
    }
    let source = &version["schema"]["openAPIV3Schema"];
    if source.is_null() {
        causes.push(Cause::required(&at("schema.openAPIV3Schema"), ""));
        return None;
    }
    if let Some(place) = places.of("selectableFields", "selectableFields") {
        selectable(&version["selectableFields"], source, &place, causes);
    }
    let place = places.of("schema", "validation").map_or_else(
        || String::from("spec.validation.openAPIV3Schema"),
        |place| format!("{place}.openAPIV3Schema"),
    );
    let schema = match Schema::compile_at(source, &place) {
        Ok(schema) => schema,
        Err(found) => {
            let first = places.of("schema", "validation").is_some();
            causes.extend(found.into_iter().filter(|_| first));
            return None;
        }
    };
    Some(Version {
        name: name.to_owned(),
        served: version["served"] == true,
        storage: version["storage"] == true,
        deprecation: deprecated.then(|| deprecation(crd, version)),
        schema,
        source: source.clone(),
        status: version["subresources"]["status"].is_object(),
        scale: scale_of(&version["subresources"]["scale"]),
        columns: columns_of(version),
        selectable_fields: paths(&version["selectableFields"]),
    })
}

fn deprecation(crd: &Value, version: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    version["deprecationWarning"].as_str().map_or_else(
        || {
            let (group, name) = (text(&crd["spec"]["group"]), text(&version["name"]));
            format!(
                "{group}/{name} {} is deprecated",
                text(&crd["spec"]["names"]["kind"])
            )
        },
        ToOwned::to_owned,
    )
}

fn columns(list: &Value, place: &str, causes: &mut Vec<Cause>) {
    const KINDS: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
    const FORMATS: [&str; 8] = [
        "byte",
        "date",
        "date-time",
        "double",
        "float",
        "int32",
        "int64",
        "password",
    ];
    for (index, column) in list.as_array().into_iter().flatten().enumerate() {
        let at = |key: &str| format!("{place}[{index}].{key}");
        let text = |key: &str| column[key].as_str().unwrap_or_default();
        if text("name").is_empty() {
            causes.push(Cause::required(&at("name"), ""));
        }
        if text("type").is_empty() {
            let detail = format!("must be one of {}", KINDS.join(","));
            causes.push(Cause::required(&at("type"), &detail));
        }
        for (key, known) in [("type", KINDS.as_slice()), ("format", &FORMATS)] {
            if !text(key).is_empty() && !known.contains(&text(key)) {
                let detail = format!("must be one of {}", known.join(","));
                causes.push(Cause::invalid(&at(key), &text(key).into(), &detail));
            }
        }
        match text("jsonPath") {
            "" => causes.push(Cause::required(&at("JSONPath"), "")),
            path => simple_path(path, &at("JSONPath"), causes),
        }
    }
}

fn simple_path(path: &str, field: &str, causes: &mut Vec<Cause>) {
    if !path.starts_with('.') {
        let detail = "must be a simple json path starting with .";
        causes.push(Cause::invalid(field, &path.into(), detail));
    }
}

fn scale(scale: &Value, place: &str, causes: &mut Vec<Cause>) {
    if !scale.is_object() {
        return;
    }
    for (key, below) in [
        ("specReplicasPath", ".spec"),
        ("statusReplicasPath", ".status"),
    ] {
        let field = format!("{place}.scale.{key}");
        match scale[key].as_str().unwrap_or_default() {
            "" => causes.push(Cause::required(&field, "")),
            path if path.starts_with('.') && !path.starts_with(&format!("{below}.")) => {
                let detail = format!("should be a json path under {below}");
                causes.push(Cause::invalid(&field, &path.into(), &detail));
            }
            path => simple_path(path, &field, causes),
        }
    }
}

fn selectable(list: &Value, schema: &Value, place: &str, causes: &mut Vec<Cause>) {
    let mut seen: Vec<String> = Vec::new();
    for (index, path) in paths(list).into_iter().enumerate() {
        let field = format!("{place}[{index}].jsonPath");
        let value = Value::from(path.as_str());
        let target = path.strip_prefix('.').and_then(|path| {
            path.split('.')
                .try_fold(schema, |at, key| at["properties"].get(key))
        });
        let kind = target.and_then(|target| target["type"].as_str());
        if path.is_empty() {
            causes.push(Cause::required(&field, "must not be empty"));
        } else if target.is_none() || path.starts_with(".metadata") {
            let detail = "is an invalid path: does not refer to a valid field";
            causes.push(Cause::invalid(&field, &value, detail));
        } else if !matches!(kind, Some("string" | "boolean" | "integer")) {
            let detail = "must point to a field of type string, boolean or integer. Enum string fields \
                          and strings with formats are allowed.";
            causes.push(Cause::invalid(&field, &value, detail));
        }
        if seen.contains(&path) {
            causes.push(Cause::duplicate(&field, &value));
        }
        seen.push(path);
    }
}

fn paths(list: &Value) -> Vec<String> {
    let path = |field: &Value| field["jsonPath"].as_str().unwrap_or_default().to_owned();
    list.as_array().into_iter().flatten().map(path).collect()
}

fn scale_of(scale: &Value) -> Option<Scale> {
    Some(Scale {
        spec_replicas: scale["specReplicasPath"].as_str()?.to_owned(),
        status_replicas: scale["statusReplicasPath"].as_str()?.to_owned(),
        label_selector: scale["labelSelectorPath"].as_str().map(ToOwned::to_owned),
    })
}

fn columns_of(version: &Value) -> Vec<Column> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let column = |column: &Value| Column {
        name: text(&column["name"]),
        kind: text(&column["type"]),
        format: text(&column["format"]),
        description: text(&column["description"]),
        priority: column["priority"].as_i64().unwrap_or_default(),
        json_path: text(&column["jsonPath"]),
    };
    let columns = version["additionalPrinterColumns"].as_array();
    columns.into_iter().flatten().map(column).collect()
}
