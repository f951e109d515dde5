//! The texts are kube-apiserver 1.36's for the same roles and bindings.

use serde_json::{Value, json};

use super::*;

fn role(namespace: &str, name: &str, rules: &Value) -> Value {
    let kind = if namespace.is_empty() {
        "ClusterRole"
    } else {
        "Role"
    };
    json!({"kind": kind, "metadata": {"name": name, "namespace": namespace}, "rules": rules})
}

fn binding(namespace: &str, name: &str, role: (&str, &str), subjects: &Value) -> Value {
    let kind = if namespace.is_empty() {
        "ClusterRoleBinding"
    } else {
        "RoleBinding"
    };
    json!({"kind": kind, "metadata": {"name": name, "namespace": namespace},
        "roleRef": {"kind": role.0, "name": role.1}, "subjects": subjects})
}

fn objects() -> Vec<Value> {
    vec![
        role(
            "default",
            "r",
            &json!([
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNames": ["a"]},
            {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list"]}]),
        ),
        binding(
            "default",
            "rb",
            ("Role", "r"),
            &json!([{"kind": "User", "name": "jo"},
            {"kind": "ServiceAccount", "name": "sa", "namespace": "default"}]),
        ),
        role(
            "",
            "cr",
            &json!([{"apiGroups": ["*"], "resources": ["*/status"], "verbs": ["update"]},
            {"nonResourceURLs": ["/foo/*"], "verbs": ["get"]}]),
        ),
        binding(
            "",
            "crb",
            ("ClusterRole", "cr"),
            &json!([{"kind": "Group", "name": "dev"}]),
        ),
        binding(
            "default",
            "rbc",
            ("ClusterRole", "cr"),
            &json!([{"kind": "User", "name": "al"}]),
        ),
        binding(
            "default",
            "miss",
            ("Role", "missing"),
            &json!([{"kind": "User", "name": "zed"}]),
        ),
    ]
}

fn groups(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn access_is_given_for_the_reason_the_real_server_gives() {
    let policy = Policy::of(&objects());
    let none = Attributes {
        verb: "get",
        namespace: "default",
        ..Attributes::default()
    };
    let dev = groups(&["dev"]);
    let masters = groups(&["system:masters"]);
    let status = Attributes {
        verb: "update",
        group: "foo",
        resource: "bars",
        subresource: "status",
        ..none
    };
    for (attributes, expected) in [
        (
            Attributes {
                user: "jo",
                resource: "secrets",
                name: "a",
                ..none
            },
            Ok("RBAC: allowed by RoleBinding \"rb/default\" of Role \"r\" to User \"jo\""),
        ),
        (
            Attributes {
                user: "jo",
                resource: "secrets",
                name: "b",
                ..none
            },
            Err(""),
        ),
        (
            Attributes {
                user: "jo",
                resource: "secrets",
                ..none
            },
            Err(""),
        ),
        (
            Attributes {
                user: "jo",
                resource: "secrets",
                name: "a",
                namespace: "x",
                ..none
            },
            Err(""),
        ),
        (
            Attributes {
                user: "jo",
                groups: &dev,
                namespace: "x",
                ..status
            },
            Ok(
                "RBAC: allowed by ClusterRoleBinding \"crb\" of ClusterRole \"cr\" to Group \"dev\"",
            ),
        ),
        (
            Attributes {
                user: "jo",
                groups: &dev,
                subresource: "",
                ..status
            },
            Err(""),
        ),
        (
            Attributes {
                user: "system:serviceaccount:default:sa",
                resource: "pods",
                subresource: "log",
                ..none
            },
            Ok(
                "RBAC: allowed by RoleBinding \"rb/default\" of Role \"r\" to ServiceAccount \"sa/default\"",
            ),
        ),
        (
            Attributes {
                user: "al",
                ..status
            },
            Ok("RBAC: allowed by RoleBinding \"rbc/default\" of ClusterRole \"cr\" to User \"al\""),
        ),
        (
            Attributes {
                user: "al",
                namespace: "x",
                ..status
            },
            Err(""),
        ),
        (
            Attributes {
                user: "zed",
                resource: "pods",
                ..none
            },
            Err("RBAC: role.rbac.authorization.k8s.io \"missing\" not found"),
        ),
        (
            Attributes {
                user: "x",
                groups: &masters,
                resource: "pods",
                ..none
            },
            Ok(""),
        ),
        (
            Attributes {
                user: "jo",
                groups: &dev,
                path: "/foo/x",
                namespace: "",
                ..none
            },
            Ok(
                "RBAC: allowed by ClusterRoleBinding \"crb\" of ClusterRole \"cr\" to Group \"dev\"",
            ),
        ),
        (
            Attributes {
                user: "jo",
                groups: &dev,
                path: "/bar",
                namespace: "",
                ..none
            },
            Err(""),
        ),
    ] {
        let decision = decide(&policy, &attributes);
        assert_eq!(
            decision.as_deref().map_err(String::as_str),
            expected,
            "{attributes:?}"
        );
        assert_eq!(allows(&policy, &attributes), expected.is_ok());
        assert_eq!(allowed_by(&policy, &attributes).is_some(), expected.is_ok());
    }
}

#[test]
fn rules_are_listed_cluster_wide_ones_first_with_what_is_missing() {
    let mut objects = objects();
    objects.push(binding(
        "default",
        "again",
        ("Role", "nope"),
        &json!([{"kind": "User", "name": "jo"}]),
    ));
    let rules = rules_for(&Policy::of(&objects), "jo", &groups(&["dev"]), "default");
    assert_eq!(
        rules,
        json!({"resourceRules": [
                {"verbs": ["update"], "apiGroups": ["*"], "resources": ["*/status"]},
                {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["a"]},
                {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods", "pods/log"]}],
            "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/foo/*"]}],
            "incomplete": false,
            "evaluationError": "role.rbac.authorization.k8s.io \"nope\" not found"})
    );
}

fn refusal(objects: &[Value], object: &Value) -> Option<Refusal> {
    escalation(
        &Policy::of(objects),
        "jo",
        &groups(&["dev", "system:authenticated"]),
        object,
    )
}

#[test]
fn nobody_writes_a_role_with_rights_he_has_not() {
    let wanted = role(
        "default",
        "e1",
        &json!([
        {"apiGroups": [""], "resources": ["secrets", "configmaps"], "verbs": ["get", "list"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["*"], "resourceNames": ["x", "y"]}]),
    );
    let text = "user \"jo\" (groups=[\"dev\" \"system:authenticated\"]) is attempting to grant RBAC \
        permissions not currently held:\n\
        {APIGroups:[\"\"], Resources:[\"configmaps\"], Verbs:[\"get\" \"list\"]}\n\
        {APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\" \"list\"]}\n\
        {APIGroups:[\"apps\"], Resources:[\"deployments\"], ResourceNames:[\"x\"], Verbs:[\"*\"]}\n\
        {APIGroups:[\"apps\"], Resources:[\"deployments\"], ResourceNames:[\"y\"], Verbs:[\"*\"]}";
    assert_eq!(
        refusal(&objects(), &wanted),
        Some(Refusal::Forbidden(text.into()))
    );
    let wide = role(
        "",
        "e3",
        &json!([{"nonResourceURLs": ["/x", "/foo/a"], "verbs": ["get", "post"]},
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]),
    );
    let text = "user \"jo\" (groups=[\"dev\" \"system:authenticated\"]) is attempting to grant RBAC \
        permissions not currently held:\n\
        {APIGroups:[\"*\"], Resources:[\"*\"], Verbs:[\"*\"]}\n\
        {NonResourceURLs:[\"/foo/a\"], Verbs:[\"post\"]}\n\
        {NonResourceURLs:[\"/x\"], Verbs:[\"get\"]}\n\
        {NonResourceURLs:[\"/x\"], Verbs:[\"post\"]}";
    assert_eq!(
        refusal(&objects(), &wide),
        Some(Refusal::Forbidden(text.into()))
    );
    let held = role(
        "default",
        "e2",
        &json!([{"apiGroups": [""], "resources": ["secrets"],
        "verbs": ["get"], "resourceNames": ["a"]}]),
    );
    assert_eq!(refusal(&objects(), &held), None);
}

#[test]
fn an_aggregate_is_for_those_who_have_all() {
    let aggregate = json!({"kind": "ClusterRole", "metadata": {"name": "e5"}, "rules": [],
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}});
    let text = "must have cluster-admin privileges to use the aggregationRule";
    assert_eq!(
        refusal(&objects(), &aggregate),
        Some(Refusal::Forbidden(text.into()))
    );
    let mut objects = objects();
    objects.extend(bootstrap());
    objects.push(binding(
        "",
        "jo",
        ("ClusterRole", "cluster-admin"),
        &json!([{"kind": "User", "name": "jo"}]),
    ));
    assert_eq!(refusal(&objects, &aggregate), None);
}

#[test]
fn nobody_binds_a_role_he_has_not_or_that_is_not_there() {
    let bind = |kind: &str, name: &str| binding("default", "b", (kind, name), &json!([]));
    assert_eq!(refusal(&objects(), &bind("Role", "r")), None);
    assert_eq!(
        refusal(&objects(), &bind("Role", "nope")),
        Some(Refusal::RoleNotFound("nope".into()))
    );
    let mut objects = objects();
    objects.push(role(
        "",
        "secrets",
        &json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}]),
    ));
    let refused = refusal(&objects, &bind("ClusterRole", "secrets"));
    assert!(
        matches!(refused, Some(Refusal::Forbidden(_))),
        "{refused:?}"
    );
    objects.push(role(
        "default",
        "binder",
        &json!([{"apiGroups": ["rbac.authorization.k8s.io"],
        "resources": ["clusterroles"], "resourceNames": ["secrets"], "verbs": ["bind"]}]),
    ));
    objects.push(binding(
        "default",
        "binder",
        ("Role", "binder"),
        &json!([{"kind": "User", "name": "jo"}]),
    ));
    assert_eq!(refusal(&objects, &bind("ClusterRole", "secrets")), None);
}

