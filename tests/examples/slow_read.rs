//! The read of a key takes AWS a minute, and its operator is frozen meanwhile: another one comes to
//! the request first, and nothing of the late key is left. The other leaves a read alone for 100 s
//! that nobody can shorten, so that this is no test of every build: `make chaos` runs it.
#![allow(clippy::print_stdout, reason = "says how far it is")]

use anyhow::{Context, Result, ensure};
use e2e::servers::{eventually, patiently};
use e2e::world::scenes::{request, secret_of, simple_role};
use e2e::{RealStand, Stand as _, World};
use serde_json::json;

const REQUEST: &str = "AWSAccessKeyRequest";

#[tokio::main]
async fn main() -> Result<()> {
    let world = World::<RealStand>::with_faults().await?;
    let aws = world.stand.stand_in()?.clone();
    let mut one = world.operator(&["--instance=one"]).await?;
    world.apply(&world.token_binding("demo")).await?;
    world.apply(&world.seed_engine()?).await?;
    world.apply(&[simple_role("deploy")]).await?;
    world.phase("AWSRole", "deploy", "Success").await?;
    // AWS has made the user, and answers a minute later: only then goes Vault on.
    let slow = json!({"rules": [{"action": "CreateUser", "answer_delay_ms": 60_000, "times": 1}]});
    aws.set_faults(&slow).await?;
    world.apply(&[request("app", "deploy")]).await?;
    world.approve("app").await?;
    eventually("AWS was asked", || async {
        let state = aws.state().await?;
        let counts = &state["counts"];
        ensure!(!counts["CreateUser"].is_null(), "{counts}");
        ensure!(counts["CreateAccessKey"].is_null(), "not slow: {counts}");
        Ok(())
    })
    .await?;
    one.pause()?;
    println!("the read runs, and its operator is frozen");

    let mut other = world.operator(&["--instance=other"]).await?;
    patiently("the other operator delivers", || async {
        let object = world.get(REQUEST, "demo", "app").await?.context("it")?;
        let status = &object["status"];
        ensure!(status["phase"] == "Issued", "{status}");
        ensure!(status["retiring"].is_null(), "{status}");
        Ok(())
    })
    .await?;
    println!("the other one has delivered, and ended the first key");
    one.resume()?;
    patiently("one user, one lease, one working key", || async {
        let users = aws.users().await?;
        ensure!(users.len() == 1, "{users:?}");
        let leases = world.leases("k8s.-.demo.deploy").await?;
        ensure!(leases.len() == 1, "{leases:?}");
        let object = world.get(REQUEST, "demo", "app").await?.context("it")?;
        let key = world.key_in(&secret_of(&object)).await?;
        aws.aws(key)?.caller_arn().await?;
        Ok(())
    })
    .await?;
    world.delete(REQUEST, "app").await?;
    ensure!(aws.users().await?.is_empty());
    one.stop().await?;
    other.stop().await?;
    println!("nothing is left behind");
    Ok(())
}
