//! Patches: JSON, merge, strategic merge, and apply.

use std::sync::Arc;

use serde_json::Value;

use super::Kube;
use super::answer::Call;
use super::apply::{Apply, Who};
use super::body::{self, Body};
use super::errors::{About, Failure};
use super::query::WriteOptions;
use super::schema::Cause;
use super::store::Stored;
use super::strategic;
use super::transition::place;
use super::write::Write;
use crate::wire::Response;

/// How many operations a JSON patch may have.
const MOST_OPERATIONS: usize = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Json,
    Merge,
    Strategic,
    Apply,
}

impl Kube {
    pub(super) fn patch(&mut self, call: &Call<'_>) -> Result<Response, Failure> {
        let kind = match body::media_type(call.request) {
            "application/json-patch+json" => Kind::Json,
            "application/merge-patch+json" => Kind::Merge,
            "application/strategic-merge-patch+json" if call.resource.is_custom() => {
                return Err(Failure::no_patch_of_custom());
            }
            "application/strategic-merge-patch+json" => Kind::Strategic,
            "application/apply-patch+yaml" => Kind::Apply,
            _ => return Err(Failure::unknown_patch()),
        };
        let is_apply = kind == Kind::Apply;
        let options = WriteOptions::of(&call.query, call.request, "PatchOptions", is_apply)?;
        let mut write = Write {
            call,
            options,
            warnings: Vec::new(),
            is_apply,
        };
        let old = self.find(call).cloned();
        if is_apply {
            return self.apply(&mut write, old.as_ref());
        }
        let old = old.ok_or_else(|| Failure::not_found(&call.resource.about(&call.route.name)))?;
        let mut before = old.value();
        super::read::from_storage(&call.resource, &call.route.version, &mut before);
        let patch = body::json(&call.request.body).map_err(|why| match kind {
            Kind::Strategic => Failure::bad_request(why),
            _ => body::patch_error(&why),
        })?;
        let patched = patched(kind, &before, &patch.value)?;
        let shown = match kind {
            Kind::Strategic => go_map(&patch.value),
            _ => patched.to_string(),
        };
        let body = Body {
            value: patched,
            duplicates: patch.duplicates,
        };
        let decoded = self.decode(&mut write, body);
        let mut object = decoded.map_err(|failure| on_patch(failure, &shown))?;
        place(&mut object, call)?;
        write.warn_of_finalizers(&object, Some(&before));
        let stored = self.update(&write, &old, object)?;
        Ok(super::write::show(&write, &stored, 200))
    }

    fn apply(
        &mut self,
        write: &mut Write<'_>,
        old: Option<&Arc<Stored>>,
    ) -> Result<Response, Failure> {
        let call = write.call;
        let (resource, route) = (&call.resource, &call.route);
        let body = body::yaml(&call.request.body)
            .map_err(|why| Failure::bad_request(format!("error decoding YAML: {why}")))?;
        if !body.value.is_object() && !body.value.is_null() {
            let found = go_kind(&body.value);
            return Err(Failure::bad_request(format!(
                "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot \
                 unmarshal {found} into Go value of type map[string]interface {{}}"
            )));
        }
        check_applied(call, &body.value)?;
        super::strict::check_typed(resource, &route.version, &body.value)?;
        let config = self.decode(write, body)?;
        if old.is_none() && call.is_status() {
            return Err(Failure::not_found(&resource.about(&route.name)));
        }
        let mut live = match old {
            Some(old) => {
                if config["metadata"]["resourceVersion"]
                    .as_str()
                    .is_some_and(|version| *version != old.version.to_string())
                {
                    return Err(Failure::modified(&resource.about(&route.name)));
                }
                old.value()
            }
            None => super::rules::blank(resource),
        };
        super::read::from_storage(resource, &route.version, &mut live);
        let apply = Apply {
            who: Who {
                is_update: false,
                ..write.who()
            },
            is_forced: write.options.is_forced,
            schema: resource.schema(&route.version),
            has_status: resource.status_in(&route.version),
            is_custom: resource.is_custom(),
            now: call.now,
        };
        let mut object = apply.to(&live, &config)?;
        place(&mut object, call)?;
        write.warn_of_finalizers(&object, Some(&live));
        let (stored, code) = match old {
            Some(old) => (self.update(write, old, object)?, 200),
            None => (self.insert(write, object)?, 201),
        };
        Ok(super::write::show(write, &stored, code))
    }
}

