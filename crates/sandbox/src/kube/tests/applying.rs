//! Server-side apply, through the front door.

use serde_json::json;

use super::support::{APPLY, MERGE, Server, maps};

#[test]
fn an_apply_creates_and_keeps_count_of_what_it_applied() {
    let mut server = Server::new();
    let path = format!("{}?fieldManager=m", maps("a"));
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1"}});
    let made = server.patch(APPLY, &path, &config);
    assert_eq!(made.code, 201);
    let entry = &made.body["metadata"]["managedFields"][0];
    assert_eq!(entry["operation"], "Apply");
    assert_eq!(entry["fieldsV1"], json!({"f:data": {"f:x": {}}}));
    let again = server.patch(APPLY, &path, &config);
    assert_eq!(again.code, 200);
    assert_eq!(
        again.body["metadata"]["resourceVersion"], made.body["metadata"]["resourceVersion"],
        "what changes nothing is no write"
    );
}

#[test]
fn a_conflict_with_an_update_names_the_version_too() {
    let mut server = Server::new();
    server
        .post(
            &maps(""),
            &json!({"metadata": {"name": "a"}, "data": {"x": "1"}}),
        )
        .ok();
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"x": "2"}});
    let refused = server.patch(APPLY, &format!("{}?fieldManager=m", maps("a")), &config);
    refused.refused(
        409,
        "Apply failed with 1 conflict: conflict with \"probe\" using v1: .data.x",
    );
    assert_eq!(
        refused.body["details"]["causes"],
        json!([{
            "reason": "FieldManagerConflict",
            "message": "conflict with \"probe\" using v1",
            "field": ".data.x",
        }])
    );
    let path = format!("{}?fieldManager=m&force=true", maps("a"));
    assert_eq!(server.patch(APPLY, &path, &config).ok()["data"]["x"], "2");
}

#[test]
fn an_apply_needs_a_manager_and_a_name_and_no_managed_fields() {
    let mut server = Server::new();
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap"});
    server.patch(APPLY, &maps("a"), &config).refused(
        422,
        "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for \
         apply patch",
    );
    let path = format!("{}?fieldManager=m", maps("a"));
    server.patch(APPLY, &path, &config).refused(
        400,
        "the name of the object (a based on URL) was undeterminable: name must be provided",
    );
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "managedFields": []}});
    server
        .patch(APPLY, &path, &config)
        .refused(400, "metadata.managedFields must be nil");
    server
        .patch(MERGE, &format!("{}?force=true", maps("a")), &json!({}))
        .refused(
            422,
            "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified \
             for non-apply patch",
        );
}

#[test]
fn a_stale_version_in_a_configuration_is_a_conflict() {
    let mut server = Server::new();
    server
        .post(&maps(""), &json!({"metadata": {"name": "a"}}))
        .ok();
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "resourceVersion": "1"}});
    let reply = server.patch(APPLY, &format!("{}?fieldManager=m", maps("a")), &config);
    assert_eq!(
        (reply.code, reply.body["reason"].as_str()),
        (409, Some("Conflict"))
    );
}
