//! The server itself: health, sealing, limits, wrapping, its log, and whatever else comes in.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Request, Stand};
use crate::faults::{FaultPlan, Rule};

#[test]
fn health_is_told_by_status() {
    let mut stand = Stand::new();
    let (status, body) = stand.ask("", "GET", "sys/health", Value::Null);
    assert_eq!(
        (status, &body["sealed"], &body["version"]),
        (200, &json!(false), &json!("1.21.0"))
    );
    assert_eq!(
        stand
            .ask("", "GET", "sys/health?activecode=299", Value::Null)
            .0,
        299
    );
    assert_eq!(
        stand
            .ask("", "GET", "sys/health?activecode=x", Value::Null)
            .0,
        400
    );
    stand.vault.seal();
    let (status, body) = stand.ask("", "GET", "sys/health", Value::Null);
    assert_eq!(
        (status, &body["sealed"], body.get("cluster_id")),
        (503, &json!(true), None)
    );
    assert_eq!(
        stand
            .ask("", "GET", "sys/health?sealedcode=200", Value::Null)
            .0,
        200
    );
}

#[test]
fn time_goes_on_while_it_is_sealed() {
    let mut stand = Stand::with_aws();
    stand.put(
        "aws/config/lease",
        json!({"lease": "1h", "lease_max": "2h"}),
    );
    let (lease, _) = stand.creds("root", "user");
    stand.put("sys/seal", Value::Null);
    assert!(stand.vault.is_sealed());
    let sealed = json!({"errors": ["Vault is sealed"]});
    assert_eq!(
        stand.ask("root", "GET", "aws/creds/user", Value::Null),
        (503, sealed)
    );
    stand.later(7200);
    assert_eq!(stand.settle(), None);
    assert_eq!(stand.users().len(), 1, "nothing is done meanwhile");
    let key = crate::vault::Config::default().unseal_key;
    let got = stand.errors("PUT", "sys/unseal", json!({"key": "zz"}));
    assert_eq!(
        got,
        (
            400,
            vec!["'key' must be a valid hex or base64 string".to_owned()]
        )
    );
    let body = stand.put("sys/unseal", json!({"key": key}));
    assert_eq!(body["sealed"], false);
    stand.settle();
    assert_eq!(stand.users().len(), 0);
    assert!(!stand.has_lease(&lease));
}

