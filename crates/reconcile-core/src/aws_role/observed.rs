//! What is seen of an AWSRole, and how an action changes that.

use leasehold_api_types::{AwsRoleSpec, AwsRoleStatus, Phase};
use leasehold_vault_client::{AwsVaultRole, RoleName};

use super::Action;
use crate::{Failure, Known, Note, Object, Settings, names, ownership::Owner, reasons};

/// The mount at the role's path.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RoleMount {
    /// Which SecretEngine it was made for, if Leasehold made it.
    pub owner: Option<Owner>,
    /// Vault's id of this mount.
    pub accessor: Option<String>,
    /// Whether that very SecretEngine is in this cluster.
    pub here: bool,
    /// Whether a SecretEngine beside the role adopts the mount.
    pub adopted: bool,
}

/// Everything a decision about an AWSRole may rest on.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Metadata.
    pub object: Object,
    /// Spec.
    pub spec: AwsRoleSpec,
    /// Status as last written.
    pub previous: AwsRoleStatus,
    /// The operator's flags.
    pub settings: Settings,
    /// Whether Vault can be used: `Absent` when the AppBinding is gone and no login lives.
    pub vault: Known<()>,
    /// The mount at its path.
    pub mount: Known<RoleMount>,
    /// The role in Vault.
    pub role: Known<AwsVaultRole>,
    /// The action that failed in this drive.
    pub failure: Option<Failure>,
    /// Failed drives in a row before this one.
    pub attempts: u32,
    /// Events to publish.
    pub notes: Vec<Note>,
}

impl Observed {
    /// An AWSRole nobody has worked on, before a Vault that can be used.
    pub fn fresh(object: Object, spec: AwsRoleSpec, settings: Settings) -> Self {
        Self {
            object,
            spec,
            previous: AwsRoleStatus::default(),
            settings,
            vault: Known::Is(()),
            mount: Known::Is(RoleMount::default()),
            role: Known::Absent,
            failure: None,
            attempts: 0,
            notes: Vec::new(),
        }
    }

    /// Its name in Vault.
    pub fn vault_name(&self) -> RoleName {
        names::vault_role(
            &self.settings.cluster,
            &self.object.namespace,
            &self.object.name,
        )
    }

    /// Whose the mount is, if that is another cluster of our name: its roles have the names of ours.
    /// A mount that this object's role was written into before is known by its accessor.
    pub fn foreign(&self) -> Option<&Owner> {
        let mount = self.mount.is()?;
        let owner = mount.owner.as_ref()?;
        let written = mount.accessor.is_some() && mount.accessor == self.previous.mount_accessor;
        let known = mount.here || mount.adopted || written;
        (owner.cluster == self.settings.cluster && !known).then_some(owner)
    }

    /// Whether Vault held what this very spec says when it was last looked at.
    pub fn was_settled(&self) -> bool {
        self.previous.phase == Some(Phase::Success)
            && self.previous.observed_generation == Some(self.object.generation)
    }
}

pub(super) fn absorb(o: &mut Observed, action: &Action, outcome: Result<(), Failure>) {
    if let Err(mut failure) = outcome {
        if *action == Action::RemoveFinalizer {
            // By this reason the object's going is told from what it waits for.
            failure.reason = reasons::KUBERNETES;
        }
        o.failure = Some(failure);
        return;
    }
    match action {
        Action::AddFinalizer => o.object.finalizer = true,
        Action::WriteRole { role, name, .. } => {
            if o.was_settled() {
                o.notes.push(Note::normal(
                    reasons::DRIFT_REPAIRED,
                    format!(
                        "{}/roles/{name} was changed in Vault and is again as the spec says",
                        o.spec.path
                    ),
                ));
            }
            o.role = Known::Is((**role).clone());
        }
        Action::DeleteRole { .. } => o.role = Known::Absent,
        Action::LetGo { message } => o.notes.push(Note::let_go(message.clone())),
        Action::RemoveFinalizer => o.object.finalizer = false,
    }
}
