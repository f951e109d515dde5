//! AWSRole: what is seen, and how it is touched.

use std::sync::Arc;

use jiff::Timestamp;
use kube::{Client, ResourceExt};
use leasehold_api_types::{AWSRole, AwsRoleStatus};
use leasehold_reconcile_core::{
    Failure, Known, Settings,
    aws_access_key_request::Binding,
    aws_role::{Action, AwsRoleMachine, Observed},
    reasons,
};
use leasehold_vault_client::{ErrorKind, MountPath};

use super::Hands;
use crate::cluster::{Target, target::object_of};
use crate::failures;
use crate::sessions::{Session, Sessions};
use crate::stores::{Stores, named};

/// Sees and touches AWSRoles.
pub struct RoleHands {
    stores: Stores,
    sessions: Arc<Sessions>,
    settings: Settings,
}

impl std::fmt::Debug for RoleHands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoleHands").finish_non_exhaustive()
    }
}

impl RoleHands {
    /// Hands over these caches and logins.
    pub fn new(_: &Client, stores: Stores, sessions: Arc<Sessions>, settings: Settings) -> Self {
        Self {
            stores,
            sessions,
            settings,
        }
    }

    async fn session(&self, role: &AWSRole) -> Known<Session> {
        let binding = Binding {
            namespace: role.namespace().unwrap_or_default(),
            name: role.spec.vault_ref.name.clone(),
        };
        self.sessions.session(&binding).await
    }
}

impl Hands for RoleHands {
    type Machine = AwsRoleMachine;
    type Object = AWSRole;

    async fn observe(&self, role: &AWSRole, attempts: u32, _now: Timestamp) -> Observed {
        let mut o = Observed::fresh(object_of(role), role.spec.clone(), self.settings.clone());
        o.previous = role.status.clone().unwrap_or_default();
        o.attempts = attempts;
        match self.session(role).await {
            Known::Is(session) => {
                let path = MountPath(o.spec.path.clone());
                let looked = session.vault.role(&path, &o.vault_name()).await;
                o.role = looked.map_err(|e| failures::vault(&e)).into();
            }
            Known::Absent => o.vault = Known::Absent,
            Known::Unknown(failure) => o.vault = Known::Unknown(failure),
        }
        o
    }

    async fn perform(&self, target: &mut Target<AWSRole>, action: &Action) -> Result<(), Failure> {
        match action {
            Action::AddFinalizer => return target.add_finalizer().await,
            Action::RemoveFinalizer => return target.remove_finalizer().await,
            Action::LetGo { .. } => return Ok(()),
            _ => {}
        }
        let session = match named(&self.stores.roles, &target.namespace, &target.name) {
            Some(role) => self.session(&role).await,
            None => Known::Absent,
        };
        let Known::Is(session) = session else {
            return Err(Failure::transient(
                reasons::VAULT_UNREACHABLE,
                "the login to Vault is gone",
            ));
        };
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

    fn remember(&self, _: &str, _: &Observed) {}

    fn forget(&self, _: &str) {}

    fn status_of(role: &AWSRole) -> Option<AwsRoleStatus> {
        role.status.clone()
    }
}
