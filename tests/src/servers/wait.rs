//! Waiting by polling. Nothing here asserts how long something takes: the
//! deadline is only there so that a broken test ends.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::Instant;

/// Generous on purpose: a shared machine may be many times slower than usual.
pub const DEADLINE: Duration = Duration::from_secs(120);

const STEP: Duration = Duration::from_millis(50);

/// Polls `probe` until it succeeds and gives its value. After [`DEADLINE`] the
/// error carries the probe's last one.
pub async fn eventually<T, F>(what: &str, mut probe: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let start = Instant::now();
    loop {
        let error = match probe().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if start.elapsed() > DEADLINE {
            bail!("{what}: not within {DEADLINE:?}, last: {error:#}");
        }
        tokio::time::sleep(STEP).await;
    }
}
