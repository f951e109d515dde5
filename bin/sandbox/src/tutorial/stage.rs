//! What the acts stand on: they apply, look, wait, and say what they see.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use leasehold_sandbox::Sandbox;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::aws::Key;
use super::ledger::{Ledger, News};
use super::screen::{Line, Screen, Tone};
use super::timeline;
use crate::prepare::{self, DEMO};
use crate::running::Running;
use crate::timers::pass;

/// By how much time is sped up: so much of it at once, between two looks.
const STEP: Duration = Duration::from_secs(10);
/// How long a step may take, by the servers' clock.
const PATIENCE: Duration = Duration::from_secs(20 * 60);
/// How long the operator may be at work without a pause, in real time.
const WORK: Duration = Duration::from_secs(20);
/// Where the picture moves, so slowly that an eye follows.
const FRAME: Duration = Duration::from_millis(6);

/// The servers, the operator, the screen, and what was seen so far.
#[derive(Debug)]
pub struct Stage<'a> {
    /// The servers and the operator.
    pub running: Running,
    /// Where it is all said.
    pub screen: Screen<'a>,
    /// The keys so far.
    pub ledger: Ledger,
    /// What was claimed and held.
    pub held: usize,
    /// What the summary tells of a restart: logins to Vault, and other writes.
    pub restart: Option<(usize, usize)>,
    /// The servers' time when the curtain rose.
    pub began: Timestamp,
    kubeconfig: PathBuf,
    acts: usize,
}

impl<'a> Stage<'a> {
    /// Before the first act.
    pub fn new(running: Running, screen: Screen<'a>, kubeconfig: PathBuf) -> Self {
        let began = running.sandbox.clock().now();
        Self {
            running,
            screen,
            ledger: Ledger::default(),
            held: 0,
            restart: None,
            began,
            kubeconfig,
            acts: 0,
        }
    }

    /// The servers.
    pub fn sandbox(&self) -> &Sandbox {
        &self.running.sandbox
    }

    /// How much time has passed by the servers' clock.
    pub fn elapsed(&self) -> String {
        timeline::elapsed(self.began, self.sandbox().clock().now())
    }

    /// The next act begins.
    pub fn act(&mut self, title: &str, seed: &str) {
        self.acts += 1;
        let number = self.acts;
        self.screen.line(&Line::new());
        let name = format!("{number}  {title}");
        let width = self.screen.style().width;
        let gap = width
            .saturating_sub(name.chars().count() + seed.len())
            .max(2);
        self.screen.line(&vec![
            (Tone::Title, name),
            (Tone::Aside, format!("{:gap$}{seed}", "")),
        ]);
    }

    /// Why, and what happens.
    pub fn aside(&mut self, text: &str) {
        self.screen.say(3, Tone::Aside, text);
    }

    /// What a person would type.
    pub fn command(&mut self, text: &str) {
        self.screen.say(3, Tone::Command, &format!("$ {text}"));
    }

    /// What a command or a server answers.
    pub fn answer(&mut self, text: &str) {
        for line in text.lines() {
            self.screen.say(5, Tone::Plain, line);
        }
    }

    /// A claim about what is there now.
    pub fn check(
        &mut self,
        claim: &str,
        is_so: bool,
        seen: &dyn std::fmt::Display,
    ) -> anyhow::Result<()> {
        if is_so {
            self.held += 1;
            self.screen.say(3, Tone::Good, &format!("✓ {claim}"));
            return Ok(());
        }
        self.screen.say(3, Tone::Bad, &format!("✗ {claim}"));
        bail!("it is not so that {claim}: {seen}")
    }

    /// A claim that comes true: it is waited for, and the servers' time passes meanwhile. The
    /// probe says what it sees as long as it is not so.
    pub async fn until(
        &mut self,
        claim: &str,
        mut probe: impl FnMut(&Self) -> Result<(), String>,
    ) -> anyhow::Result<()> {
        let since = self.sandbox().clock().now();
        loop {
            self.settle().await?;
            let seen = match probe(self) {
                Ok(()) => return self.check(claim, true, &""),
                Err(seen) => seen,
            };
            let waited = self.sandbox().clock().now().duration_since(since);
            if waited.unsigned_abs() > PATIENCE {
                return self.check(claim, false, &seen);
            }
            let passed = timeline::elapsed(since, self.sandbox().clock().now());
            let line = vec![(Tone::Aside, format!("   … {claim} ({passed})"))];
            self.screen.draw(&[line]);
            // Soon after each other at first: most steps take seconds.
            let step = if waited.as_secs() < 10 {
                Duration::from_secs(1)
            } else {
                STEP
            };
            pass(self.sandbox(), step).await;
        }
    }

