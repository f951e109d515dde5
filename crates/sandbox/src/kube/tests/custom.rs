//! Custom resources.

use serde_json::{Value, json};

use super::support::{MERGE, Server, brief};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const THINGS: &str = "/apis/example.io/v1/namespaces/default/things";

fn with_things() -> Server {
    let mut server = Server::new();
    let schema = json!({"type": "object", "properties": {
        "spec": {"type": "object", "required": ["a"], "properties": {
            "a": {"type": "string", "minLength": 2},
            "n": {"type": "integer", "default": 3},
        }},
        "status": {"type": "object", "properties": {"p": {"type": "string"}}},
    }});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.io"},
        "spec": {
            "group": "example.io",
            "scope": "Namespaced",
            "names": {"kind": "Thing", "plural": "things"},
            "versions": [{
                "name": "v1",
                "served": true,
                "storage": true,
                "schema": {"openAPIV3Schema": schema},
                "subresources": {"status": {}},
            }],
        },
    });
    server.post(DEFINITIONS, &definition).ok();
    server.pass(0);
    server
}

fn thing(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "example.io/v1",
        "kind": "Thing",
        "metadata": {"name": name},
        "spec": spec,
    })
}

#[test]
fn a_definition_is_established_and_its_resource_served() {
    let mut server = with_things();
    let definition = server.get(&format!("{DEFINITIONS}/things.example.io")).ok();
    let conditions = definition["status"]["conditions"]
        .as_array()
        .expect("conditions");
    assert!(
        conditions
            .iter()
            .any(|one| one["type"] == "Established" && one["status"] == "True")
    );
    let made = server
        .post(THINGS, &thing("a", &json!({"a": "aa", "zz": 1})))
        .ok();
    assert_eq!(
        made["spec"],
        json!({"a": "aa", "n": 3}),
        "pruned, with defaults"
    );
    assert_eq!(made["metadata"]["generation"], 1);
    server.post(THINGS, &thing("b", &json!({"a": "a"}))).refused(
        422,
        "Thing.example.io \"b\" is invalid: spec.a: Invalid value: \"a\": spec.a in body should \
         be at least 2 chars long",
    );
}

#[test]
fn the_status_is_written_at_its_own_place_and_does_not_count() {
    let mut server = with_things();
    server.post(THINGS, &thing("a", &json!({"a": "aa"}))).ok();
    let path = format!("{THINGS}/a");
    let change = json!({"status": {"p": "1"}, "spec": {"a": "bb"}});
    let status = server.patch(MERGE, &format!("{path}/status"), &change).ok();
    assert_eq!(
        (&status["status"]["p"], &status["spec"]["a"]),
        (&json!("1"), &json!("aa"))
    );
    assert_eq!(status["metadata"]["generation"], 1);
    let change = json!({"status": {"p": "2"}, "spec": {"a": "bb"}});
    let main = server.patch(MERGE, &path, &change).ok();
    assert_eq!(
        (&main["status"]["p"], &main["spec"]["a"]),
        (&json!("1"), &json!("bb"))
    );
    assert_eq!(main["metadata"]["generation"], 2);
}

#[test]
fn an_update_must_say_what_it_is_based_on() {
    let mut server = with_things();
    server.post(THINGS, &thing("a", &json!({"a": "aa"}))).ok();
    server.put(&format!("{THINGS}/a"), &thing("a", &json!({"a": "bb"}))).refused(
        422,
        "things.example.io \"a\" is invalid: metadata.resourceVersion: Invalid value: 0: must be \
         specified for an update",
    );
}

#[test]
fn with_the_definition_go_its_objects_and_its_watches() {
    let mut server = with_things();
    server.post(THINGS, &thing("a", &json!({"a": "aa"}))).ok();
    let mut watch = server.watch(&format!("{THINGS}?watch=1"));
    assert_eq!(brief(&server.next(&mut watch).0), ["ADDED a"]);
    server
        .delete(&format!("{DEFINITIONS}/things.example.io"))
        .ok();
    server.pass(0);
    let (events, has_ended) = server.next(&mut watch);
    assert_eq!(
        (brief(&events), has_ended),
        (vec!["DELETED a".to_owned()], true)
    );
    assert_eq!(server.get(THINGS).code, 404);
    assert_eq!(
        server.get(&format!("{DEFINITIONS}/things.example.io")).code,
        404
    );
}

#[test]
fn discovery_names_a_custom_resource_in_both_forms() {
    let mut server = with_things();
    let list = server.get("/apis/example.io/v1").ok();
    assert_eq!(list["resources"][0]["name"], "things");
    assert_eq!(list["resources"][1]["name"], "things/status");
    server.with_headers(&[(
        "Accept",
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
    )]);
    let groups = server.get("/apis").ok();
    let items = groups["items"].as_array().expect("groups");
    assert!(
        items
            .iter()
            .any(|group| group["metadata"]["name"] == "example.io")
    );
}
