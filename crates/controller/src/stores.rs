//! What is watched: one watch a kind, each object's change told to those whom it concerns.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use k8s_openapi::api::{
    core::v1::Secret,
    rbac::v1::{Role, RoleBinding},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Api, Client, Resource, ResourceExt,
    core::{DeserializeGuard, PartialObjectMeta},
    runtime::{
        WatchStreamExt,
        reflector::{self, Store},
        watcher,
    },
};
use leasehold_api_types::{
    AWSAccessKeyRequest, AWSRole, AppBinding, MANAGED_BY_LABEL, MANAGER, SecretEngine,
};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use crate::cluster::{readers, secrets};
use crate::metrics::Metrics;
use crate::relations::{Change, Wake};
use crate::unreadable::Unreadable;

/// Metadata of a Secret: the only thing of Secrets that is cached.
pub type SecretMeta = PartialObjectMeta<Secret>;

/// Everything that is cached.
#[derive(Clone, Debug)]
pub struct Stores {
    /// AppBindings.
    pub bindings: Store<AppBinding>,
    /// SecretEngines.
    pub engines: Store<SecretEngine>,
    /// AWSRoles.
    pub roles: Store<AWSRole>,
    /// AWSAccessKeyRequests.
    pub requests: Store<AWSAccessKeyRequest>,
    /// Secrets with our label, metadata only.
    pub secrets: Store<SecretMeta>,
    /// Roles with our label.
    pub reader_roles: Store<Role>,
    /// RoleBindings with our label.
    pub reader_bindings: Store<RoleBinding>,
}

/// The watches behind [`Stores`], to be run.
pub struct Feeds {
    bindings: reflector::store::Writer<AppBinding>,
    engines: reflector::store::Writer<SecretEngine>,
    roles: reflector::store::Writer<AWSRole>,
    requests: reflector::store::Writer<AWSAccessKeyRequest>,
    secrets: reflector::store::Writer<SecretMeta>,
    reader_roles: reflector::store::Writer<Role>,
    reader_bindings: reflector::store::Writer<RoleBinding>,
}

impl Debug for Feeds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feeds").finish_non_exhaustive()
    }
}

/// How many caches there are, for readiness.
pub const FEEDS: usize = 7;

/// Empty caches, and what fills them.
pub fn stores() -> (Stores, Feeds) {
    let (bindings, fill_bindings) = reflector::store();
    let (engines, fill_engines) = reflector::store();
    let (roles, fill_roles) = reflector::store();
    let (requests, fill_requests) = reflector::store();
    let (secrets, fill_secrets) = reflector::store();
    let (reader_roles, fill_reader_roles) = reflector::store();
    let (reader_bindings, fill_reader_bindings) = reflector::store();
    let stores = Stores {
        bindings,
        engines,
        roles,
        requests,
        secrets,
        reader_roles,
        reader_bindings,
    };
    let feeds = Feeds {
        bindings: fill_bindings,
        engines: fill_engines,
        roles: fill_roles,
        requests: fill_requests,
        secrets: fill_secrets,
        reader_roles: fill_reader_roles,
        reader_bindings: fill_reader_bindings,
    };
    (stores, feeds)
}

/// Where watches look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The whole cluster.
    #[default]
    Cluster,
    /// One namespace: no right beyond it is needed.
    Namespace(String),
}

/// Runs all watches until dropped. `ready` counts the caches that are filled.
pub async fn feed(
    feeds: Feeds,
    client: Client,
    scope: Scope,
    wake: Arc<Wake>,
    metrics: Metrics,
    ready: watch::Sender<usize>,
) {
    let ready = Arc::new(ready);
    let ours = || watcher::Config::default().labels(&format!("{MANAGED_BY_LABEL}={MANAGER}"));
    let all = watcher::Config::default;
    let run = Run {
        client,
        scope,
        metrics,
        ready,
        unreadable: Arc::clone(&wake.unreadable),
    };
    tokio::join!(
        run.guarded(feeds.bindings, all(), |c| wake.binding(c)),
        run.guarded(feeds.engines, all(), |c| wake.engine(c)),
        run.guarded(feeds.roles, all(), |c| wake.role(c)),
        run.guarded(feeds.requests, all(), |c| wake.request(c)),
        run.plain(feeds.secrets, ours(), |_| {}, |c| wake.owned(c)),
        run.plain(feeds.reader_roles, ours(), readers::shrink_role, |c| wake
            .owned(c)),
        run.plain(
            feeds.reader_bindings,
            ours(),
            readers::shrink_binding,
            |c| wake.owned(c)
        ),
    );
}

