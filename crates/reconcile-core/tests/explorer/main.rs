//! Every history within bounds, of all three kinds.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::struct_excessive_bools,
    clippy::too_many_lines,
    reason = "helpers of tests"
)]

#[path = "../common/mod.rs"]
mod common;
mod mutants;
mod provision;
mod request;

use leasehold_reconcile_core::{
    aws_access_key_request::RequestMachine,
    explore::{Bounds, Report, World, explore},
};
use mutants::Mutant;
use provision::{Engine, Provision, Role};
use request::{Plot, RequestWorld};

fn run<W: World>(name: &str, world: W, replicas: usize, faults: u8) -> Report {
    let states = std::env::var("STATES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(8_000_000);
    let bounds = Bounds {
        replicas,
        faults,
        settles_in: 60,
        states,
    };
    let report = explore(world, bounds);
    println!(
        "{name}: {replicas} replica(s), {faults} fault(s): {} states{}",
        report.states,
        if report.complete { "" } else { " (not all)" }
    );
    report
}

fn holds<W: World>(name: &str, world: W, replicas: usize, faults: u8) {
    let report = run(name, world, replicas, faults);
    if let Some(violation) = report.violation {
        panic!("{name}: {violation}");
    }
    assert!(
        report.complete,
        "{name}: more states than the search may see"
    );
}

fn request(plot: Plot) -> RequestWorld<RequestMachine> {
    RequestWorld::new(plot)
}

const PLOT: Plot = Plot {
    replicas: 1,
    people: 0,
    horizon: 105,
    forged: false,
};

#[test]
fn a_key_is_issued_through_three_faults() {
    holds("request, nobody interferes", request(PLOT), 1, 3);
}

#[test]
fn no_key_outlives_its_request() {
    holds(
        "request, deleted or denied at any moment",
        request(Plot { people: 1, ..PLOT }),
        1,
        2,
    );
}

#[test]
fn two_replicas_do_not_undo_each_other() {
    holds(
        "request",
        request(Plot {
            replicas: 2,
            ..PLOT
        }),
        2,
        1,
    );
}

#[test]
fn two_replicas_end_what_they_issued() {
    let plot = Plot {
        replicas: 2,
        people: 1,
        ..PLOT
    };
    holds(
        "request, deleted or denied at any moment",
        request(plot),
        2,
        0,
    );
}

#[test]
fn a_key_is_replaced_before_it_ends() {
    holds(
        "request through a rotation",
        request(Plot {
            horizon: 1500,
            ..PLOT
        }),
        1,
        1,
    );
}

#[test]
fn a_forged_status_revokes_nothing_foreign() {
    holds(
        "request, forged status",
        request(Plot {
            people: 1,
            forged: true,
            ..PLOT
        }),
        1,
        1,
    );
}

#[test]
fn an_engine_is_mounted_and_unmounted_and_nothing_else_is() {
    holds("engine", Provision::<Engine>::new(1, 2), 1, 3);
    holds("engine", Provision::<Engine>::new(2, 1), 2, 2);
}

#[test]
fn a_role_goes_with_its_object() {
    holds("role", Provision::<Role>::new(1, 2), 1, 3);
    holds("role", Provision::<Role>::new(2, 1), 2, 2);
}

/// Further than every build can wait for: `cargo test --release --test explorer -- --ignored`.
#[test]
#[ignore = "takes minutes and gigabytes"]
fn deeper() {
    let people = Plot { people: 1, ..PLOT };
    holds(
        "request, deleted or denied",
        request(Plot {
            replicas: 2,
            ..people
        }),
        2,
        1,
    );
    holds(
        "request through a rotation",
        request(Plot {
            horizon: 1500,
            ..PLOT
        }),
        1,
        2,
    );
    holds(
        "request",
        request(Plot {
            replicas: 2,
            ..PLOT
        }),
        2,
        2,
    );
}

fn caught<X: mutants::Mistake>(name: &str, plot: Plot, faults: u8) {
    let world = RequestWorld::<Mutant<X>>::new(plot);
    let report = run(name, world, usize::from(plot.replicas), faults);
    let Some(violation) = report.violation else {
        panic!("{name} is not caught")
    };
    println!("{violation}");
}

#[test]
fn the_explorer_catches_planted_mistakes() {
    use mutants::*;
    let people = Plot { people: 1, ..PLOT };
    caught::<SkipsIntent>("mutant: no intent", PLOT, 1);
    caught::<EndsIntentAtOnce>("mutant: ends an unanswered intent at once", PLOT, 1);
    caught::<UnknownIsAbsent>("mutant: a failed look is absence", people, 2);
    caught::<FinalizerFirst>("mutant: the finalizer first", people, 0);
    caught::<AsksAgain>("mutant: reads twice under a keeper", PLOT, 1);
    caught::<TrustsStatus>(
        "mutant: trusts the status",
        Plot {
            forged: true,
            ..PLOT
        },
        0,
    );
    caught::<NeverLooksAtLeases>("mutant: does not look at leases", people, 1);
    caught::<NeedsNoApproval>("mutant: issues what is denied", people, 0);
}
