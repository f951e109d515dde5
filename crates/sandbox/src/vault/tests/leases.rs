//! How leases live and end.

use serde_json::{Value, json};

use super::Stand;

fn lease(id: &str) -> Value {
    json!({"lease_id": id})
}

#[test]
fn a_lease_is_renewed_up_to_its_end() {
    let mut stand = Stand::with_aws();
    stand.put(
        "aws/config/lease",
        json!({"lease": "1h", "lease_max": "2h"}),
    );
    let (id, _) = stand.creds("root", "user");
    let renewed = stand.put(
        "sys/leases/renew",
        json!({"lease_id": id, "increment": "90m"}),
    );
    assert_eq!(
        (&renewed["lease_duration"], &renewed["warnings"]),
        (&json!(5400), &Value::Null)
    );
    assert_eq!(renewed["data"], Value::Null);
    stand.later(3600);
    let renewed = stand.put(
        "sys/leases/renew",
        json!({"lease_id": id, "increment": "20h"}),
    );
    let warning =
        "TTL of \"20h\" exceeded the effective max_ttl of \"1h\"; TTL value is capped accordingly";
    assert_eq!(
        (&renewed["lease_duration"], &renewed["warnings"]),
        (&json!(3600), &json!([warning]))
    );
    let found = stand.put("sys/leases/lookup", lease(&id));
    assert_eq!(found["data"]["ttl"], 3600);
    assert_eq!(found["data"]["issue_time"], "2026-11-22T10:00:00Z");
    assert_eq!(found["data"]["last_renewal"], "2026-11-22T11:00:00Z");
    stand.later(3600);
    assert!(!stand.has_lease(&id));
    assert_eq!(stand.users().len(), 0);
}

#[test]
fn what_aws_refuses_to_delete_is_tried_again_and_given_up() {
    let mut stand = Stand::with_aws();
    stand.put(
        "aws/config/lease",
        json!({"lease": "1m", "lease_max": "1m"}),
    );
    let (id, _) = stand.creds("root", "user");
    stand.refuse("DeleteUser", Some("AccessDenied"));
    let (status, errors) = stand.errors(
        "PUT",
        "sys/leases/revoke",
        json!({"lease_id": id, "sync": true}),
    );
    assert_eq!(status, 400);
    let start = "failed to revoke entry: resp: (*logical.Response)(nil) err: AccessDenied: User: arn:aws:iam::123456789012:user/vault-root is not authorized to perform: iam:DeleteUser on resource: arn:aws:iam::123456789012:user/vault-token-user-";
    assert!(errors[0].starts_with(start), "{errors:?}");
    assert!(stand.has_lease(&id));
    let mut tries = 0;
    stand.later(60);
    while tries < 5 {
        let next = stand.settle().expect("it is tried again");
        let wait = next.duration_since(stand.world.now).as_secs();
        let usual = 20 << tries;
        assert!(
            (usual / 2..=usual * 3 / 2).contains(&wait),
            "{tries}: {wait}"
        );
        stand.later(wait + 1);
        tries += 1;
    }
    stand.settle();
    let count = stand.get("sys/leases/count?type=irrevocable");
    assert_eq!(count["data"]["lease_count"], 1);
    let found = stand.put("sys/leases/lookup", lease(&id));
    assert!(found["data"]["ttl"].as_i64().unwrap() < 0);
    let got = stand.errors("PUT", "sys/leases/renew", lease(&id));
    let error = "lease is expired and has failed previous revocation attempts";
    assert_eq!(got, (400, vec![error.to_owned()]));
    let next = stand.settle().expect("once a day");
    assert!(next.duration_since(stand.world.now).as_hours() >= 23);
    stand.refuse("DeleteUser", None);
    stand.later(25 * 3600);
    stand.settle();
    assert_eq!(stand.users().len(), 0);
}

#[test]
fn a_user_somebody_else_deleted_is_missed_for_five_minutes() {
    let mut stand = Stand::with_aws();
    let (id, key) = stand.creds("root", "user");
    let name = stand.users()[0].clone();
    let user = [("UserName", name.as_str())];
    stand.iam("DeleteAccessKey", &[user[0], ("AccessKeyId", &key)]);
    stand.iam("DeleteUserPolicy", &[user[0], ("PolicyName", "user")]);
    stand.iam("DeleteUser", &user);
    let (status, errors) = stand.errors("PUT", "sys/leases/revoke", lease(&id));
    assert_eq!(status, 400);
    assert!(errors[0].contains("NoSuchEntity"), "{errors:?}");
    stand.later(301);
    assert_eq!(
        stand.ask("root", "PUT", "sys/leases/revoke", lease(&id)).0,
        204
    );
    assert!(!stand.has_lease(&id));
}

#[test]
fn a_mount_goes_only_with_its_leases() {
    let mut stand = Stand::with_aws();
    let (id, _) = stand.creds("root", "user");
    stand.refuse("DeleteUser", Some("AccessDenied"));
    let (status, errors) = stand.errors("DELETE", "sys/mounts/aws", Value::Null);
    assert_eq!(status, 400);
    assert!(errors[0].starts_with(&format!(
        "failed to revoke \"{id}\" (1 / 1): failed to revoke entry"
    )));
    let got = stand.errors("GET", "aws/roles/user", Value::Null);
    let error = "no handler for route \"aws/roles/user\". route entry is tainted.";
    assert_eq!(got, (404, vec![error.to_owned()]));
    assert_eq!(
        stand
            .ask("root", "PUT", "sys/leases/revoke-force/aws", json!({}))
            .0,
        204
    );
    assert_eq!(
        stand.ask("root", "DELETE", "sys/mounts/aws", Value::Null).0,
        204
    );
    assert_eq!(stand.users().len(), 1, "what is forced is left behind");
    assert_eq!(stand.list("sys/leases/lookup/aws"), Vec::<String>::new());
}

#[test]
fn what_is_queued_is_done_when_vault_gets_to_it() {
    let mut stand = Stand::with_aws();
    let (id, _) = stand.creds("root", "user");
    let answer = stand.ask(
        "root",
        "PUT",
        "sys/leases/revoke",
        json!({"lease_id": id, "sync": false}),
    );
    assert_eq!(answer, (202, Value::Null));
    assert_eq!(stand.users().len(), 1);
    stand.settle();
    assert_eq!(stand.users().len(), 0);
}

#[test]
fn leases_are_listed_as_folders() {
    let mut stand = Stand::with_aws();
    let (id, _) = stand.creds("root", "user");
    assert_eq!(stand.list("sys/leases/lookup"), ["auth/", "aws/"]);
    assert_eq!(stand.list("sys/leases/lookup/aws/creds"), ["user/"]);
    let last = id.rsplit('/').next().unwrap();
    assert_eq!(last.len(), 24);
    assert_eq!(stand.list("sys/leases/lookup/aws/creds/user/"), [last]);
}

#[test]
fn a_mounts_limit_caps_what_aws_gives() {
    let mut stand = Stand::with_aws();
    stand.put(
        "sys/mounts/aws/tune",
        json!({"max_lease_ttl": "20m", "default_lease_ttl": "10m"}),
    );
    let answer = stand.get("aws/creds/user");
    assert_eq!(answer["lease_duration"], 600);
    stand.put(
        "aws/config/lease",
        json!({"lease": "1h", "lease_max": "2h"}),
    );
    let answer = stand.get("aws/creds/user");
    assert_eq!(answer["lease_duration"], 1200);
    let warning =
        "TTL of \"1h\" exceeded the effective max_ttl of \"20m\"; TTL value is capped accordingly";
    assert_eq!(answer["warnings"], json!([warning]));
}
