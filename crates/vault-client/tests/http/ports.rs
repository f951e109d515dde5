//! What each port sends and reads.

use std::time::Duration;

use leasehold_vault_client::{
    AwsEngine, AwsVaultRole, ClusterId, Connection, Credentials, EngineLease, ErrorKind, Health,
    LeaseInfo, Leases, Mount, Mounts, Policies, Redacted, RootConfig, Tokens,
};
use serde_json::{Value, json};
use wiremock::{MockServer, ResponseTemplate};

use crate::support::*;

fn none() -> ResponseTemplate {
    ResponseTemplate::new(204)
}

async fn body(server: &MockServer, at: &str) -> Value {
    sent(server, at).await.last().unwrap().body_json().unwrap()
}

#[tokio::test]
async fn headers_and_the_path_before_v1() {
    let server = MockServer::start().await;
    answer(
        &server,
        "GET",
        "/edge/a/v1/sys/health",
        ResponseTemplate::new(200).set_body_json(healthy()),
    )
    .await;
    answer(
        &server,
        "GET",
        "/edge/a/v1/aws/config/root",
        errors(404, &[]),
    )
    .await;
    let mut connection = Connection::new(format!("{}/edge/a/", server.uri()));
    connection.namespace = Some("team/a\n".into());
    at(connection).root_config(&"aws".into()).await.unwrap();
    let got = sent(&server, "/edge/a/v1/aws/config/root").await;
    assert_eq!(header(&got[0], "x-vault-request").as_deref(), Some("true"));
    assert_eq!(header(&got[0], "x-vault-token").as_deref(), Some(TOKEN));
    assert_eq!(
        header(&got[0], "x-vault-namespace").as_deref(),
        Some("team/a")
    );
    assert_eq!(
        header(&got[0], "host").unwrap(),
        server.address().to_string()
    );
    // The whole Vault's, asked without a token and without a namespace.
    let health = sent(&server, "/edge/a/v1/sys/health").await;
    assert_eq!(
        header(&health[0], "x-vault-request").as_deref(),
        Some("true")
    );
    assert_eq!(header(&health[0], "x-vault-token"), None);
    assert_eq!(header(&health[0], "x-vault-namespace"), None);
}

#[tokio::test]
async fn resolve_goes_there_and_says_the_name() {
    let server = server().await;
    answer(&server, "GET", READ, errors(404, &[])).await;
    let mut connection = Connection::new("http://vault.demo.svc:8200");
    connection.resolve = vec![("vault.demo.svc".into(), *server.address())];
    at(connection).root_config(&"aws".into()).await.unwrap();
    let got = sent(&server, READ).await;
    assert_eq!(
        header(&got[0], "host").as_deref(),
        Some("vault.demo.svc:8200")
    );
}

#[tokio::test]
async fn health_whatever_its_status() {
    for status in [200, 429, 472, 473, 501, 503] {
        let server = MockServer::start().await;
        let mut report = healthy();
        report["initialized"] = json!(status != 501);
        report["sealed"] = json!(status == 501 || status == 503);
        health(&server, status, &report).await;
        let vault = vault(&server);
        let got = vault.health().await.unwrap();
        assert_eq!(got.version, "1.21.0");
        assert_eq!(got.cluster_id, Some(ClusterId::from("c-1")));
        assert_eq!((got.sealed, got.initialized), (status > 500, status != 501));
        assert_eq!(vault.logins(), 0);
        match vault.cluster_id().await {
            Ok(id) => assert!(status < 500 && id == ClusterId::from("c-1")),
            Err(error) => assert_eq!((error.kind, status > 500), (ErrorKind::Sealed, true)),
        }
    }
    let server = MockServer::start().await;
    health(&server, 200, &json!({"initialized": true, "sealed": false})).await;
    assert_eq!(
        vault(&server).cluster_id().await.unwrap_err().kind,
        ErrorKind::Unexpected
    );
    let server = MockServer::start().await;
    answer(
        &server,
        "GET",
        "/v1/sys/health",
        ResponseTemplate::new(503).set_body_string("down"),
    )
    .await;
    assert_eq!(
        vault(&server).health().await.unwrap_err().kind,
        ErrorKind::Unexpected
    );
}

