//! What to do next for an AWSRole.

use jiff::Timestamp;
use leasehold_vault_client::MountPath;

use super::{Action, Observed, desired, same};
use crate::{Failure, Known, Next, Plan, backoff, names, object, reasons};

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
    if let Some(failure) = trouble(o) {
        return Plan::rest(backoff::after(&failure, o.attempts, now));
    }
    match desired(&o.spec) {
        Ok(role) if !o.role.is().is_some_and(|seen| same(&role, seen)) => {
            Plan::act(Action::WriteRole {
                path: MountPath(o.spec.path.clone()),
                name: o.vault_name(),
                role: Box::new(role),
                previous: o.role.is().cloned().map(Box::new),
            })
        }
        Ok(_) => Plan::rest(backoff::resync(o.settings.resync, &o.object.uid, now)),
        Err(failure) => Plan::rest(backoff::after(&failure, o.attempts, now)),
    }
}

/// What keeps the role from being as the spec says, if something does.
pub(super) fn trouble(o: &Observed) -> Option<Failure> {
    if let Some(failure) = &o.failure {
        return Some(failure.clone());
    }
    let wanted = match desired(&o.spec) {
        Ok(wanted) => wanted,
        Err(failure) => return Some(failure),
    };
    let name = o.vault_name();
    if !wanted.policy_document.is_empty() && name.as_str().len() > names::IAM_POLICY_NAME_LIMIT {
        return Some(Failure::invalid(
            reasons::NAME_TOO_LONG,
            format!(
                "the role is named {name} in Vault, which Vault gives IAM as the name of the policy: {} characters, IAM takes {}. Use a shorter metadata.name, or policyARNs instead of policyDocument",
                name.as_str().len(),
                names::IAM_POLICY_NAME_LIMIT
            ),
        ));
    }
    if matches!(o.vault, Known::Absent) {
        return Some(object::binding_gone(
            &o.object.namespace,
            &o.spec.vault_ref.name,
        ));
    }
    if let Some(failure) = o.vault.failure().or_else(|| o.mount.failure()) {
        return Some(failure.clone());
    }
    foreign(o).or_else(|| o.role.failure().cloned())
}

fn foreign(o: &Observed) -> Option<Failure> {
    let owner = o.foreign()?;
    let unseen = if owner.namespace == o.object.namespace {
        "which is not in this cluster"
    } else {
        "which is not in this cluster, or in a namespace that this operator does not watch (--namespace)"
    };
    Some(Failure::invalid(
        reasons::NOT_OURS,
        format!(
            "{}/ in Vault was mounted for SecretEngine {}/{} (uid {}), {unseen}: another cluster named \"{}\" may have a role {} there, so nothing is written. Give each cluster a --cluster-name of its own, or use another mount. If the mount was this cluster's, a SecretEngine with spec.adopt: true takes it over",
            o.spec.path,
            owner.namespace,
            owner.name,
            owner.uid,
            owner.cluster,
            o.vault_name()
        ),
    ))
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
    match &o.role {
        Known::Is(_) if o.foreign().is_none() => Plan::act(Action::DeleteRole {
            path: MountPath(o.spec.path.clone()),
            name: o.vault_name(),
        }),
        Known::Is(_) | Known::Absent | Known::Unknown(_) => Plan::act(Action::RemoveFinalizer),
    }
}

/// What keeps the role's end from being known. A mount that is gone took the role with it.
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
    let look = o
        .role
        .failure()
        .filter(|f| f.reason != reasons::MOUNT_MISSING);
    let mount = o.mount.failure();
    o.vault.failure().or(mount).or(look).cloned()
}

fn let_go(o: &Observed, why: &str) -> Plan<Action> {
    let message = format!(
        "AWSRole {} is let go and {}/roles/{} may still be in Vault: {why}",
        o.object.path(),
        o.spec.path,
        o.vault_name()
    );
    // Told only if it happened; events are published when the drive is over.
    Plan::all(vec![Action::RemoveFinalizer, Action::LetGo { message }])
}
