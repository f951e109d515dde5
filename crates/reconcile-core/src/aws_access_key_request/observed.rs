//! What is seen of a request.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use leasehold_api_types::{
    AllowedNamespaces, AwsAccessKeyRequestSpec, AwsAccessKeyRequestStatus, CredentialType,
    aws_access_key_request::{Credential, Intent, Lease, Retiring, VaultPlace},
};
use leasehold_vault_client::{Accessor, ClusterId, LeaseId, MountPath, RoleName};

use super::{KeyFacts, end::UNANSWERED_READ};
use crate::{Failure, Known, Note, Object, Settings, backoff::later, names};

/// An AppBinding: namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Binding {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl Binding {
    /// The AppBinding that a place names.
    pub fn of(place: &VaultPlace) -> Self {
        Self {
            namespace: place.namespace.clone(),
            name: place.app_binding.clone(),
        }
    }
}

/// The AWSRole that the request refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleSeen {
    /// Where its Vault is.
    pub binding: Binding,
    /// Mount of the engine.
    pub mount: MountPath,
    /// Name in Vault.
    pub name: RoleName,
    /// What it issues.
    pub credential_type: CredentialType,
    /// Whether Vault holds what its spec says; else why not.
    pub ready: Result<(), String>,
    /// Its generation.
    pub generation: i64,
    /// Under deletion: out of Vault already, or soon.
    pub deleting: bool,
    /// Into which namespaces it issues; none: into its own.
    pub allowed: Option<AllowedNamespaces>,
    /// Labels of the request's namespace, looked at only if [`super::asks_labels`] says so.
    pub labels: Known<BTreeMap<String, String>>,
}

/// The Secret of the request's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSeen {
    /// Whether this request owns it.
    pub ours: bool,
    /// What its annotations say of the key in it.
    pub facts: Option<KeyFacts>,
    /// Whether somebody else wrote over the key in it.
    pub edited: bool,
}

/// A keeper, looked up by its accessor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeeperSeen {
    /// Whether its meta names this very request.
    pub ours: bool,
}

/// A lease, looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseSeen {
    /// Seconds left; zero or less while its revocation is under way or has failed.
    pub ttl: i64,
}

/// A keeper whose token this process holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldKeeper {
    /// Its accessor.
    pub accessor: Accessor,
    /// How long it lives from `opened_at`, as Vault granted.
    pub ttl: SignedDuration,
    /// When.
    pub opened_at: Timestamp,
    /// Whether a creds read was sent under it: never a second one.
    pub asked: bool,
    /// Whether that read was answered with a refusal: nothing of it is still running.
    pub refused: bool,
}

/// What this process holds in memory for the request, tokens and keys left out.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Held {
    /// An open keeper.
    pub keeper: Option<HeldKeeper>,
    /// An issued key that is not recorded yet.
    pub key: Option<KeyFacts>,
    /// Whether that key is in the Secret.
    pub stored: bool,
    /// Whether the subjects' Role is there.
    pub role_granted: bool,
    /// Whether the subjects' RoleBinding is there.
    pub binding_granted: bool,
    /// Since when storing it fails.
    pub unstored_since: Option<Timestamp>,
    /// No issue is tried before.
    pub not_before: Option<Timestamp>,
    /// How often a lease was still listed although its keeper is gone.
    pub looks: BTreeMap<LeaseId, u32>,
    /// Keepers of former intents under which no read can be running any more: it was answered, or
    /// never sent.
    pub at_rest: BTreeSet<Accessor>,
}

impl Held {
    /// Forgets keeper and key.
    pub(super) fn forget(&mut self, not_before: Option<Timestamp>) {
        *self = Self {
            not_before,
            looks: std::mem::take(&mut self.looks),
            at_rest: std::mem::take(&mut self.at_rest),
            ..Self::default()
        };
    }
}

/// The durable part of the status: what cannot be read back from anywhere else.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct State {
    /// The keys in the Secret.
    pub credential: Option<Credential>,
    /// Vault's lease on them.
    pub lease: Option<Lease>,
    /// Name of the Secret.
    pub secret: Option<String>,
    /// An issue under way.
    pub intent: Option<Intent>,
    /// Former keys, still to be ended.
    pub retiring: Vec<Retiring>,
    /// The generation that was approved.
    pub approved_generation: Option<i64>,
}

