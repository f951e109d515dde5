//! Every rule of the schemas, passed and refused, without a cluster. That a real API server agrees
//! is for the end-to-end tests.
#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "helpers of tests"
)]

mod common;

use std::collections::BTreeSet;

use common::{definitions, schema};
use serde_json::{Value, json};

/// The messages of the rules that an object breaks.
fn broken(kind: &str, new: &Value, old: Option<&Value>) -> BTreeSet<String> {
    let definitions = definitions();
    let (_, definition) = definitions.iter().find(|(k, _)| k == kind).unwrap();
    kube_cel::Validator::new()
        .validate(schema(definition), new, old)
        .err()
        .into_iter()
        .flatten()
        .map(|e| e.message)
        .collect()
}

#[track_caller]
fn passes(kind: &str, new: &Value, old: Option<&Value>) {
    assert_eq!(broken(kind, new, old), BTreeSet::new(), "{new}");
}

#[track_caller]
fn refused(kind: &str, new: &Value, old: Option<&Value>, words: &str) {
    let messages = broken(kind, new, old);
    assert!(
        messages.len() == 1 && messages.iter().all(|m| m.contains(words)),
        "{new}\nwanted: {words}\ngot: {messages:?}"
    );
}

/// `base` with the members of `more` on top (objects merged, anything else replaced).
fn with(base: &Value, more: Value) -> Value {
    match (base, more) {
        (Value::Object(base), Value::Object(more)) => {
            let mut out = base.clone();
            for (key, value) in more {
                let merged = with(&base.get(&key).cloned().unwrap_or_default(), value);
                out.insert(key, merged);
            }
            Value::Object(out)
        }
        (_, more) => more,
    }
}

fn role(credential_type: &str, spec: Value) -> Value {
    let base = json!({"spec": {
        "vaultRef": {"name": "vault"}, "path": "aws", "credentialType": credential_type
    }});
    with(&base, json!({"spec": spec}))
}

const ARN: &str = "arn:aws:iam::123456789012:role/app";

#[test]
fn the_role_of_a_role_is_fixed() {
    let old = role("iam_user", json!({}));
    passes(
        "AWSRole",
        &role("iam_user", json!({"policyARNs": [ARN]})),
        Some(&old),
    );
    for change in [
        json!({"path": "aws2"}),
        json!({"vaultRef": {"name": "other"}}),
    ] {
        let new = role("iam_user", change);
        refused("AWSRole", &new, Some(&old), "create another AWSRole");
    }
}

#[test]
fn a_path_is_one_that_vault_keeps_as_it_is() {
    let engine = |path: &str| {
        json!({"spec": {"vaultRef": {"name": "vault"}, "path": path,
            "aws": {"credentialSecret": "root", "region": "us-east-1"}}})
    };
    for path in ["aws", "team-a/aws", "a.b/c_d", "..a/b..", "..."] {
        passes("AWSRole", &role("iam_user", json!({"path": path})), None);
        passes("SecretEngine", &engine(path), None);
    }
    let words = "no / at the beginning or the end";
    for path in [
        "/aws", "aws/", "a//b", ".", "..", "../sys", "a/../b", "a/.", "a b", "aws\n",
    ] {
        let role = role("iam_user", json!({"path": path}));
        refused("AWSRole", &role, None, words);
        refused("SecretEngine", &engine(path), None, words);
    }
}

#[test]
fn credential_types_take_what_vault_takes() {
    let document = "{}";
    for (credential_type, spec) in [
        (
            "iam_user",
            json!({"policyARNs": [ARN], "policyDocument": document, "iamGroups": ["g"],
            "iamTags": {"a": "b"}, "userPath": "/vault/", "permissionsBoundaryARN": ARN}),
        ),
        (
            "assumed_role",
            json!({"roleARNs": [ARN], "policyARNs": [ARN], "iamGroups": ["g"], "externalID": "x",
            "policy": {"Version": "2012-10-17"}, "sessionTags": {"a": "b"},
            "defaultSTSTTL": "15m", "maxSTSTTL": "1h"}),
        ),
        (
            "federation_token",
            json!({"policyDocument": document, "policyARNs": [ARN], "iamGroups": ["g"],
            "maxSTSTTL": "1h"}),
        ),
        (
            "session_token",
            json!({"mfaSerialNumber": "GAHT12345678", "defaultSTSTTL": "1h"}),
        ),
        (
            "federation_token",
            json!({"roleARNs": [], "sessionTags": {}, "iamTags": {}}),
        ),
    ] {
        passes("AWSRole", &role(credential_type, spec), None);
    }
}

