//! The explorer finds what it is there to find: one planted mistake at a time, in the core or in what
//! the shell owes it. `make mutants` prints the table; `TRACES=1` prints how each came about.
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
mod mistakes;
#[path = "../explorer/provision.rs"]
mod provision;
#[path = "../explorer/request.rs"]
mod request;

use leasehold_reconcile_core::{
    aws_access_key_request::RequestMachine,
    explore::{Bounds, World, explore},
};
use mistakes::*;
use provision::{Engine, Provision, Role};
use request::{Hands, PLOT, Plot, RequestWorld};

struct Table(Vec<String>);

impl Table {
    fn plant<W: World>(&mut self, mistake: &str, world: W, replicas: usize, faults: u8) {
        let bounds = Bounds {
            replicas,
            faults,
            settles_in: 60,
            states: 300_000,
        };
        let report = explore(world, bounds);
        let Some(violation) = report.violation else {
            println!(
                "{mistake:58} NOT CAUGHT in {} states, {replicas} replica(s), {faults} fault(s)",
                report.states
            );
            self.0.push(mistake.to_owned());
            return;
        };
        println!(
            "{mistake:58} {replicas}  {faults}  {:6}  {:5}  {}",
            report.states,
            violation.trace.len(),
            violation.what
        );
        if std::env::var_os("TRACES").is_some() {
            println!("{violation}");
        }
    }

    fn request<X: Mistake>(&mut self, mistake: &str, plot: Plot, faults: u8) {
        let world = RequestWorld::<Mutant<X>>::new(plot);
        self.plant(mistake, world, usize::from(plot.replicas), faults);
    }

    fn hands(&mut self, mistake: &str, plot: Plot, faults: u8) {
        let world = RequestWorld::<RequestMachine>::new(plot);
        let clock = plot.hands != Hands::Forced;
        let world = if clock { world.intending() } else { world };
        self.plant(mistake, world, usize::from(plot.replicas), faults);
    }
}

#[test]
fn every_planted_mistake_is_caught() {
    let people = Plot { people: 1, ..PLOT };
    let two = Plot {
        replicas: 2,
        ..PLOT
    };
    let with = |hands, plot| Plot { hands, ..plot };
    println!(
        "{:58} replicas, faults, states, steps to it, what was found",
        "mistake"
    );
    let mut t = Table(Vec::new());
    t.request::<SkipsIntent>("issues before the intent is written", PLOT, 1);
    t.request::<AsksAgain>("reads twice under one keeper", PLOT, 1);
    t.request::<UnknownIsAbsent>("takes a failed look for absence", people, 2);
    t.request::<FinalizerFirst>("drops the finalizer before the key has ended", people, 0);
    t.request::<EndsIntentAtOnce>("ends an unanswered intent at once", PLOT, 1);
    t.request::<TakesFreshIntents>("takes over another replica's fresh intent", two, 1);
    t.plant(
        "takes the age of an intent from another clock",
        RequestWorld::<Mutant<BelievesOtherClocks>>::new(Plot { skew: -600, ..two }).intending(),
        2,
        1,
    );
    t.request::<ForgetsRetiring>("forgets what it set aside", PLOT, 1);
    t.request::<ForgetsFormerKey>("forgets the former key", people, 0);
    t.request::<NeverLooksAtLeases>("does not see that AWS refuses", people, 1);
    t.request::<OverlooksEdits>("does not see that the Secret was edited", people, 0);
    t.request::<NeedsNoApproval>("issues what is denied", people, 0);
    t.request::<TakesStaleApprovals>(
        "issues what was approved before it was changed",
        Plot {
            stale: true,
            ..PLOT
        },
        0,
    );
    t.request::<TrustsStatus>(
        "revokes a foreign keeper that the status names",
        Plot {
            forged: true,
            ..PLOT
        },
        0,
    );
    let stray = Plot {
        stray: true,
        ..people
    };
    t.request::<OverwritesStray>("overwrites a key that only its Secret names", stray, 0);
    t.request::<DropsStray>("deletes a key that only its Secret names", stray, 0);
    t.hands(
        "shell: reads on an intent of any age",
        with(Hands::NoIssueClock, two),
        2,
    );
    t.hands(
        "shell: stores on an intent of any age",
        with(Hands::NoStoreClock, two),
        2,
    );
    t.hands(
        "shell: writes a status whatever is there",
        with(Hands::Forced, two),
        1,
    );
    t.plant(
        "engine: takes every mount for its own",
        Provision::<TakesAnyMount>::new(1, 1),
        1,
        0,
    );
    t.plant(
        "role: writes into another cluster's mount",
        Provision::<WritesAnywhere>::new(1, 0).foreign(),
        1,
        0,
    );
    // The same worlds, without a mistake.
    let unharmed = [
        explore(Provision::<Engine>::new(1, 1), BOUNDS),
        explore(Provision::<Role>::new(1, 0).foreign(), BOUNDS),
    ];
    assert!(unharmed.iter().all(|r| r.violation.is_none()));
    assert!(t.0.is_empty(), "not caught: {:?}", t.0);
}

const BOUNDS: Bounds = Bounds {
    replicas: 1,
    faults: 0,
    settles_in: 60,
    states: 100_000,
};
