//! JSON and strategic patches.

use serde_json::json;

use super::support::{JSON, MERGE, PATCH, STRATEGIC, Server, maps};

fn with_map() -> Server {
    let mut server = Server::new();
    server
        .post(
            &maps(""),
            &json!({"metadata": {"name": "a"}, "data": {"x": "1"}}),
        )
        .ok();
    server
}

#[test]
fn no_finalizers_is_null_to_a_test() {
    let mut server = with_map();
    let patch = json!([
        {"op": "test", "path": "/metadata/finalizers", "value": null},
        {"op": "add", "path": "/metadata/finalizers", "value": ["a.io/b"]},
    ]);
    let patched = server.patch(PATCH, &maps("a"), &patch).ok();
    assert_eq!(patched["metadata"]["finalizers"], json!(["a.io/b"]));
    server.patch(PATCH, &maps("a"), &patch).refused(
        422,
        "the server rejected our request due to an error in our request",
    );
}

#[test]
fn finalizers_are_merged_by_a_strategic_patch() {
    let mut server = with_map();
    let patch = json!({"metadata": {"finalizers": ["a.io/b"]}});
    server.patch(STRATEGIC, &maps("a"), &patch).ok();
    let patch = json!({"metadata": {"finalizers": ["c.io/d"]}});
    let patched = server.patch(STRATEGIC, &maps("a"), &patch).ok();
    assert_eq!(
        patched["metadata"]["finalizers"],
        json!(["a.io/b", "c.io/d"])
    );
}

#[test]
fn a_patch_of_another_type_is_refused() {
    let mut server = with_map();
    server
        .patch(JSON, &maps("a"), &json!({}))
        .refused(415, "415: Unsupported Media Type");
    server
        .send("PATCH", &maps("a"), "{", MERGE)
        .refused(400, "error decoding patch: unexpected end of JSON input");
}

#[test]
fn what_is_the_servers_own_cannot_be_patched() {
    let mut server = with_map();
    let refused = server.patch(MERGE, &maps("a"), &json!({"metadata": {"uid": "1"}}));
    refused.refused(
        422,
        "ConfigMap \"a\" is invalid: metadata.uid: Invalid value: \"1\": field is immutable",
    );
    server
        .patch(MERGE, &maps("a"), &json!({"metadata": {"name": "b"}}))
        .refused(
            400,
            "the name of the object (b) does not match the name on the URL (a)",
        );
}

#[test]
fn a_dry_run_changes_nothing() {
    let mut server = with_map();
    let path = format!("{}?dryRun=All", maps("a"));
    let shown = server
        .patch(MERGE, &path, &json!({"data": {"x": "2"}}))
        .ok();
    assert_eq!(shown["data"]["x"], "2");
    assert_eq!(server.get(&maps("a")).ok()["data"]["x"], "1");
}