    /// Lets that much time pass, seen as a picture of the keys' lives.
    pub async fn lapse(&mut self, time: Duration) -> anyhow::Result<()> {
        let mut left = time;
        while !left.is_zero() {
            let step = left.min(STEP);
            left -= step;
            pass(self.sandbox(), step).await;
            self.settle().await?;
            if self.screen.style().live {
                let picture = self.picture();
                self.screen.draw(&picture);
                sleep(FRAME).await;
            }
        }
        self.screen.clear();
        Ok(())
    }

    /// The keys' lives so far.
    pub fn picture(&self) -> Vec<Line> {
        let now = self.sandbox().clock().now();
        let width = self.screen.style().width.saturating_sub(3);
        let mut lines = timeline::drawn(&self.ledger, self.began, now, width);
        lines.push(vec![(Tone::Aside, timeline::LEGEND.to_owned())]);
        for line in &mut lines {
            line.insert(0, (Tone::Plain, "   ".to_owned()));
        }
        lines
    }

    /// Waits until nobody asks anything any more: the operator has done what it can, and waits for
    /// time to pass. Then all keys are tried.
    pub async fn settle(&mut self) -> anyhow::Result<()> {
        /// Looks in a row, a millisecond apart, at which nothing is under way.
        const QUIET: u32 = 2;
        let began = Instant::now();
        let mut calls = self.sandbox().calls();
        let mut quiet = 0;
        while quiet < QUIET {
            if began.elapsed() > WORK {
                bail!("the operator did not come to rest within {WORK:?}");
            }
            sleep(Duration::from_millis(1)).await;
            let now = self.sandbox().calls();
            quiet = if now == calls && now.begun == now.ended {
                quiet + 1
            } else {
                0
            };
            calls = now;
        }
        let news = self.ledger.look(&self.running.sandbox);
        for piece in news {
            self.tell(&piece);
        }
        Ok(())
    }

    fn tell(&mut self, news: &News) {
        let at = self.elapsed();
        let text = match news {
            News::Replaced { request, new, old } => {
                format!("{at}  {request}: key {new} is in the Secret, in place of {old}")
            }
            News::Died {
                request,
                key,
                is_session: true,
            } => {
                format!("{at}  {request}: session {key} has expired")
            }
            News::Died { request, key, .. } => {
                format!("{at}  {request}: key {key} is dead, AWS does not know it any more")
            }
        };
        self.screen.say(5, Tone::News, &text);
    }

