//! Finalizers, owners, namespaces, and what passes with time.

use serde_json::{Value, json};

use super::support::{MERGE, Server, maps};

fn owned(server: &mut Server, name: &str, owner: &Value, blocks: bool, finalizers: &[&str]) {
    let reference = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "blockOwnerDeletion": blocks,
    });
    let body = json!({"metadata": {
        "name": name,
        "ownerReferences": [reference],
        "finalizers": finalizers,
    }});
    server.post(&maps(""), &body).ok();
    server.pass(0);
}

fn owner(server: &mut Server) -> Value {
    server
        .post(&maps(""), &json!({"metadata": {"name": "own"}}))
        .ok()
}

#[test]
fn what_is_owned_goes_with_its_owner() {
    let mut server = Server::new();
    let own = owner(&mut server);
    owned(&mut server, "child", &own, false, &[]);
    assert_eq!(server.get(&maps("child")).code, 200);
    server.delete(&maps("own")).ok();
    server.pass(0);
    assert_eq!(server.get(&maps("child")).code, 404);
}

#[test]
fn an_owner_that_never_was_or_is_another_one_counts_as_gone() {
    let mut server = Server::new();
    let mut other = owner(&mut server);
    other["metadata"]["uid"] = "00000000-0000-4000-8000-000000000000".into();
    owned(&mut server, "child", &other, false, &[]);
    assert_eq!(server.get(&maps("child")).code, 404);
}

#[test]
fn foreground_waits_for_what_blocks() {
    let mut server = Server::new();
    let own = owner(&mut server);
    owned(&mut server, "child", &own, true, &["a.io/b"]);
    let path = format!("{}?propagationPolicy=Foreground", maps("own"));
    let waits = server.delete(&path).ok();
    assert_eq!(
        waits["metadata"]["finalizers"],
        json!(["foregroundDeletion"])
    );
    server.pass(0);
    assert!(server.get(&maps("child")).ok()["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(server.get(&maps("own")).code, 200);
    server
        .patch(
            MERGE,
            &maps("child"),
            &json!({"metadata": {"finalizers": null}}),
        )
        .ok();
    server.pass(0);
    assert_eq!(server.get(&maps("own")).code, 404);
}

#[test]
fn an_orphan_keeps_living_without_its_owner() {
    let mut server = Server::new();
    let own = owner(&mut server);
    owned(&mut server, "child", &own, true, &[]);
    server
        .delete(&format!("{}?propagationPolicy=Orphan", maps("own")))
        .ok();
    server.pass(0);
    assert_eq!(server.get(&maps("own")).code, 404);
    assert!(
        server.get(&maps("child")).ok()["metadata"]
            .get("ownerReferences")
            .is_none()
    );
}

#[test]
fn no_finalizer_is_added_to_what_is_being_deleted() {
    let mut server = Server::new();
    server
        .post(
            &maps(""),
            &json!({"metadata": {"name": "a", "finalizers": ["a.io/b"]}}),
        )
        .ok();
    server.delete(&maps("a")).ok();
    server
        .patch(
            MERGE,
            &maps("a"),
            &json!({"metadata": {"finalizers": ["a.io/b", "c.io/d"]}}),
        )
        .refused(
            422,
            "ConfigMap \"a\" is invalid: metadata.finalizers: Forbidden: no new finalizers can \
             be added if the object is being deleted, found new finalizers []string{\"c.io/d\"}",
        );
}

#[test]
fn a_new_namespace_is_furnished_and_an_old_one_ends_with_what_is_in_it() {
    let mut server = Server::new();
    server
        .post("/api/v1/namespaces", &json!({"metadata": {"name": "t"}}))
        .ok();
    server.pass(0);
    assert_eq!(
        server
            .get("/api/v1/namespaces/t/serviceaccounts/default")
            .code,
        200
    );
    assert_eq!(
        server
            .get("/api/v1/namespaces/t/configmaps/kube-root-ca.crt")
            .code,
        200
    );
    let stuck = json!({"metadata": {"name": "stuck", "finalizers": ["a.io/b"]}});
    server.post("/api/v1/namespaces/t/secrets", &stuck).ok();
    let ending = server.delete("/api/v1/namespaces/t").ok();
    assert_eq!(ending["status"]["phase"], "Terminating");
    server.pass(0);
    let conditions = server.get("/api/v1/namespaces/t").ok()["status"]["conditions"].clone();
    assert_eq!(
        conditions[3]["message"],
        "Some resources are remaining: secrets. has 1 resource instances"
    );
    assert_eq!(
        conditions[4]["message"],
        "Some content in the namespace has finalizers remaining: a.io/b in 1 resource instances"
    );
    let refused = server.post(
        "/api/v1/namespaces/t/secrets",
        &json!({"metadata": {"name": "n"}}),
    );
    refused.refused(
        403,
        "secrets \"n\" is forbidden: unable to create new content in namespace t because it is \
         being terminated",
    );
    assert_eq!(
        refused.body["details"]["causes"][0]["reason"],
        "NamespaceTerminating"
    );
    let path = "/api/v1/namespaces/t/secrets/stuck";
    server
        .patch(MERGE, path, &json!({"metadata": {"finalizers": null}}))
        .ok();
    server.pass(0);
    server
        .get("/api/v1/namespaces/t")
        .refused(404, "namespaces \"t\" not found");
}

#[test]
fn events_are_one_object_in_two_groups_and_forgotten_after_an_hour() {
    let mut server = Server::new();
    let path = "/apis/events.k8s.io/v1/namespaces/default/events";
    let event = json!({
        "metadata": {"name": "e"},
        "eventTime": "2026-11-22T10:00:00.000000Z",
        "reportingController": "a.io/b",
        "reportingInstance": "i",
        "action": "Do",
        "reason": "R",
        "regarding": {"kind": "ConfigMap", "namespace": "default", "name": "x"},
        "note": "n",
        "type": "Normal",
    });
    server.post(path, &event).ok();
    let core = server.get("/api/v1/namespaces/default/events/e").ok();
    assert_eq!(
        (&core["message"], &core["involvedObject"]["name"]),
        (&json!("n"), &json!("x"))
    );
    server.pass(3599);
    assert_eq!(server.get(&format!("{path}/e")).ok()["note"], "n");
    server.pass(1);
    assert_eq!(server.get(&format!("{path}/e")).code, 404);
}
