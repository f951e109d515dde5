//! What server-side apply asks.

use serde_json::json;

use super::super::*;

#[test]
fn a_deployment_merges_containers_by_name_and_its_selector_as_one() {
    let schema = Schema::builtin("apps", "Deployment").unwrap();
    let at = |path: &[&str]| {
        path.iter().fold(schema, |at, key| match *key {
            "[]" => at.items().unwrap(),
            key => at.child(key).unwrap(),
        })
    };
    let map = |keys: &[&str]| ListType::Map(keys.iter().map(ToString::to_string).collect());
    let pod = ["spec", "template", "spec"];
    let containers = at(&[&pod[..], &["containers"]].concat());
    assert_eq!(containers.list_type(), map(&["name"]));
    let ports = containers.items().unwrap().child("ports").unwrap();
    assert_eq!(ports.list_type(), map(&["containerPort", "protocol"]));
    assert_eq!(
        at(&["metadata", "ownerReferences"]).list_type(),
        map(&["uid"])
    );
    assert_eq!(at(&["metadata", "finalizers"]).list_type(), ListType::Set);
    assert_eq!(
        at(&["metadata", "managedFields"]).list_type(),
        ListType::Atomic
    );
    assert_eq!(at(&["status", "conditions"]).list_type(), map(&["type"]));
    assert!(at(&["spec", "selector"]).is_atomic_map());
    assert!(!at(&["spec"]).is_atomic_map());
}

#[test]
fn every_built_in_kind_keeps_whatever_it_is_given() {
    for (group, kind) in [
        ("", "Secret"),
        ("rbac.authorization.k8s.io", "Role"),
        ("", "Pod"),
    ] {
        let schema = Schema::builtin(group, kind).unwrap();
        let mut object =
            json!({"kind": kind, "metadata": {"name": "a"}, "x": {"y": [{"z": null}]}});
        let before = object.clone();
        assert_eq!(schema.prune(&mut object), [""; 0]);
        schema.apply_defaults(&mut object);
        assert_eq!(object, before);
        assert!(schema.validate(&object, None).is_empty());
    }
    assert!(Schema::builtin("example.io", "Secret").is_none());
}

#[test]
fn a_custom_schema_says_how_its_lists_and_maps_merge() {
    let schema = super::widget();
    let spec = schema.child("spec").unwrap();
    let list = |key: &str| spec.child(key).unwrap().list_type();
    assert_eq!(list("keyed"), ListType::Map(vec!["type".into()]));
    assert_eq!(list("set"), ListType::Set);
    assert_eq!(list("items"), ListType::Atomic);
    assert!(spec.child("atommap").unwrap().is_atomic_map());
    assert!(spec.child("labels").unwrap().child("any key").is_some());
    assert!(spec.child("unknown").is_none());
}
