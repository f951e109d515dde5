//! What `deploy/` grants, right by right: whoever widens it changes this list too, and gives the
//! reason in a comment there.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../deploy")
        .join(file)
}

fn text(file: &str) -> String {
    fs::read_to_string(path(file)).unwrap()
}

fn documents(file: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&text(file)).unwrap()
}

fn strings(value: &Value) -> Vec<String> {
    let list = value.as_array().unwrap();
    list.iter()
        .map(|v| v.as_str().unwrap().to_owned())
        .collect()
}

/// `group/resource: verbs`, sorted; the core group is empty.
fn rights(role: &Value) -> Vec<String> {
    let mut triples = BTreeSet::new();
    for rule in role["rules"].as_array().unwrap() {
        for group in strings(&rule["apiGroups"]) {
            for resource in strings(&rule["resources"]) {
                for verb in strings(&rule["verbs"]) {
                    triples.insert((group.clone(), resource.clone(), verb));
                }
            }
        }
        assert_eq!(
            rule.as_object().unwrap().len(),
            3,
            "a rule of another shape: {rule}"
        );
    }
    let mut lines: Vec<String> = Vec::new();
    for (group, resource, verb) in triples {
        let head = format!("{group}/{resource}:");
        match lines.last_mut().filter(|line| line.starts_with(&head)) {
            Some(line) => line.extend([" ", &verb]),
            None => lines.push(format!("{head} {verb}")),
        }
    }
    lines
}

/// Each line that begins so has a comment above it.
fn commented(file: &str, begins: &str) -> usize {
    let text = text(file);
    let lines: Vec<&str> = text.lines().collect();
    let rules = (0..lines.len()).filter(|i| lines[*i].starts_with(begins));
    rules
        .inspect(|i| {
            let above = lines[i - 1].trim_start();
            assert!(above.starts_with('#'), "{file}:{}: say why", i + 1);
        })
        .count()
}

#[test]
fn the_operator_may_do_this_and_no_more() {
    let file = "kubernetes/clusterrole.yaml";
    let role = &documents(file)[0];
    assert_eq!(
        rights(role),
        [
            "/namespaces: get",
            "/secrets: create delete get list update watch",
            "/serviceaccounts/token: create",
            "appcatalog.appscode.com/appbindings: list watch",
            "engine.kubevault.com/awsaccesskeyrequests: list patch watch",
            "engine.kubevault.com/awsaccesskeyrequests/finalizers: update",
            "engine.kubevault.com/awsaccesskeyrequests/status: patch",
            "engine.kubevault.com/awsroles: list patch watch",
            "engine.kubevault.com/awsroles/status: patch",
            "engine.kubevault.com/secretengines: list patch watch",
            "engine.kubevault.com/secretengines/status: patch",
            "events.k8s.io/events: create patch",
            "rbac.authorization.k8s.io/rolebindings: create get list update watch",
            "rbac.authorization.k8s.io/roles: create get list update watch",
        ]
    );
    assert_eq!(
        commented(file, "  - apiGroups:"),
        role["rules"].as_array().unwrap().len()
    );
}

#[test]
fn people_may_do_this_and_no_more() {
    let file = "kubernetes/userroles.yaml";
    let roles = documents(file);
    let all: Vec<(String, Vec<String>)> = roles
        .iter()
        .map(|r| {
            (
                r["metadata"]["name"].as_str().unwrap().to_owned(),
                rights(r),
            )
        })
        .collect();
    let wanted: [(&str, &[&str]); 4] = [
        (
            "leasehold-view",
            &[
                "appcatalog.appscode.com/appbindings: get list watch",
                "engine.kubevault.com/awsaccesskeyrequests: get list watch",
                "engine.kubevault.com/awsroles: get list watch",
                "engine.kubevault.com/secretengines: get list watch",
            ],
        ),
        (
            "leasehold-edit",
            &["engine.kubevault.com/awsaccesskeyrequests: create delete patch update"],
        ),
        (
            "leasehold-platform",
            &[
                "appcatalog.appscode.com/appbindings: create delete get list patch update watch",
                "engine.kubevault.com/awsroles: create delete get list patch update watch",
                "engine.kubevault.com/secretengines: create delete get list patch update watch",
            ],
        ),
        (
            "leasehold-approver",
            &[
                "engine.kubevault.com/awsaccesskeyrequests: get list watch",
                "engine.kubevault.com/awsaccesskeyrequests/status: patch",
                "engine.kubevault.com/awsroles: get list watch",
            ],
        ),
    ];
    assert_eq!(all.len(), wanted.len());
    for ((name, rights), (wanted_name, wanted)) in all.iter().zip(wanted) {
        assert_eq!(
            (name.as_str(), rights.join("\n")),
            (wanted_name, wanted.join("\n"))
        );
    }
    let aggregated = |role: &Value| {
        let labels = role["metadata"]["labels"].as_object().unwrap();
        labels
            .keys()
            .any(|k| k.starts_with("rbac.authorization.k8s.io/aggregate-to"))
    };
    // To approve, and to say what may be issued, is given by hand.
    assert_eq!(
        roles.iter().map(aggregated).collect::<Vec<_>>(),
        [true, true, false, false]
    );
    let count: usize = roles
        .iter()
        .map(|r| r["rules"].as_array().unwrap().len())
        .sum();
    assert_eq!(commented(file, "  - apiGroups:"), count);
}

