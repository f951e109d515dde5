//! Signatures: AWS's own examples, and every way to get one wrong.

use super::super::signature::Signed;
use super::super::{Aws, Config, Request, sign};
use super::calls::{Caller, Key, refusal, request, result};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn headers(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Signs, and checks that the signature is this one and is accepted.
fn check(mut request: Request, place: (&str, &str), token: Option<&str>, expected: &str) {
    let now = "2015-08-30T12:36:00Z".parse().unwrap();
    sign(&mut request, "AKIDEXAMPLE", SECRET, token, place, now);
    let header = request.header("Authorization").unwrap();
    assert!(
        header.ends_with(&format!("Signature={expected}")),
        "{header}"
    );
    let signed = Signed::of(&request).unwrap().unwrap();
    signed.verify(&request, SECRET, now).unwrap();
    signed.verify(&request, "other", now).unwrap_err();
}

/// The example of AWS's documentation of Signature Version 4.
#[test]
fn list_users_of_the_documentation() {
    let request = Request {
        method: "GET".into(),
        path: "/?Action=ListUsers&Version=2010-05-08".into(),
        headers: headers(&[
            ("Host", "iam.amazonaws.com"),
            (
                "Content-Type",
                "application/x-www-form-urlencoded; charset=utf-8",
            ),
        ]),
        body: Vec::new(),
    };
    let expected = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
    check(request, ("us-east-1", "iam"), None, expected);
}

/// `post-x-www-form-urlencoded` of AWS's test suite.
#[test]
fn form_of_the_test_suite() {
    let request = Request {
        method: "POST".into(),
        path: "/".into(),
        headers: headers(&[
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Host", "example.amazonaws.com"),
        ]),
        body: b"Param1=value1".to_vec(),
    };
    let expected = "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a";
    check(request, ("us-east-1", "service"), None, expected);
}

/// `get-vanilla-query-order-key-case` of AWS's test suite.
#[test]
fn query_of_the_test_suite() {
    let request = Request {
        method: "GET".into(),
        path: "/?Param2=value2&Param1=value1".into(),
        headers: headers(&[("Host", "example.amazonaws.com")]),
        body: Vec::new(),
    };
    let expected = "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500";
    check(request, ("us-east-1", "service"), None, expected);
}

/// The one a Vault login sends, as another signer signed it.
#[test]
fn vault_login() {
    let request = Request {
        method: "POST".into(),
        path: "//".into(),
        headers: headers(&[
            (
                "Content-Type",
                "application/x-www-form-urlencoded; charset=utf-8",
            ),
            ("Host", "sts.us-east-1.amazonaws.com"),
            ("X-Vault-AWS-IAM-Server-ID", "vault.example.com"),
        ]),
        body: b"Action=GetCallerIdentity&Version=2011-06-15".to_vec(),
    };
    let expected = "e5e066051ac45df57c303bd70bfc0152bec544700fe7b2abaa9b89e6ea83535f";
    check(request, ("us-east-1", "sts"), Some("tok"), expected);
}

#[test]
fn presigned_queries_count_too() {
    // Signed by hand from the parts: what a query signs is all of it but the
    // signature.
    let mut aws = Aws::new(Config::default(), jiff::Timestamp::UNIX_EPOCH).unwrap();
    let request = Request {
        method: "GET".into(),
        path: "/?Action=GetCallerIdentity&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=\
               AKIASTANDINROOT00000%2F20150830%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=\
               20150830T123600Z&X-Amz-SignedHeaders=host&X-Amz-Signature=00"
            .into(),
        headers: headers(&[("Host", "sts.amazonaws.com")]),
        body: Vec::new(),
    };
    let now = "2015-08-30T12:36:00Z".parse().unwrap();
    let (status, code, _) = result(aws.handle(&request, now)).unwrap_err();
    assert_eq!((status, code.as_str()), (403, "SignatureDoesNotMatch"));
}

#[test]
fn wrong_keys_and_secrets() {
    let mut aws = Caller::new();
    let root = aws.root.clone();
    let unknown = Key {
        id: "AKIANOBODY".into(),
        ..root.clone()
    };
    let wrong = Key {
        secret: "wrong".into(),
        ..root.clone()
    };
    let token = Key {
        token: Some("any".into()),
        ..root.clone()
    };
    let invalid = "The security token included in the request is invalid.";
    let expected = refusal(403, "InvalidClientTokenId", invalid);
    assert_eq!(aws.call(&unknown, "iam", "ListUsers", &[]), expected);
    assert_eq!(aws.call(&token, "iam", "ListUsers", &[]), expected);
    let mismatch = "The request signature we calculated does not match the signature you \
        provided. Check your AWS Secret Access Key and signing method. Consult the service \
        documentation for details.";
    let expected = refusal(403, "SignatureDoesNotMatch", mismatch);
    assert_eq!(aws.call(&wrong, "iam", "ListUsers", &[]), expected);
    assert_eq!(aws.probe(&unknown), Err("AuthFailure".into()));
    assert_eq!(aws.probe(&wrong), Err("AuthFailure".into()));
}

#[test]
fn a_changed_body_a_missing_signature_a_wrong_place() {
    let mut caller = Caller::new();
    let (root, now) = (caller.root.clone(), caller.now);
    let signed = |place| {
        let mut request = request("ListUsers", &[]);
        sign(&mut request, &root.id, &root.secret, None, place, now);
        request
    };
    let mut code =
        |request: &Request| result(caller.aws.handle(request, now)).map_err(|e| (e.0, e.1));
    let is = |status, code: &str| Err((status, code.to_owned()));

    let mut changed = signed(("us-east-1", "iam"));
    changed.body.extend(b"&MaxItems=1");
    assert_eq!(code(&changed), is(403, "SignatureDoesNotMatch"));
    assert_eq!(
        code(&signed(("eu-west-1", "iam"))),
        is(403, "SignatureDoesNotMatch")
    );
    assert_eq!(
        code(&signed(("us-east-1", "s3"))),
        is(403, "SignatureDoesNotMatch")
    );
    assert_eq!(
        code(&signed(("us-east-1", "sts"))),
        is(400, "InvalidAction")
    );
    assert_eq!(
        code(&request("ListUsers", &[])),
        is(403, "MissingAuthenticationToken")
    );

    for header in [
        "Basic x",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=a/b, Signature=c, SignedHeaders=host",
    ] {
        let mut request = request("ListUsers", &[]);
        request.headers.extend(headers(&[
            ("Authorization", header),
            ("X-Amz-Date", "20261122T100000Z"),
        ]));
        assert_eq!(code(&request), is(400, "IncompleteSignature"), "{header}");
    }
}

#[test]
fn clocks_that_are_off() {
    let mut aws = Caller::new();
    let (root, now) = (aws.root.clone(), aws.now);
    let mut sent = |offset: i64| {
        let mut request = request("ListUsers", &[]);
        let then = now + jiff::SignedDuration::from_secs(offset);
        sign(
            &mut request,
            &root.id,
            &root.secret,
            None,
            ("us-east-1", "iam"),
            then,
        );
        result(aws.aws.handle(&request, now))
    };
    assert!(sent(-300).is_ok());
    assert!(sent(300).is_ok());
    let message = "Signature expired: 20261122T095459Z is now earlier than 20261122T095500Z \
        (20261122T100000Z - 5 min.)";
    assert_eq!(sent(-301), refusal(403, "SignatureDoesNotMatch", message));
    let message = "Signature not yet current: 20261122T110000Z is still later than \
        20261122T100500Z (20261122T100000Z + 5 min.)";
    assert_eq!(sent(3600), refusal(403, "SignatureDoesNotMatch", message));
}
