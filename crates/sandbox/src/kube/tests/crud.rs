//! Creating, reading, updating, deleting.

use serde_json::json;

use super::support::{JSON, MERGE, Server, maps};

#[test]
fn a_created_object_is_read_back_with_what_the_server_adds() {
    let mut server = Server::new();
    let made = server
        .post(
            &maps(""),
            &json!({"metadata": {"name": "a"}, "data": {"x": "1"}}),
        )
        .ok();
    assert_eq!(made["kind"], "ConfigMap");
    assert_eq!(made["metadata"]["namespace"], "default");
    assert_eq!(
        made["metadata"]["creationTimestamp"],
        "2026-11-22T10:00:00Z"
    );
    let entries = &made["metadata"]["managedFields"];
    assert_eq!(entries[0]["manager"], "probe");
    assert_eq!(
        entries[0]["fieldsV1"],
        json!({"f:data": {".": {}, "f:x": {}}})
    );
    assert_eq!(server.get(&maps("a")).ok(), made);
    server
        .post(&maps(""), &json!({"metadata": {"name": "a"}}))
        .refused(409, "configmaps \"a\" already exists");
}

#[test]
fn a_stale_update_is_a_conflict() {
    let mut server = Server::new();
    server
        .post(&maps(""), &json!({"metadata": {"name": "a"}}))
        .ok();
    let stale = json!({"metadata": {"name": "a", "resourceVersion": "1"}});
    server.put(&maps("a"), &stale).refused(
        409,
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please \
         apply your changes to the latest version and try again",
    );
}

#[test]
fn a_merge_patch_changes_what_it_names() {
    let mut server = Server::new();
    server
        .post(
            &maps(""),
            &json!({"metadata": {"name": "a"}, "data": {"x": "1", "y": "1"}}),
        )
        .ok();
    let patched = server
        .patch(MERGE, &maps("a"), &json!({"data": {"x": null, "z": "2"}}))
        .ok();
    assert_eq!(patched["data"], json!({"y": "1", "z": "2"}));
}

#[test]
fn a_deleted_object_is_gone() {
    let mut server = Server::new();
    server
        .post(&maps(""), &json!({"metadata": {"name": "a"}}))
        .ok();
    let status = server.delete(&maps("a")).ok();
    assert_eq!(status["status"], "Success");
    assert_eq!(status["details"]["kind"], "configmaps");
    server
        .get(&maps("a"))
        .refused(404, "configmaps \"a\" not found");
}

#[test]
fn a_malformed_body_is_refused_in_the_servers_words() {
    let mut server = Server::new();
    server
        .send("POST", &maps(""), "{\"metadata\":{\"name\":\"a\"", JSON)
        .refused(
            400,
            "the object provided is unrecognized (must be of type ConfigMap): couldn't get \
         version/kind; json parse error: unexpected end of JSON input \
         ({\"metadata\":{\"name\":\"a\")",
        );
}

#[test]
fn openapi_2_is_protobuf_to_who_asks_for_it() {
    let mut server = Server::new();
    let kind = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
    server.with_headers(&[("Accept", kind)]);
    let response = server.get("/openapi/v2").response;
    assert!(response.content_type.ends_with("+protobuf"));
    // Field 2, `info`: its length is the rest of the document.
    let bytes = response.body.as_bytes();
    assert_eq!(&bytes[..6], b"\n\x032.0\x12");
    assert_eq!(usize::from(bytes[6]), bytes.len() - 7);
    server.with_headers(&[]);
    assert_eq!(server.get("/openapi/v2").ok()["swagger"], "2.0");
}
