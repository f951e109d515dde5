//! What a story rests on: a Vault that can be used and holds nothing yet, in which all goes well.

use std::collections::BTreeSet;

use kube::ResourceExt as _;
use leasehold_api_types::{
    AWSAccessKeyRequest, AWSRole, Condition, CredentialType, SecretEngine,
    aws_access_key_request::VaultPlace,
};
use leasehold_controller::cluster::target::object_of;
use leasehold_controller::relations::uses;
use leasehold_reconcile_core::aws_access_key_request::{
    Action, Binding, KeeperSeen, Observed, Outcome, RequestMachine, RoleSeen,
};
use leasehold_reconcile_core::aws_role::{self, AwsRoleMachine};
use leasehold_reconcile_core::explain::explain;
use leasehold_reconcile_core::secret_engine::{self, SecretEngineMachine};
use leasehold_reconcile_core::{
    Failure, Known, Object, Settings, SignedDuration, Timestamp, names,
};
use leasehold_vault_client::{ClusterId, LeaseId, MountPath};

use super::manifests::Manifest;

/// The uid of an object that the API server has not seen yet.
const NO_UID: &str = "00000000-0000-0000-0000-000000000000";

/// The other manifests, and the operator's settings.
pub(super) struct Assumed<'a> {
    manifests: &'a [Manifest],
    settings: &'a Settings,
    now: Timestamp,
}

impl<'a> Assumed<'a> {
    pub(super) fn of(manifests: &'a [Manifest], settings: &'a Settings, now: Timestamp) -> Self {
        Self {
            manifests,
            settings,
            now,
        }
    }

    /// The story of a SecretEngine.
    pub(super) fn engine(&self, engine: &SecretEngine) -> String {
        let mut o = secret_engine::Observed::fresh(
            with_uid(object_of(engine)),
            engine.spec.clone(),
            self.settings.clone(),
        );
        o.previous = engine.status.clone().unwrap_or_default();
        o.written.clone_from(&o.previous.root_secret);
        o.users = super::roles(self.manifests)
            .filter(|role| uses(role, engine))
            .map(|role| {
                format!(
                    "{}/{}",
                    role.namespace().unwrap_or_default(),
                    role.name_any()
                )
            })
            .collect();
        let say = |s: &leasehold_api_types::SecretEngineStatus| status(s.phase, &s.conditions);
        explain::<SecretEngineMachine>(o, self.now, |_| Ok(()), say)
    }

    /// The story of an AWSRole.
    pub(super) fn role(&self, role: &AWSRole) -> String {
        let mut o = aws_role::Observed::fresh(
            with_uid(object_of(role)),
            role.spec.clone(),
            self.settings.clone(),
        );
        o.previous = role.status.clone().unwrap_or_default();
        let say = |s: &leasehold_api_types::AwsRoleStatus| status(s.phase, &s.conditions);
        explain::<AwsRoleMachine>(o, self.now, |_| Ok(()), say)
    }

    /// The story of a request.
    pub(super) fn request(&self, request: &AWSAccessKeyRequest) -> String {
        let object = with_uid(object_of(request));
        let unborn = object.uid == NO_UID;
        let previous = request.status.clone().unwrap_or_default();
        let mut o = Observed::fresh(
            object,
            request.spec.clone(),
            previous,
            self.settings.clone(),
        );
        let mut assumptions = Vec::new();
        let at = &request.spec.role_ref;
        let role = super::roles(self.manifests).find(|role| {
            role.namespace().as_deref() == Some(&at.namespace) && role.name_any() == at.name
        });
        match role {
            Some(role) => self.rest_on(&mut o, role),
            None => assumptions.push(format!(
                "AWSRole {}/{} is not among the manifests: taken for one of type iam_user at aws/",
                at.namespace, at.name
            )),
        }
        former_keys(&mut o);
        if unborn {
            assumptions.push(
                "the Secret's last six letters come from the uid that the request does not have yet"
                    .into(),
            );
        }
        let lease = o
            .engine_lease
            .is()
            .copied()
            .unwrap_or(SignedDuration::from_hours(1));
        let say =
            |s: &leasehold_api_types::AwsAccessKeyRequestStatus| status(s.phase, &s.conditions);
        let story = explain::<RequestMachine>(o, self.now, outcomes(lease), say);
        let assumptions = assumptions.into_iter().map(|a| format!("assumed: {a}\n"));
        assumptions.collect::<String>() + &story
    }

