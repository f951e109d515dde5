//! Users, keys, policies, groups and roles.

use super::super::Config;
use super::calls::{Caller, all, key, policy, refusal, text};

const PROBE: &str = r#"{"Effect":"Allow","Action":"ec2:DescribeInstances","Resource":"*"}"#;
const READ_ONLY: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";

/// What Vault does for `iam_user`, to issue and to revoke.
#[test]
fn vaults_calls_in_vaults_order() {
    let mut aws = Caller::new();
    let user = ("UserName", "vault-x");
    aws.iam("CreateGroup", &[("GroupName", "readers")]).unwrap();
    let created = aws
        .iam("CreateUser", &[user, ("Path", "/leases/")])
        .unwrap();
    assert!(created.starts_with("<CreateUserResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><CreateUserResult><User>"), "{created}");
    assert_eq!(
        text(&created, "Arn"),
        "arn:aws:iam::123456789012:user/leases/vault-x"
    );
    assert_eq!(text(&created, "CreateDate"), "2026-11-22T10:00:00Z");
    assert_eq!(text(&created, "RequestId").len(), 36);
    aws.iam("AttachUserPolicy", &[user, ("PolicyArn", READ_ONLY)])
        .unwrap();
    let document = policy(PROBE);
    aws.iam(
        "PutUserPolicy",
        &[user, ("PolicyName", "demo"), ("PolicyDocument", &document)],
    )
    .unwrap();
    aws.iam("AddUserToGroup", &[user, ("GroupName", "readers")])
        .unwrap();
    aws.iam(
        "TagUser",
        &[
            user,
            ("Tags.member.1.Key", "team"),
            ("Tags.member.1.Value", "a b"),
        ],
    )
    .unwrap();
    let key = key(&aws.iam("CreateAccessKey", &[user]).unwrap());
    assert_eq!(
        (key.id.len(), key.secret.len(), &key.id[..4]),
        (20, 40, "AKIA")
    );
    assert_eq!(aws.probe(&key), Ok(()));
    let got = aws.iam("GetUser", &[user]).unwrap();
    assert_eq!(
        (text(&got, "Key"), text(&got, "Value")),
        ("team".into(), "a b".into())
    );

    let many = ("MaxItems", "1000");
    for (action, tag, expected) in [
        ("ListGroupsForUser", "GroupName", "readers"),
        ("ListUserPolicies", "member", "demo"),
        ("ListAttachedUserPolicies", "PolicyArn", READ_ONLY),
        ("ListAccessKeys", "AccessKeyId", &key.id),
    ] {
        let xml = aws.iam(action, &[user, many]).unwrap();
        assert_eq!(text(&xml, "IsTruncated"), "false");
        assert_eq!(all(&xml, tag), [expected]);
    }

    for (what, action, param) in [
        (
            "delete access keys",
            "DeleteAccessKey",
            ("AccessKeyId", key.id.as_str()),
        ),
        (
            "detach all policies",
            "DetachUserPolicy",
            ("PolicyArn", READ_ONLY),
        ),
        (
            "delete policies",
            "DeleteUserPolicy",
            ("PolicyName", "demo"),
        ),
        (
            "remove users from group",
            "RemoveUserFromGroup",
            ("GroupName", "readers"),
        ),
    ] {
        let message = format!("Cannot delete entity, must {what} first.");
        let conflict = refusal(409, "DeleteConflict", &message);
        assert_eq!(aws.iam("DeleteUser", &[user]), conflict);
        aws.iam(action, &[user, param]).unwrap();
    }
    assert_eq!(aws.probe(&key), Err("AuthFailure".into()));
    let deleted = aws.iam("DeleteUser", &[user]).unwrap();
    assert!(deleted.starts_with("<DeleteUserResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><ResponseMetadata>"), "{deleted}");
    let gone = refusal(
        404,
        "NoSuchEntity",
        "The user with name vault-x cannot be found.",
    );
    assert_eq!(aws.iam("ListGroupsForUser", &[user]), gone);
    assert_eq!(aws.iam("DeleteUser", &[user]), gone);
    assert_eq!(
        all(&aws.iam("ListUsers", &[]).unwrap(), "UserName"),
        ["vault-root"]
    );
}

