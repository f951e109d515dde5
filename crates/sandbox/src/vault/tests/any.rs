//! What holds whatever is asked and whatever goes wrong.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::string::string_regex;
use serde_json::{Map, Value, json};

use super::{Config, Request, Stand, Vault};

const PATHS: &[&str] = &[
    "auth/aws/config/client",
    "auth/aws/config/sts/1",
    "auth/aws/login",
    "auth/aws/role/a",
    "auth/kubernetes/config",
    "auth/kubernetes/login",
    "auth/kubernetes/role/a",
    "auth/token/create",
    "auth/token/create-orphan",
    "auth/token/create/a",
    "auth/token/lookup",
    "auth/token/renew-self",
    "auth/token/roles/a",
    "auth/token/tidy",
    "aws/config/lease",
    "aws/config/root",
    "aws/config/rotate-root",
    "aws/creds/a",
    "aws/creds/session",
    "aws/creds/user",
    "aws/roles",
    "aws/roles/a",
    "aws/roles/user",
    "aws/sts/session",
    "cubbyhole/a",
    "secret/data/a",
    "secret/delete/a",
    "secret/metadata/a",
    "sys/audit/a",
    "sys/auth/kubernetes",
    "sys/auth/kubernetes/tune",
    "sys/capabilities",
    "sys/health",
    "sys/internal/ui/resultant-acl",
    "sys/leases/count",
    "sys/leases/lookup",
    "sys/leases/lookup/aws",
    "sys/leases/renew",
    "sys/leases/revoke-force/aws",
    "sys/leases/revoke-prefix/aws",
    "sys/mounts",
    "sys/mounts/aws",
    "sys/mounts/aws/tune",
    "sys/policies/acl/a",
    "sys/policy/a",
    "sys/quotas/config",
    "sys/quotas/rate-limit/a",
    "sys/remount",
    "sys/wrapping/unwrap",
    "sys/wrapping/wrap",
];

const FIELDS: &str = "accessor|audience|auth_type|block_interval|bound_iam_principal_arn|\
    bound_service_account_names|bound_service_account_namespaces|capabilities|config|\
    credential_type|data|default_lease_ttl|default_sts_ttl|destroyed|display_name|\
    explicit_max_ttl|external_id|from|iam_groups|iam_http_request_method|iam_request_body|\
    iam_request_headers|iam_request_url|iam_tags|id|increment|interval|jwt|kubernetes_host|lease|\
    lease_id|lease_max|list_cache|local|max|max_lease_ttl|max_retries|max_sts_ttl|meta|\
    no_default_policy|no_parent|num_uses|options|path|paths|path_suffix|pem_keys|period|policies|\
    policy|policy_arns|policy_document|prefix|rate|renewable|role|role_arns|rules|\
    session_tags|sync|text|to|token|token_bound_cidrs|token_explicit_max_ttl|token_max_ttl|\
    token_num_uses|token_period|token_policies|token_ttl|token_type|ttl|type|user_path|\
    username_template|versions";

fn field() -> impl Strategy<Value = String> {
    let names: Vec<&str> = FIELDS.split('|').collect();
    prop::sample::select(names).prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = Value> {
    let text = "-?[0-9]{1,20}[smhd]?|a|aws|kubernetes|kv|iam|iam_user|assumed_role|session_token|\
        batch|service|root|default|root,default|a=b|/a/|arn:aws:iam::123456789012:(user|role)/[a*]|\
        \\{\"Statement\":.*|\\{\\{ *(random|unix_time|truncate|printf|\\.DisplayName)[^}]*\\}\\}|\
        path \"[a+*/]*\" \\{ (capabilities|policy|min_wrapping_ttl|denied_parameters) = .*\\}?|\\PC*";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-2_i64..100_000).prop_map(Value::from),
        string_regex(text).unwrap().prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((field(), inner), 0..4).prop_map(object),
        ]
    })
}

fn object(fields: Vec<(String, Value)>) -> Value {
    fields.into_iter().collect::<Map<_, _>>().into()
}

