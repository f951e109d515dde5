//! What each port sends and reads.

use std::time::Duration;

use leasehold_vault_client::{
    AwsEngine, AwsVaultRole, ClusterId, Connection, EngineLease, ErrorKind, Health, Mount, Mounts,
    Policies, Redacted, RootConfig,
};
use serde_json::json;
use wiremock::{MockServer, ResponseTemplate};

use crate::support::*;

fn none() -> ResponseTemplate {
    ResponseTemplate::new(204)
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
        "accessor": "aws_1a2b3c4d",
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
            accessor: "aws_1a2b3c4d".into(),
            default_lease: Duration::ZERO,
            max_lease: Duration::from_secs(7200),
        }
    );
    vault.enable_mount(&aws, "aws", "ours").await.unwrap();
    assert_eq!(
        last_body(&server, at).await,
        json!({"type": "aws", "description": "ours"})
    );
    vault.describe_mount(&aws, "").await.unwrap();
    assert_eq!(last_body(&server, tune).await, json!({"description": ""}));
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
    assert_eq!(last_body(&server, READ).await, whole);

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
        last_body(&server, at).await,
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
        last_body(&server, at).await
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
    assert_eq!(last_body(&server, at).await, json!({"policy": "path {}"}));
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
    assert_eq!(last_body(&server, at).await, json!({"paths": ["a", "b"]}));
}
