//! Who said yes, to what, in which shape, and that no is the last word.

use anyhow::{Context, Result, ensure};
use e2e::world::condition;
use e2e::world::scenes::{request, secret_of};
use e2e::{OwnStand, Stand, World, on_both_stands};
use serde_json::{Value, json};

on_both_stands! {
    a_yes_is_to_one_spec_and_a_no_is_final,
}

const REQUEST: &str = "AWSAccessKeyRequest";

async fn a_yes_is_to_one_spec_and_a_no_is_final<S: OwnStand>() -> Result<()> {
    let world = World::prepare(S::start().await?).await?;
    let mut operator = world.operator(&[]).await?;
    world.ready_role().await?;
    stale(&world).await?;
    shapes(&world).await?;
    what_is_no_yes(&world).await?;
    denied_after_approved(&world).await?;
    denied_is_final(&world).await?;
    operator.stop().await
}

/// A condition as another program writes it: the whole list, by a merge patch.
async fn said<S: Stand>(world: &World<S>, name: &str, condition: Value) -> Result<()> {
    let object = world.get(REQUEST, "demo", name).await?.context("it")?;
    let mut all = object["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    all.retain(|c| c["type"] != condition["type"]);
    all.push(condition);
    world
        .patch_status(name, &json!({ "conditions": all }))
        .await
}

async fn waiting<S: Stand>(world: &World<S>, name: &str) -> Result<()> {
    world.apply(&[request(name, "aws-role")]).await?;
    world.phase(REQUEST, name, "WaitingForApproval").await?;
    Ok(())
}

/// The spec changed after it was shown to whoever approves it.
async fn stale<S: Stand>(world: &World<S>) -> Result<()> {
    waiting(world, "stale").await?;
    let mut other = request("stale", "aws-role");
    other["spec"]["subjects"][0]["name"] = "somebody-else".into();
    world.apply(&[other]).await?;
    let mut approval = json!({"type": "Approved", "status": "True", "observedGeneration": 1});
    said(world, "stale", approval.clone()).await?;
    let words = world.reason(REQUEST, "stale", "StaleApproval").await?;
    let told = world.told("stale", "StaleApproval").await?;
    ensure!(told == words, "the event says: {told}");
    ensure!(words.contains('1') && words.contains('2'), "{words}");
    world
        .stays("nothing is issued", || async {
            Ok(world.users().await?.is_empty())
        })
        .await?;
    let object = world.get(REQUEST, "demo", "stale").await?.context("it")?;
    ensure!(object["status"]["approvedGeneration"].is_null(), "{object}");

    // Looked at again, and approved as it stands there.
    approval["observedGeneration"] = json!(2);
    said(world, "stale", approval).await?;
    let issued = world.phase(REQUEST, "stale", "Issued").await?;
    assert_eq!(issued["status"]["approvedGeneration"], 2);
    let secret = secret_of(&issued);
    let somebody = "system:serviceaccount:demo:somebody-else";
    ensure!(world.may_get(somebody, &[], &secret).await?);
    let before = "system:serviceaccount:demo:demo-sa";
    ensure!(!world.may_get(before, &[], &secret).await?);
    world.delete(REQUEST, "stale").await
}

/// What KubeVault's plugins of both eras, and its own tests, write.
async fn shapes<S: Stand>(world: &World<S>) -> Result<()> {
    let message = "This was approved by kubectl vault approve awsaccesskeyrequest";
    for (name, approval, phase) in [
        (
            "of-2019",
            json!({"type": "Approved", "reason": "KubectlApprove", "message": message,
                "lastUpdateTime": "2019-11-13T12:18:07Z"}),
            None,
        ),
        (
            "of-2021",
            json!({"type": "Approved", "status": "True", "reason": "KubectlApprove",
                "message": message, "lastTransitionTime": "2021-07-09T00:00:00Z"}),
            Some("Approved"),
        ),
        ("bare", json!({"type": "Approved", "status": "True"}), None),
    ] {
        waiting(world, name).await?;
        said(world, name, approval.clone()).await?;
        if let Some(phase) = phase {
            world.patch_status(name, &json!({ "phase": phase })).await?;
        }
        let issued = world.phase(REQUEST, name, "Issued").await?;
        world.works(&secret_of(&issued)).await?;
        // Left as it was written, and no other approval beside it.
        assert_eq!(condition(&issued, "Approved"), approval, "{name}");
        world.delete(REQUEST, name).await?;
    }
    Ok(())
}

/// Nothing but an Approved that is True is a yes.
async fn what_is_no_yes<S: Stand>(world: &World<S>) -> Result<()> {
    for (name, condition) in [
        ("false", json!({"type": "Approved", "status": "False"})),
        ("unknown", json!({"type": "Approved", "status": "Unknown"})),
        ("lower", json!({"type": "approved", "status": "True"})),
    ] {
        waiting(world, name).await?;
        said(world, name, condition).await?;
    }
    waiting(world, "phase").await?;
    // A phase is what the operator says, not what it is told.
    world
        .patch_status("phase", &json!({"phase": "Approved"}))
        .await?;
    world.phase(REQUEST, "phase", "WaitingForApproval").await?;
    world
        .stays("nothing is issued", || async {
            Ok(world.users().await?.is_empty())
        })
        .await?;
    for name in ["false", "unknown", "lower", "phase"] {
        world.delete(REQUEST, name).await?;
    }
    Ok(())
}

async fn denied_after_approved<S: Stand>(world: &World<S>) -> Result<()> {
    let issued = world.issue("taken-back", "aws-role").await?;
    let secret = secret_of(&issued);
    let key = world.stand.aws(world.key_in(&secret).await?)?;
    key.caller_arn().await?;
    world.deny("taken-back").await?;
    world.phase(REQUEST, "taken-back", "Denied").await?;
    e2e::servers::eventually("key and Secret are gone", || async {
        let dead = key.caller_arn().await.is_err_and(|e| e.is_dead_key());
        ensure!(dead, "the key works");
        let left = world.get("Secret", "demo", &secret).await?;
        ensure!(left.is_none(), "the Secret is there");
        let object = world.get(REQUEST, "demo", "taken-back").await?;
        let status = &object.context("it is kept for the record")?["status"];
        ensure!(status["credential"].is_null(), "{status}");
        ensure!(status["secret"].is_null(), "{status}");
        Ok(())
    })
    .await?;
    world.told("taken-back", "Revoked").await?;
    world.users_become(0).await?;
    // What is over keeps nobody: no finalizer, and so no operator, is needed to delete it.
    world
        .until(REQUEST, "demo", "taken-back", "let go", |o| {
            o["metadata"]["finalizers"].is_null()
        })
        .await?;
    Ok(())
}

/// Neither a later yes nor taking the no away changes anything.
async fn denied_is_final<S: Stand>(world: &World<S>) -> Result<()> {
    waiting(world, "final").await?;
    world.deny("final").await?;
    world.phase(REQUEST, "final", "Denied").await?;
    for name in ["final", "taken-back"] {
        world.approve(name).await?;
    }
    for conditions in [
        json!([]),
        json!([{"type": "Approved", "status": "True"}]),
        json!([{"type": "Denied", "status": "False"}]),
    ] {
        let taken_back = world
            .patch_status("final", &json!({ "conditions": conditions }))
            .await;
        let words = format!("{:#}", taken_back.err().context("it was taken")?);
        ensure!(words.contains("cannot be taken back"), "{words}");
    }
    world
        .stays("denied, and nothing is issued", || async {
            let object = world.get(REQUEST, "demo", "final").await?;
            let denied = object.is_some_and(|o| o["status"]["phase"] == "Denied");
            Ok(denied && world.users().await?.is_empty())
        })
        .await
}
