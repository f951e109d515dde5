//! What to say of a SecretEngine.

use jiff::Timestamp;
use leasehold_api_types::{Phase, SecretEngineStatus};

use super::{Observed, decide};
use crate::{Failure, conditions, conditions::Verdict, reasons};

pub(super) fn status(o: &Observed, now: Timestamp) -> Option<SecretEngineStatus> {
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
    Some(SecretEngineStatus {
        phase: Some(phase),
        observed_generation: Some(generation),
        conditions: conditions::of(&verdict, vec![], &o.previous.conditions, generation, now),
        root_secret: o.written.clone(),
        mount_accessor: o
            .mount
            .is()
            .filter(|m| o.ours(m))
            .and_then(|m| m.accessor.clone())
            .or_else(|| o.previous.mount_accessor.clone().filter(|_| !o.made)),
    })
}

fn verdict(o: &Observed) -> Verdict {
    let path = &o.spec.path;
    if o.object.deleting.is_some() {
        return ending(o);
    }
    if let Some(failure) = decide::trouble(o) {
        return Verdict::Failed(failure);
    }
    let provided = o.mount.is().is_some_and(|m| o.named(m) || !o.ours(m))
        && o.root_secret.is().is_some_and(|s| {
            o.written.as_ref() == Some(&s.version) && o.root_config.is() == Some(&o.wanted_root(s))
        })
        && o.wanted_lease()
            .is_none_or(|w| w.ok().as_ref() == o.engine_lease.is());
    if provided {
        return Verdict::ready(
            reasons::PROVISIONED,
            format!("Vault's AWS secrets engine is mounted at {path}/ and configured"),
        );
    }
    Verdict::progressing(reasons::PROGRESSING, format!("configuring {path}/"))
}

fn ending(o: &Observed) -> Verdict {
    if let Some(failure) = decide::end_trouble(o) {
        return Verdict::Failed(failure);
    }
    if o.users.is_empty() {
        return Verdict::progressing(reasons::DELETING, format!("unmounting {}/", o.spec.path));
    }
    Verdict::Failed(Failure::transient(
        reasons::IN_USE,
        format!(
            "{}/ is used by AWSRole {}: unmounting it would end their keys. Delete these first; this SecretEngine then goes by itself",
            o.spec.path,
            o.users.join(", ")
        ),
    ))
}