#[test]
fn a_rate_limit_is_told_with_when_to_come_back() {
    let mut stand = Stand::with_aws();
    stand.put(
        "sys/quotas/rate-limit/q",
        json!({"rate": 2, "path": "aws/", "interval": "10s"}),
    );
    stand.put(
        "sys/quotas/config",
        json!({"enable_rate_limit_response_headers": true}),
    );
    let request = Request {
        method: "GET".to_owned(),
        path: "/v1/aws/roles/user".to_owned(),
        headers: vec![("X-Vault-Token".to_owned(), "root".to_owned())],
        ..Request::default()
    };
    assert_eq!(stand.send(&request).status, 200);
    assert_eq!(stand.send(&request).status, 200);
    stand.later(4);
    let response = stand.send(&request);
    assert_eq!(response.status, 429);
    assert_eq!(
        response.body,
        r#"{"errors":["request path \"aws/roles/user\": rate limit quota exceeded"]}"#
    );
    let header = |name: &str| {
        let found = response.headers.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(header("Retry-After"), Some("6"));
    assert_eq!(header("X-Ratelimit-Limit"), Some("2"));
    stand.later(6);
    assert_eq!(stand.send(&request).status, 200);
    assert_eq!(
        stand.ask("root", "GET", "sys/mounts", Value::Null).0,
        200,
        "not limited"
    );
}

#[test]
fn what_is_wrapped_is_had_once() {
    let mut stand = Stand::with_aws();
    let request = Request {
        method: "GET".to_owned(),
        path: "/v1/aws/roles/user".to_owned(),
        headers: vec![
            ("X-Vault-Token".to_owned(), "root".to_owned()),
            ("X-Vault-Wrap-TTL".to_owned(), "1m".to_owned()),
        ],
        ..Request::default()
    };
    let wrapped: Value = serde_json::from_str(&stand.send(&request).body).unwrap();
    assert_eq!(
        (&wrapped["data"], &wrapped["request_id"]),
        (&Value::Null, &json!(""))
    );
    let info = &wrapped["wrap_info"];
    assert_eq!(
        (&info["ttl"], &info["creation_path"]),
        (&json!(60), &json!("aws/roles/user"))
    );
    let token = info["token"].as_str().unwrap().to_owned();
    let looked = stand.put("sys/wrapping/lookup", json!({"token": token}));
    assert_eq!(looked["data"]["creation_ttl"], 60);
    let unwrapped = stand.put("sys/wrapping/unwrap", json!({"token": token}));
    assert_eq!(unwrapped["data"]["credential_type"], "iam_user");
    let got = stand.errors("POST", "sys/wrapping/unwrap", json!({"token": token}));
    assert_eq!(
        got,
        (
            400,
            vec!["wrapping token is not valid or does not exist".to_owned()]
        )
    );
    let other: Value = serde_json::from_str(&stand.send(&request).body).unwrap();
    let token = other["wrap_info"]["token"].as_str().unwrap().to_owned();
    assert_eq!(stand.ask(&token, "GET", "sys/mounts", Value::Null).0, 403);
    let got = stand.errors("POST", "sys/wrapping/unwrap", json!({"token": token}));
    assert_eq!(got.0, 400, "used elsewhere, it is burnt");
}

#[test]
fn the_log_tells_who_asked_for_what_and_no_secret() {
    let mut stand = Stand::with_aws();
    stand.get("sys/mounts");
    assert_eq!(stand.vault.audited().count(), 0);
    stand.vault.set_audit(2);
    stand.get("aws/roles/user");
    stand.put("aws/roles/user", json!({"user_path": "/x/"}));
    stand.ask("bad", "DELETE", "aws/roles/user", Value::Null);
    let told: Vec<_> = stand
        .vault
        .audited()
        .map(|entry| {
            (
                entry.operation,
                entry.path.as_str(),
                entry.status,
                entry.accessor.len(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("update", "aws/roles/user", 204, 24),
            ("delete", "aws/roles/user", 403, 0)
        ]
    );
}

#[test]
fn a_plans_errors_stop_a_request_before_it_does_anything() {
    let mut stand = Stand::with_aws();
    stand.vault.set_faults(FaultPlan {
        rules: vec![Rule {
            path: Some("aws/creds/".to_owned()),
            status: Some(500),
            message: Some("boom".to_owned()),
            times: Some(1),
            ..Rule::default()
        }],
    });
    let got = stand.errors("GET", "aws/creds/user", Value::Null);
    assert_eq!(got, (500, vec!["boom".to_owned()]));
    assert_eq!(stand.users().len(), 0);
    assert_eq!(
        stand.ask("root", "GET", "aws/creds/user", Value::Null).0,
        200
    );
}

#[test]
fn mounts_are_shown_beside_the_envelope_too() {
    let mut stand = Stand::new();
    let body = stand.get("sys/mounts");
    assert_eq!(body["secret/"], body["data"]["secret/"]);
    assert_eq!(body["data"]["secret/"]["options"], json!({"version": "2"}));
    let visible = stand.get("sys/internal/ui/mounts");
    assert_eq!(
        visible["data"]["auth"]["token/"]["config"]["max_lease_ttl"],
        2_764_800
    );
    let (status, nobody) = stand.ask("", "GET", "sys/internal/ui/mounts", Value::Null);
    assert_eq!(
        (status, &nobody["data"]),
        (200, &json!({"auth": {}, "secret": {}}))
    );
}

#[test]
fn a_moved_mount_keeps_what_it_has() {
    let mut stand = Stand::with_aws();
    let id =
        stand.put("sys/remount", json!({"from": "aws", "to": "cloud"}))["data"]["migration_id"]
            .clone();
    let status = stand.get(&format!("sys/remount/status/{}", id.as_str().unwrap()));
    assert_eq!(status["data"]["migration_info"]["status"], "success");
    assert_eq!(stand.list("cloud/roles"), ["session", "user"]);
}

#[test]
fn what_is_put_into_kv_is_found_there() {
    let mut stand = Stand::new();
    stand.put("secret/data/a", json!({"data": {"x": "y"}}));
    stand.put("secret/data/b/c", json!({"data": {"x": "z"}}));
    assert_eq!(
        stand.get("secret/data/a")["data"]["data"],
        json!({"x": "y"})
    );
    assert_eq!(stand.list("secret/metadata/"), ["a", "b/"]);
    stand.ask("root", "DELETE", "secret/data/a", Value::Null);
    let (status, gone) = stand.ask("root", "GET", "secret/data/a", Value::Null);
    assert_eq!((status, &gone["data"]["data"]), (404, &Value::Null));
    stand.put("sys/mounts/old", json!({"type": "kv"}));
    stand.put("old/a", json!({"x": "y", "ttl": "1h"}));
    let read = stand.get("old/a");
    assert_eq!(
        (&read["data"]["x"], &read["lease_duration"]),
        (&json!("y"), &json!(3600))
    );
    assert_eq!(read["lease_id"], "");
}

proptest! {
    /// Whatever comes in is answered, in Vault's form.
    #[test]
    fn nothing_that_comes_in_does_harm(
        method in "GET|POST|PUT|DELETE|LIST|PATCH|HEAD|[A-Z]{0,5}",
        path in "(/v1)?/(sys|aws|auth/token|auth/aws|secret)?(/[a-z%{}.*+-]{0,8}){0,4}[?]?[a-z=&%]{0,8}",
        token in "root|[ -~]{0,12}",
        body in "\\{\"[a-z_]{0,12}\": ?.{0,30}\\}|.{0,40}",
    ) {
        let mut stand = Stand::with_aws();
        let response = stand.send(&Request {
            method,
            path,
            headers: vec![("X-Vault-Token".to_owned(), token)],
            body: body.into_bytes(),
        });
        prop_assert!((200..600).contains(&response.status));
        if response.status >= 400 && !response.body.is_empty() {
            let body: Value = serde_json::from_str(&response.body).unwrap();
            prop_assert!(body["errors"].is_array() || body["data"].is_object() || body["sealed"].is_boolean() || body["warnings"].is_array(), "{body}");
        }
    }

    #[test]
    fn no_policy_does_harm(text in "(path|name|[{}\\[\\]=\",+*#/<a-z \n]){0,40}") {
        let mut stand = Stand::new();
        let (status, _) = stand.ask("root", "PUT", "sys/policies/acl/p", json!({"policy": text}));
        prop_assert!(status < 500);
    }
}

#[test]
fn an_older_version_says_less_of_a_bad_token_and_replaces_its_configuration() {
    let mut stand = Stand::with_aws();
    let config = super::Config {
        version: "1.16.3".to_owned(),
        ..super::Config::default()
    };
    stand.vault = super::Vault::new(config, stand.world.now);
    assert_eq!(
        stand.errors_of("nope", "GET", "sys/mounts", Value::Null),
        (403, vec!["permission denied".to_owned()])
    );
    stand.put("sys/mounts/aws", json!({"type": "aws"}));
    stand.put(
        "aws/config/root",
        json!({"region": "eu-west-1", "max_retries": 3}),
    );
    stand.put("aws/config/root", json!({"max_retries": 4}));
    let root = &stand.get("aws/config/root")["data"];
    assert_eq!(root["region"], "");
    assert_eq!(root["max_retries"], 4);
}
