//! Issuing: keeper before key, intent before read, Secret before record.

use jiff::{SignedDuration, Timestamp};
use leasehold_api_types::{
    CredentialType,
    aws_access_key_request::{Credential, Intent, VaultPlace},
    condition::find,
    time,
};

use super::{
    Action, Binding, HeldKeeper, KeyFacts, Observed, RoleSeen, SecretSeen, end::GIVE_UP_STORING,
    grant,
};
use crate::{
    Failure, FailureClass, Known, Next, Plan,
    backoff::{self, later},
    reasons,
};

/// A keeper outlives the lease made under it by this much.
const KEEPER_SLACK: SignedDuration = SignedDuration::from_mins(10);
/// An opened keeper that no intent names by then is closed.
const UNUSED_KEEPER: SignedDuration = SignedDuration::from_secs(60);
/// A key is asked for within this time of the intent's write, else not at all: others count the
/// time in which a read may still be running from then.
pub const ISSUE_WITHIN: SignedDuration = SignedDuration::from_secs(5);
/// A key is stored within this time of the intent's last write; after that the intent is written
/// anew first. A write under way for a minute is then over when others may end the key.
pub const STORE_WITHIN: SignedDuration = SignedDuration::from_secs(30);
/// The status takes 64 former keys; an issue needs room for its own.
const MOST_RETIRING: usize = 48;
/// A key that is lost again and again (somebody deletes or edits its Secret) is then replaced once
/// a minute: every former one lives on for five.
pub const OFTEN: usize = 3;
/// See [`OFTEN`].
pub const SELDOM: SignedDuration = SignedDuration::from_secs(60);
/// After a key that could not be stored, the next is issued no sooner.
const AFTER_UNSTORED: SignedDuration = SignedDuration::from_mins(10);

/// The next step towards a Secret with a live key; a plan without actions when there is none.
pub(super) fn issue(o: &Observed, now: Timestamp) -> Plan<Action> {
    if let Some(key) = &o.held.key {
        return finish(o, key, now);
    }
    if let Some(intent) = &o.state.intent {
        return pending(o, intent, now);
    }
    if let Some(plan) = healthy(o, now) {
        // A keeper opened for an issue that another replica came before with.
        return match &o.held.keeper {
            Some(keeper) if plan.actions.is_empty() => match place(o) {
                Some((role, _)) => close_unused(o, role, keeper),
                None => Plan::act(Action::ForgetHeld { not_before: None }),
            },
            Some(_) | None => plan,
        };
    }
    // A key for which there is no place is made once, not every ten minutes.
    if !o.secret_is_live && (said(o, reasons::NAME_TAKEN) || said(o, reasons::SECRET_NOT_STORED)) {
        return Plan::act(Action::LookAtSecret);
    }
    if let Some(failure) = obstacle(o) {
        return Plan::rest(backoff::after(&failure, o.attempts, now));
    }
    if let Some(not_before) = o.held.not_before.filter(|t| *t > now) {
        return Plan::rest(backoff::at(not_before, now));
    }
    start(o, now)
}

/// Whether that is what held the request up when its status was last written.
fn said(o: &Observed, reason: &str) -> bool {
    find(&o.previous.conditions, reasons::READY)
        .is_some_and(|c| c.reason.as_deref() == Some(reason))
}

/// Why [`issue`] rests, if that is not as it should be.
pub(super) fn trouble(o: &Observed, now: Timestamp) -> Option<Failure> {
    if o.held.key.is_some() {
        return None;
    }
    if o.state.intent.is_some() {
        return o.secret.failure().filter(|_| o.secret_is_live).cloned();
    }
    if healthy(o, now).is_some() {
        return o.secret.failure().cloned();
    }
    obstacle(o).or_else(|| {
        let until = o.held.not_before.filter(|t| *t > now)?;
        Some(Failure::transient(
            reasons::SECRET_NOT_STORED,
            format!("the last key could not be stored in Secret {} and was given up: the next one is issued at {until}", o.secret_name()),
        ))
    })
}

