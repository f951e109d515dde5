//! Operators whose clocks are an hour off.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use e2e::servers::{Stand as Folder, eventually};
use e2e::world::scenes::{request, secret_of, simple_role};
use e2e::{Operator, OwnStand, Stand, Start, World, on_both_stands};
use serde_json::json;

on_both_stands! {
    a_clock_an_hour_off_loses_and_leaves_no_key,
    clocks_an_hour_apart_leave_no_key_without_an_owner,
}

const REQUEST: &str = "AWSAccessKeyRequest";
const ROLE: &str = "k8s.-.demo.deploy";

/// Shifts the time of day and leaves the clock of durations alone, as a wrong clock does.
const SHIFT: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *now) {
    long result = syscall(SYS_clock_gettime, id, now);
    const char *by = getenv("SHIFT_SECONDS");
    if (id == CLOCK_REALTIME && by) now->tv_sec += atol(by);
    return (int)result;
}
"#;

/// Compiled with the linker's own driver, without which there is no Rust either.
async fn shift(folder: &Folder) -> Result<PathBuf> {
    let source = folder.write("shift.c", SHIFT)?;
    let library = folder.path("shift.so");
    let status = tokio::process::Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status()
        .await
        .context("run cc")?;
    ensure!(status.success(), "cc: {status}");
    Ok(library)
}

async fn shifted<S: Stand>(
    world: &World<S>,
    library: &Path,
    seconds: &str,
    flags: &[&str],
) -> Result<Box<dyn Operator>> {
    let env = [
        ("LD_PRELOAD", library),
        ("SHIFT_SECONDS", Path::new(seconds)),
    ];
    world
        .stand
        .start_operator(Start {
            flags,
            env: &env,
            ..Start::default()
        })
        .await
}

async fn a_clock_an_hour_off_loses_and_leaves_no_key<S: OwnStand>() -> Result<()> {
    let folder = Folder::new("shift")?;
    let library = shift(&folder).await?;
    let world = World::<S>::with_faults().await?;
    let aws = world.stand.stand_in()?.clone();
    world.apply(&world.token_binding("demo")).await?;
    world.apply(&world.seed_engine()?).await?;
    world.apply(&[simple_role("deploy")]).await?;
    for seconds in ["3600", "-3600"] {
        let mut operator = shifted(&world, &library, seconds, &[]).await?;
        let name = format!("app{seconds}").replace('-', "m");
        let issued = world.issue(&name, "deploy").await?;
        let at = issued["status"]["credential"]["issuedAt"].as_str();
        let off = at
            .context("a time")?
            .parse::<jiff::Timestamp>()?
            .duration_since(jiff::Timestamp::now())
            .as_secs();
        ensure!(off.abs() > 3000, "the clock was not shifted: {off} s");
        let key = aws.aws(world.key_in(&secret_of(&issued)).await?)?;
        key.caller_arn().await?;
        world.delete(REQUEST, &name).await?;
        ensure!(key.caller_arn().await.is_err_and(|e| e.is_dead_key()));
        operator.stop().await?;
    }
    Ok(())
}

/// One operator's clock is an hour behind, and its read of a key takes a while: to the other its
/// intent is an hour old, and it leaves the keeper alone all the same.
async fn clocks_an_hour_apart_leave_no_key_without_an_owner<S: OwnStand>() -> Result<()> {
    let folder = Folder::new("shift")?;
    let library = shift(&folder).await?;
    let world = World::<S>::with_faults().await?;
    let aws = world.stand.stand_in()?.clone();
    let mut behind = shifted(&world, &library, "-3600", &["--instance=behind"]).await?;
    world.apply(&world.token_binding("demo")).await?;
    world.apply(&world.seed_engine()?).await?;
    world.apply(&[simple_role("deploy")]).await?;
    world.phase("AWSRole", "deploy", "Success").await?;
    let slow = json!({"rules": [{"action": "CreateUser", "answer_delay_ms": 15_000, "times": 1}]});
    aws.set_faults(&slow).await?;
    world.apply(&[request("app", "deploy")]).await?;
    world.approve("app").await?;
    let calls = |action: &'static str| {
        let aws = &aws;
        async move {
            let state = aws.state().await?;
            anyhow::Ok(state["counts"][action]["calls"].as_u64())
        }
    };
    eventually("AWS was asked", || async {
        calls("CreateUser").await?.map(drop).context("not yet")
    })
    .await?;
    let mut right = world.operator(&["--instance=right"]).await?;

    eventually("all reads are over, and a key is there", || async {
        let (users, keys) = (calls("CreateUser").await?, calls("CreateAccessKey").await?);
        ensure!(users == keys, "{users:?} users, {keys:?} keys");
        let object = world.get(REQUEST, "demo", "app").await?.context("it")?;
        ensure!(object["status"]["phase"] == "Issued", "{object}");
        Ok(())
    })
    .await?;
    // A key of the wrong clock may seem to end at once to the right one: then there are two, one of
    // them for five minutes more.
    eventually("all is recorded", || async {
        let (named, under_way) = named(&world).await?;
        ensure!(!under_way, "one is being issued");
        let leases: BTreeSet<String> = world.leases(ROLE).await?.into_iter().collect();
        ensure!(leases == named, "{leases:?}, and in the status {named:?}");
        Ok(())
    })
    .await?;
    world
        .stays("every lease is named in the status", || async {
            let (mut before, under_way) = named(&world).await?;
            let leases = world.leases(ROLE).await?;
            let (after, still) = named(&world).await?;
            before.extend(after);
            Ok(under_way || still || leases.iter().all(|l| before.contains(l)))
        })
        .await?;
    let object = world.get(REQUEST, "demo", "app").await?.context("it")?;
    let key = world.key_in(&secret_of(&object)).await?;
    aws.aws(key)?.caller_arn().await?;
    world.delete(REQUEST, "app").await?;
    ensure!(aws.users().await?.is_empty());
    behind.stop().await?;
    right.stop().await
}

/// The leases that the request's status names, by their last part, and whether another key is on
/// its way.
async fn named<S: Stand>(world: &World<S>) -> Result<(BTreeSet<String>, bool)> {
    let object = world.get(REQUEST, "demo", "app").await?.context("it")?;
    let status = &object["status"];
    let retiring = status["retiring"].as_array().into_iter().flatten();
    let ids = retiring
        .map(|former| &former["leaseId"])
        .chain([&status["lease"]["id"]]);
    let last = |id: &serde_json::Value| Some(id.as_str()?.rsplit('/').next()?.to_owned());
    Ok((ids.filter_map(last).collect(), status["intent"].is_object()))
}
