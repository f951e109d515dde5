//! The sandbox's figures beside their goals.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use super::Figures;
use super::rates::Rate;
use crate::bench::report::{missed, put};

/// Milliseconds until three servers are up.
const UP: f64 = 100.0;
/// Seconds of the tutorial.
const TUTORIAL: f64 = 15.0;
/// ConfigMaps created, a second.
const CREATES: f64 = 5_000.0;
/// Reads from Vault, a second.
const READS: f64 = 10_000.0;
/// Seconds from the first request to the end of the last key.
const LIFE: f64 = 60.0;
/// Most resident memory meanwhile, in MB.
const MEMORY: f64 = 150.0;

/// What binds and is broken: a key too many or too few, or something left.
pub fn broken(figures: &Figures) -> Vec<String> {
    let life = &figures.life;
    let mut broken = Vec::new();
    if life.users_made != life.requests {
        let (made, requests) = (life.users_made, life.requests);
        broken.push(format!("{made} IAM users made for {requests} requests"));
    }
    if life.left > 0 {
        broken.push(format!("{} objects, leases and users are left", life.left));
    }
    broken
}

/// Goals and figures, as markdown.
pub fn table(figures: &Figures) -> String {
    let (life, sandbox, real) = (&figures.life, &figures.sandbox, &figures.real);
    let mut text = String::from(
        "| measure | goal | sandbox | by its CPU time | real servers | times as fast |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    );
    let mut row = |what: &str, goal: &str, cells: [String; 4]| {
        let _ = writeln!(text, "| {what} | {goal} | {} |", cells.join(" | "));
    };
    let alone = |cell: String, cpu: String| [cell, cpu, String::new(), String::new()];
    row(
        "three servers up",
        "< 100 ms",
        alone(within(life.up_ms, UP, "ms"), String::new()),
    );
    let rates = |ours: Rate, theirs: Rate, least: f64| {
        let ours_said = format!("{:.0}/s{}", ours.wall, missed(ours.wall >= least));
        let by_cpu = format!("{:.0}/s", ours.cpu);
        let ratio = format!("{:.0}", ours.wall / theirs.wall);
        [ours_said, by_cpu, format!("{:.0}/s", theirs.wall), ratio]
    };
    row(
        "ConfigMaps created, TLS",
        "≥ 5,000/s",
        rates(sandbox.config_maps, real.config_maps, CREATES),
    );
    row(
        "AWSRoles created, 13 rules in CEL, TLS",
        "",
        rates(sandbox.checked, real.checked, 0.0),
    );
    row(
        "reads from Vault",
        "≥ 10,000/s",
        rates(sandbox.reads, real.reads, READS),
    );
    row(
        &format!(
            "{} requests issued and revoked in one process",
            life.requests
        ),
        "< 60 s",
        alone(
            within(life.issue + life.end, LIFE, "s"),
            format!("{:.1} s", life.cpu),
        ),
    );
    let parts = format!("{:.1} s, {:.1} s", life.issue, life.end);
    row("… issued, revoked", "", alone(parts, String::new()));
    row(
        "… IAM users made, left of all",
        "= requests, 0",
        alone(format!("{}, {}", life.users_made, life.left), String::new()),
    );
    row(
        "… memory, peak",
        "< 150 MB",
        alone(within(life.peak_mb, MEMORY, "MB"), String::new()),
    );
    let tutorial = figures.tutorial;
    let tutorial = tutorial.map_or_else(|| "not measured".to_owned(), |s| within(s, TUTORIAL, "s"));
    row("the tutorial", "< 15 s", alone(tutorial, String::new()));
    text.push_str("\nThe machine before, between and after:\n\n");
    for machine in &figures.machine {
        let _ = writeln!(text, "- {}", machine.words());
    }
    text
}

/// Puts the table into a document, between its marks.
pub fn write(figures: &Figures, document: &Path) -> Result<()> {
    put(document, "sandbox", &table(figures))
}

fn within(figure: f64, most: f64, unit: &str) -> String {
    let digits = usize::from(figure < 100.0);
    format!("{figure:.digits$} {unit}{}", missed(figure < most))
}

#[cfg(test)]
mod tests {
    use super::super::programs::Life;
    use super::*;

    #[test]
    fn counts_bind_and_what_misses_a_goal_is_marked() {
        let life = Life {
            requests: 10,
            users_made: 10,
            peak_mb: 151.0,
            ..Life::default()
        };
        let mut figures = Figures {
            life,
            ..Figures::default()
        };
        assert_eq!(broken(&figures), Vec::<String>::new());
        assert!(table(&figures).contains("| 151 MB (**missed**) |"));
        figures.life.users_made = 11;
        figures.life.left = 1;
        assert_eq!(broken(&figures).len(), 2);
    }
}
