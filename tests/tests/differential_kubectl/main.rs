//! The real kubectl at the sandbox's Kubernetes and at the real one: the same command lines, the
//! same exit codes and the same words.
//!
//! Each file in `cases/` is a list of command lines, run in turn against a real control plane
//! and against the sandbox. What is printed must be equal once what no two servers share is
//! masked: uids, resource versions, times, ages, addresses, tokens (`mask`). What may differ
//! all the same stands in `differences`, each with a reason, and must differ indeed.

mod case;
mod differences;
mod mask;
mod stands;

use std::collections::BTreeSet;
use std::fmt;

use anyhow::{Result, ensure};
use futures::future::try_join_all;

use stands::{Pair, Side};

/// Runs before all others: what they share.
const SHARED: (&str, &str) = ("shared", include_str!("cases/shared.txt"));

/// The other case files, by name. Each has a namespace of its own, called like it.
const FILES: &[(&str, &str)] = &[
    ("access", include_str!("cases/access.txt")),
    ("apply", include_str!("cases/apply.txt")),
    ("create", include_str!("cases/create.txt")),
    ("delete", include_str!("cases/delete.txt")),
    ("describe", include_str!("cases/describe.txt")),
    ("discovery", include_str!("cases/discovery.txt")),
    ("get", include_str!("cases/get.txt")),
    ("patch", include_str!("cases/patch.txt")),
    ("wait", include_str!("cases/wait.txt")),
];

/// What one side did, masked: the exit code and the two streams.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Done {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "exit code {:?}", self.code)?;
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                writeln!(f, "{name}:\n{}", text.trim_end())?;
            }
        }
        Ok(())
    }
}

/// A command line with which the two do not do the same.
struct Difference {
    /// FILE: CASE.
    case: String,
    command: String,
    real: Done,
    sandbox: Done,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            case,
            command,
            real,
            sandbox,
        } = self;
        write!(
            f,
            "=== {case}\n$ {command}\n--- real: {real}--- sandbox: {sandbox}"
        )
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_sees_the_sandbox_as_it_sees_the_real_api_server() -> Result<()> {
    let pair = Pair::start().await?;
    let mut found = run(&pair, SHARED.0, SHARED.1).await?;
    let runs = FILES.iter().map(|(file, text)| run(&pair, file, text));
    found.extend(try_join_all(runs).await?.into_iter().flatten());

    let (listed, lies): (Vec<_>, Vec<_>) = found
        .iter()
        .partition(|found| differences::allows(&found.case));
    let lies: Vec<String> = lies.into_iter().map(ToString::to_string).collect();
    ensure!(lies.is_empty(), "{} lies:\n{}", lies.len(), lies.join("\n"));
    let listed: Vec<&str> = listed.iter().map(|found| found.case.as_str()).collect();
    let gone = differences::not_among(&listed);
    ensure!(gone.is_empty(), "listed, and no longer there: {gone:#?}");
    Ok(())
}

#[test]
fn cases_have_names_of_their_own() -> Result<()> {
    for (file, text) in FILES.iter().chain([&SHARED]) {
        let cases = case::read(text)?;
        ensure!(!cases.is_empty(), "{file} is empty");
        let mut names = BTreeSet::new();
        for case in &cases {
            ensure!(
                names.insert(&case.name),
                "{file}: two cases are called {}",
                case.name
            );
        }
    }
    Ok(())
}

#[test]
fn few_differences_are_allowed_and_each_has_a_reason() {
    assert!(differences::LISTED.len() <= 15);
    for listed in differences::LISTED {
        assert!(!listed.reason.is_empty() && !listed.cases.is_empty());
    }
}

async fn run(pair: &Pair, file: &str, text: &str) -> Result<Vec<Difference>> {
    let mut real = Side::new(&pair.real, file)?;
    let mut sandbox = Side::new(&pair.sandbox, file)?;
    tokio::try_join!(real.make_namespace(), sandbox.make_namespace())?;
    let mut found = Vec::new();
    for case in case::read(text)? {
        let (expected, done) = tokio::try_join!(real.run(&case), sandbox.run(&case))?;
        if expected != done {
            found.push(Difference {
                case: format!("{file}: {}", case.name),
                command: case.arguments.join(" "),
                real: expected,
                sandbox: done,
            });
        }
    }
    Ok(found)
}
