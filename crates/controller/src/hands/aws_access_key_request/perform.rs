//! How a request is touched: one effect an action, no decision.

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Api, Resource};
use leasehold_api_types::AWSAccessKeyRequest;
use leasehold_reconcile_core::{
    Failure, FailureClass, Known, SignedDuration as Seconds,
    aws_access_key_request::{
        Action, Binding, KeeperSeen, LeaseSeen, Outcome, RoleSeen, SecretSeen,
    },
    names, ownership, reasons,
    settings::KEEPER_POLICY,
};
use leasehold_vault_client::{
    Accessor, ErrorKind, IssueRequest, Keeper, KeeperRequest, MountPath, VaultError, go_duration,
};

use super::{Grip, RequestHands, held::Part};
use crate::cluster::{Target, readers, secrets};
use crate::failures;
use crate::sessions::Session;
use crate::stores::named;

type Request = Target<AWSAccessKeyRequest>;

impl RequestHands {
    pub(super) async fn touch(
        &self,
        target: &mut Request,
        grip: &Grip,
        action: &Action,
    ) -> Result<Outcome, Failure> {
        match action {
            Action::AddFinalizer => target.add_finalizer().await.map(|()| Outcome::Done),
            Action::RemoveFinalizer => target.remove_finalizer().await.map(|()| Outcome::Done),
            Action::LookAtSecret => {
                let name = names::secret(&target.name, &target.uid);
                let seen = secrets::look(&self.client, &target.namespace, &name, &target.uid).await;
                Ok(Outcome::Secret(seen))
            }
            Action::OpenKeeper { binding, ttl } => {
                let session = vault(grip, binding)?;
                self.open_keeper(target, session, *ttl).await
            }
            Action::Issue { role, keeper, .. } => {
                let session = vault(grip, &role.binding)?;
                Ok(self.issue(target, session, role, keeper.as_ref()).await)
            }
            Action::StoreSecret { name } => self.store(target, name).await,
            Action::GrantRole { secret } => self.grant_role(target, secret).await,
            Action::GrantBinding { secret } => self.grant_binding(target, secret).await,
            Action::LookUpKeeper { binding, accessor } => {
                look_up_keeper(target, vault(grip, binding)?, accessor).await
            }
            Action::RevokeKeeper { binding, accessor } => {
                let session = vault(grip, binding)?;
                let revoked = session.vault.revoke_accessor(accessor).await;
                revoked
                    .map(|()| Outcome::Done)
                    .map_err(|e| session.failure(&e))
            }
            Action::LookUpLease { binding, lease } => {
                let session = vault(grip, binding)?;
                let looked = session.vault.lookup_lease(lease).await;
                let seen = looked.map(|l| l.map(|l| LeaseSeen { ttl: l.ttl }));
                let live = seen.as_ref().ok().and_then(Clone::clone);
                self.in_hand.saw_lease(&target.uid, lease, live);
                Ok(Outcome::LeaseSeen(
                    seen.map_err(|e| session.failure(&e)).into(),
                ))
            }
            Action::RevokeLease { binding, lease } => {
                let session = vault(grip, binding)?;
                let revoked = session.vault.revoke_lease(lease).await;
                revoked.map(|()| Outcome::Done).map_err(|e| {
                    let failure = session.failure(&e);
                    Failure::new(
                        FailureClass::Denied,
                        reasons::REVOCATION_FAILED,
                        failure.message,
                    )
                })
            }
            Action::DeleteSecret { name } => {
                secrets::delete(&self.client, &target.namespace, name, &target.uid).await?;
                self.in_hand.wrote(&target.uid, Part::Secret, 0);
                Ok(Outcome::Done)
            }
            // Recorded by the driver's status write, or moves in the core's own state.
            Action::RecordIntent { .. }
            | Action::RecordCredential { .. }
            | Action::SetIntentAside { .. }
            | Action::ForgetHeld { .. }
            | Action::CountEnded { .. }
            | Action::ForgetCredential
            | Action::LetGo { .. } => Ok(Outcome::Done),
        }
    }

