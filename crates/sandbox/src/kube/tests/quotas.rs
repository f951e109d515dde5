//! ResourceQuotas.

use serde_json::{Value, json};

use super::support::{MERGE, Server, maps};

const QUOTAS: &str = "/api/v1/namespaces/default/resourcequotas";

fn quota(hard: &Value) -> Value {
    json!({"metadata": {"name": "q"}, "spec": {"hard": hard}})
}

/// A server with that quota in force.
fn limited(hard: &Value) -> Server {
    let mut server = Server::new();
    server.post(QUOTAS, &quota(hard)).ok();
    server.pass(0);
    server
}

fn map(name: &str) -> Value {
    json!({"metadata": {"name": name}})
}

#[test]
fn what_a_quota_has_no_room_for_is_refused() {
    let mut server = limited(&json!({"count/configmaps": 2, "configmaps": "3", "cpu": "1"}));
    let status = |server: &mut Server| server.get(&format!("{QUOTAS}/q")).ok()["status"].clone();
    assert_eq!(
        status(&mut server),
        json!({
            "hard": {"count/configmaps": "2", "configmaps": "3", "cpu": "1"},
            "used": {"count/configmaps": "1", "configmaps": "1", "cpu": "0"},
        }),
        "kube-root-ca.crt is there"
    );
    server.post(&maps(""), &map("a")).ok();
    assert_eq!(
        status(&mut server)["used"]["configmaps"],
        "2",
        "counted at once"
    );
    let exceeded = "configmaps \"b\" is forbidden: exceeded quota: q, requested: \
                    count/configmaps=1, used: count/configmaps=2, limited: count/configmaps=2";
    server.post(&maps(""), &map("b")).refused(403, exceeded);
    let dry = format!("{}?dryRun=All", maps(""));
    server.post(&dry, &map("b")).refused(403, exceeded);

    server.delete(&maps("a")).ok();
    server.pass(0);
    assert_eq!(status(&mut server)["used"]["configmaps"], "1");
    server.post(&dry, &map("b")).ok();
    assert_eq!(
        status(&mut server)["used"]["configmaps"],
        "1",
        "nothing was made"
    );
    server.post(&maps(""), &map("b")).ok();
    let elsewhere = "/api/v1/namespaces/kube-public/configmaps";
    server.post(elsewhere, &map("b")).ok();
    server
        .patch(MERGE, &maps("b"), &json!({"data": {"x": "1"}}))
        .ok();
}

#[test]
fn a_quota_that_is_not_counted_yet_refuses_if_it_says_so() {
    let mut server = limited(&json!({"secrets": "1"}));
    let status = json!({"status": {"hard": {"secrets": "1"}, "used": null}});
    server
        .patch(MERGE, &format!("{QUOTAS}/q/status"), &status)
        .ok();
    let why = "secrets \"s\" is forbidden: status unknown for quota: q, resources: secrets";
    server
        .post("/api/v1/namespaces/default/secrets", &map("s"))
        .refused(403, why);
    server.pass(0);
    server
        .post("/api/v1/namespaces/default/secrets", &map("s"))
        .ok();
}

#[test]
fn quotas_have_names_and_amounts_that_can_be() {
    let mut server = Server::new();
    let mut refused = |hard: &Value| server.post(QUOTAS, &quota(hard)).message().to_owned();
    assert_eq!(
        refused(&json!({"secrets": "x"})),
        "ResourceQuota in version \"v1\" cannot be handled as a ResourceQuota: quantities must \
         match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    );
    let invalid = "ResourceQuota \"q\" is invalid: spec.hard";
    assert_eq!(
        refused(&json!({"secrets": "-1"})),
        format!("{invalid}[secrets]: Invalid value: \"-1\": must be greater than or equal to 0")
    );
    assert_eq!(
        refused(&json!({"secrets": "500m"})),
        format!("{invalid}[secrets]: Invalid value: \"500m\": must be an integer")
    );
    assert_eq!(
        refused(&json!({"count/foos.example.io": "1"})),
        "",
        "what is not there yet may be limited"
    );
}

#[test]
fn custom_resources_are_counted_by_name_and_group() {
    let mut server = Server::new();
    let definition = json!({"metadata": {"name": "foos.example.io"}, "spec": {
        "group": "example.io", "scope": "Namespaced", "names": {"plural": "foos", "kind": "Foo"},
        "versions": [{"name": "v1", "served": true, "storage": true,
            "schema": {"openAPIV3Schema": {"type": "object"}}}],
    }});
    server
        .post(
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            &definition,
        )
        .ok();
    server
        .post(QUOTAS, &quota(&json!({"count/foos.example.io": "0"})))
        .ok();
    server.pass(0);
    let foo = json!({"apiVersion": "example.io/v1", "kind": "Foo", "metadata": {"name": "a"}});
    server
        .post("/apis/example.io/v1/namespaces/default/foos", &foo)
        .refused(
            403,
            "foos.example.io \"a\" is forbidden: exceeded quota: q, requested: \
             count/foos.example.io=1, used: count/foos.example.io=0, limited: \
             count/foos.example.io=0",
        );
}
