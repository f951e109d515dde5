//! One live Vault login per AppBinding, shared by all drives, kept until its last dependent is gone.

mod binding;
mod jwt;

pub(crate) use binding::text as binding_text;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use kube::{Client, runtime::reflector::Store};
use leasehold_api_types::AppBinding;
use leasehold_reconcile_core::{Failure, Known, aws_access_key_request::Binding};
use leasehold_vault_client::{
    ClusterId, Connection, HttpVault, MountPath, Vault, VaultError, login::Login,
};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::failures;
use crate::stores::named;

/// A login Secret is read at least this often, and an engine's lease is trusted this long.
const FRESH: Duration = Duration::from_secs(60);

/// Makes a client of a Vault: over HTTP, or a fake one in tests.
pub trait Connect: Send + Sync + 'static {
    /// Nothing is sent yet.
    fn connect(
        &self,
        connection: Connection,
        login: Arc<dyn Login>,
    ) -> Result<Arc<dyn Vault>, VaultError>;
}

/// Over HTTP.
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpConnect;

impl Connect for HttpConnect {
    fn connect(
        &self,
        connection: Connection,
        login: Arc<dyn Login>,
    ) -> Result<Arc<dyn Vault>, VaultError> {
        Ok(Arc::new(HttpVault::new(connection, login)?))
    }
}

/// A Vault behind an AppBinding.
#[derive(Clone)]
pub struct Session {
    /// Its client, with the one live login.
    pub vault: Arc<dyn Vault>,
    /// Token role that mints keepers, if the AppBinding names one.
    pub token_role: Option<String>,
    leases: Leases,
}

/// Life of an engine's keys, when it was read.
type Leases = Arc<Mutex<BTreeMap<MountPath, (Instant, SignedDuration)>>>;

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("token_role", &self.token_role)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Which Vault it is; logs in if there is no live login.
    pub async fn cluster_id(&self) -> Known<ClusterId> {
        match self.vault.cluster_id().await {
            Ok(id) => Known::Is(id),
            Err(e) => Known::Unknown(failures::vault(&e)),
        }
    }

    /// How long a key of that mount lives: `config/lease`, else the mount's own. Read once a
    /// minute, however many ask.
    pub async fn engine_lease(&self, mount: &MountPath) -> Known<SignedDuration> {
        let mut leases = self.leases.lock().await;
        if let Some((at, lease)) = leases.get(mount)
            && at.elapsed() < FRESH
        {
            return Known::Is(*lease);
        }
        match self.read_engine_lease(mount).await {
            Ok(lease) => {
                leases.insert(mount.clone(), (Instant::now(), lease));
                Known::Is(lease)
            }
            Err(e) => Known::Unknown(failures::vault(&e)),
        }
    }

    async fn read_engine_lease(&self, mount: &MountPath) -> Result<SignedDuration, VaultError> {
        let lease = match self.vault.engine_lease(mount).await? {
            Some(configured) => configured.lease,
            None => self.vault.effective_default_lease(mount).await?,
        };
        Ok(SignedDuration::try_from(lease).unwrap_or(SignedDuration::from_hours(768)))
    }
}

/// All live logins.
pub struct Sessions {
    client: Client,
    bindings: Store<AppBinding>,
    connect: Arc<dyn Connect>,
    resolve: Vec<(String, SocketAddr)>,
    slots: Lock<BTreeMap<Binding, Arc<Mutex<Option<Live>>>>>,
}

struct Live {
    session: Session,
    /// The AppBinding's spec it was made of.
    spec: String,
    /// The version of the login Secret it was made of.
    login: String,
    looked_at: Instant,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

impl Sessions {
    /// Without any login yet.
    pub fn new(
        client: Client,
        bindings: Store<AppBinding>,
        connect: Arc<dyn Connect>,
        resolve: Vec<(String, SocketAddr)>,
    ) -> Self {
        Self {
            client,
            bindings,
            connect,
            resolve,
            slots: Lock::default(),
        }
    }

    /// The Vault behind an AppBinding. `Absent`: it does not exist and no login to it lives on.
    pub async fn session(&self, at: &Binding) -> Known<Session> {
        let slot = self.slot(at);
        let mut live = slot.lock().await;
        let Some(binding) = named(&self.bindings, &at.namespace, &at.name) else {
            return live
                .as_ref()
                .map_or(Known::Absent, |l| Known::Is(l.session.clone()));
        };
        match self.look(&binding, live.as_ref()).await {
            Ok(Look::Recent) => {}
            Ok(Look::Same) => {
                if let Some(live) = live.as_mut() {
                    live.looked_at = Instant::now();
                }
            }
            Ok(Look::New(fresh)) => *live = Some(fresh),
            // What hinders a look at the login material does not end a login that lives.
            Err(failure) if live.is_none() => return Known::Unknown(failure),
            Err(failure) => {
                tracing::warn!(binding = %crate::stores::path(&*binding), %failure, "using the live login on");
            }
        }
        live.as_ref()
            .map_or(Known::Absent, |l| Known::Is(l.session.clone()))
    }

    /// Ends logins to AppBindings that nobody needs.
    pub fn sweep(&self, needed: impl FnOnce() -> BTreeSet<Binding>) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.is_empty() {
            return;
        }
        let needed = needed();
        slots.retain(|binding, _| needed.contains(binding));
    }

    fn slot(&self, at: &Binding) -> Arc<Mutex<Option<Live>>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(at.clone()).or_default())
    }

    /// Whether the live login is still the one that AppBinding and login Secret describe.
    async fn look(&self, binding: &AppBinding, live: Option<&Live>) -> Result<Look, Failure> {
        let spec = serde_json::to_string(&binding.spec).unwrap_or_default();
        if let Some(live) = live
            && live.spec == spec
            && live.looked_at.elapsed() < FRESH
        {
            return Ok(Look::Recent);
        }
        let described = binding::describe(&self.client, binding, &self.resolve).await?;
        let login = described.fingerprint;
        if live.is_some_and(|live| live.spec == spec && live.login == login) {
            return Ok(Look::Same);
        }
        let vault = self
            .connect
            .connect(described.connection, described.login)
            .map_err(|e| failures::vault(&e))?;
        let session = Session {
            vault,
            token_role: described.token_role,
            leases: Leases::default(),
        };
        Ok(Look::New(Live {
            session,
            spec,
            login,
            looked_at: Instant::now(),
        }))
    }
}

enum Look {
    /// Looked at less than a minute ago.
    Recent,
    /// Looked, and nothing changed.
    Same,
    /// Something changed: a new login.
    New(Live),
}
