//! The figures as tables.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

use super::audit::{Tally, kube_watch, kube_write, vault_login};
use super::goals::{self, looks};
use super::{Figures, Stretch};

/// All figures of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// Of each number of requests.
    pub sizes: Vec<Figures>,
    /// Requests of the bare loop, and its seconds by how many were in flight, of all its rounds.
    pub bare: (usize, Vec<(usize, f64)>),
    /// Size of the program, in MB.
    pub program: f64,
}

impl Report {
    /// Served a second by the bare loop at its best.
    fn bare_best(&self) -> f64 {
        let (size, rounds) = &self.bare;
        let best = rounds.iter().map(|(_, s)| *s).fold(f64::INFINITY, f64::min);
        *size as f64 / best
    }

    /// Goals and figures, as markdown.
    pub fn table(&self) -> String {
        let mut text = "| measure | goal |".to_owned();
        for figures in &self.sizes {
            let _ = write!(text, " {} requests |", figures.size);
        }
        text += "\n| --- | --- |";
        text += &" --- |".repeat(self.sizes.len());
        text.push('\n');
        let bare = self.bare_best();
        let mut row = |what: &str, goal: &str, cell: &dyn Fn(&Figures) -> String| {
            let _ = write!(text, "| {what} | {goal} |");
            for figures in &self.sizes {
                let _ = write!(text, " {} |", cell(figures));
            }
            text.push('\n');
        };
        row("process start to all Secrets and statuses", "", &|f| {
            format!("{:.1} s, {:.0} a second", f.issue.seconds, rate(f))
        });
        row("part of the bare loop's throughput", "≥ 0.8", &|f| {
            let part = rate(f) / bare;
            format!("{part:.2}{}", missed(part >= goals::OF_BARE))
        });
        row("writes to Kubernetes, each", "≤ 7", &|f| {
            each(&f.issue.kube, f, kube_write)
        });
        row("… of them events", "1", &|f| {
            each(&f.issue.kube, f, |k| k == "create events")
        });
        row("looks at Kubernetes, in all", "≤ 40", &|f| {
            looks(&f.issue.kube).to_string()
        });
        row("watches", "", &|f| f.issue.kube.sum(kube_watch).to_string());
        row("requests to Vault, each", "≤ 2", &|f| {
            each(&f.issue.vault, f, per_credential)
        });
        row("IAM users made", "= requests", &|f| {
            f.issue.made.to_string()
        });
        row(
            "memory: peak, after a rest",
            "peak ≤ 30 MB; ≤ 60 MB at 2000",
            &|f| memory(f, &f.issue),
        );
        row("CPU", "", &|f| format!("{:.1} s", f.issue.usage.cpu));
        row("restart: start to rest", "", &|f| {
            format!("{:.1} s", f.restart.seconds)
        });
        row("restart: logins to Vault", "1", &|f| {
            f.restart.vault.sum(vault_login).to_string()
        });
        row("restart: writes", "none", &|f| {
            let writes = goals::writes_of(&f.restart);
            if writes.is_empty() {
                "none".into()
            } else {
                writes
            }
        });
        row("restart: memory", "as above", &|f| memory(f, &f.restart));
        row("restart: CPU", "", &|f| {
            format!("{:.1} s", f.restart.usage.cpu)
        });
        row("delete all: until all are gone", "", &|f| {
            format!(
                "{:.1} s, {:.0} a second",
                f.end.seconds,
                f.size as f64 / f.end.seconds
            )
        });
        row("delete all: requests to Kubernetes, each", "", &|f| {
            each(&f.end.kube, f, |k| !kube_watch(k))
        });
        row("delete all: requests to Vault, each", "", &|f| {
            each(&f.end.vault, f, |_| true)
        });
        row("delete all: IAM users left", "0", &|f| {
            f.end.users.to_string()
        });
        row(
            "delete all: memory, peak since the restart",
            "as above",
            &|f| memory(f, &f.end),
        );
        row("load average: issue, restart, delete", "", &|f| {
            format!("{}, {}, {}", f.issue.load, f.restart.load, f.end.load)
        });
        text + &self.below()
    }

    fn below(&self) -> String {
        let mut text = String::new();
        let (size, rounds) = &self.bare;
        let rounds: Vec<String> = rounds
            .iter()
            .map(|(at_once, s)| format!("{:.0} ({at_once} in flight)", *size as f64 / s))
            .collect();
        let _ = writeln!(
            text,
            "\nThe bare loop served {size} requests at, a second: {}; the best counts.",
            rounds.join(", ")
        );
        let _ = writeln!(
            text,
            "`leasehold` on disk: {:.1} MB, goal ≤ 15 MB{}.",
            self.program,
            missed(self.program <= goals::PROGRAM)
        );
        text
    }

    /// Every request of the largest run by kind, as markdown.
    pub fn requests(&self) -> String {
        let Some(f) = self.sizes.last() else {
            return String::new();
        };
        let mut text = format!("| {} requests | issue | restart | delete all |\n", f.size);
        text += "| --- | --- | --- | --- |\n";
        for (server, of) in [
            ("Kubernetes", (|s| &s.kube) as fn(&Stretch) -> &Tally),
            ("Vault", |s| &s.vault),
        ] {
            let all = [of(&f.issue), of(&f.restart), of(&f.end)];
            let kinds: std::collections::BTreeSet<&String> =
                all.iter().flat_map(|tally| tally.0.keys()).collect();
            for kind in kinds {
                let counts = all.map(|t| t.0.get(kind).map_or(String::new(), u64::to_string));
                let _ = writeln!(text, "| {server}: {kind} | {} |", counts.join(" | "));
            }
        }
        text
    }

    /// Puts the figures into a document, between its marks.
    pub fn write(&self, document: &Path) -> Result<()> {
        let text = format!("{}\n{}", self.table(), self.requests());
        put(document, "figures", &text)
    }
}

/// Puts a text into a document, between the marks of that name.
pub(super) fn put(document: &Path, name: &str, new: &str) -> Result<()> {
    let text = std::fs::read_to_string(document);
    let text = text.with_context(|| format!("read {}", document.display()))?;
    let [begin, end] = ["begin", "end"].map(|which| format!("<!-- {name}: {which} -->\n"));
    let parts = text.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(&end)?;
        Some((before, after))
    });
    let (before, after) = parts.with_context(|| format!("{}: no {begin}", document.display()))?;
    std::fs::write(document, format!("{before}{begin}\n{new}\n{end}{after}"))?;
    Ok(())
}

/// What an operator asks Vault for each credential; the rest it asks once.
fn per_credential(kind: &str) -> bool {
    [
        "/creds/",
        "/sts/",
        "auth/token/create",
        "accessor",
        "sys/leases/",
    ]
    .iter()
    .any(|part| kind.contains(part))
}

fn rate(figures: &Figures) -> f64 {
    figures.size as f64 / figures.issue.seconds
}

fn each(tally: &Tally, figures: &Figures, kinds: impl Fn(&str) -> bool) -> String {
    format!("{:.2}", tally.sum(kinds) as f64 / figures.size as f64)
}

fn memory(figures: &Figures, stretch: &Stretch) -> String {
    let usage = &stretch.usage;
    let met = usage.peak_mb <= goals::memory(figures.size);
    format!(
        "{:.0}, {:.0} MB{}",
        usage.peak_mb,
        usage.now_mb,
        missed(met)
    )
}

/// What stands behind a figure that misses its goal.
pub(super) fn missed(met: bool) -> &'static str {
    if met { "" } else { " (**missed**)" }
}
