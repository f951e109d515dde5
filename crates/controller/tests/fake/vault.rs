//! A Vault with AWS behind it, as far as the operator asks one.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use leasehold_controller::sessions::Connect;
use leasehold_vault_client::{
    Accessor, AwsEngine, AwsVaultRole, ClusterId, Connection, Credentials, EngineLease, ErrorKind,
    Health, HealthReport, IssueRequest, IssuedCredential, Keeper, KeeperRequest, LeaseId,
    LeaseInfo, Leases, Mount, MountPath, Mounts, Policies, Redacted, Result, RoleName, RootConfig,
    TokenInfo, Tokens, VaultError, login::Login,
};
use tokio::time::Instant;

use super::Fault;

type Script = Box<dyn FnMut(&str, &str) -> Option<Fault> + Send>;

#[derive(Default)]
struct Engine {
    description: String,
    kind: String,
    root: Option<RootConfig>,
    lease: Option<EngineLease>,
    roles: BTreeMap<RoleName, AwsVaultRole>,
}

struct Token {
    secret: String,
    meta: BTreeMap<String, String>,
    ttl: Duration,
    ends: Instant,
}

struct Key {
    keeper: Accessor,
    id: String,
    ends: Instant,
}

#[derive(Default)]
struct State {
    cluster: String,
    sealed: bool,
    mounts: BTreeMap<MountPath, Engine>,
    tokens: BTreeMap<Accessor, Token>,
    keys: BTreeMap<LeaseId, Key>,
    number: u64,
    issued: u64,
    logins: Vec<String>,
    calls: Vec<String>,
    scripts: Vec<Script>,
}

/// The Vault.
#[derive(Clone)]
pub(crate) struct FakeVault {
    state: Arc<Mutex<State>>,
    /// Other Vaults, by address.
    elsewhere: Arc<Mutex<BTreeMap<String, Self>>>,
}

impl FakeVault {
    pub(crate) fn new(cluster: &str) -> Self {
        let state = State {
            cluster: cluster.into(),
            ..State::default()
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            elsewhere: Arc::default(),
        }
    }

    /// Another Vault, at that address.
    pub(crate) fn other(&self, address: &str, cluster: &str) -> Self {
        let other = Self::new(cluster);
        let mut elsewhere = self.elsewhere.lock().unwrap();
        elsewhere.insert(address.into(), other.clone());
        other
    }

    /// What shall go wrong from now on, by method and path.
    pub(crate) fn on(&self, script: impl FnMut(&str, &str) -> Option<Fault> + Send + 'static) {
        self.lock().scripts.push(Box::new(script));
    }

    pub(crate) fn mend(&self) {
        self.lock().scripts.clear();
    }

    pub(crate) fn seal(&self, sealed: bool) {
        self.lock().sealed = sealed;
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.lock().calls.clone()
    }

    pub(crate) fn forget_calls(&self) {
        self.lock().calls.clear();
    }

    /// Addresses that were logged in to, in order.
    pub(crate) fn logins(&self) -> Vec<String> {
        self.lock().logins.clone()
    }

    pub(crate) fn issued(&self) -> u64 {
        self.lock().issued
    }

    /// Ids of the AWS keys that work.
    pub(crate) fn live_keys(&self) -> Vec<String> {
        let state = self.lock();
        let live = state.keys.values().filter(|k| state.lives(k));
        live.map(|k| k.id.clone()).collect()
    }

    pub(crate) fn live_keepers(&self) -> usize {
        let state = self.lock();
        let now = Instant::now();
        state.tokens.values().filter(|t| t.ends > now).count()
    }

    /// Role names at that mount.
    pub(crate) fn roles(&self, mount: &str) -> Vec<String> {
        let state = self.lock();
        let engine = state.mounts.get(mount);
        let names = engine.into_iter().flat_map(|e| e.roles.keys());
        names.map(ToString::to_string).collect()
    }

    pub(crate) fn has_mount(&self, mount: &str) -> bool {
        self.lock().mounts.contains_key(mount)
    }

    /// Somebody ends a key behind the operator's back.
    pub(crate) fn revoke_key(&self, access_key: &str) {
        self.lock().keys.retain(|_, k| k.id != access_key);
    }