impl State {
    /// From the status as last written.
    pub fn of(status: &AwsAccessKeyRequestStatus) -> Self {
        Self {
            credential: status.credential.clone(),
            lease: status.lease.clone(),
            secret: status.secret.as_ref().map(|s| s.name.clone()),
            intent: status.intent.clone(),
            retiring: status.retiring.clone(),
            approved_generation: status.approved_generation,
        }
    }
}

/// Everything a decision about a request may rest on.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Metadata.
    pub object: Object,
    /// Spec.
    pub spec: AwsAccessKeyRequestSpec,
    /// Status as last written.
    pub previous: AwsAccessKeyRequestStatus,
    /// The operator's flags.
    pub settings: Settings,
    /// The AWSRole.
    pub role: Known<RoleSeen>,
    /// The Vaults that matter, by AppBinding: `Absent` when it is gone and no login lives.
    pub vaults: BTreeMap<Binding, Known<ClusterId>>,
    /// How long a key of the role's engine lives.
    pub engine_lease: Known<SignedDuration>,
    /// The Secret of the request's name.
    pub secret: Known<SecretSeen>,
    /// Whether `secret` was read live, not from a cache.
    pub secret_is_live: bool,
    /// Whether the subjects' Role is there, and as it should be.
    pub reader_role: Known<bool>,
    /// Whether the subjects' RoleBinding is there, and as it should be.
    pub reader_binding: Known<bool>,
    /// The durable state.
    pub state: State,
    /// What this process holds.
    pub held: Held,
    /// Since when this process sees a keeper in the status, under which a read may be running: by
    /// its own clock, since the clock of whoever wrote it down may be an hour off.
    pub seen: BTreeMap<Accessor, Timestamp>,
    /// Keepers looked up in this drive.
    pub keepers: BTreeMap<Accessor, Known<KeeperSeen>>,
    /// Leases looked up in this drive.
    pub leases: BTreeMap<LeaseId, Known<LeaseSeen>>,
    /// Keepers whose keys were proven to have ended in this drive.
    pub ended: BTreeSet<Accessor>,
    /// Why the present key is of no use any more, if that was found in this drive.
    pub lost: Option<&'static str>,
    /// The action that failed in this drive.
    pub failure: Option<Failure>,
    /// Failed drives in a row before this one.
    pub attempts: u32,
    /// Events to publish.
    pub notes: Vec<Note>,
}

impl Observed {
    /// A request nobody has worked on, whose role is ready in a Vault that can be used.
    pub fn fresh(
        object: Object,
        spec: AwsAccessKeyRequestSpec,
        previous: AwsAccessKeyRequestStatus,
        settings: Settings,
    ) -> Self {
        let binding = Binding {
            namespace: spec.role_ref.namespace.clone(),
            name: "vault".into(),
        };
        let role = RoleSeen {
            binding: binding.clone(),
            mount: "aws".into(),
            name: names::vault_role(
                &settings.cluster,
                &spec.role_ref.namespace,
                &spec.role_ref.name,
            ),
            credential_type: CredentialType::IamUser,
            ready: Ok(()),
            generation: 1,
            deleting: false,
            allowed: None,
            labels: Known::Absent,
        };
        Self {
            state: State::of(&previous),
            object,
            spec,
            previous,
            settings,
            role: Known::Is(role),
            vaults: [(binding, Known::Is(ClusterId::from("vault-1")))].into(),
            engine_lease: Known::Is(SignedDuration::from_hours(1)),
            secret: Known::Absent,
            secret_is_live: false,
            reader_role: Known::Absent,
            reader_binding: Known::Absent,
            held: Held::default(),
            seen: BTreeMap::new(),
            keepers: BTreeMap::new(),
            leases: BTreeMap::new(),
            ended: BTreeSet::new(),
            lost: None,
            failure: None,
            attempts: 0,
            notes: Vec::new(),
        }
    }

    /// Name of its Secret.
    pub fn secret_name(&self) -> String {
        names::secret(&self.object.name, &self.object.uid)
    }

    /// From when on nothing of a read under that keeper can be running: what was not seen before
    /// was written just now.
    pub(super) fn quiet(&self, keeper: &str, now: Timestamp) -> Timestamp {
        if self.held.at_rest.contains(keeper) {
            return now;
        }
        let since = self.seen.get(keeper).copied().unwrap_or(now);
        later(since, UNANSWERED_READ)
    }

    /// The Vault behind an AppBinding.
    pub fn vault(&self, binding: &Binding) -> Known<ClusterId> {
        self.vaults.get(binding).cloned().unwrap_or(Known::Absent)
    }
}
