//! Temporary credentials.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::super::{Config, TokenCheck, WebIdentity};
use super::calls::{Caller, Key, key, policy, refusal, request, result, text};

const PROBE: &str = r#"{"Effect":"Allow","Action":"ec2:DescribeInstances","Resource":"*"}"#;
const ALL: &str = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
const ACCOUNT: &str = r#"{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession"],"Principal":{"AWS":"arn:aws:iam::123456789012:root"}}"#;

#[test]
fn caller_identity() {
    let mut aws = Caller::new();
    let xml = aws.sts("GetCallerIdentity", &[]).unwrap();
    assert!(xml.starts_with("<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/vault-root</Arn><UserId>AIDA"), "{xml}");
    assert_eq!(text(&xml, "Account"), "123456789012");
}

#[test]
fn assume_role() {
    let mut aws = Caller::new();
    let arn = aws.role("r", ACCOUNT, PROBE);
    let params = [("RoleArn", arn.as_str()), ("RoleSessionName", "me")];
    let xml = aws.sts("AssumeRole", &params).unwrap();
    assert_eq!(text(&xml, "Expiration"), "2026-11-22T11:00:00Z");
    let session = key(&xml);
    assert_eq!(&session.id[..4], "ASIA");
    let who = aws.call(&session, "sts", "GetCallerIdentity", &[]).unwrap();
    assert_eq!(
        text(&who, "Arn"),
        "arn:aws:sts::123456789012:assumed-role/r/me"
    );
    assert!(
        text(&who, "UserId").starts_with("AROA") && text(&who, "UserId").ends_with(":me"),
        "{who}"
    );
    assert_eq!(aws.probe(&session), Ok(()));
    let denied = refusal(
        403,
        "AccessDenied",
        "User: arn:aws:sts::123456789012:assumed-role/r/me is not \
        authorized to perform: iam:ListUsers on resource: arn:aws:iam::123456789012:user/ because no \
        identity-based policy allows the iam:ListUsers action",
    );
    assert_eq!(aws.call(&session, "iam", "ListUsers", &[]), denied);

    // A token that is not the session's, none, and one that is over.
    for token in [None, Some("other".to_owned())] {
        let wrong = Key {
            token,
            ..session.clone()
        };
        assert_eq!(aws.probe(&wrong), Err("AuthFailure".into()));
    }
    aws.later(3600);
    let expired = refusal(
        403,
        "ExpiredToken",
        "The security token included in the request is expired",
    );
    assert_eq!(aws.call(&session, "sts", "GetCallerIdentity", &[]), expired);
    assert_eq!(aws.probe(&session), Err("RequestExpired".into()));
}

#[test]
fn session_policies_only_take_away() {
    let mut aws = Caller::new();
    let arn = aws.role("r", ACCOUNT, PROBE);
    let assume = [("RoleArn", arn.as_str()), ("RoleSessionName", "me")];
    let with = |more: (&'static str, String), aws: &mut Caller| {
        let params = [assume[0], assume[1], (more.0, more.1.as_str())];
        key(&aws.sts("AssumeRole", &params).unwrap())
    };
    let all = with(("Policy", policy(ALL)), &mut aws);
    assert_eq!(aws.probe(&all), Ok(()));
    assert!(
        aws.call(&all, "iam", "ListUsers", &[]).is_err(),
        "the role does not allow it"
    );
    let s3 = with(
        (
            "PolicyArns.member.1.arn",
            "arn:aws:iam::aws:policy/AmazonS3FullAccess".into(),
        ),
        &mut aws,
    );
    let (_, _, message) = aws.call(&s3, "ec2", "DescribeInstances", &[]).unwrap_err();
    assert!(
        message.ends_with("because no session policy allows the ec2:DescribeInstances action"),
        "{message}"
    );
}

#[test]
fn a_boundary_bounds_a_role_too() {
    let mut aws = Caller::new();
    let (trust, all) = (policy(ACCOUNT), policy(ALL));
    let boundary = "arn:aws:iam::aws:policy/AmazonS3FullAccess";
    let role = ("RoleName", "bounded");
    let created = [
        role,
        ("AssumeRolePolicyDocument", trust.as_str()),
        ("PermissionsBoundary", boundary),
    ];
    aws.iam("CreateRole", &created).unwrap();
    let rights = [role, ("PolicyName", "p"), ("PolicyDocument", &all)];
    aws.iam("PutRolePolicy", &rights).unwrap();
    let params = [
        ("RoleArn", "arn:aws:iam::123456789012:role/bounded"),
        ("RoleSessionName", "me"),
    ];
    let session = key(&aws.sts("AssumeRole", &params).unwrap());
    let (_, _, message) = aws
        .call(&session, "ec2", "DescribeInstances", &[])
        .unwrap_err();
    assert!(
        message
            .ends_with("because no permissions boundary allows the ec2:DescribeInstances action"),
        "{message}"
    );
}