struct Run {
    client: Client,
    scope: Scope,
    metrics: Metrics,
    ready: Arc<watch::Sender<usize>>,
    unreadable: Arc<Unreadable>,
}

impl Run {
    /// A kind of ours: one object that cannot be decoded does not hide the others.
    async fn guarded<K>(
        &self,
        writer: reflector::store::Writer<K>,
        config: watcher::Config,
        on: impl Fn(&Change<K>),
    ) where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Send
            + Sync
            + 'static,
    {
        let api: Api<DeserializeGuard<K>> = match &self.scope {
            Scope::Cluster => Api::all(self.client.clone()),
            Scope::Namespace(ns) => Api::namespaced(self.client.clone(), ns),
        };
        let cache = writer.as_reader();
        let unreadable = &self.unreadable;
        let events = watcher(api, config)
            .default_backoff()
            .filter_map(move |event| {
                let decoded = event.map(|e| decode(e, &cache, &self.metrics, unreadable));
                let decoded = decoded.transpose();
                std::future::ready(decoded)
            });
        self.consume(writer, events, on).await;
    }

    async fn plain<K>(
        &self,
        writer: reflector::store::Writer<K>,
        config: watcher::Config,
        shrink: fn(&mut K),
        on: impl Fn(&Change<K>),
    ) where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Send
            + Sync
            + 'static,
    {
        let api: Api<K> = match &self.scope {
            Scope::Cluster => Api::all(self.client.clone()),
            Scope::Namespace(ns) => Api::namespaced(self.client.clone(), ns),
        };
        let events = watcher(api, config)
            .default_backoff()
            .map(move |event| event.map(|e| e.modify(shrink)));
        self.consume(writer, events, on).await;
    }

    async fn consume<K>(
        &self,
        mut writer: reflector::store::Writer<K>,
        events: impl Stream<Item = Result<watcher::Event<K>, watcher::Error>>,
        on: impl Fn(&Change<K>),
    ) where
        K: Resource<DynamicType = ()> + Clone + Debug + Send + Sync + 'static,
    {
        let reader = writer.as_reader();
        let mut filled = false;
        let mut events = std::pin::pin!(events);
        while let Some(event) = events.next().await {
            let event = match event {
                Ok(event) => event.modify(trim),
                Err(error) => {
                    let kind = K::kind(&()).to_string();
                    let error = watch_words(&error);
                    tracing::warn!(kind, error, "watch failed; trying again");
                    continue;
                }
            };
            let before = matches!(event, watcher::Event::InitDone).then(|| reader.state());
            writer.apply_watcher_event(&event);
            match event {
                watcher::Event::Apply(object) => on(&Change::Applied(Arc::new(object))),
                watcher::Event::Delete(object) => on(&Change::Deleted(Arc::new(object))),
                watcher::Event::InitDone => {
                    relisted(before.unwrap_or_default(), &reader, &on);
                    if !std::mem::replace(&mut filled, true) {
                        self.ready.send_modify(|count| *count += 1);
                    }
                }
                watcher::Event::Init | watcher::Event::InitApply(_) => {}
            }
        }
    }
}

/// After a list, which follows a broken watch: what is no longer there was deleted meanwhile, and
/// what is as it was is no news.
fn relisted<K>(before: Vec<Arc<K>>, now: &Store<K>, on: &impl Fn(&Change<K>))
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    let mut same = BTreeSet::new();
    for old in before {
        let found = now.get(&reflector::ObjectRef::from_obj(&*old));
        match found.filter(|found| found.uid() == old.uid()) {
            Some(found) if found.resource_version() == old.resource_version() => {
                same.insert(found.uid());
            }
            Some(_) => {}
            None => on(&Change::Deleted(old)),
        }
    }
    for object in now.state() {
        if !same.contains(&object.uid()) {
            on(&Change::Applied(object));
        }
    }
}

