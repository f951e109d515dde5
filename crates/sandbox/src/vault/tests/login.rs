//! Logging in with AWS and with Kubernetes.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::{Stand, wrapped};
use crate::aws::{Config as AwsConfig, Request, sign};

const ROOT: &str = "arn:aws:iam::123456789012:user/vault-root";

fn stand() -> Stand {
    let mut stand = Stand::new();
    let key = AwsConfig::default();
    stand.put("sys/auth/aws", json!({"type": "aws"}));
    stand.put(
        "auth/aws/config/client",
        json!({
            "access_key": key.root_key,
            "secret_key": key.root_secret,
            "iam_server_id_header_value": "vault.example",
            "max_retries": 0,
        }),
    );
    stand.put(
        "auth/aws/role/Dev",
        json!({
            "auth_type": "iam",
            "bound_iam_principal_arn": ROOT,
            "resolve_aws_unique_ids": false,
            "policies": "dev",
            "max_ttl": "500h",
        }),
    );
    stand
}

/// What a client sends who signs with the root key.
fn signed(stand: &Stand, role: &str, server: Option<&str>) -> Value {
    let key = AwsConfig::default();
    let mut request = Request {
        method: "POST".to_owned(),
        path: "/".to_owned(),
        headers: vec![("Host".to_owned(), "sts.amazonaws.com".to_owned())],
        body: b"Action=GetCallerIdentity&Version=2011-06-15".to_vec(),
    };
    if let Some(server) = server {
        request
            .headers
            .push(("X-Vault-AWS-IAM-Server-ID".to_owned(), server.to_owned()));
    }
    let place = ("us-east-1", "sts");
    sign(
        &mut request,
        &key.root_key,
        &key.root_secret,
        None,
        place,
        stand.world.now,
    );
    let headers: Map<String, Value> = request
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), json!([value])))
        .collect();
    json!({
        "role": role,
        "iam_http_request_method": "POST",
        "iam_request_url": BASE64_STANDARD.encode("https://sts.amazonaws.com/"),
        "iam_request_body": BASE64_STANDARD.encode(&request.body),
        "iam_request_headers": BASE64_STANDARD.encode(Value::Object(headers).to_string()),
    })
}

fn log_in(stand: &mut Stand, body: Value) -> (u16, Value) {
    stand.ask("", "POST", "auth/aws/login", body)
}

