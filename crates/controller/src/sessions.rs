//! One live Vault login per AppBinding, shared by all drives, kept until its last dependent is gone.

mod binding;
mod jwt;

pub(crate) use binding::text as binding_text;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use kube::{Client, runtime::reflector::Store};
use leasehold_api_types::AppBinding;
use leasehold_reconcile_core::{Failure, Known, aws_access_key_request::Binding};
use leasehold_vault_client::{
    ClusterId, Connection, ErrorKind, HttpVault, MountPath, Vault, VaultError, login::Login,
};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::failures;
use crate::stores::named;

/// A login Secret is read at least this often, and an engine's lease is trusted this long.
const FRESH: Duration = Duration::from_secs(60);
/// A failed look is shared by all who wait for it, and not repeated sooner.
const PAUSE: Duration = Duration::from_secs(2);

/// Makes a client of a Vault: over HTTP, or by a way of the program's own.
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
    /// The AppBinding, for what is said of a failure.
    at: Arc<str>,
    leases: Leases,
    /// Vault refused the login: its Secret may have been written anew.
    refused: Arc<AtomicBool>,
}

/// Life of an engine's keys, when it was read.
type Leases = Arc<Mutex<BTreeMap<MountPath, (Instant, Result<SignedDuration, Failure>)>>>;

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("token_role", &self.token_role)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// The AppBinding: namespace and name.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// A failed call to it, in the core's words.
    pub fn failure(&self, error: &VaultError) -> Failure {
        failures::vault(error, &self.at)
    }

    /// Which Vault it is; logs in if there is no live login.
    pub async fn cluster_id(&self) -> Known<ClusterId> {
        match self.vault.cluster_id().await {
            Ok(id) => Known::Is(id),
            Err(e) => {
                if matches!(e.kind, ErrorKind::Login | ErrorKind::Unauthenticated) {
                    self.refused.store(true, Ordering::Relaxed);
                }
                Known::Unknown(self.failure(&e))
            }
        }
    }

    /// How long a key of that mount lives: `config/lease`, else the mount's own. Read once a
    /// minute, however many ask.
    pub async fn engine_lease(&self, mount: &MountPath) -> Known<SignedDuration> {
        let mut leases = self.leases.lock().await;
        let read = match leases.get(mount) {
            Some((at, Ok(lease))) if at.elapsed() < FRESH => Ok(*lease),
            Some((at, Err(failure))) if at.elapsed() < PAUSE => Err(failure.clone()),
            Some(_) | None => {
                let read = self.read_engine_lease(mount).await;
                let read = read.map_err(|e| self.failure(&e));
                leases.insert(mount.clone(), (Instant::now(), read.clone()));
                read
            }
        };
        Known::from(read.map(Some))
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
    slots: Lock<BTreeMap<Binding, Arc<Mutex<Slot>>>>,
}

#[derive(Default)]
struct Slot {
    live: Option<Live>,
    failed: Option<Failed>,
}

/// A look that failed.
struct Failed {
    at: Instant,
    spec: String,
    failure: Failure,
}

struct Live {
    session: Session,
    /// The AppBinding's spec it was made of.
    spec: String,
    /// The version of the login Secret it was made of.
    login: String,
    looked_at: Instant,
}

impl Live {
    /// Whether no look is due at what it was made of.
    fn is_recent(&self, spec: &str) -> bool {
        let refused = self.session.refused.load(Ordering::Relaxed);
        let trusted = if refused { PAUSE } else { FRESH };
        self.spec == spec && self.looked_at.elapsed() < trusted
    }
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
        let mut slot = slot.lock().await;
        let looked = match named(&self.bindings, &at.namespace, &at.name) {
            Some(binding) => self.look(&binding, &mut slot).await,
            None => Ok(()),
        };
        match (&slot.live, looked) {
            // What hinders a look at the login material does not end a login that lives.
            (Some(live), _) => Known::Is(live.session.clone()),
            (None, Ok(())) => Known::Absent,
            (None, Err(failure)) => Known::Unknown(failure),
        }
    }

    /// Ends logins to AppBindings that are gone and that nobody needs.
    pub fn sweep(&self, needed: impl Fn(&Binding) -> bool) {
        let gone = |b: &Binding| named(&self.bindings, &b.namespace, &b.name).is_none();
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|binding, _| !gone(binding) || needed(binding));
    }

    fn slot(&self, at: &Binding) -> Arc<Mutex<Slot>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(at.clone()).or_default())
    }

    /// Makes the slot's login the one that AppBinding and login Secret describe.
    async fn look(&self, binding: &AppBinding, slot: &mut Slot) -> Result<(), Failure> {
        let spec = serde_json::to_string(&binding.spec).unwrap_or_default();
        if slot.live.as_ref().is_some_and(|live| live.is_recent(&spec)) {
            return Ok(());
        }
        if let Some(failed) = &slot.failed
            && failed.spec == spec
            && failed.at.elapsed() < PAUSE
        {
            return Err(failed.failure.clone());
        }
        let looked = self.look_again(binding, &spec, slot).await;
        slot.failed = looked.as_ref().err().map(|failure| Failed {
            at: Instant::now(),
            spec,
            failure: failure.clone(),
        });
        if let (Err(failure), Some(_)) = (&looked, &slot.live) {
            let binding = crate::stores::path(binding);
            tracing::warn!(binding, %failure, "using the live login on");
        }
        looked
    }

    async fn look_again(
        &self,
        binding: &AppBinding,
        spec: &str,
        slot: &mut Slot,
    ) -> Result<(), Failure> {
        let described = binding::describe(&self.client, binding, &self.resolve).await?;
        let login = described.fingerprint;
        if let Some(live) = &mut slot.live
            && live.spec == spec
            && live.login == login
        {
            live.looked_at = Instant::now();
            live.session.refused.store(false, Ordering::Relaxed);
            return Ok(());
        }
        let vault = self
            .connect
            .connect(described.connection, described.login)
            .map_err(|e| binding::unusable(binding, &e))?;
        let session = Session {
            vault,
            token_role: described.token_role,
            at: crate::stores::path(binding).into(),
            leases: Leases::default(),
            refused: Arc::default(),
        };
        slot.live = Some(Live {
            session,
            spec: spec.to_owned(),
            login,
            looked_at: Instant::now(),
        });
        Ok(())
    }
}
