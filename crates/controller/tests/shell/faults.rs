//! Answers that get lost, crashes at every step, two operators at once: in the end one key a
//! request, and it is in its Secret.

use std::collections::BTreeSet;
use std::time::Duration;

use leasehold_reconcile_core::names;
use leasehold_sandbox::faults::Rule;

use crate::world::{Fault, NS, REQUESTS, World, rest, what};

/// What has effects.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    /// A write to Kubernetes.
    Write,
    /// A keeper is opened.
    Keeper,
    /// A key is read.
    Key,
    /// A keeper or a lease is ended.
    End,
}

/// The `at`th of those steps from now on meets the fault.
fn trap(world: &World, step: Step, at: u64, fault: Fault) {
    let path = match step {
        Step::Write => "",
        Step::Keeper => "auth/token/create-orphan",
        Step::Key => "aws/creds/",
        Step::End => "revoke",
    };
    // What ends something is sent up to three times: the operator learns of nothing less.
    let is_cut = matches!(fault, Fault::LoseAnswer | Fault::LoseCall);
    let times = if step == Step::End && is_cut { 3 } else { 1 };
    let rule = Rule {
        writes: step == Step::Write,
        skip: at,
        times: Some(times),
        ..fault.of(path)
    };
    match step {
        Step::Write => world.kube.fault(rule),
        _ => world.vault.fault(rule),
    }
}

fn is_reached(world: &World, step: Step) -> bool {
    match step {
        Step::Write => world.kube.met() > 0,
        _ => world.vault.met() > 0,
    }
}

/// One live key in the Secret, nothing left to end. A keeper that nobody learnt of has no key and
/// ends by itself.
fn is_whole(world: &World) -> bool {
    let request = world.kube.object(REQUESTS, NS, "app").unwrap();
    let status = &request["status"];
    world.is_ready(REQUESTS, "app")
        && world.one_key_each(&["app"])
        && world.vault.live_keepers() <= 2
        && status["intent"].is_null()
        && status["retiring"].as_array().is_none_or(Vec::is_empty)
}

fn is_gone(world: &World) -> bool {
    world.kube.object(REQUESTS, NS, "app").is_none()
        && world.vault.live_keys().is_empty()
        && world.vault.live_keepers() == 0
        && ["roles", "rolebindings"]
            .iter()
            .all(|r| world.kube.all(r).is_empty())
        && world.kube.all("secrets").len() == 2
}

/// How many of those an issue takes.
const ISSUE: [(Step, u64); 3] = [(Step::Write, 7), (Step::Keeper, 1), (Step::Key, 1)];