    async fn open_keeper(
        &self,
        target: &Request,
        session: &Session,
        ttl: SignedDuration,
    ) -> Result<Outcome, Failure> {
        let mount = self.mount_of(target);
        let request = KeeperRequest {
            policy: KEEPER_POLICY.into(),
            ttl: ttl.try_into().unwrap_or_default(),
            display_name: names::keeper_display_name(&target.namespace, &target.name),
            meta: ownership::keeper_meta(
                &self.settings.cluster,
                &AWSAccessKeyRequest::kind(&()),
                &target.namespace,
                &target.name,
                &target.uid,
            ),
            token_role: session.token_role.clone(),
        };
        let keeper = session
            .vault
            .open_keeper(&request)
            .await
            .map_err(|e| not_opened(&e, session, &mount))?;
        if let Some(why) = unfit(&keeper) {
            // Not one to hang a key on; nothing hangs on it yet.
            if let Err(error) = session.vault.revoke_accessor(&keeper.accessor).await {
                tracing::warn!(%error, "an unfit keeper was not revoked; it ends by itself");
            }
            return Err(failures::keeper_refused(&mount, &why));
        }
        self.in_hand.keep_token(&target.uid, keeper.token);
        let ttl = Seconds::try_from(keeper.ttl).unwrap_or(Seconds::ZERO);
        Ok(Outcome::Keeper {
            accessor: keeper.accessor,
            ttl,
        })
    }

    async fn issue(
        &self,
        target: &Request,
        session: &Session,
        role: &RoleSeen,
        keeper: Option<&Accessor>,
    ) -> Outcome {
        let token = match keeper {
            None => None,
            Some(keeper) => match self.in_hand.token_for_read(&target.uid, keeper.as_str()) {
                Some(token) => Some(token),
                None => return not_sent("its intent is too old to issue on"),
            },
        };
        let spec = &target.object.spec;
        let wanted = IssueRequest {
            mount: role.mount.clone(),
            role: role.name.clone(),
            use_sts: spec.use_sts.unwrap_or_default(),
            role_arn: spec.role_arn.clone(),
            ttl: spec.ttl.as_deref().and_then(go_duration::parse),
        };
        match session.vault.issue(&wanted, token.as_ref()).await {
            Ok(key) => {
                let outcome = Outcome::Key {
                    lease: key.lease_id.clone(),
                    duration: Seconds::try_from(key.lease_duration).unwrap_or(Seconds::ZERO),
                    renewable: key.renewable,
                };
                if let Some(lease) = &key.lease_id {
                    let ttl = i64::try_from(key.lease_duration.as_secs()).unwrap_or(i64::MAX);
                    let seen = Some(LeaseSeen { ttl });
                    self.in_hand.saw_lease(&target.uid, lease, seen);
                }
                self.in_hand.keep_key(&target.uid, key);
                outcome
            }
            Err(error) => {
                // Word for word: what is said of it leaves out what AWS makes anew each time.
                tracing::warn!(object = target.path(), %error, "no key");
                Outcome::NoKey {
                    answered: failures::answered(&error),
                    failure: match keeper {
                        Some(_) => failures::issue_under_keeper(&error, &role.mount, session.at()),
                        None => failures::issue(&error, session.at()),
                    },
                }
            }
        }
    }

    async fn store(&self, target: &Request, name: &str) -> Result<Outcome, Failure> {
        let facts = self.in_hand.held(&target.uid).key;
        let (Some(facts), Some(key)) = (facts, self.in_hand.key(&target.uid)) else {
            return Err(Failure::transient(
                reasons::INTERNAL,
                "the issued key is no longer in hand",
            ));
        };
        let intended = |keeper: &Accessor| self.in_hand.may_store(&target.uid, keeper.as_str());
        if !facts.keeper.as_ref().is_none_or(intended) {
            return Err(Failure::transient(
                reasons::SECRET_NOT_STORED,
                "its intent is too old to store a key on; it is written anew first",
            ));
        }
        let meta = secrets::owned_meta(&target.namespace, name, owner(target));
        let version = secrets::store(&self.client, meta, &facts, &key, &target.uid).await?;
        let seen = SecretSeen {
            ours: true,
            facts: Some(facts),
            edited: false,
        };
        self.in_hand.wrote_secret(&target.uid, version, seen);
        Ok(Outcome::Done)
    }

