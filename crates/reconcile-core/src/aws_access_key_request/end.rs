//! Ending: no key outlives its reason, and nothing ends that is not ours.

use jiff::{SignedDuration, Timestamp};
use leasehold_api_types::aws_access_key_request::VaultPlace;
use leasehold_vault_client::{Accessor, LeaseId};

use super::{Action, Binding, KeyFacts, Observed};
use crate::{Failure, Known, Next, Plan, backoff, reasons};

/// A creds read may run this long in Vault after its caller gave up (Vault's own limit is 90 s):
/// a keeper revoked before would leave the key it is about to make without an owner.
pub const UNANSWERED_READ: SignedDuration = SignedDuration::from_secs(100);
/// A key that cannot be stored is given up after this.
pub(super) const GIVE_UP_STORING: SignedDuration = SignedDuration::from_mins(5);
/// After so many looks at a lease whose revocation lingers, Vault is asked for AWS's words.
const LOOKS_BEFORE_ASKING: u32 = 3;

/// A key that has to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its keeper.
    pub keeper: Accessor,
    /// Its lease, where it became known.
    pub lease: Option<LeaseId>,
    /// Not ended before.
    pub not_before: Timestamp,
    /// Where it was issued.
    pub place: VaultPlace,
}

/// How far a claim's end is.
enum Step {
    Ended { foreign: bool },
    Do(Action),
    Wait(Next),
    Stuck(Failure),
}

/// Ends former keys whose time has come.
pub(super) fn retire(o: &Observed, now: Timestamp) -> Plan<Action> {
    proceed(o, &retiring(o, now), now)
}

/// A request under deletion.
pub(super) fn delete(o: &Observed, now: Timestamp) -> Plan<Action> {
    if !o.object.finalizer {
        return Plan::rest(Next::OnChange);
    }
    if o.object.abandon {
        return let_go(o, "its abandon annotation says so");
    }
    let claims = claims(o, now);
    let late = o
        .object
        .deadline(&o.settings)
        .is_some_and(|deadline| now >= deadline);
    if !late && unclear(o, &claims) {
        return Plan::act(Action::LookAtSecret);
    }
    let ending = proceed(o, &claims, now);
    if !ending.actions.is_empty() {
        return ending;
    }
    let late = o
        .object
        .deadline(&o.settings)
        .is_some_and(|deadline| now >= deadline);
    if !claims.is_empty() {
        let why = stuck(o, now).map(|f| f.to_string()).unwrap_or_default();
        let deadline = o.object.deadline(&o.settings).filter(|d| *d > now);
        let soonest = deadline.map_or(Next::OnChange, |d| backoff::at(d, now));
        let wait = Plan::rest(backoff::sooner(ending.next, soonest));
        return if late { let_go(o, &why) } else { wait };
    }
    match &o.secret {
        Known::Unknown(failure) if !late => Plan::rest(backoff::after(failure, o.attempts, now)),
        // When it is late, the garbage collector deletes the Secret: this object owns it.
        Known::Is(secret) if secret.ours && !late => Plan::act(Action::DeleteSecret {
            name: o.secret_name(),
        }),
        Known::Is(_) | Known::Absent | Known::Unknown(_) => Plan::act(Action::RemoveFinalizer),
    }
}

/// A denied request: end what was issued, keep the object.
pub(super) fn deny(o: &Observed, now: Timestamp) -> Plan<Action> {
    let claims = claims(o, now);
    if !claims.is_empty() && !o.object.finalizer {
        // Somebody took it off, or the status of an end already reached got lost.
        return Plan::act(Action::AddFinalizer);
    }
    if unclear(o, &claims) {
        return Plan::act(Action::LookAtSecret);
    }
    if !claims.is_empty() {
        return proceed(o, &claims, now);
    }
    match &o.secret {
        Known::Unknown(failure) => return Plan::rest(backoff::after(failure, o.attempts, now)),
        Known::Is(secret) if secret.ours => {
            return Plan::act(Action::DeleteSecret {
                name: o.secret_name(),
            });
        }
        Known::Is(_) | Known::Absent => {}
    }
    if o.state.credential.is_some() || o.state.intent.is_some() || o.state.secret.is_some() {
        return Plan::act(Action::ForgetCredential);
    }
    if o.object.finalizer {
        return Plan::act(Action::RemoveFinalizer);
    }
    Plan::rest(Next::OnChange)
}

/// A keeper named twice ends once, not before either allows.
fn merged(claims: Vec<Claim>) -> Vec<Claim> {
    let mut all: Vec<Claim> = Vec::new();
    for claim in claims {
        match all.iter_mut().find(|c| c.keeper == claim.keeper) {
            Some(same) => {
                same.not_before = same.not_before.max(claim.not_before);
                same.lease = same.lease.take().or(claim.lease);
            }
            None => all.push(claim),
        }
    }
    all
}

/// Whether the Secret may name a lease that the status does not.
fn unclear(o: &Observed, claims: &[Claim]) -> bool {
    !o.secret_is_live && claims.iter().any(|c| c.lease.is_none())
}

