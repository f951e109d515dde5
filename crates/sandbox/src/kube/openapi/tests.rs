use serde_json::json;

use super::*;
use crate::kube::crd;

fn roles() -> Definition {
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../crds/engine.kubevault.com_awsroles.yaml"
    ));
    let mut crd: Value = serde_saphyr::from_str(&text.unwrap()).unwrap();
    crd::defaults(&mut crd);
    Definition::of(&crd).unwrap()
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(
                fields
                    .get("$ref")
                    .and_then(Value::as_str)
                    .map(ToOwned::to_owned),
            );
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn the_index_leads_to_documents_and_changes_with_them() {
    let roles = roles();
    let with = index(&[&roles]);
    let paths = with["paths"].as_object().unwrap();
    for (place, entry) in paths {
        let url = entry["serverRelativeURL"].as_str().unwrap();
        assert!(
            url.starts_with(&format!("/openapi/v3/{place}?hash=")),
            "{url}"
        );
    }
    assert!(paths.contains_key("api/v1"));
    assert!(paths.contains_key("apis/engine.kubevault.com/v1alpha1"));
    let without = index(&[]);
    assert!(
        without["paths"]
            .get("apis/engine.kubevault.com/v1alpha1")
            .is_none()
    );
    assert_eq!(with["paths"]["api/v1"], without["paths"]["api/v1"]);
}

#[test]
fn every_reference_of_every_document_leads_somewhere() {
    let roles = roles();
    let mut seen = 0;
    let places = index(&[&roles]);
    for place in places["paths"].as_object().unwrap().keys() {
        let (group, version) = match place.strip_prefix("apis/") {
            Some(rest) => rest.split_once('/').unwrap(),
            None => ("", place.strip_prefix("api/").unwrap()),
        };
        let document = v3(group, version, &[&roles]).unwrap();
        let mut found = Vec::new();
        references(&document, &mut found);
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{place}: {reference}");
            seen += 1;
        }
    }
    assert!(seen > 100);
    assert_eq!(v3("nobody.io", "v1", &[&roles]), None);
}

#[test]
fn a_patch_of_every_kind_takes_field_validation() {
    let roles = roles();
    for (group, version) in [("", "v1"), ("engine.kubevault.com", "v1alpha1")] {
        let document = v3(group, version, &[&roles]).unwrap();
        let patches: Vec<&Value> = document["paths"]
            .as_object()
            .unwrap()
            .values()
            .filter_map(|operations| operations.get("patch"))
            .collect();
        assert!(!patches.is_empty());
        for patch in patches {
            let parameters = patch["parameters"].as_array().unwrap();
            assert!(
                parameters
                    .iter()
                    .any(|parameter| parameter["name"] == "fieldValidation")
            );
            assert_eq!(patch["x-kubernetes-group-version-kind"]["group"], group);
        }
    }
}

#[test]
fn a_custom_kind_is_described_by_its_own_schema() {
    let roles = roles();
    let document = v3("engine.kubevault.com", "v1alpha1", &[&roles]).unwrap();
    let schema = &document["components"]["schemas"]["com.kubevault.engine.v1alpha1.AWSRole"];
    let about =
        json!([{"group": "engine.kubevault.com", "kind": "AWSRole", "version": "v1alpha1"}]);
    assert_eq!(schema["x-kubernetes-group-version-kind"], about);
    assert!(schema["properties"]["spec"]["properties"]["credentialType"].is_object());
    let path = "/apis/engine.kubevault.com/v1alpha1/namespaces/{namespace}/awsroles/{name}";
    assert!(document["paths"][path]["patch"].is_object());
    assert!(document["paths"][&format!("{path}/status")]["put"].is_object());
}

#[test]
fn built_in_kinds_are_named_as_the_real_server_names_them() {
    let document = v3("", "v1", &[]).unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    assert!(schemas.contains_key("io.k8s.api.core.v1.Secret"));
    let document = v3("rbac.authorization.k8s.io", "v1", &[]).unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    assert!(schemas.contains_key("io.k8s.api.rbac.v1.ClusterRole"));
    assert!(
        document["paths"]
            .get("/apis/rbac.authorization.k8s.io/v1/clusterroles/{name}")
            .is_some()
    );
}

#[test]
fn version_two_is_a_document_without_kinds() {
    assert_eq!(v2(&[])["swagger"], "2.0");
}