#[test]
fn masters_may_write_any_role() {
    let policy = Policy::of(&[]);
    let all = role(
        "",
        "x",
        &json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]),
    );
    assert_eq!(
        escalation(&policy, "admin", &groups(&["system:masters"]), &all),
        None
    );
}

#[test]
fn a_cluster_begins_with_roles_that_are_put_together() {
    let objects = bootstrap();
    let policy = Policy::of(&objects);
    let named = |name: &str| {
        objects
            .iter()
            .find(|object| object["metadata"]["name"] == name)
            .unwrap()
    };
    for (name, verb, resource, allowed) in [
        ("view", "get", "configmaps", true),
        ("view", "get", "secrets", false),
        ("edit", "create", "secrets", true),
        ("edit", "get", "configmaps", true),
        ("admin", "create", "rolebindings", false),
        ("admin", "get", "configmaps", true),
    ] {
        let rules = Rule::all(&named(name)["rules"]);
        let attributes = Attributes {
            verb,
            resource,
            ..Attributes::default()
        };
        assert_eq!(
            rules.iter().any(|rule| rule.allows(&attributes)),
            allowed,
            "{name} {verb} {resource}"
        );
    }
    let authenticated = groups(&["system:authenticated"]);
    let discovery = Attributes {
        user: "x",
        groups: &authenticated,
        verb: "get",
        path: "/apis",
        ..Attributes::default()
    };
    assert!(allows(&policy, &discovery));
    assert!(!allows(
        &policy,
        &Attributes {
            path: "/metrics",
            ..discovery
        }
    ));
}

