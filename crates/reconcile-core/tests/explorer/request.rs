//! Vault, AWS and the API server around one AWSAccessKeyRequest, as small as its histories allow.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::rc::Rc;

use leasehold_api_types::{
    AwsAccessKeyRequestSpec, AwsAccessKeyRequestStatus, Condition,
    aws_access_key_request::{APPROVED, DENIED, Intent, Retiring, RoleRef, Subject, VaultPlace},
    time,
};
use leasehold_reconcile_core::{
    Failure, FailureClass, Known, Machine, Next, Object, Settings, SignedDuration, Timestamp,
    aws_access_key_request::{
        Action, Held, HeldKeeper, ISSUE_WITHIN, KeeperSeen, KeyFacts, LeaseSeen, OFTEN, Observed,
        Outcome, SELDOM, STORE_WITHIN, SecretSeen, State, UNANSWERED_READ,
    },
    explore::{Digest, Fate, Move, World},
    reasons,
};

const START: i64 = 1_700_000_000;
const LEASE: i64 = 1200;
/// Vault ends a request after this.
const READ_LIMIT: i64 = 90;
pub(crate) const FOREIGN: u8 = 99;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Live,
    /// Its keeper ended; Vault will tell AWS.
    Queued,
    /// AWS refused.
    Refused,
}

#[derive(Clone, Debug)]
pub(crate) struct Lease {
    keeper: u8,
    ends: i64,
    life: Life,
    /// Whether its read found the keeper dead: nothing will ever end it.
    orphan: bool,
    /// Whether its key ever stood in the Secret: somebody may have read it.
    delivered: bool,
}

#[derive(Clone, Debug)]
struct Secret {
    ours: bool,
    facts: Option<Rc<KeyFacts>>,
    edited: bool,
    version: u16,
}

/// An effect whose caller gave up.
#[derive(Clone, Debug)]
enum Late {
    Read {
        keeper: u8,
    },
    Store {
        facts: Rc<KeyFacts>,
        version: Option<u16>,
    },
    Status {
        state: Rc<State>,
        version: u16,
    },
    Unfinalize {
        version: u16,
    },
}

impl Late {
    /// It takes effect within so many seconds, or never: the API server's limit is 60 s.
    fn limit(&self) -> i64 {
        if matches!(self, Self::Read { .. }) {
            READ_LIMIT
        } else {
            60
        }
    }
}

#[derive(Clone, Debug)]
struct Replica {
    run: u8,
    held: Held,
    /// The resourceVersion and the state it last saw.
    saw: u16,
    saw_state: Rc<State>,
    /// The version of the Secret it last saw.
    saw_secret: Option<u16>,
    intent_written: Option<i64>,
    /// Keepers under which a read may run: the intent's time as it was written, and when it was
    /// first seen.
    seen: BTreeMap<u8, (Option<Timestamp>, i64)>,
    /// How far its clock is off.
    skew: i64,
    /// What it has dealt with in this drive.
    met: BTreeSet<u8>,
}

/// How a world begins and what people may do in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plot {
    pub(crate) replicas: u8,
    /// Deletions, denials and lost Secrets in one history.
    pub(crate) people: u8,
    /// Seconds.
    pub(crate) horizon: i64,
    pub(crate) forged: bool,
    /// Another spec was approved.
    pub(crate) stale: bool,
    /// The status is lost, and a key stands in the Secret.
    pub(crate) stray: bool,
    /// How far the first replica's clock is off, in seconds.
    pub(crate) skew: i64,
    pub(crate) hands: Hands,
}

/// One replica, nobody interferes.
pub(crate) const PLOT: Plot = Plot {
    replicas: 1,
    people: 0,
    horizon: 105,
    forged: false,
    stale: false,
    stray: false,
    skew: 0,
    hands: Hands::Right,
};

/// What the shell owes, and how it can fail to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hands {
    Right,
    /// Reads keys on an intent of any age.
    NoIssueClock,
    /// Stores keys on an intent of any age.
    NoStoreClock,
    /// Writes a status over whatever another replica wrote.
    Forced,
}

pub(crate) struct RequestWorld<M> {
    plot: Plot,
    base: Rc<Observed>,
    now: i64,
    gone: bool,
    finalizer: bool,
    deleting: Option<i64>,
    denied: bool,
    version: u16,
    state: Rc<State>,
    secret: Option<Secret>,
    keepers: BTreeMap<u8, i64>,
    leases: BTreeMap<u8, Lease>,
    late: Vec<(i64, Late)>,
    let_go: bool,
    replicas: Vec<Replica>,
    next_secret: u16,
    people: u8,
    wrong: Option<&'static str>,
    machine: PhantomData<M>,
}

