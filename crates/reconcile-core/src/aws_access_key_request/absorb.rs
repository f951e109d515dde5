//! How an action changes what is seen of a request.

use jiff::{SignedDuration, Timestamp};
use leasehold_api_types::{
    aws_access_key_request::{Retiring, VaultPlace},
    time,
};
use leasehold_vault_client::{Accessor, LeaseId};

use super::{Action, HeldKeeper, KeyFacts, LeaseSeen, Observed, Outcome, SecretSeen};
use crate::{Failure, Known, Note, backoff::later, reasons};

impl Observed {
    /// Whether the key under that keeper is known to have ended in this drive.
    pub(super) fn ended(&self, keeper: &Accessor) -> bool {
        self.ended.contains(keeper)
    }
}

pub(super) fn absorb(
    o: &mut Observed,
    action: &Action,
    outcome: Result<Outcome, Failure>,
    now: Timestamp,
) {
    match outcome {
        Ok(outcome) => succeed(o, action, outcome, now),
        Err(failure) => fail(o, action, failure, now),
    }
}

fn fail(o: &mut Observed, action: &Action, failure: Failure, now: Timestamp) {
    match action {
        // These hold up one key's end, not the request.
        Action::LookUpKeeper { accessor, .. } | Action::RevokeKeeper { accessor, .. } => {
            o.keepers.insert(accessor.clone(), Known::Unknown(failure));
        }
        Action::LookUpLease { lease, .. } => {
            o.leases.insert(lease.clone(), Known::Unknown(failure));
        }
        Action::RevokeLease { lease, .. } => {
            let failure = refused_revocation(lease, failure);
            o.leases.insert(lease.clone(), Known::Unknown(failure));
        }
        // Whether it was sent at all is not known, so that it counts as asked.
        Action::Issue { .. } => {
            let unknown = Outcome::NoKey {
                answered: false,
                failure,
            };
            succeed(o, action, unknown, now);
        }
        Action::StoreSecret { .. } => {
            o.held.unstored_since.get_or_insert(now);
            o.failure = Some(failure);
        }
        _ => o.failure = Some(failure),
    }
}

/// Vault's own troubles keep their reason; what is left are AWS's words.
fn refused_revocation(lease: &LeaseId, failure: Failure) -> Failure {
    let vault = [
        reasons::VAULT_UNREACHABLE,
        reasons::VAULT_CERTIFICATE,
        reasons::VAULT_SEALED,
        reasons::VAULT_THROTTLED,
        reasons::LOGIN_REFUSED,
        reasons::LOGIN_MISSING,
    ];
    if vault.contains(&failure.reason) {
        return failure;
    }
    Failure {
        reason: reasons::REVOCATION_FAILED,
        message: format!(
            "the key of lease {lease} could not be revoked: {}",
            failure.message
        ),
        ..failure
    }
}

