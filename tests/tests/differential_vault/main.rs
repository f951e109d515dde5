//! The fake may not lie: the same calls to the sandbox's Vault and to a real one, compared word by
//! word. Only ids, times, accessors and random names are masked, and what differs is listed here.

mod cases;
mod compare;
mod differences;
mod kube;
mod mask;
mod side;
mod sign;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::servers::{AwsKey, AwsStandIn, Binaries, StandIn, Vault};
use leasehold_sandbox::{Config, Sandbox};
use serde_json::{Value, json};

use cases::{Step, What};
use compare::{Answer, Unlike};
use differences::{DIFFERENCES, MOST};
use side::Side;

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("cases/", $name, ".txt")))),+]
    };
}

/// In this order: later files build on what earlier ones left, and the last seals Vault.
const FILES: [(&str, &str); 23] = files![
    "0_wire",
    "1_1_mounts",
    "1_2_auth_mounts",
    "1_4_policies",
    "1_4_enforcement",
    "2_1_config_root",
    "2_3_config_lease",
    "2_4_roles",
    "2_5_creds",
    "1_5_leases",
    "2_6_aws_fails",
    "2_8_static_roles",
    "2_2_rotate_root",
    "2_7_user_names",
    "1_5_leases_that_fail",
    "1_7_tokens",
    "1_6_wrapping",
    "3_1_aws_auth_config",
    "3_2_aws_auth_roles",
    "3_3_aws_auth_login",
    "3_3_more_logins",
    "4_1_kubernetes",
    "1_3_seal",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sandboxs_vault_answers_as_the_real_one() -> Result<()> {
    let real_aws = AwsStandIn::start().await?;
    let real_vault = Vault::start_dev(&Binaries::locate()?).await?;
    let sandbox = Sandbox::start(Config::default()).await?;
    let (access_key, secret_key) = sandbox.aws_root();
    let root = AwsKey {
        access_key: access_key.to_owned(),
        secret_key: secret_key.to_owned(),
        session_token: None,
    };
    let mut real = Side::new(&real_vault.address, (*real_aws).clone())?;
    let mut fake = Side::new(&sandbox.vault_url(), StandIn::at(&sandbox.aws_url(), root)?)?;
    for side in [&mut real, &mut fake] {
        side.populate().await?;
        kube::populate(&sandbox, &mut side.kept)?;
    }

    let mut report = Report::default();
    for (file, text) in FILES {
        for step in cases::parse(file, text)? {
            match step.what {
                What::Fault => {
                    let plan = step.body.clone().unwrap_or_default();
                    real.aws.set_faults(&plan).await?;
                    fake.aws.set_faults(&plan).await?;
                }
                What::KubeFault => kube::set_faults(&sandbox, step.body.as_ref())?,
                What::Ask | What::Login => {
                    let real = answer(&mut real, &step).await?;
                    let fake = answer(&mut fake, &step).await?;
                    report.add(&step, &real, &fake);
                }
            }
        }
    }
    report.end()
}

/// The answer; if need be, the one that comes in the end.
async fn answer(side: &mut Side, step: &Step) -> Result<Answer> {
    let mut last = Answer::default();
    for _ in 0..600 {
        let answer = side.ask(step).await.with_context(|| step.place.clone())?;
        match &step.until {
            Some(awaited) if !answer.body.to_string().contains(awaited) => {
                last = answer;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            _ => return Ok(answer),
        }
    }
    let Step { place, until, .. } = step;
    anyhow::bail!("{place}: {} never said {until:?}, but {last:?}", side.url)
}

/// What was found.
#[derive(Default)]
struct Report {
    lies: String,
    lied: usize,
    /// Which of the listed differences were seen.
    seen: BTreeSet<usize>,
    /// By case whose name quotes Vault: what Vault said, until it says that.
    said: BTreeMap<String, Vec<String>>,
    quoted: BTreeSet<String>,
}

impl Report {
    fn add(&mut self, step: &Step, real: &Answer, fake: &Answer) {
        if let Some(quoted) = Step::quoted(&step.case) {
            if texts(&real.body).iter().any(|text| text.contains(quoted)) {
                self.quoted.insert(step.case.clone());
            }
            let said = format!("{}: {}", real.status, real.body);
            self.said.entry(step.case.clone()).or_default().push(said);
        }
        for unlike in compare::unlike(real, fake) {
            let listed = DIFFERENCES
                .iter()
                .position(|difference| difference.covers(step, &unlike.at));
            match listed {
                Some(at) => drop(self.seen.insert(at)),
                None => self.lie(step, &unlike),
            }
        }
    }

    fn lie(&mut self, step: &Step, unlike: &Unlike) {
        let Step {
            case,
            place,
            method,
            path,
            ..
        } = step;
        let Unlike { at, real, sandbox } = unlike;
        self.lied += 1;
        let _ = writeln!(
            self.lies,
            "{place} {case}\n  {method} {path}, {at}\n    real:    {real}\n    sandbox: {sandbox}"
        );
    }

    fn end(self) -> Result<()> {
        let unseen: Vec<_> = (0..DIFFERENCES.len())
            .filter(|at| !self.seen.contains(at))
            .map(|at| (DIFFERENCES[at].case, DIFFERENCES[at].at))
            .collect();
        let unsaid: Vec<_> = self
            .said
            .iter()
            .filter(|(case, _)| !self.quoted.contains(*case))
            .collect();
        ensure!(
            self.lied == 0,
            "{} lies of the sandbox:\n{}",
            self.lied,
            self.lies
        );
        ensure!(unsaid.is_empty(), "the real Vault did not say: {unsaid:#?}");
        ensure!(
            unseen.is_empty(),
            "listed, but no longer different: {unseen:?}"
        );
        ensure!(DIFFERENCES.len() <= MOST, "too many differences");
        ensure!(
            DIFFERENCES
                .iter()
                .all(|difference| !difference.reason.is_empty()),
            "a reason"
        );
        Ok(())
    }
}

/// Every text in an answer.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(all) => all.iter().flat_map(texts).collect(),
        Value::Object(all) => all.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// Nothing, as a fault plan.
fn nothing() -> Value {
    json!({})
}