#[tokio::test]
async fn mounts() {
    let server = server().await;
    let vault = vault(&server);
    let aws = "team/aws".into();
    let at = "/v1/sys/mounts/team/aws";
    let tune = "/v1/sys/mounts/team/aws/tune";
    answer(
        &server,
        "GET",
        at,
        data(
            &json!({"type": "aws", "description": "ours", "options": null,
        "config": {"default_lease_ttl": 0, "max_lease_ttl": 7200, "force_no_cache": false}}),
        ),
    )
    .await;
    answer(&server, "POST", at, none()).await;
    answer(&server, "DELETE", at, none()).await;
    answer(&server, "POST", tune, none()).await;
    answer(
        &server,
        "GET",
        tune,
        data(&json!({"default_lease_ttl": 2_764_800})),
    )
    .await;
    assert_eq!(
        vault.mount(&aws).await.unwrap().unwrap(),
        Mount {
            kind: "aws".into(),
            description: "ours".into(),
            default_lease: Duration::ZERO,
            max_lease: Duration::from_secs(7200),
        }
    );
    vault.enable_mount(&aws, "aws", "ours").await.unwrap();
    assert_eq!(
        body(&server, at).await,
        json!({"type": "aws", "description": "ours"})
    );
    vault.describe_mount(&aws, "").await.unwrap();
    assert_eq!(body(&server, tune).await, json!({"description": ""}));
    let lease = vault.effective_default_lease(&aws).await.unwrap();
    assert_eq!(lease, Duration::from_secs(768 * 3600));
    vault.disable_mount(&aws).await.unwrap();
}

#[tokio::test]
async fn engine() {
    let server = server().await;
    let vault = vault(&server);
    let aws = "aws".into();
    answer(
        &server,
        "GET",
        READ,
        data(&json!({"access_key": "AKIA", "region": "eu-west-1",
        "iam_endpoint": "", "sts_endpoint": null, "max_retries": -1, "identity_token_ttl": 0})),
    )
    .await;
    answer(&server, "POST", READ, none()).await;
    let root = vault.root_config(&aws).await.unwrap().unwrap();
    assert_eq!(
        root,
        RootConfig {
            access_key: "AKIA".into(),
            region: "eu-west-1".into(),
            max_retries: -1,
            ..RootConfig::default()
        }
    );
    vault
        .write_root_config(&aws, &root, &Redacted::new("SUPERSECRET"))
        .await
        .unwrap();
    let whole = json!({"access_key": "AKIA", "secret_key": "SUPERSECRET", "region": "eu-west-1",
        "iam_endpoint": "", "sts_endpoint": "", "max_retries": -1});
    assert_eq!(body(&server, READ).await, whole);

    let at = "/v1/aws/config/lease";
    answer(
        &server,
        "GET",
        at,
        data(&json!({"lease": "30m0s", "lease_max": "12h0m0s"})),
    )
    .await;
    answer(&server, "POST", at, none()).await;
    let lease = vault.engine_lease(&aws).await.unwrap().unwrap();
    let (half, twelve) = (Duration::from_secs(1800), Duration::from_secs(43200));
    assert_eq!(
        lease,
        EngineLease {
            lease: half,
            lease_max: twelve
        }
    );
    vault.write_engine_lease(&aws, &lease).await.unwrap();
    assert_eq!(
        body(&server, at).await,
        json!({"lease": "30m0s", "lease_max": "12h0m0s"})
    );
}

