//! What happens to keys over time: a lease's end, a restart of the operator, STS.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use e2e::servers::eventually;
use e2e::{OwnStand, Stand, Wants, World, manifests, on_both_stands};
use k8s_openapi::api::events::v1::Event;
use kube::{Api, api::ListParams};
use serde_json::{Value, json};

on_both_stands! {
    at_a_leases_end_a_new_key_is_in_the_same_secret,
    a_restart_changes_nothing,
    an_assumed_role_is_delivered_and_ends_by_itself,
}

async fn ready_role<S: Stand>(world: &World<S>, lease: &str) -> Result<()> {
    world.apply(&world.token_binding("demo")).await?;
    let [secret, mut engine] = world.seed_engine()?;
    engine["spec"]["aws"]["leaseConfig"] = json!({"lease": lease, "leaseMax": lease});
    world.apply(&[secret, engine]).await?;
    world
        .apply(&[manifests::seed("000-awsrole.yaml", &[])?])
        .await?;
    world.phase("AWSRole", "aws-role", "Success").await?;
    Ok(())
}

async fn issued<S: Stand>(world: &World<S>) -> Result<Value> {
    world
        .apply(&[manifests::seed("000-awsaccesskeyrequest.yaml", &[])?])
        .await?;
    world.approve("aws-cred-rqst").await?;
    world
        .phase("AWSAccessKeyRequest", "aws-cred-rqst", "Issued")
        .await
}

