//! Tokens, their children and what they leave behind.

use serde_json::{Value, json};

use super::{Stand, wrapped};

const POLICY: &str = r#"
    path "aws/creds/*" { capabilities = ["read"] }
    path "auth/token/create" { capabilities = ["update"] }
    path "auth/token/create-orphan" { capabilities = ["update"] }
"#;

fn stand() -> Stand {
    let mut stand = Stand::with_aws();
    stand.put("sys/policies/acl/op", json!({"policy": POLICY}));
    stand
}

fn lookup(stand: &mut Stand, token: &str) -> (u16, Value) {
    let (status, body) = stand.ask(token, "GET", "auth/token/lookup-self", Value::Null);
    (status, body["data"].clone())
}

#[test]
fn what_a_token_made_ends_with_it() {
    let mut stand = stand();
    let (parent, accessor) = stand.token(json!({"policies": ["op"], "ttl": "1h"}));
    let (status, body) = stand.ask(&parent, "POST", "auth/token/create", json!({"ttl": "30m"}));
    assert_eq!(status, 200);
    let child = body["auth"]["client_token"].as_str().unwrap().to_owned();
    let (_, body) = stand.ask(
        &parent,
        "POST",
        "auth/token/create-orphan",
        json!({"ttl": "30m"}),
    );
    let orphan = body["auth"]["client_token"].as_str().unwrap().to_owned();
    assert_eq!(body["auth"]["orphan"], true);
    let (of_parent, _) = stand.creds(&parent, "user");
    let (of_child, _) = stand.creds(&child, "user");
    let (of_orphan, _) = stand.creds(&orphan, "user");
    let accessor = json!({"accessor": accessor});
    assert_eq!(
        stand
            .ask("root", "POST", "auth/token/revoke-accessor", accessor)
            .0,
        204
    );
    assert_eq!(lookup(&mut stand, &parent).0, 403);
    assert_eq!(lookup(&mut stand, &child).0, 403);
    assert_eq!(lookup(&mut stand, &orphan).0, 200);
    assert!(!stand.has_lease(&of_parent) && !stand.has_lease(&of_child));
    assert!(stand.has_lease(&of_orphan));
    assert_eq!(stand.users().len(), 1);
}

#[test]
fn a_token_that_expires_takes_its_leases_along() {
    let mut stand = stand();
    let (token, _) = stand.token(json!({"policies": ["op"], "ttl": "1h"}));
    let (lease, _) = stand.creds(&token, "user");
    stand.later(3599);
    assert!(stand.has_lease(&lease));
    stand.later(1);
    stand.settle();
    assert!(!stand.has_lease(&lease));
    assert_eq!(stand.users().len(), 0);
    let unknown = "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n";
    let got = stand.errors_of(&token, "GET", "auth/token/lookup-self", Value::Null);
    assert_eq!(got, (403, vec![unknown.to_owned()]));
}

#[test]
fn revoking_an_orphaner_leaves_its_children() {
    let mut stand = stand();
    let (parent, _) = stand.token(json!({"policies": ["op"], "ttl": "1h"}));
    let (_, body) = stand.ask(&parent, "POST", "auth/token/create", json!({"ttl": "30m"}));
    let child = body["auth"]["client_token"].as_str().unwrap().to_owned();
    stand.put("auth/token/revoke-orphan", json!({"token": parent}));
    let (status, data) = lookup(&mut stand, &child);
    assert_eq!((status, &data["orphan"]), (200, &json!(true)));
}

#[test]
fn periodic_tokens_are_renewed_without_end() {
    let mut stand = stand();
    let (token, _) = stand.token(json!({"policies": ["op"], "period": "1h"}));
    for _ in 0..2000 {
        stand.later(3000);
        let (status, body) = stand.ask(&token, "POST", "auth/token/renew-self", json!({}));
        assert_eq!(
            (status, &body["auth"]["lease_duration"]),
            (200, &json!(3600))
        );
    }
    let (_, data) = lookup(&mut stand, &token);
    assert_eq!(data["period"], 3600);
}