#[test]
fn a_role_without_an_aggregation_rule_keeps_its_rules() {
    let plain = role("", "r", &json!([]));
    assert_eq!(aggregated(&plain, &[]), None);
    let mut part = role(
        "",
        "part",
        &json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]),
    );
    part["metadata"]["labels"] = json!({"tier": "one"});
    let whole = json!({"kind": "ClusterRole", "metadata": {"name": "whole"}, "aggregationRule":
        {"clusterRoleSelectors": [{"matchExpressions": [{"key": "tier", "operator": "In", "values": ["one", "two"]}]}]}});
    assert_eq!(
        aggregated(&whole, &[&part, &plain, &whole]),
        Some(part["rules"].clone())
    );
}

#[test]
fn a_role_that_is_not_there_is_named_when_rights_are_missing() {
    let mut objects = objects();
    objects.push(binding(
        "default",
        "miss2",
        ("Role", "nope"),
        &json!([{"kind": "User", "name": "jo"}]),
    ));
    let wanted = role(
        "default",
        "e9",
        &json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["delete"]}]),
    );
    let text = "user \"jo\" (groups=[\"dev\" \"system:authenticated\"]) is attempting to grant RBAC \
        permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"delete\"]}; \
        resolution errors: [roles.rbac.authorization.k8s.io \"nope\" not found]";
    assert_eq!(
        refusal(&objects, &wanted),
        Some(Refusal::Forbidden(text.into()))
    );
}
