//! What one process holds for its requests: keeper tokens, keys not stored yet, and what it wrote
//! a moment ago that the caches do not show yet. Lost in a crash, and no key is lost by that.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use leasehold_reconcile_core::aws_access_key_request::{Held, LeaseSeen, SecretSeen, State};
use leasehold_vault_client::{Accessor, IssuedCredential, LeaseId, Redacted};
use tokio::time::Instant;

/// A creds read is sent only this soon after its intent was written: whoever finds the intent may
/// then tell from its age whether the read can still be running.
const INTENT_FRESH: Duration = Duration::from_secs(5);
/// A key is stored only this soon after its intent was last written, so that the write is over when
/// others may end the key: half as long again as the core plans with.
const STORE_FRESH: Duration = Duration::from_secs(45);
/// A cache that lags behind longer than this is believed again.
const LAG: Duration = Duration::from_secs(60);

/// An object of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Secret,
    Role,
    Binding,
}

impl Part {
    /// By its kind in Kubernetes.
    pub(super) fn of(kind: &str) -> Option<Self> {
        match kind {
            "Secret" => Some(Self::Secret),
            "Role" => Some(Self::Role),
            "RoleBinding" => Some(Self::Binding),
            _ => None,
        }
    }
}

/// Everything in hand, by the request's uid.
#[derive(Default)]
pub(super) struct InHand {
    all: Mutex<BTreeMap<String, Entry>>,
}

#[derive(Default)]
struct Entry {
    held: Held,
    token: Option<Redacted>,
    key: Option<IssuedCredential>,
    reads: Vec<Read>,
    written: BTreeMap<Part, (u64, Instant)>,
    secret: Option<SecretSeen>,
    lease: Option<(LeaseId, LeaseSeen, Instant)>,
}

/// A keeper in the status under which a read may be running.
struct Read {
    keeper: String,
    /// As its intent says; none once that is set aside.
    at: Option<Timestamp>,
    /// When it was first seen to stand there: by the clock of durations, which nobody sets.
    seen: Instant,
    /// Whether it was seen because we had written it a moment ago.
    written: bool,
}

impl Read {
    fn of(state: &State) -> impl Iterator<Item = (&str, Option<Timestamp>)> {
        let intent = state.intent.iter();
        let intent = intent.filter_map(|i| Some((i.keeper.as_deref()?, Some(i.at.0))));
        let former = state.retiring.iter().filter(|r| r.lease_id.is_none());
        intent.chain(former.map(|r| (r.keeper.as_str(), None)))
    }

    /// Whether that is the keeper of an intent which we wrote so lately.
    fn is_intent_of(&self, keeper: &str, within: Duration) -> bool {
        let ours = self.written && self.at.is_some() && self.keeper == keeper;
        ours && self.seen.elapsed() < within
    }
}

impl Entry {
    fn note_reads(&mut self, state: &State, written: bool) {
        let mut before = std::mem::take(&mut self.reads);
        self.reads = Read::of(state)
            .map(|(keeper, at)| {
                let same = |r: &Read| r.keeper == keeper && (at.is_none() || r.at == at);
                if let Some(i) = before.iter().position(same) {
                    return Read {
                        at,
                        ..before.swap_remove(i)
                    };
                }
                Read {
                    keeper: keeper.to_owned(),
                    at,
                    seen: Instant::now(),
                    written,
                }
            })
            .collect();
    }
}

impl InHand {
    /// What decisions may know of it.
    pub(super) fn held(&self, uid: &str) -> Held {
        self.read(uid, |e| e.held.clone()).unwrap_or_default()
    }

    /// After each action: what the core has forgotten is wiped.
    pub(super) fn remember(&self, uid: &str, held: &Held, state: &State) {
        self.with(|all| {
            if *held == Held::default() && !all.contains_key(uid) {
                return;
            }
            let entry = all.entry(uid.to_owned()).or_default();
            entry.held = held.clone();
            if held.keeper.is_none() {
                entry.token = None;
            }
            if held.key.is_none() {
                entry.key = None;
            }
            entry.note_reads(state, true);
        });
    }

    /// For how long this process has seen each keeper in the status under which a read may be
    /// running: from now on, if it is new.
    pub(super) fn reads(&self, uid: &str, state: &State) -> Vec<(Accessor, Duration)> {
        let none = Read::of(state).next().is_none();
        self.with(|all| {
            if none && !all.contains_key(uid) {
                return Vec::new();
            }
            let entry = all.entry(uid.to_owned()).or_default();
            entry.note_reads(state, false);
            let named = |k: &Accessor| state.retiring.iter().any(|r| r.keeper == k.as_str());
            entry.held.at_rest.retain(named);
            let seen = entry.reads.iter();
            seen.map(|r| (r.keeper.as_str().into(), r.seen.elapsed()))
                .collect()
        })
    }

