//! The page of Vault's AWS engine: its calls as they show in Vault afterwards, what AWS says when
//! Vault's own user lacks a right, and roles in Vault's older form.

use anyhow::{Context, Result, ensure};
use e2e::servers::AwsKey;
use e2e::world::scenes::{request, role, secret_of, simple_role, text};
use e2e::{OwnStand, Stand, World, on_both_stands};
use serde_json::{Value, json};

on_both_stands! {
    the_calls_of_the_page_show_in_vault,
    a_right_that_vaults_own_user_lacks_is_said_in_awss_words,
}

const REQUEST: &str = "AWSAccessKeyRequest";

/// The page's policy.json.
fn policy() -> Value {
    json!({"Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "iam:*", "Resource": "*"}})
}

async fn the_calls_of_the_page_show_in_vault<S: OwnStand>() -> Result<()> {
    let world = World::prepare(S::start().await?).await?;
    let mut operator = world.operator(&[]).await?;
    world.ready_engine().await?;
    configuration(&world).await?;
    older_roles(&world).await?;
    creds_and_revoke(&world).await?;
    operator.stop().await
}

/// `vault mount aws`, `vault write aws/config/root` and `aws/config/lease`.
async fn configuration<S: Stand>(world: &World<S>) -> Result<()> {
    let mounts = world.vault_read("sys/mounts").await?.context("mounts")?;
    assert_eq!(mounts["aws/"]["type"], "aws");
    let root = world.vault_read("aws/config/root").await?.context("root")?;
    let AwsKey {
        access_key,
        secret_key,
        ..
    } = world.stand.aws_root();
    assert_eq!(root["access_key"], access_key);
    assert_eq!(root["region"], "us-east-1");
    assert_eq!(root["iam_endpoint"], world.stand.aws_address());
    ensure!(!root.to_string().contains(&secret_key), "the secret half");
    let lease = world.vault_read("aws/config/lease").await?;
    let hour = json!({"lease": "1h0m0s", "lease_max": "1h0m0s"});
    assert_eq!(lease.context("lease")?, hour);
    Ok(())
}

/// Roles that KubeVault or a person wrote as Vault of those days took them.
async fn older_roles<S: Stand>(world: &World<S>) -> Result<()> {
    let arn = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    for (name, body) in [
        ("deploy", json!({"policy": policy().to_string()})),
        ("managed", json!({"arn": arn})),
        ("object", json!({"policy": policy().to_string()})),
    ] {
        let path = format!("aws/roles/k8s.-.demo.{name}");
        world.vault_write(&path, &body).await?;
        let older = world.vault_read(&path).await?.context("it")?;
        // An older role with a policy is of several types at once.
        let several = older["credential_type"] == "iam_user,federation_token";
        ensure!(several || name == "managed", "{older}");
    }
    let user = "iam_user";
    world
        .apply(&[
            role(
                "deploy",
                json!({"credentialType": user, "policyDocument": policy().to_string()}),
            ),
            role(
                "managed",
                json!({"credentialType": user, "policyARNs": [arn]}),
            ),
            // The same as KubeVault's older field.
            role(
                "object",
                json!({"credentialType": user, "policy": policy()}),
            ),
        ])
        .await?;
    for name in ["deploy", "managed", "object"] {
        world.phase("AWSRole", name, "Success").await?;
        let path = format!("aws/roles/k8s.-.demo.{name}");
        let now = world.vault_read(&path).await?.context("it")?;
        assert_eq!(now["credential_type"], user, "{name}");
        if name == "managed" {
            assert_eq!(now["policy_arns"], json!([arn]));
            ensure!(text(&now, "/policy_document").is_empty(), "{now}");
        } else {
            let document: Value = serde_json::from_str(&text(&now, "/policy_document"))?;
            assert_eq!(document, policy());
            ensure!(now["policy_arns"].as_array().is_none_or(Vec::is_empty));
        }
    }
    Ok(())
}

/// `vault read aws/creds/deploy` twice, then `vault revoke`.
async fn creds_and_revoke<S: Stand>(world: &World<S>) -> Result<()> {
    let mut given = Vec::new();
    for name in ["one", "two"] {
        let issued = world.issue(name, "deploy").await?;
        let lease = text(&issued, "/status/lease/id");
        ensure!(lease.starts_with("aws/creds/k8s.-.demo.deploy/"), "{lease}");
        let body = json!({"lease_id": lease});
        let looked = world.vault_write("sys/leases/lookup", &body).await?;
        let ttl = looked["data"]["ttl"].as_i64().unwrap_or_default();
        ensure!((3500..=3600).contains(&ttl), "{looked}");
        let key = world.key_in(&secret_of(&issued)).await?;
        // What the page's policy allows, and nothing else.
        let aws = world.stand.aws(key.clone())?;
        aws.list_users().await?;
        let ec2 = aws.call("ec2", "DescribeInstances", &[]).await;
        ensure!(ec2.is_err_and(|e| e.is_denied()), "beyond its policy");
        given.push((lease, key));
    }
    ensure!(given[0].1.access_key != given[1].1.access_key, "one key");
    world.delete(REQUEST, "one").await?;
    ensure!(!world.lease_lives(&given[0].0).await?, "revoked");
    ensure!(world.lease_lives(&given[1].0).await?, "not revoked");
    let dead = world.stand.aws(given[0].1.clone())?.caller_arn().await;
    ensure!(dead.is_err_and(|e| e.is_dead_key()));
    world.users_become(1).await?;
    world.delete(REQUEST, "two").await?;
    world.users_become(0).await
}

/// The page's policy for Vault's own user, without one of its actions.
fn root_policy(without: &str) -> Value {
    let mut actions: Vec<String> = [
        "CreateAccessKey",
        "CreateUser",
        "PutUserPolicy",
        "ListAttachedUserPolicies",
        "ListGroupsForUser",
        "ListUserPolicies",
        "ListAccessKeys",
        "DeleteAccessKey",
        "DeleteUserPolicy",
        "RemoveUserFromGroup",
        "DeleteUser",
    ]
    .iter()
    .map(|action| format!("iam:{action}"))
    .collect();
    actions.retain(|action| action != without);
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions,
        "Resource": ["arn:aws:iam::*:user/vault-*"]}]})
}

