//! The AWS engine at work.

use serde_json::{Value, json};

use super::{DOCUMENT, Stand};

#[test]
fn a_user_is_made_of_all_its_role_has_and_unmade() {
    let mut stand = Stand::with_aws();
    stand.iam("CreateGroup", &[("GroupName", "grp")]);
    stand.put(
        "aws/roles/full",
        json!({
            "credential_type": "iam_user",
            "policy_document": DOCUMENT,
            "policy_arns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
            "iam_groups": ["grp"],
            "iam_tags": {"a": "b"},
            "user_path": "/eng/",
        }),
    );
    let (lease, _) = stand.creds("root", "full");
    let users = stand.users();
    assert_eq!(users.len(), 1);
    let name = users[0].as_str();
    let user = [("UserName", name)];
    assert!(name.starts_with("vault-token-full-1795341600-"), "{name}");
    assert!(name.len() <= 64);
    assert!(stand.iam("GetUser", &user).contains("/eng/"));
    assert!(stand.iam("ListUserTags", &user).contains("<Key>a</Key>"));
    assert!(
        stand
            .iam("ListGroupsForUser", &user)
            .contains("<GroupName>grp</GroupName>")
    );
    assert!(
        stand
            .iam("ListUserPolicies", &user)
            .contains("<member>full</member>")
    );
    assert!(
        stand
            .iam("ListAttachedUserPolicies", &user)
            .contains("ReadOnlyAccess")
    );
    stand.put(
        "sys/leases/revoke",
        json!({"lease_id": lease, "sync": true}),
    );
    assert_eq!(stand.users(), Vec::<String>::new());
}

#[test]
fn sessions_end_by_themselves() {
    let mut stand = Stand::with_aws();
    let answer = stand.get("aws/creds/session?ttl=15m");
    assert_eq!(answer["lease_duration"], 900);
    assert_eq!(answer["renewable"], false);
    assert_eq!(answer["data"]["ttl"], 900);
    assert_eq!(
        answer["data"]["session_token"],
        answer["data"]["security_token"]
    );
    let arn = answer["data"]["arn"].as_str().unwrap();
    assert!(arn.starts_with("arn:aws:sts::123456789012:assumed-role/work/vault-token-session-"));
    let lease = answer["lease_id"].as_str().unwrap().to_owned();
    let got = stand.errors("PUT", "sys/leases/renew", json!({"lease_id": lease}));
    assert_eq!(got, (400, vec!["lease is not renewable".to_owned()]));
    assert!(stand.has_lease(&lease));
    stand.later(901);
    assert!(!stand.has_lease(&lease));
}

#[test]
fn the_other_kinds_of_sessions() {
    let mut stand = Stand::with_aws();
    stand.put(
        "aws/roles/fed",
        json!({"credential_type": "federation_token", "policy_document": DOCUMENT}),
    );
    stand.put(
        "aws/roles/ses",
        json!({"credential_type": "session_token", "max_sts_ttl": "20m"}),
    );
    let fed = stand.get("aws/creds/fed");
    assert_eq!(
        (&fed["lease_duration"], fed["data"].get("arn")),
        (&json!(3600), None)
    );
    let ses = stand.get("aws/creds/ses");
    assert_eq!(ses["lease_duration"], 1200, "no more than the role allows");
    assert_eq!(ses["data"].get("security_token"), None);
}

#[test]
fn groups_limit_sessions() {
    let mut stand = Stand::with_aws();
    stand.iam("CreateGroup", &[("GroupName", "grp")]);
    let policy = [
        ("GroupName", "grp"),
        ("PolicyName", "p"),
        ("PolicyDocument", DOCUMENT),
    ];
    stand.iam("PutGroupPolicy", &policy);
    let arn = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    stand.iam(
        "AttachGroupPolicy",
        &[("GroupName", "grp"), ("PolicyArn", arn)],
    );
    stand.put(
        "aws/roles/fed",
        json!({"credential_type": "federation_token", "iam_groups": "grp"}),
    );
    assert_eq!(
        stand.ask("root", "GET", "aws/creds/fed", Value::Null).0,
        200
    );
}

#[test]
fn what_is_half_done_is_cleaned_up_after_five_minutes() {
    let mut stand = Stand::with_aws();
    stand.refuse("CreateAccessKey", Some("AccessDenied"));
    assert_eq!(stand.errors("GET", "aws/creds/user", Value::Null).0, 400);
    stand.refuse("CreateAccessKey", None);
    assert_eq!(stand.users().len(), 1);
    let due = stand.settle().expect("something is to be done");
    stand.later(299);
    stand.settle();
    assert_eq!(stand.users().len(), 1, "not yet");
    stand.later(1);
    assert_eq!(stand.world.now, due);
    stand.settle();
    assert_eq!(stand.users().len(), 0);
}

#[test]
fn a_user_that_was_never_made_is_not_looked_for() {
    let mut stand = Stand::with_aws();
    stand.refuse("CreateUser", Some("AccessDenied"));
    assert_eq!(stand.errors("GET", "aws/creds/user", Value::Null).0, 400);
    assert_eq!(stand.settle(), None);
}

#[test]
fn a_role_is_changed_in_part() {
    let mut stand = Stand::with_aws();
    stand.put(
        "aws/roles/user",
        json!({"iam_tags": ["a=b"], "policy_document": "{ \"x y\" : 1 }"}),
    );
    let role = &stand.get("aws/roles/user")["data"];
    let wanted = json!({
        "credential_type": "iam_user",
        "policy_arns": null,
        "role_arns": null,
        "policy_document": "{\"x y\":1}",
        "iam_groups": null,
        "iam_tags": {"a": "b"},
        "session_tags": null,
        "external_id": "",
        "default_sts_ttl": 0,
        "max_sts_ttl": 0,
        "user_path": "",
        "permissions_boundary_arn": "",
        "mfa_serial_number": "",
    });
    assert_eq!(role, &wanted);
}

#[test]
fn the_root_key_is_replaced() {
    let mut stand = Stand::with_aws();
    let old = stand.get("aws/config/root")["data"]["access_key"].clone();
    let new = stand.put("aws/config/rotate-root", Value::Null)["data"]["access_key"].clone();
    assert_ne!(old, new);
    let root = stand.get("aws/config/root");
    assert_eq!(root["data"]["access_key"], new);
    assert_eq!(root["data"].get("secret_key"), None);
    assert_eq!(
        stand.ask("root", "GET", "aws/creds/user", Value::Null).0,
        200
    );
}

#[test]
fn names_follow_their_template() {
    let mut stand = Stand::with_aws();
    let template = "{{ printf \"vault-t-%s-%s\" (.PolicyName | uppercase) (random 4) }}";
    stand.put("aws/config/root", json!({"username_template": template}));
    stand.creds("root", "user");
    let name = stand.users()[0].clone();
    assert!(
        name.starts_with("vault-t-USER-") && name.len() == 17,
        "{name}"
    );
    stand.put(
        "aws/config/root",
        json!({"username_template": "{{ random 65 }}"}),
    );
    let (status, errors) = stand.errors("GET", "aws/creds/user", Value::Null);
    assert_eq!(status, 500);
    assert!(errors[0].contains("exceeds the IAM username length limits of 64 chars"));
    let (long, _) = stand.token(json!({"display_name": "x".repeat(80), "policies": ["root"]}));
    stand.put("aws/config/root", json!({"username_template": ""}));
    stand.creds(&long, "user");
    assert!(stand.users().iter().all(|name| name.len() <= 64));
}
