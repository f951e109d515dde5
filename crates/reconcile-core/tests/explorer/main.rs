//! Every history within bounds, of all three kinds.

mod request;

use leasehold_reconcile_core::{
    aws_access_key_request::RequestMachine,
    explore::{Bounds, Report, World, explore},
};
use request::{Plot, RequestWorld};

fn run<W: World>(name: &str, world: W, replicas: usize, faults: u8) -> Report {
    let bounds = Bounds {
        replicas,
        faults,
        settles_in: 60,
        states: 2_000_000,
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

const PLOT: Plot = Plot {
    replicas: 1,
    people: 1,
    horizon: 450,
    forged: false,
};

#[test]
fn no_key_outlives_its_request() {
    for faults in 0..=2 {
        holds(
            "request",
            RequestWorld::<RequestMachine>::new(PLOT),
            1,
            faults,
        );
    }
}
