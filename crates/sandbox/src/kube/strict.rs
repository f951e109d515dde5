//! What a body may hold: its kind, the fields there are, and their types.

use serde_json::Value;

use super::errors::{About, Failure};
use super::query::FieldValidation;
use super::resource::{Resource, Resources};
use super::schema::{Cause, OBJECT_META};
use super::write::Write;

/// Checks what kind of object a body says it is.
pub(super) fn check_kind(
    resources: &Resources,
    resource: &Resource,
    version: &str,
    object: &Value,
    text: &[u8],
) -> Result<(), Failure> {
    let given = |key: &str| object[key].as_str().unwrap_or_default();
    let (kind, api_version) = (given("kind"), given("apiVersion"));
    let wanted = resource.api_version(version);
    if resource.is_custom() {
        if kind.is_empty() {
            let shown = String::from_utf8_lossy(text);
            return Err(Failure::bad_request(format!(
                "the object provided is unrecognized (must be of type {}): Object 'Kind' is \
                 missing in '{shown}' ({shown})",
                resource.kind
            )));
        }
        if api_version != wanted {
            return Err(Failure::bad_request(format!(
                "the API version in the data ({api_version}) does not match the expected API \
                 version ({wanted})"
            )));
        }
        if kind != resource.kind {
            let cause = Cause::refused("kind", kind, &format!("must be {}", resource.kind));
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            let about = About {
                group: &resource.group,
                kind,
                name,
            };
            return Err(Failure::invalid(&about, &[cause]));
        }
        return Ok(());
    }
    let kind = if kind.is_empty() {
        &resource.kind
    } else {
        kind
    };
    let api_version = if api_version.is_empty() {
        &wanted
    } else {
        api_version
    };
    if *kind == resource.kind && *api_version == wanted {
        return Ok(());
    }
    let (group, given) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let is_known = resources
        .of_kind(group, kind)
        .is_some_and(|known| known.versions.iter().any(|version| version == given));
    let own = &resource.kind;
    let why = if is_known && kind != own {
        let internal = match resource.group.split('.').next() {
            None | Some("") => "core",
            Some(short) => short,
        };
        format!("converting ({given}.{kind}) to ({internal}.{own}): unknown conversion")
    } else {
        format!(
            "no kind \"{kind}\" is registered for version \"{api_version}\" in scheme \
             \"pkg/runtime/scheme.go:111\""
        )
    };
    Err(Failure::bad_request(format!(
        "{kind} in version \"{given}\" cannot be handled as a {own}: {why}"
    )))
}

/// What a Go field of a type says about another type.
fn mismatch(value: &Value, wanted: &str, place: &str) -> String {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    format!("json: cannot unmarshal {found} into Go struct field {place} of type {wanted}")
}

/// Checks the types of metadata, and of the data of the kinds that hold data.
pub(super) fn check_types(
    resource: &Resource,
    version: &str,
    object: &Value,
) -> Result<(), Failure> {
    let kind = &resource.kind;
    let wrong = metadata_mismatch(object, resource)
        .or_else(|| data_mismatch(resource, object))
        .or_else(|| micro_time_mismatch(resource, object));
    let Some(wrong) = wrong else {
        return Ok(());
    };
    Err(Failure::bad_request(format!(
        "{kind} in version \"{version}\" cannot be handled as a {kind}: {wrong}"
    )))
}

fn metadata_mismatch(object: &Value, resource: &Resource) -> Option<String> {
    // Metadata of custom resources is read on its own, without the object around it.
    let prefix = if resource.is_custom() {
        "ObjectMeta"
    } else {
        "ObjectMeta.metadata"
    };
    let meta = object.get("metadata")?;
    if !meta.is_object() && !meta.is_null() {
        let wrong = mismatch(
            meta,
            "v1.ObjectMeta",
            &format!("{}.metadata", resource.kind),
        );
        let alone = format!("struct field {}.metadata", resource.kind);
        return Some(if resource.is_custom() {
            wrong.replace(&alone, "value")
        } else {
            wrong
        });
    }
    for key in ["labels", "annotations"] {
        let place = format!("{prefix}.{key}");
        if let Some(wrong) = map_mismatch(&meta[key], &place) {
            return Some(wrong);
        }
    }
    for key in [
        "name",
        "namespace",
        "generateName",
        "uid",
        "resourceVersion",
    ] {
        let value = &meta[key];
        if !value.is_string() && !value.is_null() {
            let wanted = if key == "uid" { "types.UID" } else { "string" };
            return Some(mismatch(value, wanted, &format!("{prefix}.{key}")));
        }
    }
    for (key, wanted) in [
        ("finalizers", "[]string"),
        ("ownerReferences", "[]v1.OwnerReference"),
    ] {
        let place = format!("{prefix}.{key}");
        let value = &meta[key];
        if !value.is_array() && !value.is_null() {
            return Some(mismatch(value, wanted, &place));
        }
        let fits = |item: &&Value| {
            if key == "finalizers" {
                item.is_string()
            } else {
                item.is_object()
            }
        };
        let item = value
            .as_array()
            .into_iter()
            .flatten()
            .find(|item| !fits(item));
        if let Some(item) = item {
            return Some(mismatch(item, &wanted[2..], &place));
        }
    }
    None
}

