//! What the AWS engine refuses, word for word as that of Vault 1.21 does.

use serde_json::{Value, json};

use super::{DOCUMENT, Stand, wrapped};

const CONFIGURATION: &str = r#"
GET aws/config/lease
    404
POST aws/config/lease {}
    400 'lease' is a required parameter
POST aws/config/lease {"lease":"1h"}
    400 'lease_max' is a required parameter
POST aws/config/lease {"lease":"x","lease_max":"1h"}
    400 Invalid lease: time: invalid duration "x"
POST aws/config/lease {"lease":"1h","lease_max":"x"}
    400 Invalid lease_max: time: invalid duration "x"
POST aws/config/root {"sts_fallback_endpoints":["a"],"sts_fallback_regions":[]}
    400 fallback endpoints and fallback regions must be the same length
POST aws/config/root {"access_key":"A","identity_token_audience":"b"}
    400 only one of 'access_key' or 'identity_token_audience' can be set
POST aws/config/root {"rotation_period":"1h","rotation_schedule":"* * * * *"}
    400 mutually exclusive fields rotation_schedule and rotation_period were both specified; only one of them can be provided
POST aws/config/root {"rotation_period":"1h","rotation_window":"1h"}
    400 rotation_window does not apply to period
POST aws/config/root {"rotation_window":"1h"}
    400 cannot use rotation_window without rotation_schedule
POST aws/config/root {"rotation_period":"1h"}
    400 error registering rotation job: error registering rotation job: rotation manager capabilities not supported in Vault community edition
POST aws/config/root {"max_retries":"x"}
    400 error converting input for field "max_retries": cannot parse '' as int: strconv.ParseInt: parsing "x": invalid syntax
GET aws/creds/none
    400 Role "none" not found
"#;

#[test]
fn configuration() {
    let root = "aws/config/root";
    let mut stand = Stand::with_aws();
    stand.refuses(CONFIGURATION);
    stand.put(root, json!({"access_key": "", "secret_key": ""}));
    let error = "Cannot call config/rotate-root when either access_key or secret_key is empty";
    let got = stand.errors("POST", "aws/config/rotate-root", Value::Null);
    assert_eq!(got, (400, vec![error.to_owned()]));
}