/// Every key of the request that has to end: current, former, and the one that may be on its way.
pub(super) fn claims(o: &Observed, now: Timestamp) -> Vec<Claim> {
    let mut claims = retiring(o, now);
    // Their reads were answered: only the courtesy to whoever still holds them delays their end,
    // and that ends with the request.
    for claim in claims.iter_mut().filter(|c| c.lease.is_some()) {
        claim.not_before = claim.not_before.min(now);
    }
    if let Some(credential) = &o.state.credential
        && let Some(keeper) = &credential.keeper
    {
        claims.push(Claim {
            keeper: keeper.as_str().into(),
            lease: o
                .state
                .lease
                .as_ref()
                .map(|l| l.id.as_str().into())
                .or_else(|| stored_lease(o, keeper)),
            not_before: now,
            place: credential.vault.clone(),
        });
    }
    if let Some(intent) = &o.state.intent
        && let Some(keeper) = &intent.keeper
    {
        let held = o
            .held
            .keeper
            .as_ref()
            .filter(|k| k.accessor.as_str() == keeper);
        // Known to be at rest: not read yet, or read and answered.
        let at_rest = held.is_some_and(|k| !k.asked || k.refused || o.held.key.is_some());
        let key = o
            .held
            .key
            .as_ref()
            .filter(|k| k.keeper.as_ref().map(Accessor::as_str) == Some(keeper));
        claims.push(Claim {
            keeper: keeper.as_str().into(),
            lease: key
                .and_then(|k| k.lease.clone())
                .or_else(|| stored_lease(o, keeper)),
            not_before: if at_rest { now } else { o.quiet(keeper, now) },
            place: intent.vault.clone(),
        });
    }
    claims.extend(stray_claim(o, now));
    claims.retain(|c| !o.ended(&c.keeper));
    merged(claims)
}

fn stray_claim(o: &Observed, now: Timestamp) -> Option<Claim> {
    let facts = stray(o)?;
    let recorded = o.state.credential.as_ref().map(|c| &c.vault);
    Some(Claim {
        keeper: facts.keeper.clone()?,
        lease: facts.lease.clone(),
        not_before: now,
        place: recorded
            .cloned()
            .or_else(|| super::issue::place(o).map(|(_, place)| place))?,
    })
}

/// The key in our Secret, where the status does not name it: it was lost there, or overwritten.
pub(super) fn stray(o: &Observed) -> Option<&KeyFacts> {
    let secret = o.secret.is().filter(|s| s.ours)?;
    let facts = secret.facts.as_ref()?;
    let keeper = facts.keeper.as_ref()?;
    let state = &o.state;
    let current = state.credential.as_ref().and_then(|c| c.keeper.as_deref());
    let intended = state.intent.as_ref().and_then(|i| i.keeper.as_deref());
    let mut named = current
        .into_iter()
        .chain(intended)
        .chain(state.retiring.iter().map(|r| r.keeper.as_str()));
    (!o.ended(keeper) && named.all(|k| k != keeper.as_str())).then_some(facts)
}

fn retiring(o: &Observed, now: Timestamp) -> Vec<Claim> {
    let all = o
        .state
        .retiring
        .iter()
        .map(|r| Claim {
            keeper: r.keeper.as_str().into(),
            lease: r
                .lease_id
                .as_deref()
                .map(Into::into)
                .or_else(|| stored_lease(o, &r.keeper)),
            // Without a lease its read was not answered when it was set aside, by the clock of
            // whoever did that.
            not_before: match r.lease_id {
                Some(_) => r.not_before.0,
                None => o.quiet(&r.keeper, now),
            },
            place: r.vault.clone(),
        })
        .collect();
    merged(all)
}

/// The lease of the key under that keeper, if our Secret tells it: the status may have been lost.
pub(super) fn stored_lease(o: &Observed, keeper: &str) -> Option<LeaseId> {
    let secret = o.secret.is().filter(|s| s.ours)?;
    let facts = secret.facts.as_ref()?;
    facts
        .lease
        .clone()
        .filter(|_| facts.keeper.as_ref().is_some_and(|k| k.as_str() == keeper))
}

/// The next step for all claims together; a plan without actions when none can be taken now.
fn proceed(o: &Observed, claims: &[Claim], now: Timestamp) -> Plan<Action> {
    let mut actions = Vec::new();
    let mut next = Next::OnChange;
    for claim in claims {
        match step(o, claim, now) {
            Step::Ended { foreign } => {
                actions.push(Action::CountEnded {
                    accessor: claim.keeper.clone(),
                    foreign,
                });
            }
            Step::Do(action) => actions.push(action),
            Step::Wait(until) => next = backoff::sooner(next, until),
            Step::Stuck(failure) => {
                next = backoff::sooner(next, backoff::after(&failure, o.attempts, now));
            }
        }
    }
    if actions.is_empty() {
        Plan::rest(next)
    } else {
        Plan::all(actions)
    }
}

