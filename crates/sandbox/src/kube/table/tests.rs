//! The expectations are kube-apiserver 1.36's tables of the same objects.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::*;

fn now() -> Timestamp {
    "2026-11-22T12:41:55Z".parse().unwrap()
}

fn before(seconds: i64) -> String {
    (now() - SignedDuration::from_secs(seconds)).to_string()
}

fn column(kind: &str, json_path: &str) -> Column {
    Column {
        name: "C".into(),
        kind: kind.into(),
        format: String::new(),
        description: String::new(),
        priority: 0,
        json_path: json_path.into(),
    }
}

fn cells(group: &str, kind: &str, mut object: Value) -> Value {
    object["metadata"]["creationTimestamp"] = before(0).into();
    let table = table(
        &Columns::builtin(group, kind),
        &[&object],
        IncludeObject::None,
        now(),
    );
    table["rows"][0]["cells"].clone()
}

#[test]
fn an_age_has_two_units_at_most() {
    let times: [(i64, &str); 33] = [
        (0, "0s"),
        (1, "1s"),
        (59, "59s"),
        (119, "119s"),
        (120, "2m"),
        (121, "2m1s"),
        (179, "2m59s"),
        (180, "3m"),
        (185, "3m5s"),
        (599, "9m59s"),
        (600, "10m"),
        (601, "10m"),
        (659, "10m"),
        (7200, "120m"),
        (10790, "179m"),
        (10800, "3h"),
        (10861, "3h1m"),
        (28790, "7h59m"),
        (28800, "8h"),
        (28870, "8h"),
        (169_200, "47h"),
        (172_800, "2d"),
        (176_400, "2d1h"),
        (277_200, "3d5h"),
        (691_190, "7d23h"),
        (691_200, "8d"),
        (31_449_600, "364d"),
        (31_536_000, "365d"),
        (63_071_990, "729d"),
        (63_072_000, "2y"),
        (63_936_000, "2y10d"),
        (252_288_000, "8y"),
        (283_824_000, "9y"),
    ];
    for (seconds, text) in times {
        assert_eq!(age::of(seconds), text, "{seconds}");
    }
}

#[test]
fn a_custom_column_is_the_first_thing_its_path_finds_in_its_type() {
    let object = json!({"metadata": {"name": "a", "labels": {"a.b": "lab"}}, "spec": {
        "str": "x", "int": 3, "num": 1.5, "bool": true, "when": before(600), "later": before(-600),
        "nope": "nope", "obj": {"a": "x", "b": 1}, "list": ["p", "q"], "null": null, "empty": "",
        "five": 5, "cut": 2.7, "conds": [{"type": "Ready", "status": "True"}]}});
    for (kind, path, cell) in [
        ("string", ".spec.str", json!("x")),
        ("integer", ".spec.int", json!(3)),
        ("number", ".spec.num", json!(1.5)),
        ("boolean", ".spec.bool", json!(true)),
        ("date", ".spec.when", json!("10m")),
        ("date", ".spec.later", json!("<invalid>")),
        ("date", ".spec.nope", json!("<invalid>")),
        ("date", ".spec.null", json!(null)),
        ("string", ".spec.obj", json!("{\"a\":\"x\",\"b\":1}")),
        ("string", ".spec.list", json!("[\"p\",\"q\"]")),
        ("string", ".spec.list[*]", json!("p")),
        (
            "string",
            ".spec.conds[?(@.type==\"Ready\")].status",
            json!("True"),
        ),
        ("string", ".metadata.labels.a\\.b", json!("lab")),
        ("string", ".spec.null", json!("<no value>")),
        ("string", ".spec.empty", json!("")),
        ("string", ".spec.missing", json!(null)),
        ("string", ".spec.five", json!("5")),
        ("string", ".spec.bool", json!("true")),
        ("integer", ".spec.str", json!(null)),
        ("integer", ".spec.cut", json!(2)),
        ("number", ".spec.str", json!(null)),
        ("boolean", ".spec.str", json!(null)),
    ] {
        let table = table(
            &Columns::Custom(vec![column(kind, path)]),
            &[&object],
            IncludeObject::None,
            now(),
        );
        assert_eq!(
            table["rows"][0],
            json!({"cells": ["a", cell], "object": null}),
            "{kind} {path}"
        );
    }
}