/// What to do next.
#[derive(Debug, Clone, Copy)]
enum Step {
    Read,
    ReadSession,
    Renew(usize),
    Revoke(usize),
    /// A token that reads credentials.
    Token,
    RevokeToken(usize),
    Later(i64),
    Refuse(&'static str),
    Unreachable,
    Mend,
    Seal,
    Unseal,
}

fn step() -> impl Strategy<Value = Step> {
    let actions = prop::sample::select(vec![
        "CreateUser",
        "PutUserPolicy",
        "CreateAccessKey",
        "DeleteAccessKey",
        "DeleteUserPolicy",
        "DeleteUser",
        "ListAccessKeys",
        "GetUser",
    ]);
    prop_oneof![
        4 => Just(Step::Read),
        1 => Just(Step::ReadSession),
        1 => any::<usize>().prop_map(Step::Renew),
        2 => any::<usize>().prop_map(Step::Revoke),
        2 => Just(Step::Token),
        2 => any::<usize>().prop_map(Step::RevokeToken),
        3 => (0_i64..100_000).prop_map(Step::Later),
        2 => actions.prop_map(Step::Refuse),
        1 => Just(Step::Unreachable),
        2 => Just(Step::Mend),
        1 => Just(Step::Seal),
        1 => Just(Step::Unseal),
    ]
}

fn take(step: Step, stand: &mut Stand, leases: &mut Vec<String>, tokens: &mut Vec<String>) {
    let pick = |list: &[String], n: usize| list.get(n % list.len().max(1)).cloned();
    match step {
        Step::Read => {
            let token = tokens.last().map_or("root", |token| token).to_owned();
            let (_, body) = stand.ask(&token, "GET", "aws/creds/user", Value::Null);
            leases.extend(body["lease_id"].as_str().map(str::to_owned));
        }
        Step::ReadSession => {
            let (_, body) = stand.ask("root", "GET", "aws/creds/session", Value::Null);
            leases.extend(body["lease_id"].as_str().map(str::to_owned));
        }
        Step::Renew(n) => {
            let lease = json!({"lease_id": pick(leases, n), "increment": "30h"});
            stand.ask("root", "PUT", "sys/leases/renew", lease);
        }
        Step::Revoke(n) => {
            let lease = json!({"lease_id": pick(leases, n), "sync": n.is_multiple_of(2)});
            stand.ask("root", "PUT", "sys/leases/revoke", lease);
        }
        Step::Token => {
            let parent = tokens.last().map_or("root", |token| token).to_owned();
            let params = json!({"policies": ["all"], "ttl": "20h"});
            let (_, body) = stand.ask(&parent, "POST", "auth/token/create", params);
            tokens.extend(body["auth"]["client_token"].as_str().map(str::to_owned));
        }
        Step::RevokeToken(n) => {
            let token = json!({"token": pick(tokens, n)});
            stand.ask("root", "POST", "auth/token/revoke", token);
        }
        Step::Later(seconds) => stand.later(seconds),
        Step::Refuse(action) => stand.refuse(action, Some("AccessDenied")),
        Step::Unreachable => stand.world.is_cut = true,
        Step::Mend => {
            stand.refuse("", None);
            stand.world.is_cut = false;
        }
        Step::Seal => stand.vault.seal(),
        Step::Unseal => stand.vault.unseal(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever comes in, Vault answers as it may.
    #[test]
    fn anything_gets_an_answer(
        method in "GET|POST|PUT|LIST|DELETE|PATCH|HEAD|\\PC*",
        path in "/v1/(sys|auth|aws)/.*|/v1/sys/health(\\?.*)?|\\PC*",
        headers in prop::collection::vec(
            ("X-Vault-(Token|Wrap-TTL|Namespace|Request)|Authorization|\\PC*", "root|[0-9]*[smh]|\\PC*"),
            0..5,
        ),
        body in prop::collection::vec(any::<u8>(), 0..200),
        seconds in any::<i32>(),
    ) {
        let now = Timestamp::from_second(seconds.into()).unwrap();
        let mut vault = Vault::new(Config::default(), Timestamp::UNIX_EPOCH);
        let request = Request { method, path, headers, body };
        let fault = vault.fault(&request, now);
        let response = vault.answer(&request, &fault, now, &mut ());
        prop_assert!((200..600).contains(&response.status));
    }

    /// Odd parameters are no reason to fall over, however requests follow each other.
    #[test]
    fn any_parameters_get_an_answer(
        calls in prop::collection::vec((
            prop::sample::select(vec!["GET", "POST", "POST", "POST", "PUT", "LIST", "DELETE", "PATCH"]),
            prop::sample::select(PATHS),
            prop::collection::vec((field(), value()), 0..6),
            0_i64..10_000_000,
        ), 1..12),
    ) {
        let mut stand = Stand::with_aws();
        stand.put("sys/auth/aws", json!({"type": "aws"}));
        stand.put("sys/auth/kubernetes", json!({"type": "kubernetes"}));
        for (method, path, fields, seconds) in calls {
            let (status, body) = stand.ask("root", method, path, object(fields));
            prop_assert!((200..600).contains(&status), "{method} {path}: {status} {body}");
            stand.later(seconds);
            if let Some(next) = stand.settle() {
                prop_assert!(next > stand.world.now, "{method} {path} is due for ever");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    /// Whatever fails on the way, once AWS answers again and all leases have run out, none of
    /// Vault's users is left.
    #[test]
    fn no_user_stays(steps in prop::collection::vec(step(), 1..40)) {
        let mut stand = Stand::with_aws();
        stand.put("sys/policies/acl/all", json!({"policy": "path \"*\" { capabilities = [\"create\", \"read\", \"update\", \"delete\", \"list\", \"sudo\"] }"}));
        stand.put("aws/config/lease", json!({"lease": "10h", "lease_max": "50h"}));
        let (mut leases, mut tokens) = (Vec::new(), Vec::new());
        for step in steps {
            take(step, &mut stand, &mut leases, &mut tokens);
            if let Some(next) = stand.settle() {
                prop_assert!(next > stand.world.now);
            }
        }
        stand.vault.unseal();
        take(Step::Mend, &mut stand, &mut leases, &mut tokens);
        let end = stand.world.now + SignedDuration::from_hours(24 * 40);
        while let Some(next) = stand.settle() {
            prop_assert!(next > stand.world.now && next < end, "{next}");
            stand.world.now = next;
        }
        prop_assert_eq!(stand.users(), Vec::<String>::new());
        prop_assert_eq!(stand.list("sys/leases/lookup/aws/creds/user"), Vec::<String>::new());
    }
}
