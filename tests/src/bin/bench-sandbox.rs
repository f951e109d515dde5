//! `make bench-sandbox`: what the sandbox costs, beside the real servers, as a table. A broken count
//! is a failure; speed and memory are printed, with what the machine gave meanwhile.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use e2e::bench::sandbox::{Sizes, measure, report};
use e2e::manifests;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let sizes = Sizes {
        calls: number("BENCH_CALLS", 20_000)?,
        real_calls: number("BENCH_REAL_CALLS", 2_000)?,
        requests: number("BENCH_REQUESTS", 5_000)?,
    };
    let figures = measure(sizes, say).await?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", report::table(&figures))?;
    if std::env::var_os("BENCH_WRITE").is_some() {
        report::write(&figures, &manifests::root().join("docs/benchmarks.md"))?;
    }
    let broken = report::broken(&figures);
    for words in &broken {
        writeln!(out, "broken: {words}")?;
    }
    Ok(ExitCode::from(u8::from(!broken.is_empty())))
}

fn number(variable: &str, otherwise: usize) -> Result<usize> {
    let Ok(text) = std::env::var(variable) else {
        return Ok(otherwise);
    };
    let number = text.parse();
    number.with_context(|| format!("{variable}={text}"))
}

fn say(what: &str) {
    // Progress only: nobody is left to be told that stderr is closed.
    let _ = writeln!(std::io::stderr(), "bench: {what} …");
}
