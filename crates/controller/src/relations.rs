//! Who is to look again when something changed: pure maps over the caches.

use std::collections::BTreeSet;
use std::sync::Arc;

use kube::{Resource, ResourceExt, runtime::reflector::ObjectRef};
use leasehold_api_types::{AWSAccessKeyRequest, AWSRole, AppBinding, SecretEngine};
use leasehold_reconcile_core::aws_access_key_request::Binding;
use tokio::sync::mpsc::UnboundedSender;

use crate::sessions::Sessions;
use crate::stores::{Stores, named};
use crate::unreadable::Unreadable;

/// A change of an object.
#[derive(Clone, Debug)]
pub enum Change<K> {
    /// It is there, like this.
    Applied(Arc<K>),
    /// It is gone; this was its last state.
    Deleted(Arc<K>),
}

impl<K> Change<K> {
    /// The object.
    pub fn object(&self) -> &K {
        match self {
            Self::Applied(object) | Self::Deleted(object) => object,
        }
    }
}

/// What the drives remember of objects, of whichever kind.
pub trait Remembered: Send + Sync {
    /// Whether that version of that object is known already: our own write comes back as an event,
    /// and a drive on it would only look at the same things again.
    fn knows(&self, uid: &str, resource_version: &str) -> bool;
    /// The object of that uid is gone.
    fn forget(&self, uid: &str);
    /// An object of that kind which the object of that uid owns is gone, at that version.
    fn part_deleted(&self, uid: &str, kind: &str, version: &str);
    /// Whether that version of an object which the object of that uid owns is our own write.
    fn wrote_part(&self, uid: &str, kind: &str, version: &str) -> bool;
}

/// Wakes the drives of those whom a change concerns.
pub struct Wake {
    /// The caches.
    pub stores: Stores,
    /// Vault logins, let go with their last dependent.
    pub sessions: Arc<Sessions>,
    /// Drives of SecretEngines.
    pub engines: UnboundedSender<ObjectRef<SecretEngine>>,
    /// Drives of AWSRoles.
    pub roles: UnboundedSender<ObjectRef<AWSRole>>,
    /// Drives of requests.
    pub requests: UnboundedSender<ObjectRef<AWSAccessKeyRequest>>,
    /// Objects that cannot be decoded as they are now.
    pub unreadable: Arc<Unreadable>,
    /// What the drives remember.
    pub remembered: Box<dyn Remembered>,
}

impl std::fmt::Debug for Wake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wake").finish_non_exhaustive()
    }
}

impl Wake {
    /// An AppBinding changed: everything that needs its Vault looks again.
    pub fn binding(&self, change: &Change<AppBinding>) {
        let binding = of(change.object());
        let same = |namespace: Option<String>, name: &str| {
            namespace.as_deref() == Some(&binding.namespace) && name == binding.name
        };
        for engine in self.stores.engines.state() {
            if same(engine.namespace(), &engine.spec.vault_ref.name) {
                send(&self.engines, &*engine);
            }
        }
        for role in self.stores.roles.state() {
            if same(role.namespace(), &role.spec.vault_ref.name) {
                send(&self.roles, &*role);
            }
        }
        for request in self.stores.requests.state() {
            if bindings_of(&self.stores, &request).contains(&binding) {
                send(&self.requests, &*request);
            }
        }
        if let Change::Deleted(_) = change {
            self.sweep();
        }
    }

    /// A SecretEngine changed: so may have what its roles wait for.
    pub fn engine(&self, change: &Change<SecretEngine>) {
        let engine = change.object();
        for role in self.stores.roles.state() {
            if uses(&role, engine) {
                send(&self.roles, &*role);
            }
        }
        self.own(&self.engines, change);
    }

    /// An AWSRole changed: its requests wait for it, its engine may wait for its end.
    pub fn role(&self, change: &Change<AWSRole>) {
        let role = change.object();
        for request in self.stores.requests.state() {
            let at = &request.spec.role_ref;
            if role.namespace().as_deref() == Some(&at.namespace) && role.name_any() == at.name {
                send(&self.requests, &*request);
            }
        }
        for engine in self.stores.engines.state() {
            if engine.meta().deletion_timestamp.is_some() && uses(role, &engine) {
                send(&self.engines, &*engine);
            }
        }
        self.own(&self.roles, change);
    }

    /// A request changed.
    pub fn request(&self, change: &Change<AWSAccessKeyRequest>) {
        self.own(&self.requests, change);
    }

