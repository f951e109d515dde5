//! Nodes, whose state is put together from many fields.

use jiff::Timestamp;
use serde_json::Value;

use super::builtin::{age, list, name};

const ROLE: &str = "node-role.kubernetes.io/";

pub(super) fn cells(node: &Value, now: Timestamp) -> Vec<Value> {
    let info = &node["status"]["nodeInfo"];
    let text = |key: &str| info[key].as_str().unwrap_or_default();
    let known = |key: &str| match text(key) {
        "" => "<unknown>".to_owned(),
        known => known.to_owned(),
    };
    let kernel = match text("architecture") {
        "" => known("kernelVersion"),
        architecture => format!("{} ({architecture})", known("kernelVersion")),
    };
    vec![
        name(node),
        state(node).into(),
        roles(node).into(),
        age(node, now),
        text("kubeletVersion").into(),
        address(node, "InternalIP"),
        address(node, "ExternalIP"),
        known("osImage").into(),
        kernel.into(),
        known("containerRuntimeVersion").into(),
    ]
}

fn state(node: &Value) -> String {
    let ready = list(&node["status"]["conditions"]).rfind(|one| one["type"] == "Ready");
    let ready = match ready {
        None => "Unknown",
        Some(condition) if condition["status"] == "True" => "Ready",
        Some(_) => "NotReady",
    };
    if node["spec"]["unschedulable"] == true {
        return format!("{ready},SchedulingDisabled");
    }
    ready.to_owned()
}

fn roles(node: &Value) -> String {
    let labels = node["metadata"]["labels"].as_object().into_iter().flatten();
    let mut roles: Vec<&str> = labels
        .filter_map(|(key, value)| match key.strip_prefix(ROLE) {
            Some(role) => Some(role),
            None => value.as_str().filter(|_| key == "kubernetes.io/role"),
        })
        .filter(|role| !role.is_empty())
        .collect();
    roles.sort_unstable();
    roles.dedup();
    if roles.is_empty() {
        return "<none>".to_owned();
    }
    roles.join(",")
}

fn address(node: &Value, kind: &str) -> Value {
    let found = list(&node["status"]["addresses"]).find(|one| one["type"] == kind);
    found.map_or_else(|| "<none>".into(), |one| one["address"].clone())
}
