//! What goes wrong on purpose, and what never may.

use std::time::Duration;

use proptest::prelude::*;

use super::super::{Aws, Config, Cut, FaultPlan, Request, sign};
use super::calls::{Caller, key, refusal, request};

fn plan(json: &str) -> FaultPlan {
    serde_json::from_str(json).unwrap()
}

#[test]
fn errors_by_action_and_count() {
    let mut aws = Caller::new();
    aws.aws.set_faults(plan(
        r#"{"rules":[
            {"action":"CreateUser","skip":1,"times":1,"error":"ServiceFailure"},
            {"action":"DeleteUser","containing":"vault-","error":"AccessDenied"},
            {"action":"GetUser","error":"Odd","status":418,"message":"A teapot"}]}"#,
    ));
    let create = |aws: &mut Caller, name| {
        aws.iam("CreateUser", &[("UserName", name)])
            .map(|_| ())
            .map_err(|e| (e.0, e.1))
    };
    assert_eq!(create(&mut aws, "a"), Ok(()));
    assert_eq!(
        create(&mut aws, "vault-b"),
        Err((500, "ServiceFailure".into()))
    );
    assert_eq!(create(&mut aws, "vault-b"), Ok(()));
    aws.iam("DeleteUser", &[("UserName", "a")]).unwrap();
    let denied = refusal(
        403,
        "AccessDenied",
        "User: arn:aws:iam::123456789012:user/vault-root is not \
        authorized to perform: iam:DeleteUser on resource: arn:aws:iam::123456789012:user/vault-b because \
        no identity-based policy allows the iam:DeleteUser action",
    );
    assert_eq!(aws.iam("DeleteUser", &[("UserName", "vault-b")]), denied);
    assert_eq!(aws.iam("GetUser", &[]), refusal(418, "Odd", "A teapot"));
    aws.aws.set_faults(FaultPlan::default());
    aws.iam("DeleteUser", &[("UserName", "vault-b")]).unwrap();
}

#[test]
fn delays_and_cuts_are_told_to_whoever_has_the_connection() {
    let mut aws = Caller::new();
    aws.aws.set_faults(plan(
        r#"{"rules":[{"action":"*","times":1,"delay_ms":5,"answer_delay_ms":7,"cut":"after"}]}"#,
    ));
    let request = request("ListUsers", &[]);
    let fault = aws.aws.fault(&request, aws.now);
    assert_eq!(fault.delay, Duration::from_millis(5));
    assert_eq!(fault.answer_delay, Duration::from_millis(7));
    assert_eq!(fault.cut, Some(Cut::After));
    assert_eq!(aws.aws.fault(&request, aws.now).cut, None);
}

#[test]
fn too_many_calls() {
    let mut aws = Caller::new();
    aws.aws.set_faults(plan(r#"{"rates":{"ListUsers":2}}"#));
    let throttled = refusal(400, "Throttling", "Rate exceeded");
    let mut fine = || -> Vec<bool> {
        let answers: Vec<bool> = (0..3)
            .map(|_| {
                let answer = aws.iam("ListUsers", &[]);
                assert!(answer.is_ok() || answer == throttled, "{answer:?}");
                answer.is_ok()
            })
            .collect();
        aws.iam("GetUser", &[]).unwrap();
        aws.later(1);
        answers
    };
    assert_eq!(fine(), [true, true, false]);
    assert_eq!(fine(), [true, true, false]);
}

#[test]
fn a_new_key_is_not_known_everywhere_at_once() {
    let mut aws = Caller::new();
    aws.aws
        .set_faults(plan(r#"{"new_keys_refused_for_seconds":10}"#));
    let key = key(&aws.iam("CreateAccessKey", &[]).unwrap());
    let invalid = refusal(
        403,
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
    );
    assert_eq!(aws.call(&key, "sts", "GetCallerIdentity", &[]), invalid);
    aws.later(9);
    assert_eq!(aws.call(&key, "sts", "GetCallerIdentity", &[]), invalid);
    aws.later(1);
    aws.call(&key, "sts", "GetCallerIdentity", &[]).unwrap();
}

#[test]
fn the_root_users_rights_come_and_go() {
    let mut aws = Caller::new();
    let nothing = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:*","Resource":"*"}]}"#;
    aws.aws.set_root_policy(nothing).unwrap();
    let (_, code, _) = aws.iam("CreateUser", &[("UserName", "x")]).unwrap_err();
    assert_eq!(code, "AccessDenied");
    aws.aws.set_root_policy("{}").unwrap_err();
    aws.aws
        .set_root_policy(&Config::default().root_policy)
        .unwrap();
    aws.iam("CreateUser", &[("UserName", "x")]).unwrap();
}

const ACTIONS: &[&str] = &[
    "CreateUser",
    "GetUser",
    "ListUsers",
    "DeleteUser",
    "TagUser",
    "CreateAccessKey",
    "DeleteAccessKey",
    "PutUserPolicy",
    "AttachUserPolicy",
    "CreateGroup",
    "AddUserToGroup",
    "CreateRole",
    "AssumeRole",
    "GetFederationToken",
    "AssumeRoleWithWebIdentity",
    "DescribeInstances",
    "",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever comes in, something comes out that says no or yes.
    #[test]
    fn never_panics_on_anything(
        method in "GET|POST|PUT|\\PC*",
        path in "/|/\\?.*|\\PC*",
        headers in prop::collection::vec(("Authorization|X-Amz-Date|X-Amz-Security-Token|Host|\\PC*", "AWS4-HMAC-SHA256 .*|Credential=.*|\\PC*"), 0..5),
        body in prop::collection::vec(any::<u8>(), 0..200),
        seconds in any::<i32>(),
    ) {
        let mut aws = Aws::new(Config::default(), jiff::Timestamp::UNIX_EPOCH).unwrap();
        let now = jiff::Timestamp::from_second(seconds.into()).unwrap();
        let response = aws.handle(&Request { method, path, headers, body }, now);
        prop_assert!((400..600).contains(&response.status) || response.status == 200);
    }

    /// Nor do signed calls with odd parameters, however they follow each other.
    #[test]
    fn never_panics_on_signed_calls(
        calls in prop::collection::vec((
            prop::sample::select(ACTIONS),
            prop::collection::vec((
                "UserName|Path|PolicyName|PolicyDocument|PolicyArn|GroupName|RoleName|RoleArn|Marker|MaxItems|DurationSeconds|Name|Tags.member.1.Key|WebIdentityToken|AssumeRolePolicyDocument|Policy|RoleSessionName",
                "[a-c]|-?[0-9]{1,20}|arn:.*|\\{\"Statement\":.*|/[a/]*|.*",
            ), 0..6),
        ), 1..8),
        service in "iam|sts|ec2|.*",
    ) {
        let mut caller = Caller::new();
        for (action, params) in calls {
            let params: Vec<(&str, &str)> = params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let mut request = request(action, &params);
            let (root, now) = (caller.root.clone(), caller.now);
            sign(&mut request, &root.id, &root.secret, None, ("us-east-1", &service), now);
            let response = caller.aws.handle(&request, now);
            prop_assert!(response.status == 200 || (400..500).contains(&response.status));
            prop_assert!(!response.body.chars().any(|char| char < ' ' && !"\n\t".contains(char)));
        }
    }
}
