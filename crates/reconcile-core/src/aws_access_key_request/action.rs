//! What can be done for a request.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use leasehold_api_types::aws_access_key_request::{Intent, VaultPlace};
use leasehold_vault_client::{Accessor, LeaseId};

use super::{Binding, KeeperSeen, KeyFacts, LeaseSeen, RoleSeen, SecretSeen};
use crate::Known;

/// One effect each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Put our finalizer on, with the resourceVersion last seen: a write without it would step over
    /// a denial that came meanwhile, and hand on a version that hides it from the intent's write.
    AddFinalizer,
    /// Read the Secret from the API server itself.
    LookAtSecret,
    /// Open a keeper token.
    OpenKeeper {
        /// Where.
        binding: Binding,
        /// How long it shall live.
        ttl: SignedDuration,
    },
    /// Status: a key is about to be asked for under this keeper.
    RecordIntent {
        /// What is written.
        intent: Intent,
    },
    /// Read credentials, once, and not later than [`super::ISSUE_WITHIN`] after the intent was
    /// written, by a monotonic clock: else answer [`Outcome::NoKey`] with `answered`, and send nothing.
    Issue {
        /// From which role.
        role: Box<RoleSeen>,
        /// Under which keeper; none for STS credentials.
        keeper: Option<Accessor>,
        /// When that keeper ends.
        keeper_ends: Option<Timestamp>,
    },
    /// Put the held key into the Secret, not much later than [`super::STORE_WITHIN`] after the
    /// intent was last written.
    StoreSecret {
        /// Name of the Secret.
        name: String,
    },
    /// Let the subjects read the Secret: the Role.
    GrantRole {
        /// Name of the Secret.
        secret: String,
    },
    /// Let the subjects read the Secret: the RoleBinding.
    GrantBinding {
        /// Name of the Secret.
        secret: String,
    },
    /// Status: this key is in the Secret; the intent is fulfilled, the former key retires.
    RecordCredential {
        /// The key.
        facts: KeyFacts,
        /// Where it was issued.
        vault: VaultPlace,
        /// Name of the Secret.
        secret: String,
    },
    /// Status: the intent's key, if there is one, shall end.
    SetIntentAside {
        /// Not before: the read may still be running.
        not_before: Timestamp,
    },
    /// Forget a key and its keeper's token; the intent stays until it is set aside.
    ForgetHeld {
        /// No issue is tried before.
        not_before: Option<Timestamp>,
    },
    /// Look a keeper up, and whose it is.
    LookUpKeeper {
        /// Where.
        binding: Binding,
        /// Which.
        accessor: Accessor,
    },
    /// Revoke a keeper of ours, and with it its key.
    RevokeKeeper {
        /// Where.
        binding: Binding,
        /// Which.
        accessor: Accessor,
    },
    /// Look a lease up.
    LookUpLease {
        /// Where.
        binding: Binding,
        /// Which.
        lease: LeaseId,
    },
    /// Revoke a lease whose revocation has failed, and wait: brings AWS's words.
    RevokeLease {
        /// Where.
        binding: Binding,
        /// Which.
        lease: LeaseId,
    },
    /// The key under this keeper has ended.
    CountEnded {
        /// Which keeper.
        accessor: Accessor,
        /// Whether it turned out to be somebody else's, and was left alone.
        foreign: bool,
    },
    /// Delete the Secret.
    DeleteSecret {
        /// Its name.
        name: String,
    },
    /// The credential of a denied request has ended: nothing is issued any more.
    ForgetCredential,
    /// Say, count and log that keys are let go without proof of their end.
    LetGo {
        /// What, and why.
        message: String,
    },
    /// Take our finalizer off, with the resourceVersion last seen.
    RemoveFinalizer,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddFinalizer => f.write_str("kube: add our finalizer"),
            Self::LookAtSecret => f.write_str("kube: read the Secret live"),
            Self::OpenKeeper { ttl, .. } => write!(f, "vault: open a keeper for {ttl:#}"),
            Self::RecordIntent { intent } => {
                let keeper = intent.keeper.as_deref().unwrap_or("none");
                write!(
                    f,
                    "status: record the intent to issue under keeper {keeper}"
                )
            }
            Self::Issue { role, keeper, .. } => {
                write!(f, "vault: read {}/creds/{} once", role.mount, role.name)?;
                keeper
                    .as_ref()
                    .map_or(Ok(()), |k| write!(f, " under keeper {k}"))
            }
            Self::StoreSecret { name } => write!(f, "kube: store the key in Secret {name}"),
            Self::GrantRole { secret } => write!(f, "kube: Role to get Secret {secret}"),
            Self::GrantBinding { secret } => {
                write!(f, "kube: RoleBinding of the subjects to Secret {secret}")
            }
            Self::RecordCredential { facts, .. } => {
                write!(f, "status: record the key, it ends {}", facts.expires_at)
            }
            Self::SetIntentAside { not_before } => {
                write!(
                    f,
                    "status: set the unanswered intent aside, to be ended from {not_before}"
                )
            }
            Self::ForgetHeld { .. } => f.write_str("memory: forget the held key"),
            Self::LookUpKeeper { accessor, .. } => write!(f, "vault: look up keeper {accessor}"),
            Self::RevokeKeeper { accessor, .. } => write!(f, "vault: revoke keeper {accessor}"),
            Self::LookUpLease { lease, .. } => write!(f, "vault: look up lease {lease}"),
            Self::RevokeLease { lease, .. } => write!(f, "vault: revoke lease {lease} and wait"),
            Self::CountEnded {
                accessor,
                foreign: false,
            } => {
                write!(f, "state: the key under keeper {accessor} has ended")
            }
            Self::CountEnded {
                accessor,
                foreign: true,
            } => {
                write!(f, "state: keeper {accessor} is not ours, leave it")
            }
            Self::DeleteSecret { name } => write!(f, "kube: delete Secret {name}"),
            Self::ForgetCredential => f.write_str("state: no credential any more"),
            Self::LetGo { message } => write!(f, "say: {message}"),
            Self::RemoveFinalizer => f.write_str("kube: remove our finalizer"),
        }
    }
}

/// What an action brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// An opened keeper: accessor and granted life.
    Keeper {
        /// Its accessor.
        accessor: Accessor,
        /// How long it lives.
        ttl: SignedDuration,
    },
    /// An issued key; it itself stays in the hands.
    Key {
        /// Its lease.
        lease: Option<LeaseId>,
        /// How long it lives.
        duration: SignedDuration,
        /// Whether Vault can extend it.
        renewable: bool,
    },
    /// The read of a key failed.
    NoKey {
        /// Whether Vault answered: then nothing of the read is still running.
        answered: bool,
        /// Why.
        failure: crate::Failure,
    },
    /// The Secret as it is.
    Secret(Known<SecretSeen>),
    /// A keeper as it is.
    KeeperSeen(Known<KeeperSeen>),
    /// A lease as it is.
    LeaseSeen(Known<LeaseSeen>),
}
