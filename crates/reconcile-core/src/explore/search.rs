//! Breadth first through every history, those with fewer faults first.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use super::{
    Digest, Fate, World,
    drive::{Drive, Due, drive},
};
use crate::Machine;

/// How far to look.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Replicas at work at the same time.
    pub replicas: usize,
    /// Faults in one history.
    pub faults: u8,
    /// Drives of each replica, with time passing between, in which it must settle.
    pub settles_in: usize,
    /// States after which the search gives up: a guard against a model without end.
    pub states: usize,
}

/// What was seen.
#[derive(Clone, Debug)]
pub struct Report {
    /// Different states.
    pub states: usize,
    /// Whether the search ended because all were seen.
    pub complete: bool,
    /// The shortest way to something that must not be.
    pub violation: Option<Violation>,
}

/// Something that must not be, and how it came about.
#[derive(Clone, Debug)]
pub struct Violation {
    /// What.
    pub what: String,
    /// Step by step.
    pub trace: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "VIOLATED: {}", self.what)?;
        for (i, step) in self.trace.iter().enumerate() {
            writeln!(f, "{:4}. {step}", i + 1)?;
        }
        Ok(())
    }
}

struct State<W: World> {
    world: W,
    drives: Vec<Option<Drive<W>>>,
    faults: u8,
    node: usize,
}

struct Search<W: World> {
    /// How many faults were left when a state was reached: to come again with fewer is no news.
    seen: BTreeMap<u128, u8>,
    settles: BTreeSet<u128>,
    nodes: Vec<(usize, String)>,
    /// By faults left, most first: a violation is told with the fewest faults, then the fewest steps.
    queues: Vec<VecDeque<State<W>>>,
    violation: Option<Violation>,
}

/// Tries every history from there, within the bounds.
pub fn explore<W: World>(start: W, bounds: Bounds) -> Report {
    let mut search = Search {
        seen: BTreeMap::new(),
        settles: BTreeSet::new(),
        nodes: Vec::new(),
        queues: (0..=bounds.faults).map(|_| VecDeque::new()).collect(),
        violation: None,
    };
    let drives = (0..bounds.replicas).map(|_| None).collect();
    search.reach(start, drives, bounds.faults, 0, String::new());
    while search.violation.is_none()
        && search.seen.len() < bounds.states
        && let Some(state) = search.queues.iter_mut().rev().find_map(VecDeque::pop_front)
    {
        search.expand(&state, bounds);
    }
    Report {
        states: search.seen.len(),
        complete: search.queues.iter().all(VecDeque::is_empty) || search.violation.is_some(),
        violation: search.violation,
    }
}

impl<W: World> Search<W> {
    fn reach(
        &mut self,
        world: W,
        drives: Vec<Option<Drive<W>>>,
        faults: u8,
        from: usize,
        label: String,
    ) {
        let mut digest = Digest::default();
        world.digest(&mut digest);
        for drive in &drives {
            digest.text("|");
            if let Some(drive) = drive {
                drive.digest(&world, &mut digest);
            }
        }
        let before = self.seen.get(&digest.value()).copied();
        if before.is_some_and(|before| before >= faults) {
            return;
        }
        self.seen.insert(digest.value(), faults);
        let node = self.nodes.len();
        self.nodes.push((from, label));
        if let Some(what) = world.violation() {
            self.violate(node, what);
        }
        self.queues[usize::from(faults)].push_back(State {
            world,
            drives,
            faults,
            node,
        });
    }

    fn violate(&mut self, mut node: usize, what: String) {
        if self.violation.is_some() {
            return;
        }
        let mut trace = Vec::new();
        while node > 0 {
            let (from, label) = &self.nodes[node];
            trace.push(label.clone());
            node = *from;
        }
        trace.reverse();
        self.violation = Some(Violation { what, trace });
    }

