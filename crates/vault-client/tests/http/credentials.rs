//! What issuing, keepers and leases send and read.

use std::time::Duration;

use leasehold_vault_client::{Credentials, LeaseInfo, Leases, Tokens};
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::support::*;

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
            last_body(&server, at).await,
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
    assert_eq!(last_body(&server, at).await, json!({"accessor": "acc-1"}));
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
        last_body(&server, at).await,
        json!({"accessor": "acc-1", "increment": "5000s"})
    );
    let at = "/v1/auth/token/revoke-accessor";
    answer(&server, "POST", at, ResponseTemplate::new(204)).await;
    vault.revoke_accessor(&"acc-1".into()).await.unwrap();
    assert_eq!(last_body(&server, at).await, json!({"accessor": "acc-1"}));
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
        last_body(&server, at).await,
        json!({"lease_id": "aws/creds/r/1", "increment": 3600})
    );
}
