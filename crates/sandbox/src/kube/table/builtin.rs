//! The kinds the server knows, as it shows them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{created, nodes, pods, since};

/// A kind and how an object of it fills its columns.
#[derive(Debug)]
pub(crate) struct Builtin {
    group: &'static str,
    kind: &'static str,
    pub(super) cells: fn(&Value, Timestamp) -> Vec<Value>,
}

impl Builtin {
    pub(super) fn definitions(&self) -> Vec<Value> {
        super::columns::of(self.kind)
    }
}

pub(super) fn find(group: &str, kind: &str) -> Option<&'static Builtin> {
    KINDS
        .iter()
        .find(|builtin| builtin.group == group && builtin.kind == kind)
}

const RBAC: &str = "rbac.authorization.k8s.io";

macro_rules! kind {
    ($group:expr, $kind:literal, $cells:expr) => {
        Builtin {
            group: $group,
            kind: $kind,
            cells: $cells,
        }
    };
}

static KINDS: [Builtin; 21] = [
    kind!("", "Namespace", |o, now| {
        let phase = o["status"]["phase"].as_str().unwrap_or_default();
        vec![name(o), phase.into(), age(o, now)]
    }),
    kind!("", "Secret", |o, now| {
        let kind = o["type"].as_str().unwrap_or_default();
        vec![name(o), kind.into(), count(&o["data"]).into(), age(o, now)]
    }),
    kind!("", "ConfigMap", |o, now| {
        let count = count(&o["data"]) + count(&o["binaryData"]);
        vec![name(o), count.into(), age(o, now)]
    }),
    kind!("", "ServiceAccount", |o, now| vec![name(o), age(o, now)]),
    kind!("", "Service", service),
    kind!("", "ResourceQuota", |o, now| {
        let [request, limit] = quota(&o["status"]);
        vec![name(o), request.into(), limit.into(), age(o, now)]
    }),
    kind!("", "LimitRange", created_at),
    kind!("", "Pod", pods::cells),
    kind!("", "Node", nodes::cells),
    kind!("", "Event", event),
    kind!("events.k8s.io", "Event", event),
    kind!(RBAC, "Role", created_at),
    kind!(RBAC, "ClusterRole", created_at),
    kind!(RBAC, "RoleBinding", binding),
    kind!(RBAC, "ClusterRoleBinding", binding),
    kind!("coordination.k8s.io", "Lease", |o, now| {
        let holder = o["spec"]["holderIdentity"].as_str().unwrap_or_default();
        vec![name(o), holder.into(), age(o, now)]
    }),
    kind!("apps", "DaemonSet", daemon_set),
    kind!("apps", "Deployment", deployment),
    kind!("apps", "ReplicaSet", replica_set),
    kind!("apps", "StatefulSet", |o, now| {
        let wanted = o["spec"]["replicas"].as_i64().unwrap_or(0);
        let ready = format!("{}/{wanted}", number(&o["status"]["readyReplicas"]));
        vec![
            name(o),
            ready.into(),
            age(o, now),
            containers(o, "name"),
            containers(o, "image"),
        ]
    }),
    kind!(
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        created_at
    ),
];

pub(super) fn name(object: &Value) -> Value {
    // A watch's bookmark has none.
    object["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .into()
}

pub(super) fn age(object: &Value, now: Timestamp) -> Value {
    created(object, now).into()
}

pub(super) fn list(value: &Value) -> impl DoubleEndedIterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// What of a quota is used: of requests, and of limits.
fn quota(status: &Value) -> [String; 2] {
    let text = |part: &str, name: &str| status[part][name].as_str().unwrap_or("0").to_owned();
    let mut parts = [Vec::new(), Vec::new()];
    for name in status["hard"].as_object().into_iter().flat_map(Map::keys) {
        let line = format!("{name}: {}/{}", text("used", name), text("hard", name));
        parts[usize::from(name.starts_with("limits."))].push(line);
    }
    parts.map(|lines| lines.join(", "))
}

fn count(map: &Value) -> usize {
    map.as_object().map_or(0, Map::len)
}

pub(super) fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}

fn created_at(object: &Value, _: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        object["metadata"]["creationTimestamp"].clone(),
    ]
}

fn binding(object: &Value, now: Timestamp) -> Vec<Value> {
    let role = |key: &str| object["roleRef"][key].as_str().unwrap_or_default();
    let subjects = |kind: &str| {
        let subject = |subject: &Value| {
            let text = |key: &str| subject[key].as_str().unwrap_or_default().to_owned();
            match kind {
                "ServiceAccount" => format!("{}/{}", text("namespace"), text("name")),
                _ => text("name"),
            }
        };
        let of_kind = list(&object["subjects"]).filter(|subject| subject["kind"] == kind);
        Value::from(of_kind.map(subject).collect::<Vec<_>>().join(", "))
    };
    let role = format!("{}/{}", role("kind"), role("name"));
    let subjects = [
        subjects("User"),
        subjects("Group"),
        subjects("ServiceAccount"),
    ];
    [name(object), role.into(), age(object, now)]
        .into_iter()
        .chain(subjects)
        .collect()
}

