//! The search, and what it says on its way.

use leasehold_reconcile_core::explore::{Bounds, Report, World, explore};

pub(crate) fn run<W: World>(name: &str, world: W, replicas: usize, faults: u8) -> Report {
    let states = std::env::var("STATES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(12_000_000);
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

pub(crate) fn holds<W: World>(name: &str, world: W, replicas: usize, faults: u8) {
    let report = run(name, world, replicas, faults);
    if let Some(violation) = report.violation {
        panic!("{name}: {violation}");
    }
    assert!(
        report.complete,
        "{name}: more states than the search may see"
    );
}
