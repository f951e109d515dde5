//! What a process used of the machine.

use anyhow::{Context, Result};

/// The kernel's unit of CPU time in `/proc`, which it has had on every architecture for long.
const TICKS_A_SECOND: f64 = 100.0;

/// Of one process, so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Most resident memory at any time, in MB (10^6 bytes).
    pub peak_mb: f64,
    /// Resident memory now, in MB.
    pub now_mb: f64,
    /// CPU time of all its threads, in seconds.
    pub cpu: f64,
}

impl Usage {
    /// Of this process.
    pub fn of_this() -> Result<Self> {
        Self::of(i32::try_from(std::process::id())?)
    }

    /// Of a process that runs.
    pub fn of(pid: i32) -> Result<Self> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The second field is the program's name, in parentheses; user time is the 14th.
        let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
        let times = fields.split_whitespace().skip(11).take(2);
        let ticks: f64 = times.filter_map(|t| t.parse::<f64>().ok()).sum();
        Ok(Self {
            peak_mb: megabytes(&status, "VmHWM:")?,
            now_mb: megabytes(&status, "VmRSS:")?,
            cpu: ticks / TICKS_A_SECOND,
        })
    }
}

fn megabytes(status: &str, field: &str) -> Result<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|rest| rest.split_whitespace().next());
    let kib: f64 = kib.with_context(|| format!("no {field}"))?.parse()?;
    Ok(kib * 1024.0 / 1e6)
}

/// Processes that were ready to run, on average over the last minute.
pub fn load() -> String {
    let all = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    all.split(' ').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let usage = Usage::of_this().unwrap();
        assert!(
            usage.peak_mb >= usage.now_mb && usage.now_mb > 1.0,
            "{usage:?}"
        );
        assert!(load().parse::<f64>().is_ok());
    }
}
