//! Everything together: what is watched, who is driven, how it ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt, future::BoxFuture};
use kube::{
    Client,
    runtime::{
        applier, controller,
        reflector::{ObjectRef, Store},
    },
};
use leasehold_reconcile_core::Settings;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::UnboundedReceiverStream;

use crate::clock::{Clock, SystemClock};
use crate::cluster::Events;
use crate::driver::{Context, drive, error_policy};
use crate::hands::{
    Hands, aws_access_key_request::RequestHands, aws_role::RoleHands, secret_engine::EngineHands,
};
use crate::lanes::Lanes;
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::relations::{Remembered, Wake};
use crate::sessions::{Connect, HttpConnect, Sessions};
use crate::stores::{self, FEEDS, Scope};
use crate::unreadable::Unreadable;

/// An operator to run, in a process of its own or inside another.
pub struct Operator {
    /// The API server.
    pub client: Client,
    /// What the flags say.
    pub settings: Settings,
    /// Where it looks.
    pub scope: Scope,
    /// Drives of one kind at once.
    pub concurrency: u16,
    /// The operator's own namespace: where it tells what it let go.
    pub home: Option<String>,
    /// Hosts that are not looked up, as `curl --resolve` has them.
    pub resolve: Vec<(String, SocketAddr)>,
    /// How Vaults are reached.
    pub connect: Arc<dyn Connect>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: Metrics,
    /// Counts the caches that are filled; [`FEEDS`] is all of them.
    pub ready: watch::Sender<usize>,
    /// How long drives may take to end once told to.
    pub grace: Duration,
}

impl std::fmt::Debug for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Operator")
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

impl Operator {
    /// With the defaults of `leasehold run`.
    pub fn new(client: Client, settings: Settings) -> Self {
        Self {
            client,
            settings,
            scope: Scope::Cluster,
            concurrency: 48,
            home: None,
            resolve: Vec::new(),
            connect: Arc::new(HttpConnect),
            clock: Arc::new(SystemClock),
            metrics: Metrics::default(),
            ready: watch::Sender::new(0),
            grace: Duration::from_secs(20),
        }
    }

    /// Runs until `stop` resolves, then lets drives under way end within the grace.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        let (stores, feeds) = stores::stores();
        let sessions = Arc::new(Sessions::new(
            self.client.clone(),
            stores.bindings.clone(),
            Arc::clone(&self.connect),
            self.resolve.clone(),
        ));
        let client = || self.client.clone();
        let settings = || self.settings.clone();
        let engine_hands =
            EngineHands::new(client(), stores.clone(), Arc::clone(&sessions), settings());
        let role_hands = RoleHands::new(stores.clone(), Arc::clone(&sessions), settings());
        let request_hands =
            RequestHands::new(client(), stores.clone(), Arc::clone(&sessions), settings());
        let unreadable = Arc::new(Unreadable::default());
        let engines = self.context(engine_hands, &stores.engines, &unreadable);
        let roles = self.context(role_hands, &stores.roles, &unreadable);
        let requests = self.context(request_hands, &stores.requests, &unreadable);

        let (wake_engines, engine_queue) = mpsc::unbounded_channel();
        let (wake_roles, role_queue) = mpsc::unbounded_channel();
        let (wake_requests, request_queue) = mpsc::unbounded_channel();
        let remembered = Contexts {
            engines: Arc::clone(&engines),
            roles: Arc::clone(&roles),
            requests: Arc::clone(&requests),
        };
        let wake = Arc::new(Wake {
            stores: stores.clone(),
            sessions,
            engines: wake_engines,
            roles: wake_roles,
            requests: wake_requests,
            unreadable,
            remembered: Box::new(remembered),
        });
        let ready = self.ready.subscribe();
        let (ended, end) = watch::channel(false);
        let feeding = stores::feed(
            feeds,
            client(),
            self.scope.clone(),
            wake,
            self.metrics.clone(),
            self.ready,
        );
        let driving = async {
            tokio::select! {
                () = stores::filled(ready, FEEDS) => {}
                () = until(end.clone()) => return,
            }
            tracing::info!("caches are filled; working");
            tokio::join!(
                work(engines, engine_queue, end.clone(), self.concurrency),
                work(roles, role_queue, end.clone(), self.concurrency),
                work(requests, request_queue, end.clone(), self.concurrency),
            );
        };
        let ending = async {
            stop.await;
            tracing::info!(grace = ?self.grace, "ending");
            let _ = ended.send(true);
            tokio::time::sleep(self.grace).await;
        };
        tokio::select! {
            () = driving => {}
            () = feeding => {}
            () = ending => tracing::warn!("the grace is over; what was under way is dropped"),
        }
    }

    fn context<H: Hands>(
        &self,
        hands: H,
        store: &Store<H::Object>,
        unreadable: &Arc<Unreadable>,
    ) -> Driven<H> {
        Arc::new(Context {
            client: self.client.clone(),
            store: store.clone(),
            hands,
            clock: Arc::clone(&self.clock),
            memory: Memory::default(),
            lanes: Lanes::default(),
            unreadable: Arc::clone(unreadable),
            events: Events::new(
                self.client.clone(),
                &self.settings.instance,
                self.home.clone(),
            ),
            metrics: self.metrics.clone(),
        })
    }
}

type Driven<H> = Arc<Context<H, Arc<dyn Clock>>>;

struct Contexts {
    engines: Driven<EngineHands>,
    roles: Driven<RoleHands>,
    requests: Driven<RequestHands>,
}

impl Remembered for Contexts {
    fn knows(&self, uid: &str, version: &str) -> bool {
        // Uids are unique across kinds.
        self.requests.memory.knows(uid, version)
            || self.roles.memory.knows(uid, version)
            || self.engines.memory.knows(uid, version)
    }

    fn wrote_part(&self, uid: &str, kind: &str, version: &str) -> bool {
        self.requests.hands.wrote_part(uid, kind, version)
    }

    fn part_deleted(&self, uid: &str, kind: &str, version: &str) {
        self.requests.hands.part_deleted(uid, kind, version);
    }

    fn forget(&self, uid: &str) {
        self.requests.forget(uid);
        self.roles.forget(uid);
        self.engines.forget(uid);
    }
}

/// Drives the objects of one kind until told to end, and then those under way to their end.
async fn work<H: Hands, C: Clock>(
    context: Arc<Context<H, C>>,
    queue: mpsc::UnboundedReceiver<ObjectRef<H::Object>>,
    end: watch::Receiver<bool>,
    concurrency: u16,
) {
    let queue = UnboundedReceiverStream::new(queue)
        .map(Ok::<_, std::convert::Infallible>)
        .take_until(until(end));
    let config = controller::Config::default().concurrency(concurrency);
    let store = context.store.clone();
    applier(
        |object, context| -> BoxFuture<'static, _> { drive::<H, C>(object, context).boxed() },
        error_policy::<H, C>,
        context,
        store,
        queue,
        config,
    )
    .for_each(|_| std::future::ready(()))
    .await;
}

async fn until(mut end: watch::Receiver<bool>) {
    while !*end.borrow_and_update() {
        if end.changed().await.is_err() {
            return;
        }
    }
}
