//! The files in `crds/` are what the types say, and such as a Kubernetes API server takes.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::BTreeSet;
use std::fs;

use common::{definitions, repository, same_or_update, schema};
use serde_json::Value;

const HEADER: &str = "\
# Generated from crates/api-types; do not edit.
# After a change of the types: UPDATE=1 cargo test -p leasehold-api-types
";

fn path(definition: &Value) -> String {
    let spec = &definition["spec"];
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    format!(
        "crds/{}_{}.yaml",
        text(&spec["group"]),
        text(&spec["names"]["plural"])
    )
}

#[test]
fn files_are_what_the_types_say() {
    for (kind, definition) in definitions() {
        let yaml = serde_saphyr::to_string(&definition).unwrap();
        let read: Value = serde_saphyr::from_str(&yaml).unwrap();
        assert_eq!(
            read, definition,
            "{kind}: the YAML does not say what was written"
        );
        same_or_update(&path(&definition), &format!("{HEADER}{yaml}"));
    }

    let wanted: BTreeSet<String> = definitions().iter().map(|(_, d)| path(d)).collect();
    let found: BTreeSet<String> = fs::read_dir(repository("crds"))
        .unwrap()
        .map(|e| format!("crds/{}", e.unwrap().file_name().into_string().unwrap()))
        .collect();
    assert_eq!(found, wanted, "one file for each kind and no other");
}

/// Calls `see` with every schema below `node` and its path.
fn walk(node: &Value, path: &str, see: &mut impl FnMut(&str, &Value)) {
    see(path, node);
    if let Some(properties) = node["properties"].as_object() {
        for (name, child) in properties {
            walk(child, &format!("{path}.{name}"), see);
        }
    }
    for inner in ["items", "additionalProperties"] {
        if node[inner].is_object() {
            walk(&node[inner], &format!("{path}[]"), see);
        }
    }
}

#[test]
fn schemas_are_structural_and_described() {
    let formats = ["int32", "int64", "byte", "date-time"];
    for (kind, definition) in definitions() {
        walk(schema(&definition), &kind, &mut |path, node| {
            assert!(node["type"].is_string(), "{path}: no type");
            if let Some(format) = node["format"].as_str() {
                assert!(
                    formats.contains(&format),
                    "{path}: Kubernetes knows no format {format}"
                );
            }
            if node["x-kubernetes-embedded-resource"] == true {
                assert_eq!(node["type"], "object", "{path}");
                assert_eq!(node["x-kubernetes-preserve-unknown-fields"], true, "{path}");
            }
            assert!(!(node["properties"].is_object() && node["additionalProperties"].is_object()));
            let element = path.ends_with("[]");
            let root_part = path.matches('.').count() == 0;
            assert!(
                element || root_part || node["description"].is_string(),
                "{path}: no description"
            );
            for required in node["required"].as_array().into_iter().flatten() {
                let known = node["properties"].get(required.as_str().unwrap());
                assert!(
                    known.is_some(),
                    "{path}: required {required} is no property"
                );
            }
        });
    }
}

#[test]
fn what_rules_count_through_is_bounded() {
    for (kind, definition) in definitions() {
        walk(schema(&definition), &kind, &mut |path, node| {
            let Some(property) = path.rsplit('.').next() else {
                return;
            };
            match property {
                "conditions" => assert_eq!(node["maxItems"], 32, "{path}"),
                "subjects" | "retiring" => assert_eq!(node["maxItems"], 64, "{path}"),
                _ if node["type"] == "array" => assert!(node["maxItems"].is_u64(), "{path}"),
                _ => {}
            }
            let compared = path.contains(".subjects") || path.contains(".conditions");
            if compared && node["type"] == "string" && node["format"].is_null() {
                assert!(
                    node["maxLength"].is_u64(),
                    "{path}: a string without a limit"
                );
            }
        });
    }
}

