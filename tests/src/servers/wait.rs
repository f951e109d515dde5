//! Waiting by polling. Nothing here asserts how long something takes: the
//! deadline is only there so that a broken test ends.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::Instant;

/// Generous on purpose: a shared machine may be many times slower than usual.
pub const DEADLINE: Duration = Duration::from_secs(120);

const STEP: Duration = Duration::from_millis(50);

/// For what waits by design: an unanswered read is left alone for 100 s by each operator that
/// meets it.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Polls `probe` until it succeeds and gives its value. After [`DEADLINE`] the
/// error carries the probe's last one.
pub async fn eventually<T, F>(what: &str, probe: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    poll(what, DEADLINE, STEP, probe).await
}

/// The same for what takes minutes: polled once a second, given up after ten minutes.
pub async fn patiently<T, F>(what: &str, probe: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    poll(what, PATIENCE, Duration::from_secs(1), probe).await
}

async fn poll<T, F>(
    what: &str,
    deadline: Duration,
    step: Duration,
    mut probe: impl FnMut() -> F,
) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let start = Instant::now();
    loop {
        let error = match probe().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if start.elapsed() > deadline {
            bail!("{what}: not within {deadline:?}, last: {error:#}");
        }
        tokio::time::sleep(step).await;
    }
}
