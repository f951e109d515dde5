//! How answers look: whole objects, their metadata, tables; JSON or YAML.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::Call;
use super::errors::Failure;
use super::list::Page;
use super::query::Query;
use super::resource::Resource;
use super::store::Stored;
use super::table::{Columns, IncludeObject, table};
use crate::wire::{Request, Response};

/// The form a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The object.
    Json,
    /// The object, as YAML.
    Yaml,
    /// `PartialObjectMetadata`.
    Metadata,
    /// `Table`.
    Table(IncludeObject),
    /// `Table` without its columns: what a watch sends after the first.
    Rows(IncludeObject),
}

impl Form {
    /// The first form of `Accept` that there is.
    pub(super) fn of(request: &Request, query: &Query) -> Result<Self, Failure> {
        let accept = request.header("Accept").unwrap_or_default();
        if accept.is_empty() || accept == "application/json" {
            return Ok(Self::Json);
        }
        let mut has_protobuf = false;
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default();
            let kind = parts.find_map(|part| part.strip_prefix("as="));
            match (media, kind) {
                ("application/json", Some("Table")) => {
                    let include = IncludeObject::of(query.text("includeObject"));
                    return include.map(Self::Table).map_err(Failure::bad_request);
                }
                (
                    "application/json",
                    Some("PartialObjectMetadata" | "PartialObjectMetadataList"),
                ) => return Ok(Self::Metadata),
                ("application/json" | "*/*" | "application/*", None) => return Ok(Self::Json),
                ("application/yaml", None) => return Ok(Self::Yaml),
                ("application/vnd.kubernetes.protobuf", _) => has_protobuf = true,
                _ => {}
            }
        }
        // Not spoken here; whoever asks for nothing else is better served with JSON.
        if has_protobuf {
            Ok(Self::Json)
        } else {
            Err(Failure::not_acceptable())
        }
    }
}

pub(super) fn render_one(call: &Call<'_>, object: &Stored, code: u16) -> Response {
    warned(call, one(call, object, code))
}

fn one(call: &Call<'_>, object: &Stored, code: u16) -> Response {
    let body = rendered(
        &call.resource,
        &call.route.version,
        call.form,
        object,
        call.now,
    );
    finish(call.form, code, body.into_owned())
}

/// An object as text in the form that is asked for.
pub(super) fn rendered<'a>(
    resource: &Resource,
    version: &str,
    form: Form,
    object: &'a Stored,
    now: Timestamp,
) -> Cow<'a, str> {
    let is_own = *object.api_version == *resource.api_version(version);
    if is_own && matches!(form, Form::Json | Form::Yaml) {
        return Cow::Borrowed(&object.json);
    }
    let mut value = object.value();
    if !is_own {
        super::read::from_storage(resource, version, &mut value);
    }
    let value = match form {
        Form::Json | Form::Yaml => value,
        Form::Metadata => partial(&value, true),
        Form::Table(include) | Form::Rows(include) => {
            let columns = columns(resource, version);
            let mut table = table(&columns, &[&value], include, now);
            table["metadata"]["resourceVersion"] = object.version.to_string().into();
            if matches!(form, Form::Rows(_)) {
                table["columnDefinitions"] = Value::Null;
            }
            table
        }
    };
    Cow::Owned(value.to_string())
}

pub(super) fn render_list(call: &Call<'_>, page: &Page) -> Response {
    warned(call, whole_list(call, page))
}

