//! Pods, whose state is put together from many fields.

use jiff::Timestamp;
use serde_json::Value;

use super::builtin::{age, list, name, number};

pub(super) fn cells(pod: &Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (&pod["spec"], &pod["status"]);
    let containers = || list(&status["containerStatuses"]);
    let ready = containers()
        .filter(|container| container["ready"] == true)
        .count();
    let all = list(&spec["containers"]).count();
    let restarts: i64 = containers()
        .map(|container| number(&container["restartCount"]))
        .sum();
    vec![
        name(pod),
        format!("{ready}/{all}").into(),
        state(pod).into(),
        restarts.to_string().into(),
        age(pod, now),
        or_none(&status["podIP"]),
        or_none(&spec["nodeName"]),
        or_none(&status["nominatedNodeName"]),
        gates(pod).into(),
    ]
}

fn or_none(value: &Value) -> Value {
    value
        .as_str()
        .filter(|text| !text.is_empty())
        .unwrap_or("<none>")
        .into()
}

fn state(pod: &Value) -> String {
    let status = &pod["status"];
    if !pod["metadata"]["deletionTimestamp"].is_null() {
        let lost = status["reason"] == "NodeLost";
        return if lost { "Unknown" } else { "Terminating" }.into();
    }
    let text = |value: &Value| {
        value
            .as_str()
            .filter(|text| !text.is_empty())
            .map(ToOwned::to_owned)
    };
    let container = list(&status["containerStatuses"]).find_map(|container| {
        let state = &container["state"];
        text(&state["waiting"]["reason"]).or_else(|| text(&state["terminated"]["reason"]))
    });
    container
        .or_else(|| text(&status["reason"]))
        .or_else(|| text(&status["phase"]))
        .unwrap_or_default()
}

fn gates(pod: &Value) -> String {
    let gates: Vec<&Value> = list(&pod["spec"]["readinessGates"]).collect();
    if gates.is_empty() {
        return "<none>".into();
    }
    let met = gates.iter().filter(|gate| {
        list(&pod["status"]["conditions"]).any(|condition| {
            condition["type"] == gate["conditionType"] && condition["status"] == "True"
        })
    });
    format!("{}/{}", met.count(), gates.len())
}