fn map_mismatch(map: &Value, place: &str) -> Option<String> {
    if !map.is_object() && !map.is_null() {
        return Some(mismatch(map, "map[string]string", place));
    }
    let mut values = map.as_object().into_iter().flatten();
    let value = values.find(|(_, value)| !value.is_string() && !value.is_null());
    value.map(|(_, value)| mismatch(value, "string", place))
}

fn data_mismatch(resource: &Resource, object: &Value) -> Option<String> {
    let kind = resource.kind.as_str();
    let maps: &[&str] = match (resource.group.as_str(), kind) {
        ("", "ConfigMap") => &["data", "binaryData"],
        ("", "Secret") => &["data", "stringData"],
        _ => &[],
    };
    let wrong = maps
        .iter()
        .find_map(|key| map_mismatch(&object[*key], &format!("{kind}.{key}")));
    wrong.or_else(|| {
        let text = &object["type"];
        let is_wrong = kind == "Secret" && resource.group.is_empty();
        (is_wrong && !text.is_string() && !text.is_null())
            .then(|| mismatch(text, "v1.SecretType", "Secret.type"))
    })
}

/// As Go writes a time with microseconds.
const LAYOUT: &str = "2006-01-02T15:04:05.000000Z07:00";

/// Times with microseconds have six digits after the second, no more and no less.
fn micro_time_mismatch(resource: &Resource, object: &Value) -> Option<String> {
    let places: &[&str] = match resource.kind.as_str() {
        _ if resource.is_custom() => &[],
        "Lease" => &["/spec/acquireTime", "/spec/renewTime"],
        "Event" => &["/eventTime", "/series/lastObservedTime"],
        _ => &[],
    };
    places.iter().find_map(|place| {
        let text = object.pointer(place)?.as_str()?;
        let rest = text.get(19..).unwrap_or_default();
        let digits = rest.strip_prefix('.').unwrap_or_default();
        let is_right = digits.len() > 6 && digits.bytes().take(6).all(|byte| byte.is_ascii_digit());
        let (at, wanted) = match digits.get(6..) {
            _ if text.parse::<jiff::Timestamp>().is_err() && rest.is_empty() => (text, "2006"),
            Some(zone) if is_right && zone.starts_with(|c: char| c.is_ascii_digit()) => {
                (zone, "Z07:00")
            }
            Some(_) if is_right => return None,
            _ => (rest, ".000000"),
        };
        Some(format!(
            "parsing time \"{text}\" as \"{LAYOUT}\": cannot parse \"{at}\" as \"{wanted}\""
        ))
    })
}

/// Checks a configuration of a built-in kind before it is applied, as the server's typed values
/// do. The words are those of another library than for whole objects.
pub(super) fn check_typed(
    resource: &Resource,
    version: &str,
    config: &Value,
) -> Result<(), Failure> {
    let mut pruned = config.clone();
    let unknown = prune(resource, version, &mut pruned);
    let unknown: Vec<String> = unknown
        .iter()
        .filter_map(|problem| problem.strip_prefix("unknown field \""))
        .map(|path| path.trim_end_matches('"').to_owned())
        .collect();
    let errors = match resource.schema(version).filter(|_| resource.is_custom()) {
        Some(schema) => super::apply::errors(config, schema, &unknown),
        None => unknown
            .iter()
            .map(|path| format!(".{path}: field not declared in schema"))
            .chain(mistyped(resource, config))
            .collect(),
    };
    let why = match &errors[..] {
        [] => return Ok(()),
        [only] => only.clone(),
        many => format!("errors:\n  {}", many.join("\n  ")),
    };
    let text = |key: &str| config["metadata"][key].as_str().unwrap_or_default();
    Err(Failure::internal(format!(
        "failed to create typed patch object ({}/{}; {}/{version}, Kind={}): {why}",
        text("namespace"),
        text("name"),
        resource.group,
        resource.kind
    )))
}