impl<M> Clone for RequestWorld<M> {
    fn clone(&self) -> Self {
        Self {
            plot: self.plot,
            base: self.base.clone(),
            now: self.now,
            gone: self.gone,
            finalizer: self.finalizer,
            deleting: self.deleting,
            denied: self.denied,
            version: self.version,
            state: self.state.clone(),
            secret: self.secret.clone(),
            keepers: self.keepers.clone(),
            leases: self.leases.clone(),
            late: self.late.clone(),
            let_go: self.let_go,
            replicas: self.replicas.clone(),
            next_secret: self.next_secret,
            people: self.people,
            wrong: self.wrong,
            machine: PhantomData,
        }
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn id(text: &str) -> u8 {
    text.rsplit('-')
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}

fn keeper_name(id: u8) -> String {
    format!("keeper-{id}")
}

fn run_name(run: u8) -> String {
    format!("run-{run}")
}

fn lease_name(id: u8) -> String {
    format!("lease-{id}")
}

fn unanswered() -> Failure {
    Failure::transient(reasons::VAULT_UNREACHABLE, "no answer")
}

fn refused() -> Failure {
    Failure::new(FailureClass::Denied, reasons::VAULT_DENIED, "refused")
}

fn stale() -> Failure {
    Failure::new(FailureClass::Conflict, reasons::KUBERNETES, "409")
}

fn place() -> VaultPlace {
    VaultPlace {
        cluster_id: "vault-1".into(),
        mount: "aws".into(),
        namespace: "demo".into(),
        app_binding: "vault".into(),
    }
}

impl<M> RequestWorld<M> {
    pub(crate) fn new(plot: Plot) -> Self {
        let object = Object {
            namespace: "demo".into(),
            name: "r".into(),
            uid: "u-1".into(),
            generation: 1,
            ..Object::default()
        };
        let spec = AwsAccessKeyRequestSpec {
            role_ref: RoleRef {
                name: "role".into(),
                namespace: "demo".into(),
                ..RoleRef::default()
            },
            subjects: vec![Subject::default()],
            ..AwsAccessKeyRequestSpec::default()
        };
        let settings = Settings {
            keeper_max: SignedDuration::from_secs(LEASE + 600),
            revocation_deadline: SignedDuration::from_hours(24),
            ..Settings::default()
        };
        let previous = AwsAccessKeyRequestStatus::default();
        let mut base = Observed::fresh(object, spec, previous, settings);
        base.engine_lease = Known::Is(SignedDuration::from_secs(LEASE));
        base.reader_role = Known::Is(true);
        base.reader_binding = Known::Is(true);
        base.previous.conditions = vec![Condition {
            type_: APPROVED.into(),
            observed_generation: Some(if plot.stale { 2 } else { 1 }),
            ..Condition::default()
        }];
        let mut state = State::default();
        let mut keepers = BTreeMap::new();
        if plot.forged {
            keepers.insert(FOREIGN, i64::MAX);
            state.retiring.push(Retiring {
                keeper: keeper_name(FOREIGN),
                lease_id: None,
                not_before: time(at(START)),
                vault: place(),
            });
        }
        let state = Rc::new(state);
        let mut leases = BTreeMap::new();
        let secret = plot.stray.then(|| {
            keepers.insert(1, START + LEASE + 600);
            let lease = Lease {
                keeper: 1,
                ends: START + LEASE,
                life: Life::Live,
                orphan: false,
                delivered: true,
            };
            leases.insert(2, lease);
            let facts = KeyFacts {
                keeper: Some(keeper_name(1).into()),
                lease: Some(lease_name(2).into()),
                duration: SignedDuration::from_secs(LEASE),
                renewable: true,
                issued_at: at(START),
                expires_at: at(START + LEASE),
                role_generation: Some(1),
            };
            Secret {
                ours: true,
                facts: Some(Rc::new(facts)),
                edited: false,
                version: 0,
            }
        });
        let replica = |run| Replica {
            run,
            held: Held::default(),
            saw: 0,
            saw_state: Rc::new(State::default()),
            saw_secret: None,
            intent_written: None,
            seen: BTreeMap::new(),
            skew: if run == 0 { plot.skew } else { 0 },
            met: BTreeSet::new(),
        };
        Self {
            plot,
            base: Rc::new(base),
            now: START,
            gone: false,
            finalizer: plot.stray,
            deleting: None,
            denied: false,
            version: 1,
            state,
            secret,
            keepers,
            leases,
            late: Vec::new(),
            let_go: false,
            replicas: (0..plot.replicas).map(replica).collect(),
            next_secret: 1,
            people: plot.people,
            wrong: None,
            machine: PhantomData,
        }
    }

    /// The first replica has just written its intent, and nothing is of note before others may
    /// take it over: a long sleep is then one step.
    pub(crate) fn intending(mut self) -> Self {
        let start = at(START + self.plot.skew);
        let keeper = HeldKeeper {
            accessor: keeper_name(1).into(),
            ttl: SignedDuration::from_secs(LEASE + 600),
            opened_at: start + UNANSWERED_READ - SignedDuration::from_secs(60),
            asked: false,
            refused: false,
        };
        let intent = Intent {
            keeper: Some(keeper_name(1)),
            by: run_name(0),
            at: time(start),
            vault: place(),
        };
        self.finalizer = true;
        self.keepers.insert(1, START + LEASE + 600);
        self.state = Rc::new(State {
            intent: Some(intent),
            approved_generation: Some(1),
            ..State::default()
        });
        self.replicas[0].held.keeper = Some(keeper);
        self.replicas[0].intent_written = Some(START);
        self.look_for_reads(0);
        self
    }

    /// The smallest that nothing speaks of: histories that differ in names only are one.
    fn fresh_id(&mut self, replica: usize) -> u8 {
        let named = |names: &mut dyn Iterator<Item = &str>| names.map(id).collect::<Vec<u8>>();
        let mut used: BTreeSet<u8> = self.claimed();
        used.extend(self.leases.iter().flat_map(|(lease, l)| [*lease, l.keeper]));
        for (_, late) in &self.late {
            match late {
                Late::Read { keeper } => used.extend([*keeper]),
                Late::Status { state, .. } => used.extend(ids_of(state)),
                Late::Store { facts, .. } => used.extend(ids_of_key(facts)),
                Late::Unfinalize { .. } => {}
            }
        }
        used.extend(ids_of(&self.state));
        for r in &self.replicas {
            used.extend(ids_of(&r.saw_state));
            used.extend(&r.met);
            used.extend(r.seen.keys());
            used.extend(r.held.at_rest.iter().map(|k| id(k.as_str())));
            used.extend(r.held.keeper.iter().map(|k| id(k.accessor.as_str())));
            used.extend(r.held.key.iter().flat_map(ids_of_key));
            used.extend(named(
                &mut r
                    .held
                    .looks
                    .keys()
                    .map(leasehold_vault_client::LeaseId::as_str),
            ));
        }
        used.extend(
            self.secret
                .iter()
                .filter_map(|s| s.facts.as_deref())
                .flat_map(ids_of_key),
        );
        let id = (1..u8::MAX).find(|id| !used.contains(id)).unwrap();
        self.keepers.remove(&id);
        self.replicas[replica].met.insert(id);
        id
    }

    /// As the shell remembers it.
    fn look_for_reads(&mut self, replica: usize) {
        let state = self.state.clone();
        self.replicas[replica].note_reads(&state, self.now);
    }

    /// How far the replicas' clocks are off, each offset once.
    fn skews(&self) -> BTreeSet<i64> {
        self.replicas.iter().map(|r| r.skew).collect()
    }

    fn seen_secret(&self) -> Known<SecretSeen> {
        self.secret.as_ref().map_or(Known::Absent, |s| {
            Known::Is(SecretSeen {
                ours: s.ours,
                facts: s.facts.as_deref().cloned(),
                edited: s.edited,
            })
        })
    }

    /// A creds read reaches AWS.
    fn make_key(&mut self, replica: usize, keeper: u8) -> u8 {
        let lease = self.fresh_id(replica);
        let orphan = !self.keepers.contains_key(&keeper);
        let ends = self.now + LEASE;
        self.leases.insert(
            lease,
            Lease {
                keeper,
                ends,
                life: Life::Live,
                orphan,
                delivered: false,
            },
        );
        lease
    }

    fn end_keeper(&mut self, keeper: u8) {
        if keeper == FOREIGN {
            self.wrong = Some("a foreign keeper is revoked");
        }
        self.keepers.remove(&keeper);
        for lease in self
            .leases
            .values_mut()
            .filter(|l| l.keeper == keeper && !l.orphan)
        {
            if lease.life == Life::Live {
                lease.life = Life::Queued;
            }
        }
    }

    fn store(&mut self, facts: Rc<KeyFacts>) -> u16 {
        if self.secret.as_ref().is_some_and(|s| !s.ours) {
            self.wrong = Some("a foreign Secret is overwritten");
        }
        if let Some(lease) = facts.lease.as_ref().map(|l| id(l.as_str()))
            && let Some(lease) = self.leases.get_mut(&lease)
        {
            lease.delivered = true;
        }
        let version = self.next_secret;
        self.next_secret += 1;
        self.secret = Some(Secret {
            ours: true,
            facts: Some(facts),
            edited: false,
            version,
        });
        version
    }

    /// With an unrecorded key in it, the only word of its lease is lost: then its keeper's end has
    /// to do as proof.
    fn lose_secret(&mut self) {
        self.unlearn();
        self.secret = None;
    }

    fn unlearn(&mut self) {
        let facts = self.secret.as_ref().and_then(|s| s.facts.clone());
        let lease = facts.and_then(|f| f.lease.clone()).map(|l| l.to_string());
        let recorded = self.state.lease.as_ref().map(|l| &l.id) == lease.as_ref()
            || self.state.retiring.iter().any(|r| r.lease_id == lease);
        if let Some(lease) = lease.filter(|_| !recorded)
            && let Some(lease) = self.leases.get_mut(&id(&lease))
        {
            lease.delivered = false;
        }
    }

    fn take_status(&mut self, state: Rc<State>) -> u16 {
        if state.intent.is_some() && self.state.intent.is_none() {
            if self.denied {
                self.wrong = Some("an issue begins although it is denied");
            }
            if self.plot.stale {
                self.wrong = Some("an issue begins although another spec was approved");
            }
        }
        self.version += 1;
        self.state = state;
        self.version
    }

    fn unfinalize(&mut self) {
        self.finalizer = false;
        self.version += 1;
        if self.deleting.is_some() {
            self.gone = true;
            self.secret = None;
        }
    }

    fn land(&mut self, late: Late) {
        match late {
            Late::Read { keeper, .. } => {
                self.make_key(0, keeper);
            }
            Late::Store { facts, version } => {
                if !self.gone && self.secret.as_ref().map(|s| s.version) == version {
                    self.store(facts);
                    // Whoever stored it has long given up, and perhaps nobody looks again.
                    if self.state.intent.is_none() || self.deleting.is_some() || self.denied {
                        self.unlearn();
                    }
                }
            }
            Late::Status { state, version } => {
                if !self.gone && self.version == version {
                    self.take_status(state);
                }
            }
            Late::Unfinalize { version } => {
                if !self.gone && self.version == version {
                    self.unfinalize();
                }
            }
        }
    }

    fn moments(&self, busy: bool) -> BTreeSet<i64> {
        let mut all = Vec::new();
        for skew in self.skews() {
            let s = |t: Timestamp| t.as_second() - skew;
            if let Some(intent) = &self.state.intent
                && busy
            {
                let clock = matches!(self.plot.hands, Hands::Right | Hands::Forced);
                all.extend(clock.then(|| s(intent.at.0) + ISSUE_WITHIN.as_secs() + 1));
            }
            let former = self.state.retiring.iter().filter(|r| r.lease_id.is_some());
            all.extend(former.map(|r| s(r.not_before.0)));
            if let Some(credential) = &self.state.credential {
                all.push(s(credential.renew_at.0));
            }
        }
        for replica in &self.replicas {
            let s = |t: Timestamp| t.as_second() - replica.skew;
            let named = reads(&self.state);
            let seen = replica.seen.iter().filter(|(k, _)| named.contains_key(*k));
            all.extend(seen.map(|(_, (_, since))| since + UNANSWERED_READ.as_secs()));
            all.extend(replica.held.not_before.map(s));
            all.extend(replica.held.unstored_since.map(|t| s(t) + 300));
            all.extend(replica.held.keeper.as_ref().map(|k| s(k.opened_at) + 60));
        }
        all.extend(self.late.iter().map(|(sent, late)| sent + late.limit()));
        all.extend(
            self.keepers
                .iter()
                .filter(|(k, _)| self.matters(**k))
                .map(|(_, t)| *t),
        );
        all.extend(self.leases.values().map(|l| l.ends));
        all.into_iter().filter(|t| *t > self.now).collect()
    }

    fn move_to(&mut self, moment: i64) {
        // What had to be over by then is over.
        let (over, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.late)
            .into_iter()
            .partition(|(sent, late)| sent + late.limit() <= moment);
        self.late = rest;
        for (_, late) in over {
            // A write that is over without effect is one more history; its effect in time was
            // another move.
            if matches!(late, Late::Read { .. }) {
                self.land(late);
            }
        }
        self.now = moment;
        let ended: Vec<u8> = self
            .keepers
            .iter()
            .filter(|(_, ends)| **ends <= moment)
            .map(|(k, _)| *k)
            .collect();
        for keeper in ended {
            self.end_keeper(keeper);
        }
        for lease in self
            .leases
            .values_mut()
            .filter(|l| l.ends <= moment && !l.orphan)
        {
            if lease.life == Life::Live {
                lease.life = Life::Queued;
            }
        }
    }

    /// A keeper that nothing names and on which nothing hangs ends unseen.
    fn matters(&self, keeper: u8) -> bool {
        let name = keeper_name(keeper);
        self.leases.values().any(|l| l.keeper == keeper)
            || self.claimed().contains(&keeper)
            || self.late.iter().any(|(_, l)| match l {
                Late::Read { keeper: k, .. } => *k == keeper,
                Late::Status { state, .. } => state
                    .intent
                    .as_ref()
                    .is_some_and(|i| i.keeper.as_ref() == Some(&name)),
                Late::Store { .. } | Late::Unfinalize { .. } => false,
            })
            || self.replicas.iter().any(|r| {
                r.held
                    .keeper
                    .as_ref()
                    .is_some_and(|k| k.accessor.as_str() == name)
            })
    }

    fn claimed(&self) -> BTreeSet<u8> {
        if self.gone {
            return BTreeSet::new();
        }
        let state = &self.state;
        let credential = state.credential.as_ref().and_then(|c| c.keeper.as_deref());
        let intent = state.intent.as_ref().and_then(|i| i.keeper.as_deref());
        let retiring = state.retiring.iter().map(|r| r.keeper.as_str());
        credential
            .into_iter()
            .chain(intent)
            .chain(retiring)
            .map(id)
            .chain(self.stray())
            .collect()
    }

    /// The keeper of a key that only the Secret names, where the status was lost.
    fn stray(&self) -> Option<u8> {
        let secret = self.secret.as_ref().filter(|_| self.plot.stray)?;
        let keeper = secret.facts.as_ref()?.keeper.as_ref()?;
        Some(id(keeper.as_str()))
    }
}

/// Only what is ahead matters of a moment: histories that differ in when they happened are one.
fn ahead(moment: Option<Timestamp>, now: i64, d: &mut Digest) {
    d.number(moment.map_or(-2, |t| (t.as_second() - now).max(-1)));
}

fn digest_state(state: &State, now: i64, d: &mut Digest) {
    d.text("state");
    if let Some(c) = &state.credential {
        d.text(c.keeper.as_deref().unwrap_or(""));
        ahead(Some(c.renew_at.0), now, d);
    }
    d.text(state.lease.as_ref().map_or("", |l| &l.id));
    d.text(state.secret.as_deref().unwrap_or(""));
    if let Some(i) = &state.intent {
        d.text(i.keeper.as_deref().unwrap_or(""));
        ahead(Some(i.at.0 + ISSUE_WITHIN), now, d);
        ahead(Some(i.at.0 + STORE_WITHIN), now, d);
    }
    for r in &state.retiring {
        d.text(&r.keeper);
        d.text(r.lease_id.as_deref().unwrap_or("-"));
        ahead(Some(r.not_before.0), now, d);
    }
    d.number(state.approved_generation.unwrap_or(-1));
}

/// Keepers under which a read may be running, as a status tells, with the time of their intent.
fn reads(state: &State) -> BTreeMap<u8, Option<Timestamp>> {
    let intent = state.intent.iter();
    let intent = intent.filter_map(|i| Some((id(i.keeper.as_deref()?), Some(i.at.0))));
    let former = state.retiring.iter().filter(|r| r.lease_id.is_none());
    intent
        .chain(former.map(|r| (id(&r.keeper), None)))
        .collect()
}

impl Replica {
    fn note_reads(&mut self, state: &State, now: i64) {
        let mut seen = BTreeMap::new();
        for (keeper, at) in reads(state) {
            let before = self.seen.get(&keeper).copied();
            let same = before.filter(|(before, _)| at.is_none() || *before == at);
            seen.insert(keeper, same.unwrap_or((at, now)));
        }
        self.seen = seen;
    }
}

fn ids_of(state: &State) -> Vec<u8> {
    let keepers = state.credential.iter().filter_map(|c| c.keeper.as_deref());
    let intents = state.intent.iter().filter_map(|i| i.keeper.as_deref());
    let former = state.retiring.iter().map(|r| r.keeper.as_str());
    let leases = state.lease.iter().map(|l| l.id.as_str());
    let ended = state.retiring.iter().filter_map(|r| r.lease_id.as_deref());
    keepers
        .chain(intents)
        .chain(former)
        .chain(leases)
        .chain(ended)
        .map(id)
        .collect()
}

fn ids_of_key(facts: &KeyFacts) -> Vec<u8> {
    let keeper = facts.keeper.as_ref().map(|k| id(k.as_str()));
    let lease = facts.lease.as_ref().map(|l| id(l.as_str()));
    keeper.into_iter().chain(lease).collect()
}

fn digest_facts(facts: Option<&KeyFacts>, d: &mut Digest) {
    d.text(
        facts
            .and_then(|f| f.keeper.as_ref())
            .map_or("", |k| k.as_str()),
    );
}

fn digest_held(held: &Held, now: i64, d: &mut Digest) {
    d.text("held");
    if let Some(k) = &held.keeper {
        d.text(k.accessor.as_str());
        d.number(i64::from(k.asked) * 2 + i64::from(k.refused));
        ahead(Some(k.opened_at + SignedDuration::from_secs(60)), now, d);
    }
    digest_facts(held.key.as_ref(), d);
    d.number(
        i64::from(held.stored) * 4
            + i64::from(held.role_granted) * 2
            + i64::from(held.binding_granted),
    );
    ahead(
        held.unstored_since
            .map(|t| t + SignedDuration::from_secs(300)),
        now,
        d,
    );
    ahead(held.not_before, now, d);
    for keeper in &held.at_rest {
        d.text(keeper.as_str());
    }
    for (lease, looks) in &held.looks {
        d.text(lease.as_str());
        d.number(i64::from(*looks));
    }
}

impl<M> World for RequestWorld<M>
where
    M: Machine<
            Observed = Observed,
            Action = Action,
            Outcome = Outcome,
            Status = AwsAccessKeyRequestStatus,
        >,
{
    type Machine = M;

    fn now(&self, replica: usize) -> Timestamp {
        at(self.now + self.replicas[replica].skew)
    }

    fn observe(&mut self, replica: usize) -> Option<Observed> {
        if self.gone {
            return None;
        }
        let mut o = (*self.base).clone();
        o.object.finalizer = self.finalizer;
        o.object.deleting = self.deleting.map(at);
        if self.denied {
            let denied = Condition {
                type_: DENIED.into(),
                ..Condition::default()
            };
            o.previous.conditions.push(denied);
        }
        o.state = (*self.state).clone();
        o.secret = self.seen_secret();
        let version = self.secret.as_ref().map(|s| s.version);
        self.look_for_reads(replica);
        let me = &mut self.replicas[replica];
        let local = |(keeper, (_, since)): (&u8, &(_, i64))| {
            (keeper_name(*keeper).into(), at(since + me.skew))
        };
        o.seen = me.seen.iter().map(local).collect();
        o.settings.instance = run_name(me.run);
        o.held = me.held.clone();
        me.saw = self.version;
        me.saw_state = self.state.clone();
        me.saw_secret = version;
        me.met.clear();
        Some(o)
    }

    fn fates(&self, action: &Action) -> Vec<Fate> {
        match action {
            Action::LookAtSecret | Action::LookUpKeeper { .. } | Action::LookUpLease { .. } => {
                vec![Fate::Refused]
            }
            Action::AddFinalizer
            | Action::OpenKeeper { .. }
            | Action::RevokeKeeper { .. }
            | Action::RevokeLease { .. }
            | Action::GrantRole { .. }
            | Action::GrantBinding { .. }
            | Action::DeleteSecret { .. } => vec![Fate::Refused, Fate::Lost],
            Action::Issue { .. } | Action::StoreSecret { .. } | Action::RemoveFinalizer => {
                vec![Fate::Refused, Fate::Lost, Fate::Late]
            }
            _ => vec![],
        }
    }

    #[expect(clippy::too_many_lines, reason = "one arm an action")]
    fn perform(&mut self, replica: usize, action: &Action, fate: Fate) -> Result<Outcome, Failure> {
        if let (Fate::Refused, Action::Issue { .. }) = (fate, action) {
            return Ok(Outcome::NoKey {
                answered: true,
                failure: refused(),
            });
        }
        if fate == Fate::Refused {
            return Err(refused());
        }
        let mut lost = fate == Fate::Lost;
        let outcome = match action {
            Action::AddFinalizer => {
                if self.gone || self.replicas[replica].saw != self.version {
                    return Err(stale());
                }
                self.finalizer = true;
                self.version += 1;
                if !lost {
                    self.replicas[replica].saw = self.version;
                }
                Outcome::Done
            }
            Action::RemoveFinalizer => {
                let version = self.replicas[replica].saw;
                if fate == Fate::Late {
                    self.late.push((self.now, Late::Unfinalize { version }));
                    return Err(unanswered());
                }
                if !self.gone && version != self.version {
                    return Err(stale());
                }
                if !self.gone {
                    self.unfinalize();
                }
                if !lost {
                    self.replicas[replica].saw = self.version;
                }
                Outcome::Done
            }
            Action::LookAtSecret => {
                self.replicas[replica].saw_secret = self.secret.as_ref().map(|s| s.version);
                Outcome::Secret(self.seen_secret())
            }
            Action::OpenKeeper { ttl, .. } => {
                let keeper = self.fresh_id(replica);
                self.keepers.insert(keeper, self.now + ttl.as_secs());
                Outcome::Keeper {
                    accessor: keeper_name(keeper).into(),
                    ttl: *ttl,
                }
            }
            Action::Issue { keeper, .. } => {
                let keeper = id(keeper.as_ref().unwrap().as_str());
                // The hands measure this on a monotonic clock.
                let in_time = self.replicas[replica]
                    .intent_written
                    .is_some_and(|t| self.now - t <= ISSUE_WITHIN.as_secs())
                    || self.plot.hands == Hands::NoIssueClock;
                if !in_time || !self.keepers.contains_key(&keeper) {
                    return Ok(Outcome::NoKey {
                        answered: true,
                        failure: refused(),
                    });
                }
                let asked = self.leases.values().any(|l| l.keeper == keeper)
                    || self
                        .late
                        .iter()
                        .any(|(_, l)| matches!(l, Late::Read { keeper: k } if *k == keeper));
                if asked {
                    self.wrong = Some("a second read under one keeper");
                }
                let unheard = Outcome::NoKey {
                    answered: false,
                    failure: unanswered(),
                };
                if fate == Fate::Late {
                    self.late.push((self.now, Late::Read { keeper }));
                    return Ok(unheard);
                }
                let lease = self.make_key(replica, keeper);
                if lost {
                    return Ok(unheard);
                }
                Outcome::Key {
                    lease: Some(lease_name(lease).into()),
                    duration: SignedDuration::from_secs(LEASE),
                    renewable: true,
                }
            }
            Action::StoreSecret { .. } => {
                let version = self.secret.as_ref().map(|s| s.version);
                let facts = Rc::new(self.replicas[replica].held.key.clone().unwrap());
                let in_time = self.replicas[replica]
                    .intent_written
                    .is_some_and(|t| self.now - t <= STORE_WITHIN.as_secs())
                    || self.plot.hands == Hands::NoStoreClock;
                if self.gone || !in_time {
                    return Err(refused());
                }
                if fate == Fate::Late {
                    self.late.push((self.now, Late::Store { facts, version }));
                    return Err(unanswered());
                }
                let version = self.store(facts);
                if !lost {
                    self.replicas[replica].saw_secret = Some(version);
                }
                Outcome::Done
            }
            Action::LookUpKeeper { accessor, .. } => {
                let keeper = id(accessor.as_str());
                self.replicas[replica].met.insert(keeper);
                Outcome::KeeperSeen(if self.keepers.contains_key(&keeper) {
                    Known::Is(KeeperSeen {
                        ours: keeper != FOREIGN,
                    })
                } else {
                    Known::Absent
                })
            }
            Action::RevokeKeeper { accessor, .. } => {
                self.end_keeper(id(accessor.as_str()));
                Outcome::Done
            }
            Action::LookUpLease { lease, .. } => {
                self.replicas[replica].met.insert(id(lease.as_str()));
                let seen = self.leases.get(&id(lease.as_str()));
                Outcome::LeaseSeen(seen.map_or(Known::Absent, |l| {
                    let live = l.life == Life::Live;
                    Known::Is(LeaseSeen {
                        ttl: if live { l.ends - self.now } else { 0 },
                    })
                }))
            }
            Action::RevokeLease { lease, .. } => {
                let lease = id(lease.as_str());
                if self
                    .leases
                    .get(&lease)
                    .is_some_and(|l| l.life == Life::Live)
                {
                    self.wrong = Some("a lease is revoked whose keeper lives");
                }
                self.leases.remove(&lease);
                Outcome::Done
            }
            Action::DeleteSecret { .. } => {
                // With the version seen as precondition.
                let same =
                    self.secret.as_ref().map(|s| s.version) == self.replicas[replica].saw_secret;
                if self.secret.is_some() && !same {
                    return Err(stale());
                }
                if self.secret.as_ref().is_some_and(|s| !s.ours) {
                    self.wrong = Some("a foreign Secret is deleted");
                }
                self.secret = None;
                Outcome::Done
            }
            Action::LetGo { .. } => {
                self.let_go = true;
                lost = false;
                Outcome::Done
            }
            _ => Outcome::Done,
        };
        if lost { Err(unanswered()) } else { Ok(outcome) }
    }

    fn is_news(&self, replica: usize, status: &AwsAccessKeyRequestStatus) -> bool {
        State::of(status) != *self.replicas[replica].saw_state
    }

    fn write_status(
        &mut self,
        replica: usize,
        status: &AwsAccessKeyRequestStatus,
        fate: Fate,
    ) -> Result<(), Failure> {
        if fate == Fate::Refused {
            return Err(refused());
        }
        let forced = self.plot.hands == Hands::Forced;
        let version = self.replicas[replica].saw;
        if self.gone || (version != self.version && !forced) {
            return Err(stale());
        }
        let state = Rc::new(State::of(status));
        if fate == Fate::Late {
            self.late.push((self.now, Late::Status { state, version }));
            return Err(unanswered());
        }
        let intent = state.intent.is_some() && self.state.intent != state.intent;
        let version = self.take_status(state.clone());
        if fate == Fate::Lost {
            return Err(unanswered());
        }
        let now = self.now;
        let me = &mut self.replicas[replica];
        me.saw = version;
        me.saw_state = state;
        if intent {
            me.intent_written = Some(now);
        }
        Ok(())
    }

    fn remember(&mut self, replica: usize, observed: &Observed) {
        let now = self.now;
        let me = &mut self.replicas[replica];
        me.held = observed.held.clone();
        me.note_reads(&observed.state, now);
    }

    fn rest(&mut self, replica: usize, _: Next) {
        self.replicas[replica].met.clear();
    }

    fn crash(&mut self, replica: usize) {
        let run = self.replicas.iter().map(|r| r.run).max().unwrap_or(0) + 1;
        let me = &mut self.replicas[replica];
        me.run = run;
        me.held = Held::default();
        me.intent_written = None;
        me.seen.clear();
        me.met.clear();
    }

    fn moves(&self, busy: bool) -> Vec<Move<Self>> {
        let mut moves = Vec::new();
        let mut push = |label: String, cost: u8, change: &dyn Fn(&mut Self)| {
            let mut world = self.clone();
            change(&mut world);
            moves.push(Move { label, world, cost });
        };
        if self.people > 0 && !self.gone {
            if self.deleting.is_none() {
                push("the user deletes the request".into(), 0, &|w| {
                    w.people -= 1;
                    w.deleting = Some(w.now);
                    w.version += 1;
                    if !w.finalizer {
                        w.gone = true;
                        w.secret = None;
                    }
                });
                if !self.denied {
                    push("an approver denies the request".into(), 0, &|w| {
                        w.people -= 1;
                        w.denied = true;
                        w.version += 1;
                    });
                }
            }
            for (lease, seen) in &self.leases {
                let recorded = self.state.lease.as_ref().map(|l| id(&l.id)) == Some(*lease);
                if seen.life == Life::Live && recorded && !self.denied {
                    push(
                        format!("somebody revokes lease {lease} in Vault"),
                        0,
                        &|w| {
                            w.people -= 1;
                            w.leases.remove(lease);
                        },
                    );
                }
            }
            // Who loses the only word of a key loses the key.
            let only = self.plot.stray && self.state.credential.is_none();
            if self.secret.is_some() && !only && !self.denied && self.deleting.is_none() {
                push("somebody deletes the Secret".into(), 0, &|w| {
                    w.people -= 1;
                    w.lose_secret();
                });
                push("somebody edits the Secret".into(), 0, &|w| {
                    w.people -= 1;
                    let version = w.next_secret;
                    w.next_secret += 1;
                    if let Some(secret) = &mut w.secret {
                        secret.edited = true;
                        secret.version = version;
                    }
                });
            }
        }
        if let Some(moment) = self.moments(busy).first().copied()
            && moment - START <= self.plot.horizon
        {
            let label = format!("time passes to +{} s", moment - START);
            push(label, u8::from(busy), &|w| w.move_to(moment));
        }
        for i in 0..self.late.len() {
            let label = match &self.late[i].1 {
                Late::Read { keeper, .. } => format!("Vault completes the read of keeper {keeper}"),
                other => format!(
                    "takes effect at last: {}",
                    match other {
                        Late::Store { .. } => "the Secret",
                        Late::Status { .. } => "the status",
                        _ => "the finalizer's removal",
                    }
                ),
            };
            push(label, 0, &|w| {
                let (_, late) = w.late.remove(i);
                w.land(late);
            });
        }
        for (lease, seen) in &self.leases {
            if seen.life == Life::Queued {
                push(format!("AWS deletes the key of lease {lease}"), 0, &|w| {
                    w.leases.remove(lease);
                });
                push(
                    format!("AWS refuses to delete the key of lease {lease}"),
                    1,
                    &|w| {
                        if let Some(l) = w.leases.get_mut(lease) {
                            l.life = Life::Refused;
                        }
                    },
                );
            }
        }
        moves
    }

    fn pass(&mut self) -> bool {
        // Nobody has anything to do, and only time would mend it.
        let standing = self.state.credential.is_some() && self.state.intent.is_none();
        // A key that is lost again and again waits for its next replacement.
        let standing = standing && self.state.retiring.len() < 3;
        let wanted = standing && !self.denied && self.deleting.is_none() && self.late.is_empty();
        // A key that was lost again and again is replaced once a minute.
        let often = self.state.retiring.len() >= OFTEN
            && self
                .state
                .credential
                .as_ref()
                .is_some_and(|c| self.now < c.issued_at.0.as_second() + SELDOM.as_secs());
        if wanted && !often && self.secret.as_ref().is_some_and(|s| s.edited) {
            self.wrong = Some("the Secret was edited, and it is left so");
        }
        let mut changed = false;
        for (_, late) in std::mem::take(&mut self.late) {
            changed = true;
            self.land(late);
        }
        let before = self.leases.len();
        self.leases.retain(|_, l| l.life != Life::Queued);
        if changed || self.leases.len() != before {
            return true;
        }
        let replicas = &self.replicas;
        let waits = replicas.iter().any(|r| !r.held.looks.is_empty());
        match self.moments(false).first().copied() {
            Some(moment) => self.move_to(moment),
            // Backoff alone.
            None if waits => self.now += 30,
            None => return false,
        }
        true
    }

    fn violation(&self) -> Option<String> {
        if let Some(wrong) = self.wrong {
            return Some(wrong.to_owned());
        }
        if self.let_go {
            return None;
        }
        let claimed = self.claimed();
        for (lease, seen) in &self.leases {
            // A key nobody ever held, whose end is under way, is Vault's alone.
            let unknown = !seen.delivered && seen.life != Life::Live;
            if seen.orphan {
                return Some(format!(
                    "lease {lease} was made under a dead keeper: its key lives for good"
                ));
            }
            if !unknown && !claimed.contains(&seen.keeper) {
                return Some(format!(
                    "the key of lease {lease} (keeper {}) lives and nothing names it",
                    seen.keeper
                ));
            }
        }
        None
    }

    fn unsettled(&self) -> Option<String> {
        if self.gone {
            return None;
        }
        if self.deleting.is_some() {
            return Some("the request is deleted but not gone".into());
        }
        let state = &self.state;
        if state.intent.is_some() || !state.retiring.is_empty() {
            return Some("something is still to be ended".into());
        }
        if self.denied {
            let left = state.credential.is_some() || self.finalizer || self.secret.is_some();
            return left.then(|| "denied, and something is left".into());
        }
        if self.plot.stale {
            return None;
        }
        let Some(credential) = &state.credential else {
            return Some("approved, and no key".into());
        };
        let lives = self.leases.values().any(|l| {
            l.life == Life::Live
                && Some(keeper_name(l.keeper).as_str()) == credential.keeper.as_deref()
        });
        let stored = self
            .secret
            .as_ref()
            .filter(|s| !s.edited)
            .and_then(|s| s.facts.as_ref())
            .is_some_and(|f| {
                f.keeper
                    .as_ref()
                    .map(leasehold_vault_client::Accessor::as_str)
                    == credential.keeper.as_deref()
            });
        if !lives || !stored {
            return Some("the Secret does not hold a live key".into());
        }
        None
    }

    fn digest(&self, d: &mut Digest) {
        let now = self.now;
        d.number(
            i64::from(self.gone)
                + 2 * i64::from(self.finalizer)
                + 4 * i64::from(self.denied)
                + 8 * i64::from(self.let_go)
                + 16 * i64::from(self.deleting.is_some())
                + 32 * i64::from(self.people),
        );
        for skew in self.skews() {
            digest_state(&self.state, now + skew, d);
        }
        if let Some(secret) = &self.secret {
            d.number(i64::from(secret.ours) + 2 * i64::from(secret.edited));
            digest_facts(secret.facts.as_deref(), d);
        }
        for (keeper, ends) in self.keepers.iter().filter(|(k, _)| self.matters(**k)) {
            d.number(i64::from(*keeper));
            d.number(ends.saturating_sub(now));
        }
        d.text("leases");
        for (lease, l) in &self.leases {
            d.number(i64::from(*lease));
            d.number(
                i64::from(l.keeper) * 16
                    + l.life as i64 * 4
                    + i64::from(l.orphan) * 2
                    + i64::from(l.delivered),
            );
            d.number((l.ends - now).max(-1));
        }
        for (sent, late) in &self.late {
            d.number(*sent - now);
            match late {
                Late::Read { keeper } => {
                    d.number(i64::from(*keeper));
                }
                Late::Store { facts, version } => {
                    digest_facts(Some(facts), d);
                    // What matters of a precondition is whether it holds.
                    d.number(i64::from(
                        self.secret.as_ref().map(|s| s.version) == *version,
                    ));
                }
                Late::Status { state, version } => {
                    for skew in self.skews() {
                        digest_state(state, now + skew, d);
                    }
                    d.number(i64::from(*version == self.version));
                }
                Late::Unfinalize { version } => {
                    d.number(7 + i64::from(*version == self.version));
                }
            }
        }
        let by = self.state.intent.as_ref().map(|i| i.by.as_str());
        for r in &self.replicas {
            let mine = by == Some(run_name(r.run).as_str());
            digest_held(&r.held, now + r.skew, d);
            for (keeper, (_, since)) in &r.seen {
                d.number(i64::from(*keeper));
                ahead(Some(at(*since) + UNANSWERED_READ), now, d);
            }
            d.number(i64::from(r.saw == self.version) + 2 * i64::from(mine));
            // Only a write of this very intent counts.
            let written = r.intent_written.filter(|_| mine).map(at);
            ahead(written.map(|t| t + ISSUE_WITHIN), now, d);
            ahead(written.map(|t| t + STORE_WITHIN), now, d);
        }
    }

    fn digest_observed(&self, o: &Observed, d: &mut Digest) {
        d.number(i64::from(o.object.finalizer) + 2 * i64::from(o.object.deleting.is_some()));
        d.number(i64::try_from(o.previous.conditions.len()).unwrap());
        let mut me = self.replicas.iter();
        let me = me.find(|r| run_name(r.run) == o.settings.instance);
        let now = self.now + me.map_or(0, |r| r.skew);
        digest_state(&o.state, now, d);
        digest_held(&o.held, now, d);
        for (keeper, since) in &o.seen {
            d.text(keeper.as_str());
            ahead(Some(*since + UNANSWERED_READ), now, d);
        }
        if let Known::Is(secret) = &o.secret {
            digest_facts(secret.facts.as_ref(), d);
            d.number(i64::from(secret.edited));
        }
        d.number(i64::from(o.secret_is_live));
        for (keeper, seen) in &o.keepers {
            d.text(keeper.as_str());
            d.number(match seen {
                Known::Absent => 0,
                Known::Is(_) => 1,
                Known::Unknown(_) => 2,
            });
        }
        for (lease, seen) in &o.leases {
            d.text(lease.as_str());
            d.number(match seen {
                Known::Absent => 0,
                Known::Is(l) => 1 + i64::from(l.ttl > 0),
                Known::Unknown(_) => -1,
            });
        }
        d.text(o.failure.as_ref().map_or("", |f| f.reason));
    }
}