fn secret_of(request: &Value) -> String {
    request["status"]["secret"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// Until renewal is built: a new key into the same Secret before the old one ends.
async fn at_a_leases_end_a_new_key_is_in_the_same_secret<S: OwnStand>() -> Result<()> {
    let world = World::prepare(S::start().await?).await?;
    let mut operator = world.operator(&[]).await?;
    ready_role(&world, "30s").await?;
    let secret = secret_of(&issued(&world).await?);
    let first = world.key_in(&secret).await?;

    eventually("another key is in the Secret", || async {
        let now = world.key_in(&secret).await?;
        ensure!(now.access_key != first.access_key, "still the first");
        // Make before break: the Secret never holds a dead key.
        world
            .stand
            .aws(now)?
            .caller_arn()
            .await
            .context("the new key works")?;
        Ok(())
    })
    .await?;
    eventually("the event Reissued", || async {
        let events: Api<Event> = Api::namespaced(world.stand.kube(), "demo");
        let all = events.list(&ListParams::default()).await?;
        let reasons: BTreeSet<_> = all.items.iter().filter_map(|e| e.reason.clone()).collect();
        ensure!(reasons.contains("Reissued"), "{reasons:?}");
        Ok(())
    })
    .await?;
    let old = world.stand.aws(first)?;
    eventually("the first key is dead", || async {
        ensure!(
            old.caller_arn().await.is_err_and(|e| e.is_dead_key()),
            "it lives"
        );
        Ok(())
    })
    .await?;
    world.delete("AWSAccessKeyRequest", "aws-cred-rqst").await?;
    world.users_become(0).await?;
    operator.stop().await
}

/// A restart logs in once and writes nothing, in Vault or in Kubernetes.
async fn a_restart_changes_nothing<S: OwnStand>() -> Result<()> {
    let wants = Wants {
        audit: true,
        ..Wants::default()
    };
    let world = World::prepare(S::start_with(wants).await?).await?;
    let mut operator = world.operator(&[]).await?;
    ready_role(&world, "1h").await?;
    let request = issued(&world).await?;
    let users = world.users().await?;
    let secret = world.get("Secret", "demo", &secret_of(&request)).await?;
    operator.stop().await?;

    let before = world.stand.vault_requests()?.len();
    let mut operator = world.operator(&[]).await?;
    // The restarted operator has looked at everything once it takes a new object through.
    let role = json!({
        "apiVersion": "engine.kubevault.com/v1alpha1", "kind": "AWSRole",
        "metadata": {"name": "another", "namespace": "demo"},
        "spec": {"vaultRef": {"name": "vault"}, "credentialType": "iam_user",
            "policyARNs": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]},
    });
    world.apply(&[role]).await?;
    world.phase("AWSRole", "another", "Success").await?;
    let writes: Vec<(String, String)> = world
        .stand
        .vault_requests()?
        .split_off(before)
        .into_iter()
        .filter(|(operation, _)| operation != "read")
        // Looks are POSTs in Vault, and change nothing.
        .filter(|(_, path)| {
            !["auth/token/lookup-self", "sys/leases/lookup"].contains(&path.as_str())
        })
        .filter(|(_, path)| path != "aws/roles/k8s.-.demo.another")
        .collect();
    assert_eq!(writes, []);
    let same = |a: &Option<Value>, b: &Option<Value>| {
        let version =
            |o: &Option<Value>| o.as_ref().map(|o| o["metadata"]["resourceVersion"].clone());
        version(a) == version(b)
    };
    let now = world
        .get("AWSAccessKeyRequest", "demo", "aws-cred-rqst")
        .await?;
    assert!(same(&now, &Some(request)), "the request was written");
    let name = secret
        .as_ref()
        .and_then(|s| s["metadata"]["name"].as_str())
        .unwrap_or_default();
    assert!(
        same(&world.get("Secret", "demo", name).await?, &secret),
        "the Secret was written"
    );
    assert_eq!(world.users().await?, users);
    operator.stop().await
}

/// STS credentials: nothing to revoke, said so, and the Secret holds a session token.
async fn an_assumed_role_is_delivered_and_ends_by_itself<S: OwnStand>() -> Result<()> {
    let world = World::prepare(S::start().await?).await?;
    let mut operator = world.operator(&[]).await?;
    ready_role(&world, "1h").await?;
    let arn = "arn:aws:iam::123456789012:role/reader";
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}"#;
    world
        .stand
        .aws(world.stand.aws_root())?
        .call(
            "iam",
            "CreateRole",
            &[("RoleName", "reader"), ("AssumeRolePolicyDocument", trust)],
        )
        .await?;
    let role = json!({
        "apiVersion": "engine.kubevault.com/v1alpha1", "kind": "AWSRole",
        "metadata": {"name": "sts", "namespace": "demo"},
        "spec": {"vaultRef": {"name": "vault"}, "credentialType": "assumed_role", "roleARNs": [arn]},
    });
    let request = json!({
        "apiVersion": "engine.kubevault.com/v1alpha1", "kind": "AWSAccessKeyRequest",
        "metadata": {"name": "session", "namespace": "demo"},
        "spec": {
            "roleRef": {"name": "sts", "namespace": "demo"},
            "subjects": [{"kind": "Group", "name": "readers"}],
            "ttl": "20m", "useSTS": true, "roleARN": arn,
        },
    });
    world.apply(&[role, request]).await?;
    world.approve("session").await?;
    let request = world
        .phase("AWSAccessKeyRequest", "session", "Issued")
        .await?;
    let words = e2e::world::ready(&request)["message"].to_string();
    ensure!(words.contains("cannot be revoked"), "{words}");
    let issued: jiff::Timestamp = text(&request, "issuedAt")?.parse()?;
    let expires: jiff::Timestamp = text(&request, "expiresAt")?.parse()?;
    let life = expires.duration_since(issued).as_secs();
    ensure!(
        (1190..=1200).contains(&life),
        "20 minutes were asked for, it lives {life} s"
    );
    let key = world.key_in(&secret_of(&request)).await?;
    ensure!(key.session_token.is_some(), "no session token");
    world.delete("AWSAccessKeyRequest", "session").await?;
    operator.stop().await
}

fn text<'a>(request: &'a Value, field: &str) -> Result<&'a str> {
    request["status"]["credential"][field]
        .as_str()
        .context("a time")
}
