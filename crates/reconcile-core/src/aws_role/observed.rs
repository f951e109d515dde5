//! What is seen of an AWSRole, and how an action changes that.

use leasehold_api_types::{AwsRoleSpec, AwsRoleStatus, Phase};
use leasehold_vault_client::{AwsVaultRole, RoleName};

use super::Action;
use crate::{Failure, Known, Note, Object, Settings, names, reasons};

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
