//! What is refused, and that nothing panics.

use serde_json::json;

use super::support::{JSON, Server, maps};

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

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
    let limits = "/api/v1/namespaces/default/limitranges";
    assert_eq!(server.get(limits).ok()["items"], json!([]));
    let limit = json!({"metadata": {"name": "a"}});
    server.post(limits, &limit).refused(405, method);
}

#[test]
fn other_content_types_are_refused() {
    let mut server = Server::new();
    for kind in ["text/plain", "application/foo"] {
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
fn protobuf_that_is_none_is_refused_wherever_a_body_is_read() {
    let mut server = Server::new();
    let why = |kind: &str, why: &str, body: &str| {
        format!("the object provided is unrecognized (must be of type {kind}): {why} ({body})")
    };
    let no_prefix = "provided data does not appear to be a protobuf message, expected prefix \
                     [107 56 115 0]";
    for (method, path, kind) in [
        ("POST", maps(""), "ConfigMap"),
        ("PUT", maps("a"), "ConfigMap"),
        ("DELETE", maps("a"), "DeleteOptions"),
        (
            "POST",
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews".to_owned(),
            "SelfSubjectAccessReview",
        ),
        (
            "POST",
            "/api/v1/namespaces/default/serviceaccounts/default/token".to_owned(),
            "TokenRequest",
        ),
    ] {
        let reply = server.send(method, &path, "{}", PROTOBUF);
        reply.refused(400, &why(kind, no_prefix, "{}"));
        let reply = server.send(method, &path, "k8s\0\u{a}\u{5}", PROTOBUF);
        reply.refused(400, &why(kind, "unexpected EOF", "6b3873000a05"));
    }
    // A Secret where a ConfigMap should be, and a ConfigMap whose metadata is a number.
    let envelope = |kind: &str, raw: &str| {
        let says = format!(
            "\n\u{2}v1\u{12}{}{kind}",
            char::from(u8::try_from(kind.len()).unwrap_or(0))
        );
        let length = |text: &str| char::from(u8::try_from(text.len()).unwrap_or(0));
        format!("k8s\0\n{}{says}\u{12}{}{raw}", length(&says), length(raw))
    };
    server
        .send("POST", &maps(""), &envelope("Secret", ""), PROTOBUF)
        .refused(
            400,
            "Secret in version \"v1\" cannot be handled as a ConfigMap: converting (v1.Secret) to \
             (core.ConfigMap): unknown conversion",
        );
    server
        .send(
            "POST",
            &maps(""),
            &envelope("ConfigMap", "\u{8}\u{1}"),
            PROTOBUF,
        )
        .refused(
            400,
            "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: proto: wrong wireType = \
             0 for field ObjectMeta",
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
        PROTOBUF,
    ];
    for path in &paths {
        for body in bodies {
            for (method, kind) in [
                ("POST", 0),
                ("PUT", 0),
                ("POST", 1),
                ("DELETE", 0),
                ("POST", 6),
                ("DELETE", 6),
            ]
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
