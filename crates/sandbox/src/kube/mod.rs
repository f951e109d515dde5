//! Kubernetes' API server with the controllers an operator leans on: garbage collection, the
//! end of namespaces, default service accounts.
//!
//! [`Kube`] is the whole of it: a state machine that is given a [`Request`] and the time and
//! gives an [`Answer`]. Objects are kept as JSON text; one counter gives every change its
//! `resourceVersion`; each resource remembers its latest changes for watches. What is not
//! done at once (collecting garbage, ending a namespace, forgetting Events) is done by
//! [`Kube::advance`].

mod answer;
mod apply;
mod audit;
mod auth;
mod body;
mod builtin;
mod collect;
#[allow(dead_code, reason = "the subresource `scale` is read and not served")]
pub(crate) mod crd;
mod custom;
mod delete;
mod discovery;
mod errors;
mod events;
mod golang;
mod grants;
pub(crate) mod jsonpath;
pub(crate) mod jwt;
mod list;
mod meta;
mod names;
mod namespaces;
pub(crate) mod openapi;
mod patch;
mod protobuf;
mod query;
mod quota;
#[allow(dead_code, reason = "tests ask in one word")]
pub(crate) mod rbac;
mod read;
mod render;
mod resource;
mod reviews;
mod route;
mod rules;
#[allow(dead_code, reason = "tests compile without a place")]
pub(crate) mod schema;
mod selector;
#[cfg(feature = "http")]
mod served;
mod store;
mod strategic;
mod strict;
pub(crate) mod table;
mod tokens;
mod transition;
mod watch;
mod workloads;
mod write;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::faults::Faults;
pub use crate::faults::{Cut, Fault, FaultPlan, Rule};
pub use crate::wire::{Request, Response};
use errors::Failure;
use resource::{Resource, Resources};
use store::{Store, Stored};

pub use audit::Audited;
pub use resource::Topic;
pub use watch::{Next, Watch};

/// What a server starts with.
#[derive(Clone)]
pub struct Config {
    /// What uids and generated names are made from: the same seed makes the same ones.
    pub seed: u64,
    /// Whether whoever gives no credentials may do everything. For plain HTTP on the loopback.
    pub is_anonymous_admin: bool,
    /// A bearer token of the group `system:masters`.
    pub admin_token: Option<String>,
    /// Users with bearer tokens.
    pub users: Vec<User>,
    /// How many changes of one resource are remembered; a watch that is farther behind gets a
    /// 410. `None` for a number that suits.
    pub history: Option<usize>,
    /// The certificate in the ConfigMap `kube-root-ca.crt` of every namespace.
    pub root_ca: String,
    /// The `iss` of service account tokens.
    pub issuer: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 0,
            is_anonymous_admin: true,
            admin_token: None,
            users: Vec::new(),
            history: None,
            root_ca: String::new(),
            issuer: "https://kubernetes.default.svc".to_owned(),
        }
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the tokens.
        f.debug_struct("Config")
            .field("seed", &self.seed)
            .field("is_anonymous_admin", &self.is_anonymous_admin)
            .field("history", &self.history)
            .finish_non_exhaustive()
    }
}

/// A user with a static token.
#[derive(Clone)]
pub struct User {
    /// The name, as RBAC knows it.
    pub name: String,
    /// The groups.
    pub groups: Vec<String>,
    /// The bearer token.
    pub token: String,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("name", &self.name)
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}

/// What a request is answered with.
#[derive(Debug)]
pub enum Answer {
    /// At once.
    Whole(Response),
    /// With a stream: a 200 with [`Watch::CONTENT_TYPE`], then what [`Kube::next`] gives, each
    /// time there is something, until it has ended.
    Watch(Box<Watch>),
}