/// What keeps a key from being issued, if something does.
pub(super) fn obstacle(o: &Observed) -> Option<Failure> {
    let role_ref = &o.spec.role_ref;
    let named = format!("AWSRole {}/{}", role_ref.namespace, role_ref.name);
    let role = match &o.role {
        Known::Is(role) if role.deleting => {
            return Some(gone(&named));
        }
        Known::Is(role) => role,
        Known::Absent if o.state.credential.is_some() => return Some(gone(&named)),
        Known::Absent => {
            return Some(Failure::transient(
                reasons::ROLE_NOT_FOUND,
                format!("{named} does not exist: create it, or name another one in a new request"),
            ));
        }
        Known::Unknown(failure) => return Some(failure.clone()),
    };
    if let Some(refusal) = grant::refusal(o, role) {
        return Some(refusal);
    }
    if let Err(why) = &role.ready {
        return Some(Failure::transient(
            reasons::ROLE_NOT_READY,
            format!("{named} is not in Vault yet: {why}"),
        ));
    }
    match o.vault(&role.binding) {
        Known::Is(_) => {}
        Known::Unknown(failure) => return Some(failure),
        Known::Absent => {
            return Some(crate::object::binding_gone(
                &role.binding.namespace,
                &role.binding.name,
            ));
        }
    }
    if let Known::Is(SecretSeen { ours: false, .. }) = &o.secret {
        return Some(taken(o));
    }
    if o.state.retiring.len() >= MOST_RETIRING {
        return Some(Failure::transient(
            reasons::REVOCATION_PENDING,
            format!(
                "{} former keys could not be ended yet: no new one is issued before some are",
                o.state.retiring.len()
            ),
        ));
    }
    [o.engine_lease.failure(), o.secret.failure()]
        .into_iter()
        .flatten()
        .next()
        .cloned()
}

fn gone(named: &str) -> Failure {
    Failure::new(
        FailureClass::Denied,
        reasons::ROLE_GONE,
        format!(
            "{named} is gone: no new key can be issued, the present one lasts until it ends. Create the role again, or delete this request"
        ),
    )
}

pub(super) fn taken(o: &Observed) -> Failure {
    Failure::invalid(
        reasons::NAME_TAKEN,
        format!(
            "Secret {}/{} exists and belongs to somebody else: it is left as it is. Delete or rename it, and the key is issued",
            o.object.namespace,
            o.secret_name()
        ),
    )
}

/// Nothing to issue: the Secret holds the recorded key, and it is not yet time for the next.
fn healthy(o: &Observed, now: Timestamp) -> Option<Plan<Action>> {
    let credential = o.state.credential.as_ref()?;
    if now >= credential.renew_at.0 {
        return None;
    }
    let recorded = o.state.lease.as_ref().map(|l| l.id.as_str());
    let holds_it = match &o.secret {
        Known::Is(SecretSeen {
            ours: true,
            facts: Some(facts),
            edited: false,
        }) => {
            facts
                .keeper
                .as_ref()
                .map(leasehold_vault_client::Accessor::as_str)
                == credential.keeper.as_deref()
                && facts
                    .lease
                    .as_ref()
                    .map(leasehold_vault_client::LeaseId::as_str)
                    == recorded
        }
        // Could not look: nothing follows from that.
        Known::Unknown(failure) => {
            return Some(Plan::rest(backoff::after(failure, o.attempts, now)));
        }
        Known::Is(_) | Known::Absent => false,
    };
    if !holds_it {
        // A cache may lag behind our own write: only the API server's word loses a key.
        if !o.secret_is_live {
            return Some(Plan::act(Action::LookAtSecret));
        }
        let soonest = later(credential.issued_at.0, SELDOM);
        let wait = o.state.retiring.len() >= OFTEN && now < soonest;
        return wait.then(|| Plan::rest(backoff::at(soonest, now)));
    }
    let grants = grants(o);
    if !grants.is_empty() {
        return Some(Plan::all(grants));
    }
    if let Some(plan) = look_at_lease(o, credential) {
        return Some(plan);
    }
    if lease_gone(o) {
        return None;
    }
    Some(Plan::rest(backoff::at(credential.renew_at.0, now)))
}