/// AWS's words are in condition and event, and the request goes on by itself once Vault's own user
/// has the right.
async fn a_right_that_vaults_own_user_lacks_is_said_in_awss_words<S: OwnStand>() -> Result<()> {
    let world = World::<S>::with_faults().await?;
    let aws = world.stand.stand_in()?.clone();
    let mut operator = world.operator(&[]).await?;
    aws.set_root_policy(&root_policy("iam:CreateUser")).await?;
    world.apply(&world.token_binding("demo")).await?;
    world.apply(&world.seed_engine()?).await?;
    world.apply(&[simple_role("deploy")]).await?;
    world.apply(&[request("app", "deploy")]).await?;
    world.approve("app").await?;
    let words = [
        "is not authorized to perform: iam:CreateUser on resource: arn:aws:iam::",
        ":user/vault-root",
    ];
    world.says(REQUEST, "app", "IssueFailed", &words).await?;
    ensure!(aws.users().await?.is_empty());
    let stuck = world.get(REQUEST, "demo", "app").await?.context("it")?;
    assert_eq!(e2e::world::condition(&stuck, "Stalled")["status"], "True");

    aws.set_root_policy(&root_policy("iam:DeleteUser")).await?;
    let issued = world.phase(REQUEST, "app", "Issued").await?;
    assert_eq!(
        issued["metadata"]["generation"],
        stuck["metadata"]["generation"]
    );
    let key = aws.aws(world.key_in(&secret_of(&issued)).await?)?;
    key.caller_arn().await?;

    // The same on the way back.
    world.delete_later(REQUEST, "app").await?;
    let words = ["is not authorized to perform: iam:DeleteUser"];
    world
        .says(REQUEST, "app", "RevocationFailed", &words)
        .await?;
    assert_eq!(aws.users().await?.len(), 1);
    aws.set_root_policy(&root_policy("")).await?;
    world.gone(REQUEST, "app").await?;
    ensure!(aws.users().await?.is_empty());
    ensure!(key.caller_arn().await.is_err_and(|e| e.is_dead_key()));
    operator.stop().await
}
