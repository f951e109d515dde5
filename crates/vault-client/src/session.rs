//! One live login per Vault: got when first needed, shared, renewed in the background, replaced
//! when it cannot be renewed or is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex as StdMutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Mutex, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::error::{ErrorKind, Result, VaultError};
use crate::login::LoginToken;
use crate::{ClusterId, HealthReport, Redacted};

/// Bounds of the waits between logins that fail.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// A renewal that grants less than before by more than this is capped: the end is near.
const CAPPED: Duration = Duration::from_secs(5);

/// What a session needs of a Vault: HTTP in the product, a script in the tests.
#[async_trait]
pub(crate) trait Door: Send + Sync {
    /// `sys/health`.
    async fn health(&self) -> Result<HealthReport>;
    /// Logs in.
    async fn log_in(&self) -> Result<LoginToken>;
    /// Extends a token: what was granted, and whether it can be extended again.
    async fn renew(&self, token: &Redacted) -> Result<(Duration, bool)>;
}

/// A login that lives.
pub(crate) struct Live {
    pub(crate) token: Redacted,
    pub(crate) cluster: Option<ClusterId>,
    /// When it ends; `None` never does.
    ends: Option<Instant>,
    /// When to extend or replace it.
    renew: Option<Instant>,
    /// What it was granted at first: renewals below that are capped.
    full: Option<Duration>,
    renewable: bool,
}

impl Live {
    fn new(token: LoginToken, cluster: Option<ClusterId>) -> Self {
        let mut live = Self {
            token: token.token,
            cluster,
            ends: None,
            renew: None,
            full: token.ttl,
            renewable: token.renewable,
        };
        live.granted(token.ttl);
        live
    }

    fn granted(&mut self, ttl: Option<Duration>) {
        let now = Instant::now();
        self.ends = ttl.and_then(|ttl| now.checked_add(ttl));
        self.renew = ttl
            .map(|ttl| (ttl * 2 / 3).max(Duration::from_secs(1)))
            .and_then(|pause| now.checked_add(pause));
    }

    fn ended(&self) -> bool {
        self.ends.is_some_and(|end| end <= Instant::now())
    }
}

type Current = Option<Arc<Live>>;

/// What went wrong last, so that nobody asks again at once.
#[derive(Default)]
struct Gate {
    failed: Option<VaultError>,
    until: Option<Instant>,
    pause: Duration,
}

/// Fresh logins that were refused as well: logging in does not help, so it is done rarely.
#[derive(Default)]
struct Doubt {
    until: Option<Instant>,
    pause: Duration,
}

struct Inner {
    door: Box<dyn Door>,
    live: watch::Sender<Current>,
    /// Whoever holds it logs in; the others wait for what comes of it.
    gate: Mutex<Gate>,
    doubt: StdMutex<Doubt>,
    /// Why the last login may not be extended: told when it has ended and there is no other.
    unrenewed: StdMutex<Option<String>>,
    logins: AtomicU64,
}

/// The keeper of the one live login. Dropping it ends nothing in Vault.
pub(crate) struct Session {
    inner: Arc<Inner>,
    task: StdMutex<Option<AbortHandle>>,
}

impl Drop for Session {
    fn drop(&mut self) {
        let task = self.task.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = task.take() {
            task.abort();
        }
    }
}

impl Session {
    pub(crate) fn new(door: impl Door + 'static) -> Self {
        Self {
            inner: Arc::new(Inner {
                door: Box::new(door),
                live: watch::Sender::new(None),
                gate: Mutex::default(),
                doubt: StdMutex::default(),
                unrenewed: StdMutex::default(),
                logins: AtomicU64::new(0),
            }),
            task: StdMutex::new(None),
        }
    }

    pub(crate) fn logins(&self) -> u64 {
        self.inner.logins.load(Ordering::Relaxed)
    }

    /// The live login; logs in if there is none.
    pub(crate) async fn live(&self) -> Result<Arc<Live>> {
        let live = match self.inner.current() {
            Some(live) => live,
            None => self.inner.replace(None).await?,
        };
        self.keep();
        Ok(live)
    }

    /// Vault refused this login's token: another one, if a new login may help now.
    pub(crate) async fn refused(&self, refused: &Arc<Live>) -> Option<Result<Arc<Live>>> {
        if self.inner.doubt().until.is_some_and(|t| Instant::now() < t) {
            return None;
        }
        Some(self.inner.replace(Some(refused)).await)
    }

    /// Vault refused this login's token, and the call is not made again: log in before the next.
    pub(crate) fn forget(&self, refused: &Arc<Live>) {
        if self.inner.doubt().until.is_some_and(|t| Instant::now() < t) {
            return;
        }
        self.inner.live.send_if_modified(|live| {
            let same = live.as_ref().is_some_and(|l| Arc::ptr_eq(l, refused));
            if same {
                *live = None;
            }
            same
        });
    }

    /// Whether the call went through with the login that [`Self::refused`] gave.
    pub(crate) fn repeated(&self, refused_again: bool) {
        let mut doubt = self.inner.doubt();
        if refused_again {
            doubt.pause = (doubt.pause * 2).clamp(PAUSE.0, PAUSE.1);
            doubt.until = Some(Instant::now() + doubt.pause);
        } else {
            *doubt = Doubt::default();
        }
    }

    /// Starts the task that extends the login, once: here, since a runtime is there for certain.
    fn keep(&self) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.is_none() {
            let logins = self.inner.live.subscribe();
            let keeper = tokio::spawn(keep(Arc::downgrade(&self.inner), logins));
            *task = Some(keeper.abort_handle());
        }
    }
}