    fn at(&self, address: &str) -> Self {
        let elsewhere = self.elsewhere.lock().unwrap();
        elsewhere.get(address).unwrap_or(self).clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    fn lives(&self, key: &Key) -> bool {
        let now = Instant::now();
        key.ends > now && self.tokens.get(&key.keeper).is_some_and(|t| t.ends > now)
    }

    fn mount(&mut self, path: &MountPath) -> Result<&mut Engine> {
        let found = self.mounts.get_mut(path);
        found.ok_or_else(|| {
            said(
                ErrorKind::NoMount,
                path.as_str(),
                404,
                "no handler for route",
            )
        })
    }
}

/// A port that the operator does not use: a test in which it does fails by this.
fn uncalled() -> VaultError {
    said(
        ErrorKind::Unexpected,
        "",
        501,
        "the operator does not call this",
    )
}

fn said(kind: ErrorKind, path: &str, status: u16, words: &str) -> VaultError {
    VaultError {
        status: Some(status),
        ..VaultError::new(kind, "GET", path, words)
    }
}

fn silence(path: &str) -> VaultError {
    VaultError::new(ErrorKind::Timeout, "GET", path, "no answer in time")
}

impl Connect for FakeVault {
    fn connect(
        &self,
        connection: Connection,
        _: Arc<dyn Login>,
    ) -> Result<Arc<dyn leasehold_vault_client::Vault>> {
        Ok(Arc::new(Session {
            vault: self.at(&connection.address),
            address: connection.address,
            live: AtomicBool::new(false),
        }))
    }
}

/// One login.
struct Session {
    vault: FakeVault,
    address: String,
    live: AtomicBool,
}

impl Session {
    async fn call<T>(
        &self,
        method: &str,
        what: &str,
        effect: impl FnOnce(&mut State) -> Result<T> + Send,
    ) -> Result<T> {
        self.log_in().await?;
        self.ask(method, what, effect).await
    }

    async fn log_in(&self) -> Result<()> {
        if self.live.load(Ordering::SeqCst) {
            return Ok(());
        }
        let address = self.address.clone();
        let log_in = |s: &mut State| {
            s.logins.push(address);
            Ok(())
        };
        self.ask("login", &self.address, log_in).await?;
        self.live.store(true, Ordering::SeqCst);
        Ok(())
    }

    async fn ask<T>(
        &self,
        method: &str,
        what: &str,
        effect: impl FnOnce(&mut State) -> Result<T> + Send,
    ) -> Result<T> {
        let fault = {
            let mut state = self.vault.lock();
            state.calls.push(format!("{method} {what}"));
            let fault = state.scripts.iter_mut().find_map(|s| s(method, what));
            if state.sealed {
                return Err(said(ErrorKind::Sealed, what, 503, "Vault is sealed"));
            }
            fault
        };
        match &fault {
            Some(Fault::Refuse(code, words)) => {
                let kind = if *code == 403 {
                    ErrorKind::Denied
                } else {
                    ErrorKind::Invalid
                };
                return Err(said(kind, what, *code, words));
            }
            Some(Fault::LoseCall) => return Err(silence(what)),
            Some(Fault::LagThenFail(by)) => {
                tokio::time::sleep(*by).await;
                return Err(silence(what));
            }
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Panic) => panic!("{method} {what}"),
            Some(Fault::LoseAnswer | Fault::Lag(_)) | None => {}
        }
        let done = effect(&mut self.vault.lock());
        match fault {
            Some(Fault::LoseAnswer) => Err(silence(what)),
            Some(Fault::Lag(by)) => {
                tokio::time::sleep(by).await;
                done
            }
            _ => done,
        }
    }
}

#[async_trait]
impl Health for Session {
    async fn health(&self) -> Result<HealthReport> {
        Ok(HealthReport::default())
    }

    async fn cluster_id(&self) -> Result<ClusterId> {
        self.log_in().await?;
        Ok(ClusterId(self.vault.lock().cluster.clone()))
    }
}