/// Once a drive: somebody may have ended the key behind our back.
fn look_at_lease(o: &Observed, credential: &Credential) -> Option<Plan<Action>> {
    let lease = o
        .state
        .lease
        .as_ref()
        .filter(|_| credential.keeper.is_some())?;
    let binding = Binding::of(&credential.vault);
    let same = o
        .vault(&binding)
        .is()
        .is_some_and(|c| c.as_str() == credential.vault.cluster_id);
    let looked = o.leases.contains_key(lease.id.as_str());
    (same && !looked).then(|| {
        Plan::act(Action::LookUpLease {
            binding,
            lease: lease.id.as_str().into(),
        })
    })
}

/// Whether Vault says that the recorded key has ended, or is about to.
pub(super) fn lease_gone(o: &Observed) -> bool {
    let Some(lease) = &o.state.lease else {
        return false;
    };
    match o.leases.get(lease.id.as_str()) {
        Some(Known::Absent) => true,
        Some(Known::Is(seen)) => seen.ttl <= 0,
        Some(Known::Unknown(_)) | None => false,
    }
}

fn grants(o: &Observed) -> Vec<Action> {
    let secret = o.secret_name();
    let missing =
        |seen: &Known<bool>, done: bool| !done && matches!(seen, Known::Absent | Known::Is(false));
    let mut actions = Vec::new();
    if missing(&o.reader_role, o.held.role_granted) {
        actions.push(Action::GrantRole {
            secret: secret.clone(),
        });
    }
    if missing(&o.reader_binding, o.held.binding_granted) {
        actions.push(Action::GrantBinding { secret });
    }
    actions
}

/// Open a keeper, record the intent, read: one step a round.
fn start(o: &Observed, now: Timestamp) -> Plan<Action> {
    let Some((role, place)) = place(o) else {
        return Plan::rest(Next::OnChange);
    };
    if role.credential_type != CredentialType::IamUser {
        return Plan::act(Action::Issue {
            role: Box::new(role.clone()),
            keeper: None,
            keeper_ends: None,
        });
    }
    match &o.held.keeper {
        Some(keeper)
            if keeper.asked
                || retires(o, keeper)
                || now >= later(keeper.opened_at, UNUSED_KEEPER) =>
        {
            close_unused(o, role, keeper)
        }
        Some(keeper) => Plan::act(Action::RecordIntent {
            intent: Intent {
                keeper: Some(keeper.accessor.to_string()),
                by: o.settings.instance.clone(),
                at: time(now),
                vault: place,
            },
        }),
        None => {
            let lease = o
                .engine_lease
                .is()
                .copied()
                .unwrap_or(o.settings.keeper_max);
            let ttl = lease
                .saturating_add(KEEPER_SLACK)
                .min(o.settings.keeper_max);
            Plan::act(Action::OpenKeeper {
                binding: role.binding.clone(),
                ttl,
            })
        }
    }
}

// No intent ever named it, so no key hangs on it. One that was asked under has an intent, or had
// one that was set aside: that end is the retiring entry's.
fn close_unused(o: &Observed, role: &RoleSeen, keeper: &HeldKeeper) -> Plan<Action> {
    let tried = o.keepers.contains_key(&keeper.accessor);
    if keeper.asked || retires(o, keeper) || tried {
        return Plan::act(Action::ForgetHeld {
            not_before: o.held.not_before,
        });
    }
    Plan::act(Action::RevokeKeeper {
        binding: role.binding.clone(),
        accessor: keeper.accessor.clone(),
    })
}

// The write that set its intent aside took effect although its answer was lost.
fn retires(o: &Observed, keeper: &HeldKeeper) -> bool {
    o.state
        .retiring
        .iter()
        .any(|r| r.keeper == keeper.accessor.as_str())
}

pub(super) fn place(o: &Observed) -> Option<(&RoleSeen, VaultPlace)> {
    let role = o.role.is()?;
    let cluster_id = o.vault(&role.binding).is()?.to_string();
    let place = VaultPlace {
        cluster_id,
        mount: role.mount.to_string(),
        namespace: role.binding.namespace.clone(),
        app_binding: role.binding.name.clone(),
    };
    Some((role, place))
}