#[test]
fn credential_types_refuse_what_vault_refuses() {
    let arns = json!({"roleARNs": [ARN]});
    for (credential_type, spec, words) in [
        (
            "iam_user",
            arns.clone(),
            "roleARNs are only for credentialType assumed_role",
        ),
        (
            "federation_token",
            arns.clone(),
            "roleARNs are only for credentialType assumed_role",
        ),
        (
            "assumed_role",
            json!({}),
            "assumed_role needs at least one of roleARNs",
        ),
        (
            "assumed_role",
            json!({"roleARNs": []}),
            "assumed_role needs at least one of roleARNs",
        ),
        (
            "iam_user",
            json!({"externalID": "x"}),
            "externalID and sessionTags are only for",
        ),
        (
            "session_token",
            json!({"sessionTags": {"a": "b"}}),
            "externalID and sessionTags are only",
        ),
        (
            "iam_user",
            json!({"defaultSTSTTL": "1h"}),
            "is the SecretEngine's leaseConfig",
        ),
        (
            "iam_user",
            json!({"maxSTSTTL": "1h"}),
            "is the SecretEngine's leaseConfig",
        ),
        (
            "federation_token",
            json!({"userPath": "/a/"}),
            "are only for credentialType iam_user",
        ),
        (
            "session_token",
            json!({"permissionsBoundaryARN": ARN}),
            "are only for credentialType iam_user",
        ),
        (
            "assumed_role",
            with(&arns, json!({"iamTags": {"a": "b"}})),
            "are only for credentialType iam_user",
        ),
        (
            "iam_user",
            json!({"mfaSerialNumber": "x"}),
            "only for credentialType session_token",
        ),
        (
            "session_token",
            json!({"policyDocument": "{}"}),
            "takes no policies and no groups",
        ),
        (
            "session_token",
            json!({"policy": {}}),
            "takes no policies and no groups",
        ),
        (
            "session_token",
            json!({"policyARNs": [ARN]}),
            "takes no policies and no groups",
        ),
        (
            "session_token",
            json!({"iamGroups": ["g"]}),
            "takes no policies and no groups",
        ),
        (
            "iam_user",
            json!({"policy": {}, "policyDocument": "{}"}),
            "give one of them",
        ),
    ] {
        refused("AWSRole", &role(credential_type, spec), None, words);
    }
}

#[test]
fn namespaces_are_chosen_in_one_way() {
    let allowed = |how: Value| role("iam_user", json!({"allowedNamespaces": how}));
    let labels = json!({"matchLabels": {"team": "a"}});
    let demand =
        |demand: Value| json!({"from": "Selector", "selector": {"matchExpressions": [demand]}});
    for how in [
        json!({"from": "Same"}),
        json!({"from": "All"}),
        json!({"from": "Selector", "selector": labels}),
        demand(json!({"key": "team", "operator": "In", "values": ["a", "b"]})),
        demand(json!({"key": "team", "operator": "NotIn", "values": ["a"]})),
        demand(json!({"key": "team", "operator": "Exists"})),
        demand(json!({"key": "team", "operator": "DoesNotExist"})),
    ] {
        passes("AWSRole", &allowed(how), None);
    }
    for (how, words) in [
        (
            json!({"from": "Selector"}),
            "give a selector with from: Selector",
        ),
        (
            json!({"from": "All", "selector": labels}),
            "give a selector with from: Selector",
        ),
        (
            json!({"from": "Selector", "selector": {}}),
            "for every namespace write from: All",
        ),
        (
            json!({"from": "Selector", "selector": {"matchLabels": {}, "matchExpressions": []}}),
            "for every namespace write from: All",
        ),
        (
            demand(json!({"key": "team", "operator": "In"})),
            "In and NotIn need values",
        ),
        (
            demand(json!({"key": "team", "operator": "Exists", "values": ["a"]})),
            "Exists and DoesNotExist take none",
        ),
    ] {
        refused("AWSRole", &allowed(how), None, words);
    }
}

#[test]
fn the_mount_of_an_engine_is_fixed() {
    let old = json!({"spec": {
        "vaultRef": {"name": "vault"}, "path": "aws", "deletionPolicy": "Delete",
        "aws": {"credentialSecret": "aws-cred", "region": "us-east-1"}
    }});
    let kind = "SecretEngine";
    passes(kind, &old, None);
    passes(
        kind,
        &with(&old, json!({"spec": {"aws": {"region": "eu-west-1"}}})),
        Some(&old),
    );
    for change in [
        json!({"path": "aws2"}),
        json!({"vaultRef": {"name": "other"}}),
    ] {
        let new = with(&old, json!({"spec": change}));
        refused(kind, &new, Some(&old), "create another SecretEngine");
    }
}

const REQUEST: &str = "AWSAccessKeyRequest";