/// Both groups' events are one kind to the server, under two sets of names.
fn event(object: &Value, now: Timestamp) -> Vec<Value> {
    let either = |old: &str, new: &str| {
        let of = |pointer: &str| object.pointer(pointer).filter(|value| !value.is_null());
        of(old).or_else(|| of(new)).cloned().unwrap_or_default()
    };
    let text = |old: &str, new: &str| either(old, new).as_str().unwrap_or_default().to_owned();
    let first = either("/firstTimestamp", "/deprecatedFirstTimestamp");
    let first = if first.is_null() {
        object["eventTime"].clone()
    } else {
        first
    };
    let last = either("/lastTimestamp", "/deprecatedLastTimestamp");
    let series = &object["series"];
    let (last, count) = if series.is_object() {
        (series["lastObservedTime"].clone(), number(&series["count"]))
    } else {
        let count = number(&either("/count", "/deprecatedCount"));
        (
            if last.is_null() { first.clone() } else { last },
            count.max(1),
        )
    };
    let about = (
        text("/involvedObject/kind", "/regarding/kind").to_lowercase(),
        text("/involvedObject/name", "/regarding/name"),
    );
    let object_cell = if about.1.is_empty() {
        about.0
    } else {
        format!("{}/{}", about.0, about.1)
    };
    vec![
        since(&last, now).into(),
        object["type"].as_str().unwrap_or_default().into(),
        object["reason"].as_str().unwrap_or_default().into(),
        object_cell.into(),
        text("/involvedObject/fieldPath", "/regarding/fieldPath").into(),
        source(object).into(),
        text("/message", "/note").trim().into(),
        since(&first, now).into(),
        count.into(),
        name(object),
    ]
}

fn source(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pick = |old: String, new: String| if old.is_empty() { new } else { old };
    let old = if object["source"].is_object() {
        &object["source"]
    } else {
        &object["deprecatedSource"]
    };
    let controller = pick(
        text(&object["reportingController"]),
        text(&object["reportingComponent"]),
    );
    let component = pick(text(&old["component"]), controller);
    let host = pick(text(&old["host"]), text(&object["reportingInstance"]));
    let parts = [component, host];
    let parts: Vec<&str> = parts
        .iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(", ")
}

fn containers(object: &Value, key: &str) -> Value {
    let text = |container: &Value| container[key].as_str().unwrap_or_default().to_owned();
    let all = list(&object["spec"]["template"]["spec"]["containers"]).map(text);
    all.collect::<Vec<_>>().join(",").into()
}

fn selector(labels: &Value) -> String {
    let labels = labels.as_object().into_iter().flatten();
    let parts = labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
    let text = parts.collect::<Vec<_>>().join(",");
    if text.is_empty() {
        "<none>".into()
    } else {
        text
    }
}

fn daemon_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let numbers = [
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    ];
    let mut cells = vec![name(object)];
    cells.extend(numbers.map(|field| number(&status[field]).into()));
    cells.extend([
        selector(&spec["template"]["spec"]["nodeSelector"]).into(),
        age(object, now),
        containers(object, "name"),
        containers(object, "image"),
        selector(&spec["selector"]["matchLabels"]).into(),
    ]);
    cells
}

fn deployment(object: &Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    vec![
        name(object),
        format!(
            "{}/{}",
            number(&status["readyReplicas"]),
            number(&spec["replicas"])
        )
        .into(),
        number(&status["updatedReplicas"]).into(),
        number(&status["availableReplicas"]).into(),
        age(object, now),
        containers(object, "name"),
        containers(object, "image"),
        selector(&spec["selector"]["matchLabels"]).into(),
    ]
}

fn replica_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    vec![
        name(object),
        number(&spec["replicas"]).into(),
        number(&status["replicas"]).into(),
        number(&status["readyReplicas"]).into(),
        age(object, now),
        containers(object, "name"),
        containers(object, "image"),
        selector(&spec["selector"]["matchLabels"]).into(),
    ]
}

fn service(object: &Value, now: Timestamp) -> Vec<Value> {
    let spec = &object["spec"];
    let port = |port: &Value| {
        let node = port["nodePort"]
            .as_i64()
            .map_or_else(String::new, |node| format!(":{node}"));
        format!(
            "{}{node}/{}",
            port["port"],
            port["protocol"].as_str().unwrap_or("TCP")
        )
    };
    let ports = list(&spec["ports"]).map(port).collect::<Vec<_>>().join(",");
    let none = |value: &Value| {
        json!(
            value
                .as_str()
                .filter(|text| !text.is_empty())
                .unwrap_or("<none>")
        )
    };
    vec![
        name(object),
        spec["type"].as_str().unwrap_or("ClusterIP").into(),
        none(&spec["clusterIP"]),
        none(&spec["externalName"]),
        if ports.is_empty() {
            "<none>".into()
        } else {
            ports.into()
        },
        age(object, now),
        selector(&spec["selector"]).into(),
    ]
}
