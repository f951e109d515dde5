//! `make bench-operator`: what the operator costs, as tables. A broken count is a failure; speed and
//! memory are printed, with the machine's load and a bare loop beside them.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::bench::{Bench, goals, report::Report};
use e2e::{manifests, real::binary};

const REST: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let sizes = numbers("BENCH_SIZES", "500 2000")?;
    // The bare loop is as fast with more.
    let bare_size = numbers("BENCH_BARE", "500")?.first().copied().unwrap_or(1);
    let bench = Bench::start(REST).await?;
    say("the bare loop");
    let mut bare = bench.bare(bare_size).await?;
    let mut figures = Vec::new();
    for size in sizes {
        say(&format!("{size} requests"));
        figures.push(bench.run(size).await?);
    }
    // Before and after: the machine may be shared, and the best counts.
    say("the bare loop again");
    bare.extend(bench.bare(bare_size).await?);
    let program = std::fs::metadata(binary("leasehold")?)?.len();
    let report = Report {
        sizes: figures,
        bare: (bare_size, bare),
        program: program as f64 / 1e6,
    };
    let mut out = std::io::stdout();
    writeln!(out, "{}\n{}", report.table(), report.requests())?;
    if std::env::var_os("BENCH_WRITE").is_some() {
        report.write(&manifests::root().join("docs/benchmarks.md"))?;
    }
    let broken: Vec<String> = report.sizes.iter().flat_map(goals::broken).collect();
    for words in &broken {
        writeln!(out, "broken: {words}")?;
    }
    Ok(ExitCode::from(u8::from(!broken.is_empty())))
}

fn numbers(variable: &str, otherwise: &str) -> Result<Vec<usize>> {
    let text = std::env::var(variable).unwrap_or_else(|_| otherwise.into());
    let numbers = text.split_whitespace().map(str::parse);
    numbers
        .collect::<Result<_, _>>()
        .with_context(|| format!("{variable}={text}"))
}

fn say(what: &str) {
    // Progress only: nobody is left to be told that stderr is closed.
    let _ = writeln!(std::io::stderr(), "bench: {what} …");
}