#[test]
fn who_may_assume() {
    let mut aws = Caller::new();
    let params = |arn: &str| {
        [
            ("RoleArn".to_owned(), arn.to_owned()),
            ("RoleSessionName".to_owned(), "me".to_owned()),
        ]
    };
    let assume = |aws: &mut Caller, key: &Key, arn: &str, more: &[(&str, &str)]| {
        let params = params(arn);
        let mut params: Vec<(&str, &str)> = params
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        params.extend(more);
        aws.call(key, "sts", "AssumeRole", &params)
    };
    let user = aws.user("u", PROBE);
    let denied = |why: &str, arn: &str| {
        refusal(
            403,
            "AccessDenied",
            &format!(
                "User: arn:aws:iam::123456789012:user/u is not authorized to perform: sts:AssumeRole on resource: {arn}{why}"
            ),
        )
    };

    // The account is trusted: the user's own policies decide.
    let account = aws.role("account", ACCOUNT, PROBE);
    assert_eq!(
        assume(&mut aws, &user, &account, &[]),
        denied(
            " because no identity-based policy allows the sts:AssumeRole action",
            &account
        )
    );
    // The user is trusted by name.
    let named = aws.role("named", r#"{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::123456789012:user/u"}}"#, PROBE);
    assume(&mut aws, &user, &named, &[]).unwrap();
    let (_, _, message) = assume(
        &mut aws,
        &user,
        &named,
        &[("Tags.member.1.Key", "k"), ("Tags.member.1.Value", "v")],
    )
    .unwrap_err();
    assert!(message.contains("sts:TagSession"), "{message}");
    // Somebody else is, or there is no such role.
    let other = aws.role("other", r#"{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::123456789012:user/v"}}"#, PROBE);
    assert_eq!(assume(&mut aws, &user, &other, &[]), denied("", &other));
    let none = "arn:aws:iam::123456789012:role/none";
    assert_eq!(assume(&mut aws, &user, none, &[]), denied("", none));
    // An external id.
    let external = aws.role("external", r#"{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::123456789012:user/u"},"Condition":{"StringEquals":{"sts:ExternalId":"42"}}}"#, PROBE);
    assert!(assume(&mut aws, &user, &external, &[]).is_err());
    assert!(assume(&mut aws, &user, &external, &[("ExternalId", "43")]).is_err());
    assume(&mut aws, &user, &external, &[("ExternalId", "42")]).unwrap();
    // Role after role.
    let root = aws.root.clone();
    let first = aws.role("first", ACCOUNT, ALL);
    let first = key(&assume(&mut aws, &root, &first, &[]).unwrap());
    assume(&mut aws, &first, &account, &[]).unwrap();
}

#[test]
fn durations_and_names() {
    let mut aws = Caller::new();
    let arn = aws.role("r", ACCOUNT, PROBE);
    let role = ("RoleArn", arn.as_str());
    let range = |field: &str, value: &str, rule: &str| {
        refusal(
            400,
            "ValidationError",
            &format!(
                "1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: {rule}"
            ),
        )
    };
    let name = ("RoleSessionName", "me");
    #[rustfmt::skip]
    let cases: &[(&str, &[(&str, &str)], _)] = &[
        ("AssumeRole", &[role, name, ("DurationSeconds", "60")], range("durationSeconds", "60", "Member must have value greater than or equal to 900")),
        ("AssumeRole", &[role, name, ("DurationSeconds", "43201")], range("durationSeconds", "43201", "Member must have value less than or equal to 43200")),
        ("AssumeRole", &[role, name, ("DurationSeconds", "7200")], refusal(400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")),
        ("AssumeRole", &[role, ("RoleSessionName", "a b")], range("roleSessionName", "a b", "Member must satisfy regular expression pattern: [\\w+=,.@-]*")),
        ("AssumeRole", &[("RoleArn", "x"), name], refusal(400, "ValidationError", "x is invalid")),
        ("AssumeRole", &[role, name, ("Policy", "{}")], refusal(400, "MalformedPolicyDocument", "Syntax errors in policy.")),
        ("GetFederationToken", &[("Name", "x")], range("name", "x", "Member must have length greater than or equal to 2")),
        ("GetFederationToken", &[("Name", "xx"), ("DurationSeconds", "129601")], range("durationSeconds", "129601", "Member must have value less than or equal to 129600")),
        ("GetSessionToken", &[("DurationSeconds", "899")], range("durationSeconds", "899", "Member must have value greater than or equal to 900")),
        ("GetSessionToken", &[("SerialNumber", "arn:aws:iam::1:mfa/x"), ("TokenCode", "000000")], refusal(403, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code. ")),
    ];
    for (action, params, expected) in cases {
        assert_eq!(aws.sts(action, params), *expected, "{action} {params:?}");
    }
    let trust = policy(ACCOUNT);
    aws.iam(
        "CreateRole",
        &[
            ("RoleName", "long"),
            ("AssumeRolePolicyDocument", &trust),
            ("MaxSessionDuration", "43200"),
        ],
    )
    .unwrap();
    let long = ("RoleArn", "arn:aws:iam::123456789012:role/long");
    let xml = aws
        .sts("AssumeRole", &[long, name, ("DurationSeconds", "43200")])
        .unwrap();
    assert_eq!(text(&xml, "Expiration"), "2026-11-22T22:00:00Z");
}

#[test]
fn federation_and_session_tokens() {
    let mut aws = Caller::new();
    let user = aws.user(
        "u",
        r#"{"Effect":"Allow","Action":["ec2:*","iam:*","sts:GetFederationToken"],"Resource":"*"}"#,
    );
    let document = policy(ALL);
    let with = [("Name", "joe"), ("Policy", document.as_str())];
    let xml = aws.call(&user, "sts", "GetFederationToken", &with).unwrap();
    assert_eq!(text(&xml, "FederatedUserId"), "123456789012:joe");
    let joe = key(&xml);
    assert_eq!(aws.probe(&joe), Ok(()));
    let who = aws.call(&joe, "sts", "GetCallerIdentity", &[]).unwrap();
    assert_eq!(
        text(&who, "Arn"),
        "arn:aws:sts::123456789012:federated-user/joe"
    );
    // Without a policy it may nothing.
    let none = key(&aws
        .call(&user, "sts", "GetFederationToken", &[("Name", "joe")])
        .unwrap());
    assert_eq!(aws.probe(&none), Err("UnauthorizedOperation".into()));

    let session = key(&aws.call(&user, "sts", "GetSessionToken", &[]).unwrap());
    assert_eq!(aws.probe(&session), Ok(()));
    let who = aws.call(&session, "sts", "GetCallerIdentity", &[]).unwrap();
    assert_eq!(text(&who, "Arn"), "arn:aws:iam::123456789012:user/u");

    // Neither may call IAM, nor make more of itself.
    let invalid = refusal(
        403,
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
    );
    for key in [&joe, &session] {
        assert_eq!(aws.call(key, "iam", "ListUsers", &[]), invalid);
        let cannot = refusal(
            403,
            "AccessDenied",
            "Cannot call GetSessionToken with session credentials",
        );
        assert_eq!(aws.call(key, "sts", "GetSessionToken", &[]), cannot);
    }

    // They die with the user.
    for call in [
        ("DeleteAccessKey", ("AccessKeyId", user.id.as_str())),
        ("DeleteUserPolicy", ("PolicyName", "p")),
        ("DeleteUser", ("UserName", "u")),
    ] {
        aws.iam(call.0, &[("UserName", "u"), call.1]).unwrap();
    }
    assert_eq!(aws.probe(&session), Err("AuthFailure".into()));
}

#[test]
fn web_identities() {
    let trust = r#"{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity","Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/kube.example"},"Condition":{"StringEquals":{"kube.example:sub":"system:serviceaccount:a:b"}}}"#;
    let mut aws = Caller::new();
    let arn = aws.role("web", trust, PROBE);
    let assume = |aws: &mut Caller, token: &str| {
        let params = [
            ("RoleArn", arn.as_str()),
            ("RoleSessionName", "me"),
            ("WebIdentityToken", token),
        ];
        result(
            aws.aws
                .handle(&request("AssumeRoleWithWebIdentity", &params), aws.now),
        )
    };
    let token = |sub: &str, exp: i64| {
        let claims = format!(
            r#"{{"iss":"https://kube.example","sub":"{sub}","aud":["sts.amazonaws.com"],"exp":{exp}}}"#
        );
        format!("e30.{}.x", BASE64_URL_SAFE_NO_PAD.encode(claims))
    };
    let good = token("system:serviceaccount:a:b", 4_000_000_000);
    let xml = assume(&mut aws, &good).unwrap();
    assert_eq!(
        text(&xml, "SubjectFromWebIdentityToken"),
        "system:serviceaccount:a:b"
    );
    assert_eq!(aws.probe(&key(&xml)), Ok(()));
    let denied = refusal(
        403,
        "AccessDenied",
        "Not authorized to perform sts:AssumeRoleWithWebIdentity",
    );
    assert_eq!(
        assume(&mut aws, &token("system:serviceaccount:a:c", 4_000_000_000)),
        denied
    );
    assert_eq!(
        assume(&mut aws, &token("system:serviceaccount:a:b", 1))
            .unwrap_err()
            .1,
        "ExpiredTokenException"
    );
    assert_eq!(assume(&mut aws, "x").unwrap_err().1, "InvalidIdentityToken");

    let mut aws = Caller::with(Config {
        token_check: TokenCheck::new(|token, _| match token {
            "good" => Ok(WebIdentity {
                issuer: "kube.example".into(),
                subject: "system:serviceaccount:a:b".into(),
                audience: "x".into(),
            }),
            _ => Err("no".into()),
        }),
        ..Config::default()
    });
    aws.role("web", trust, PROBE);
    assert!(assume(&mut aws, "good").is_ok());
    assert_eq!(
        assume(&mut aws, &good),
        refusal(400, "InvalidIdentityToken", "no")
    );
}
