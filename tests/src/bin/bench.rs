//! `make bench`: what the operator costs, as tables. A broken count is a failure; speed and memory
//! are printed, with the machine's load and a bare loop beside them.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use e2e::bench::{Bench, goals, report::Report};
use e2e::{manifests, real::binary};

/// Requests of the bare loop; it is as fast with more.
const BARE: usize = 500;
const REST: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let sizes = std::env::var("BENCH_SIZES").unwrap_or_else(|_| "500 2000".into());
    let sizes: Vec<usize> = sizes
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let bench = Bench::start(REST).await?;
    say("the bare loop");
    let mut bare = bench.bare(BARE).await?;
    let mut figures = Vec::new();
    for size in sizes {
        say(&format!("{size} requests"));
        figures.push(bench.run(size).await?);
    }
    // Before and after: the machine may be shared, and the best counts.
    say("the bare loop again");
    bare.extend(bench.bare(BARE).await?);
    let program = std::fs::metadata(binary("leasehold")?)?.len();
    let report = Report {
        sizes: figures,
        bare: (BARE, bare),
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

fn say(what: &str) {
    // Progress only: nobody is left to be told that stderr is closed.
    let _ = writeln!(std::io::stderr(), "bench: {what} …");
}