#[test]
fn an_explicit_end_is_an_end() {
    let mut stand = stand();
    let params = json!({"policies": ["op"], "period": "1h", "explicit_max_ttl": "90m"});
    let (token, _) = stand.token(params);
    stand.later(3000);
    let (_, body) = stand.ask(&token, "POST", "auth/token/renew-self", json!({}));
    assert_eq!(body["auth"]["lease_duration"], 2400);
    let warning =
        "TTL of \"1h\" exceeded the effective max_ttl of \"40m\"; TTL value is capped accordingly";
    assert_eq!(body["warnings"], json!([warning]));
}

#[test]
fn batch_tokens_cap_their_leases_and_have_no_say() {
    let mut stand = stand();
    let (batch, accessor) = stand.token(json!({"policies": ["op"], "type": "batch", "ttl": "10m"}));
    assert_eq!(accessor, "");
    let (lease, _) = stand.creds(&batch, "user");
    let found = stand.put("sys/leases/lookup", json!({"lease_id": lease}));
    assert_eq!(found["data"]["ttl"], 600);
    let renewed = stand.put(
        "sys/leases/renew",
        json!({"lease_id": lease, "increment": "1h"}),
    );
    assert_eq!(
        (&renewed["lease_duration"], &renewed["warnings"]),
        (&json!(600), &Value::Null)
    );
    for (path, error) in [
        (
            "auth/token/create",
            "batch tokens cannot create more tokens",
        ),
        ("auth/token/revoke-self", "batch tokens cannot be revoked"),
        ("auth/token/renew-self", "batch tokens cannot be renewed"),
    ] {
        let got = stand.errors_of(&batch, "POST", path, json!({}));
        assert_eq!(got, (400, vec![error.to_owned()]));
    }
    stand.later(600);
    assert_eq!(lookup(&mut stand, &batch).0, 403);
}

#[test]
fn a_batch_token_ends_with_its_parent() {
    let mut stand = stand();
    let (parent, _) = stand.token(json!({"policies": ["op"], "ttl": "1h"}));
    let params = json!({"type": "batch", "ttl": "10m"});
    let (_, body) = stand.ask(&parent, "POST", "auth/token/create", params);
    let batch = body["auth"]["client_token"].as_str().unwrap().to_owned();
    let (lease, _) = stand.creds(&batch, "user");
    stand.put("auth/token/revoke", json!({"token": parent}));
    assert_eq!(lookup(&mut stand, &batch).0, 403);
    assert!(!stand.has_lease(&lease));
}

#[test]
fn the_last_use_is_the_last() {
    let mut stand = stand();
    let (once, _) = stand.token(json!({"policies": ["op"], "num_uses": 1, "ttl": "1h"}));
    let got = stand.errors_of(&once, "GET", "aws/creds/user", Value::Null);
    let error = "Secret cannot be returned; token had one use left, so leased credentials were immediately revoked.";
    assert_eq!(got, (400, vec![error.to_owned()]));
    stand.settle();
    assert_eq!(stand.users().len(), 0);
    let (twice, _) = stand.token(json!({"policies": ["default"], "num_uses": 2, "ttl": "1h"}));
    assert_eq!(
        stand.errors_of(&twice, "GET", "sys/mounts", Value::Null).0,
        403,
        "counts too"
    );
    let (status, data) = lookup(&mut stand, &twice);
    assert_eq!((status, &data["num_uses"]), (200, &json!(-1)));
    assert_eq!(lookup(&mut stand, &twice).0, 403);
}

#[test]
fn nobody_gives_what_they_have_not() {
    let mut stand = stand();
    let (token, _) = stand.token(json!({"policies": ["op"], "ttl": "1h"}));
    let cases = [
        (
            json!({"no_parent": true}),
            "root or sudo privileges required to create orphan token",
        ),
        (
            json!({"period": "1h"}),
            "root or sudo privileges required to create periodic token",
        ),
        (
            json!({"policies": ["root"]}),
            "child policies must be subset of parent",
        ),
        (
            json!({"policies": ["x"]}),
            "child policies must be subset of parent",
        ),
        (
            json!({"id": "zz"}),
            "root or sudo privileges required to specify token id",
        ),
    ];
    for (body, error) in cases {
        let got = stand.errors_of(&token, "POST", "auth/token/create", body);
        assert_eq!(got, (400, vec![error.to_owned()]));
    }
}

