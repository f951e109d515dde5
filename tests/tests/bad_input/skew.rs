//! An operator whose clock is an hour off.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use e2e::servers::{AwsStandIn, Stand as Folder};
use e2e::world::scenes::{secret_of, simple_role};
use e2e::{Operator, RealStand, World};

const REQUEST: &str = "AWSAccessKeyRequest";

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

async fn shifted(
    world: &World<RealStand>,
    library: &Path,
    seconds: &str,
    flags: &[&str],
) -> Result<Box<dyn Operator>> {
    let env = [
        ("LD_PRELOAD", library),
        ("SHIFT_SECONDS", Path::new(seconds)),
    ];
    world.stand.operator_in(&env, flags).await
}

#[tokio::test]
async fn a_clock_an_hour_off_loses_and_leaves_no_key() -> Result<()> {
    let folder = Folder::new("shift")?;
    let library = shift(&folder).await?;
    let (world, aws) = tokio::join!(RealStand::start(), AwsStandIn::start());
    let (world, aws) = (World::prepare(world?).await?, aws?);
    world.apply(&world.token_binding("demo")).await?;
    world.apply(&world.engine_at(&aws)?).await?;
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
