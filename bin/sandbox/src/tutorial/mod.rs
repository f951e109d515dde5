//! What Leasehold does, played step by step on the sandbox: the seeds' stories, time, trouble and
//! the end. Every claim is looked up in the servers; one that does not hold ends the play.

mod acts;
pub mod aws;
pub mod ledger;
pub mod manifests;
pub mod screen;
pub mod stage;
pub mod timeline;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

use crate::access::Access;
use crate::running::Running;
use screen::{Line, Screen, Style, Tone};
use stage::Stage;

/// Plays it all, and ends the servers. An error says what did not hold.
pub async fn play(running: Running, style: Style, out: &mut dyn Write) -> anyhow::Result<()> {
    let began = std::time::Instant::now();
    let access = Access::write(&running.sandbox, None)?;
    let kubeconfig = PathBuf::from(access.kubeconfig());
    let mut stage = Stage::new(running, Screen::new(out, style), kubeconfig);
    prologue(&mut stage.screen);
    let played = acts::all(&mut stage).await;
    stage.screen.clear();
    if let Err(error) = &played {
        stage.screen.say(3, Tone::Bad, &format!("{error:#}"));
    }
    summary(&mut stage, played.is_ok(), began.elapsed());
    let Stage {
        running, screen, ..
    } = stage;
    running.stop().await;
    screen.end().context("writing to stdout")?;
    played.context("the tutorial did not do what it says")
}

fn prologue(screen: &mut Screen<'_>) {
    screen.say(0, Tone::Title, "Leasehold at work");
    screen.say(
        0,
        Tone::Aside,
        "A small Kubernetes, Vault and AWS in this process, and the operator as it is shipped. Each \
         ✓ was looked up in these servers; the first that does not hold ends this with exit code 1. \
         Time is sped up where something waits for it: 0:25 is 25 minutes after the start. What is \
         typed here works the same in a shell, on `make sandbox`. Not for production.",
    );
}

/// What a person can check against what went by: the four fears, and what was seen of each.
fn summary(stage: &mut Stage<'_>, is_well: bool, took: Duration) {
    let keys = stage.ledger.lives().count();
    let sessions = stage.ledger.lives().filter(|life| life.key.is_session());
    let sessions = sessions.count();
    let alive = stage.ledger.lives().filter(|life| life.died.is_none());
    let alive = alive.count();
    let restart = stage.restart.map_or_else(
        || "not played".to_owned(),
        |(logins, writes)| format!("{logins} login to Vault, {writes} writes"),
    );
    let rows = [
        (
            "a key outlives its reason",
            format!("{keys} keys were in Secrets, {sessions} of them sessions; {alive} work now"),
        ),
        (
            "a Secret holds a dead key",
            format!(
                "{} looks at keys in Secrets; {} were dead",
                stage.ledger.looks, stage.ledger.dead_in_secret
            ),
        ),
        ("a restart issues keys anew", restart),
        (
            "something is left behind",
            format!(
                "{} users in AWS, {} leases in Vault",
                stage.users().len(),
                stage.leases()
            ),
        ),
    ];
    stage.screen.line(&Line::new());
    stage
        .screen
        .say(0, Tone::Title, "What people fear, and what was seen");
    for (name, value) in rows {
        stage
            .screen
            .say(3, Tone::Plain, &format!("{name:<28} {value}"));
    }
    stage.screen.line(&Line::new());
    let picture = stage.picture();
    for line in &picture {
        stage.screen.line(line);
    }
    let (held, elapsed, took) = (stage.held, stage.elapsed(), took.as_secs_f64());
    let counted = format!("{held} claims held, over {elapsed} hours in {took:.1} s");
    stage.screen.line(&Line::new());
    if is_well {
        stage
            .screen
            .say(0, Tone::Good, &format!("All is well: {counted}."));
    } else {
        stage.screen.say(
            0,
            Tone::Bad,
            &format!("All is not well: {counted}, then one did not."),
        );
    }
}
