//! SecretEngine: what is seen, and how it is touched.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, ResourceExt};
use leasehold_api_types::{SecretEngine, SecretEngineStatus, secret_engine::RootSecretVersion};
use leasehold_reconcile_core::{
    Failure, FailureClass, Known, Settings,
    aws_access_key_request::Binding,
    ownership::Owner,
    reasons,
    secret_engine::{Action, MountSeen, Observed, RootSecretSeen, SecretEngineMachine},
};
use leasehold_vault_client::{MountPath, Redacted};

use super::Hands;
use crate::cluster::{Target, target::object_of};
use crate::failures;
use crate::relations::uses;
use crate::sessions::{Session, Sessions, binding_text};
use crate::stores::Stores;

/// Sees and touches SecretEngines.
pub struct EngineHands {
    client: Client,
    stores: Stores,
    sessions: Arc<Sessions>,
    settings: Settings,
}

/// What a drive of a SecretEngine holds.
pub struct Grip {
    session: Known<Session>,
    /// The secret half of the root Secret, as read in this drive.
    key: Option<(RootSecretVersion, Redacted)>,
}

impl std::fmt::Debug for Grip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grip").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for EngineHands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineHands").finish_non_exhaustive()
    }
}

impl EngineHands {
    /// Hands over these caches and logins.
    pub fn new(
        client: Client,
        stores: Stores,
        sessions: Arc<Sessions>,
        settings: Settings,
    ) -> Self {
        Self {
            client,
            stores,
            sessions,
            settings,
        }
    }

    /// The root Secret, read by name: nothing wider is allowed, or needed.
    async fn root_secret(&self, engine: &SecretEngine) -> Known<(RootSecretSeen, Redacted)> {
        let namespace = engine.namespace().unwrap_or_default();
        let name = &engine.spec.aws.credential_secret;
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &namespace);
        let secret = match api.get_opt(name).await {
            Ok(Some(secret)) => secret,
            Ok(None) => return Known::Absent,
            Err(e) => return Known::Unknown(failures::kubernetes(&e)),
        };
        match parts(&secret, &format!("{namespace}/{name}")) {
            Ok(parts) => Known::Is(parts),
            Err(failure) => Known::Unknown(failure),
        }
    }

    async fn look_at_vault(o: &mut Observed, session: &Session) {
        let path = MountPath(o.spec.path.clone());
        o.mount = match session.vault.mount(&path).await {
            Ok(found) => Known::from(Ok(found.map(|m| MountSeen {
                owner: Owner::parse(&m.description),
                accessor: Some(m.accessor).filter(|a| !a.is_empty()),
                kind: m.kind,
            }))),
            Err(e) => Known::Unknown(session.failure(&e)),
        };
        if o.mount.is().is_none_or(|m| m.kind != "aws") || o.object.deleting.is_some() {
            return;
        }
        let look = |e| session.failure(&e);
        o.root_config = session.vault.root_config(&path).await.map_err(look).into();
        o.engine_lease = session.vault.engine_lease(&path).await.map_err(look).into();
    }
}

impl Hands for EngineHands {
    type Grip = Grip;
    type Machine = SecretEngineMachine;
    type Object = SecretEngine;

    fn asks(&self, engine: &SecretEngine) -> Option<Binding> {
        Some(Binding {
            namespace: engine.namespace()?,
            name: engine.spec.vault_ref.name.clone(),
        })
    }

    async fn observe(
        &self,
        engine: &SecretEngine,
        attempts: u32,
        _now: Timestamp,
    ) -> (Observed, Grip) {
        let mut o = Observed::fresh(
            object_of(engine),
            engine.spec.clone(),
            self.settings.clone(),
        );
        o.previous = engine.status.clone().unwrap_or_default();
        o.written.clone_from(&o.previous.root_secret);
        o.attempts = attempts;
        o.users = self
            .stores
            .roles
            .state()
            .iter()
            .filter(|role| uses(role, engine))
            .map(|role| crate::stores::path(&**role))
            .collect();
        o.users.sort();
        let mut key = None;
        if o.object.deleting.is_none() {
            o.root_secret = self.root_secret(engine).await.map(|(seen, secret)| {
                key = Some((seen.version.clone(), secret));
                seen
            });
        }
        let binding = Binding {
            namespace: o.object.namespace.clone(),
            name: o.spec.vault_ref.name.clone(),
        };
        let session = self.sessions.session(&binding).await;
        match &session {
            Known::Is(session) => Self::look_at_vault(&mut o, session).await,
            Known::Absent => o.vault = Known::Absent,
            Known::Unknown(failure) => o.vault = Known::Unknown(failure.clone()),
        }
        (o, Grip { session, key })
    }

    async fn perform(
        &self,
        target: &mut Target<SecretEngine>,
        grip: &Grip,
        action: &Action,
    ) -> Result<(), Failure> {
        match action {
            Action::AddFinalizer => return target.add_finalizer().await,
            Action::RemoveFinalizer => return target.remove_finalizer().await,
            Action::LetGo { .. } => return Ok(()),
            _ => {}
        }
        let session = failures::held(&grip.session)?;
        let vault = &session.vault;
        let done = match action {
            Action::EnableMount { path, owner } => {
                vault.enable_mount(path, "aws", &owner.to_string()).await
            }
            Action::DescribeMount { path, owner } => {
                vault.describe_mount(path, &owner.to_string()).await
            }
            Action::WriteRootConfig {
                path,
                config,
                version,
            } => {
                let key = grip.key.as_ref().filter(|(held, _)| held == version);
                let Some((_, key)) = key else {
                    return Err(Failure::new(
                        FailureClass::Conflict,
                        reasons::INTERNAL,
                        "the root Secret changed meanwhile; looking again",
                    ));
                };
                vault.write_root_config(path, config, key).await
            }
            Action::WriteEngineLease { path, lease } => vault.write_engine_lease(path, lease).await,
            Action::DisableMount { path } => vault.disable_mount(path).await,
            Action::AddFinalizer | Action::RemoveFinalizer | Action::LetGo { .. } => Ok(()),
        };
        done.map_err(|e| session.failure(&e))
    }

    fn status_of(engine: &SecretEngine) -> Option<SecretEngineStatus> {
        engine.status.clone()
    }
}

/// The two keys of a root Secret: the public half is seen, the secret half held.
fn parts(secret: &Secret, path: &str) -> Result<(RootSecretSeen, Redacted), Failure> {
    let text = |key: &str| {
        binding_text(secret.data.as_ref(), key, path).map_err(|f| Failure {
            reason: reasons::ROOT_SECRET_INVALID,
            ..f
        })
    };
    let access_key = text("access_key")?.expose().to_owned();
    let version = RootSecretVersion {
        uid: secret.uid().unwrap_or_default(),
        resource_version: secret.resource_version().unwrap_or_default(),
    };
    Ok((
        RootSecretSeen {
            version,
            access_key,
        },
        text("secret_key")?,
    ))
}