/// Action, parameters, refusal.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], (u16, &'a str, &'a str));

/// Every refusal with its status, code and words.
#[test]
fn refusals() {
    let mut aws = Caller::new();
    let document = policy(PROBE);
    aws.iam("CreateUser", &[("UserName", "u")]).unwrap();
    aws.iam("CreateGroup", &[("GroupName", "g")]).unwrap();
    aws.iam("AddUserToGroup", &[("UserName", "u"), ("GroupName", "g")])
        .unwrap();
    aws.iam(
        "CreatePolicy",
        &[("PolicyName", "mine"), ("PolicyDocument", &document)],
    )
    .unwrap();
    let mine = "arn:aws:iam::123456789012:policy/mine";
    aws.iam(
        "AttachGroupPolicy",
        &[("GroupName", "g"), ("PolicyArn", mine)],
    )
    .unwrap();
    aws.role(
        "r",
        r#"{"Effect":"Allow","Action":"sts:AssumeRole","Principal":"*"}"#,
        PROBE,
    );
    let (long, large) = (
        "x".repeat(129),
        policy(&format!(
            r#"{{"Effect":"Allow","Action":"s3:{}","Resource":"*"}}"#,
            "x".repeat(2000)
        )),
    );
    let (u, nobody) = (("UserName", "u"), ("UserName", "nobody"));
    let no_user = (
        404,
        "NoSuchEntity",
        "The user with name nobody cannot be found.",
    );
    let none = "arn:aws:iam::aws:policy/None";
    #[rustfmt::skip]
    let cases: &[Case<'_>] = &[
        ("CreateUser", &[u], (409, "EntityAlreadyExists", "User with name u already exists.")),
        ("CreateUser", &[("UserName", "U")], (409, "EntityAlreadyExists", "User with name U already exists.")),
        ("CreateUser", &[], (400, "ValidationError", "1 validation error detected: Value null at 'userName' failed to satisfy constraint: Member must not be null")),
        ("CreateUser", &[("UserName", "a b")], (400, "ValidationError", "The specified value for userName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-")),
        ("CreateUser", &[("UserName", &long)], (400, "ValidationError", &format!("1 validation error detected: Value '{long}' at 'userName' failed to satisfy constraint: Member must have length less than or equal to 64"))),
        ("CreateUser", &[("UserName", "v"), ("Path", "x")], (400, "ValidationError", "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.")),
        ("CreateUser", &[("UserName", "v"), ("PermissionsBoundary", none)], (404, "NoSuchEntity", &format!("Scope ARN: {none} does not exist or is not attachable."))),
        ("GetUser", &[nobody], no_user),
        ("DeleteUser", &[nobody], no_user),
        ("TagUser", &[nobody], no_user),
        ("CreateAccessKey", &[nobody], no_user),
        ("ListAccessKeys", &[nobody], no_user),
        ("DeleteAccessKey", &[u, ("AccessKeyId", "AKIAX")], (404, "NoSuchEntity", "The Access Key with id AKIAX cannot be found.")),
        ("UpdateAccessKey", &[u, ("AccessKeyId", "AKIAX"), ("Status", "Active")], (404, "NoSuchEntity", "The Access Key with id AKIAX cannot be found.")),
        ("PutUserPolicy", &[nobody, ("PolicyName", "p"), ("PolicyDocument", &document)], no_user),
        ("PutUserPolicy", &[u, ("PolicyName", "p"), ("PolicyDocument", "{}")], (400, "MalformedPolicyDocument", "Syntax errors in policy.")),
        ("PutUserPolicy", &[u, ("PolicyName", &long), ("PolicyDocument", &document)], (400, "ValidationError", &format!("1 validation error detected: Value '{long}' at 'policyName' failed to satisfy constraint: Member must have length less than or equal to 128"))),
        ("PutUserPolicy", &[u, ("PolicyName", "p"), ("PolicyDocument", &large)], (409, "LimitExceeded", "Maximum policy size of 2048 bytes exceeded for user u")),
        ("GetUserPolicy", &[u, ("PolicyName", "p")], (404, "NoSuchEntity", "The user policy with name p cannot be found.")),
        ("DeleteUserPolicy", &[u, ("PolicyName", "p")], (404, "NoSuchEntity", "The user policy with name p cannot be found.")),
        ("DeleteRolePolicy", &[("RoleName", "r"), ("PolicyName", "q")], (404, "NoSuchEntity", "The role policy with name q cannot be found.")),
        ("ListUserPolicies", &[nobody], no_user),
        ("AttachUserPolicy", &[u, ("PolicyArn", none)], (404, "NoSuchEntity", &format!("Policy {none} does not exist or is not attachable."))),
        ("AttachUserPolicy", &[u, ("PolicyArn", "nonsense")], (400, "ValidationError", "")),
        ("DetachUserPolicy", &[u, ("PolicyArn", READ_ONLY)], (404, "NoSuchEntity", &format!("Policy {READ_ONLY} was not found."))),
        ("ListAttachedUserPolicies", &[nobody], no_user),
        ("CreatePolicy", &[("PolicyName", "mine"), ("PolicyDocument", &document)], (409, "EntityAlreadyExists", "A policy called mine already exists. Duplicate names are not allowed.")),
        ("GetPolicy", &[("PolicyArn", none)], (404, "NoSuchEntity", &format!("Policy {none} was not found."))),
        ("DeletePolicy", &[("PolicyArn", mine)], (409, "DeleteConflict", "Cannot delete a policy attached to entities.")),
        ("DeletePolicy", &[("PolicyArn", READ_ONLY)], (403, "AccessDenied", "Cannot perform this operation on AWS managed policies.")),
        ("CreateGroup", &[("GroupName", "G")], (409, "EntityAlreadyExists", "Group with name G already exists.")),
        ("AddUserToGroup", &[u, ("GroupName", "h")], (404, "NoSuchEntity", "The group with name h cannot be found.")),
        ("AddUserToGroup", &[nobody, ("GroupName", "g")], no_user),
        ("RemoveUserFromGroup", &[u, ("GroupName", "h")], (404, "NoSuchEntity", "The group with name h cannot be found.")),
        ("ListGroupsForUser", &[nobody], no_user),
        ("DeleteGroup", &[("GroupName", "g")], (409, "DeleteConflict", "Cannot delete entity, must remove users from group first.")),
        ("GetGroupPolicy", &[("GroupName", "g"), ("PolicyName", "p")], (404, "NoSuchEntity", "The group policy with name p cannot be found.")),
        ("CreateRole", &[("RoleName", "r"), ("AssumeRolePolicyDocument", &document)], (409, "EntityAlreadyExists", "Role with name r already exists.")),
        ("CreateRole", &[("RoleName", "s"), ("AssumeRolePolicyDocument", &document)], (400, "MalformedPolicyDocument", "Has prohibited field Resource")),
        ("GetRole", &[("RoleName", "s")], (404, "NoSuchEntity", "The role with name s cannot be found.")),
        ("DeleteRole", &[("RoleName", "r")], (409, "DeleteConflict", "Cannot delete entity, must delete policies first.")),
        ("ListUsers", &[("MaxItems", "1001")], (400, "ValidationError", "1 validation error detected: Value '1001' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 1000")),
        ("ListUsers", &[("MaxItems", "x")], (400, "MalformedInput", "Value at 'maxItems' is no Integer")),
        ("ListUsers", &[("Marker", "*")], (400, "InvalidInput", "Invalid Marker")),
        ("NoSuchAction", &[("Version", "2010-05-08")], (400, "InvalidAction", "Could not find operation NoSuchAction for version 2010-05-08")),
    ];
    for (action, params, (status, code, message)) in cases {
        let answer = aws.iam(action, params);
        if message.is_empty() {
            assert_eq!(answer.unwrap_err().0, *status, "{action} {params:?}");
        } else {
            assert_eq!(
                answer,
                refusal(*status, code, message),
                "{action} {params:?}"
            );
        }
    }
}