#[tokio::test]
async fn a_role_is_read_with_its_nulls() {
    let server = server().await;
    let at = "/v1/aws/roles/k8s.-.demo.r";
    answer(
        &server,
        "GET",
        at,
        data(&json!({"credential_type": "iam_user", "policy_arns": null,
        "role_arns": null, "policy_document": "{}", "iam_groups": null, "iam_tags": {"a": "b"},
        "session_tags": null, "external_id": "", "default_sts_ttl": 0, "max_sts_ttl": 3600,
        "user_path": "", "permissions_boundary_arn": "", "mfa_serial_number": ""})),
    )
    .await;
    answer(&server, "DELETE", at, none()).await;
    let vault = vault(&server);
    let (aws, name) = ("aws".into(), "k8s.-.demo.r".into());
    assert_eq!(
        vault.role(&aws, &name).await.unwrap().unwrap(),
        AwsVaultRole {
            credential_type: "iam_user".into(),
            policy_document: "{}".into(),
            iam_tags: [("a".to_owned(), "b".to_owned())].into(),
            max_sts_ttl: Duration::from_secs(3600),
            ..AwsVaultRole::default()
        }
    );
    vault.delete_role(&aws, &name).await.unwrap();
}

#[tokio::test]
async fn a_role_is_written_with_what_is_set_and_what_was() {
    let server = server().await;
    let at = "/v1/aws/roles/r";
    let warned = json!({"data": null, "warnings": ["Detected use of legacy role"]});
    answer(
        &server,
        "POST",
        at,
        ResponseTemplate::new(200).set_body_json(warned),
    )
    .await;
    let vault = vault(&server);
    let write = async |role: &AwsVaultRole, previous: Option<&AwsVaultRole>| {
        vault
            .write_role(&"aws".into(), &"r".into(), role, previous)
            .await
            .unwrap();
        body(&server, at).await
    };
    let fresh = AwsVaultRole {
        credential_type: "iam_user".into(),
        policy_document: "{}".into(),
        ..AwsVaultRole::default()
    };
    let only = json!({"credential_type": "iam_user", "policy_document": "{}"});
    assert_eq!(write(&fresh, None).await, only);
    assert_eq!(write(&fresh, Some(&fresh)).await, only);

    let full = AwsVaultRole {
        credential_type: "assumed_role,iam_user".into(),
        role_arns: vec!["arn:r".into()],
        policy_arns: vec!["arn:p".into()],
        policy_document: "{}".into(),
        iam_groups: vec!["g".into()],
        iam_tags: [("a".to_owned(), "b".to_owned())].into(),
        session_tags: [("c".to_owned(), "d".to_owned())].into(),
        external_id: "e".into(),
        mfa_serial_number: "m".into(),
        user_path: "/u/".into(),
        permissions_boundary_arn: "arn:b".into(),
        default_sts_ttl: Duration::from_secs(900),
        max_sts_ttl: Duration::from_secs(3600),
    };
    let bare = AwsVaultRole {
        credential_type: "iam_user".into(),
        ..AwsVaultRole::default()
    };
    assert_eq!(
        write(&bare, Some(&full)).await,
        json!({"credential_type": "iam_user", "role_arns": [], "policy_arns": [],
            "policy_document": "", "iam_groups": [], "iam_tags": {}, "session_tags": {},
            "external_id": "", "mfa_serial_number": "", "user_path": "",
            "permissions_boundary_arn": "", "default_sts_ttl": 0, "max_sts_ttl": 0})
    );
    assert_eq!(
        write(&full, None).await,
        json!({"credential_type": "assumed_role,iam_user", "role_arns": ["arn:r"],
            "policy_arns": ["arn:p"], "policy_document": "{}", "iam_groups": ["g"],
            "iam_tags": {"a": "b"}, "session_tags": {"c": "d"}, "external_id": "e",
            "mfa_serial_number": "m", "user_path": "/u/", "permissions_boundary_arn": "arn:b",
            "default_sts_ttl": 900, "max_sts_ttl": 3600})
    );
}

