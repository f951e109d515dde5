//! What is measured of programs of their own: each begins with an empty heap.

use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

use crate::real::binary;

/// Of `many`: servers and operator in one process, from the requests to the end of the last key.
#[derive(Clone, Copy, Debug, Default)]
pub struct Life {
    /// How many requests.
    pub requests: usize,
    /// Milliseconds until the three servers were up.
    pub up_ms: f64,
    /// Seconds until all had their keys.
    pub issue: f64,
    /// Seconds from then on until all were gone.
    pub end: f64,
    /// Seconds of CPU time of the process.
    pub cpu: f64,
    /// IAM users made.
    pub users_made: usize,
    /// Objects, leases and users left.
    pub left: usize,
    /// Most resident memory, in MB.
    pub peak_mb: f64,
}

impl Life {
    /// Runs it with so many requests.
    pub async fn measure(requests: usize) -> Result<Self> {
        let mut many = Command::new(binary("examples/many")?);
        let output = many.arg(requests.to_string()).stderr(Stdio::inherit());
        let output = output.output().await.context("run many")?;
        ensure!(output.status.success(), "many: {}", output.status);
        let told: Value = serde_json::from_slice(&output.stdout).context("read what many tells")?;
        let number = |key: &str| {
            told[key]
                .as_f64()
                .with_context(|| format!("no {key}: {told}"))
        };
        let count = |key: &str| {
            told[key]
                .as_u64()
                .with_context(|| format!("no {key}: {told}"))
        };
        Ok(Self {
            requests,
            up_ms: number("up_seconds")? * 1e3,
            issue: number("issue_seconds")?,
            end: number("end_seconds")?,
            cpu: number("cpu_seconds")?,
            users_made: count("users_made")?.try_into()?,
            left: count("left")?.try_into()?,
            peak_mb: number("peak_mb")?,
        })
    }
}

/// Seconds that the tutorial takes once it is built; nothing where the program has none.
pub async fn tutorial() -> Result<Option<f64>> {
    let program = binary("leasehold-sandbox")?;
    let help = Command::new(&program).arg("--help").output().await?;
    if !String::from_utf8_lossy(&help.stdout).contains("--tutorial") {
        return Ok(None);
    }
    let start = Instant::now();
    let mut tutorial = Command::new(&program);
    tutorial
        .args(["--tutorial", "--plain"])
        .stdin(Stdio::null());
    let output = tutorial.output().await?;
    let seconds = start.elapsed().as_secs_f64();
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the tutorial failed: {words}");
    Ok(Some(seconds))
}