/// An intent without a key in hand.
fn pending(o: &Observed, intent: &Intent, now: Timestamp) -> Plan<Action> {
    let mine = intent.by == o.settings.instance;
    let held = o
        .held
        .keeper
        .as_ref()
        .filter(|k| Some(k.accessor.as_str()) == intent.keeper.as_deref());
    if let (true, Some(keeper), Some(role)) = (mine, held, o.role.is())
        && grant::refusal(o, role).is_none()
        && !keeper.asked
        && now < later(intent.at.0, ISSUE_WITHIN)
    {
        return Plan::act(Action::Issue {
            role: Box::new(role.clone()),
            keeper: Some(keeper.accessor.clone()),
            keeper_ends: Some(later(keeper.opened_at, keeper.ttl)),
        });
    }
    // Nobody reads under an intent that names no keeper.
    let keeper = intent.keeper.as_deref();
    let quiet = keeper.map_or(now, |k| o.quiet(k, now));
    if !mine && now < quiet {
        return Plan::rest(backoff::at(quiet, now));
    }
    if !o.secret_is_live {
        return Plan::act(Action::LookAtSecret);
    }
    match &o.secret {
        Known::Is(SecretSeen {
            ours: true,
            facts: Some(facts),
            ..
        }) if facts.keeper.is_some()
            && facts
                .keeper
                .as_ref()
                .map(leasehold_vault_client::Accessor::as_str)
                == intent.keeper.as_deref() =>
        {
            record(o, facts, intent.vault.clone())
        }
        Known::Unknown(failure) => Plan::rest(backoff::after(failure, o.attempts, now)),
        Known::Is(_) | Known::Absent => {
            let answered = held.is_some_and(|k| k.refused);
            let not_before = if answered { now } else { quiet.max(now) };
            Plan::act(Action::SetIntentAside { not_before })
        }
    }
}

/// A key in hand: Secret, Role, RoleBinding, record.
fn finish(o: &Observed, key: &KeyFacts, now: Timestamp) -> Plan<Action> {
    let intended = o.state.intent.as_ref();
    let gave_up = !o.held.stored
        && o.held
            .unstored_since
            .is_some_and(|since| now >= later(since, GIVE_UP_STORING));
    // A name that is taken is looked at before the next issue, and no other wait is needed.
    let waits = gave_up && !said(o, reasons::NAME_TAKEN);
    let forget = Action::ForgetHeld {
        not_before: waits.then(|| later(now, AFTER_UNSTORED)),
    };
    if key.keeper.is_some() {
        let same = intended.and_then(|i| i.keeper.as_deref())
            == key
                .keeper
                .as_ref()
                .map(leasehold_vault_client::Accessor::as_str);
        if !same {
            // Set aside just now, or another replica took the intent over and ends this key.
            return Plan::act(forget);
        }
    }
    if gave_up {
        return Plan::act(match key.keeper {
            Some(_) => Action::SetIntentAside { not_before: now },
            None => forget,
        });
    }
    if !o.held.stored {
        if let Some(intent) = intended.filter(|i| now >= later(i.at.0, STORE_WITHIN))
            && key.keeper.is_some()
        {
            let intent = Intent {
                at: time(now),
                by: o.settings.instance.clone(),
                ..intent.clone()
            };
            return Plan::act(Action::RecordIntent { intent });
        }
        return Plan::act(Action::StoreSecret {
            name: o.secret_name(),
        });
    }
    let grants = grants(o);
    if !grants.is_empty() {
        return Plan::all(grants);
    }
    let vault = intended
        .map(|i| i.vault.clone())
        .or_else(|| place(o).map(|(_, place)| place));
    match vault {
        Some(vault) => record(o, key, vault),
        None => Plan::rest(Next::OnChange),
    }
}

fn record(o: &Observed, facts: &KeyFacts, vault: VaultPlace) -> Plan<Action> {
    Plan::act(Action::RecordCredential {
        facts: facts.clone(),
        vault,
        secret: o.secret_name(),
    })
}