fn succeed(o: &mut Observed, action: &Action, outcome: Outcome, now: Timestamp) {
    match (action, outcome) {
        (Action::AddFinalizer, _) => o.object.finalizer = true,
        (Action::RemoveFinalizer, _) => {
            o.object.finalizer = false;
            say_what_lives_on(o, now);
        }
        (Action::LookAtSecret, Outcome::Secret(seen)) => {
            o.secret = seen;
            o.secret_is_live = true;
            o.lost = match &o.secret {
                Known::Is(secret) if secret.edited => Some("its Secret had been edited"),
                Known::Absent => Some("its Secret had been deleted"),
                Known::Is(_) | Known::Unknown(_) => None,
            };
        }
        (Action::OpenKeeper { .. }, Outcome::Keeper { accessor, ttl }) => {
            o.held.keeper = Some(HeldKeeper {
                accessor,
                ttl,
                opened_at: now,
                asked: false,
                refused: false,
            });
        }
        (Action::RecordIntent { intent }, _) => {
            o.state
                .approved_generation
                .get_or_insert(o.object.generation);
            o.state.intent = Some(intent.clone());
            if let Some(keeper) = &intent.keeper {
                o.seen.insert(keeper.as_str().into(), now);
            }
            retire_stray(o, &intent.vault, now);
        }
        (Action::Issue { .. }, outcome) => issued(o, action, outcome, now),
        (Action::StoreSecret { .. }, _) => {
            o.held.stored = true;
            o.held.unstored_since = None;
            o.secret = Known::Is(SecretSeen {
                ours: true,
                facts: o.held.key.clone(),
                edited: false,
            });
            o.secret_is_live = true;
        }
        (Action::GrantRole { .. }, _) => grant(o, true),
        (Action::GrantBinding { .. }, _) => grant(o, false),
        (
            Action::RecordCredential {
                facts,
                vault,
                secret,
            },
            _,
        ) => {
            o.state
                .approved_generation
                .get_or_insert(o.object.generation);
            record(o, facts, vault, secret, now);
        }
        (Action::SetIntentAside { not_before }, _) => set_aside(o, *not_before),
        (Action::ForgetHeld { not_before }, _) => {
            o.held.forget(*not_before);
        }
        (Action::LookUpKeeper { accessor, .. }, Outcome::KeeperSeen(seen)) => {
            o.keepers.insert(accessor.clone(), seen);
        }
        (Action::RevokeKeeper { accessor, .. }, _) => {
            o.keepers.insert(accessor.clone(), Known::Absent);
        }
        (Action::LookUpLease { lease, .. }, Outcome::LeaseSeen(seen)) => {
            if seen.is().is_some() && !is_current(o, lease) {
                *o.held.looks.entry(lease.clone()).or_default() += 1;
            }
            if is_current(o, lease) && seen.is().is_none_or(|l| l.ttl <= 0) {
                o.lost = Some("somebody had ended the former one in Vault");
            }
            o.leases.insert(lease.clone(), seen);
        }
        (Action::RevokeLease { lease, .. }, _) => {
            o.leases.remove(lease);
            o.held.looks.remove(lease);
        }
        (Action::CountEnded { accessor, foreign }, _) => count_ended(o, accessor, *foreign),
        (Action::DeleteSecret { .. }, _) => {
            o.secret = Known::Absent;
            o.state.secret = None;
        }
        (Action::ForgetCredential, _) => {
            say_what_lives_on(o, now);
            o.state.credential = None;
            o.state.lease = None;
            o.state.intent = None;
            o.state.secret = None;
        }
        (Action::LetGo { message }, _) => o.notes.push(Note::let_go(message.clone())),
        _ => {}
    }
}

fn issued(o: &mut Observed, action: &Action, outcome: Outcome, now: Timestamp) {
    let Action::Issue {
        role,
        keeper,
        keeper_ends,
    } = action
    else {
        return;
    };
    if let Some(held) = &mut o.held.keeper {
        held.asked = true;
    }
    match outcome {
        Outcome::Key {
            lease,
            duration,
            renewable,
        } => {
            let lease_ends = later(now, duration);
            o.held.key = Some(KeyFacts {
                keeper: keeper.clone(),
                lease,
                duration,
                renewable,
                issued_at: now,
                expires_at: keeper_ends.map_or(lease_ends, |k| k.min(lease_ends)),
                role_generation: Some(role.generation),
            });
            o.held.stored = false;
            o.held.unstored_since = None;
        }
        Outcome::NoKey { answered, failure } => {
            if let Some(held) = &mut o.held.keeper {
                held.refused = answered;
            }
            o.failure = Some(failure);
        }
        _ => {}
    }
}

fn record(o: &mut Observed, facts: &KeyFacts, vault: &VaultPlace, secret: &str, now: Timestamp) {
    let former = o.state.credential.take();
    let reissued = former.is_some();
    let lease = o.state.lease.take();
    if let Some(former) = former
        && let Some(keeper) = former.keeper
        && facts.keeper.as_ref().is_none_or(|k| k.as_str() != keeper)
    {
        // The former key is left to whoever read it just now, until its own end.
        o.state.retiring.push(Retiring {
            keeper,
            lease_id: lease.map(|l| l.id),
            not_before: time(former.expires_at.0.min(later(now, OVERLAP))),
            vault: former.vault,
        });
    }
    o.state.credential = Some(facts.credential(vault.clone(), &o.object.uid));
    o.state.lease = facts.lease();
    if let Some(lease) = &facts.lease {
        // Just issued: it is there.
        let seen = LeaseSeen {
            ttl: facts.duration.as_secs(),
        };
        o.leases.insert(lease.clone(), Known::Is(seen));
    }
    o.state.secret = Some(secret.to_owned());
    o.state.intent = None;
    o.held.forget(None);
    if reissued {
        let why = o.lost.map_or_else(String::new, |why| format!(": {why}"));
        o.notes.push(Note::normal(
            reasons::REISSUED,
            format!(
                "a new key is in Secret {secret}, it ends {}{why}",
                facts.expires_at
            ),
        ));
    }
}