#[tokio::test(start_paused = true)]
async fn whatever_answer_of_an_issue_is_lost() {
    for fault in [
        Fault::LoseAnswer,
        Fault::LoseCall,
        Fault::Lag(Duration::from_secs(70)),
    ] {
        for (step, least) in ISSUE {
            for at in 0.. {
                let world = World::new().await;
                let running = world.settled().await;
                trap(&world, step, at, fault);
                world.approved("app");
                let what = format!("whole, after {fault:?} of {step:?} {at}");
                world.within(1200, &what, || is_whole(&world)).await;
                running.stop().await;
                if !is_reached(&world, step) {
                    assert!(at >= least, "{at} of {step:?}");
                    break;
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_every_step_of_an_issue() {
    // The answer never comes, whether or not it happened; then the process is gone.
    for fault in [Fault::Hang, Fault::Lag(Duration::from_secs(86_400))] {
        for (step, least) in ISSUE {
            for at in 0.. {
                let world = World::new().await;
                let running = world.settled().await;
                trap(&world, step, at, fault);
                world.approved("app");
                rest().await;
                let reached = is_reached(&world, step);
                running.crash().await;
                world.mend();
                let next = world.start_as("two");
                let what = format!("whole, after a crash at {step:?} {at} ({fault:?})");
                world.within(1200, &what, || is_whole(&world)).await;
                next.stop().await;
                if !reached {
                    assert!(at >= least, "{at} of {step:?}");
                    break;
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_or_a_lost_answer_at_every_step_of_an_end() {
    let day = Duration::from_secs(86_400);
    for fault in [
        Fault::Hang,
        Fault::Lag(day),
        Fault::LoseAnswer,
        Fault::LoseCall,
    ] {
        for (step, least) in [(Step::Write, 2), (Step::End, 1)] {
            for at in 0.. {
                let world = World::new().await;
                let running = world.settled().await;
                world.approved("app");
                world.issued("app").await;
                trap(&world, step, at, fault);
                world.kube.delete(REQUESTS, NS, "app");
                rest().await;
                let reached = is_reached(&world, step);
                let crash = matches!(fault, Fault::Hang | Fault::Lag(_));
                let running = if crash {
                    running.crash().await;
                    world.mend();
                    world.start_as("two")
                } else {
                    running
                };
                let what = format!("gone, after {fault:?} at {step:?} {at}");
                world.within(1200, &what, || is_gone(&world)).await;
                running.stop().await;
                if !reached {
                    assert!(at >= least, "{at} of {step:?}");
                    break;
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_operators_at_once_issue_one_key_a_request() {
    let world = World::new().await;
    let names: Vec<String> = (0..20).map(|n| format!("app-{n}")).collect();
    for name in &names {
        world.approved(name);
    }
    let (one, two) = (world.start_as("one"), world.start_as("two"));
    for name in &names {
        world.issued(name).await;
    }
    rest().await;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(world.vault.issued(), 20, "none is issued twice");
    world
        .within(600, "one key each", || world.one_key_each(&names))
        .await;
    world
        .within(600, "one keeper each", || world.vault.live_keepers() == 20)
        .await;
    one.stop().await;
    two.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_read_under_way_is_left_alone_by_whoever_has_another_time() {
    for off in [-3600, 3600] {
        let world = World::new().await;
        // Vault takes that long, and the client is as patient.
        let slow = Fault::Lag(Duration::from_secs(50));
        world.vault.fault(slow.of("aws/creds/"));
        let one = world.start_off("one", off);
        world.approved("app");
        world
            .until("the read runs", || world.vault.issued() == 1)
            .await;
        let two = world.start_as("two");
        world.within(600, "whole", || is_whole(&world)).await;
        assert_eq!(world.vault.issued(), 1, "{off} s off");
        one.stop().await;
        two.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_intent_of_the_future_is_taken_over_as_soon_as_any_other() {
    let world = World::new().await;
    world.vault.fault(Fault::Hang.of("aws/creds/"));
    let one = world.start_off("one", 3600);
    world.approved("app");
    let begun = || {
        world
            .asked()
            .iter()
            .filter(|c| c.contains("/status"))
            .count()
            > 0
            && world.vault.live_keepers() == 1
    };
    world.until("the read runs", begun).await;
    rest().await;
    one.crash().await;
    world.mend();
    let two = world.start_as("two");
    world.within(200, "whole", || is_whole(&world)).await;
    two.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_status_write_carries_its_version_and_a_conflict_ends_the_drive() {
    let world = World::new().await;
    let running = world.settled().await;
    // Somebody writes to the request while its keeper is opened.
    let slow = Fault::Lag(Duration::from_secs(2));
    world.vault.fault(slow.of("auth/token/create-orphan"));
    world.approved("app");
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.kube.edit(REQUESTS, NS, "app", |request| {
        request["metadata"]["annotations"]["note"] = "x".into();
    });
    world.within(300, "whole", || is_whole(&world)).await;
    assert_eq!(world.vault.issued(), 1);
    let calls = world.kube.calls();
    let mut patches = calls
        .iter()
        .filter(|c| c.verb == "patch" && c.resource != "events")
        .peekable();
    assert!(patches.peek().is_some());
    for patch in patches {
        let version = &patch.body["metadata"]["resourceVersion"];
        assert!(version.is_string(), "{}: {}", what(patch), patch.body);
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_done_before_a_conflict_is_told() {
    let world = World::new().await;
    let running = world.settled().await;
    world.approved("app");
    world.issued("app").await;
    rest().await;
    world.forget_calls();
    world.kube.fault(Rule {
        method: Some("POST".into()),
        times: Some(1),
        ..Fault::Refuse(409).of("/rolebindings")
    });
    let reader = names::reader(&world.secret_name("app"));
    for part in ["roles", "rolebindings"] {
        world.kube.delete(part, NS, &reader);
    }
    let both = || {
        ["roles", "rolebindings"]
            .iter()
            .all(|p| world.kube.object(p, NS, &reader).is_some())
    };
    world.within(60, "both are there again", both).await;
    rest().await;
    // Of the second one the recorder counts up the first.
    let calls = world.kube.calls();
    assert_eq!(world.kube.met(), 1);
    let first = calls.iter().find(|c| what(c) == "create events").unwrap();
    let note = first.body["note"].as_str().unwrap();
    assert!(note.starts_with("Role of Secret"), "{note}");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_cannot_be_stored_is_kept_five_minutes_and_then_revoked() {
    let world = World::new().await;
    let running = world.settled().await;
    let refuse = || Rule {
        method: Some("POST".into()),
        ..Fault::Refuse(403).of("/secrets")
    };
    world.kube.fault(refuse());
    world.approved("app");
    world
        .within(20, "said", || world.reason("app") == "SecretNotStored")
        .await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(world.vault.issued(), 1);
    world.kube.mend();
    world.within(120, "delivered", || is_whole(&world)).await;
    assert_eq!(world.vault.issued(), 1, "the very key");

    world.kube.fault(refuse());
    world.approved("late");
    tokio::time::sleep(Duration::from_secs(420)).await;
    assert_eq!(world.vault.issued(), 2);
    assert_eq!(world.vault.live_keys().len(), 1, "the second is revoked");
    world.kube.mend();
    world
        .within(900, "delivered after all", || {
            world.one_key_each(&["app", "late"])
        })
        .await;
    assert_eq!(world.vault.issued(), 3);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_aws_is_said_once_however_often_it_is_tried() {
    let world = World::new().await;
    let running = world.settled().await;
    // Its words name the user that Vault made up this time, and the request.
    world.vault.deny_in_aws(Some("iam:CreateUser"));
    world.approved("app");
    world
        .within(30, "said", || world.reason("app") == "IssueFailed")
        .await;
    world.forget_calls();
    tokio::time::sleep(Duration::from_secs(600)).await;
    let tries = world.vault.calls();
    let tries = tries
        .iter()
        .filter(|c| c.starts_with("read aws/creds/"))
        .count();
    assert!(tries >= 5, "{tries} tries");
    let said: BTreeSet<String> = world
        .kube
        .calls()
        .iter()
        .filter(|c| what(c) == "patch awsaccesskeyrequests/status")
        .map(|c| c.body["status"]["conditions"].to_string())
        .collect();
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(
        said.iter()
            .all(|s| s.contains("iam:CreateUser on resource"))
    );
    let events = world.writes();
    assert!(!events.contains(&"create events".to_owned()), "{events:?}");
    world.vault.deny_in_aws(None);
    world.within(120, "whole", || is_whole(&world)).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_status_that_is_refused_is_not_tried_every_second() {
    let world = World::new().await;
    let running = world.settled().await;
    let refuse = Fault::Refuse(422).of("/awsaccesskeyrequests/app/status");
    world.kube.fault(refuse);
    world.forget_calls();
    world.request("app");
    tokio::time::sleep(Duration::from_secs(600)).await;
    let tries = world.writes().len();
    assert!((5..=20).contains(&tries), "{tries} tries in ten minutes");
    world.kube.mend();
    world
        .within(70, "said", || world.reason("app") == "WaitingForApproval")
        .await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn our_own_writes_wake_nobody_even_if_the_watch_is_faster_than_the_answer() {
    let world = World::new().await;
    let running = world.settled().await;
    world.approved("first");
    world.issued("first").await;
    rest().await;
    world.forget_calls();
    world.kube.fault(Rule {
        writes: true,
        ..Fault::Lag(Duration::from_millis(500)).of("")
    });
    world.approved("app");
    world.issued("app").await;
    rest().await;
    assert_eq!(
        world.vault.calls(),
        [
            "update auth/token/create-orphan",
            "read aws/creds/k8s.-.demo.reader"
        ]
    );
    assert_eq!(world.asked().len(), 7, "{:?}", world.asked());
    assert_eq!(world.writes().len(), 7);
    running.stop().await;
}
