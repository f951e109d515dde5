//! Who somebody is and what they may do.

use serde_json::{Value, json};

use super::super::{Config, User};
use super::support::Server;

const SECRETS: &str = "/api/v1/namespaces/default/secrets";
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";

fn guarded() -> Server {
    let user = User {
        name: "u".to_owned(),
        groups: vec!["devs".to_owned()],
        token: "user-token".to_owned(),
    };
    let mut server = Server::with(Config {
        is_anonymous_admin: false,
        admin_token: Some("admin-token".to_owned()),
        users: vec![user],
        ..Config::default()
    });
    server.as_user(Some("admin-token"));
    server
}

fn grant(server: &mut Server, subject: &Value) {
    let rules = json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]);
    let role = json!({"metadata": {"name": "r"}, "rules": rules});
    server.post(&format!("{RBAC}/roles"), &role).ok();
    let binding = json!({
        "metadata": {"name": "b"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
        "subjects": [subject],
    });
    server.post(&format!("{RBAC}/rolebindings"), &binding).ok();
}

#[test]
fn a_token_nobody_knows_is_unauthorized() {
    let mut server = guarded();
    server
        .as_user(Some("wrong"))
        .get(SECRETS)
        .refused(401, "Unauthorized");
    server.as_user(None).get(SECRETS).refused(
        403,
        "secrets is forbidden: User \"system:anonymous\" cannot list resource \"secrets\" in API \
         group \"\" in the namespace \"default\"",
    );
}

#[test]
fn a_role_lets_its_subjects_do_what_it_says_and_no_more() {
    let mut server = guarded();
    server
        .post(SECRETS, &json!({"metadata": {"name": "s"}}))
        .ok();
    let forbidden = "secrets \"s\" is forbidden: User \"u\" cannot get resource \"secrets\" in \
         API group \"\" in the namespace \"default\"";
    let path = format!("{SECRETS}/s");
    server
        .as_user(Some("user-token"))
        .get(&path)
        .refused(403, forbidden);
    server.as_user(Some("admin-token"));
    grant(&mut server, &json!({"kind": "Group", "name": "devs"}));
    server.as_user(Some("user-token")).get(&path).ok();
    assert_eq!(server.delete(&path).code, 403);
}

#[test]
fn a_token_that_was_requested_is_its_account_until_either_ends() {
    let mut server = guarded();
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    server
        .post(accounts, &json!({"metadata": {"name": "sa"}}))
        .ok();
    server
        .post(SECRETS, &json!({"metadata": {"name": "s"}}))
        .ok();
    grant(
        &mut server,
        &json!({"kind": "ServiceAccount", "name": "sa", "namespace": "default"}),
    );
    let request = json!({"spec": {"expirationSeconds": 600}});
    let token = server.post(&format!("{accounts}/sa/token"), &request).ok();
    let token = token["status"]["token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let path = format!("{SECRETS}/s");
    server.as_user(Some(&token)).get(&path).ok();
    server.as_user(Some("admin-token"));
    let review = json!({"spec": {"token": token}});
    let reviews = "/apis/authentication.k8s.io/v1/tokenreviews";
    let status = server.post(reviews, &review).ok()["status"].clone();
    assert_eq!(
        status["user"]["username"],
        "system:serviceaccount:default:sa"
    );
    let other = json!({"spec": {"token": token, "audiences": ["vault"]}});
    let status = server.post(reviews, &other).ok()["status"].clone();
    assert!(status.get("authenticated").is_none(), "it is for others");
    server.pass(601);
    server
        .as_user(Some(&token))
        .get(&path)
        .refused(401, "Unauthorized");
    server.as_user(Some("admin-token"));
    let token = server.post(&format!("{accounts}/sa/token"), &request).ok();
    let token = token["status"]["token"]
        .as_str()
        .expect("a token")
        .to_owned();
    server.delete(&format!("{accounts}/sa")).ok();
    server
        .post(accounts, &json!({"metadata": {"name": "sa"}}))
        .ok();
    server
        .as_user(Some(&token))
        .get(&path)
        .refused(401, "Unauthorized");
}

#[test]
fn a_master_may_be_anybody_and_others_may_not() {
    let mut server = guarded();
    server.with_headers(&[("Impersonate-User", "bob"), ("Impersonate-Group", "g")]);
    server.get(SECRETS).refused(
        403,
        "secrets is forbidden: User \"bob\" cannot list resource \"secrets\" in API group \"\" \
         in the namespace \"default\"",
    );
    server.as_user(Some("user-token")).get(SECRETS).refused(
        403,
        "secrets is forbidden: User \"u\" cannot impersonate-on:user-info:list resource \
         \"secrets\" in API group \"\" in the namespace \"default\"",
    );
}

#[test]
fn nobody_gives_what_they_have_not() {
    let mut server = guarded();
    let rules = json!([{
        "apiGroups": ["rbac.authorization.k8s.io"],
        "resources": ["roles"],
        "verbs": ["create"],
    }]);
    server
        .post(
            &format!("{RBAC}/roles"),
            &json!({"metadata": {"name": "w"}, "rules": rules}),
        )
        .ok();
    let binding = json!({
        "metadata": {"name": "w"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "w"},
        "subjects": [{"kind": "User", "name": "u"}],
    });
    server.post(&format!("{RBAC}/rolebindings"), &binding).ok();
    let rules = json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]);
    let role = json!({"metadata": {"name": "r"}, "rules": rules});
    server
        .as_user(Some("user-token"))
        .post(&format!("{RBAC}/roles"), &role)
        .refused(
            403,
            "roles.rbac.authorization.k8s.io \"r\" is forbidden: user \"u\" (groups=[\"devs\" \
         \"system:authenticated\"]) is attempting to grant RBAC permissions not currently \
         held:\n{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\"]}",
        );
}

#[test]
fn an_access_review_says_why() {
    let mut server = guarded();
    grant(&mut server, &json!({"kind": "User", "name": "u"}));
    let asked = json!({"verb": "get", "resource": "secrets", "namespace": "default"});
    let review = json!({"spec": {"user": "u", "resourceAttributes": asked}});
    let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    let status = server.post(path, &review).ok()["status"].clone();
    assert_eq!(
        status,
        json!({
            "allowed": true,
            "reason": "RBAC: allowed by RoleBinding \"b/default\" of Role \"r\" to User \"u\"",
        })
    );
}
