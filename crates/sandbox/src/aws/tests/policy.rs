//! What documents allow, as a table.

use super::*;

fn says(document: &str, action: &str, resource: &str, context: &[(&str, &str)]) -> Verdict {
    let context: Vec<(String, String)> = context
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let ask = Ask {
        action,
        resource,
        context: &context,
    };
    let statement = format!(r#"{{"Version":"2012-10-17","Statement":[{document}]}}"#);
    let document = Document::parse(&statement, Grammar::Identity).unwrap();
    document.policy.verdict(&ask)
}

#[test]
fn statements_match_actions_and_resources() {
    use Verdict::{Allowed, Denied, Silent};
    const USER: &str = "arn:aws:iam::123456789012:user/vault-x";
    for (document, action, resource, verdict) in [
        (
            r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#,
            "iam:CreateUser",
            USER,
            Allowed,
        ),
        (
            r#"{"Effect":"Allow","Action":"iam:*","Resource":"*"}"#,
            "iam:CreateUser",
            USER,
            Allowed,
        ),
        (
            r#"{"Effect":"Allow","Action":"IAM:createuser","Resource":"*"}"#,
            "iam:CreateUser",
            USER,
            Allowed,
        ),
        (
            r#"{"Effect":"Allow","Action":["iam:Get*","iam:*User"],"Resource":["*"]}"#,
            "iam:CreateUser",
            USER,
            Allowed,
        ),
        (
            r#"{"Effect":"Allow","Action":"iam:Create?ser","Resource":"*"}"#,
            "iam:CreateUser",
            USER,
            Allowed,
        ),
        (
            r#"{"Effect":"Allow","Action":"iam:Create","Resource":"*"}"#,
            "iam:CreateUser",
            USER,
            Silent,
        ),
        (
            r#"{"Effect":"Allow","Action":"ec2:*","Resource":"*"}"#,
            "iam:CreateUser",
            USER,
            Silent,
        ),
        (
            r#"{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}"#,
            "iam:CreateUser",
            USER,
            Silent,
        ),
        (
            r#"{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}"#,
            "ec2:RunInstances",
            "*",
            Allowed,
        ),
        (
            r#"{"Effect":"Allow","Action":"iam:*","Resource":"arn:aws:iam::123456789012:user/vault-*"}"#,
            "iam:CreateUser",
            USER,
            Allowed,
        ),
        (
            r#"{"Effect":"Allow","Action":"iam:*","Resource":"arn:aws:iam::*:user/vault-*"}"#,
            "iam:CreateUser",
            USER,
            Allowed,
        ),
        (
            r#"{"Effect":"Allow","Action":"iam:*","Resource":"arn:aws:iam::123456789012:user/Vault-*"}"#,
            "iam:CreateUser",
            USER,
            Silent,
        ),
        (
            r#"{"Effect":"Allow","Action":"iam:*","NotResource":"arn:aws:iam::123456789012:user/vault-*"}"#,
            "iam:CreateUser",
            USER,
            Silent,
        ),
        (
            r#"{"Effect":"Deny","Action":"iam:CreateUser","Resource":"*"},{"Effect":"Allow","Action":"*","Resource":"*"}"#,
            "iam:CreateUser",
            USER,
            Denied,
        ),
        (
            r#"{"Effect":"Deny","Action":"iam:DeleteUser","Resource":"*"},{"Effect":"Allow","Action":"*","Resource":"*"}"#,
            "iam:CreateUser",
            USER,
            Allowed,
        ),
    ] {
        assert_eq!(
            says(document, action, resource, &[]),
            verdict,
            "{document} {action}"
        );
    }
}

#[test]
fn a_condition_it_does_not_know_allows_nothing_and_forbids_as_written() {
    let condition =
        r#""Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}"#;
    let says = |effect: &str| {
        says(
            &format!(r#"{{"Effect":"{effect}",{condition}"#),
            "iam:X",
            "*",
            &[],
        )
    };
    assert_eq!(says("Allow"), Verdict::Silent);
    assert_eq!(says("Deny"), Verdict::Denied);
}

#[test]
fn conditions_and_variables_it_knows() {
    let own =
        r#"{"Effect":"Allow","Action":"iam:*","Resource":"arn:aws:iam::1:user/${aws:username}"}"#;
    let me = [("aws:username", "me")];
    assert_eq!(
        says(own, "iam:GetUser", "arn:aws:iam::1:user/me", &me),
        Verdict::Allowed
    );
    assert_eq!(
        says(own, "iam:GetUser", "arn:aws:iam::1:user/you", &me),
        Verdict::Silent
    );

    let named = r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:username":["me","you"]}}}"#;
    assert_eq!(says(named, "a:b", "*", &me), Verdict::Allowed);
    assert_eq!(
        says(named, "a:b", "*", &[("aws:username", "she")]),
        Verdict::Silent
    );
    let like = r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"aws:username":"m*"}}}"#;
    assert_eq!(says(like, "a:b", "*", &me), Verdict::Allowed);
    let not = r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"sts:ExternalId":"x"}}}"#;
    assert_eq!(says(not, "a:b", "*", &[]), Verdict::Denied);
    assert_eq!(
        says(not, "a:b", "*", &[("sts:externalid", "x")]),
        Verdict::Silent
    );
}