/// What is wrong with a role, as its one error says it.
#[test]
fn roles() {
    let iam = |name: &str, value: Value| json!({"credential_type": "iam_user", name: value});
    let sts = "credential types";
    let cases = [
        (json!({}), vec!["did not supply credential_type".to_owned()]),
        (json!({"credential_type": "nope"}), vec!["unrecognized credential type: nope".to_owned()]),
        (
            iam("default_sts_ttl", 60.into()),
            vec![format!("default_sts_ttl parameter only valid for assumed_role, federation_token, and session_token {sts}")],
        ),
        (
            json!({"credential_type": "assumed_role", "default_sts_ttl": 70, "max_sts_ttl": 60}),
            vec![r#"\"default_sts_ttl\" value must be less than or equal to \"max_sts_ttl\" value"#.to_owned()],
        ),
        (
            json!({"credential_type": "assumed_role", "user_path": "/x/"}),
            vec!["user_path parameter only valid for iam_user credential type".to_owned()],
        ),
        (
            iam("user_path", "x".into()),
            vec![r#"the specified value for user_path is invalid. It must match \"^\\\\/([\\\\x21-\\\\x7F]{0,510}\\\\/)?$\" regexp"#.to_owned()],
        ),
        (
            json!({"credential_type": "assumed_role", "permissions_boundary_arn": "arn:aws:iam::aws:policy/x"}),
            vec!["cannot supply permissions_boundary_arn when credential_type isn't iam_user".to_owned()],
        ),
        (
            iam("permissions_boundary_arn", "arn:aws:s3::aws:policy/x".into()),
            vec!["invalid permissions_boundary_arn parameter: expected a service of iam but got s3".to_owned()],
        ),
        (
            iam("permissions_boundary_arn", "nope".into()),
            vec!["invalid permissions_boundary_arn parameter: arn: invalid prefix".to_owned()],
        ),
        (
            json!({"credential_type": "session_token", "policy_arns": "x"}),
            vec!["cannot supply a policy or role when using credential_type session_token".to_owned()],
        ),
        (
            iam("role_arns", "x,y".into()),
            vec!["cannot supply role_arns when credential_type isn't assumed_role".to_owned()],
        ),
        (
            iam("session_tags", json!({"a": "b"})),
            vec!["cannot supply session_tags when credential_type isn't assumed_role".to_owned()],
        ),
        (
            json!({"credential_type": "bad", "role_arns": ["a"], "default_sts_ttl": "1h"}),
            vec![
                "unrecognized credential type: bad".to_owned(),
                format!("default_sts_ttl parameter only valid for assumed_role, federation_token, and session_token {sts}"),
                "cannot supply role_arns when credential_type isn't assumed_role".to_owned(),
            ],
        ),
    ];
    let mut stand = Stand::with_aws();
    for (body, errors) in cases {
        let count = if errors.len() == 1 {
            "1 error".to_owned()
        } else {
            format!("{} errors", errors.len())
        };
        let lines: Vec<String> = errors
            .iter()
            .map(|error| format!("\\t* {error}\\n"))
            .collect();
        let wanted = format!(
            "error(s) validating supplied role data: \"{count} occurred:\\n{}\\n\"",
            lines.concat()
        );
        let got = stand.errors("POST", "aws/roles/x", body.clone());
        assert_eq!(got, (400, vec![wanted]), "{body}");
    }
}

#[test]
fn legacy_roles() {
    let mut stand = Stand::with_aws();
    let warned = stand.put("aws/roles/old", json!({"policy": DOCUMENT}));
    let warning = "Detected use of legacy role or policy parameter. Please upgrade to use the new parameters.";
    assert_eq!(warned["warnings"], json!([warning]));
    let role = &stand.get("aws/roles/old")["data"];
    assert_eq!(role["credential_type"], "iam_user,federation_token");
    assert_eq!(role["policy_document"], DOCUMENT);
    stand.put(
        "aws/roles/assumes",
        json!({"arn": "arn:aws:iam::123456789012:role/work"}),
    );
    assert_eq!(
        stand.get("aws/roles/assumes")["data"]["credential_type"],
        "assumed_role"
    );
    let deprecated = "cannot supply deprecated role or policy parameters with";
    for (name, what) in [
        ("credential_type", "an explicit credential_type"),
        ("role_arns", "role_arns"),
        ("policy_arns", "policy_arns"),
        ("policy_document", "policy_document"),
        ("user_path", "user_path"),
        ("permissions_boundary_arn", "permissions_boundary_arn"),
    ] {
        let got = stand.errors(
            "POST",
            "aws/roles/old",
            json!({"policy": DOCUMENT, name: "x"}),
        );
        assert_eq!(got, (400, vec![format!("{deprecated} {what}")]));
    }
    let both = json!({"policy": DOCUMENT, "arn": "x"});
    let got = stand.errors("POST", "aws/roles/old", both);
    assert_eq!(
        got,
        (
            500,
            vec![wrapped("only one of policy or arn should be provided")]
        )
    );
    let got = stand.errors("POST", "aws/roles/old", json!({"arn": "x"}));
    assert_eq!(
        got,
        (400, vec!["unable to parse supplied data: \"x\"".to_owned()])
    );
    let got = stand.errors("GET", "aws/creds/assumes", Value::Null);
    let error = "attempted to retrieve assumed_role credentials through the creds path; this is not allowed for legacy roles";
    assert_eq!(got, (400, vec![error.to_owned()]));
    assert_eq!(
        stand.ask("root", "GET", "aws/creds/old", Value::Null).0,
        200
    );
    assert_eq!(
        stand.ask("root", "GET", "aws/sts/assumes", Value::Null).0,
        200
    );
}

#[test]
fn what_aws_refuses_is_told_in_vaults_words() {
    let mut stand = Stand::with_aws();
    stand.put(
        "aws/roles/full",
        json!({
            "credential_type": "iam_user",
            "policy_document": DOCUMENT,
            "policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess",
            "iam_groups": "grp",
            "iam_tags": {"a": "b"},
        }),
    );
    stand.iam("CreateGroup", &[("GroupName", "grp")]);
    let cases = [
        ("CreateUser", "full", "Error creating IAM user"),
        ("AttachUserPolicy", "full", "Error attaching user policy"),
        ("PutUserPolicy", "full", "Error putting user policy"),
        ("AddUserToGroup", "full", "Error adding user to group"),
        ("TagUser", "full", "Error adding tags to user"),
        ("CreateAccessKey", "full", "Error creating access keys"),
        ("AssumeRole", "session", "Error assuming role"),
    ];
    for (action, role, words) in cases {
        for (error, status, aws) in [
            (
                "Throttling",
                502,
                "Throttling: Rate exceeded\n\tstatus code: 400, request id: ",
            ),
            (
                "ServiceFailure",
                400,
                "ServiceFailure: The request processing has failed because of an unknown error, exception or failure.\n\tstatus code: 500, request id: ",
            ),
        ] {
            stand.refuse(action, Some(error));
            let (got, errors) = stand.errors("GET", &format!("aws/creds/{role}"), Value::Null);
            assert_eq!(got, status, "{action} {error}");
            let wanted = format!("{words}: {aws}");
            assert!(errors[0].starts_with(&wanted), "{errors:?}");
        }
    }
    stand.refuse("GetCallerIdentity", Some("AccessDenied"));
    stand.put("aws/config/root", json!({"region": "us-east-1"}));
    let got = stand.errors("GET", "aws/creds/session", Value::Null);
    assert_eq!(got, (400, vec!["could not obtain sts client".to_owned()]));
    stand.world.is_cut = true;
    let got = stand.errors("GET", "aws/creds/user", Value::Null);
    let error = "Error creating IAM user: RequestError: send request failed\ncaused by: Post \"https://iam.amazonaws.com/\": EOF";
    assert_eq!(got, (400, vec![error.to_owned()]));
}

#[test]
fn what_the_sdk_would_not_send() {
    let mut stand = Stand::with_aws();
    let got = stand.errors("POST", "aws/creds/session", json!({"ttl": "10m"}));
    let error = "Error assuming role: InvalidParameter: 1 validation error(s) found.\n- minimum field value of 900, AssumeRoleInput.DurationSeconds.\n";
    assert_eq!(got, (400, vec![error.to_owned()]));
    let got = stand.errors("GET", "aws/creds/session?role_arn=arn:x", Value::Null);
    let error = "role_arn \"arn:x\" not in allowed role arns for Vault role \"session\"";
    assert_eq!(got, (400, vec![error.to_owned()]));
    stand.put("aws/roles/none", json!({"credential_type": "assumed_role"}));
    let got = stand.errors("GET", "aws/creds/none", Value::Null);
    let error = "did not supply a role_arn parameter and unable to determine one";
    assert_eq!(got, (400, vec![error.to_owned()]));
    stand.put(
        "aws/roles/fed",
        json!({"credential_type": "federation_token"}),
    );
    let got = stand.errors("GET", "aws/creds/fed", Value::Null);
    let error = "must specify at least one of policy_arns or policy_document with federation_token credential_type";
    assert_eq!(got, (400, vec![error.to_owned()]));
}
