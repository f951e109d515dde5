//! What is seen of a request: caches, and the live logins. Issuing asks the API server nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Resource, ResourceExt, runtime::reflector::Store};
use leasehold_api_types::{
    AWSAccessKeyRequest, AWSRole, MANAGER, aws_access_key_request::Subject, condition::find,
};
use leasehold_reconcile_core::{
    Known,
    aws_access_key_request::{
        Approval, Binding, Observed, RoleSeen, SecretSeen, approval, asks_labels,
    },
    names, reasons,
};
use leasehold_vault_client::{ClusterId, MountPath};

use super::{Grip, RequestHands, held::Part};
use crate::cluster::{
    readers,
    secrets::{self, owned_by},
    target::object_of,
};
use crate::failures;
use crate::memory::number;
use crate::relations::bindings_of;
use crate::stores::named;

/// A lease seen to live is not looked up again sooner.
const LEASE_FRESH: Duration = Duration::from_secs(60);

impl RequestHands {
    pub(super) async fn look(
        &self,
        request: &AWSAccessKeyRequest,
        attempts: u32,
        now: Timestamp,
    ) -> (Observed, Grip) {
        let status = request.status.clone().unwrap_or_default();
        let object = object_of(request);
        let mut o = Observed::fresh(object, request.spec.clone(), status, self.settings.clone());
        o.attempts = attempts;
        let reads = self.in_hand.reads(&o.object.uid, &o.state);
        let since = |age| now.checked_sub(age).unwrap_or(Timestamp::MIN);
        o.seen = reads.into_iter().map(|(k, age)| (k, since(age))).collect();
        o.held = self.in_hand.held(&o.object.uid);
        o.role = self.role(request);
        o.vaults.clear();
        // Nothing was ever issued: no Vault matters, and nobody logs in for it.
        if undecided(request) {
            return (o, Grip::new());
        }
        self.look_at_namespace(&mut o).await;
        let grip = self.look_at_vaults(request, &mut o).await;
        self.look_at_objects(&mut o);
        self.look_at_lease(&mut o);
        (o, grip)
    }

    pub(super) fn asked(&self, request: &AWSAccessKeyRequest) -> Option<Binding> {
        if undecided(request) {
            return None;
        }
        let at = &request.spec.role_ref;
        let role = named(&self.stores.roles, &at.namespace, &at.name).map(|role| Binding {
            namespace: at.namespace.clone(),
            name: role.spec.vault_ref.name.clone(),
        });
        role.or_else(|| bindings_of(&self.stores, request).into_iter().next())
    }

    fn role(&self, request: &AWSAccessKeyRequest) -> Known<RoleSeen> {
        let at = &request.spec.role_ref;
        let Some(role) = named(&self.stores.roles, &at.namespace, &at.name) else {
            return Known::Absent;
        };
        Known::Is(RoleSeen {
            binding: Binding {
                namespace: at.namespace.clone(),
                name: role.spec.vault_ref.name.clone(),
            },
            mount: MountPath(role.spec.path.clone()),
            name: names::vault_role(&self.settings.cluster, &at.namespace, &at.name),
            credential_type: role.spec.credential_type,
            ready: readiness(&role),
            generation: role.meta().generation.unwrap_or_default(),
            deleting: role.meta().deletion_timestamp.is_some(),
            allowed: role.spec.allowed_namespaces.clone(),
            labels: Known::Absent,
        })
    }

    /// The labels of the request's namespace, read live and only where a role asks for them: no
    /// list of namespaces is needed, nor allowed.
    async fn look_at_namespace(&self, o: &mut Observed) {
        let (here, there) = (&o.object.namespace, &o.spec.role_ref.namespace);
        if let Known::Is(role) = &mut o.role
            && o.object.deleting.is_none()
            && asks_labels(role.allowed.as_ref(), there, here)
        {
            let api: Api<Namespace> = Api::all(self.client.clone());
            let looked = api.get_metadata_opt(here).await;
            role.labels = looked
                .map(|found| found.map(|n| n.metadata.labels.unwrap_or_default()))
                .map_err(|e| failures::kubernetes(&e))
                .into();
        }
    }