#[test]
fn documents_that_are_none_are_refused_in_awss_words() {
    for (document, message) in [
        ("{}", "Syntax errors in policy."),
        ("no", "Syntax errors in policy."),
        ("[]", "Syntax errors in policy."),
        (
            r#" {"Statement":[]}"#,
            "JSON strings must not have leading spaces",
        ),
        (
            r#"{"Version":"2020-01-01","Statement":[]}"#,
            "Syntax errors in policy.",
        ),
        (
            r#"{"Statement":{"Effect":"Maybe","Action":"*","Resource":"*"}}"#,
            "Syntax errors in policy.",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Colour":"red"}}"#,
            "Syntax errors in policy.",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Resource":"*"}}"#,
            "Policy statement must contain actions.",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"*"}}"#,
            "Policy statement must contain resources.",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"s3","Resource":"*"}}"#,
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"me"}}"#,
            r#"Resource me must be in ARN format or "*"."#,
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}}"#,
            "Policy document should not specify a principal.",
        ),
    ] {
        refused(document, message);
    }
    let trust = r#"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole"}}"#;
    let error = Document::parse(trust, Grammar::Trust).unwrap_err();
    assert_eq!(error.message, "Missing required field Principal");
    let trust = r#"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}}"#;
    let error = Document::parse(trust, Grammar::Trust).unwrap_err();
    assert_eq!(error.message, "Has prohibited field Resource");
}

#[test]
fn words_that_are_none_are_refused_too() {
    for (document, message) in [
        (
            r#"{"Statement":{"Effect":"Allow","Action":[],"Resource":"*"}}"#,
            "Policy statement must contain actions.",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"s3:a:b","Resource":"*"}}"#,
            "Actions/Condition can contain only one colon.",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"s_3:a","Resource":"*"}}"#,
            "Vendor s_3 is not valid",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:moon:s3:::b"}}"#,
            r#"Partition "moon" is not valid for resource "arn:moon:s3:::b"."#,
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:moon"}}"#,
            r#"Partition "moon" is not valid for resource "arn:moon::*:*:*"."#,
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws"}}"#,
            "Resource vendor must be fully qualified and cannot contain regexes.",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Maybe":{"a:b":"c"}}}}"#,
            "Syntax errors in policy.",
        ),
        (
            r#"{"Statement":[{"Sid":"a","Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"a","Effect":"Allow","Action":"*","Resource":"*"}]}"#,
            "Statement IDs (SID) in a single policy must be unique.",
        ),
    ] {
        refused(document, message);
    }
}

fn refused(document: &str, message: &str) {
    let error = Document::parse(document, Grammar::Identity).unwrap_err();
    assert_eq!(error.code, "MalformedPolicyDocument", "{document}");
    assert_eq!(error.message, message, "{document}");
}

#[test]
fn versions_and_operators_that_aws_knows_are_taken() {
    // Of the older version, or of none, an inline policy may be.
    for version in ["", r#""Version":"2008-10-17","#] {
        let fields = r#""Statement":{"Effect":"Allow","Action":"*","Resource":"*"}"#;
        let document = format!("{{{version}{fields}}}");
        assert!(Document::parse(&document, Grammar::Identity).is_ok());
        let error = Document::parse(&document, Grammar::Managed).unwrap_err();
        let message = "Policy document must be version 2012-10-17 or greater.";
        assert_eq!(error.message, message);
    }
    for operator in [
        "StringLike",
        "ForAnyValue:StringEqualsIgnoreCase",
        "ForAllValues:ArnNotLikeIfExists",
        "NumericLessThanEquals",
        "DateGreaterThan",
        "Bool",
        "NotIpAddress",
        "Null",
    ] {
        let fields = r#""Effect":"Allow","Action":"*","Resource":"*""#;
        let document =
            format!(r#"{{"Statement":{{{fields},"Condition":{{"{operator}":{{"a:b":"c"}}}}}}}}"#);
        let parsed = Document::parse(&document, Grammar::Identity);
        assert!(parsed.is_ok(), "{operator}");
    }
}

#[test]
fn trust_knows_an_account_from_one_of_it() {
    let trust = |principal: &str| {
        let document = format!(
            r#"{{"Statement":{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{principal}}}}}"#
        );
        let document = Document::parse(&document, Grammar::Trust).unwrap();
        let ask = Ask {
            action: "sts:AssumeRole",
            resource: "arn:aws:iam::1:role/r",
            context: &[],
        };
        let me = [
            ("AWS", "arn:aws:iam::1:user/me"),
            ("AWS", "arn:aws:iam::1:root"),
            ("AWS", "1"),
        ];
        document.policy.trusts(&ask, &me)
    };
    assert_eq!(trust(r#"{"AWS":"arn:aws:iam::1:user/me"}"#), Trust::Named);
    assert_eq!(
        trust(r#"{"AWS":["arn:aws:iam::1:user/you","arn:aws:iam::1:root"]}"#),
        Trust::Account
    );
    assert_eq!(trust(r#"{"AWS":"1"}"#), Trust::Account);
    assert_eq!(trust(r#""*""#), Trust::Account);
    assert_eq!(trust(r#"{"AWS":"arn:aws:iam::1:user/you"}"#), Trust::None);
    assert_eq!(trust(r#"{"Service":"ec2.amazonaws.com"}"#), Trust::None);
}
