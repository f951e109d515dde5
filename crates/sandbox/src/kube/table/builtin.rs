//! The kinds the server knows, as it shows them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::pods;
use super::{created, definition, since};

/// The columns of a kind and how an object fills them.
#[derive(Debug)]
pub(crate) struct Builtin {
    group: &'static str,
    kind: &'static str,
    /// `Name:type`, string if there is none; `*` before what only `-o wide` shows. The name column
    /// is named too: it is not always the first.
    columns: &'static [&'static str],
    pub(super) cells: fn(&Value, Timestamp) -> Vec<Value>,
}

impl Builtin {
    pub(super) fn definitions(&self) -> Vec<Value> {
        let column = |column: &&str| {
            let (column, priority) = column
                .strip_prefix('*')
                .map_or((*column, 0), |column| (column, 1));
            let (name, kind) = column.split_once(':').unwrap_or((column, "string"));
            let format = if name == "Name" { "name" } else { "" };
            definition(name, kind, format, "", priority)
        };
        self.columns.iter().map(column).collect()
    }
}

pub(super) fn find(group: &str, kind: &str) -> Option<&'static Builtin> {
    KINDS
        .iter()
        .find(|builtin| builtin.group == group && builtin.kind == kind)
}

const RBAC: &str = "rbac.authorization.k8s.io";
const EVENT: &[&str] = &[
    "Last Seen",
    "Type",
    "Reason",
    "Object",
    "*Subobject",
    "*Source",
    "Message",
    "*First Seen",
    "*Count",
    "*Name",
];
const ROLE: &[&str] = &["Name", "Created At:date"];
const BINDING: &[&str] = &[
    "Name",
    "Role",
    "Age",
    "*Users",
    "*Groups",
    "*ServiceAccounts",
];

macro_rules! kind {
    ($group:expr, $kind:literal, $columns:expr, $cells:expr) => {
        Builtin {
            group: $group,
            kind: $kind,
            columns: $columns,
            cells: $cells,
        }
    };
}

static KINDS: [Builtin; 23] = [
    kind!("", "Namespace", &["Name", "Status", "Age"], |o, now| {
        vec![
            name(o),
            o["status"]["phase"].as_str().unwrap_or_default().into(),
            age(o, now),
        ]
    }),
    kind!("", "Secret", &["Name", "Type", "Data", "Age"], |o, now| {
        let kind = o["type"].as_str().unwrap_or_default();
        vec![name(o), kind.into(), count(&o["data"]).into(), age(o, now)]
    }),
    kind!("", "ConfigMap", &["Name", "Data", "Age"], |o, now| {
        let count = count(&o["data"]) + count(&o["binaryData"]);
        vec![name(o), count.into(), age(o, now)]
    }),
    kind!("", "ServiceAccount", &["Name", "Age"], |o, now| vec![
        name(o),
        age(o, now)
    ]),
    kind!("", "Service", SERVICE, service),
    kind!(
        "",
        "ResourceQuota",
        &["Name", "Request", "Limit", "Age"],
        |o, now| {
            let [request, limit] = quota(&o["status"]);
            vec![name(o), request.into(), limit.into(), age(o, now)]
        }
    ),
    kind!("", "Pod", pods::COLUMNS, pods::cells),
    kind!(
        "",
        "Node",
        &["Name", "Status", "Roles", "Age", "Version"],
        |o, now| {
            let ready = list(&o["status"]["conditions"])
                .any(|c| c["type"] == "Ready" && c["status"] == "True");
            let version = o["status"]["nodeInfo"]["kubeletVersion"]
                .as_str()
                .unwrap_or_default();
            let status = if ready { "Ready" } else { "NotReady" };
            vec![
                name(o),
                status.into(),
                "<none>".into(),
                age(o, now),
                version.into(),
            ]
        }
    ),
    kind!("", "Event", EVENT, event),
    kind!("events.k8s.io", "Event", EVENT, event),
    kind!(RBAC, "Role", ROLE, created_at),
    kind!(RBAC, "ClusterRole", ROLE, created_at),
    kind!(RBAC, "RoleBinding", BINDING, binding),
    kind!(RBAC, "ClusterRoleBinding", BINDING, binding),
    kind!(
        "coordination.k8s.io",
        "Lease",
        &["Name", "Holder", "Age"],
        |o, now| {
            let holder = o["spec"]["holderIdentity"].as_str().unwrap_or_default();
            vec![name(o), holder.into(), age(o, now)]
        }
    ),
    kind!("apps", "Deployment", DEPLOYMENT, deployment),
    kind!("apps", "ReplicaSet", REPLICA_SET, replica_set),
    kind!(
        "apps",
        "StatefulSet",
        &["Name", "Ready", "Age", "*Containers", "*Images"],
        |o, now| {
            let wanted = o["spec"]["replicas"].as_i64().unwrap_or(0);
            let ready = format!("{}/{wanted}", number(&o["status"]["readyReplicas"]));
            vec![
                name(o),
                ready.into(),
                age(o, now),
                containers(o, "name"),
                containers(o, "image"),
            ]
        }
    ),
    kind!(
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        ROLE,
        created_at
    ),
    kind!(
        "admissionregistration.k8s.io",
        "ValidatingWebhookConfiguration",
        &["Name", "Webhooks:integer", "Age"],
        |o, now| vec![name(o), list(&o["webhooks"]).count().into(), age(o, now)]
    ),
    kind!(
        "admissionregistration.k8s.io",
        "MutatingWebhookConfiguration",
        &["Name", "Webhooks:integer", "Age"],
        |o, now| vec![name(o), list(&o["webhooks"]).count().into(), age(o, now)]
    ),
    kind!(
        "admissionregistration.k8s.io",
        "ValidatingAdmissionPolicy",
        &["Name", "Validations:integer", "ParamKind", "Age"],
        |o, now| {
            let kind = &o["spec"]["paramKind"];
            let param = match (kind["apiVersion"].as_str(), kind["kind"].as_str()) {
                (Some(version), Some(kind)) => format!("{version}/{kind}"),
                _ => "<unset>".into(),
            };
            vec![
                name(o),
                list(&o["spec"]["validations"]).count().into(),
                param.into(),
                age(o, now),
            ]
        }
    ),
    kind!(
        "apiregistration.k8s.io",
        "APIService",
        &["Name", "Service", "Available", "Age"],
        |o, now| { vec![name(o), "Local".into(), "True".into(), age(o, now)] }
    ),
];

const SERVICE: &[&str] = &[
    "Name",
    "Type",
    "Cluster-IP",
    "External-IP",
    "Port(s)",
    "Age",
    "*Selector",
];
const DEPLOYMENT: &[&str] = &[
    "Name",
    "Ready",
    "Up-to-date",
    "Available",
    "Age",
    "*Containers",
    "*Images",
    "*Selector",
];
const REPLICA_SET: &[&str] = &[
    "Name",
    "Desired:integer",
    "Current:integer",
    "Ready:integer",
    "Age",
    "*Containers",
    "*Images",
    "*Selector",
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

pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
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