/// `path: capabilities` of a policy, in its order.
fn policy(file: &str) -> Vec<String> {
    let text = text(file);
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'));
    let mut found = Vec::new();
    let mut path = "";
    for line in lines {
        if let Some(rest) = line.strip_prefix("path \"") {
            path = rest.split('"').next().unwrap();
        } else if let Some(rest) = line.strip_prefix("capabilities = [") {
            found.push(format!(
                "{path}: {}",
                rest.trim_end_matches(']').replace('"', "")
            ));
        } else {
            assert!(line.is_empty() || line == "}", "{file}: {line}");
        }
    }
    found
}

#[test]
fn the_login_may_do_this_in_vault_and_no_more() {
    assert_eq!(
        policy("vault/leasehold.hcl"),
        [
            "sys/mounts/aws: create, read, update, delete",
            "sys/mounts/aws/tune: read",
            "aws/config/root: create, read, update",
            "aws/config/lease: create, read, update",
            "aws/roles/k8s.*: create, read, update, delete",
            "aws/sts/k8s.*: read",
            "auth/token/create-orphan: create, update",
            "auth/token/lookup-accessor: update",
            "auth/token/revoke-accessor: update",
            "sys/leases/lookup: update",
            "sys/leases/revoke: update",
            "auth/token/lookup-self: read",
            "auth/token/renew-self: update",
        ]
    );
    assert_eq!(
        policy("vault/leasehold-keeper.hcl"),
        ["aws/creds/k8s.*: read"]
    );
    // One comment is about two paths.
    let text = text("vault/leasehold.hcl").replace("}\n\npath \"auth/token/renew-self\"", "");
    let lines: Vec<&str> = text.lines().collect();
    for (i, _) in lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.starts_with("path "))
    {
        assert!(
            lines[i - 1].starts_with('#'),
            "leasehold.hcl: {}: say why",
            lines[i]
        );
    }
}

#[test]
fn the_pod_is_kept_small() {
    let deployment = &documents("kubernetes/deployment.yaml")[0];
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let context = &container["securityContext"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(
        pod["securityContext"]["seccompProfile"]["type"],
        "RuntimeDefault"
    );
    assert_eq!(context["readOnlyRootFilesystem"], true);
    assert_eq!(context["allowPrivilegeEscalation"], false);
    assert_eq!(context["capabilities"]["drop"][0], "ALL");
    let command = ["leasehold".to_owned()]
        .into_iter()
        .chain(strings(&container["args"]));
    let cli = <leasehold_operator::args::Cli as clap::Parser>::try_parse_from(command).unwrap();
    let leasehold_operator::args::Command::Run(args) = cli.command else {
        unreachable!("the pod runs the operator");
    };
    let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
    assert!(
        args.grace.as_secs() < grace,
        "the pod is killed before its grace is over"
    );
}

#[test]
fn kustomize_finds_every_file() {
    let kustomization = &documents("kubernetes/kustomization.yaml")[0];
    let named: BTreeSet<String> = strings(&kustomization["resources"]).into_iter().collect();
    let mut found: BTreeSet<String> = fs::read_dir(path("kubernetes"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(found.remove("kustomization.yaml"));
    assert_eq!(named, found);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(kustomization["images"][0]["newTag"], version);
}