#[test]
fn quotas() {
    let mut aws = Caller::with(Config {
        max_users: 3,
        ..Config::default()
    });
    let u = ("UserName", "u");
    aws.iam("CreateUser", &[u]).unwrap();
    aws.iam("CreateUser", &[("UserName", "v")]).unwrap();
    let full = refusal(
        409,
        "LimitExceeded",
        "Cannot exceed quota for UsersPerAccount: 3",
    );
    assert_eq!(aws.iam("CreateUser", &[("UserName", "w")]), full);

    aws.iam("CreateAccessKey", &[u]).unwrap();
    aws.iam("CreateAccessKey", &[u]).unwrap();
    let full = refusal(
        409,
        "LimitExceeded",
        "Cannot exceed quota for AccessKeysPerUser: 2",
    );
    assert_eq!(aws.iam("CreateAccessKey", &[u]), full);
    let xml = aws.iam("ListAccessKeys", &[u, ("MaxItems", "1")]).unwrap();
    let rest = aws
        .iam("ListAccessKeys", &[u, ("Marker", &text(&xml, "Marker"))])
        .unwrap();
    assert_eq!(all(&rest, "AccessKeyId").len(), 1);
    assert_ne!(text(&rest, "AccessKeyId"), text(&xml, "AccessKeyId"));

    for n in 0..=10 {
        let name = format!("n{n}");
        let document = policy(PROBE);
        aws.iam(
            "CreatePolicy",
            &[("PolicyName", &name), ("PolicyDocument", &document)],
        )
        .unwrap();
        aws.iam("CreateGroup", &[("GroupName", &name)]).unwrap();
        let arn = format!("arn:aws:iam::123456789012:policy/{name}");
        let attached = aws.iam("AttachUserPolicy", &[u, ("PolicyArn", &arn)]);
        let added = aws.iam("AddUserToGroup", &[u, ("GroupName", &name)]);
        if n < 10 {
            attached.unwrap();
            added.unwrap();
        } else {
            assert_eq!(
                attached,
                refusal(
                    409,
                    "LimitExceeded",
                    "Cannot exceed quota for PoliciesPerUser: 10"
                )
            );
            assert_eq!(
                added,
                refusal(
                    409,
                    "LimitExceeded",
                    "Cannot exceed quota for GroupsPerUser: 10"
                )
            );
        }
    }
}