// A watch error's Debug may hold a body; its words do not.
fn watch_words(error: &watcher::Error) -> String {
    use std::error::Error as _;
    let source = error.source().map(ToString::to_string).unwrap_or_default();
    format!("{error}: {source}").chars().take(300).collect()
}

fn trim<K: Resource<DynamicType = ()>>(object: &mut K) {
    if K::kind(&()) == "Secret" {
        secrets::trim(object.meta_mut());
    } else {
        object.meta_mut().managed_fields = None;
    }
    let meta = object.meta_mut();
    if let Some(annotations) = &mut meta.annotations {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
    // In memory a map with one entry takes as much as one with eleven, a list that was read with
    // one as much as one with four: for each key there are three objects with such.
    if let Some(labels) = &mut meta.labels {
        labels.remove(MANAGED_BY_LABEL);
    }
    meta.labels.take_if(|labels| labels.is_empty());
    meta.annotations
        .take_if(|annotations| annotations.is_empty());
    meta.owner_references
        .iter_mut()
        .for_each(Vec::shrink_to_fit);
    meta.finalizers.iter_mut().for_each(Vec::shrink_to_fit);
}

fn decode<K: Resource<DynamicType = ()> + Clone + 'static>(
    event: watcher::Event<DeserializeGuard<K>>,
    cache: &Store<K>,
    metrics: &Metrics,
    unreadable: &Unreadable,
) -> Option<watcher::Event<K>> {
    let cached = |meta: &ObjectMeta| {
        let (namespace, name) = (meta.namespace.as_deref(), meta.name.as_deref());
        named(
            cache,
            namespace.unwrap_or_default(),
            name.unwrap_or_default(),
        )
    };
    let take = |guard: DeserializeGuard<K>| match guard.0 {
        Ok(object) => {
            unreadable.clear(&object.uid().unwrap_or_default());
            Some(object)
        }
        Err(invalid) => {
            let kind = &*K::kind(&());
            metrics.could_not_decode(kind);
            if let Some(before) = cached(&invalid.metadata) {
                unreadable.mark(&before.uid().unwrap_or_default());
            }
            let namespace = invalid.metadata.namespace.unwrap_or_default();
            let name = invalid.metadata.name.unwrap_or_default();
            tracing::error!(
                kind,
                namespace,
                name,
                error = invalid.error,
                "cannot be decoded; left alone"
            );
            None
        }
    };
    // What was cached of it while it could be decoded stays with it, and goes with it.
    let before = |guard: DeserializeGuard<K>| {
        let cached = cached(guard.meta());
        take(guard).or_else(|| cached.map(Arc::unwrap_or_clone))
    };
    Some(match event {
        watcher::Event::Apply(guard) => watcher::Event::Apply(take(guard)?),
        watcher::Event::Delete(guard) => watcher::Event::Delete(before(guard)?),
        watcher::Event::Init => watcher::Event::Init,
        watcher::Event::InitApply(guard) => watcher::Event::InitApply(before(guard)?),
        watcher::Event::InitDone => watcher::Event::InitDone,
    })
}

/// Waits until that many caches are filled: before, "not in the cache" would be taken for "not
/// there".
pub async fn filled(mut ready: watch::Receiver<usize>, count: usize) {
    while *ready.borrow_and_update() < count {
        if ready.changed().await.is_err() {
            // The watches are gone: the operator is ending.
            tokio::time::sleep(Duration::from_secs(3600)).await;
        }
    }
}

/// The object of that name in a cache.
pub fn named<K>(store: &Store<K>, namespace: &str, name: &str) -> Option<Arc<K>>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    store.get(&reflector::ObjectRef::new(name).within(namespace))
}

/// `namespace/name`.
pub fn path<K: Resource>(object: &K) -> String {
    format!(
        "{}/{}",
        object.namespace().unwrap_or_default(),
        object.name_any()
    )
}
