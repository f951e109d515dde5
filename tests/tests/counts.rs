//! The counts that `make bench` binds, with few requests: how many requests a credential takes,
//! what a restart writes, what a deletion leaves.

use std::time::Duration;

use anyhow::Result;
use e2e::bench::{Bench, goals};

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_takes_seven_writes_and_two_calls_and_a_restart_takes_none() -> Result<()> {
    let bench = Bench::start(Duration::from_secs(2)).await?;
    let figures = bench.run(40).await?;
    assert_eq!(goals::broken(&figures), Vec::<String>::new());
    Ok(())
}
