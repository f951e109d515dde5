//! The fake may not lie: the same calls to the sandbox's Vault and to a real one, compared word by
//! word. Only ids, times, accessors and random names are masked, and what differs is listed here.
//! Then the sandbox's Vault lies on purpose, in the ways of `lies`, and is caught each time.

mod cases;
mod compare;
mod differences;
mod kube;
mod lies;
mod mask;
mod side;
mod sign;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::iter::zip;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::differential::lies::{Lie, all_caught};
use e2e::servers::{AwsKey, AwsStandIn, Binaries, StandIn, Vault};
use leasehold_sandbox::vault::{self, Wired};
use leasehold_sandbox::{Config, Sandbox};
use serde_json::{Value, json};

use cases::{Step, What};
use compare::{Answer, Unlike};
use differences::{DIFFERENCES, MOST};
use lies::Lying;
use side::Side;

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("cases/", $name, ".txt")))),+]
    };
}

/// In this order: later files build on what earlier ones left, and the last seals Vault.
const FILES: [(&str, &str); 24] = files![
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
    "4_6_token",
    "1_3_seal",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sandboxs_vault_answers_as_the_real_one_and_lies_are_caught() -> Result<()> {
    let steps = FILES.iter().map(|(file, text)| cases::parse(file, text));
    let steps = steps.collect::<Result<Vec<_>>>()?.concat();
    let (real, honest) = tokio::try_join!(of_vault(&steps), of_the_sandbox(&steps))?;
    let mut report = Report::default();
    for (step, (real, honest)) in zip(&steps, zip(&real, &honest)) {
        if let (Some(real), Some(honest)) = (real, honest) {
            report.add(step, real, honest);
        }
    }
    report.end()?;
    all_caught(&lies::LIES, |lie| complaint_about(lie, &steps, &real)).await
}

/// By step: the answer, if the step asks for one.
type Answers = Vec<Option<Answer>>;

async fn of_vault(steps: &[Step]) -> Result<Answers> {
    let aws = AwsStandIn::start().await?;
    let vault = Vault::start_dev(&Binaries::locate()?).await?;
    // Of which it only uses the Kubernetes.
    let sandbox = Sandbox::start(Config::default()).await?;
    let mut stand = Stand::new(&vault.address, (*aws).clone(), &sandbox).await?;
    stand.answers(steps).await
}

async fn of_the_sandbox(steps: &[Step]) -> Result<Answers> {
    let sandbox = Sandbox::start(Config::default()).await?;
    let aws = aws_of(&sandbox)?;
    let mut stand = Stand::new(&sandbox.vault_url(), aws, &sandbox).await?;
    stand.answers(steps).await
}

/// The first thing that is wrong with a Vault that lies.
async fn complaint_about(
    lie: Lie<Lying>,
    steps: &[Step],
    real: &Answers,
) -> Result<Option<String>> {
    let sandbox = Sandbox::start(Config::default()).await?;
    let clock = sandbox.clock().clone();
    let machine = Wired {
        vault: vault::Vault::new(vault::Config::default(), clock.now()),
        upstream: sandbox.neighbours(),
    };
    let server = lie.serve(machine, clock).await?;
    let url = format!("http://{}", server.address());
    let mut stand = Stand::new(&url, aws_of(&sandbox)?, &sandbox).await?;
    let mut report = Report::default();
    for (step, real) in zip(steps, real) {
        let answer = match stand.answer(step).await {
            Ok(answer) => answer,
            Err(error) => return Ok(Some(format!("{} {}: {error:#}", step.place, step.case))),
        };
        if let (Some(real), Some(answer)) = (real, answer) {
            report.add(step, real, &answer);
        }
        if report.lied > 0 {
            return Ok(Some(report.lies.trim_end().to_owned()));
        }
    }
    Ok(report.end().err().map(|error| error.to_string()))
}

fn aws_of(sandbox: &Sandbox) -> Result<StandIn> {
    let (access_key, secret_key) = sandbox.aws_root();
    let root = AwsKey {
        access_key: access_key.to_owned(),
        secret_key: secret_key.to_owned(),
        session_token: None,
    };
    StandIn::at(&sandbox.aws_url(), root)
}

/// A Vault with its neighbours.
struct Stand<'a> {
    side: Side,
    /// Whose Kubernetes it reviews tokens with.
    sandbox: &'a Sandbox,
}

impl<'a> Stand<'a> {
    async fn new(vault: &str, aws: StandIn, sandbox: &'a Sandbox) -> Result<Self> {
        let mut side = Side::new(vault, aws)?;
        side.populate().await?;
        kube::populate(sandbox, &mut side.kept)?;
        Ok(Self { side, sandbox })
    }

    async fn answers(&mut self, steps: &[Step]) -> Result<Answers> {
        let mut answers = Vec::new();
        for step in steps {
            answers.push(self.answer(step).await?);
        }
        Ok(answers)
    }

    async fn answer(&mut self, step: &Step) -> Result<Option<Answer>> {
        match step.what {
            What::Fault => {
                let plan = step.body.clone().unwrap_or_default();
                self.side.aws.set_faults(&plan).await?;
            }
            What::KubeFault => kube::set_faults(self.sandbox, step.body.as_ref())?,
            What::Ask | What::Login => return answer(&mut self.side, step).await.map(Some),
        }
        Ok(None)
    }
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
