//! What to say of an AWSRole.

use jiff::Timestamp;
use leasehold_api_types::{AwsRoleStatus, Phase};

use super::{Observed, decide, desired, same};
use crate::{conditions, conditions::Verdict, reasons};

pub(super) fn status(o: &Observed, now: Timestamp) -> Option<AwsRoleStatus> {
    if o.object.deleting.is_some() && !o.object.finalizer {
        return None;
    }
    let verdict = verdict(o);
    let phase = match &verdict {
        Verdict::Ready { .. } => Phase::Success,
        Verdict::Failed(f) if f.needs_a_person() => Phase::Failed,
        Verdict::Failed(_) | Verdict::Progressing { .. } | Verdict::Waiting { .. } => {
            Phase::Processing
        }
    };
    let generation = o.object.generation;
    Some(AwsRoleStatus {
        phase: Some(phase),
        observed_generation: Some(generation),
        conditions: conditions::of(&verdict, vec![], &o.previous.conditions, generation, now),
        mount_accessor: mount_accessor(o),
    })
}

fn mount_accessor(o: &Observed) -> Option<String> {
    let mount = o.mount.is().filter(|_| settled(o) && o.foreign().is_none());
    let accessor = mount.and_then(|m| m.accessor.clone());
    accessor.or_else(|| o.previous.mount_accessor.clone())
}

fn settled(o: &Observed) -> bool {
    desired(&o.spec).is_ok_and(|w| o.role.is().is_some_and(|seen| same(&w, seen)))
}

fn verdict(o: &Observed) -> Verdict {
    let at = format!("{}/roles/{}", o.spec.path, o.vault_name());
    if o.object.deleting.is_some() {
        return decide::end_trouble(o).map_or_else(
            || Verdict::progressing(reasons::DELETING, format!("deleting {at} in Vault")),
            Verdict::Failed,
        );
    }
    if let Some(failure) = decide::trouble(o) {
        return Verdict::Failed(failure);
    }
    if settled(o) {
        return Verdict::ready(
            reasons::PROVISIONED,
            format!("{at} in Vault is as the spec says"),
        );
    }
    Verdict::progressing(reasons::PROGRESSING, format!("writing {at}"))
}
