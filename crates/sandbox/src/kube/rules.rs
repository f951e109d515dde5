//! What the built-in kinds ask of their objects, and what they fill in.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::errors::Failure;
use super::meta;
use super::names;
use super::resource::Resource;
use super::schema::Cause;
use super::write::Write;

/// How many bytes the data of a Secret or ConfigMap may have.
const MOST_DATA: u64 = 1024 * 1024;

const RBAC: &str = "rbac.authorization.k8s.io";

/// The fields that an object of a built-in kind has before anybody has written any.
pub(super) fn blank(resource: &Resource) -> Value {
    let mut blank = json!({"apiVersion": "", "kind": resource.kind, "metadata": {}});
    let is_plain = matches!(
        resource.kind.as_str(),
        "ConfigMap" | "Secret" | "ServiceAccount" | "Role" | "ClusterRole"
    );
    if resource.is_custom() || is_plain {
        if is_plain && resource.kind.ends_with("Role") {
            blank["rules"] = Value::Null;
        }
        return blank;
    }
    match resource.kind.as_str() {
        "RoleBinding" | "ClusterRoleBinding" => blank["roleRef"] = json!({}),
        "Event" => {
            for key in ["involvedObject", "source", "regarding", "deprecatedSource"] {
                blank[key] = json!({});
            }
            for key in [
                "eventTime",
                "firstTimestamp",
                "lastTimestamp",
                "deprecatedFirstTimestamp",
                "deprecatedLastTimestamp",
            ] {
                blank[key] = Value::Null;
            }
            for key in ["reportingComponent", "reportingInstance"] {
                blank[key] = "".into();
            }
        }
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" => {
            blank["spec"] = json!({"template": {"metadata": {}, "spec": {"containers": null}}, "strategy": {},
                "updateStrategy": {}});
            blank["status"] = json!({});
        }
        "CustomResourceDefinition" => {
            blank["spec"] = json!({"names": {}});
            blank["status"] = json!({"acceptedNames": {}});
        }
        "Lease" => blank["spec"] = json!({}),
        "Namespace" => blank["spec"] = json!({"finalizers": ["kubernetes"]}),
        _ => {
            blank["spec"] = json!({});
            blank["status"] = json!({});
        }
    }
    blank
}

/// Kinds of which an update makes an object if there is none.
pub(super) fn may_create_by_update(resource: &Resource) -> bool {
    matches!(resource.kind.as_str(), "Lease" | "Event") && !resource.is_custom()
}

/// Fills in what a built-in kind has by default.
pub(super) fn prepare(
    write: &Write<'_>,
    object: &mut Value,
    old: Option<&Value>,
    version: u64,
) -> Result<(), Failure> {
    let resource = write.resource();
    meta::tidy(object);
    if resource.is_custom() {
        return Ok(());
    }
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Secret") => prepare_secret(object, &write.call.route.version)?,
        ("", "ConfigMap") => drop_empty(object, &["data", "binaryData"]),
        ("", "Namespace") => prepare_namespace(object, write.call, old),
        ("", "Pod") => {
            if old.is_none() {
                *meta::field(object, "status") =
                    json!({"phase": "Pending", "qosClass": "BestEffort"});
            }
            super::workloads::pod_defaults(meta::field(object, "spec"));
        }
        ("apps", kind) => super::workloads::defaults(kind, object),
        (_, "Event") => super::events::prepare(object),
        ("", "Service") => prepare_service(object, version),
        ("", "ResourceQuota") => super::quota::prepare(object, &write.call.route.version)?,
        (RBAC, "RoleBinding" | "ClusterRoleBinding") => super::grants::prepare_binding(object),
        (RBAC, "Role" | "ClusterRole") => {
            if let Some(map) = object.as_object_mut() {
                map.entry("rules").or_insert(Value::Null);
            }
        }
        ("apiextensions.k8s.io", _) => super::custom::prepare(object, old, write.call),
        _ => {}
    }
    Ok(())
}