    /// The role as its manifest has it, ready in Vault; and how long its engine's keys live.
    fn rest_on(&self, o: &mut Observed, role: &AWSRole) {
        let namespace = role.namespace().unwrap_or_default();
        let binding = Binding {
            namespace: namespace.clone(),
            name: role.spec.vault_ref.name.clone(),
        };
        o.vaults = [(binding.clone(), Known::Is(ClusterId::from("this-vault")))].into();
        o.role = Known::Is(RoleSeen {
            binding,
            mount: MountPath(role.spec.path.clone()),
            name: names::vault_role(&self.settings.cluster, &namespace, &role.name_any()),
            credential_type: role.spec.credential_type,
            ready: Ok(()),
            generation: role.metadata.generation.unwrap_or(1),
            deleting: role.metadata.deletion_timestamp.is_some(),
            allowed: role.spec.allowed_namespaces.clone(),
            // The one label that every namespace has.
            labels: Known::Is(
                [(
                    "kubernetes.io/metadata.name".to_owned(),
                    o.object.namespace.clone(),
                )]
                .into(),
            ),
        });
        let engine = super::engines(self.manifests).find(|engine| uses(role, engine));
        let lease = engine.and_then(|engine| {
            let object = object_of(engine);
            let settings = self.settings.clone();
            secret_engine::Observed::fresh(object, engine.spec.clone(), settings).wanted_lease()
        });
        if let Some(Ok(lease)) = lease {
            let lease = SignedDuration::try_from(lease.lease).unwrap_or(SignedDuration::MAX);
            o.engine_lease = Known::Is(lease);
        }
    }
}

/// Keys that the status tells of are taken to be where it says.
fn former_keys(o: &mut Observed) {
    let state = &o.state;
    let places: Vec<VaultPlace> = (state.credential.iter().map(|c| c.vault.clone()))
        .chain(state.intent.iter().map(|i| i.vault.clone()))
        .chain(state.retiring.iter().map(|r| r.vault.clone()))
        .collect();
    for place in places {
        let id = Known::Is(ClusterId::from(place.cluster_id.as_str()));
        o.vaults.insert(Binding::of(&place), id);
    }
}

/// What each action brings back when all goes well.
fn outcomes(lease: SignedDuration) -> impl FnMut(&Action) -> Result<Outcome, Failure> {
    let mut revoked = BTreeSet::new();
    let mut opened = 0;
    move |action| {
        Ok(match action {
            Action::LookAtSecret => Outcome::Secret(Known::Absent),
            Action::OpenKeeper { ttl, .. } => {
                opened += 1;
                let accessor = format!("<accessor {opened}>").as_str().into();
                Outcome::Keeper {
                    accessor,
                    ttl: *ttl,
                }
            }
            Action::Issue { role, .. } => {
                let leased = role.credential_type == CredentialType::IamUser;
                let id = format!("{}/creds/{}/<id>", role.mount, role.name);
                Outcome::Key {
                    lease: leased.then(|| LeaseId::from(id.as_str())),
                    duration: lease,
                    renewable: leased,
                }
            }
            Action::RevokeKeeper { accessor, .. } => {
                revoked.insert(accessor.clone());
                Outcome::Done
            }
            Action::LookUpKeeper { accessor, .. } => {
                let live = !revoked.contains(accessor);
                let seen = if live {
                    Known::Is(KeeperSeen { ours: true })
                } else {
                    Known::Absent
                };
                Outcome::KeeperSeen(seen)
            }
            Action::LookUpLease { .. } => Outcome::LeaseSeen(Known::Absent),
            _ => Outcome::Done,
        })
    }
}

fn with_uid(mut object: Object) -> Object {
    if object.uid.is_empty() {
        object.uid = NO_UID.into();
    }
    object
}

/// Phase and conditions, a line each.
fn status(phase: Option<impl std::fmt::Debug>, conditions: &[Condition]) -> String {
    let phase = phase.map_or_else(|| "none".into(), |p| format!("{p:?}"));
    let mut text = format!("status: {phase}\n");
    for c in conditions {
        let value = c.status.as_deref().unwrap_or("True");
        let reason = c.reason.as_deref().unwrap_or_default();
        let message = c.message.as_deref().unwrap_or_default();
        text += format!("  {}={value} {reason}: {message}", c.type_).trim_end_matches([' ', ':']);
        text.push('\n');
    }
    text
}
