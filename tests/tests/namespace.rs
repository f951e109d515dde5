//! `kubectl delete ns` with everything in it: gone, and no key left.

use anyhow::Result;
use e2e::servers::eventually;
use e2e::{OwnStand, Stand, World, manifests, on_both_stands};
use k8s_openapi::api::events::v1::Event;
use kube::{Api, api::ListParams};
use serde_json::json;

on_both_stands! {
    a_namespace_goes_with_everything_in_it,
    a_namespace_goes_although_the_login_material_is_gone,
}

async fn issued<S: Stand>(world: &World<S>) -> Result<()> {
    world.apply(&world.token_binding("demo")).await?;
    world.apply(&world.seed_engine()?).await?;
    world
        .apply(&[manifests::seed("000-awsrole.yaml", &[])?])
        .await?;
    world
        .apply(&[manifests::seed("000-awsaccesskeyrequest.yaml", &[])?])
        .await?;
    world.approve("aws-cred-rqst").await?;
    world
        .phase("AWSAccessKeyRequest", "aws-cred-rqst", "Issued")
        .await?;
    world.users_become(1).await
}

async fn a_namespace_goes_with_everything_in_it<S: OwnStand>() -> Result<()> {
    let world = World::prepare(S::start().await?).await?;
    let mut operator = world.operator(&[]).await?;
    issued(&world).await?;
    world.delete_namespace("demo").await?;
    world.users_become(0).await?;
    let mounts = world.vault_read("sys/mounts").await?.unwrap_or_default();
    assert!(mounts.get("aws/").is_none(), "{mounts}");
    operator.stop().await
}

/// The operator restarts while the namespace goes, so its login material is gone with it: the
/// objects are let go at the deadline, that is told, and the key ends with its keeper.
async fn a_namespace_goes_although_the_login_material_is_gone<S: OwnStand>() -> Result<()> {
    let world = World::prepare(S::start().await?).await?;
    let flags = ["--keeper-max=1m", "--revocation-deadline=5s"];
    let mut operator = world.operator(&flags).await?;
    issued(&world).await?;
    operator.kill().await?;

    let api: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(world.stand.kube());
    api.delete("demo", &kube::api::DeleteParams::default())
        .await?;
    eventually("the login Secret is gone", || async {
        let secret = world.get("Secret", "demo", "vault-token").await?;
        let binding = world.get("AppBinding", "demo", "vault").await?;
        anyhow::ensure!(secret.is_none() && binding.is_none(), "still there");
        Ok(())
    })
    .await?;

    let mut operator = world.operator(&flags).await?;
    world.delete_namespace_gone("demo").await?;
    world.users_become(0).await?;
    let events: Api<Event> = Api::namespaced(world.stand.kube(), "leasehold-system");
    let told = events.list(&ListParams::default()).await?;
    let abandoned: Vec<_> = told
        .items
        .iter()
        .filter(|e| e.reason.as_deref() == Some("Abandoned"))
        .collect();
    assert!(
        abandoned.iter().any(|e| e
            .regarding
            .as_ref()
            .is_some_and(|r| r.name.as_deref() == Some("aws-cred-rqst"))),
        "{}",
        json!(told.items)
    );
    operator.stop().await
}