/// What a built-in kind refuses.
pub(super) fn check(write: &Write<'_>, object: &Value, old: Option<&Value>) -> Vec<Cause> {
    let resource = write.resource();
    match (resource.group.as_str(), resource.kind.as_str()) {
        _ if resource.is_custom() => Vec::new(),
        ("", "Secret") => check_secret(object, old),
        ("", "ConfigMap") => check_config_map(object, old),
        ("", "ResourceQuota") => super::quota::check(object),
        (RBAC, "Role" | "ClusterRole") => {
            super::grants::check_role(object, resource.kind == "ClusterRole")
        }
        (RBAC, _) => super::grants::check_binding(object, old),
        ("coordination.k8s.io", "Lease") => check_lease(object),
        (_, "Event") => super::events::check(object),
        ("apiextensions.k8s.io", _) => super::custom::check(object, old),
        _ => Vec::new(),
    }
}

fn drop_empty(object: &mut Value, keys: &[&str]) {
    if let Some(map) = object.as_object_mut() {
        let is_empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
        map.retain(|key, value| !(keys.contains(&key.as_str()) && is_empty(value)));
    }
}

fn prepare_secret(secret: &mut Value, version: &str) -> Result<(), Failure> {
    let given = secret
        .as_object_mut()
        .and_then(|map| map.remove("stringData"));
    if let Some(Value::Object(texts)) = given {
        let data = meta::field(secret, "data");
        for (key, text) in &texts {
            let text = text.as_str().unwrap_or_default();
            *meta::field(data, key) = BASE64_STANDARD.encode(text).into();
        }
    }
    for value in secret["data"].as_object().into_iter().flat_map(Map::values) {
        let text = value.as_str().unwrap_or_default();
        if let Err(at) = check_base64(text) {
            return Err(Failure::bad_request(format!(
                "Secret in version \"{version}\" cannot be handled as a Secret: illegal base64 \
                 data at input byte {at}"
            )));
        }
    }
    drop_empty(secret, &["data"]);
    let kind = meta::field(secret, "type");
    if kind.as_str().is_none_or(str::is_empty) {
        *kind = "Opaque".into();
    }
    Ok(())
}

/// Checks base64 as Go does; the error is where it first goes wrong.
fn check_base64(text: &str) -> Result<(), usize> {
    // Go skips line ends.
    let text: Vec<u8> = text
        .bytes()
        .filter(|byte| !b"\r\n".contains(byte))
        .collect();
    match BASE64_STANDARD.decode(&text) {
        Ok(_) => Ok(()),
        Err(
            base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _),
        ) => Err(at),
        Err(base64::DecodeError::InvalidLength(_) | base64::DecodeError::InvalidPadding) => {
            Err(text.len() / 4 * 4)
        }
    }
}

fn prepare_namespace(namespace: &mut Value, call: &super::answer::Call<'_>, old: Option<&Value>) {
    let name = namespace["metadata"]["name"].clone();
    let labels = meta::field(meta::field(namespace, "metadata"), "labels");
    *meta::field(labels, "kubernetes.io/metadata.name") = name;
    match old {
        None => {
            *meta::field(meta::field(namespace, "spec"), "finalizers") = json!(["kubernetes"]);
            *meta::field(namespace, "status") = json!({"phase": "Active"});
        }
        Some(old) if call.route.subresource != "finalize" => {
            *meta::field(namespace, "spec") = old["spec"].clone();
        }
        Some(old) => *meta::field(namespace, "status") = old["status"].clone(),
    }
}

fn prepare_service(service: &mut Value, version: u64) {
    *meta::field(service, "status") = json!({"loadBalancer": {}});
    let spec = meta::field(service, "spec");
    let address = format!("10.0.{}.{}", version / 250 % 250, 2 + version % 250);
    let is_bound = spec["type"] != "ExternalName" && spec["clusterIP"].is_null();
    if is_bound {
        *meta::field(spec, "clusterIP") = address.into();
    }
    let given = spec["clusterIP"].clone();
    for (key, value) in [
        ("clusterIPs", json!([given])),
        ("internalTrafficPolicy", json!("Cluster")),
        ("ipFamilies", json!(["IPv4"])),
        ("ipFamilyPolicy", json!("SingleStack")),
        ("sessionAffinity", json!("None")),
        ("type", json!("ClusterIP")),
    ] {
        let field = meta::field(spec, key);
        if field.is_null() {
            *field = value;
        }
    }
    let ports = spec.get_mut("ports").and_then(Value::as_array_mut);
    for port in ports.into_iter().flatten() {
        let number = port["port"].clone();
        for (key, value) in [("protocol", json!("TCP")), ("targetPort", number)] {
            let field = meta::field(port, key);
            if field.is_null() {
                *field = value;
            }
        }
    }
}