/// A Kubernetes API server.
#[derive(Debug)]
pub struct Kube {
    config: Config,
    store: Store,
    resources: Resources,
    faults: Faults,
    ids: meta::Ids,
    tokens: tokens::Issuer,
    /// Roles and bindings as they are.
    policy: Arc<rbac::Policy>,
    /// What is left to do.
    work: BTreeSet<Work>,
    /// Events and when they are forgotten.
    expiring: events::Expiring,
    watches: watch::Watches,
    log: audit::Log,
}

/// Something that controllers have to look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    /// A namespace that may lack something, or is to end.
    Namespace(String),
    /// An object with owners, of which some may be gone.
    Owners(Topic, String),
    /// An object that waits for what it owns.
    Dependents(Topic, String),
    /// A custom resource whose definition changed or is to end.
    Definition(String),
    /// ClusterRoles that are put together from others.
    Aggregation,
    /// A namespace whose quotas may count something else now.
    Quotas(String),
}

impl Kube {
    /// A server with the namespaces and roles that every cluster has.
    pub fn new(config: Config, now: Timestamp) -> Self {
        let mut kube = Self {
            store: Store::new(config.history),
            resources: Resources::builtin(),
            faults: Faults::default(),
            ids: meta::Ids::new(config.seed),
            tokens: tokens::Issuer::new(),
            policy: Arc::default(),
            work: BTreeSet::new(),
            expiring: events::Expiring::default(),
            watches: watch::Watches::default(),
            log: audit::Log::default(),
            config,
        };
        kube.bootstrap(now);
        kube
    }

    /// Says anew what shall go wrong.
    pub fn set_faults(&mut self, plan: FaultPlan) {
        self.faults = Faults::new(plan);
    }

    /// Takes from the plan what shall happen to a request; it counts as having happened.
    /// Follow it with [`Self::answer`].
    pub fn fault(&mut self, request: &Request, _now: Timestamp) -> Fault {
        self.faults.take(request)
    }

    /// By rule of the plan: to how many calls it happened. A test that plans a fault sees by
    /// it that the fault was met.
    pub fn faults_met(&self) -> &[u64] {
        self.faults.met()
    }

    /// Answers a request to which a fault happens. Delays and cuts are the caller's.
    pub fn answer(&mut self, request: &Request, fault: &Fault, now: Timestamp) -> Answer {
        if !self.log.is_on() {
            return self.answer_unseen(request, fault, now);
        }
        let mut audited = self.about(request, now);
        let answer = self.answer_unseen(request, fault, now);
        audited.status = match &answer {
            Answer::Whole(response) => response.status,
            Answer::Watch(_) => 200,
        };
        self.log.push(audited);
        answer
    }

    fn answer_unseen(&mut self, request: &Request, fault: &Fault, now: Timestamp) -> Answer {
        if let Some((code, message)) = &fault.error {
            return Answer::Whole(Failure::told(*code, message.clone()).response());
        }
        match self.serve(request, now) {
            Ok(answer) => answer,
            Err(failure) => Answer::Whole(failure.response()),
        }
    }

    /// The resources that changed since this was last asked: their watches have something to
    /// send. Watches of others need not be looked at.
    pub fn changed(&mut self) -> Vec<Topic> {
        self.store.take_changed()
    }

    /// Does what happens by time and what controllers do, and says when to call it again.
    pub fn advance(&mut self, now: Timestamp) -> Option<Timestamp> {
        while let Some(work) = self.work.pop_first() {
            match work {
                Work::Namespace(name) => self.tend_namespace(&name, now),
                Work::Owners(topic, key) => self.tend_owners(topic, &key, now),
                Work::Dependents(topic, key) => self.tend_dependents(topic, &key, now),
                Work::Definition(name) => self.tend_definition(&name, now),
                Work::Aggregation => self.aggregate_roles(now),
                Work::Quotas(namespace) => self.tend_quotas(&namespace, now),
            }
        }
        self.forget_events(now);
        self.due()
    }

    /// When [`Self::advance`] has something to do; a time long past if it has already.
    pub fn due(&self) -> Option<Timestamp> {
        if !self.work.is_empty() {
            return Some(Timestamp::UNIX_EPOCH);
        }
        self.expiring.next()
    }