fn request() -> Value {
    json!({"spec": {
        "roleRef": {"name": "aws-role", "namespace": "demo"},
        "subjects": [{"kind": "ServiceAccount", "name": "sa", "namespace": "demo"}],
        "ttl": "1h"
    }})
}

fn said(conditions: Value) -> Value {
    with(&request(), json!({"status": {"conditions": conditions}}))
}

#[test]
fn subjects_are_those_of_a_role_binding() {
    let group = "rbac.authorization.k8s.io";
    let one = |subject: Value| with(&request(), json!({"spec": {"subjects": [subject]}}));
    for subject in [
        json!({"kind": "ServiceAccount", "name": "a", "namespace": "b", "apiGroup": ""}),
        json!({"kind": "User", "name": "a"}),
        json!({"kind": "Group", "name": "a", "apiGroup": group}),
    ] {
        passes(REQUEST, &one(subject), None);
    }
    for (subject, words) in [
        (
            json!({"kind": "Robot", "name": "a"}),
            "is ServiceAccount, User or Group",
        ),
        (
            json!({"kind": "ServiceAccount", "name": "a"}),
            "needs its namespace",
        ),
        (
            json!({"kind": "ServiceAccount", "name": "a", "namespace": ""}),
            "needs its namespace",
        ),
        (
            json!({"kind": "User", "name": "a", "apiGroup": "apps"}),
            "leave apiGroup",
        ),
        (
            json!({"kind": "ServiceAccount", "name": "a", "namespace": "b", "apiGroup": group}),
            "leave apiGroup",
        ),
    ] {
        refused(REQUEST, &one(subject), None, words);
    }
}

#[test]
fn a_request_nobody_has_judged_may_change() {
    let changed = with(
        &request(),
        json!({"spec": {"ttl": "2h", "roleRef": {"name": "other"}}}),
    );
    passes(REQUEST, &changed, Some(&request()));
    let old = said(json!([{"type": "Ready", "status": "False"}]));
    passes(
        REQUEST,
        &with(&old, json!({"spec": {"useSTS": true}})),
        Some(&old),
    );
}

#[test]
fn what_was_judged_does_not_change() {
    let more = json!([
        {"kind": "ServiceAccount", "name": "sa", "namespace": "demo"},
        {"kind": "User", "name": "eve"}
    ]);
    for verdict in ["Approved", "Denied"] {
        let old = said(json!([{"type": "Ready"}, {"type": verdict}]));
        passes(
            REQUEST,
            &with(&old, json!({"metadata": {"labels": {"a": "b"}}})),
            Some(&old),
        );
        for spec in [
            json!({"roleRef": {"name": "admin"}}),
            json!({"roleRef": {"namespace": "other"}}),
            json!({"roleRef": {"kind": "AWSRole"}}),
            json!({"subjects": more}),
            json!({"roleARN": ARN}),
            json!({"ttl": "2h"}),
            json!({"useSTS": true}),
        ] {
            let new = with(&old, json!({"spec": spec}));
            refused(
                REQUEST,
                &new,
                Some(&old),
                "cannot change: create another request",
            );
        }
        let mut without_ttl = old.clone();
        without_ttl["spec"].as_object_mut().unwrap().remove("ttl");
        refused(
            REQUEST,
            &without_ttl,
            Some(&old),
            "cannot change: create another request",
        );
    }
}

#[test]
fn a_verdict_stays() {
    for verdict in ["Approved", "Denied"] {
        let old = said(json!([{"type": verdict, "status": "True"}, {"type": "Ready"}]));
        passes(REQUEST, &said(json!([{"type": verdict}])), Some(&old));
        passes(
            REQUEST,
            &said(json!([{"type": verdict}, {"type": "Denied"}])),
            Some(&old),
        );
        for new in [
            request(),
            said(json!([])),
            said(json!([{"type": "Ready"}])),
            said(json!([{"type": verdict, "status": "False"}])),
            said(json!([{"type": verdict, "status": "Unknown"}])),
        ] {
            refused(REQUEST, &new, Some(&old), "cannot be taken back");
        }
    }
    // What never held may go on not holding.
    let old = said(json!([{"type": "Approved", "status": "False"}]));
    passes(REQUEST, &old, Some(&old));
    passes(
        REQUEST,
        &said(json!([{"type": "Approved", "status": "True"}])),
        Some(&old),
    );
}

/// A rule nobody tests here would be noticed only in a cluster.
#[test]
fn every_rule_is_known_to_this_test() {
    let mut count = 0;
    for (_, definition) in definitions() {
        count += definition.to_string().matches("\"rule\":").count();
    }
    assert_eq!(
        count, 20,
        "add a passing and a refused case for the new rule"
    );
}