#[test]
fn without_columns_there_are_name_and_age() {
    let object = json!({"metadata": {"name": "a", "creationTimestamp": before(65)}, "spec": 1});
    let table = table(
        &Columns::Custom(Vec::new()),
        &[&object],
        IncludeObject::Metadata,
        now(),
    );
    let names: Vec<_> = table["columnDefinitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| &column["name"])
        .collect();
    assert_eq!(names, ["Name", "Age"]);
    assert_eq!(table["columnDefinitions"][1]["type"], "date");
    assert_eq!(table["rows"][0]["cells"], json!(["a", "65s"]));
    let object = &table["rows"][0]["object"];
    assert_eq!(object["kind"], "PartialObjectMetadata");
    assert_eq!(object["metadata"]["name"], "a");
    assert!(object.get("spec").is_none());
}

#[test]
fn a_column_without_a_description_is_described_by_its_path() {
    let table = table(
        &Columns::Custom(vec![column("string", ".spec.a")]),
        &[],
        IncludeObject::None,
        now(),
    );
    assert_eq!(
        table["columnDefinitions"][1]["description"],
        "Custom resource definition column (in JSONPath format): .spec.a"
    );
}

#[test]
fn include_object_is_one_of_three() {
    assert_eq!(IncludeObject::of(""), Ok(IncludeObject::Metadata));
    assert_eq!(IncludeObject::of("Object"), Ok(IncludeObject::Object));
    assert_eq!(
        IncludeObject::of("Foo"),
        Err("Unable to convert to Table as requested: includeObject: Invalid value: \"Foo\": must be \
             'Metadata', 'Object', 'None', or empty"
            .into())
    );
}

#[test]
fn built_in_kinds_have_the_cells_of_the_real_server() {
    let named = |name: &str| json!({"name": name});
    let data = json!({"a": "YQ==", "b": "YQ=="});
    for (group, kind, object, expected) in [
        (
            "",
            "Namespace",
            json!({"metadata": named("n"), "status": {"phase": "Active"}}),
            json!(["n", "Active", "0s"]),
        ),
        (
            "",
            "Secret",
            json!({"metadata": named("s"), "type": "Opaque", "data": data}),
            json!(["s", "Opaque", 2, "0s"]),
        ),
        (
            "",
            "ConfigMap",
            json!({"metadata": named("s"), "data": {"a": "a"}, "binaryData": {"b": "YQ=="}}),
            json!(["s", 2, "0s"]),
        ),
        (
            "",
            "ServiceAccount",
            json!({"metadata": named("s")}),
            json!(["s", "0s"]),
        ),
        (
            "coordination.k8s.io",
            "Lease",
            json!({"metadata": named("l"), "spec": {}}),
            json!(["l", "", "0s"]),
        ),
        (
            "",
            "Pod",
            json!({"metadata": named("p"), "spec": {"containers": [{}, {}], "readinessGates": [{"conditionType": "x"}]},
            "status": {"phase": "Pending"}}),
            json!([
                "p", "0/2", "Pending", "0", "0s", "<none>", "<none>", "<none>", "0/1"
            ]),
        ),
        (
            "",
            "Service",
            json!({"metadata": named("svc"), "spec": {"type": "ClusterIP", "clusterIP": "10.0.0.174", "selector": {"a": "b"},
            "ports": [{"port": 80, "protocol": "TCP"}, {"port": 443, "protocol": "UDP"}]}}),
            json!([
                "svc",
                "ClusterIP",
                "10.0.0.174",
                "<none>",
                "80/TCP,443/UDP",
                "0s",
                "a=b"
            ]),
        ),
        (
            "rbac.authorization.k8s.io",
            "Role",
            json!({"metadata": named("r")}),
            json!(["r", before(0)]),
        ),
    ] {
        assert_eq!(cells(group, kind, object), expected, "{kind}");
    }
}

#[test]
fn a_deployment_shows_containers_and_selector() {
    let labels = json!({"a": "b", "c": "d"});
    let containers = json!([{"name": "a", "image": "i"}, {"name": "b", "image": "j"}]);
    let object = json!({"metadata": {"name": "d"}, "spec": {"replicas": 2,
        "selector": {"matchLabels": labels}, "template": {"spec": {"containers": containers}}}});
    assert_eq!(
        cells("apps", "Deployment", object),
        json!(["d", "0/2", 0, 0, "0s", "a,b", "i,j", "a=b,c=d"])
    );
}

#[test]
fn a_binding_shows_its_subjects_by_kind() {
    let object = json!({"metadata": {"name": "rb"}, "roleRef": {"kind": "Role", "name": "r"}, "subjects": [
        {"kind": "User", "name": "u"}, {"kind": "User", "name": "u2"}, {"kind": "Group", "name": "g"},
        {"kind": "ServiceAccount", "name": "s", "namespace": "default"}]});
    assert_eq!(
        cells("rbac.authorization.k8s.io", "RoleBinding", object),
        json!(["rb", "Role/r", "0s", "u, u2", "g", "default/s"])
    );
}

#[test]
fn events_of_both_groups_look_alike() {
    let pod = json!({"kind": "Pod", "name": "p", "fieldPath": "spec.containers{a}"});
    let old = json!({"metadata": {"name": "e"}, "involvedObject": pod, "reason": "R", "type": "Normal",
        "message": " hello\nworld ", "source": {"component": "c", "host": "h"}, "count": 3,
        "firstTimestamp": before(300), "lastTimestamp": before(100)});
    assert_eq!(
        cells("", "Event", old),
        json!([
            "100s",
            "Normal",
            "R",
            "pod/p",
            "spec.containers{a}",
            "c, h",
            "hello\nworld",
            "5m",
            3,
            "e"
        ])
    );
    let bare = json!({"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "p"}, "reason": "R"});
    assert_eq!(
        cells("", "Event", bare),
        json!([
            "<unknown>",
            "",
            "R",
            "pod/p",
            "",
            "",
            "",
            "<unknown>",
            1,
            "e"
        ])
    );
    let new = json!({"metadata": {"name": "e"}, "regarding": {"kind": "Pod", "name": "p"}, "reason": "R",
        "type": "Warning", "note": "n", "eventTime": before(2460), "reportingController": "ctl",
        "reportingInstance": "inst", "series": {"count": 4, "lastObservedTime": before(660)}});
    assert_eq!(
        cells("events.k8s.io", "Event", new),
        json!([
            "11m",
            "Warning",
            "R",
            "pod/p",
            "",
            "ctl, inst",
            "n",
            "41m",
            4,
            "e"
        ])
    );
}

#[test]
fn every_known_kind_fills_just_its_columns() {
    let object = json!({"metadata": {"name": "a", "creationTimestamp": before(65)}});
    for (group, kind) in [
        ("", "Namespace"),
        ("", "Secret"),
        ("", "ConfigMap"),
        ("", "ServiceAccount"),
        ("", "Service"),
        ("", "ResourceQuota"),
        ("", "Pod"),
        ("", "Node"),
        ("", "Event"),
        ("rbac.authorization.k8s.io", "Role"),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
        ("coordination.k8s.io", "Lease"),
        ("apps", "DaemonSet"),
        ("apps", "Deployment"),
        ("apps", "ReplicaSet"),
        ("apps", "StatefulSet"),
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ] {
        let table = table(
            &Columns::builtin(group, kind),
            &[&object],
            IncludeObject::None,
            now(),
        );
        let columns = table["columnDefinitions"].as_array().expect("columns");
        let cells = table["rows"][0]["cells"].as_array().expect("cells");
        assert_eq!(columns.len(), cells.len(), "{kind}");
        for column in columns {
            assert!(column["description"].is_string(), "{kind}: {column}");
        }
    }
}

#[test]
fn a_node_shows_its_state_roles_and_addresses() {
    let node = json!({
        "metadata": {
            "name": "n",
            "labels": {"node-role.kubernetes.io/worker": "", "kubernetes.io/role": "edge"},
        },
        "spec": {"unschedulable": true},
        "status": {
            "conditions": [{"type": "Ready", "status": "False"}],
            "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
            "nodeInfo": {"kubeletVersion": "v1", "kernelVersion": "6", "architecture": "arm64"},
        },
    });
    let table = table(
        &Columns::builtin("", "Node"),
        &[&node],
        IncludeObject::None,
        now(),
    );
    let cells = json!([
        "n",
        "NotReady,SchedulingDisabled",
        "edge,worker",
        "<unknown>",
        "v1",
        "10.0.0.1",
        "<none>",
        "<unknown>",
        "6 (arm64)",
        "<unknown>"
    ]);
    assert_eq!(table["rows"][0]["cells"], cells);
}
