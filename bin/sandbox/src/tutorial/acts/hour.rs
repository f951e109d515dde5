//! Time passes: keys are replaced before they end, and a new operator changes nothing.

use std::time::Duration;

use super::super::stage::Stage;

const MINUTE: Duration = Duration::from_secs(60);
/// More than anybody asks in this time.
const AUDITED: usize = 100_000;

pub(super) async fn passes(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.act("An hour and a half, in seconds", "time");
    stage.aside(
        "Leases end after an hour, the session after 30 minutes. Every key that ever stood in a \
         Secret is tried at AWS all the time: the Secret must never hold a dead one.",
    );
    let first = stage.key_of("aws-cred-rqst")?;
    stage.lapse(15 * MINUTE).await?;
    new_operator(stage).await?;
    stage.lapse(75 * MINUTE).await?;
    let now = stage.key_of("aws-cred-rqst")?;
    stage.check(
        "the key was replaced in its Secret before it ended",
        now != first,
        &"the same key",
    )?;
    let works = now.caller(stage.sandbox());
    stage.check("the new one works", works.is_ok(), &format!("{works:?}"))?;
    let dead = first.caller(stage.sandbox()).is_err();
    stage.check("the former one is dead", dead, &"it works")?;
    let ended = stage
        .ledger
        .lives()
        .filter(|life| life.key.is_session() && life.died.is_some());
    let ended = ended.count();
    stage.check(
        "the first session has expired by itself, another is in its place",
        ended > 0,
        &ended,
    )?;
    never_dead(stage)
}

/// No Secret held a dead key so far.
pub(super) fn never_dead(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    let (looks, dead) = (stage.ledger.looks, stage.ledger.dead_in_secret);
    let claim = format!("in {looks} looks no Secret held a dead key");
    stage.check(&claim, dead == 0 && looks > 0, &format!("{dead} times"))
}

/// The operator ends, and another begins over the same objects.
async fn new_operator(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    let at = stage.elapsed();
    stage.aside(&format!("{at}  The operator ends, and another one starts."));
    let before = stage.users();
    stage.sandbox().with_vault(|vault| vault.set_audit(AUDITED));
    stage.running.restart().await?;
    stage
        .until("it logs in once", |stage| match written(stage).0 {
            1 => Ok(()),
            logins => Err(format!("{logins} logins")),
        })
        .await?;
    stage.lapse(MINUTE).await?;
    let (logins, others) = written(stage);
    stage.restart = Some((logins, others.len()));
    stage.sandbox().with_vault(|vault| vault.set_audit(0));
    let is_same = others.is_empty() && logins == 1 && stage.users() == before;
    let claim = "and writes nothing else to Vault: all keys are as they were";
    stage.check(claim, is_same, &format!("{logins} logins, {others:?}"))
}

/// What was written to Vault since its audit began: how many logins, and what else.
fn written(stage: &Stage<'_>) -> (usize, Vec<String>) {
    // Looks are POSTs in Vault, and change nothing.
    const LOOKS: [&str; 3] = [
        "auth/token/lookup-self",
        "auth/token/lookup-accessor",
        "sys/leases/lookup",
    ];
    let asked: Vec<String> = stage.sandbox().with_vault(|vault| {
        let asked = vault.audited().filter(|asked| asked.operation != "read");
        asked.map(|asked| asked.path.clone()).collect()
    });
    let (logins, others): (Vec<_>, Vec<_>) =
        asked.into_iter().partition(|path| path.ends_with("/login"));
    let others = others.into_iter().filter(|path| !LOOKS.contains(&&**path));
    (logins.len(), others.collect())
}
