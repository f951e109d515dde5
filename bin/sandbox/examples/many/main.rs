//! How long and how much memory so many keys take, servers and operator in one process, on one
//! thread: `cargo run --release -p leasehold-sandbox-bin --example many -- [COUNT]`. Prints JSON.

mod life;

use std::io::Write as _;

use anyhow::Context as _;
use serde_json::json;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    drop(rustls::crypto::ring::default_provider().install_default());
    let count = std::env::args().nth(1);
    let count: usize = count.as_deref().unwrap_or("5000").parse()?;
    // One thread, as the operator has: each further one has a heap of its own.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let life = runtime.block_on(life::live(count))?;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|rest| rest.split_whitespace().next());
    let peak: f64 = peak.context("no VmHWM in /proc/self/status")?.parse()?;
    let figures = json!({
        "requests": count, "up_seconds": life.up_seconds, "issue_seconds": life.issue_seconds,
        "end_seconds": life.end_seconds, "users_made": life.users_made, "left": life.left,
        "cpu_seconds": cpu_seconds()?, "peak_mb": peak * 1024.0 / 1e6,
    });
    writeln!(std::io::stdout(), "{figures}")?;
    Ok(())
}

/// Of all threads, as the kernel has it: in hundredths, user time and then that of calls to it.
fn cpu_seconds() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The second field is the program's name, in parentheses.
    let (_, fields) = stat
        .rsplit_once(')')
        .context("no name in /proc/self/stat")?;
    let times = fields.split_whitespace().skip(11).take(2);
    let hundredths: f64 = times.filter_map(|time| time.parse::<f64>().ok()).sum();
    Ok(hundredths / 100.0)
}