fn mistyped(resource: &Resource, config: &Value) -> Option<String> {
    let texts: &[&str] = match resource.kind.as_str() {
        "ConfigMap" => &["/data", "/metadata/labels", "/metadata/annotations"],
        "Secret" => &[
            "/data",
            "/stringData",
            "/metadata/labels",
            "/metadata/annotations",
        ],
        _ => &["/metadata/labels", "/metadata/annotations"],
    };
    texts.iter().find_map(|pointer| {
        let fields = config.pointer(pointer)?.as_object()?;
        let is_wrong = |value: &Value| !value.is_string() && !value.is_null();
        let (key, value) = fields.iter().find(|(_, value)| is_wrong(value))?;
        let place = pointer.replace('/', ".");
        Some(format!(
            "{place}.{key}: expected string, got &value.valueUnstructured{{Value:{value}}}"
        ))
    })
}

/// The fields at the top of the built-in kinds, beyond those every object has.
fn top(group: &str, kind: &str) -> &'static [&'static str] {
    match (group, kind) {
        ("", "ConfigMap") => &["data", "binaryData", "immutable"],
        ("", "Secret") => &["data", "stringData", "type", "immutable"],
        ("", "ServiceAccount") => &[
            "secrets",
            "imagePullSecrets",
            "automountServiceAccountToken",
        ],
        ("", "Event") => &[
            "involvedObject",
            "reason",
            "message",
            "source",
            "firstTimestamp",
            "lastTimestamp",
            "count",
            "type",
            "eventTime",
            "series",
            "action",
            "related",
            "reportingComponent",
            "reportingInstance",
        ],
        ("events.k8s.io", "Event") => &[
            "eventTime",
            "series",
            "reportingController",
            "reportingInstance",
            "action",
            "reason",
            "regarding",
            "related",
            "note",
            "type",
            "deprecatedSource",
            "deprecatedFirstTimestamp",
            "deprecatedLastTimestamp",
            "deprecatedCount",
        ],
        (_, "Role") => &["rules"],
        (_, "ClusterRole") => &["rules", "aggregationRule"],
        (_, "RoleBinding" | "ClusterRoleBinding") => &["subjects", "roleRef"],
        (_, "Lease") => &["spec"],
        _ => &["spec", "status"],
    }
}

/// Takes out what is not known and says what that was.
pub(super) fn prune(resource: &Resource, version: &str, object: &mut Value) -> Vec<String> {
    let unknown = |path: String| format!("unknown field \"{path}\"");
    let mut problems = Vec::new();
    if let Some(meta) = object["metadata"].as_object_mut() {
        meta.retain(|key, _| {
            let is_known = OBJECT_META.contains(&key.as_str());
            if !is_known {
                problems.push(unknown(format!("metadata.{key}")));
            }
            is_known
        });
    }
    if resource.is_custom() {
        if let Some(schema) = resource.schema(version) {
            problems.extend(schema.prune(object).into_iter().map(unknown));
        }
        return problems;
    }
    let known = top(&resource.group, &resource.kind);
    if let Some(map) = object.as_object_mut() {
        map.retain(|key, _| {
            let key = key.as_str();
            let is_known =
                matches!(key, "apiVersion" | "kind" | "metadata") || known.contains(&key);
            if !is_known {
                problems.push(unknown(key.to_owned()));
            }
            is_known
        });
    }
    problems
}

/// What is done about fields that are not known or stand there twice.
pub(super) fn judge(write: &mut Write<'_>, problems: Vec<String>) -> Result<(), Failure> {
    if problems.is_empty() {
        return Ok(());
    }
    match write.options.validation {
        FieldValidation::Ignore => {}
        FieldValidation::Warn => write.warnings.extend(problems),
        FieldValidation::Strict => {
            let kind = &write.call.resource.kind;
            let version = &write.call.route.version;
            let why = format!("strict decoding error: {}", problems.join(", "));
            let message =
                format!("{kind} in version \"{version}\" cannot be handled as a {kind}: {why}");
            return Err(Failure::bad_request(message));
        }
    }
    Ok(())
}