#[tokio::test]
async fn issuing_under_a_keeper() {
    let server = server().await;
    let mut issued = creds();
    issued["warnings"] = json!(["capped"]);
    answer(
        &server,
        "GET",
        CREDS,
        ResponseTemplate::new(200).set_body_json(issued),
    )
    .await;
    let vault = vault(&server);
    let got = vault.issue(&issue(), Some(&keeper())).await.unwrap();
    assert_eq!(got.lease_id, Some("aws/creds/r/abc".into()));
    assert_eq!(
        (got.lease_duration, got.renewable),
        (Duration::from_secs(3600), true)
    );
    assert_eq!(
        (got.access_key.expose(), got.secret_key.expose()),
        ("AKIAX", "SUPERSECRET")
    );
    assert_eq!(
        (got.session_token, got.warnings),
        (None, vec!["capped".to_owned()])
    );
    let request = &sent(&server, CREDS).await[0];
    assert_eq!(header(request, "x-vault-token").as_deref(), Some(KEEPER));
    assert_eq!((request.url.query(), request.body.len()), (None, 0));
    // No login is needed for it.
    assert_eq!(vault.logins(), 0);
}

#[tokio::test]
async fn issuing_sts() {
    let server = server().await;
    let at = "/v1/aws/sts/r";
    // As 1.13.0 answers: no lease, the older name of the token.
    answer(
        &server,
        "GET",
        at,
        ResponseTemplate::new(200).set_body_json(json!({
        "lease_id": "", "lease_duration": 0, "renewable": false, "data": {"access_key": "ASIA",
        "secret_key": "s", "session_token": null, "security_token": "tok", "ttl": 3599,
        "arn": "arn:aws:sts::1:assumed-role/r/s"}})),
    )
    .await;
    let mut request = issue();
    request.use_sts = true;
    request.role_arn = Some("arn:aws:iam::1:role/a b".into());
    request.ttl = Some(Duration::from_secs(3600));
    let got = vault(&server).issue(&request, None).await.unwrap();
    assert_eq!(
        (got.lease_id, got.lease_duration),
        (None, Duration::from_secs(3599))
    );
    assert_eq!(got.session_token.unwrap().expose(), "tok");
    let request = &sent(&server, at).await[0];
    let query: Vec<(String, String)> = request.url.query_pairs().into_owned().collect();
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(
        query,
        [
            pair("role_arn", "arn:aws:iam::1:role/a b"),
            pair("ttl", "3600s")
        ]
    );
    assert_eq!(header(request, "x-vault-token").as_deref(), Some(TOKEN));
}

#[tokio::test]
async fn keepers() {
    let server = server().await;
    let vault = vault(&server);
    let made = json!({"auth": {"client_token": KEEPER, "accessor": "acc-1", "policies":
        ["leasehold-keeper"], "metadata": null, "lease_duration": 4200, "renewable": true,
        "entity_id": "", "token_type": "service", "orphan": true, "num_uses": 0}, "data": null});
    for at in [
        "/v1/auth/token/create-orphan",
        "/v1/auth/token/create/minter",
    ] {
        answer(
            &server,
            "POST",
            at,
            ResponseTemplate::new(200).set_body_json(&made),
        )
        .await;
        let mut request = keeper_request();
        request.token_role = at.strip_prefix("/v1/auth/token/create/").map(str::to_owned);
        let keeper = vault.open_keeper(&request).await.unwrap();
        assert_eq!(keeper.token.expose(), KEEPER);
        assert_eq!(
            (keeper.accessor.as_str(), keeper.ttl.as_secs()),
            ("acc-1", 4200)
        );
        assert!(keeper.orphan && keeper.renewable);
        assert_eq!(keeper.policies, ["leasehold-keeper"]);
        assert_eq!(
            body(&server, at).await,
            json!({"policies": ["leasehold-keeper"], "no_default_policy": true, "ttl": "4200s",
                "display_name": "demo-app", "meta": {"uid": "u-1"}, "renewable": true,
                "type": "service"})
        );
    }
    let at = "/v1/auth/token/lookup-accessor";
    answer(
        &server,
        "POST",
        at,
        data(&json!({"accessor": "acc-1", "meta": {"uid": "u-1"},
        "ttl": 4100, "renewable": true, "orphan": true, "policies": ["leasehold-keeper"],
        "type": "service", "id": "", "num_uses": 0})),
    )
    .await;
    let info = vault
        .lookup_accessor(&"acc-1".into())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(body(&server, at).await, json!({"accessor": "acc-1"}));
    assert_eq!((info.ttl.as_secs(), info.kind.as_str()), (4100, "service"));
    assert_eq!(info.meta["uid"], "u-1");
    let at = "/v1/auth/token/renew-accessor";
    answer(
        &server,
        "POST",
        at,
        ResponseTemplate::new(200).set_body_json(&made),
    )
    .await;
    let increment = Duration::from_secs(5000);
    let granted = vault
        .renew_accessor(&"acc-1".into(), increment)
        .await
        .unwrap();
    assert_eq!(granted.as_secs(), 4200);
    assert_eq!(
        body(&server, at).await,
        json!({"accessor": "acc-1", "increment": "5000s"})
    );
    let at = "/v1/auth/token/revoke-accessor";
    answer(&server, "POST", at, none()).await;
    vault.revoke_accessor(&"acc-1".into()).await.unwrap();
    assert_eq!(body(&server, at).await, json!({"accessor": "acc-1"}));
}

