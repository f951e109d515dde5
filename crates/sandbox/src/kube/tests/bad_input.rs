//! What is refused, and that nothing panics.

use serde_json::json;

use super::support::{JSON, Server, maps};

#[test]
fn a_body_over_the_limit_is_refused() {
    let mut server = Server::new();
    let body = "a".repeat(3 * 1024 * 1024 + 1);
    server
        .send("POST", &maps(""), &body, JSON)
        .refused(413, "Request entity too large: limit is 3145728");
}

#[test]
fn unknown_paths_kinds_and_methods_have_their_answers() {
    let mut server = Server::new();
    let unknown = "the server could not find the requested resource";
    server
        .get("/api/v1/namespaces/default/foos")
        .refused(404, unknown);
    server
        .get("/apis/apps/v2/deployments")
        .refused(404, unknown);
    let nowhere = server.get("/apis/no.example.io/v1/foos");
    assert_eq!(
        (nowhere.code, nowhere.response.body.as_str()),
        (404, "404 page not found\n")
    );
    let method = "the server does not allow this method on the requested resource";
    server.put(&maps(""), &json!({})).refused(405, method);
    server.send("FOO", &maps(""), "", JSON).refused(405, method);
    server.delete("/api/v1/namespaces").refused(405, method);
}

#[test]
fn other_content_types_are_refused() {
    let mut server = Server::new();
    for kind in ["text/plain", "application/vnd.kubernetes.protobuf"] {
        let reply = server.send("POST", &maps(""), "x", kind);
        assert_eq!(
            (reply.code, reply.body["reason"].as_str()),
            (415, Some("UnsupportedMediaType"))
        );
    }
    server.with_headers(&[("Accept", "text/foo")]);
    assert_eq!(server.get(&maps("")).code, 406);
    server.with_headers(&[("Accept", "application/vnd.kubernetes.protobuf")]);
    assert_eq!(
        server.get(&maps("")).response.content_type,
        "application/json"
    );
}

#[test]
fn fields_nobody_knows_are_warned_of_or_refused() {
    let mut server = Server::new();
    let body = "{\"metadata\":{\"name\":\"b\"},\"bar\":2,\"data\":{\"a\":\"1\",\"a\":\"2\"}}";
    server
        .send(
            "POST",
            &format!("{}?fieldValidation=Strict", maps("")),
            body,
            JSON,
        )
        .refused(
            400,
            "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: \
         unknown field \"bar\", duplicate field \"data.a\"",
        );
    let reply = server.send("POST", &maps(""), body, JSON);
    assert_eq!(reply.code, 201);
    let warnings: Vec<&str> = reply
        .response
        .headers
        .iter()
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(
        warnings,
        [
            "299 - \"unknown field \\\"bar\\\"\"",
            "299 - \"duplicate field \\\"data.a\\\"\""
        ]
    );
}

#[test]
fn odd_bodies_are_errors_and_never_panics() {
    let mut server = Server::new();
    server
        .post(&maps(""), &json!({"metadata": {"name": "a"}}))
        .ok();
    let bodies = [
        "null",
        "[]",
        "1",
        "\"x\"",
        "{\"metadata\":1}",
        "{\"metadata\":{\"labels\":[]}}",
        "{\"metadata\":{\"name\":{}}}",
        "{\"metadata\":{\"ownerReferences\":[1]}}",
        "{\"metadata\":{\"finalizers\":[{}]}}",
        "{\"data\":{\"a\":{}}}",
        "{\"spec\":[]}",
        "[{\"op\":\"test\"}]",
        "[{\"op\":\"move\",\"from\":\"/x\",\"path\":\"/y\"}]",
        "{\"metadata\":{\"managedFields\":[{\"fieldsV1\":3}]}}",
        "{\"preconditions\":1}",
        "{\"spec\":{\"versions\":3}}",
        "{\"rules\":{},\"roleRef\":[],\"subjects\":{}}",
        "\u{0}",
    ];
    let paths = [
        maps(""),
        maps("a"),
        "/api/v1/namespaces".to_owned(),
        "/api/v1/namespaces/default/status".to_owned(),
        "/api/v1/namespaces/default/secrets".to_owned(),
        "/api/v1/namespaces/default/pods".to_owned(),
        "/api/v1/namespaces/default/services".to_owned(),
        "/api/v1/namespaces/default/events".to_owned(),
        "/apis/events.k8s.io/v1/namespaces/default/events".to_owned(),
        "/apis/apps/v1/namespaces/default/deployments".to_owned(),
        "/apis/coordination.k8s.io/v1/namespaces/default/leases/l".to_owned(),
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings".to_owned(),
        "/apis/rbac.authorization.k8s.io/v1/clusterroles".to_owned(),
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions".to_owned(),
        "/apis/authentication.k8s.io/v1/tokenreviews".to_owned(),
        "/apis/authorization.k8s.io/v1/subjectaccessreviews".to_owned(),
        "/api/v1/namespaces/default/serviceaccounts/default/token".to_owned(),
        "/%2e%2e/%00?continue=%ff&limit=-1&watch=0".to_owned(),
    ];
    let kinds = [
        JSON,
        "application/yaml",
        super::support::MERGE,
        super::support::PATCH,
        super::support::STRATEGIC,
        super::support::APPLY,
    ];
    for path in &paths {
        for body in bodies {
            for (method, kind) in [("POST", 0), ("PUT", 0), ("POST", 1), ("DELETE", 0)]
                .into_iter()
                .chain((2..6).map(|kind| ("PATCH", kind)))
            {
                let query = if path.contains('?') {
                    ""
                } else {
                    "?fieldManager=m&dryRun=All"
                };
                let reply = server.send(method, &format!("{path}{query}"), body, kinds[kind]);
                assert!(reply.code >= 200, "{method} {path} {body}");
            }
        }
    }
}
