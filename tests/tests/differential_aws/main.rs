//! The sandbox's AWS against moto: the same calls, the same answers.
//!
//! moto is no AWS. What it says otherwise than AWS, or does not look at, is in `differences`, with
//! where AWS says so; everything else must be equal once ids, times and keys are masked. Then the
//! sandbox's AWS lies on purpose, in the ways of `lies`, and is caught each time.

mod answer;
mod cases;
mod differences;
mod lies;
mod side;

use std::collections::BTreeSet;

use anyhow::{Error, Result, ensure};
use e2e::differential::lies::{Lie, all_caught};
use e2e::differential::{self, Difference, Listed};
use e2e::servers::{AwsKey, Binaries, Moto};
use leasehold_sandbox::aws::{self, Aws};
use leasehold_sandbox::clock::Clock;
use leasehold_sandbox::{Config, Sandbox};
use serde_json::{Value, json};

use cases::Step;
use differences::LISTED;
use side::Side;

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("cases/", $name, ".txt")))),+]
    };
}

/// In this order; while moto takes every key for good.
const SHAPES: [(&str, &str); 9] = files![
    "users",
    "keys",
    "policies",
    "groups",
    "roles",
    "deleting",
    "sts",
    "conflicts",
    "limits",
];
/// While moto looks who asks, and whether they may.
const RIGHTS: [(&str, &str); 1] = files!["access"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sandboxs_aws_answers_like_moto_and_lies_are_caught() -> Result<()> {
    let steps = Steps::read()?;
    let (real, honest) = tokio::try_join!(of_moto(&steps), of_the_sandbox(&steps))?;
    let found: Vec<Difference> = steps
        .all()
        .zip(real.iter().zip(&honest))
        .flat_map(|(step, (real, honest))| compared(step, real, honest))
        .collect();
    differential::judge(&differential::complaints(&found, LISTED))?;
    all_caught(&lies::LIES, |lie| complaint_about(lie, &steps, &real)).await
}

fn compared(step: &Step, real: &Value, sandbox: &Value) -> Vec<Difference> {
    if real["status"] == sandbox["status"] {
        return differential::differences(&step.case, real, sandbox);
    }
    // Whatever else differs, differs for that reason.
    let outcome = |answer: &Value| {
        let said = [&answer["status"], &answer["code"], &answer["words"]].map(|part| match part {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        });
        json!({"status": said.join(" ").trim()})
    };
    differential::differences(&step.case, &outcome(real), &outcome(sandbox))
}

#[test]
fn cases_have_names_of_their_own() -> Result<()> {
    let mut names = BTreeSet::new();
    for Step { case, .. } in Steps::read()?.all() {
        ensure!(names.insert(case.clone()), "two cases are called {case}");
    }
    Ok(())
}

#[test]
fn few_differences_are_allowed_and_each_has_a_reason() {
    Listed::check(LISTED);
}

/// What is asked.
struct Steps {
    shapes: Vec<Step>,
    rights: Vec<Step>,
}

impl Steps {
    fn read() -> Result<Self> {
        let read = |files: &[(&str, &str)]| -> Result<Vec<Step>> {
            let all = files.iter().map(|(file, text)| cases::read(file, text));
            Ok(all
                .collect::<Result<Vec<_>>>()?
                .into_iter()
                .flatten()
                .collect())
        };
        Ok(Self {
            shapes: read(&SHAPES)?,
            rights: read(&RIGHTS)?,
        })
    }

    fn all(&self) -> impl Iterator<Item = &Step> {
        self.shapes.iter().chain(&self.rights)
    }
}

async fn of_moto(steps: &Steps) -> Result<Vec<Value>> {
    /// More than there are.
    const ALL: u32 = 1_000_000;
    let moto = Moto::start(&Binaries::locate()?).await?;
    let mut side = Side::new(&moto.url, moto.bootstrap_root().await?)?;
    moto.enforce_after(ALL).await?;
    let mut answers = Vec::new();
    for step in &steps.shapes {
        answers.push(side.ask(step).await?);
    }
    moto.enforce_after(0).await?;
    for step in &steps.rights {
        answers.push(side.ask(step).await?);
    }
    Ok(answers)
}

async fn of_the_sandbox(steps: &Steps) -> Result<Vec<Value>> {
    let sandbox = Sandbox::start(Config::default()).await?;
    let mut side = Side::new(&sandbox.aws_url(), root())?;
    let mut answers = Vec::new();
    for step in steps.all() {
        answers.push(side.ask(step).await?);
    }
    Ok(answers)
}

/// The key a sandbox's AWS starts with.
fn root() -> AwsKey {
    let config = aws::Config::default();
    AwsKey {
        access_key: config.root_key,
        secret_key: config.root_secret,
        session_token: None,
    }
}

/// The first thing that is wrong with an AWS that lies.
async fn complaint_about(lie: Lie<Aws>, steps: &Steps, real: &[Value]) -> Result<Option<String>> {
    let clock = Clock::default();
    let machine = Aws::new(aws::Config::default(), clock.now()).map_err(Error::msg)?;
    let server = lie.serve(machine, clock).await?;
    let mut side = Side::new(&format!("http://{}", server.address()), root())?;
    let mut found = Vec::new();
    for (step, real) in steps.all().zip(real) {
        let differences = compared(step, real, &side.ask(step).await?);
        let mut unlisted = differences.iter();
        if let Some(lie) = unlisted.find(|found| !differential::is_listed(found, LISTED)) {
            return Ok(Some(lie.to_string()));
        }
        found.extend(differences);
    }
    let complaints = differential::complaints(&found, LISTED);
    Ok(complaints.into_iter().next())
}
