//! The sandbox's Kubernetes against the real one: the same calls, the same answers.
//!
//! Each file in `cases/` is a list of calls, sent in turn to a real control plane and to the
//! sandbox. Status codes, warnings and bodies must be equal once what no two servers share is
//! masked: uids, resource versions, times, addresses, keys (`mask`). What may differ all the
//! same stands in `differences`, each with a reason, and must differ indeed.

mod case;
mod compare;
mod differences;
mod mask;
mod stands;

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use futures::future::try_join_all;

use case::Case;
use compare::Difference;
use stands::{Pair, Side};

/// The case files, by name. Each has a namespace of its own, called like it.
const FILES: &[(&str, &str)] = &[
    ("access", include_str!("cases/access.http")),
    ("apply", include_str!("cases/apply.http")),
    ("bad-input", include_str!("cases/bad-input.http")),
    ("collecting", include_str!("cases/collecting.http")),
    ("core", include_str!("cases/core.http")),
    ("custom", include_str!("cases/custom.http")),
    ("lists", include_str!("cases/lists.http")),
    ("ours", include_str!("cases/ours.http")),
    ("patches", include_str!("cases/patches.http")),
    ("protobuf", include_str!("cases/protobuf.http")),
    ("quotas", include_str!("cases/quotas.http")),
    ("watches", include_str!("cases/watches.http")),
    ("writes", include_str!("cases/writes.http")),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sandbox_answers_like_the_real_api_server() -> Result<()> {
    let pair = Pair::start().await?;
    let runs = FILES.iter().map(|(file, text)| run(&pair, file, text));
    let found: Vec<Difference> = try_join_all(runs).await?.concat();

    let (listed, lies): (Vec<_>, Vec<_>) =
        found.iter().partition(|found| differences::allows(found));
    let lies: Vec<String> = lies.into_iter().map(ToString::to_string).collect();
    ensure!(lies.is_empty(), "{} lies:\n{}", lies.len(), lies.join("\n"));
    let gone = differences::not_among(&listed);
    ensure!(gone.is_empty(), "listed, and no longer there: {gone:#?}");
    Ok(())
}

#[test]
fn cases_have_names_of_their_own() -> Result<()> {
    for (file, text) in FILES {
        let cases = case::read(text)?;
        ensure!(!cases.is_empty(), "{file} is empty");
        let mut names = BTreeSet::new();
        for Case { name, .. } in &cases {
            ensure!(names.insert(name), "{file}: two cases are called {name}");
        }
    }
    Ok(())
}

#[test]
fn few_differences_are_allowed_and_each_has_a_reason() {
    assert!(differences::LISTED.len() <= 15);
    for listed in differences::LISTED {
        assert!(!listed.reason.is_empty() && !listed.at.is_empty());
    }
}

async fn run(pair: &Pair, file: &str, text: &str) -> Result<Vec<Difference>> {
    let mut real = Side::new(&pair.real, file);
    let mut sandbox = Side::new(&pair.sandbox, file);
    tokio::try_join!(real.make_namespace(), sandbox.make_namespace())?;

    let mut found = Vec::new();
    for case in case::read(text)? {
        let (expected, answer) = tokio::try_join!(real.ask(&case), sandbox.ask(&case))?;
        let name = format!("{file}: {}", case.name);
        found.extend(compare::differences(&name, &expected, &answer));
    }
    Ok(found)
}
