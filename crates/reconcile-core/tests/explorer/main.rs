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
mod provision;
mod request;
mod search;

use leasehold_reconcile_core::aws_access_key_request::RequestMachine;
use provision::{Engine, Provision, Role};
use request::{PLOT, Plot, RequestWorld};
use search::holds;

fn request(plot: Plot) -> RequestWorld<RequestMachine> {
    RequestWorld::new(plot)
}

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
fn a_replica_that_slept_over_its_intent_does_no_harm() {
    let plot = Plot {
        replicas: 2,
        ..PLOT
    };
    holds("request, an intent begun", request(plot).intending(), 2, 1);
}

#[test]
fn clocks_minutes_apart_end_no_key_that_is_being_read() {
    for skew in [-600, 600] {
        let plot = Plot {
            replicas: 2,
            skew,
            ..PLOT
        };
        let world = request(plot).intending();
        holds("request, clocks ten minutes apart", world, 2, 1);
    }
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
fn a_key_that_only_its_secret_names_ends() {
    let plot = Plot {
        people: 1,
        stray: true,
        ..PLOT
    };
    holds("request, status lost", request(plot), 1, 1);
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

#[test]
fn a_role_in_another_clusters_mount_is_left_alone() {
    holds(
        "role, another cluster's mount",
        Provision::<Role>::new(2, 1).foreign(),
        2,
        2,
    );
}

#[test]
fn another_spec_approved_is_none() {
    let plot = Plot {
        people: 1,
        stale: true,
        ..PLOT
    };
    holds("request, stale approval", request(plot), 1, 2);
}
