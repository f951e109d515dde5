//! The sandbox's AWS against moto: the same calls, the same answers.
//!
//! moto is no AWS. What it says otherwise than AWS, or does not look at, is in `differences`, with
//! where AWS says so; everything else must be equal once ids, times and keys are masked.

mod answer;
mod cases;
mod differences;
mod side;

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use e2e::differential::{self, Difference, Listed};
use e2e::servers::{AwsKey, Binaries, Moto};
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
async fn the_sandboxs_aws_answers_like_moto() -> Result<()> {
    let steps = Steps::read()?;
    let (real, honest) = tokio::try_join!(of_moto(&steps), of_the_sandbox(&steps))?;
    let found: Vec<Difference> = steps
        .all()
        .zip(real.iter().zip(&honest))
        .flat_map(|(step, (real, honest))| compared(step, real, honest))
        .collect();
    differential::judge(&found, LISTED)
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
    let (access_key, secret_key) = sandbox.aws_root();
    let root = AwsKey {
        access_key: access_key.to_owned(),
        secret_key: secret_key.to_owned(),
        session_token: None,
    };
    let mut side = Side::new(&sandbox.aws_url(), root)?;
    let mut answers = Vec::new();
    for step in steps.all() {
        answers.push(side.ask(step).await?);
    }
    Ok(answers)
}