fn whole_list(call: &Call<'_>, page: &Page) -> Response {
    let (resource, version) = (&call.resource, &call.route.version);
    let mut metadata = json!({"resourceVersion": page.version.to_string()});
    if let Some(next) = &page.next {
        metadata["continue"] = next.clone().into();
    } else if resource.is_custom() && matches!(call.form, Form::Json | Form::Yaml) {
        metadata["continue"] = "".into();
    }
    if let Some(remaining) = page.remaining {
        metadata["remainingItemCount"] = remaining.into();
    }
    let api_version = resource.api_version(version);
    let (kind, api_version) = match call.form {
        Form::Table(include) | Form::Rows(include) => {
            let mut body = table_of(call, page, include);
            body["metadata"] = metadata;
            return Response::json(200, &body);
        }
        Form::Metadata => ("PartialObjectMetadataList", "meta.k8s.io/v1"),
        _ => (resource.list_kind.as_str(), api_version.as_str()),
    };
    let size: usize = page
        .objects
        .iter()
        .map(|object| object.json.len() + 1)
        .sum();
    let mut body = String::with_capacity(size + 200);
    let head = format!(
        "{{\"kind\":{},\"apiVersion\":{},\"metadata\":{metadata},\"items\":[",
        Value::from(kind),
        Value::from(api_version)
    );
    body.push_str(&head);
    for (at, object) in page.objects.iter().enumerate() {
        if at > 0 {
            body.push(',');
        }
        push_item(call, object, &mut body);
    }
    body.push_str("]}");
    finish(call.form, 200, body)
}

fn push_item(call: &Call<'_>, object: &Stored, body: &mut String) {
    let (resource, version) = (&call.resource, &call.route.version);
    let is_own = *object.api_version == *resource.api_version(version);
    if is_own && !resource.is_custom() && matches!(call.form, Form::Json | Form::Yaml) {
        // Items of lists of built-in kinds do not say what they are.
        body.push('{');
        body.push_str(object.without_kind());
        return;
    }
    let text = rendered(resource, version, call.form, object, call.now);
    if resource.is_custom() || !matches!(call.form, Form::Json | Form::Yaml) {
        body.push_str(&text);
        return;
    }
    let mut value: Value = serde_json::from_str(&text).unwrap_or_default();
    if let Some(map) = value.as_object_mut() {
        map.remove("kind");
        map.remove("apiVersion");
    }
    body.push_str(&value.to_string());
}

fn table_of(call: &Call<'_>, page: &Page, include: IncludeObject) -> Value {
    let (resource, version) = (&call.resource, &call.route.version);
    let values: Vec<Value> = page
        .objects
        .iter()
        .map(|object| {
            let mut value = object.value();
            if *object.api_version != *resource.api_version(version) {
                super::read::from_storage(resource, version, &mut value);
            }
            value
        })
        .collect();
    let references: Vec<&Value> = values.iter().collect();
    table(&columns(resource, version), &references, include, call.now)
}

fn columns(resource: &Resource, version: &str) -> Columns {
    let definition = resource.definition.as_ref();
    match definition.and_then(|definition| definition.version(version)) {
        Some(version) if !version.columns.is_empty() => Columns::Custom(version.columns.clone()),
        Some(_) => Columns::Default,
        None => Columns::builtin(&resource.group, &resource.kind),
    }
}

/// Says that a version is deprecated, if it is.
fn warned(call: &Call<'_>, mut response: Response) -> Response {
    let definition = call.resource.definition.as_ref();
    let version = definition.and_then(|definition| definition.version(&call.route.version));
    if let Some(text) = version.and_then(|version| version.deprecation.as_deref()) {
        let quoted = format!("299 - {}", Value::from(text));
        response.headers.push(("Warning", quoted));
    }
    response
}

/// The metadata of an object alone.
fn partial(object: &Value, has_kind: bool) -> Value {
    let mut partial = json!({"metadata": object["metadata"]});
    if has_kind {
        partial["kind"] = "PartialObjectMetadata".into();
        partial["apiVersion"] = "meta.k8s.io/v1".into();
    }
    partial
}

fn finish(form: Form, code: u16, body: String) -> Response {
    if form != Form::Yaml {
        return Response::new(code, "application/json", body);
    }
    let value: Value = serde_json::from_str(&body).unwrap_or_default();
    match serde_saphyr::to_string(&value) {
        Ok(yaml) => Response::new(code, "application/yaml", yaml),
        Err(_) => Response::new(code, "application/json", body),
    }
}