#[test]
fn unknown_fields_are_kept_in_an_app_binding_only() {
    for (kind, definition) in definitions() {
        let mut kept = BTreeSet::new();
        walk(schema(&definition), "", &mut |path, node| {
            if node["x-kubernetes-preserve-unknown-fields"] == true {
                kept.insert(path.to_owned());
            }
        });
        let wanted: &[&str] = match kind.as_str() {
            "AppBinding" => &[
                ".spec",
                ".spec.clientConfig",
                ".spec.clientConfig.service",
                ".spec.parameters",
                ".spec.secret",
            ],
            "AWSRole" => &[".spec.policy"],
            _ => &[],
        };
        assert_eq!(
            kept,
            wanted.iter().map(ToString::to_string).collect(),
            "{kind}"
        );
    }
}

#[test]
fn names_are_kubevaults() {
    let named: Vec<String> = definitions()
        .iter()
        .map(|(_, d)| {
            let versions = d["spec"]["versions"].as_array().unwrap();
            assert_eq!(versions.len(), 1);
            assert_eq!(versions[0]["name"], "v1alpha1");
            assert_eq!(d["spec"]["scope"], "Namespaced");
            assert_eq!(
                d["metadata"]["labels"]["app.kubernetes.io/part-of"],
                "leasehold"
            );
            let status = versions[0]["subresources"]["status"].is_object();
            assert_eq!(status, d["spec"]["names"]["kind"] != "AppBinding");
            d["metadata"]["name"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(
        named,
        [
            "appbindings.appcatalog.appscode.com",
            "secretengines.engine.kubevault.com",
            "awsroles.engine.kubevault.com",
            "awsaccesskeyrequests.engine.kubevault.com",
        ]
    );
}

/// The fields KubeVault's manifests may hold, of the engines we run.
#[test]
fn fields_are_kubevaults() {
    let names = |kind: &str| -> &[&str] {
        match kind {
            "AppBinding" => &[
                "spec.clientConfig.url",
                "spec.clientConfig.service.scheme",
                "spec.clientConfig.service.name",
                "spec.clientConfig.service.port",
                "spec.clientConfig.service.path",
                "spec.clientConfig.service.query",
                "spec.clientConfig.insecureSkipTLSVerify",
                "spec.clientConfig.caBundle",
                "spec.clientConfig.serverName",
                "spec.secret.name",
                "spec.parameters",
            ],
            "SecretEngine" => &[
                "spec.vaultRef.name",
                "spec.path",
                "spec.aws.credentialSecret",
                "spec.aws.region",
                "spec.aws.iamEndpoint",
                "spec.aws.stsEndpoint",
                "spec.aws.maxRetries",
                "spec.aws.leaseConfig.lease",
                "spec.aws.leaseConfig.leaseMax",
                "status.phase",
                "status.observedGeneration",
                "status.conditions",
            ],
            "AWSRole" => &[
                "spec.vaultRef.name",
                "spec.path",
                "spec.credentialType",
                "spec.roleARNs",
                "spec.policyARNs",
                "spec.policyDocument",
                "spec.policy",
                "spec.defaultSTSTTL",
                "spec.maxSTSTTL",
                "status.phase",
                "status.observedGeneration",
                "status.conditions",
            ],
            _ => &[
                "spec.roleRef.apiGroup",
                "spec.roleRef.kind",
                "spec.roleRef.name",
                "spec.roleRef.namespace",
                "spec.subjects[].kind",
                "spec.subjects[].apiGroup",
                "spec.subjects[].name",
                "spec.subjects[].namespace",
                "spec.roleARN",
                "spec.ttl",
                "spec.useSTS",
                "status.phase",
                "status.observedGeneration",
                "status.conditions[].type",
                "status.conditions[].status",
                "status.conditions[].reason",
                "status.conditions[].message",
                "status.conditions[].lastUpdateTime",
                "status.conditions[].lastTransitionTime",
                "status.conditions[].observedGeneration",
                "status.secret.name",
                "status.lease.id",
                "status.lease.duration",
                "status.lease.renewable",
            ],
        }
    };
    for (kind, definition) in definitions() {
        let mut found = BTreeSet::new();
        walk(schema(&definition), "", &mut |path, _| {
            found.insert(path.to_owned());
        });
        for name in names(&kind) {
            assert!(found.contains(&format!(".{name}")), "{kind} has no {name}");
        }
    }
}
