//! Which tests run on one stand only, and why: every scenario that issues, ends or recovers a key
//! runs on both.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use e2e::manifests;

/// What a test that runs on one stand is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    /// The main job, seen by somebody.
    Scenario,
    /// The servers of a stand, or one stand against the other.
    Stands,
}

/// The files with such tests, and the reason.
const ALONE: [(&str, About, &str); 9] = [
    (
        "aws_stand_in",
        About::Stands,
        "a real Vault takes our AWS for the real one; the in-process Vault takes no other",
    ),
    (
        "counts",
        About::Stands,
        "requests are counted from the real servers' audit logs; the stories of the core have the same counts",
    ),
    (
        "differential_aws",
        About::Stands,
        "the in-process AWS against moto",
    ),
    (
        "differential_kube",
        About::Stands,
        "the in-process Kubernetes against the real one",
    ),
    (
        "differential_kubectl",
        About::Stands,
        "the real kubectl at the in-process Kubernetes and at the real one",
    ),
    (
        "differential_vault",
        About::Stands,
        "the in-process Vault against the real one",
    ),
    (
        "seed_000",
        About::Scenario,
        "what the real kubectl and vault print; main_job does the same through the API on both",
    ),
    ("servers", About::Stands, "the real servers themselves"),
    ("stands", About::Stands, "this table"),
];

#[test]
fn at_most_a_tenth_of_the_scenarios_runs_on_one_stand_only() -> Result<()> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(manifests::root().join("tests/tests"))? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str());
        let name = name.context("a file's name")?.to_owned();
        files.insert(name, count(&path)?);
    }
    let mut scenarios = 0;
    let mut on_one = 0;
    for (name, Count { both, one }) in &files {
        let row = ALONE.iter().find(|(file, ..)| file == name);
        ensure!(
            (*one > 0) == row.is_some(),
            "{name} has {one} tests for one stand, and the table says {row:?}"
        );
        scenarios += both;
        if row.is_some_and(|(_, about, _)| *about == About::Scenario) {
            scenarios += one;
            on_one += one;
        }
    }
    for (file, _, why) in ALONE {
        ensure!(files.contains_key(file), "{file} is not there: {why}");
    }
    ensure!(scenarios > 30, "only {scenarios} were found");
    ensure!(on_one * 10 <= scenarios, "{on_one} of {scenarios}");
    Ok(())
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    both: usize,
    one: usize,
}

/// What a file, or every file of a folder, has of either kind.
fn count(path: &Path) -> Result<Count> {
    let mut count = Count::default();
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            let Count { both, one } = self::count(&entry?.path())?;
            count.both += both;
            count.one += one;
        }
        return Ok(count);
    }
    if path.extension().is_none_or(|end| end != "rs") {
        return Ok(count);
    }
    let text = std::fs::read_to_string(path)?;
    let listed = text.split("on_both_stands! {").nth(1);
    let listed = listed.and_then(|rest| rest.split('}').next());
    count.both = listed.map_or(0, |names| names.matches(',').count());
    let lines = text.lines().map(str::trim);
    count.one = lines
        .filter(|line| line.starts_with("#[tokio::test") || *line == "#[test]")
        .count();
    Ok(count)
}