    /// All at once: a dead Vault that a former key waits for must not delay the next key.
    async fn look_at_vaults(&self, request: &AWSAccessKeyRequest, o: &mut Observed) -> Grip {
        let issuing = o.role.is().filter(|r| r.ready.is_ok());
        let issuing = issuing.filter(|_| o.object.deleting.is_none());
        let looks = bindings_of(&self.stores, request)
            .into_iter()
            .map(|binding| async move {
                let session = self.sessions.session(&binding).await;
                let Known::Is(live) = &session else {
                    let seen = session.clone().map(|_| ClusterId::from(""));
                    return (binding, session, seen, None);
                };
                let seen = live.cluster_id().await;
                let mount = issuing.filter(|role| role.binding == binding && seen.is().is_some());
                let lease = match mount {
                    Some(role) => Some(live.engine_lease(&role.mount).await),
                    None => None,
                };
                (binding, session, seen, lease)
            });
        let mut grip = Grip::new();
        let mut vaults = BTreeMap::new();
        let mut engine_lease = None;
        for (binding, session, seen, lease) in join_all(looks).await {
            engine_lease = engine_lease.or(lease);
            vaults.insert(binding.clone(), seen);
            grip.insert(binding, session);
        }
        o.vaults = vaults;
        if let Some(lease) = engine_lease {
            o.engine_lease = lease;
        }
        grip
    }

    /// The present key's lease, if it was looked up a moment ago: what wakes a request for other
    /// reasons (its role's status, its Secret's event) makes no call to Vault then.
    fn look_at_lease(&self, o: &mut Observed) {
        let within = Duration::try_from(o.settings.resync / 2).unwrap_or_default();
        let judged = approval(
            &o.previous.conditions,
            o.object.generation,
            o.state.approved_generation,
        );
        if o.object.deleting.is_some() || judged != Approval::Approved {
            return;
        }
        if let Some(lease) = &o.state.lease
            && let Some(seen) =
                self.in_hand
                    .lease(&o.object.uid, &lease.id, within.min(LEASE_FRESH))
        {
            o.leases.insert(lease.id.as_str().into(), Known::Is(seen));
        }
    }

    /// The Secret, Role and RoleBinding, from the caches or as we wrote them a moment ago.
    fn look_at_objects(&self, o: &mut Observed) {
        let (namespace, uid) = (o.object.namespace.clone(), o.object.uid.clone());
        let secret = o.secret_name();
        let reader = names::reader(&secret);
        let cached = named(&self.stores.secrets, &namespace, &secret);
        let version = cached
            .as_ref()
            .map(|s| number(&s.resource_version().unwrap_or_default()));
        o.secret = if self.in_hand.lags(&uid, Part::Secret, version) {
            self.in_hand
                .written_secret(&uid)
                .map_or(Known::Absent, Known::Is)
        } else {
            cached.map_or(Known::Absent, |s| {
                Known::Is(secrets::seen(&s.metadata, &uid))
            })
        };
        if matches!(&o.secret, Known::Is(SecretSeen { ours: false, .. })) {
            // Labelled as ours, owned by somebody else: a forgery, or a restored backup.
            tracing::warn!(%namespace, secret, manager = MANAGER, "a labelled Secret has another owner");
        }
        o.reader_role = self.part(
            &self.stores.reader_roles,
            Part::Role,
            &namespace,
            &reader,
            &uid,
            |r| r.rules == readers::role(r.metadata.clone(), &secret).rules,
        );
        let subjects: &[Subject] = &o.spec.subjects;
        o.reader_binding = self.part(
            &self.stores.reader_bindings,
            Part::Binding,
            &namespace,
            &reader,
            &uid,
            |b| b.subjects == readers::binding(b.metadata.clone(), subjects).subjects,
        );
    }

    /// Whether an object of the request is there and as it should be.
    fn part<K: Resource<DynamicType = ()> + Clone + 'static>(
        &self,
        store: &Store<K>,
        part: Part,
        namespace: &str,
        name: &str,
        uid: &str,
        right: impl Fn(&K) -> bool,
    ) -> Known<bool> {
        let cached = named(store, namespace, name);
        let version = cached
            .as_ref()
            .map(|o| number(&o.resource_version().unwrap_or_default()));
        if self.in_hand.lags(uid, part, version) {
            return Known::Is(true);
        }
        cached.map_or(Known::Absent, |o| {
            Known::Is(owned_by(o.meta(), uid) && right(&o))
        })
    }
}

/// Whether nothing was issued, and nobody has said that it shall be.
fn undecided(request: &AWSAccessKeyRequest) -> bool {
    let Some(status) = &request.status else {
        return true;
    };
    let generation = request.metadata.generation.unwrap_or_default();
    let judged = approval(&status.conditions, generation, status.approved_generation);
    matches!(judged, Approval::Pending | Approval::Stale { .. })
        && status.credential.is_none()
        && status.retiring.is_empty()
}

/// Whether Vault holds what the role's spec says; else why not.
fn readiness(role: &AWSRole) -> Result<(), String> {
    let status = role.status.as_ref();
    let Some(ready) = status.and_then(|s| find(&s.conditions, reasons::READY)) else {
        return Err("the operator has not worked on it yet".into());
    };
    if ready.observed_generation != role.meta().generation {
        return Err("its latest change is not in Vault yet".into());
    }
    if ready.is_true() {
        return Ok(());
    }
    Err(ready.message.clone().unwrap_or_default())
}