/// Why the end of a request's keys is not known, if it is not.
pub(super) fn stuck(o: &Observed, now: Timestamp) -> Option<Failure> {
    let claims = claims(o, now);
    stuck_on(o, &claims, now).or_else(|| {
        o.secret
            .failure()
            .filter(|_| claims.is_empty() && o.object.finalizer)
            .cloned()
    })
}

/// Why the end of former keys is not known, if it is not.
pub(super) fn stuck_retiring(o: &Observed, now: Timestamp) -> Option<Failure> {
    stuck_on(o, &retiring(o, now), now)
}

fn stuck_on(o: &Observed, claims: &[Claim], now: Timestamp) -> Option<Failure> {
    if let Some(failure) = &o.failure {
        return Some(failure.clone());
    }
    claims.iter().find_map(|claim| match step(o, claim, now) {
        Step::Stuck(failure) => Some(failure),
        Step::Ended { .. } | Step::Do(_) | Step::Wait(_) => None,
    })
}

fn step(o: &Observed, claim: &Claim, now: Timestamp) -> Step {
    if now < claim.not_before {
        return Step::Wait(backoff::at(claim.not_before, now));
    }
    let binding = Binding::of(&claim.place);
    if let Err(failure) = same_vault(o, &binding, claim) {
        return Step::Stuck(failure);
    }
    match o.keepers.get(&claim.keeper) {
        None => Step::Do(Action::LookUpKeeper {
            binding,
            accessor: claim.keeper.clone(),
        }),
        Some(Known::Unknown(failure)) => Step::Stuck(failure.clone()),
        Some(Known::Is(keeper)) if !keeper.ours => Step::Ended { foreign: true },
        Some(Known::Is(_)) => Step::Do(Action::RevokeKeeper {
            binding,
            accessor: claim.keeper.clone(),
        }),
        Some(Known::Absent) => lease_step(o, claim, binding),
    }
}

/// The keeper is gone: its lease follows a moment later, unless AWS refuses.
fn lease_step(o: &Observed, claim: &Claim, binding: Binding) -> Step {
    let Some(lease) = &claim.lease else {
        return Step::Ended { foreign: false };
    };
    let looks = o.held.looks.get(lease).copied().unwrap_or(0);
    match o.leases.get(lease) {
        None => Step::Do(Action::LookUpLease {
            binding,
            lease: lease.clone(),
        }),
        Some(Known::Unknown(failure)) => Step::Stuck(failure.clone()),
        Some(Known::Absent) => Step::Ended { foreign: false },
        Some(Known::Is(seen)) if seen.ttl > 0 && looks >= LOOKS_BEFORE_ASKING => {
            // Its keeper is gone and it lives on: it never hung on that keeper, so it is not ours.
            Step::Ended { foreign: true }
        }
        Some(Known::Is(seen)) if looks >= LOOKS_BEFORE_ASKING => Step::Do(Action::RevokeLease {
            binding,
            lease: lease.clone(),
        }),
        Some(Known::Is(_)) => Step::Stuck(Failure::transient(
            reasons::REVOCATION_PENDING,
            format!("Vault is revoking lease {lease}; this object goes when it is gone"),
        )),
    }
}

/// Only the Vault that issued a key can say that it has ended.
fn same_vault(o: &Observed, binding: &Binding, claim: &Claim) -> Result<(), Failure> {
    match o.vault(binding) {
        Known::Is(seen) if seen.as_str() == claim.place.cluster_id => Ok(()),
        Known::Is(seen) => Err(Failure::transient(
            reasons::VAULT_CHANGED,
            format!(
                "AppBinding {}/{} now points to Vault cluster {seen}, but the key was issued by {}: point it back, so that the key can be revoked there",
                binding.namespace, binding.name, claim.place.cluster_id
            ),
        )),
        Known::Unknown(failure) => Err(failure),
        Known::Absent => Err(Failure::transient(
            reasons::APP_BINDING_NOT_FOUND,
            format!(
                "AppBinding {}/{} does not exist and no login to its Vault lives on: create it again so that the key can be revoked, or annotate this object {}=true to let the key end with its keeper",
                binding.namespace,
                binding.name,
                leasehold_api_types::ABANDON_ANNOTATION
            ),
        )),
    }
}

fn let_go(o: &Observed, why: &str) -> Plan<Action> {
    let keepers: Vec<String> = claims(o, Timestamp::MAX)
        .iter()
        .map(|c| c.keeper.to_string())
        .collect();
    let removal = vec![Action::RemoveFinalizer];
    if keepers.is_empty() {
        return Plan::all(removal);
    }
    let message = format!(
        "AWSAccessKeyRequest {} is let go without proof that its key has ended: {why}. The key ends with its keeper token (accessor {}), at the latest {:#} after it was issued, if its Vault is running",
        o.object.path(),
        keepers.join(", "),
        o.settings.keeper_max,
    );
    // Told only if it happened; events are published when the drive is over.
    Plan::all([removal, vec![Action::LetGo { message }]].concat())
}