#[test]
fn pages() {
    let mut aws = Caller::new();
    for n in 0..25 {
        let path = if n % 2 == 0 { "/even/" } else { "/odd/" };
        aws.iam(
            "CreateUser",
            &[("UserName", &format!("u{n:02}")), ("Path", path)],
        )
        .unwrap();
    }
    let mut names = Vec::new();
    let mut marker = None::<String>;
    let mut pages = 0;
    loop {
        let mut params = vec![("MaxItems", "10")];
        params.extend(marker.as_deref().map(|marker| ("Marker", marker)));
        let xml = aws.iam("ListUsers", &params).unwrap();
        names.extend(all(&xml, "UserName"));
        pages += 1;
        marker = all(&xml, "Marker").into_iter().next();
        assert_eq!(text(&xml, "IsTruncated"), marker.is_some().to_string());
        if marker.is_none() {
            break;
        }
    }
    assert_eq!((pages, names.len()), (3, 26));
    assert!(names.is_sorted());
    let even = aws.iam("ListUsers", &[("PathPrefix", "/even/")]).unwrap();
    assert_eq!(all(&even, "UserName").len(), 13);
    let all_policies = aws.iam("ListPolicies", &[("Scope", "AWS")]).unwrap();
    assert!(all(&all_policies, "Arn").contains(&READ_ONLY.to_owned()));
}

