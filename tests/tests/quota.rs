//! A key in hand whose Secret cannot be stored.

use anyhow::Result;
use e2e::{OwnStand, World, manifests, on_both_stands};
use serde_json::json;

on_both_stands! {
    a_key_that_cannot_be_stored_is_kept_and_not_issued_again,
}

async fn a_key_that_cannot_be_stored_is_kept_and_not_issued_again<S: OwnStand>() -> Result<()> {
    let world = World::prepare(S::start().await?).await?;
    let mut operator = world.operator(&[]).await?;
    world.apply(&world.token_binding("demo")).await?;
    world.apply(&world.seed_engine()?).await?;
    world
        .apply(&[manifests::seed("000-awsrole.yaml", &[])?])
        .await?;
    world.phase("AWSRole", "aws-role", "Success").await?;
    // Two Secrets are there already: the login's and the root's.
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota",
        "metadata": {"name": "no-more-secrets", "namespace": "demo"},
        "spec": {"hard": {"count/secrets": "0"}},
    });
    world.apply(&[quota]).await?;
    world
        .until(
            "ResourceQuota",
            "demo",
            "no-more-secrets",
            "in force",
            |q| q["status"]["hard"]["count/secrets"] == "0",
        )
        .await?;

    world
        .apply(&[manifests::seed("000-awsaccesskeyrequest.yaml", &[])?])
        .await?;
    world.approve("aws-cred-rqst").await?;
    let words = world
        .reason("AWSAccessKeyRequest", "aws-cred-rqst", "SecretNotStored")
        .await?;
    assert!(words.contains("exceeded quota"), "{words}");
    world.users_become(1).await?;
    let first = world.users().await?;
    world
        .stays("the one key alive", || async {
            Ok(world.users().await? == first)
        })
        .await?;

    world
        .delete_later("ResourceQuota", "no-more-secrets")
        .await?;
    let request = world
        .phase("AWSAccessKeyRequest", "aws-cred-rqst", "Issued")
        .await?;
    assert_eq!(world.users().await?, first, "the same key was delivered");
    let secret = request["status"]["secret"]["name"]
        .as_str()
        .unwrap_or_default();
    world
        .stand
        .aws(world.key_in(secret).await?)?
        .caller_arn()
        .await?;
    operator.stop().await
}