#[async_trait]
impl Mounts for Session {
    async fn mount(&self, path: &MountPath) -> Result<Option<Mount>> {
        let read = |s: &mut State| {
            Ok(s.mounts.get(path).map(|e| Mount {
                kind: e.kind.clone(),
                description: e.description.clone(),
                accessor: format!("{}_{path}", e.kind),
                default_lease: Duration::ZERO,
                max_lease: Duration::ZERO,
            }))
        };
        self.call("mount", path.as_str(), read).await
    }

    async fn enable_mount(&self, path: &MountPath, kind: &str, description: &str) -> Result<()> {
        let write = |s: &mut State| {
            let engine = Engine {
                kind: kind.into(),
                description: description.into(),
                ..Engine::default()
            };
            s.mounts.insert(path.clone(), engine);
            Ok(())
        };
        self.call("enable_mount", path.as_str(), write).await
    }

    async fn describe_mount(&self, _: &MountPath, _: &str) -> Result<()> {
        Err(uncalled())
    }

    async fn disable_mount(&self, path: &MountPath) -> Result<()> {
        let write = |s: &mut State| {
            s.mounts.remove(path);
            s.keys.clear();
            Ok(())
        };
        self.call("disable_mount", path.as_str(), write).await
    }

    async fn effective_default_lease(&self, path: &MountPath) -> Result<Duration> {
        let read = |_: &mut State| Ok(Duration::from_secs(768 * 3600));
        self.call("default_lease", path.as_str(), read).await
    }
}

#[async_trait]
impl AwsEngine for Session {
    async fn root_config(&self, mount: &MountPath) -> Result<Option<RootConfig>> {
        let read = |s: &mut State| Ok(s.mount(mount)?.root.clone());
        self.call("root_config", mount.as_str(), read).await
    }

    async fn write_root_config(
        &self,
        mount: &MountPath,
        config: &RootConfig,
        _: &Redacted,
    ) -> Result<()> {
        let write = |s: &mut State| {
            s.mount(mount)?.root = Some(config.clone());
            Ok(())
        };
        self.call("write_root_config", mount.as_str(), write).await
    }

    async fn engine_lease(&self, mount: &MountPath) -> Result<Option<EngineLease>> {
        let read = |s: &mut State| Ok(s.mount(mount)?.lease);
        self.call("engine_lease", mount.as_str(), read).await
    }

    async fn write_engine_lease(&self, mount: &MountPath, lease: &EngineLease) -> Result<()> {
        let write = |s: &mut State| {
            s.mount(mount)?.lease = Some(*lease);
            Ok(())
        };
        self.call("write_engine_lease", mount.as_str(), write).await
    }

    async fn role(&self, mount: &MountPath, name: &RoleName) -> Result<Option<AwsVaultRole>> {
        let read = |s: &mut State| Ok(s.mount(mount)?.roles.get(name).cloned());
        self.call("role", name.as_str(), read).await
    }

    async fn write_role(
        &self,
        mount: &MountPath,
        name: &RoleName,
        role: &AwsVaultRole,
        _: Option<&AwsVaultRole>,
    ) -> Result<()> {
        let write = |s: &mut State| {
            s.mount(mount)?.roles.insert(name.clone(), role.clone());
            Ok(())
        };
        self.call("write_role", name.as_str(), write).await
    }

    async fn delete_role(&self, mount: &MountPath, name: &RoleName) -> Result<()> {
        let write = |s: &mut State| {
            s.mount(mount)?.roles.remove(name);
            Ok(())
        };
        self.call("delete_role", name.as_str(), write).await
    }
}

