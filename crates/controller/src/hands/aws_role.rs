//! AWSRole: what is seen, and how it is touched.

use std::sync::Arc;

use jiff::Timestamp;
use leasehold_api_types::{AWSRole, AwsRoleStatus};
use leasehold_reconcile_core::{
    Failure, Known, Settings,
    aws_access_key_request::Binding,
    aws_role::{Action, AwsRoleMachine, Observed},
};
use leasehold_vault_client::{ErrorKind, MountPath};

use super::Hands;
use crate::cluster::{Target, target::object_of};
use crate::failures;
use crate::sessions::{Session, Sessions};

/// Sees and touches AWSRoles.
pub struct RoleHands {
    sessions: Arc<Sessions>,
    settings: Settings,
}

impl std::fmt::Debug for RoleHands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoleHands").finish_non_exhaustive()
    }
}

impl RoleHands {
    /// Hands over these logins.
    pub fn new(sessions: Arc<Sessions>, settings: Settings) -> Self {
        Self { sessions, settings }
    }
}

impl Hands for RoleHands {
    type Grip = Known<Session>;
    type Machine = AwsRoleMachine;
    type Object = AWSRole;

    async fn observe(
        &self,
        role: &AWSRole,
        attempts: u32,
        _now: Timestamp,
    ) -> (Observed, Known<Session>) {
        let mut o = Observed::fresh(object_of(role), role.spec.clone(), self.settings.clone());
        o.previous = role.status.clone().unwrap_or_default();
        o.attempts = attempts;
        let binding = Binding {
            namespace: o.object.namespace.clone(),
            name: o.spec.vault_ref.name.clone(),
        };
        let session = self.sessions.session(&binding).await;
        match &session {
            Known::Is(session) => {
                let path = MountPath(o.spec.path.clone());
                let looked = session.vault.role(&path, &o.vault_name()).await;
                o.role = looked.map_err(|e| failures::vault(&e)).into();
            }
            Known::Absent => o.vault = Known::Absent,
            Known::Unknown(failure) => o.vault = Known::Unknown(failure.clone()),
        }
        (o, session)
    }

    async fn perform(
        &self,
        target: &mut Target<AWSRole>,
        session: &Known<Session>,
        action: &Action,
    ) -> Result<(), Failure> {
        match action {
            Action::AddFinalizer => return target.add_finalizer().await,
            Action::RemoveFinalizer => return target.remove_finalizer().await,
            Action::LetGo { .. } => return Ok(()),
            _ => {}
        }
        let session = failures::held(session)?;
        let done = match action {
            Action::WriteRole {
                path,
                name,
                role,
                previous,
            } => {
                session
                    .vault
                    .write_role(path, name, role, previous.as_deref())
                    .await
            }
            Action::DeleteRole { path, name } => {
                match session.vault.delete_role(path, name).await {
                    // The mount went, and the role with it.
                    Err(e) if e.kind == ErrorKind::NoMount => Ok(()),
                    other => other,
                }
            }
            Action::AddFinalizer | Action::RemoveFinalizer | Action::LetGo { .. } => Ok(()),
        };
        done.map_err(|e| failures::vault(&e))
    }

    fn status_of(role: &AWSRole) -> Option<AwsRoleStatus> {
        role.status.clone()
    }
}