#[test]
fn a_signed_request_logs_in() {
    let mut stand = stand();
    let body = signed(&stand, "dev", Some("vault.example"));
    let (status, answer) = log_in(&mut stand, body);
    assert_eq!(status, 200, "{answer}");
    let auth = &answer["auth"];
    assert_eq!(auth["policies"], json!(["default", "dev"]));
    assert_eq!(
        (&auth["orphan"], &auth["renewable"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(auth["lease_duration"], 1_800_000);
    assert_eq!(auth["metadata"]["account_id"], "123456789012");
    assert_eq!(auth["metadata"]["auth_type"], "iam");
    assert_eq!(answer["mount_type"], "");
    let token = auth["client_token"].as_str().unwrap().to_owned();
    let (_, body) = stand.ask(&token, "GET", "auth/token/lookup-self", Value::Null);
    assert_eq!(body["data"]["display_name"], "aws-vault-root");
    assert_eq!(body["data"]["path"], "auth/aws/login");
    let again = signed(&stand, "dev", Some("vault.example"));
    let (_, again) = log_in(&mut stand, again);
    assert_eq!(again["auth"]["entity_id"], auth["entity_id"]);

    let (status, _) = stand.ask(&token, "POST", "auth/token/renew-self", json!({}));
    assert_eq!(status, 200);
    stand.put(
        "auth/aws/role/dev",
        json!({"bound_iam_principal_arn": "arn:aws:iam::1:user/x"}),
    );
    let got = stand.errors_of(&token, "POST", "auth/token/renew-self", json!({}));
    let error = format!("failed to renew entry: role \"dev\" no longer bound to ARN \"{ROOT}\"");
    assert_eq!(got, (500, vec![wrapped(&error)]));
    stand.ask("root", "DELETE", "sys/auth/aws", Value::Null);
    assert_eq!(
        stand
            .ask(&token, "GET", "auth/token/lookup-self", Value::Null)
            .0,
        403
    );
}

#[test]
fn who_is_not_meant_or_not_bound_is_told_so() {
    let mut stand = stand();
    let header = "error validating X-Vault-AWS-IAM-Server-ID header:";
    let cases = [
        (
            "dev",
            None,
            format!("{header} missing header \"X-Vault-AWS-IAM-Server-ID\""),
        ),
        (
            "dev",
            Some("wrong"),
            format!("{header} expected \"vault.example\" but got \"wrong\""),
        ),
        (
            "none",
            Some("vault.example"),
            "entry for role none not found".to_owned(),
        ),
        (
            "",
            Some("vault.example"),
            "entry for role vault-root not found".to_owned(),
        ),
    ];
    for (role, server, error) in cases {
        let body = signed(&stand, role, server);
        let (status, answer) = log_in(&mut stand, body);
        assert_eq!((status, answer), (400, json!({"errors": [error]})));
    }
    stand.put(
        "auth/aws/role/other",
        json!({"bound_iam_principal_arn": "arn:aws:iam::123456789012:role/x", "resolve_aws_unique_ids": false}),
    );
    let body = signed(&stand, "other", Some("vault.example"));
    let error = format!("IAM Principal \"{ROOT}\" does not belong to the role \"other\"");
    assert_eq!(log_in(&mut stand, body), (400, json!({"errors": [error]})));
    let incomplete = json!({"iam_http_request_method": "POST"});
    let error = "didn't supply required authentication values";
    assert_eq!(
        log_in(&mut stand, incomplete),
        (400, json!({"errors": [error]}))
    );
    stand.world.is_cut = true;
    let body = signed(&stand, "dev", Some("vault.example"));
    let error = "error making upstream request: error making request: POST https://sts.amazonaws.com// giving up after 1 attempt(s): Post \"https://sts.amazonaws.com//\": EOF";
    assert_eq!(log_in(&mut stand, body), (400, json!({"errors": [error]})));
}

#[test]
fn a_client_may_choose_the_region_if_there_is_such_a_one() {
    let mut stand = stand();
    stand.put(
        "auth/aws/config/client",
        json!({"use_sts_region_from_client": true}),
    );
    let mut from = |region: &str| {
        let mut body = signed(&stand, "dev", Some("vault.example"));
        let headers = body["iam_request_headers"].as_str().unwrap();
        let headers = BASE64_STANDARD.decode(headers).unwrap();
        let headers = String::from_utf8(headers).unwrap();
        let headers = headers.replace("/us-east-1/", &format!("/{region}/"));
        body["iam_request_headers"] = BASE64_STANDARD.encode(headers).into();
        log_in(&mut stand, body)
    };
    assert_eq!(from("us-east-1").0, 200);
    for region in ["nowhere", "eu-1", "xx-west-1", "eu-west-one"] {
        let error = format!("unable to get regional STS endpoint for region: {region}");
        assert_eq!(from(region), (400, json!({"errors": [error]})));
    }
}

#[test]
fn an_old_signature_is_refused_by_sts() {
    let mut stand = stand();
    let body = signed(&stand, "dev", Some("vault.example"));
    stand.later(3600);
    let (status, answer) = log_in(&mut stand, body);
    assert_eq!(status, 400);
    let error = answer["errors"][0].as_str().unwrap();
    assert!(error.starts_with(
        "error making upstream request: received error code 403 from STS: <ErrorResponse"
    ));
}

#[test]
fn principals_are_bound_by_their_ids_or_by_patterns() {
    let mut stand = stand();
    stand.put(
        "auth/aws/role/byid",
        json!({"bound_iam_principal_arn": ROOT}),
    );
    let role = stand.get("auth/aws/role/byid");
    let id = role["data"]["bound_iam_principal_id"][0].as_str().unwrap();
    assert!(id.starts_with("AIDA"));
    let any = json!({"bound_iam_principal_arn": "arn:aws:iam::123456789012:user/*"});
    stand.put("auth/aws/role/any", any);
    for role in ["byid", "any"] {
        let body = signed(&stand, role, Some("vault.example"));
        assert_eq!(log_in(&mut stand, body).0, 200, "{role}");
    }
    let got = stand.errors(
        "POST",
        "auth/aws/role/x",
        json!({"bound_iam_principal_arn": "nope"}),
    );
    let error = "unable to resolve ARN \"nope\" to internal ID: unrecognized arn: contains 1 colon-separated parts, expected 6";
    assert_eq!(got, (400, vec![error.to_owned()]));
}

fn jwt(claims: &Value) -> String {
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signature = BASE64_URL_SAFE_NO_PAD.encode("signature");
    format!(
        "{}.{}.{signature}",
        encode(&json!({"alg": "RS256"})),
        encode(claims)
    )
}

fn claims() -> Value {
    json!({
        "aud": ["vault"],
        "sub": "system:serviceaccount:ns:sa",
        "exp": 1_795_345_200,
        "kubernetes.io": {"namespace": "ns", "serviceaccount": {"name": "sa", "uid": "u1"}},
    })
}

fn with_kubernetes() -> Stand {
    let mut stand = Stand::new();
    stand.put("sys/auth/kubernetes", json!({"type": "kubernetes"}));
    stand.put(
        "auth/kubernetes/config",
        json!({"kubernetes_host": "https://kubernetes:443", "disable_local_ca_jwt": true}),
    );
    stand.put(
        "auth/kubernetes/role/R",
        json!({
            "bound_service_account_names": "sa",
            "bound_service_account_namespaces": "ns",
            "audience": "vault",
            "token_policies": "dev",
            "token_ttl": "1h",
        }),
    );
    stand.world.review = Some(json!({"status": {
        "authenticated": true,
        "audiences": ["vault"],
        "user": {"username": "system:serviceaccount:ns:sa", "uid": "u1"},
    }}));
    stand
}

fn kubernetes(stand: &mut Stand, role: &str, jwt: &str) -> (u16, Value) {
    stand.ask(
        "",
        "POST",
        "auth/kubernetes/login",
        json!({"role": role, "jwt": jwt}),
    )
}

#[test]
fn a_service_account_logs_in() {
    let mut stand = with_kubernetes();
    let token = jwt(&claims());
    let (status, answer) = kubernetes(&mut stand, "r", &token);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        answer["auth"]["metadata"],
        json!({
            "role": "r",
            "service_account_name": "sa",
            "service_account_namespace": "ns",
            "service_account_secret_name": "",
            "service_account_uid": "u1",
        })
    );
    assert_eq!(answer["auth"]["lease_duration"], 3600);
    let asked = &stand.world.reviewed[0];
    assert_eq!(
        asked["spec"],
        json!({"token": token, "audiences": ["vault"]})
    );
    assert_eq!(asked["bearer"], format!("Bearer {token}"));
    let id = answer["auth"]["client_token"].as_str().unwrap().to_owned();
    let (_, body) = stand.ask(&id, "GET", "auth/token/lookup-self", Value::Null);
    assert_eq!(body["data"]["display_name"], "kubernetes-ns-sa");
}

#[test]
fn a_service_account_is_refused_for_what_its_token_says() {
    let mut stand = with_kubernetes();
    let change = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        jwt(&claims)
    };
    let account = |namespace: &str, name: &str| {
        change(
            "kubernetes.io",
            json!({"namespace": namespace, "serviceaccount": {"name": name, "uid": "u1"}}),
        )
    };
    let cases = [
        (
            change("aud", json!(["x"])),
            "invalid audience (aud) claim: audience claim does not match any expected audience",
        ),
        (
            change("exp", 5.into()),
            "invalid expiration time (exp) claim: token is expired",
        ),
        (
            change("nbf", 99_999_999_999_i64.into()),
            "invalid not before (nbf) claim: token not yet valid",
        ),
        (
            account("ns", "other"),
            "service account name not authorized",
        ),
        (account("other", "sa"), "namespace not authorized"),
        ("x".to_owned(), "permission denied"),
    ];
    for (token, error) in cases {
        let got = kubernetes(&mut stand, "r", &token);
        assert_eq!(got, (403, json!({"errors": [error]})));
    }
    assert_eq!(stand.world.reviewed.len(), 0);
    for review in [
        json!({"status": {"authenticated": false}}),
        json!({"status": {"authenticated": true, "user": {"username": "system:serviceaccount:ns:sa", "uid": "u1"}}}),
        json!({"status": {"authenticated": true, "audiences": ["vault"], "user": {"username": "system:serviceaccount:ns:sa", "uid": "u2"}}}),
    ] {
        stand.world.review = Some(review);
        let got = kubernetes(&mut stand, "r", &jwt(&claims()));
        assert_eq!(got, (403, json!({"errors": ["permission denied"]})));
    }
    let missing = [
        ("", "x", "missing role"),
        ("r", "", "missing jwt"),
        ("none", "x", "invalid role name \"none\""),
    ];
    for (role, token, error) in missing {
        assert_eq!(
            kubernetes(&mut stand, role, token),
            (400, json!({"errors": [error]}))
        );
    }
}

#[test]
fn a_kubernetes_role_needs_names_and_namespaces() {
    let mut stand = with_kubernetes();
    let names = "bound_service_account_names";
    let spaces = "bound_service_account_namespaces";
    let cases = [
        (
            json!({}),
            "\"bound_service_account_names\" can not be empty",
        ),
        (
            json!({names: "sa"}),
            "\"bound_service_account_namespaces\" can not be empty if \"bound_service_account_namespace_selector\" is not set",
        ),
        (
            json!({names: "*,x", spaces: "ns"}),
            "can not mix \"*\" with values",
        ),
        (
            json!({names: "sa", spaces: "ns", "alias_name_source": "x"}),
            "invalid alias_name_source, must be one of: serviceaccount_uid, serviceaccount_name",
        ),
    ];
    for (body, error) in cases {
        let got = stand.errors("POST", "auth/kubernetes/role/x", body);
        assert_eq!(got, (400, vec![error.to_owned()]));
    }
    let got = stand.errors("POST", "auth/kubernetes/config", json!({}));
    assert_eq!(got, (400, vec!["no host provided".to_owned()]));
    let warned = stand.put("auth/kubernetes/role/x", json!({names: "sa", spaces: "ns"}));
    assert!(
        warned["warnings"][0]
            .as_str()
            .unwrap()
            .starts_with("Role x does not have an audience")
    );
}
