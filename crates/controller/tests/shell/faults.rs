//! Answers that get lost, crashes at every step, two operators at once: in the end one key a
//! request, and it is in its Secret.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use leasehold_reconcile_core::names;

use crate::fake::Fault;
use crate::fake::kube::Call;
use crate::fake::world::{NS, REQUESTS, World, rest};

/// Counts what has effects, in Kubernetes and Vault, from now on; the `at`th of it meets `fault`.
fn trap(world: &World, at: usize, fault: Fault) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let (kube, vault) = (Arc::clone(&count), Arc::clone(&count));
    let (in_kube, in_vault) = (fault.clone(), fault);
    world.kube.on(move |call: &Call| {
        let hit = call.is_write() && kube.fetch_add(1, Ordering::SeqCst) == at;
        hit.then(|| in_kube.clone())
    });
    world.vault.on(move |method, _| {
        let effect = ["open_keeper", "issue", "revoke_accessor", "revoke_lease"];
        let hit = effect.contains(&method) && vault.fetch_add(1, Ordering::SeqCst) == at;
        hit.then(|| in_vault.clone())
    });
    count
}

fn untrap(world: &World) {
    world.kube.mend();
    world.vault.mend();
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

#[tokio::test(start_paused = true)]
async fn whatever_answer_of_an_issue_is_lost() {
    for fault in [
        Fault::LoseAnswer,
        Fault::LoseCall,
        Fault::Lag(Duration::from_secs(70)),
    ] {
        for at in 0.. {
            let world = World::new();
            let running = world.settled().await;
            let count = trap(&world, at, fault.clone());
            world.approved("app");
            let what = format!("whole, after {fault:?} of step {at}");
            world.within(1200, &what, || is_whole(&world)).await;
            running.stop().await;
            if count.load(Ordering::SeqCst) <= at {
                assert!(at >= 9, "{at} steps");
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_every_step_of_an_issue() {
    // The answer never comes, whether or not it happened; then the process is gone.
    for fault in [Fault::Hang, Fault::Lag(Duration::from_secs(86_400))] {
        for at in 0.. {
            let world = World::new();
            let running = world.settled().await;
            let count = trap(&world, at, fault.clone());
            world.approved("app");
            rest().await;
            let reached = count.load(Ordering::SeqCst) > at;
            running.crash().await;
            untrap(&world);
            let next = world.start_as("two");
            let what = format!("whole, after a crash at step {at} ({fault:?})");
            world.within(1200, &what, || is_whole(&world)).await;
            next.stop().await;
            if !reached {
                assert!(at >= 9, "{at} steps");
                break;
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
        for at in 0.. {
            let world = World::new();
            let running = world.settled().await;
            world.approved("app");
            world.issued("app").await;
            let count = trap(&world, at, fault.clone());
            world.kube.delete(REQUESTS, NS, "app");
            rest().await;
            let reached = count.load(Ordering::SeqCst) > at;
            let crash = matches!(fault, Fault::Hang | Fault::Lag(_));
            let running = if crash {
                running.crash().await;
                untrap(&world);
                world.start_as("two")
            } else {
                running
            };
            let what = format!("gone, after {fault:?} at step {at}");
            world.within(1200, &what, || is_gone(&world)).await;
            running.stop().await;
            if !reached {
                assert!(at >= 3, "{at} steps");
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_operators_at_once_issue_one_key_a_request() {
    let world = World::new();
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
        let world = World::new();
        let slow = |method: &str, _: &str| {
            (method == "issue").then_some(Fault::Lag(Duration::from_secs(60)))
        };
        world.vault.on(slow);
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
    let world = World::new();
    world
        .vault
        .on(|method, _| (method == "issue").then_some(Fault::Hang));
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
    untrap(&world);
    let two = world.start_as("two");
    world.within(200, "whole", || is_whole(&world)).await;
    two.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_status_write_carries_its_version_and_a_conflict_ends_the_drive() {
    let world = World::new();
    let running = world.settled().await;
    // Somebody writes to the request while its keeper is opened.
    world
        .vault
        .on(|method, _| (method == "open_keeper").then_some(Fault::Lag(Duration::from_secs(2))));
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
        assert!(version.is_string(), "{}: {}", patch.what(), patch.body);
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_done_before_a_conflict_is_told() {
    let world = World::new();
    let running = world.settled().await;
    world.approved("app");
    world.issued("app").await;
    rest().await;
    world.forget_calls();
    let mut met = false;
    world.kube.on(move |call| {
        let conflict = call.what() == "create rolebindings" && !std::mem::replace(&mut met, true);
        conflict.then_some(Fault::Refuse(409, "Conflict"))
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
    let first = calls.iter().find(|c| c.what() == "create events").unwrap();
    let note = first.body["note"].as_str().unwrap();
    assert!(note.starts_with("Role of Secret"), "{note}");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_cannot_be_stored_is_kept_five_minutes_and_then_revoked() {
    let world = World::new();
    let running = world.settled().await;
    let refuse =
        |call: &Call| (call.what() == "create secrets").then_some(Fault::Refuse(403, "Forbidden"));
    world.kube.on(refuse);
    world.approved("app");
    world
        .within(20, "said", || world.reason("app") == "SecretNotStored")
        .await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(world.vault.issued(), 1);
    world.kube.mend();
    world.within(120, "delivered", || is_whole(&world)).await;
    assert_eq!(world.vault.issued(), 1, "the very key");

    world.kube.on(refuse);
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
    let world = World::new();
    let running = world.settled().await;
    let mut n = 1_700_000_000_u64;
    world.vault.on(move |method, _| {
        (method == "issue").then(|| {
            n += 17;
            let words = format!("Error creating IAM user: AccessDenied: not authorized to perform: iam:CreateUser on resource: arn:aws:iam::1:user/vault-token-demo-app-{n}-aBc{n} status code: 403, request id: {n}");
            Fault::Refuse(400, Box::leak(words.into_boxed_str()))
        })
    });
    world.approved("app");
    world
        .within(30, "said", || world.reason("app") == "IssueFailed")
        .await;
    world.forget_calls();
    tokio::time::sleep(Duration::from_secs(600)).await;
    let tries = world.vault.calls();
    let tries = tries.iter().filter(|c| c.starts_with("issue")).count();
    assert!(tries >= 5, "{tries} tries");
    let said: BTreeSet<String> = world
        .kube
        .calls()
        .iter()
        .filter(|c| c.what() == "patch awsaccesskeyrequests/status")
        .map(|c| c.body["status"]["conditions"].to_string())
        .collect();
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(
        said.iter()
            .all(|s| s.contains("iam:CreateUser on resource"))
    );
    let events = world.writes();
    assert!(!events.contains(&"create events".to_owned()), "{events:?}");
    world.vault.mend();
    world.within(120, "whole", || is_whole(&world)).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_status_that_is_refused_is_not_tried_every_second() {
    let world = World::new();
    let running = world.settled().await;
    world.kube.on(|call| {
        (call.what() == "patch awsaccesskeyrequests/status")
            .then_some(Fault::Refuse(422, "Invalid"))
    });
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
    let world = World::new();
    let running = world.settled().await;
    world.approved("first");
    world.issued("first").await;
    rest().await;
    world.forget_calls();
    world.kube.on(|call| {
        call.is_write()
            .then_some(Fault::Lag(Duration::from_millis(500)))
    });
    world.approved("app");
    world.issued("app").await;
    rest().await;
    assert_eq!(
        world.vault.calls(),
        ["open_keeper demo-app", "issue k8s.-.demo.reader"]
    );
    assert_eq!(world.asked().len(), 7, "{:?}", world.asked());
    assert_eq!(world.writes().len(), 7);
    running.stop().await;
}
