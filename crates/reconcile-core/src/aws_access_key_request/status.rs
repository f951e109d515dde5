//! What to say of a request.

use jiff::Timestamp;
use leasehold_api_types::{
    AwsAccessKeyRequestStatus, RequestPhase,
    aws_access_key_request::{Credential, SecretName},
    condition::find,
};

use super::{Approval, Observed, decide, end, issue};
use crate::{Failure, FailureClass, Known, conditions, conditions::Verdict, reasons};

pub(super) fn status(o: &Observed, now: Timestamp) -> Option<AwsAccessKeyRequestStatus> {
    if o.object.deleting.is_some() && !o.object.finalizer {
        return None;
    }
    let verdict = verdict(o, now);
    let generation = o.object.generation;
    let mut extra = Vec::new();
    if let Some(credential) = &o.state.credential {
        let standing = [reasons::ROLE_GONE, reasons::ROLE_NOT_GRANTED];
        match issue::obstacle(o).filter(|f| standing.contains(&f.reason)) {
            Some(f) if f.reason == reasons::ROLE_NOT_GRANTED => {
                let message = format!(
                    "{}. The present key lasts until it ends, and no new one is issued",
                    f.message
                );
                extra.push((f.reason, f.reason, message));
            }
            Some(f) => extra.push((f.reason, f.reason, f.message)),
            None => extra.extend(
                role_changed(o, credential)
                    .map(|message| (reasons::ROLE_CHANGED, reasons::ROLE_CHANGED, message)),
            ),
        }
    }
    if o.object.deleting.is_none()
        && decide::judged(o) != Approval::Denied
        && let Some(failure) = end::stuck_retiring(o, now).filter(|_| o.failure.is_none())
    {
        extra.push((reasons::REVOCATION_PENDING, failure.reason, failure.message));
    }
    Some(AwsAccessKeyRequestStatus {
        phase: Some(phase(o, &verdict, now)),
        observed_generation: Some(generation),
        approved_generation: o.state.approved_generation,
        conditions: conditions::of(&verdict, extra, &o.previous.conditions, generation, now),
        lease: o.state.lease.clone(),
        secret: o.state.secret.clone().map(|name| SecretName { name }),
        credential: o.state.credential.clone(),
        intent: o.state.intent.clone(),
        retiring: o.state.retiring.clone(),
    })
}

/// The key has the rights that its role had when it was issued: a change of the role is no reason
/// to take it from whoever uses it.
fn role_changed(o: &Observed, credential: &Credential) -> Option<String> {
    let (issued, role) = (credential.role_generation?, o.role.is()?);
    (issued != role.generation).then(|| {
        format!(
            "AWSRole {}/{} was changed after the key was issued (generation {issued}, now {}): the key keeps the rights it was issued with until the next one replaces it. To have that now, delete Secret {}",
            o.spec.role_ref.namespace, o.spec.role_ref.name, role.generation, o.secret_name()
        )
    })
}

fn phase(o: &Observed, verdict: &Verdict, now: Timestamp) -> RequestPhase {
    match decide::judged(o) {
        Approval::Denied => return RequestPhase::Denied,
        Approval::Pending | Approval::Stale { .. } => return RequestPhase::WaitingForApproval,
        Approval::Approved => {}
    }
    if let Some(credential) = &o.state.credential {
        let live = now < credential.expires_at.0;
        return if live {
            RequestPhase::Issued
        } else {
            RequestPhase::Expired
        };
    }
    match verdict {
        Verdict::Failed(f) if f.needs_a_person() => RequestPhase::Failed,
        _ => RequestPhase::Approved,
    }
}

fn verdict(o: &Observed, now: Timestamp) -> Verdict {
    if o.object.deleting.is_some() {
        return ending(o, now, reasons::DELETING);
    }
    match decide::judged(o) {
        Approval::Denied => {
            if o.failure.is_some() || !end::claims(o, now).is_empty() {
                return ending(o, now, reasons::DENIED);
            }
            Verdict::waiting(reasons::DENIED, "denied: no key is issued")
        }
        Approval::Pending => Verdict::waiting(
            reasons::WAITING_FOR_APPROVAL,
            format!(
                "no key is issued before somebody approves: kubectl vault approve awsaccesskeyrequest {} -n {}",
                o.object.name, o.object.namespace
            ),
        ),
        Approval::Stale { approved } => Verdict::Failed(Failure::invalid(
            reasons::STALE_APPROVAL,
            format!(
                "generation {approved} of the spec was approved, it is now {}: an approval of another spec is none. Look at the request again and create it anew",
                o.object.generation
            ),
        )),
        Approval::Approved => approved(o, now),
    }
}

fn approved(o: &Observed, now: Timestamp) -> Verdict {
    let trouble = o.failure.clone().or_else(|| issue::trouble(o, now));
    let Some(credential) = &o.state.credential else {
        return trouble.or_else(|| refused_before(o)).map_or_else(
            || Verdict::progressing(reasons::PROGRESSING, "approved; the key is being issued"),
            Verdict::Failed,
        );
    };
    let until = credential.expires_at.0;
    if now >= until {
        let why = trouble.map(|f| f.to_string()).unwrap_or_default();
        return Verdict::Failed(Failure::transient(
            reasons::EXPIRED,
            format!(
                "the key in Secret {} ended {until} and no new one could be issued yet. {why}",
                o.secret_name()
            ),
        ));
    }
    if matches!(&o.secret, Known::Absent | Known::Is(_)) && o.secret_is_live && !holds_recorded(o) {
        return trouble.map_or_else(
            || {
                let words = match o.secret.is() {
                    Some(seen) if seen.edited => "the Secret was edited; a new key is being issued",
                    _ => "the Secret was lost; a new key is being issued",
                };
                Verdict::progressing(reasons::PROGRESSING, words)
            },
            Verdict::Failed,
        );
    }
    if issue::lease_gone(o) {
        return trouble.map_or_else(
            || {
                Verdict::progressing(
                    reasons::PROGRESSING,
                    "somebody ended the key in Vault; a new one is being issued",
                )
            },
            Verdict::Failed,
        );
    }
    let words = match &credential.keeper {
        Some(_) => format!("the key is in Secret {}", o.secret_name()),
        None => format!(
            "the credentials are in Secret {}; they cannot be revoked and end {until}",
            o.secret_name()
        ),
    };
    Verdict::ready(reasons::ISSUED, words)
}

/// A refusal stands until a retry has another end: its own steps are no news.
fn refused_before(o: &Observed) -> Option<Failure> {
    let said = find(&o.previous.conditions, reasons::READY)?;
    let refused = said.reason.as_deref() == Some(reasons::ISSUE_FAILED)
        && said.observed_generation == Some(o.object.generation);
    refused.then(|| {
        let message = said.message.clone().unwrap_or_default();
        Failure::new(FailureClass::Denied, reasons::ISSUE_FAILED, message)
    })
}

fn holds_recorded(o: &Observed) -> bool {
    let Some(credential) = &o.state.credential else {
        return false;
    };
    o.secret.is().is_some_and(|s| {
        s.ours
            && !s.edited
            && s.facts.as_ref().is_some_and(|f| {
                f.keeper
                    .as_ref()
                    .map(leasehold_vault_client::Accessor::as_str)
                    == credential.keeper.as_deref()
            })
    })
}

fn ending(o: &Observed, now: Timestamp, reason: &'static str) -> Verdict {
    if let Some(failure) = o.failure.clone().or_else(|| end::stuck(o, now)) {
        return Verdict::Failed(failure);
    }
    Verdict::progressing(reason, "the key is being revoked")
}