#[test]
fn policies_are_enforced_as_they_are_written() {
    let mut stand = stand();
    let policy = r#"
        path "aws/roles/+" { capabilities = ["read", "list"] }
        path "aws/roles/x*" { capabilities = ["deny"] }
        path "aws/config/lease" {
            capabilities = ["update", "read"]
            denied_parameters = { "lease" = ["9h"] }
            allowed_parameters = { "lease" = [], "lease_max" = ["10h", "11h"] }
        }
        path "aws/config/root" { capabilities = ["create"] required_parameters = ["region"] }
        path "sys/auth/*" { capabilities = ["create", "update"] }
        path "sys/auth/sudoed" { capabilities = ["create", "update", "sudo"] }
    "#;
    stand.put("sys/policies/acl/p", json!({"policy": policy}));
    let (token, _) = stand.token(json!({"policies": ["p"], "ttl": "1h"}));
    let lease = |lease: &str, max: &str| json!({"lease": lease, "lease_max": max});
    let cases = [
        ("GET", "aws/roles/user", Value::Null, 200),
        ("GET", "aws/roles/x1", Value::Null, 403),
        ("LIST", "aws/roles", Value::Null, 200),
        ("POST", "aws/config/lease", lease("9h", "10h"), 403),
        ("POST", "aws/config/lease", lease("1h", "12h"), 403),
        ("POST", "aws/config/lease", lease("1h", "10h"), 204),
        ("POST", "aws/config/root", json!({}), 403),
        ("POST", "aws/config/root", json!({"region": "x"}), 403),
        ("POST", "sys/auth/foo", json!({"type": "aws"}), 403),
        ("POST", "sys/auth/sudoed", json!({"type": "aws"}), 204),
        ("GET", "nomount/x", Value::Null, 403),
    ];
    for (method, path, body, status) in cases {
        let (got, answer) = stand.ask(&token, method, path, body);
        assert_eq!(got, status, "{method} {path}: {answer}");
        if status == 403 {
            assert_eq!(answer["errors"], json!([wrapped("permission denied")]));
        }
    }
    let asked = json!({"paths": ["aws/roles/y", "aws/roles/x1", "sys/auth/sudoed", "aws/roles"]});
    let (_, body) = stand.ask(&token, "POST", "sys/capabilities-self", asked);
    assert_eq!(
        body["data"],
        json!({
            "aws/roles": ["deny"],
            "aws/roles/x1": ["deny"],
            "aws/roles/y": ["list", "read"],
            "sys/auth/sudoed": ["create", "sudo", "update"],
        })
    );
}

#[test]
fn a_role_says_what_its_tokens_are() {
    let mut stand = stand();
    stand.put(
        "auth/token/roles/r",
        json!({"allowed_policies": "op", "orphan": true, "token_period": "1h", "path_suffix": "abc"}),
    );
    let auth = stand.put("auth/token/create/r", json!({}))["auth"].clone();
    assert_eq!(auth["policies"], json!(["default", "op"]));
    assert_eq!(
        (&auth["orphan"], &auth["lease_duration"]),
        (&json!(true), &json!(3600))
    );
    let token = auth["client_token"].as_str().unwrap().to_owned();
    let (_, data) = lookup(&mut stand, &token);
    assert_eq!(
        (&data["role"], &data["path"]),
        (&json!("r"), &json!("auth/token/create/r/abc"))
    );
    assert_eq!(data.get("period"), None, "the role's, not its own");
    let got = stand.errors("POST", "auth/token/create/r", json!({"policies": ["x"]}));
    let error = "token policies ([\"default\" \"x\"]) must be subset of the role's allowed policies ([\"default\" \"op\"]) or glob policies ([])";
    assert_eq!(got, (400, vec![error.to_owned()]));
}