fn check_data(object: &Value, key: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    for name in object[key].as_object().into_iter().flat_map(Map::keys) {
        let wrong = names::config_key(name);
        let field = format!("{key}[{name}]");
        causes.extend(wrong.iter().map(|why| Cause::refused(&field, name, why)));
    }
    causes
}

/// What cannot be changed once `immutable` is set.
fn check_immutable(object: &Value, old: Option<&Value>, keys: &[&str]) -> Vec<Cause> {
    let Some(old) = old.filter(|old| old["immutable"] == true) else {
        return Vec::new();
    };
    let why = "field is immutable when `immutable` is set";
    let mut causes = Vec::new();
    if object["immutable"] != true {
        causes.push(Cause::forbidden("immutable", why));
    }
    let changed = keys.iter().filter(|key| object[**key] != old[**key]);
    causes.extend(changed.map(|key| Cause::forbidden(key, why)));
    causes
}

fn check_secret(secret: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = Vec::new();
    if let Some(old) = old
        && old["type"] != secret["type"]
    {
        causes.push(Cause::invalid(
            "type",
            &secret["type"],
            "field is immutable",
        ));
    }
    causes.extend(check_immutable(secret, old, &["data"]));
    causes.extend(check_data(secret, "data"));
    let values = secret["data"].as_object().into_iter().flat_map(Map::values);
    let size: usize = values
        .filter_map(Value::as_str)
        .map(|text| text.len() / 4 * 3)
        .sum();
    if size as u64 > MOST_DATA {
        causes.push(Cause::too_long("data", MOST_DATA));
    }
    let required: &[&str] = match secret["type"].as_str().unwrap_or_default() {
        "kubernetes.io/tls" => &["tls.crt", "tls.key"],
        "kubernetes.io/dockercfg" => &[".dockercfg"],
        "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
        "kubernetes.io/ssh-auth" => &["ssh-privatekey"],
        "kubernetes.io/service-account-token" => {
            let field = "metadata.annotations[kubernetes.io/service-account.name]";
            let annotation =
                &secret["metadata"]["annotations"]["kubernetes.io/service-account.name"];
            if annotation.as_str().is_none_or(str::is_empty) {
                causes.push(Cause::required(field, ""));
            }
            &[]
        }
        "kubernetes.io/basic-auth" => {
            let has = |key: &str| secret["data"].get(key).is_some();
            if !has("username") && !has("password") {
                for key in ["username", "password"] {
                    causes.push(Cause::required(&format!("data[{key}]"), ""));
                }
            }
            &[]
        }
        _ => &[],
    };
    for key in required
        .iter()
        .filter(|key| secret["data"].get(**key).is_none())
    {
        causes.push(Cause::required(&format!("data[{key}]"), ""));
    }
    causes
}

fn check_config_map(map: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = check_immutable(map, old, &["data", "binaryData"]);
    causes.extend(check_data(map, "data"));
    causes.extend(check_data(map, "binaryData"));
    let sizes = ["data", "binaryData"].map(|key| {
        let fields = map[key].as_object().into_iter().flatten();
        fields
            .map(|(_, value)| value.as_str().map_or(0, str::len))
            .sum::<usize>()
    });
    if sizes.iter().sum::<usize>() as u64 > MOST_DATA {
        causes.push(Cause::too_long("", MOST_DATA));
    }
    causes
}

fn check_lease(lease: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let spec = &lease["spec"];
    if spec["leaseDurationSeconds"]
        .as_i64()
        .is_some_and(|seconds| seconds <= 0)
    {
        let field = "spec.leaseDurationSeconds";
        causes.push(Cause::invalid(
            field,
            &spec["leaseDurationSeconds"],
            "must be greater than 0",
        ));
    }
    if spec["leaseTransitions"]
        .as_i64()
        .is_some_and(|count| count < 0)
    {
        let why = "must be greater than or equal to 0";
        causes.push(Cause::invalid(
            "spec.leaseTransitions",
            &spec["leaseTransitions"],
            why,
        ));
    }
    causes
}