    pub(super) fn forget(&self, uid: &str) {
        self.with(|all| all.remove(uid));
    }

    pub(super) fn keep_token(&self, uid: &str, token: Redacted) {
        self.with(|all| all.entry(uid.to_owned()).or_default().token = Some(token));
    }

    /// The keeper's token, if the intent that names it was written by us a moment ago. It leaves the
    /// memory, and the keeper counts as asked under, before anything is sent: whatever becomes of
    /// the read, and of this drive, there is no second one.
    pub(super) fn token_for_read(&self, uid: &str, keeper: &str) -> Option<Redacted> {
        self.with(|all| {
            let entry = all.get_mut(uid)?;
            let fresh = |r: &Read| r.is_intent_of(keeper, INTENT_FRESH);
            entry.reads.iter().find(|r| fresh(r))?;
            let token = entry.token.take()?;
            if let Some(held) = &mut entry.held.keeper {
                held.asked = true;
            }
            Some(token)
        })
    }

    /// Whether the intent of that keeper was written so lately that others leave its key alone.
    pub(super) fn may_store(&self, uid: &str, keeper: &str) -> bool {
        let fresh = |r: &Read| r.is_intent_of(keeper, STORE_FRESH);
        self.read(uid, |e| e.reads.iter().any(fresh))
            .unwrap_or(false)
    }

    pub(super) fn keep_key(&self, uid: &str, key: IssuedCredential) {
        self.with(|all| all.entry(uid.to_owned()).or_default().key = Some(key));
    }

    pub(super) fn key(&self, uid: &str) -> Option<IssuedCredential> {
        self.read(uid, |e| e.key.clone())?
    }

    /// Remembers our own write until the cache shows it.
    pub(super) fn wrote(&self, uid: &str, part: Part, version: u64) {
        self.with(|all| {
            let entry = all.entry(uid.to_owned()).or_default();
            entry.written.insert(part, (version, Instant::now()));
            if part == Part::Secret {
                entry.secret = None;
            }
        });
    }

    /// What our own write put into the Secret.
    pub(super) fn wrote_secret(&self, uid: &str, version: u64, seen: SecretSeen) {
        self.wrote(uid, Part::Secret, version);
        self.with(|all| all.entry(uid.to_owned()).or_default().secret = Some(seen));
    }

    /// The watch told of a deletion of what we wrote: the cache no longer lags behind it.
    pub(super) fn deleted(&self, uid: &str, part: Part, version: u64) {
        self.with(|all| {
            if let Some(entry) = all.get_mut(uid)
                && entry
                    .written
                    .get(&part)
                    .is_some_and(|(wrote, _)| *wrote <= version)
            {
                entry.written.remove(&part);
            }
        });
    }

    /// Whether that version of a part is our own write.
    pub(super) fn is_own(&self, uid: &str, part: Part, version: u64) -> bool {
        self.read(uid, |e| {
            e.written
                .get(&part)
                .is_some_and(|(wrote, _)| *wrote == version)
        })
        .unwrap_or(false)
    }

    /// Whether the cache, showing that version (none: no such object), lags behind our own write.
    pub(super) fn lags(&self, uid: &str, part: Part, cached: Option<u64>) -> bool {
        self.read(uid, |e| {
            e.written.get(&part).is_some_and(|(version, at)| {
                at.elapsed() < LAG && cached.is_none_or(|cached| cached < *version)
            })
        })
        .unwrap_or(false)
    }

    /// What we wrote into the Secret a moment ago.
    pub(super) fn written_secret(&self, uid: &str) -> Option<SecretSeen> {
        self.read(uid, |e| e.secret.clone())?
    }

    /// Remembers when a lease was last seen to live.
    pub(super) fn saw_lease(&self, uid: &str, lease: &LeaseId, seen: Option<LeaseSeen>) {
        let seen = seen.filter(|seen| seen.ttl > 0);
        let seen = seen.map(|seen| (lease.clone(), seen, Instant::now()));
        self.with(|all| all.entry(uid.to_owned()).or_default().lease = seen);
    }

    /// That lease, if it was seen to live so short a time ago.
    pub(super) fn lease(&self, uid: &str, lease: &str, within: Duration) -> Option<LeaseSeen> {
        self.read(uid, |e| {
            let (id, seen, at) = e.lease.as_ref()?;
            (id.as_str() == lease && at.elapsed() < within).then(|| seen.clone())
        })?
    }

    fn read<T>(&self, uid: &str, f: impl FnOnce(&Entry) -> T) -> Option<T> {
        self.with(|all| all.get(uid).map(f))
    }

    fn with<T>(&self, f: impl FnOnce(&mut BTreeMap<String, Entry>) -> T) -> T {
        f(&mut self.all.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
