//! The definitions this repository ships, and its examples.

use std::path::PathBuf;

use serde_json::Value;
#[cfg(feature = "cel")]
use serde_json::json;

use super::super::*;
use super::taken_in;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn documents(path: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(repository().join(path)).unwrap();
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_multiple_with_options(&text, options).unwrap()
}

/// By kind.
fn schemas() -> Vec<(String, Schema)> {
    let definitions = [
        "crds/appcatalog.appscode.com_appbindings.yaml",
        "crds/engine.kubevault.com_awsaccesskeyrequests.yaml",
        "crds/engine.kubevault.com_awsroles.yaml",
        "crds/engine.kubevault.com_secretengines.yaml",
    ];
    let one = |path: &&str| {
        let definition = documents(path).remove(0);
        let version = &definition["spec"]["versions"][0];
        let schema = Schema::compile(&version["schema"]["openAPIV3Schema"]).unwrap();
        (
            definition["spec"]["names"]["kind"]
                .as_str()
                .unwrap()
                .to_owned(),
            schema,
        )
    };
    definitions.iter().map(one).collect()
}

#[test]
fn the_examples_of_this_repository_are_valid_and_known_in_every_field() {
    let schemas = schemas();
    let mut seen = 0;
    for folder in ["examples/seeds", "examples/quickstart"] {
        let files = std::fs::read_dir(repository().join(folder)).unwrap();
        for file in files.map(|file| file.unwrap().path()) {
            if file.extension().is_none_or(|end| end != "yaml") {
                continue;
            }
            let path = format!("{folder}/{}", file.file_name().unwrap().to_str().unwrap());
            for object in documents(&path) {
                let Some((_, schema)) = schemas.iter().find(|(kind, _)| object["kind"] == **kind)
                else {
                    continue;
                };
                let (object, unknown) = taken_in(schema, &object);
                assert_eq!(unknown, [""; 0], "{path}");
                assert_eq!(schema.validate(&object, None), [], "{path}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 5, "{seen}");
}

#[cfg(feature = "cel")]
#[test]
fn an_approved_request_can_no_longer_change() {
    let schemas = schemas();
    let (_, schema) = schemas
        .iter()
        .find(|(kind, _)| kind == "AWSAccessKeyRequest")
        .unwrap();
    let request = |ttl: &str| {
        json!({"apiVersion": "engine.kubevault.com/v1alpha1", "kind": "AWSAccessKeyRequest",
            "metadata": {"name": "a", "namespace": "demo"},
            "spec": {"roleRef": {"name": "role", "namespace": "demo"}, "ttl": ttl,
                "subjects": [{"kind": "ServiceAccount", "name": "sa", "namespace": "demo"}]},
            "status": {"conditions": [{"type": "Approved", "status": "True"}]}})
    };
    let (old, same, changed) = (request("1h"), request("1h"), request("2h"));
    assert_eq!(schema.validate(&old, None), []);
    assert_eq!(schema.validate(&same, Some(&old)), []);
    let causes = schema.validate(&changed, Some(&old));
    assert_eq!(causes.len(), 1, "{causes:?}");
    assert_eq!(causes[0].reason, "FieldValueForbidden");
    assert_eq!(causes[0].field, "spec");
    assert!(
        causes[0]
            .message
            .starts_with("Forbidden: once a request is Approved or Denied")
    );
}

/// `project_answers.json` is what kube-apiserver 1.36 said to objects of these definitions.
#[cfg(feature = "cel")]
#[test]
fn objects_of_this_repository_get_the_real_servers_answers() {
    let schemas = schemas();
    let answers: Vec<Value> = serde_json::from_str(include_str!("project_answers.json")).unwrap();
    let mut failures = Vec::new();
    for answer in answers {
        let kind = answer["object"]["kind"].as_str().unwrap();
        let (_, schema) = schemas.iter().find(|(known, _)| known == kind).unwrap();
        let (object, unknown) = taken_in(schema, &answer["object"]);
        let ours = answer_of(&schema.validate(&object, None));
        let theirs = answer.get("causes").cloned().unwrap_or_else(|| json!([]));
        let stored = answer
            .get("spec")
            .is_none_or(|spec| *spec == object["spec"]);
        let unknown = json!(unknown) == answer.get("unknown").cloned().unwrap_or_else(|| json!([]));
        if !(stored && unknown && ours == sorted_answer(&theirs)) {
            failures.push(format!("{}: {ours:#?}", answer["name"]));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[cfg(feature = "cel")]
fn answer_of(causes: &[Cause]) -> Vec<String> {
    let one = |cause: &Cause| json!([cause.reason, cause.field, cause.message]);
    sorted_answer(&causes.iter().map(one).collect())
}

/// The server goes through fields in any order.
#[cfg(feature = "cel")]
fn sorted_answer(causes: &Value) -> Vec<String> {
    let mut causes: Vec<String> = causes
        .as_array()
        .unwrap()
        .iter()
        .map(Value::to_string)
        .collect();
    causes.sort();
    causes
}