#[tokio::test]
async fn leases() {
    let server = server().await;
    let vault = vault(&server);
    let id = "aws/creds/r/1".into();
    let looked =
        json!({"id": "aws/creds/r/1", "last_renewal": null, "renewable": false, "ttl": -3});
    answer(&server, "POST", "/v1/sys/leases/lookup", data(&looked)).await;
    let lease = vault.lookup_lease(&id).await.unwrap().unwrap();
    assert_eq!(
        lease,
        LeaseInfo {
            ttl: -3,
            renewable: false
        }
    );
    let at = "/v1/sys/leases/renew";
    let renewed = json!({"lease_id": "aws/creds/r/1", "renewable": true, "lease_duration": 1200,
        "data": null, "warnings": ["capped"]});
    answer(
        &server,
        "POST",
        at,
        ResponseTemplate::new(200).set_body_json(renewed),
    )
    .await;
    let lease = vault
        .renew_lease(&id, Duration::from_secs(3600))
        .await
        .unwrap();
    assert_eq!(
        lease,
        LeaseInfo {
            ttl: 1200,
            renewable: true
        }
    );
    assert_eq!(
        body(&server, at).await,
        json!({"lease_id": "aws/creds/r/1", "increment": 3600})
    );
}

#[tokio::test]
async fn policies() {
    let server = server().await;
    let vault = vault(&server);
    let at = "/v1/sys/policies/acl/leasehold";
    answer(
        &server,
        "GET",
        at,
        data(&json!({"name": "leasehold", "policy": "path {}"})),
    )
    .await;
    answer(&server, "POST", at, none()).await;
    answer(
        &server,
        "GET",
        "/v1/sys/policies/acl/none",
        errors(404, &[]),
    )
    .await;
    assert_eq!(
        vault.policy("leasehold").await.unwrap().as_deref(),
        Some("path {}")
    );
    assert_eq!(vault.policy("none").await.unwrap(), None);
    vault.write_policy("leasehold", "path {}").await.unwrap();
    assert_eq!(body(&server, at).await, json!({"policy": "path {}"}));
    let at = "/v1/sys/capabilities-self";
    answer(&server, "POST", at, ResponseTemplate::new(200).set_body_json(json!({
        "capabilities": ["read"], "data": {"a": ["read"], "b": ["deny"], "capabilities": ["read"]}
    }))).await;
    let said = vault.capabilities(&["a".into(), "b".into()]).await.unwrap();
    assert_eq!(said.len(), 2);
    assert_eq!(
        (said["a"][0].as_str(), said["b"][0].as_str()),
        ("read", "deny")
    );
    assert_eq!(body(&server, at).await, json!({"paths": ["a", "b"]}));
}
