//! Further than every build can wait for: minutes, and gigabytes.
//! `make explore`, or `cargo run --release -p leasehold-reconcile-core --example deeper [NAME]`.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::struct_excessive_bools,
    clippy::too_many_lines,
    clippy::wildcard_imports,
    reason = "a check to run by hand, in the models of the tests"
)]

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "../tests/explorer/provision.rs"]
mod provision;
#[path = "../tests/explorer/request.rs"]
mod request;
#[path = "../tests/explorer/search.rs"]
mod search;

use leasehold_reconcile_core::aws_access_key_request::RequestMachine;
use provision::{Engine, Provision, Role};
use request::{PLOT, Plot, RequestWorld};
use search::holds;

fn main() {
    let only = std::env::args().nth(1);
    let wanted = |name: &str| only.as_ref().is_none_or(|o| name.contains(o.as_str()));
    let request = |name: &str, plot: Plot, faults: u8| {
        if wanted(name) {
            let world = RequestWorld::<RequestMachine>::new(plot);
            holds(name, world, usize::from(plot.replicas), faults);
        }
    };
    let people = Plot { people: 1, ..PLOT };
    let two = |plot| Plot {
        replicas: 2,
        ..plot
    };
    let rotation = Plot {
        horizon: 1500,
        ..PLOT
    };
    if wanted("engine") {
        holds("engine", Provision::<Engine>::new(2, 2), 2, 3);
    }
    if wanted("role") {
        holds("role", Provision::<Role>::new(2, 2), 2, 3);
    }
    request("two people", Plot { people: 2, ..PLOT }, 1);
    request(
        "forged status",
        Plot {
            forged: true,
            ..people
        },
        2,
    );
    request(
        "status lost",
        Plot {
            stray: true,
            ..people
        },
        2,
    );
    request("rotation", rotation, 2);
    for skew in [-3600, 3600] {
        if wanted("clocks an hour apart") {
            let plot = Plot { skew, ..two(PLOT) };
            let world = RequestWorld::<RequestMachine>::new(plot).intending();
            holds("clocks an hour apart", world, 2, 1);
        }
    }
    request("replicas and people", two(people), 1);
    request("replicas", two(PLOT), 2);
    request("faults and people", people, 3);
}