/// The Secret is about to be overwritten: a key that only it names is named in the status first.
fn retire_stray(o: &mut Observed, vault: &VaultPlace, now: Timestamp) {
    let stray = super::end::stray(o).and_then(|facts| {
        Some(Retiring {
            keeper: facts.keeper.as_ref()?.to_string(),
            lease_id: facts.lease.as_ref().map(ToString::to_string),
            not_before: time(facts.expires_at.min(later(now, OVERLAP))),
            vault: vault.clone(),
        })
    });
    o.state.retiring.extend(stray);
}

/// An application may still hold the former key: it lives on for this long, or until its own end.
const OVERLAP: SignedDuration = SignedDuration::from_mins(5);

/// Whether that is the lease of the present key, whose keeper is not known to have ended.
fn is_current(o: &Observed, lease: &LeaseId) -> bool {
    let recorded = o
        .state
        .lease
        .as_ref()
        .is_some_and(|l| l.id == lease.as_str());
    let keeper = o
        .state
        .credential
        .as_ref()
        .and_then(|c| c.keeper.as_deref());
    recorded && keeper.is_some_and(|k| !matches!(o.keepers.get(k), Some(Known::Absent)))
}

/// Credentials of STS cannot be revoked, only waited out.
fn say_what_lives_on(o: &mut Observed, now: Timestamp) {
    if let Some(credential) = &o.state.credential
        && credential.keeper.is_none()
        && now < credential.expires_at.0
    {
        let until = credential.expires_at.0;
        o.notes.push(Note::warning(
            reasons::EXPIRED,
            format!("the credentials of this request cannot be revoked: they work until {until}"),
        ));
    }
}

fn grant(o: &mut Observed, role: bool) {
    // Without a key in hand this sets right what somebody changed.
    if o.held.key.is_none() {
        let what = if role { "Role" } else { "RoleBinding" };
        o.notes.push(Note::normal(
            reasons::DRIFT_REPAIRED,
            format!(
                "{what} of Secret {} was changed and is set right",
                o.secret_name()
            ),
        ));
    }
    if role {
        o.held.role_granted = true;
        o.reader_role = Known::Is(true);
    } else {
        o.held.binding_granted = true;
        o.reader_binding = Known::Is(true);
    }
}

fn set_aside(o: &mut Observed, not_before: Timestamp) {
    let Some(intent) = o.state.intent.take() else {
        return;
    };
    let Some(keeper) = intent.keeper else { return };
    let lease_id = o
        .held
        .key
        .as_ref()
        .filter(|k| k.keeper.as_ref().map(Accessor::as_str) == Some(keeper.as_str()))
        .and_then(|k| k.lease.as_ref().map(ToString::to_string))
        .or_else(|| super::end::stored_lease(o, &keeper).map(|l| l.to_string()));
    if o.held.key.is_none()
        && let Some(held) = o.held.keeper.take_if(|k| k.accessor.as_str() == keeper)
        && held.refused
    {
        o.held.at_rest.insert(held.accessor);
    }
    o.state.retiring.push(Retiring {
        keeper,
        lease_id,
        not_before: time(not_before),
        vault: intent.vault,
    });
}

fn count_ended(o: &mut Observed, accessor: &Accessor, foreign: bool) {
    let keeper = accessor.as_str();
    o.ended.insert(accessor.clone());
    o.held.at_rest.remove(accessor);
    o.state.retiring.retain(|r| r.keeper != keeper);
    if o.state
        .intent
        .as_ref()
        .is_some_and(|i| i.keeper.as_deref() == Some(keeper))
    {
        o.state.intent = None;
        o.held.forget(o.held.not_before);
    }
    let current = o
        .state
        .credential
        .as_ref()
        .is_some_and(|c| c.keeper.as_deref() == Some(keeper));
    if foreign {
        o.notes.push(Note::warning(
            reasons::FOREIGN,
            format!("the status names keeper {accessor} or a lease that is not this request's: left alone"),
        ));
    } else if current {
        o.notes.push(Note::normal(
            reasons::REVOKED,
            "the key is revoked and gone from AWS",
        ));
    }
    if current {
        o.state.credential = None;
        o.state.lease = None;
    }
}
