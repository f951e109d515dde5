//! What an update may change, and what it may not.

use serde_json::Value;

use super::answer::Call;
use super::errors::Failure;
use super::meta;
use super::resource::Resource;
use super::schema::Cause;
use super::store::Stored;

/// Checks the name and namespace of an object against the path, and fills in the latter.
pub(super) fn place(object: &mut Value, call: &Call<'_>) -> Result<(), Failure> {
    let route = &call.route;
    let meta = meta::of(object);
    let text = |key: &str| meta.get(key).and_then(Value::as_str).unwrap_or_default();
    if call.resource.is_namespaced {
        let namespace = text("namespace");
        if !namespace.is_empty() && namespace != route.namespace {
            return Err(Failure::bad_request(
                "the namespace of the provided object does not match the namespace sent on the \
                 request",
            ));
        }
    }
    let name = text("name").to_owned();
    if !route.name.is_empty() && name.is_empty() {
        let wanted = &route.name;
        return Err(Failure::bad_request(format!(
            "the name of the object ({wanted} based on URL) was undeterminable: name must be \
             provided"
        )));
    }
    if !route.name.is_empty() && name != route.name {
        let wanted = &route.name;
        return Err(Failure::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({wanted})"
        )));
    }
    if call.resource.is_namespaced {
        meta.insert("namespace".to_owned(), route.namespace.clone().into());
    } else {
        meta.remove("namespace");
    }
    Ok(())
}

/// The version an update says it is based on.
pub(super) fn write_version(object: &Value) -> Option<&str> {
    object["metadata"]["resourceVersion"]
        .as_str()
        .filter(|text| !matches!(*text, "" | "0"))
}

pub(super) fn check_preconditions(
    resource: &Resource,
    old: &Stored,
    object: &Value,
) -> Result<(), Failure> {
    let about = resource.about(&old.name);
    if let Some(version) = write_version(object) {
        let version: u64 = version
            .parse()
            .map_err(|_| Failure::internal(super::query::go_number_error("ParseUint", version)))?;
        if version != old.version {
            return Err(Failure::modified(&about));
        }
    }
    Ok(())
}

/// A whole object that is put in the place of another one.
pub(super) fn check_uid(resource: &Resource, old: &Stored, object: &Value) -> Result<(), Failure> {
    let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
    if uid.is_empty() || *uid == *old.uid {
        return Ok(());
    }
    Err(super::delete::uid_mismatch(resource, old, uid))
}

/// Puts back what cannot be changed, and says what somebody tried to change.
pub(super) fn keep_identity(before: &Value, object: &mut Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let old = &before["metadata"];
    let meta = meta::of(object);
    for key in [
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "generateName",
        "selfLink",
    ] {
        if key == "generateName" && meta.contains_key(key) {
            continue;
        }
        let given = meta.get(key).cloned().unwrap_or_default();
        if key == "uid" && !given.is_null() && Some(&given) != old.get(key) {
            causes.push(Cause::invalid("metadata.uid", &given, "field is immutable"));
        }
        match old.get(key) {
            Some(value) => {
                meta.insert(key.to_owned(), value.clone());
            }
            None => {
                meta.remove(key);
            }
        }
    }
    for key in ["name", "namespace"] {
        let (was, is) = (old.get(key), meta.get(key));
        if was != is {
            let value = is.cloned().unwrap_or_default();
            let why = "field is immutable";
            causes.push(Cause::invalid(&format!("metadata.{key}"), &value, why));
        }
    }
    causes
}

/// The status is written at its own endpoint, everything else at the main one.
pub(super) fn keep_other_half(call: &Call<'_>, before: &Value, object: &mut Value) {
    if !call.resource.status_in(&call.route.version) {
        return;
    }
    let Some(map) = object.as_object_mut() else {
        return;
    };
    if !call.is_status() {
        match before.get("status") {
            Some(status) if call.route.subresource.is_empty() => {
                map.insert("status".to_owned(), status.clone());
            }
            None => {
                map.remove("status");
            }
            Some(_) => {}
        }
        return;
    }
    let status = map.remove("status");
    let new_meta = map.remove("metadata").unwrap_or_default();
    let mut whole = before.clone();
    if let Some(whole) = whole.as_object_mut() {
        match status {
            Some(status) => whole.insert("status".to_owned(), status),
            None => whole.remove("status"),
        };
        // Custom resources keep their metadata, built-in kinds take labels and the like along.
        let is_custom = call.resource.is_custom();
        if let Some(Value::Object(meta)) = whole.get_mut("metadata") {
            for key in ["managedFields", "resourceVersion"] {
                match new_meta.get(key) {
                    Some(value) => meta.insert(key.to_owned(), value.clone()),
                    None => meta.remove(key),
                };
            }
            for key in ["labels", "annotations", "finalizers", "ownerReferences"] {
                match new_meta.get(key) {
                    _ if is_custom => {}
                    Some(value) => {
                        meta.insert(key.to_owned(), value.clone());
                    }
                    None => {
                        meta.remove(key);
                    }
                }
            }
        }
    }
    *object = whole;
}

pub(super) fn new_finalizers(before: &Value, object: &Value) -> Option<Cause> {
    before["metadata"]["deletionTimestamp"].as_str()?;
    let old = meta::finalizers(before);
    let new: Vec<&str> = meta::finalizers(object)
        .into_iter()
        .filter(|name| !old.contains(name))
        .collect();
    if new.is_empty() {
        return None;
    }
    let why = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers \
         []string{{{}}}",
        new.iter()
            .map(|name| format!("\"{name}\""))
            .collect::<Vec<_>>()
            .join(", ")
    );
    Some(Cause::forbidden("metadata.finalizers", &why))
}

/// Counts a change of what is neither metadata nor, if that is apart, status.
pub(super) fn count_generation(call: &Call<'_>, before: &Value, object: &mut Value) {
    if !call.resource.has_generation {
        return;
    }
    let has_status = call.resource.status_in(&call.route.version);
    let counts = |key: &str| {
        let is_other = key == "status" && has_status;
        !is_other && !matches!(key, "metadata" | "apiVersion" | "kind")
    };
    let fields = |value: &Value| -> Vec<(String, Value)> {
        let map = value.as_object().into_iter().flatten();
        map.filter(|(key, _)| counts(key))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    };
    if fields(before) != fields(object) {
        let generation = before["metadata"]["generation"]
            .as_i64()
            .unwrap_or_default()
            + 1;
        meta::of(object).insert("generation".to_owned(), generation.into());
    }
}

pub(super) fn is_reset(list: &[Value]) -> bool {
    list.is_empty()
        || matches!(list, [only] if only.as_object().is_some_and(serde_json::Map::is_empty))
}

/// Whether nothing changed but when somebody is said to have written.
pub(super) fn is_same(before: &Value, object: &Value) -> bool {
    if before == object {
        return true;
    }
    let strip = |value: &Value| {
        let mut value = value.clone();
        let entries = value["metadata"]["managedFields"].as_array_mut();
        for entry in entries.into_iter().flatten() {
            if let Some(entry) = entry.as_object_mut() {
                entry.remove("time");
            }
        }
        value
    };
    strip(before) == strip(object)
}