    async fn grant_role(&self, target: &Request, secret: &str) -> Result<Outcome, Failure> {
        let meta = secrets::owned_meta(&target.namespace, &names::reader(secret), owner(target));
        let api = Api::namespaced(self.client.clone(), &target.namespace);
        let version = readers::put(&api, readers::role(meta, secret), &target.uid).await?;
        self.in_hand.wrote(&target.uid, Part::Role, version);
        Ok(Outcome::Done)
    }

    async fn grant_binding(&self, target: &Request, secret: &str) -> Result<Outcome, Failure> {
        let subjects = &target.object.spec.subjects;
        let meta = secrets::owned_meta(&target.namespace, &names::reader(secret), owner(target));
        let api = Api::namespaced(self.client.clone(), &target.namespace);
        let version = readers::put(&api, readers::binding(meta, subjects), &target.uid).await?;
        self.in_hand.wrote(&target.uid, Part::Binding, version);
        Ok(Outcome::Done)
    }

    // Only for the words of a refusal.
    fn mount_of(&self, target: &Request) -> MountPath {
        let at = &target.object.spec.role_ref;
        named(&self.stores.roles, &at.namespace, &at.name)
            .map_or_else(|| "aws".into(), |role| MountPath(role.spec.path.clone()))
    }
}

/// The login that the drive looked through.
fn vault<'g>(grip: &'g Grip, binding: &Binding) -> Result<&'g Session, Failure> {
    failures::held(grip.get(binding).unwrap_or(&Known::Absent))
}

async fn look_up_keeper(
    target: &Request,
    session: &Session,
    accessor: &Accessor,
) -> Result<Outcome, Failure> {
    let looked = session.vault.lookup_accessor(accessor).await;
    let seen = looked.map(|found| {
        found.map(|token| KeeperSeen {
            ours: token
                .meta
                .get(ownership::META_UID)
                .is_some_and(|uid| *uid == target.uid),
        })
    });
    Ok(Outcome::KeeperSeen(
        seen.map_err(|e| session.failure(&e)).into(),
    ))
}

/// A read that never left: nothing of it can be running.
fn not_sent(why: &str) -> Outcome {
    Outcome::NoKey {
        answered: true,
        failure: Failure::new(
            FailureClass::Conflict,
            reasons::ISSUE_FAILED,
            format!("{why}; trying again under a new keeper"),
        ),
    }
}

fn not_opened(error: &VaultError, session: &Session, mount: &MountPath) -> Failure {
    match error.kind {
        ErrorKind::Denied | ErrorKind::Invalid => {
            failures::keeper_refused(mount, &error.to_string())
        }
        _ => session.failure(error),
    }
}

/// What is wrong with a keeper, if something is: Vault may answer a request for one with less.
fn unfit(keeper: &Keeper) -> Option<String> {
    if !keeper.orphan {
        return Some("Vault opened it as a child of the login, with which it would end".into());
    }
    if keeper.policies != [KEEPER_POLICY] {
        return Some(format!(
            "Vault gave it the policies [{}] instead of {KEEPER_POLICY} alone",
            keeper.policies.join(", ")
        ));
    }
    keeper.ttl.is_zero().then(|| "Vault gave it no end".into())
}

fn owner(target: &Request) -> OwnerReference {
    OwnerReference {
        api_version: AWSAccessKeyRequest::api_version(&()).into(),
        kind: AWSAccessKeyRequest::kind(&()).into(),
        name: target.name.clone(),
        uid: target.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}
