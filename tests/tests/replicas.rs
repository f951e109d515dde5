//! Two operators at once on the same objects, frozen and continued in turn: one key per request,
//! and none dead in a Secret.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::servers::{eventually, patiently};
use e2e::world::scenes::{request, secret_of};
use e2e::{Operator, OwnStand, Stand, World, on_both_stands};

on_both_stands! {
    two_operators_one_of_them_frozen_make_one_key_a_request,
}

const REQUEST: &str = "AWSAccessKeyRequest";
/// Longer than an operator may take from the record of an intent to the read of the key.
const FROZEN: Duration = Duration::from_secs(6);

async fn two_operators_one_of_them_frozen_make_one_key_a_request<S: OwnStand>() -> Result<()> {
    let world = World::prepare(S::start().await?).await?;
    let mut one = world.operator(&["--instance=one"]).await?;
    let mut other = world.operator(&["--instance=other"]).await?;
    world.ready_role().await?;
    let names: Vec<String> = (0..20).map(|n| format!("app-{n:02}")).collect();
    for name in &names {
        world.apply(&[request(name, "aws-role")]).await?;
    }
    for name in &names {
        world.approve(name).await?;
    }
    issued(&world, &names, 2).await?;
    freeze(&mut one).await?;
    issued(&world, &names, 8).await?;
    freeze(&mut other).await?;
    one_key_each(&world, &names).await?;

    for name in &names {
        world.delete_later(REQUEST, name).await?;
    }
    // Whichever of them is in the middle of it.
    freeze(&mut one).await?;
    for name in &names {
        world.gone(REQUEST, name).await?;
    }
    world.users_become(0).await?;
    ensure!(world.leases("k8s.-.demo.aws-role").await?.is_empty());
    one.stop().await?;
    other.stop().await
}

async fn freeze(operator: &mut Box<dyn Operator>) -> Result<()> {
    operator.pause()?;
    tokio::time::sleep(FROZEN).await;
    operator.resume()
}

/// Waits until at least that many are issued.
async fn issued<S: Stand>(world: &World<S>, names: &[String], count: usize) -> Result<()> {
    eventually(&format!("{count} are issued"), || async {
        let mut done = 0;
        for name in names {
            let object = world.get(REQUEST, "demo", name).await?;
            done += usize::from(object.is_some_and(|o| o["status"]["phase"] == "Issued"));
        }
        ensure!(done >= count, "{done} are");
        Ok(())
    })
    .await
}

/// Waits until each request has one working key and Vault has no other.
async fn one_key_each<S: Stand>(world: &World<S>, names: &[String]) -> Result<()> {
    patiently("one working key a request", || each_has_one(world, names)).await
}

async fn each_has_one<S: Stand>(world: &World<S>, names: &[String]) -> Result<()> {
    let mut keys = BTreeSet::new();
    let mut leases = BTreeSet::new();
    for name in names {
        let object = world.get(REQUEST, "demo", name).await?.context("it")?;
        let status = &object["status"];
        let settled = status["phase"] == "Issued"
            && status["intent"].is_null()
            && status["retiring"].as_array().is_none_or(Vec::is_empty);
        ensure!(settled, "{name}: {status}");
        let secret = secret_of(&object);
        world.works(&secret).await?;
        keys.insert(world.key_in(&secret).await?.access_key);
        leases.insert(e2e::world::scenes::text(&object, "/status/lease/id"));
    }
    ensure!(keys.len() == names.len(), "keys are shared: {keys:?}");
    let left = world.leases("k8s.-.demo.aws-role").await?;
    ensure!(left.len() == leases.len(), "{} leases", left.len());
    let users = world.users().await?;
    ensure!(users.len() == names.len(), "{} users", users.len());
    Ok(())
}
