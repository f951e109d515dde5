//! What every kind has in its metadata, as far as decisions need it.

use jiff::{SignedDuration, Timestamp};

use crate::{Failure, Known, Next, Settings, backoff, backoff::later, reasons};

/// An object's metadata.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Object {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Uid.
    pub uid: String,
    /// Generation of the spec.
    pub generation: i64,
    /// `deletionTimestamp`.
    pub deleting: Option<Timestamp>,
    /// Whether our finalizer (or one of KubeVault's older ones) is on it.
    pub finalizer: bool,
    /// Whether a person said to let it go as it is.
    pub abandon: bool,
}

impl Object {
    /// When an object under deletion is let go although its Vault side could not be cleaned up.
    pub fn deadline(&self, settings: &Settings) -> Option<Timestamp> {
        self.deleting.map(|since| {
            later(
                later(since, settings.keeper_max),
                settings.revocation_deadline,
            )
        })
    }

    /// `namespace/name`.
    pub fn path(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// How long a SecretEngine or AWSRole whose AppBinding is gone, and that has no live login, waits.
const BINDING_GONE_GRACE: SignedDuration = SignedDuration::from_mins(10);

/// The AppBinding is gone and no login to its Vault lives on.
pub fn binding_gone(namespace: &str, name: &str) -> Failure {
    Failure::transient(
        reasons::APP_BINDING_NOT_FOUND,
        format!("AppBinding {namespace}/{name} does not exist: create it, it says where Vault is"),
    )
}

/// Whether an engine or a role under deletion has waited long enough for a Vault that cannot be
/// used: never wedge a namespace for ever.
pub fn may_let_go(object: &Object, settings: &Settings, vault: &Known<()>, now: Timestamp) -> bool {
    let gone = matches!(vault, Known::Absent)
        && object
            .deleting
            .is_some_and(|since| now >= later(since, BINDING_GONE_GRACE));
    gone || object
        .deadline(settings)
        .is_some_and(|deadline| now >= deadline)
}

/// When to look again at an object under deletion that something holds up: at the deadline at the
/// latest.
pub fn wait(
    object: &Object,
    settings: &Settings,
    failure: &Failure,
    attempts: u32,
    now: Timestamp,
) -> Next {
    let again = backoff::after(failure, attempts, now);
    match object.deadline(settings) {
        Some(deadline) if deadline > now => backoff::sooner(again, backoff::at(deadline, now)),
        Some(_) | None => again,
    }
}