    fn expand(&mut self, state: &State<W>, bounds: Bounds) {
        let busy = state.drives.iter().any(Option::is_some);
        if !busy && let Err(what) = self.settles(&state.world, bounds) {
            self.violate(state.node, what);
            return;
        }
        for step in state.world.moves(busy) {
            if step.cost <= state.faults {
                let faults = state.faults - step.cost;
                self.reach(
                    step.world,
                    state.drives.clone(),
                    faults,
                    state.node,
                    step.label,
                );
            }
        }
        for replica in 0..bounds.replicas {
            match &state.drives[replica] {
                None => self.begin(state, replica),
                Some(present) => self.go_on(state, replica, present),
            }
            if state.faults > 0 {
                let mut world = state.world.clone();
                world.crash(replica);
                self.follow(
                    state,
                    replica,
                    world,
                    Ok(None),
                    1,
                    format!("[{replica}] crashes"),
                );
            }
        }
    }

    fn begin(&mut self, state: &State<W>, replica: usize) {
        let mut world = state.world.clone();
        let begun = Drive::begin(&mut world, replica);
        self.follow(
            state,
            replica,
            world,
            begun,
            0,
            format!("[{replica}] looks"),
        );
    }

    fn go_on(&mut self, state: &State<W>, replica: usize, present: &Drive<W>) {
        let Some(due) = present.due(&state.world, replica) else {
            return;
        };
        let (name, fates) = match &due {
            Due::Status(_) => (
                "status: say how it stands".to_owned(),
                vec![Fate::Refused, Fate::Lost, Fate::Late],
            ),
            Due::Action(action) => {
                let fates = match W::Machine::records(action) {
                    Some(_) => vec![Fate::Refused, Fate::Lost, Fate::Late],
                    None => state.world.fates(action),
                };
                (action.to_string(), fates)
            }
        };
        let mut take = |fate: Fate, cost: u8, crash: bool, how: &str| {
            let mut world = state.world.clone();
            let mut after = present.clone().step(&mut world, replica, &due, fate);
            if crash {
                world.crash(replica);
                after = after.map(|_| None);
            }
            self.follow(
                state,
                replica,
                world,
                after,
                cost,
                format!("[{replica}] {name}{how}"),
            );
        };
        take(Fate::Done, 0, false, "");
        if state.faults == 0 {
            return;
        }
        for fate in fates {
            let how = match fate {
                Fate::Done => continue,
                Fate::Refused => " — refused",
                Fate::Lost => " — took effect, answer lost",
                Fate::Late => " — unanswered, still on its way",
            };
            take(fate, 1, false, how);
        }
        take(Fate::Done, 1, true, " — took effect, then a crash");
    }

    fn follow(
        &mut self,
        state: &State<W>,
        replica: usize,
        world: W,
        drive: Result<Option<Drive<W>>, String>,
        cost: u8,
        label: String,
    ) {
        match drive {
            Ok(drive) => {
                let mut drives = state.drives.clone();
                drives[replica] = drive;
                self.reach(world, drives, state.faults - cost, state.node, label);
            }
            Err(what) => {
                let node = self.nodes.len();
                self.nodes.push((state.node, label));
                self.violate(node, what);
            }
        }
    }

    /// Without further faults it comes to rest, as it should be, and stays so.
    fn settles(&mut self, world: &W, bounds: Bounds) -> Result<(), String> {
        let mut world = world.clone();
        let mut way = Vec::new();
        let mut why = String::new();
        for _ in 0..bounds.settles_in {
            let before = fingerprint(&world);
            if self.settles.contains(&before) {
                self.settles.extend(way);
                return Ok(());
            }
            way.push(before);
            for replica in 0..bounds.replicas {
                drive(&mut world, replica)?;
                if let Some(what) = world.violation() {
                    return Err(format!("on the way to rest: {what}"));
                }
            }
            if fingerprint(&world) == before {
                match world.unsettled() {
                    None => {
                        self.settles.extend(way);
                        return Ok(());
                    }
                    Some(what) => why = what,
                }
                if !world.pass() {
                    return Err(format!("stuck: {why}"));
                }
                if let Some(what) = world.violation() {
                    return Err(format!("on the way to rest: {what}"));
                }
            }
        }
        Err(format!(
            "not at rest after {} drives: {why}",
            bounds.settles_in
        ))
    }
}

fn fingerprint<W: World>(world: &W) -> u128 {
    let mut digest = Digest::default();
    world.digest(&mut digest);
    digest.value()
}