#[test]
fn what_a_key_may_do() {
    let mut aws = Caller::new();
    let none = r#"{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*"}"#;
    let u = ("UserName", "u");
    let key = aws.user("u", none);
    assert_eq!(aws.probe(&key), Err("UnauthorizedOperation".into()));
    let denied = refusal(
        403,
        "AccessDenied",
        "User: arn:aws:iam::123456789012:user/u is not authorized \
        to perform: iam:CreateUser on resource: arn:aws:iam::123456789012:user/vault-x because no \
        identity-based policy allows the iam:CreateUser action",
    );
    assert_eq!(
        aws.call(&key, "iam", "CreateUser", &[("UserName", "vault-x")]),
        denied
    );
    let denied = refusal(
        403,
        "UnauthorizedOperation",
        "You are not authorized to perform this \
        operation. User: arn:aws:iam::123456789012:user/u is not authorized to perform: \
        ec2:DescribeInstances because no identity-based policy allows the ec2:DescribeInstances action",
    );
    assert_eq!(aws.call(&key, "ec2", "DescribeInstances", &[]), denied);

    // A managed policy.
    aws.iam("AttachUserPolicy", &[u, ("PolicyArn", READ_ONLY)])
        .unwrap();
    assert_eq!(aws.probe(&key), Ok(()));
    assert!(aws.call(&key, "iam", "ListUsers", &[]).is_ok());
    assert!(
        aws.call(&key, "iam", "CreateUser", &[("UserName", "x")])
            .is_err()
    );
    aws.iam("DetachUserPolicy", &[u, ("PolicyArn", READ_ONLY)])
        .unwrap();

    // A group's.
    aws.iam("CreateGroup", &[("GroupName", "g")]).unwrap();
    aws.iam(
        "PutGroupPolicy",
        &[
            ("GroupName", "g"),
            ("PolicyName", "p"),
            ("PolicyDocument", &policy(PROBE)),
        ],
    )
    .unwrap();
    assert_eq!(aws.probe(&key), Err("UnauthorizedOperation".into()));
    aws.iam("AddUserToGroup", &[u, ("GroupName", "g")]).unwrap();
    assert_eq!(aws.probe(&key), Ok(()));
    let xml = aws
        .iam("GetGroupPolicy", &[("GroupName", "g"), ("PolicyName", "p")])
        .unwrap();
    assert!(
        text(&xml, "PolicyDocument").starts_with("%7B%22Version%22"),
        "{xml}"
    );

    // A boundary, then a denial.
    let boundary = "arn:aws:iam::aws:policy/AmazonS3FullAccess";
    aws.iam(
        "PutUserPermissionsBoundary",
        &[u, ("PermissionsBoundary", boundary)],
    )
    .unwrap();
    let (_, _, message) = aws.call(&key, "ec2", "DescribeInstances", &[]).unwrap_err();
    assert!(
        message
            .ends_with("because no permissions boundary allows the ec2:DescribeInstances action"),
        "{message}"
    );
    let deny = policy(r#"{"Effect":"Deny","Action":"ec2:*","Resource":"*"}"#);
    aws.iam(
        "PutUserPolicy",
        &[u, ("PolicyName", "d"), ("PolicyDocument", &deny)],
    )
    .unwrap();
    let (_, _, message) = aws.call(&key, "ec2", "DescribeInstances", &[]).unwrap_err();
    assert!(
        message.ends_with("with an explicit deny in an identity-based policy"),
        "{message}"
    );

    // Who one is needs no permission, and an inactive key is nobody's.
    assert!(aws.call(&key, "sts", "GetCallerIdentity", &[]).is_ok());
    aws.iam(
        "UpdateAccessKey",
        &[u, ("AccessKeyId", &key.id), ("Status", "Inactive")],
    )
    .unwrap();
    assert_eq!(aws.probe(&key), Err("AuthFailure".into()));
}

#[test]
fn own_user_without_a_name() {
    let mut aws = Caller::new();
    assert_eq!(
        text(&aws.iam("GetUser", &[]).unwrap(), "UserName"),
        "vault-root"
    );
    let key = key(&aws.iam("CreateAccessKey", &[]).unwrap());
    let old = aws.root.id.clone();
    aws.root = key;
    aws.iam("DeleteAccessKey", &[("AccessKeyId", &old)])
        .unwrap();
    assert_eq!(
        all(&aws.iam("ListAccessKeys", &[]).unwrap(), "AccessKeyId"),
        std::slice::from_ref(&aws.root.id)
    );
}

#[test]
fn state_tells_no_secret() {
    let mut aws = Caller::new();
    let key = aws.user("u", PROBE);
    let state = aws.aws.state();
    assert_eq!(state["users"]["u"]["keys"][0]["id"], key.id);
    assert_eq!(state["counts"]["CreateUser"]["calls"], 1);
    assert!(!state.to_string().contains(&key.secret));
}

#[test]
fn lists_are_below_a_path_and_leave_out_what_one_alone_shows() {
    let mut aws = Caller::new();
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}]}"#;
    let document = policy(PROBE);
    let arn = "arn:aws:iam::123456789012:policy/p/b";
    let below = ("Path", "/p/");
    let bounded = [
        ("RoleName", "b"),
        below,
        ("AssumeRolePolicyDocument", trust),
        ("PermissionsBoundary", arn),
        ("Tags.member.1.Key", "k"),
        ("Tags.member.1.Value", "v"),
    ];
    let with_description = [
        ("PolicyName", "b"),
        below,
        ("PolicyDocument", &document),
        ("Description", "words"),
    ];
    let user = ("UserName", "u");
    let other = [("PolicyName", "a"), ("PolicyDocument", &document)];
    let other_arn = ("PolicyArn", "arn:aws:iam::123456789012:policy/a");
    let role = [("RoleName", "a"), ("AssumeRolePolicyDocument", trust)];
    for (action, params) in [
        ("CreatePolicy", &with_description[..]),
        ("CreatePolicy", &other),
        ("CreateRole", &bounded),
        ("CreateRole", &role),
        ("CreateGroup", &[("GroupName", "b"), below]),
        ("CreateGroup", &[("GroupName", "a")]),
        ("CreateUser", &[user]),
        ("AttachUserPolicy", &[user, ("PolicyArn", arn)]),
        ("AttachUserPolicy", &[user, other_arn]),
    ] {
        aws.iam(action, params).unwrap();
    }

    let prefix = ("PathPrefix", "/p/");
    for (action, params, element) in [
        ("ListRoles", &[prefix][..], "RoleName"),
        ("ListGroups", &[prefix], "GroupName"),
        ("ListPolicies", &[prefix], "PolicyName"),
        ("ListAttachedUserPolicies", &[user, prefix], "PolicyName"),
    ] {
        let xml = aws.iam(action, params).unwrap();
        assert_eq!(xml.matches("<member>").count(), 1, "{action}: {xml}");
        assert_eq!(text(&xml, element), "b", "{action}");
        for left_out in ["Tags", "PermissionsBoundary", "RoleLastUsed", "Description"] {
            assert!(!xml.contains(left_out), "{action} has {left_out}");
        }
    }
    let attached = [("OnlyAttached", "true")];
    let xml = aws.iam("ListPolicies", &attached).unwrap();
    assert_eq!(xml.matches("<member>").count(), 2, "{xml}");

    let xml = aws.iam("GetRole", &[("RoleName", "b")]).unwrap();
    assert_eq!(text(&xml, "PermissionsBoundaryArn"), arn);
    assert!(xml.contains("<Tags><member>") && xml.contains("<RoleLastUsed>"));
    let xml = aws.iam("GetPolicy", &[("PolicyArn", arn)]).unwrap();
    assert_eq!(text(&xml, "Description"), "words");
}
