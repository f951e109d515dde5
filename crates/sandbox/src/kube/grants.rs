//! What roles and bindings must be.

use serde_json::{Value, json};

use super::meta;
use super::schema::Cause;

const RBAC: &str = "rbac.authorization.k8s.io";

pub(super) fn prepare_binding(binding: &mut Value) {
    let subjects = binding.get_mut("subjects").and_then(Value::as_array_mut);
    for subject in subjects.into_iter().flatten() {
        let is_person = subject["kind"] == "User" || subject["kind"] == "Group";
        let group = meta::field(subject, "apiGroup");
        if is_person && group.as_str().is_none_or(str::is_empty) {
            *group = RBAC.into();
        } else if group == "" {
            meta::field(subject, "apiGroup").take();
            if let Some(map) = subject.as_object_mut() {
                map.remove("apiGroup");
            }
        }
        if let Some(map) = subject.as_object_mut() {
            map.retain(|_, value| !value.is_null());
        }
    }
    let group = meta::field(meta::field(binding, "roleRef"), "apiGroup");
    if group.as_str().is_none_or(str::is_empty) {
        *group = RBAC.into();
    }
}

pub(super) fn check_role(role: &Value, is_cluster_wide: bool) -> Vec<Cause> {
    let mut causes = Vec::new();
    let has = |rule: &Value, key: &str| rule[key].as_array().is_some_and(|list| !list.is_empty());
    for (at, rule) in role["rules"].as_array().into_iter().flatten().enumerate() {
        let field = |key: &str| format!("rules[{at}].{key}");
        if !has(rule, "verbs") {
            causes.push(Cause::required(
                &field("verbs"),
                "verbs must contain at least one value",
            ));
        }
        if has(rule, "nonResourceURLs") {
            let value = &rule["nonResourceURLs"];
            if !is_cluster_wide {
                let why = "namespaced rules cannot apply to non-resource URLs";
                causes.push(Cause::invalid(&field("nonResourceURLs"), value, why));
            }
            if has(rule, "apiGroups") || has(rule, "resources") {
                let why = "rules cannot apply to both regular resources and non-resource URLs";
                causes.push(Cause::invalid(&field("nonResourceURLs"), value, why));
            }
            continue;
        }
        if !has(rule, "apiGroups") {
            let why = "resource rules must supply at least one api group";
            causes.push(Cause::required(&field("apiGroups"), why));
        }
        if !has(rule, "resources") {
            let why = "resource rules must supply at least one resource";
            causes.push(Cause::required(&field("resources"), why));
        }
    }
    causes
}

pub(super) fn check_binding(binding: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = Vec::new();
    let role = &binding["roleRef"];
    if role["apiGroup"] != RBAC {
        causes.push(Cause::not_supported(
            "roleRef.apiGroup",
            &role["apiGroup"],
            [RBAC],
        ));
    }
    let kinds: &[&str] = match binding["kind"].as_str() {
        Some("ClusterRoleBinding") => &["ClusterRole"],
        _ => &["Role", "ClusterRole"],
    };
    if !kinds.iter().any(|kind| role["kind"] == *kind) {
        let kind = role["kind"].as_str().unwrap_or_default();
        causes.push(Cause::not_supported(
            "roleRef.kind",
            &kind.into(),
            kinds.iter().copied(),
        ));
    }
    if role["name"].as_str().is_none_or(str::is_empty) {
        causes.push(Cause::required("roleRef.name", ""));
    }
    for (at, subject) in binding["subjects"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        let is_wide = binding["kind"] == "ClusterRoleBinding";
        causes.extend(check_subject(subject, &format!("subjects[{at}]"), is_wide));
    }
    if let Some(old) = old
        && old["roleRef"] != *role
    {
        // The server shows its internal form.
        let shown =
            json!({"APIGroup": role["apiGroup"], "Kind": role["kind"], "Name": role["name"]});
        causes.push(Cause::invalid("roleRef", &shown, "cannot change roleRef"));
    }
    causes
}

fn check_subject(subject: &Value, field: &str, is_wide: bool) -> Vec<Cause> {
    let mut causes = Vec::new();
    let text = |key: &str| subject[key].as_str().unwrap_or_default();
    if text("name").is_empty() {
        causes.push(Cause::required(&format!("{field}.name"), ""));
    }
    let group = |wanted: &'static str| {
        let is_wrong = text("apiGroup") != wanted;
        let field = format!("{field}.apiGroup");
        is_wrong.then(|| Cause::not_supported(&field, &text("apiGroup").into(), [wanted]))
    };
    match text("kind") {
        "ServiceAccount" => {
            causes.extend(group(""));
            if is_wide && text("namespace").is_empty() {
                causes.push(Cause::required(&format!("{field}.namespace"), ""));
            }
        }
        "User" | "Group" => causes.extend(group(RBAC)),
        kind => {
            let known = ["ServiceAccount", "User", "Group"];
            causes.push(Cause::not_supported(
                &format!("{field}.kind"),
                &kind.into(),
                known,
            ));
        }
    }
    causes
}
