//! KubeVault's manifests (`examples/seeds/`) and ours (`examples/quickstart/`, `examples/tutorial/`) are read strictly
//! and written back: nothing is lost, nothing appears but the defaults listed here.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::collections::BTreeSet;
use std::fs;

use common::{definitions, repository, schema};
use k8s_openapi::api::core::v1::Secret;
use leasehold_api_types::{
    AWSAccessKeyRequest, AWSRole, AppBinding, AwsAccessKeyRequestStatus, SecretEngine,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// What a kind's defaults add to a manifest that leaves them out, by JSON pointer.
fn defaults(kind: &str) -> Vec<(&'static str, Value)> {
    match kind {
        "SecretEngine" => {
            vec![
                ("/spec/path", json!("aws")),
                ("/spec/deletionPolicy", json!("Delete")),
            ]
        }
        "AWSRole" => vec![("/spec/path", json!("aws"))],
        _ => vec![],
    }
}

fn with_defaults(mut manifest: Value) -> Value {
    let kind = manifest["kind"].as_str().unwrap().to_owned();
    for (pointer, value) in defaults(&kind) {
        if manifest.pointer(pointer).is_none() {
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            manifest.pointer_mut(parent).unwrap()[key] = value;
        }
    }
    manifest
}

/// What is left of a manifest after our types have read it.
fn back<T: DeserializeOwned + Serialize>(yaml: &str) -> Value {
    let object: T = serde_saphyr::from_str(yaml).unwrap();
    serde_json::to_value(object).unwrap()
}

fn read_and_written(file: &str, yaml: &str) -> (Value, Value) {
    let manifest: Value = serde_saphyr::from_str(yaml).unwrap();
    let object = match manifest["kind"].as_str() {
        Some("AppBinding") => back::<AppBinding>(yaml),
        Some("SecretEngine") => back::<SecretEngine>(yaml),
        Some("AWSRole") => back::<AWSRole>(yaml),
        Some("AWSAccessKeyRequest") => back::<AWSAccessKeyRequest>(yaml),
        Some("Secret") => back::<Secret>(yaml),
        other => panic!("{file}: {other:?} is no kind of this test"),
    };
    (manifest, object)
}

/// The documents of a file: what stands between lines `---`.
fn manifests(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(repository(folder)).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_some_and(|e| e == "yaml") && file != "overlay.yaml" {
            for document in fs::read_to_string(&path).unwrap().split("\n---\n") {
                found.push((file.clone(), document.to_owned()));
            }
        }
    }
    found.sort();
    found
}

fn ours() -> impl Iterator<Item = (String, String)> {
    ["examples/quickstart", "examples/tutorial"]
        .into_iter()
        .flat_map(manifests)
}

#[test]
fn nothing_is_lost_or_added() {
    let seeds = manifests("examples/seeds");
    assert_eq!(seeds.len(), 6);
    for (file, yaml) in seeds.into_iter().chain(ours()) {
        let (manifest, object) = read_and_written(&file, &yaml);
        assert_eq!(object, with_defaults(manifest), "{file}");
    }
}

#[test]
fn nothing_is_lost_or_added_by_the_api_server() {
    let definitions = definitions();
    for (file, yaml) in manifests("examples/seeds").into_iter().chain(ours()) {
        let manifest: Value = serde_saphyr::from_str(&yaml).unwrap();
        let Some((_, definition)) = definitions.iter().find(|(k, _)| *k == manifest["kind"]) else {
            continue;
        };
        let mut stored = manifest.clone();
        prune(
            &mut stored["spec"],
            &schema(definition)["properties"]["spec"],
        );
        assert_eq!(
            stored, manifest,
            "{file}: the API server would drop a field"
        );
        kube_cel::Validator::new()
            .validate(schema(definition), &with_defaults(manifest), None)
            .unwrap_or_else(|e| panic!("{file}: {e:?}"));
    }
}

/// What an API server does to fields that the schema does not know.
fn prune(value: &mut Value, schema: &Value) {
    match value {
        Value::Object(map) => {
            if schema["x-kubernetes-preserve-unknown-fields"] != true
                && schema["additionalProperties"].is_null()
            {
                map.retain(|key, _| schema["properties"].get(key).is_some());
            }
            for (key, child) in map {
                if let Some(known) = schema["properties"].get(key) {
                    prune(child, known);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|i| prune(i, &schema["items"])),
        _ => {}
    }
}

#[test]
fn the_overlay_names_fields_of_existing_files() {
    let text = fs::read_to_string(repository("examples/seeds/overlay.yaml")).unwrap();
    let overlay: Vec<Value> = serde_saphyr::from_str(&text).unwrap();
    let files: BTreeSet<String> = manifests("examples/seeds")
        .into_iter()
        .map(|(file, _)| file)
        .collect();
    for entry in overlay {
        let keys: Vec<&String> = entry.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["field", "file", "why"]);
        assert!(files.contains(entry["file"].as_str().unwrap()), "{entry}");
        assert!(entry["field"].as_str().unwrap().starts_with('/'), "{entry}");
    }
}

/// The statuses that KubeVault's pages print, of 2019 (no `status`) and of 2021.
#[test]
fn statuses_written_by_kubevault_are_understood() {
    let printed = json!({
        "conditions": [
            {
                "lastUpdateTime": "2019-11-13T12:18:07Z",
                "message": "This was approved by kubectl vault approve awsaccesskeyrequest",
                "reason": "KubectlApprove",
                "type": "Approved"
            },
            {
                "lastTransitionTime": "2021-05-04T09:00:00Z",
                "message": "x",
                "reason": "KubectlDeny",
                "status": "False",
                "type": "Denied"
            }
        ],
        "lease": {
            "duration": "1h0m0s",
            "id": "aws/creds/k8s.-.demo.aws-role/X9dCjtiQCykbuJ7UmzM64xfh",
            "renewable": true
        },
        "secret": { "name": "aws-cred-rqst-ryym7w" }
    });
    let status: AwsAccessKeyRequestStatus = serde_json::from_value(printed.clone()).unwrap();
    assert!(status.conditions[0].is_true());
    assert!(!status.conditions[1].is_true());
    assert_eq!(serde_json::to_value(status).unwrap(), printed);
}