    /// A Secret, Role or RoleBinding of a request changed.
    pub fn owned<K: Resource<DynamicType = ()>>(&self, change: &Change<K>) {
        let object = change.object();
        let namespace = object.namespace().unwrap_or_default();
        for owner in object.owner_references() {
            if owner.kind == AWSAccessKeyRequest::kind(&()) {
                let version = object.resource_version().unwrap_or_default();
                let kind = K::kind(&());
                match change {
                    Change::Applied(_)
                        if self.remembered.wrote_part(&owner.uid, &kind, &version) =>
                    {
                        continue;
                    }
                    Change::Applied(_) => {}
                    Change::Deleted(_) => {
                        self.remembered.part_deleted(&owner.uid, &kind, &version);
                    }
                }
                let owner = ObjectRef::new(&owner.name).within(&namespace);
                let _ = self.requests.send(owner);
            }
        }
    }

    fn own<K>(&self, queue: &UnboundedSender<ObjectRef<K>>, change: &Change<K>)
    where
        K: Resource<DynamicType = ()>,
    {
        match change {
            Change::Applied(object) => {
                let version = object.resource_version().unwrap_or_default();
                if !self
                    .remembered
                    .knows(&object.uid().unwrap_or_default(), &version)
                {
                    send(queue, &**object);
                }
            }
            Change::Deleted(object) => {
                let uid = object.uid().unwrap_or_default();
                self.unreadable.clear(&uid);
                self.remembered.forget(&uid);
                self.sweep();
            }
        }
    }

    /// Ends Vault logins that nothing depends on any more.
    fn sweep(&self) {
        let (engines, roles) = (&self.stores.engines, &self.stores.roles);
        self.sessions.sweep(|binding| {
            let is = |namespace: Option<String>, name: &str| {
                namespace.as_deref() == Some(&binding.namespace) && name == binding.name
            };
            let by_engine = |e: &Arc<SecretEngine>| is(e.namespace(), &e.spec.vault_ref.name);
            let by_role = |r: &Arc<AWSRole>| is(r.namespace(), &r.spec.vault_ref.name);
            let by_request =
                |q: &Arc<AWSAccessKeyRequest>| bindings_of(&self.stores, q).contains(binding);
            engines.state().iter().any(by_engine)
                || roles.state().iter().any(by_role)
                || self.stores.requests.state().iter().any(by_request)
        });
    }
}

/// Every AppBinding that a request needs: its role's, and those through which its keys were issued.
pub fn bindings_of(stores: &Stores, request: &AWSAccessKeyRequest) -> BTreeSet<Binding> {
    let at = &request.spec.role_ref;
    let role = named(&stores.roles, &at.namespace, &at.name).map(|r| Binding {
        namespace: at.namespace.clone(),
        name: r.spec.vault_ref.name.clone(),
    });
    let status = request.status.as_ref();
    let places = status.into_iter().flat_map(|s| {
        let credential = s.credential.iter().map(|c| &c.vault);
        let intent = s.intent.iter().map(|i| &i.vault);
        credential
            .chain(intent)
            .chain(s.retiring.iter().map(|r| &r.vault))
    });
    places.map(Binding::of).chain(role).collect()
}

/// Whether a role stands in an engine's mount: as both say, or, for one of another namespace, as
/// Vault said when both were last looked at.
pub fn uses(role: &AWSRole, engine: &SecretEngine) -> bool {
    names_mount_of(role, engine) || was_in_mount_of(role, engine)
}

fn was_in_mount_of(role: &AWSRole, engine: &SecretEngine) -> bool {
    let of_role = role.status.as_ref().and_then(|s| s.mount_accessor.as_ref());
    let of_engine = engine.status.as_ref();
    of_role.is_some() && of_role == of_engine.and_then(|s| s.mount_accessor.as_ref())
}

fn names_mount_of(role: &AWSRole, engine: &SecretEngine) -> bool {
    role.namespace() == engine.namespace()
        && role.spec.vault_ref == engine.spec.vault_ref
        && role.spec.path == engine.spec.path
}

fn of<K: Resource>(object: &K) -> Binding {
    Binding {
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
    }
}

fn send<K: Resource<DynamicType = ()>>(queue: &UnboundedSender<ObjectRef<K>>, object: &K) {
    // A closed queue: the operator is ending.
    let _ = queue.send(ObjectRef::from_obj(object));
}