/// What must be in a configuration, and what must not.
fn check_applied(call: &Call<'_>, config: &Value) -> Result<(), Failure> {
    let text = |key: &str| config[key].as_str().unwrap_or_default();
    let (kind, api_version) = (text("kind"), text("apiVersion"));
    let wanted = call.resource.api_version(&call.route.version);
    if kind != call.resource.kind || api_version != wanted {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        return Err(Failure::bad_request(format!(
            "invalid object type: {group}/{version}, Kind={kind}"
        )));
    }
    if config["metadata"]
        .get("managedFields")
        .is_some_and(|list| !list.is_null())
    {
        return Err(Failure::bad_request("metadata.managedFields must be nil"));
    }
    Ok(())
}

fn patched(kind: Kind, before: &Value, patch: &Value) -> Result<Value, Failure> {
    let mut object = before.clone();
    match kind {
        Kind::Json => json_patch(&mut object, patch)?,
        Kind::Merge if patch.is_object() => json_patch::merge(&mut object, patch),
        Kind::Strategic if patch.is_object() => {
            strategic::merge(&mut object, patch)
                .map_err(|why| refuse_patch(&go_map(patch), &why))?;
        }
        _ => {
            if kind == Kind::Merge && patch.is_null() {
                return Err(Failure::bad_request("Invalid JSON Patch"));
            }
            let found = go_kind(patch);
            let why = format!(
                "json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"
            );
            return Err(match kind {
                Kind::Strategic => Failure::bad_request(why),
                _ => body::patch_error(&why),
            });
        }
    }
    Ok(object)
}

fn go_kind(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "array",
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Bool(_) => "bool",
        _ => "object",
    }
}

fn json_patch(object: &mut Value, patch: &Value) -> Result<(), Failure> {
    let Some(operations) = patch.as_array() else {
        let found = go_kind(patch);
        return Err(body::patch_error(&format!(
            "json: cannot unmarshal {found} into Go value of type []handlers.jsonPatchOp"
        )));
    };
    if operations.len() > MOST_OPERATIONS {
        return Err(Failure::new(
            413,
            "RequestEntityTooLarge",
            format!(
                "The allowed maximum operations in a JSON patch is {MOST_OPERATIONS}, got {}",
                operations.len()
            ),
        ));
    }
    for operation in operations {
        // What is missing is null to the server's library, and clients count on it: "there are
        // no finalizers" is tested that way.
        let is_null_test = operation["op"] == "test" && operation["value"].is_null();
        if !operation.is_object() {
            let found = go_kind(operation);
            return Err(body::patch_error(&format!(
                "json: cannot unmarshal {found} into Go value of type handlers.jsonPatchOp"
            )));
        }
        let place = operation["path"].as_str().unwrap_or_default();
        if is_null_test && object.pointer(place).is_none() {
            continue;
        }
        // To replace what is not there is to add it.
        let is_missing = object.pointer(place).is_none();
        let mut operation = operation.clone();
        if operation["op"] == "replace" && is_missing {
            operation["op"] = "add".into();
        }
        let operation = serde_json::from_value(operation);
        let operation = operation.map_err(|_| Failure::patch_rejected())?;
        json_patch::patch(object, &[operation]).map_err(|_| Failure::patch_rejected())?;
    }
    Ok(())
}

/// A patch that does not fit what it is for.
fn refuse_patch(patch: &str, why: &str) -> Failure {
    let cause = Cause::refused("patch", patch, why);
    Failure::invalid(
        &About {
            group: "",
            kind: "",
            name: "",
        },
        &[cause],
    )
}

/// A value as Go prints its maps.
fn go_map(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let fields: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{key}:{}", go_map(value)))
                .collect();
            format!("map[{}]", fields.join(" "))
        }
        Value::Array(list) => {
            let items: Vec<String> = list.iter().map(go_map).collect();
            format!("[{}]", items.join(" "))
        }
        Value::String(text) => text.clone(),
        Value::Null => "<nil>".to_owned(),
        other => other.to_string(),
    }
}

/// A patch that makes of the object what it cannot be is not valid, where a whole object like
/// that would be a bad request.
fn on_patch(failure: Failure, shown: &str) -> Failure {
    let why = failure.message.split_once(" cannot be handled as a ");
    let why = why
        .and_then(|(_, rest)| rest.split_once(": "))
        .map(|(_, why)| why);
    let strict = || {
        failure
            .message
            .starts_with("strict decoding")
            .then_some(&*failure.message)
    };
    let Some(why) = why.or_else(strict).filter(|_| failure.code == 400) else {
        return failure;
    };
    // A strategic patch is read into Go's structs, with another reader and its words.
    if shown.starts_with("map[")
        && why.starts_with("json: cannot unmarshal number")
        && why.ends_with("of type string")
    {
        return refuse_patch(shown, "cannot convert int64 to string");
    }
    refuse_patch(shown, why)
}
