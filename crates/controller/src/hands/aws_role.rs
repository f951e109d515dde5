//! AWSRole: what is seen, and how it is touched.

use std::sync::Arc;

use jiff::Timestamp;
use kube::ResourceExt;
use leasehold_api_types::{AWSRole, AwsRoleStatus, SecretEngine};
use leasehold_reconcile_core::{
    Failure, Known, Settings,
    aws_access_key_request::Binding,
    aws_role::{Action, AwsRoleMachine, Observed, RoleMount},
    ownership::Owner,
};
use leasehold_vault_client::{ErrorKind, Mount, MountPath};

use super::Hands;
use crate::cluster::{Target, target::object_of};
use crate::failures;
use crate::relations::uses;
use crate::sessions::{Session, Sessions};
use crate::stores::Stores;

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
    pub fn new(stores: Stores, sessions: Arc<Sessions>, settings: Settings) -> Self {
        Self {
            stores,
            sessions,
            settings,
        }
    }

    /// Whose mount it is, as the cache of SecretEngines tells. All caches are filled before the
    /// first drive, so one that is not in there does not exist here.
    fn mount_seen(&self, role: &AWSRole, mount: &Mount) -> RoleMount {
        let owner = Owner::parse(&mount.description);
        let engines = self.stores.engines.state();
        let owns = |e: &SecretEngine| {
            owner
                .as_ref()
                .is_some_and(|o| e.uid().as_deref() == Some(&o.uid))
        };
        RoleMount {
            here: engines.iter().any(|e| owns(e)),
            adopted: engines.iter().any(|e| e.spec.adopt && uses(role, e)),
            accessor: Some(mount.accessor.clone()).filter(|a| !a.is_empty()),
            owner,
        }
    }
}

impl Hands for RoleHands {
    type Grip = Known<Session>;
    type Machine = AwsRoleMachine;
    type Object = AWSRole;

    fn asks(&self, role: &AWSRole) -> Option<Binding> {
        Some(Binding {
            namespace: role.namespace()?,
            name: role.spec.vault_ref.name.clone(),
        })
    }

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
                let name = o.vault_name();
                let (mount, looked) =
                    tokio::join!(session.vault.mount(&path), session.vault.role(&path, &name));
                let mount = mount.map(|found| found.map(|m| self.mount_seen(role, &m)));
                o.mount = mount.map_err(|e| session.failure(&e)).into();
                o.role = looked.map_err(|e| session.failure(&e)).into();
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
        done.map_err(|e| session.failure(&e))
    }

    fn status_of(role: &AWSRole) -> Option<AwsRoleStatus> {
        role.status.clone()
    }
}