    /// Applies a manifest of the repository.
    pub fn apply(&mut self, (path, text): (&str, &str)) -> anyhow::Result<()> {
        self.command(&format!("kubectl apply -f {path}"));
        let documents: Vec<Value> =
            serde_saphyr::from_multiple(text).with_context(|| path.to_owned())?;
        for document in &documents {
            prepare::apply(self.sandbox(), document)?;
            let text = |pointer: &str| {
                document
                    .pointer(pointer)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            let (kind, name) = (text("/kind").to_lowercase(), text("/metadata/name"));
            self.answer(&format!("{kind}/{name} applied"));
        }
        Ok(())
    }

    /// An object of namespace `demo`, by its plural; null if there is none.
    pub fn get(&self, plural: &str, name: &str) -> Value {
        let root = match plural {
            "secrets" => "/api/v1",
            _ => "/apis/engine.kubevault.com/v1alpha1",
        };
        let path = format!("{root}/namespaces/{DEMO}/{plural}/{name}");
        let (status, object) = self.sandbox().ask_kube("GET", &path, None);
        if status < 300 { object } else { Value::Null }
    }

    /// Asks for an object's deletion, as `kubectl delete --wait=false` does.
    pub fn delete(&mut self, plural: &str, name: &str) {
        let singular = plural.trim_end_matches('s');
        self.command(&format!("kubectl delete {singular} {name} -n {DEMO}"));
        let path = format!("/apis/engine.kubevault.com/v1alpha1/namespaces/{DEMO}/{plural}/{name}");
        self.sandbox().ask_kube("DELETE", &path, None);
    }

    /// Waits until an object is in a phase.
    pub async fn phase(&mut self, plural: &str, name: &str, phase: &str) -> anyhow::Result<Value> {
        let claim = format!("{} {name} is {phase}", plural.trim_end_matches('s'));
        self.until(&claim, |stage| {
            let object = stage.get(plural, name);
            let now = object["status"]["phase"].as_str().unwrap_or("not told");
            let why = message(&object);
            if now == phase {
                Ok(())
            } else {
                Err(format!("{now}: {why}"))
            }
        })
        .await?;
        Ok(self.get(plural, name))
    }

    /// Waits until an object is gone.
    pub async fn gone(&mut self, plural: &str, name: &str) -> anyhow::Result<()> {
        let claim = format!("{} {name} is gone", plural.trim_end_matches('s'));
        self.until(&claim, |stage| match stage.get(plural, name) {
            Value::Null => Ok(()),
            object => Err(message(&object).to_owned()),
        })
        .await
    }

    /// A person's word, by the plugin itself. Where the request changed while it was looked at, the
    /// plugin says so, and a person looks again.
    pub async fn decide(&mut self, verdict: &str, name: &str) -> anyhow::Result<()> {
        /// More often than an operator that has come to rest can change it meanwhile.
        const LOOKS: u32 = 10;
        let words = format!("vault {verdict} awsaccesskeyrequest {name} -n {DEMO}");
        self.command(&format!("kubectl {words}"));
        for again in (0..LOOKS).rev() {
            self.settle().await?;
            match self.plugin(&words).await {
                Ok(said) => {
                    self.answer(&said);
                    return Ok(());
                }
                Err(complaint) if again > 0 && complaint.contains("(Conflict)") => {}
                Err(complaint) => bail!("the plugin: {complaint}"),
            }
        }
        Ok(())
    }

    /// What the plugin says on standard output, or else on standard error.
    async fn plugin(&self, words: &str) -> Result<String, String> {
        let kubeconfig = self.kubeconfig.clone().into_os_string();
        let words = words.split(' ').map(Into::into);
        let words = words.chain(["--kubeconfig".into(), kubeconfig]).collect();
        let (mut said, mut complaint) = (Vec::new(), Vec::new());
        let input = &mut std::io::empty();
        let well = kubectl_vault::run::run(words, input, &mut said, &mut complaint).await;
        let text = if well { said } else { complaint };
        let text = String::from_utf8_lossy(&text).trim().to_owned();
        if well { Ok(text) } else { Err(text) }
    }

    /// The newest key of a request.
    pub fn key_of(&self, request: &str) -> anyhow::Result<Key> {
        let key = self.ledger.key_of(request).cloned();
        key.with_context(|| format!("no key of {request} was seen in a Secret"))
    }

    /// Reads in Vault; null where nothing is.
    pub fn vault_read(&self, path: &str) -> Value {
        let (_, answer) = self
            .sandbox()
            .ask_vault("GET", &format!("/v1/{path}"), None);
        answer["data"].clone()
    }

    /// Writes into Vault.
    pub fn vault_write(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let (status, answer) = self
            .sandbox()
            .ask_vault("POST", &format!("/v1/{path}"), Some(body));
        if status >= 300 {
            bail!("{path}: {status} {}", answer["errors"]);
        }
        Ok(answer)
    }

    /// How many leases Vault has under its AWS engine.
    pub fn leases(&self) -> usize {
        let mut left = vec!["aws/".to_owned()];
        let mut leases = 0;
        while let Some(path) = left.pop() {
            let path = format!("/v1/sys/leases/lookup/{path}");
            let (_, answer) = self.sandbox().ask_vault("LIST", &path, None);
            for key in answer["data"]["keys"].as_array().into_iter().flatten() {
                match key.as_str() {
                    Some(folder) if folder.ends_with('/') => {
                        let path = path.trim_start_matches("/v1/sys/leases/lookup/");
                        left.push(format!("{path}{folder}"));
                    }
                    _ => leases += 1,
                }
            }
        }
        leases
    }

    /// Names of the IAM users that Vault made.
    pub fn users(&self) -> Vec<String> {
        let state = self.sandbox().with_aws(|aws| aws.state());
        let users = state["users"].as_object().into_iter().flatten();
        users
            .map(|(name, _)| name.clone())
            .filter(|name| name.starts_with("vault-token-"))
            .collect()
    }
}

/// What an object's condition Ready says.
pub fn message(object: &Value) -> &str {
    let conditions = object["status"]["conditions"].as_array();
    let ready = conditions.and_then(|all| all.iter().find(|c| c["type"] == "Ready"));
    ready
        .and_then(|ready| ready["message"].as_str())
        .unwrap_or_default()
}
