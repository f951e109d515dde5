//! The sandbox's Kubernetes against the real one: the same calls, the same answers.
//!
//! Each file in `cases/` is a list of calls, sent in turn to a real control plane and to the
//! sandbox. Status codes, warnings and bodies must be equal once what no two servers share is
//! masked: uids, resource versions, times, addresses, keys (`mask`). What may differ all the
//! same stands in `differences`, each with a reason, and must differ indeed. Then the sandbox's
//! Kubernetes lies on purpose, in the ways of `lies`, and is caught each time.

mod case;
mod differences;
mod lies;
mod mask;
mod stands;

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use e2e::differential as compare;
use e2e::differential::lies::{Lie, all_caught};
use e2e::servers::apiserver::User;
use futures::future::try_join_all;
use leasehold_sandbox::kube::Kube;
use serde_json::Value;

use case::Case;
use compare::Difference;
use stands::{Pair, Server, Side};

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
    ("pages", include_str!("cases/pages.http")),
    ("patches", include_str!("cases/patches.http")),
    ("protobuf", include_str!("cases/protobuf.http")),
    ("quotas", include_str!("cases/quotas.http")),
    ("watches", include_str!("cases/watches.http")),
    ("writes", include_str!("cases/writes.http")),
];

/// By file: each case's name and its masked answer.
type Answers = Vec<Vec<(String, Value)>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sandbox_answers_like_the_real_api_server_and_lies_are_caught() -> Result<()> {
    let pair = Pair::start().await?;
    let (real, honest) = tokio::try_join!(answers(&pair.real), answers(&pair.sandbox))?;
    let found: Vec<Difference> = std::iter::zip(real.iter().flatten(), honest.iter().flatten())
        .flat_map(|((case, real), (_, sandbox))| compare::differences(case, real, sandbox))
        .collect();
    let (listed, lies): (Vec<_>, Vec<_>) =
        found.iter().partition(|found| differences::allows(found));
    let lies: Vec<String> = lies.into_iter().map(ToString::to_string).collect();
    ensure!(lies.is_empty(), "{} lies:\n{}", lies.len(), lies.join("\n"));
    let gone = differences::not_among(&listed);
    ensure!(gone.is_empty(), "listed, and no longer there: {gone:#?}");

    let limited = &pair.limited;
    all_caught(&lies::LIES, |lie| complaint_about(lie, limited, &real)).await
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

async fn answers(server: &Server) -> Result<Answers> {
    let files = FILES.iter().map(|(file, text)| async move {
        let mut side = Side::new(server, file);
        side.make_namespace().await?;
        let mut answers = Vec::new();
        for case in case::read(text)? {
            let answer = side.ask(&case).await?;
            answers.push((format!("{file}: {}", case.name), answer));
        }
        anyhow::Ok(answers)
    });
    try_join_all(files).await
}

/// The first thing that is wrong with a Kubernetes that lies.
async fn complaint_about(lie: Lie<Kube>, limited: &User, real: &Answers) -> Result<Option<String>> {
    let (server, _running) = stands::lying(lie, limited).await?;
    let files = std::iter::zip(FILES, real);
    let files = files.map(|((file, text), real)| compared(&server, file, text, real));
    let found = match try_join_all(files).await {
        Ok(found) => found.concat(),
        Err(complaint) => return Ok(Some(complaint)),
    };
    let gone = differences::not_among(&found.iter().collect::<Vec<_>>());
    Ok(gone
        .first()
        .map(|(case, place)| format!("{case} at {place}: listed, and no longer there")))
}

/// The differences in a file's answers, all of them listed, or else the first complaint.
async fn compared(
    server: &Server,
    file: &str,
    text: &str,
    real: &[(String, Value)],
) -> Result<Vec<Difference>, String> {
    let said = |error: anyhow::Error| format!("{file}: {error:#}");
    let mut side = Side::new(server, file);
    side.make_namespace().await.map_err(said)?;
    let mut listed = Vec::new();
    for (case, (name, real)) in std::iter::zip(case::read(text).map_err(said)?, real) {
        let answer = side.ask(&case).await.map_err(said)?;
        for found in compare::differences(name, real, &answer) {
            if !differences::allows(&found) {
                return Err(found.to_string());
            }
            listed.push(found);
        }
    }
    Ok(listed)
}
