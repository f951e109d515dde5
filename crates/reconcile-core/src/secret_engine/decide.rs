//! What to do next for a SecretEngine.

use jiff::Timestamp;
use leasehold_api_types::secret_engine::DeletionPolicy;
use leasehold_vault_client::MountPath;

use super::{Action, Observed, observed::MountSeen};
use crate::{Failure, Known, Next, Plan, SignedDuration, backoff, object, reasons};

/// The root Secret is read by name, so nobody wakes us when it changes.
const ROOT_SECRET_LOOK: SignedDuration = SignedDuration::from_secs(60);
const ACCESSOR_LOOK: SignedDuration = SignedDuration::from_secs(1);

pub(super) fn decide(o: &Observed, now: Timestamp) -> Plan<Action> {
    if o.object.deleting.is_some() {
        return end(o, now);
    }
    if let Some(failure) = &o.failure {
        return Plan::rest(backoff::after(failure, o.attempts, now));
    }
    if !o.object.finalizer {
        return Plan::act(Action::AddFinalizer);
    }
    match trouble(o) {
        Some(failure) => Plan::rest(backoff::after(&failure, o.attempts, now)),
        None => provide(o, now),
    }
}

/// What keeps the engine from being as the spec says, if something does.
pub(super) fn trouble(o: &Observed) -> Option<Failure> {
    if let Some(failure) = &o.failure {
        return Some(failure.clone());
    }
    if let Some(Err(failure)) = o.wanted_lease() {
        return Some(failure);
    }
    match &o.root_secret {
        Known::Is(_) => {}
        Known::Unknown(failure) => return Some(failure.clone()),
        Known::Absent => {
            return Some(Failure::new(
                crate::FailureClass::Transient,
                reasons::ROOT_SECRET_MISSING,
                format!(
                    "Secret {}/{} does not exist: create it with access_key and secret_key, the AWS credentials Vault shall use",
                    o.object.namespace, o.spec.aws.credential_secret
                ),
            ));
        }
    }
    if let Some(failure) = o.vault.failure() {
        return Some(failure.clone());
    }
    if matches!(o.vault, Known::Absent) {
        return Some(object::binding_gone(
            &o.object.namespace,
            &o.spec.vault_ref.name,
        ));
    }
    match &o.mount {
        Known::Unknown(failure) => return Some(failure.clone()),
        Known::Is(mount) => {
            if let Some(failure) = foreign(o, mount) {
                return Some(failure);
            }
        }
        Known::Absent => return None,
    }
    [o.root_config.failure(), o.engine_lease.failure()]
        .into_iter()
        .flatten()
        .next()
        .cloned()
}

fn foreign(o: &Observed, mount: &MountSeen) -> Option<Failure> {
    let path = &o.spec.path;
    if mount.kind != "aws" {
        return Some(Failure::invalid(
            reasons::PATH_TAKEN,
            format!(
                "{path}/ in Vault holds a {} engine: choose another spec.path, in a new SecretEngine",
                mount.kind
            ),
        ));
    }
    if o.spec.adopt || o.ours(mount) {
        return None;
    }
    let whose = mount.owner.as_ref().map_or_else(
        || "somebody who is not Leasehold".to_owned(),
        |w| {
            format!(
                "SecretEngine {}/{} (uid {}) of cluster \"{}\"",
                w.namespace, w.name, w.uid, w.cluster
            )
        },
    );
    Some(Failure::invalid(
        reasons::NOT_OURS,
        format!(
            "{path}/ in Vault was mounted by {whose}: choose another spec.path, in a new SecretEngine, or set spec.adopt: true to configure this mount (it will then never be unmounted)"
        ),
    ))
}

fn provide(o: &Observed, now: Timestamp) -> Plan<Action> {
    let path = MountPath(o.spec.path.clone());
    if matches!(o.mount, Known::Absent) {
        return Plan::act(Action::EnableMount {
            path,
            owner: o.owner(),
        });
    }
    let mut actions = Vec::new();
    if o.mount.is().is_some_and(|m| o.ours(m) && !o.named(m)) {
        actions.push(Action::DescribeMount {
            path: path.clone(),
            owner: o.owner(),
        });
    }
    if let Some(secret) = o.root_secret.is() {
        let config = o.wanted_root(secret);
        if o.root_config.is() != Some(&config) || o.written.as_ref() != Some(&secret.version) {
            let version = secret.version.clone();
            actions.push(Action::WriteRootConfig {
                path: path.clone(),
                config,
                version,
            });
        }
    }
    if let Some(Ok(lease)) = o.wanted_lease()
        && o.engine_lease.is() != Some(&lease)
    {
        actions.push(Action::WriteEngineLease { path, lease });
    }
    if actions.is_empty() {
        // A new mount's accessor is not known before the next look.
        let look = if o.made {
            ACCESSOR_LOOK
        } else {
            ROOT_SECRET_LOOK
        };
        return Plan::rest(backoff::at(backoff::later(now, look), now));
    }
    Plan::all(actions)
}

fn end(o: &Observed, now: Timestamp) -> Plan<Action> {
    if !o.object.finalizer {
        return Plan::rest(Next::OnChange);
    }
    // Whatever failed in this drive (the finalizer's removal, too) waits for the next one.
    let failed = o
        .failure
        .as_ref()
        .map(|f| Plan::rest(backoff::after(f, o.attempts, now)));
    if o.object.abandon {
        return failed.unwrap_or_else(|| let_go(o, "its abandon annotation says so"));
    }
    if o.spec.adopt || o.spec.deletion_policy == DeletionPolicy::Retain {
        return failed.unwrap_or_else(|| Plan::act(Action::RemoveFinalizer));
    }
    if let Some(failure) = end_trouble(o) {
        let refused = o
            .failure
            .as_ref()
            .is_some_and(|f| f.reason == reasons::KUBERNETES);
        if !refused && object::may_let_go(&o.object, &o.settings, &o.vault, now) {
            return let_go(o, &failure.to_string());
        }
        return Plan::rest(object::wait(
            &o.object,
            &o.settings,
            &failure,
            o.attempts,
            now,
        ));
    }
    match &o.mount {
        Known::Is(mount) if o.ours(mount) => {
            if o.users.is_empty() {
                Plan::act(Action::DisableMount {
                    path: MountPath(o.spec.path.clone()),
                })
            } else {
                // Woken when a role goes; the look back is for a wake-up that got lost.
                Plan::rest(backoff::at(backoff::later(now, ROOT_SECRET_LOOK), now))
            }
        }
        Known::Is(_) | Known::Absent | Known::Unknown(_) => Plan::act(Action::RemoveFinalizer),
    }
}

/// What keeps the mount's end from being known.
pub(super) fn end_trouble(o: &Observed) -> Option<Failure> {
    if let Some(failure) = &o.failure {
        return Some(failure.clone());
    }
    if matches!(o.vault, Known::Absent) {
        return Some(object::binding_gone(
            &o.object.namespace,
            &o.spec.vault_ref.name,
        ));
    }
    o.vault.failure().or_else(|| o.mount.failure()).cloned()
}

fn let_go(o: &Observed, why: &str) -> Plan<Action> {
    let message = format!(
        "SecretEngine {} is let go and its mount {}/ in Vault may still be there, with the keys issued from it: {why}",
        o.object.path(),
        o.spec.path
    );
    // Told only if it happened; events are published when the drive is over.
    Plan::all(vec![Action::RemoveFinalizer, Action::LetGo { message }])
}