impl Inner {
    fn doubt(&self) -> std::sync::MutexGuard<'_, Doubt> {
        self.doubt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unrenewed(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.unrenewed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn current(&self) -> Current {
        self.live.borrow().as_ref().filter(|l| !l.ended()).cloned()
    }

    /// A login other than `old`: one that somebody else just made, or a new one.
    async fn replace(&self, old: Option<&Arc<Live>>) -> Result<Arc<Live>> {
        let mut gate = self.gate.lock().await;
        if let Some(live) = self.current()
            && !old.is_some_and(|old| Arc::ptr_eq(old, &live))
        {
            return Ok(live);
        }
        if let Some(failed) = &gate.failed
            && gate.until.is_some_and(|t| Instant::now() < t)
        {
            return Err(again(failed));
        }
        match self.log_in().await {
            Ok(live) => {
                let live = Arc::new(live);
                *gate = Gate::default();
                self.logins.fetch_add(1, Ordering::Relaxed);
                self.live.send_replace(Some(Arc::clone(&live)));
                tracing::info!(
                    cluster = live.cluster.as_ref().map(ClusterId::as_str),
                    "logged in to vault"
                );
                Ok(live)
            }
            Err(mut error) => {
                error.words.extend(self.unrenewed().clone());
                gate.pause = (gate.pause * 2).clamp(PAUSE.0, PAUSE.1);
                let pause = error
                    .retry_after
                    .map_or(gate.pause, |p| p.clamp(gate.pause, PAUSE.1));
                gate.until = Some(Instant::now() + pause);
                gate.failed = Some(again(&error));
                tracing::debug!(%error, ?pause, "login to vault failed");
                Err(error)
            }
        }
    }

    /// Which Vault it is, then the login: a sealed one is not shown a credential.
    async fn log_in(&self) -> Result<Live> {
        let health = self.door.health().await?;
        if health.sealed || !health.initialized {
            let (status, words) = if health.initialized {
                (503, "Vault is sealed")
            } else {
                (501, "Vault is not initialised")
            };
            return Err(VaultError {
                status: Some(status),
                ..VaultError::new(ErrorKind::Sealed, "login", "sys/health", words)
            });
        }
        let token = self.door.log_in().await?;
        Ok(Live::new(token, health.cluster_id))
    }

    /// Extends `old`, or replaces it where that does not carry far.
    async fn extend(&self, old: &Arc<Live>) -> Result<()> {
        if old.renewable && !old.ended() {
            match self.renew(old).await {
                Ok(Some(renewed)) => {
                    *self.unrenewed() = None;
                    // Somebody may have replaced it meanwhile: theirs stands.
                    self.live.send_if_modified(|live| {
                        let same = live.as_ref().is_some_and(|l| Arc::ptr_eq(l, old));
                        if same {
                            *live = Some(Arc::new(renewed));
                        }
                        same
                    });
                    return Ok(());
                }
                Ok(None) => {}
                // Refused for what it is: only another login helps.
                Err(e) if matches!(e.status, Some(400 | 403 | 404)) => {
                    if e.kind == ErrorKind::Denied {
                        tracing::warn!(error = %e, "the login may not extend itself");
                        *self.unrenewed() = Some(format!(
                            "the login before it ended because it may not extend itself ({e}): add to its policy path \"auth/token/renew-self\" {{ capabilities = [\"update\"] }}"
                        ));
                    } else {
                        tracing::debug!(error = %e, "the login cannot be renewed");
                    }
                }
                Err(e) => return Err(e),
            }
        }
        self.replace(Some(old)).await.map(drop)
    }

    /// `None` if Vault granted so little that the end is near.
    async fn renew(&self, old: &Live) -> Result<Option<Live>> {
        let (ttl, renewable) = self.door.renew(&old.token).await?;
        let mut renewed = Live {
            token: old.token.clone(),
            cluster: old.cluster.clone(),
            ends: None,
            renew: None,
            full: old.full.max(Some(ttl)),
            renewable,
        };
        renewed.granted(Some(ttl));
        let capped = ttl.is_zero() || old.full.is_some_and(|full| ttl + CAPPED < full);
        Ok((!capped).then_some(renewed))
    }
}

/// The same failure for the next caller: without its source, which cannot be copied.
fn again(error: &VaultError) -> VaultError {
    VaultError {
        kind: error.kind,
        op: error.op,
        path: error.path.clone(),
        status: error.status,
        words: error.words.clone(),
        retry_after: error.retry_after,
        source: None,
    }
}

/// Extends the login whenever it is due, also while nobody calls. Ends with its session.
async fn keep(inner: Weak<Inner>, mut logins: watch::Receiver<Current>) {
    let mut pause = Duration::ZERO;
    loop {
        let live = logins.borrow_and_update().clone();
        let due = match &live {
            Some(live) => live.renew.map(|due| due.max(Instant::now() + pause)),
            None => None,
        };
        let changed = match due {
            Some(due) => tokio::time::timeout_at(due, logins.changed()).await,
            None => Ok(logins.changed().await),
        };
        match changed {
            Ok(Ok(())) => {
                pause = Duration::ZERO;
                continue;
            }
            Ok(Err(_)) => return,
            Err(_) => {}
        }
        let (Some(live), Some(inner)) = (live, inner.upgrade()) else {
            return;
        };
        match inner.extend(&live).await {
            Ok(()) => pause = Duration::ZERO,
            Err(error) => {
                pause = (pause * 2).clamp(PAUSE.0, PAUSE.1);
                tracing::warn!(%error, again_in = ?pause, "the login to vault could not be renewed");
            }
        }
    }
}

#[cfg(test)]
mod tests;