#[async_trait]
impl Credentials for Session {
    async fn issue(
        &self,
        request: &IssueRequest,
        under: Option<&Redacted>,
    ) -> Result<IssuedCredential> {
        let token = under.expect("a keeper").expose().to_owned();
        let issue = |s: &mut State| {
            let now = Instant::now();
            let mut tokens = s.tokens.iter();
            let keeper = tokens.find(|(_, t)| t.secret == token && t.ends > now);
            let keeper = keeper.map(|(accessor, _)| accessor.clone());
            let keeper = keeper.ok_or_else(|| {
                said(
                    ErrorKind::Unauthenticated,
                    "creds",
                    403,
                    "permission denied",
                )
            })?;
            let engine = s.mount(&request.mount)?;
            if !engine.roles.contains_key(&request.role) {
                return Err(said(ErrorKind::Invalid, "creds", 400, "unknown role"));
            }
            let hour = Duration::from_secs(3600);
            let life = engine.lease.map_or(768 * hour, |l| l.lease);
            s.issued += 1;
            let n = s.issued;
            let id = LeaseId(format!("{}/creds/{}/{n}", request.mount, request.role));
            let access_key = format!("AKIASECRET{n:06}");
            s.keys.insert(
                id.clone(),
                Key {
                    keeper,
                    id: access_key.clone(),
                    ends: now + life,
                },
            );
            Ok(IssuedCredential {
                lease_id: Some(id),
                lease_duration: life,
                renewable: true,
                access_key: Redacted::new(access_key),
                secret_key: Redacted::new(format!("very-secret-half-{n:06}")),
                session_token: None,
                warnings: vec![],
            })
        };
        self.call("issue", request.role.as_str(), issue).await
    }
}

#[async_trait]
impl Tokens for Session {
    async fn open_keeper(&self, request: &KeeperRequest) -> Result<Keeper> {
        let open = |s: &mut State| {
            s.number += 1;
            let n = s.number;
            let accessor = Accessor(format!("accessor-{n}"));
            let secret = format!("hvs.keeper-token-{n}");
            s.tokens.insert(
                accessor.clone(),
                Token {
                    secret: secret.clone(),
                    meta: request.meta.clone(),
                    ttl: request.ttl,
                    ends: Instant::now() + request.ttl,
                },
            );
            Ok(Keeper {
                token: Redacted::new(secret),
                accessor,
                ttl: request.ttl,
                orphan: true,
                renewable: true,
                policies: vec![request.policy.clone()],
            })
        };
        self.call("open_keeper", &request.display_name, open).await
    }

    async fn lookup_accessor(&self, accessor: &Accessor) -> Result<Option<TokenInfo>> {
        let read = |s: &mut State| {
            let token = s.tokens.get(accessor).filter(|t| t.ends > Instant::now());
            Ok(token.map(|t| TokenInfo {
                accessor: accessor.to_string(),
                meta: t.meta.clone(),
                ttl: t.ttl,
                ..TokenInfo::default()
            }))
        };
        self.call("lookup_accessor", accessor.as_str(), read).await
    }

    async fn revoke_accessor(&self, accessor: &Accessor) -> Result<()> {
        let write = |s: &mut State| {
            s.tokens.remove(accessor);
            s.keys.retain(|_, k| k.keeper != *accessor);
            Ok(())
        };
        self.call("revoke_accessor", accessor.as_str(), write).await
    }

    async fn renew_accessor(&self, _: &Accessor, _: Duration) -> Result<Duration> {
        Err(uncalled())
    }
}

#[async_trait]
impl Leases for Session {
    async fn lookup_lease(&self, id: &LeaseId) -> Result<Option<LeaseInfo>> {
        let read = |s: &mut State| {
            let key = s.keys.get(id).filter(|k| s.lives(k));
            Ok(key.map(|k| LeaseInfo {
                ttl: i64::try_from(k.ends.duration_since(Instant::now()).as_secs()).unwrap(),
                renewable: true,
            }))
        };
        self.call("lookup_lease", id.as_str(), read).await
    }

    async fn revoke_lease(&self, id: &LeaseId) -> Result<()> {
        let write = |s: &mut State| {
            s.keys.remove(id);
            Ok(())
        };
        self.call("revoke_lease", id.as_str(), write).await
    }

    async fn renew_lease(&self, _: &LeaseId, _: Duration) -> Result<LeaseInfo> {
        Err(uncalled())
    }
}

#[async_trait]
impl Policies for Session {
    async fn policy(&self, _: &str) -> Result<Option<String>> {
        Err(uncalled())
    }

    async fn write_policy(&self, _: &str, _: &str) -> Result<()> {
        Err(uncalled())
    }

    async fn capabilities(&self, _: &[String]) -> Result<BTreeMap<String, Vec<String>>> {
        Err(uncalled())
    }
}