    /// Forgets all history, as etcd's compaction does: watches and pages that go on from an
    /// earlier version get a 410.
    pub fn compact(&mut self) {
        self.store.compact();
    }

    /// How many objects a resource has: for figures.
    pub fn count(&self, group: &str, plural: &str) -> usize {
        let resource = self.resources.find(group, plural);
        resource.map_or(0, |resource| self.store.count(resource.topic))
    }

    /// Keeps an object and tells the controllers.
    fn put(&mut self, resource: &Resource, object: Value, now: Timestamp) -> Arc<Stored> {
        let finalizers = object["metadata"]["finalizers"].as_array();
        let waits = finalizers
            .into_iter()
            .flatten()
            .any(|name| matches!(name.as_str(), Some("foregroundDeletion" | "orphan")));
        if resource.group == auth::RBAC {
            Arc::make_mut(&mut self.policy).put(&object);
        }
        let stored = self.store.put(resource, object);
        let key = stored.key();
        if !stored.owners.is_empty() {
            self.work.insert(Work::Owners(resource.topic, key.clone()));
        }
        if waits && stored.is_deleting {
            self.work.insert(Work::Dependents(resource.topic, key));
        }
        self.tell_controllers(resource, &stored, now);
        stored
    }

    /// Removes an object and tells the controllers.
    fn remove(&mut self, resource: &Resource, key: &str, now: Timestamp) -> Option<Arc<Stored>> {
        let stored = self.store.remove(resource, key)?;
        let dependents: Vec<_> = self.store.owned_by(&stored.uid).cloned().collect();
        for (topic, key) in dependents {
            self.work.insert(Work::Owners(topic, key));
        }
        // An owner may have waited for just this one.
        for owner in &stored.owners {
            if let Some((topic, key)) = self.store.by_uid(owner).cloned() {
                self.work.insert(Work::Dependents(topic, key));
            }
        }
        // Its end may have waited for just this one. Otherwise there is nothing to look at, and a
        // look takes longer than most requests.
        if let Some(definition) = &resource.definition
            && let Some(all) = self
                .resources
                .find("apiextensions.k8s.io", "customresourcedefinitions")
            && let Some(its) = self.store.get(all.topic, "", &definition.name)
            && its.is_deleting
        {
            self.work.insert(Work::Definition(definition.name.clone()));
        }
        if resource.group == auth::RBAC {
            Arc::make_mut(&mut self.policy).remove(&stored.value());
        }
        self.tell_controllers(resource, &stored, now);
        if resource.is("apiextensions.k8s.io", "customresourcedefinitions") {
            self.undefine(&stored.value());
        }
        Some(stored)
    }

    fn tell_controllers(&mut self, resource: &Resource, object: &Stored, now: Timestamp) {
        match (resource.group.as_str(), resource.plural.as_str()) {
            ("", "namespaces") => {
                self.work.insert(Work::Namespace(object.name.to_string()));
            }
            ("", "serviceaccounts" | "configmaps") => {
                // They come back when they are deleted.
                let is_given = matches!(&*object.name, "default" | "kube-root-ca.crt");
                if is_given {
                    self.work
                        .insert(Work::Namespace(object.namespace.to_string()));
                }
            }
            ("rbac.authorization.k8s.io", "clusterroles") => {
                self.work.insert(Work::Aggregation);
            }
            ("apiextensions.k8s.io", "customresourcedefinitions") => {
                self.work.insert(Work::Definition(object.name.to_string()));
            }
            (_, "events") => self.expire_event(object, now),
            _ => {}
        }
        if self.has_quota(&object.namespace) {
            self.work.insert(Work::Quotas(object.namespace.to_string()));
        }
        if self.is_terminating(&object.namespace) {
            self.work
                .insert(Work::Namespace(object.namespace.to_string()));
        }
    }
}

#[cfg(test)]
mod tests;
