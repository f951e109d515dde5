//! Order does not matter, and nothing ever needs to be deleted and created again.

use anyhow::Result;
use e2e::{OwnStand, Stand, World, manifests, on_both_stands};
use serde_json::Value;

on_both_stands! {
    all_manifests_at_once_in_reverse_and_approved_at_once,
    vault_sealed_at_first_and_the_root_secret_missing,
    vault_down_at_first,
}

fn everything<S: Stand>(world: &World<S>) -> Result<Vec<Value>> {
    let [binding, token] = world.token_binding("demo");
    let [secret, engine] = world.seed_engine()?;
    let role = manifests::seed("000-awsrole.yaml", &[])?;
    let request = manifests::seed("000-awsaccesskeyrequest.yaml", &[])?;
    Ok(vec![token, binding, secret, engine, role, request])
}

async fn all_is_well<S: Stand>(world: &World<S>) -> Result<()> {
    world
        .phase("SecretEngine", "aws-secret-engine", "Success")
        .await?;
    world.phase("AWSRole", "aws-role", "Success").await?;
    world
        .phase("AWSAccessKeyRequest", "aws-cred-rqst", "Issued")
        .await?;
    world.users_become(1).await
}

async fn all_manifests_at_once_in_reverse_and_approved_at_once<S: OwnStand>() -> Result<()> {
    let world = World::prepare(S::start().await?).await?;
    let mut operator = world.operator(&[]).await?;
    let mut manifests = everything(&world)?;
    manifests.reverse();
    world.apply(&manifests).await?;
    world.approve("aws-cred-rqst").await?;
    all_is_well(&world).await?;
    operator.stop().await
}

async fn vault_sealed_at_first_and_the_root_secret_missing<S: OwnStand>() -> Result<()> {
    let world = World::prepare(S::start().await?).await?;
    world.stand.seal().await?;
    let mut operator = world.operator(&[]).await?;
    let manifests = everything(&world)?;
    let (root_secret, rest): (Vec<_>, Vec<_>) = manifests
        .into_iter()
        .partition(|m| m["metadata"]["name"] == "aws-cred");
    world.apply(&rest).await?;
    world.approve("aws-cred-rqst").await?;
    world
        .reason("SecretEngine", "aws-secret-engine", "RootSecretMissing")
        .await?;
    world.reason("AWSRole", "aws-role", "VaultSealed").await?;
    world.apply(&root_secret).await?;
    world
        .reason("SecretEngine", "aws-secret-engine", "VaultSealed")
        .await?;
    world
        .reason("AWSAccessKeyRequest", "aws-cred-rqst", "RoleNotReady")
        .await?;
    world.stand.unseal().await?;
    all_is_well(&world).await?;
    operator.stop().await
}

async fn vault_down_at_first<S: OwnStand>() -> Result<()> {
    let mut world = World::prepare(S::start().await?).await?;
    world.stand.stop_vault().await?;
    let mut operator = world.operator(&[]).await?;
    world.apply(&everything(&world)?).await?;
    world.approve("aws-cred-rqst").await?;
    world
        .reason("SecretEngine", "aws-secret-engine", "VaultUnreachable")
        .await?;
    world.stand.start_vault().await?;
    world.stand.unseal().await?;
    all_is_well(&world).await?;
    operator.stop().await
}
