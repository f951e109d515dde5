use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, advance, sleep};

use super::{Door, Session};
use crate::error::{ErrorKind, Result, VaultError};
use crate::login::LoginToken;
use crate::{ClusterId, HealthReport, Redacted};

/// A Vault whose logins live `ttl`, with a script of answers to go through first.
struct Script {
    ttl: Option<u64>,
    renewable: bool,
    sealed: bool,
    logins: AtomicU64,
    renewals: Mutex<Vec<(u64, String)>>,
    login_fails: Mutex<VecDeque<VaultError>>,
    renew_says: Mutex<VecDeque<Result<(Duration, bool)>>>,
    start: Instant,
}

impl Script {
    fn new(ttl: Option<u64>) -> Self {
        Self {
            ttl,
            renewable: true,
            sealed: false,
            logins: AtomicU64::new(0),
            renewals: Mutex::default(),
            login_fails: Mutex::default(),
            renew_says: Mutex::default(),
            start: Instant::now(),
        }
    }

    fn fails(self, times: usize) -> Self {
        let error = || VaultError::new(ErrorKind::Login, "login", "x", "not authorized");
        self.login_fails
            .lock()
            .unwrap()
            .extend((0..times).map(|_| error()));
        self
    }

    fn says(self, answers: impl IntoIterator<Item = Result<(Duration, bool)>>) -> Self {
        self.renew_says.lock().unwrap().extend(answers);
        self
    }

    fn open(self) -> (Arc<Self>, Session) {
        let door = Arc::new(self);
        (Arc::clone(&door), Session::new(door))
    }

    /// Logins tried.
    fn tried(&self) -> u64 {
        self.logins.load(Ordering::SeqCst)
    }

    /// Seconds and tokens of the renewals.
    fn renewed(&self) -> Vec<(u64, String)> {
        self.renewals.lock().unwrap().clone()
    }
}

#[async_trait]
impl Door for Arc<Script> {
    async fn health(&self) -> Result<HealthReport> {
        sleep(Duration::from_millis(5)).await;
        Ok(HealthReport {
            initialized: true,
            sealed: self.sealed,
            cluster_id: Some(ClusterId::from("c1")),
            ..HealthReport::default()
        })
    }

    async fn log_in(&self) -> Result<LoginToken> {
        let n = self.logins.fetch_add(1, Ordering::SeqCst) + 1;
        sleep(Duration::from_millis(5)).await;
        if let Some(error) = self.login_fails.lock().unwrap().pop_front() {
            return Err(error);
        }
        Ok(LoginToken {
            token: Redacted::new(format!("t{n}")),
            ttl: self.ttl.map(Duration::from_secs),
            renewable: self.renewable,
            accessor: "a".into(),
        })
    }

    async fn renew(&self, token: &Redacted) -> Result<(Duration, bool)> {
        let at = (Instant::now() - self.start).as_secs();
        self.renewals
            .lock()
            .unwrap()
            .push((at, token.expose().to_owned()));
        let said = self.renew_says.lock().unwrap().pop_front();
        said.unwrap_or_else(|| Ok((Duration::from_secs(self.ttl.unwrap_or_default()), true)))
    }
}

fn refused() -> VaultError {
    VaultError {
        status: Some(403),
        ..VaultError::new(ErrorKind::Unauthenticated, "POST", "renew-self", "")
    }
}

#[expect(clippy::unnecessary_wraps, reason = "an entry of a script")]
fn granted(seconds: u64) -> Result<(Duration, bool)> {
    Ok((Duration::from_secs(seconds), true))
}

async fn token(session: &Session) -> String {
    session.live().await.unwrap().token.expose().to_owned()
}

#[tokio::test(start_paused = true)]
async fn fifty_callers_share_one_login() {
    let (door, session) = Script::new(Some(3600)).open();
    let calls = (0..50).map(|_| session.live());
    for live in futures::future::join_all(calls).await {
        let live = live.unwrap();
        assert_eq!(live.token.expose(), "t1");
        assert_eq!(live.cluster, Some(ClusterId::from("c1")));
    }
    assert_eq!((door.tried(), session.logins()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn fifty_callers_share_one_failure() {
    let (door, session) = Script::new(Some(3600)).fails(1).open();
    let calls = (0..50).map(|_| session.live());
    for live in futures::future::join_all(calls).await {
        let error = live.map(|_| ()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Login);
        assert!(error.says("not authorized"));
    }
    assert_eq!((door.tried(), session.logins()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn failed_logins_are_made_ever_more_rarely() {
    let (door, session) = Script::new(Some(3600)).fails(9).open();
    // Asked ten times a second for five minutes.
    for _ in 0..3000 {
        let _ = session.live().await;
        advance(Duration::from_millis(100)).await;
    }
    // At 0, 1, 3, 7, 15, 31, then every 30 s: nine failures, then it went through.
    assert_eq!((door.tried(), session.logins()), (10, 1));
}

#[tokio::test(start_paused = true)]
async fn a_sealed_vault_is_shown_no_credential() {
    let (door, session) = Script {
        sealed: true,
        ..Script::new(None)
    }
    .open();
    let error = session.live().await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Sealed);
    assert!(error.says("Vault is sealed") && error.answered());
    assert_eq!(door.tried(), 0);
}

#[tokio::test(start_paused = true)]
async fn renewed_at_two_thirds_though_nobody_calls() {
    let (door, session) = Script::new(Some(900)).open();
    assert_eq!(token(&session).await, "t1");
    sleep(Duration::from_secs(1805)).await;
    let t1 = |at| (at, "t1".to_owned());
    assert_eq!(door.renewed(), [t1(600), t1(1200), t1(1800)]);
    assert_eq!((token(&session).await.as_str(), door.tried()), ("t1", 1));
}

#[tokio::test(start_paused = true)]
async fn a_login_without_end_is_left_alone() {
    let (door, session) = Script::new(None).open();
    token(&session).await;
    sleep(Duration::from_secs(7_200_000)).await;
    assert_eq!((token(&session).await.as_str(), door.tried()), ("t1", 1));
    assert_eq!(door.renewed(), []);
}

#[tokio::test(start_paused = true)]
async fn a_capped_renewal_makes_a_new_login() {
    let (door, session) = Script::new(Some(900))
        .says([granted(900), granted(200)])
        .open();
    token(&session).await;
    sleep(Duration::from_secs(1199)).await;
    assert_eq!(door.tried(), 1);
    sleep(Duration::from_secs(2)).await;
    assert_eq!((token(&session).await.as_str(), door.tried()), ("t2", 2));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_renewed_is_replaced_before_it_ends() {
    let (door, session) = Script {
        renewable: false,
        ..Script::new(Some(900))
    }
    .open();
    token(&session).await;
    sleep(Duration::from_secs(601)).await;
    assert_eq!((token(&session).await.as_str(), door.tried()), ("t2", 2));
    assert_eq!(door.renewed(), []);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_refused_makes_a_new_login() {
    let (door, session) = Script::new(Some(900)).says([Err(refused())]).open();
    token(&session).await;
    sleep(Duration::from_secs(602)).await;
    assert_eq!((token(&session).await.as_str(), door.tried()), ("t2", 2));
}

#[tokio::test(start_paused = true)]
async fn a_login_that_ended_since_it_may_not_extend_itself_says_so() {
    let denied = || VaultError {
        status: Some(403),
        ..VaultError::new(
            ErrorKind::Denied,
            "POST",
            "auth/token/renew-self",
            "permission denied",
        )
    };
    let refusals = std::iter::repeat_with(|| Err(denied())).take(100);
    let (door, session) = Script::new(Some(900)).says(refusals).open();
    token(&session).await;
    let gone = || VaultError::new(ErrorKind::Login, "login", "x", "the token is not valid");
    door.login_fails
        .lock()
        .unwrap()
        .extend((0..100).map(|_| gone()));
    sleep(Duration::from_secs(901)).await;
    let words = session.live().await.err().unwrap().to_string();
    for part in [
        "the token is not valid",
        "path \"auth/token/renew-self\" { capabilities = [\"update\"] }",
    ] {
        assert!(words.contains(part), "{words}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_does_not_get_through_is_tried_until_it_does() {
    let away = || {
        Err(VaultError::new(
            ErrorKind::Unreachable,
            "POST",
            "x",
            "refused",
        ))
    };
    let (door, session) = Script::new(Some(900))
        .says([away(), away(), away(), granted(900)])
        .open();
    token(&session).await;
    sleep(Duration::from_secs(650)).await;
    let at: Vec<u64> = door.renewed().into_iter().map(|(at, _)| at).collect();
    assert_eq!(at, [600, 601, 603, 607]);
    assert_eq!((token(&session).await.as_str(), door.tried()), ("t1", 1));
}

#[tokio::test(start_paused = true)]
async fn a_login_that_ended_is_not_used() {
    let away = || {
        Err(VaultError::new(
            ErrorKind::Unreachable,
            "POST",
            "x",
            "refused",
        ))
    };
    let (door, session) = Script::new(Some(90)).says((0..100).map(|_| away())).open();
    token(&session).await;
    sleep(Duration::from_secs(89)).await;
    assert_eq!(token(&session).await, "t1");
    sleep(Duration::from_secs(60)).await;
    assert_eq!((token(&session).await.as_str(), door.tried()), ("t2", 2));
}

#[tokio::test(start_paused = true)]
async fn a_refused_login_is_replaced_once_for_all_callers() {
    let (door, session) = Script::new(Some(900)).open();
    let old = session.live().await.unwrap();
    let calls = (0..50).map(|_| session.refused(&old));
    for fresh in futures::future::join_all(calls).await {
        assert_eq!(fresh.unwrap().unwrap().token.expose(), "t2");
    }
    assert_eq!(door.tried(), 2);
}

#[tokio::test(start_paused = true)]
async fn where_a_new_login_does_not_help_it_is_made_rarely() {
    let (door, session) = Script::new(Some(36000)).open();
    // Every token is refused, ten times a second for five minutes.
    for _ in 0..3000 {
        let live = session.live().await.unwrap();
        if let Some(fresh) = session.refused(&live).await {
            fresh.unwrap();
            session.repeated(true);
        }
        advance(Duration::from_millis(100)).await;
    }
    assert!(door.tried() < 20, "{}", door.tried());
    // It helps at last: the next refusal is taken at its word again.
    session.repeated(false);
    let live = session.live().await.unwrap();
    assert!(session.refused(&live).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_login_is_followed_by_another() {
    let (door, session) = Script::new(Some(900)).open();
    let old = session.live().await.unwrap();
    session.forget(&old);
    assert_eq!(token(&session).await, "t2");
    // Another's knowledge of the old one does not hurt the new one.
    session.forget(&old);
    assert_eq!((token(&session).await.as_str(), door.tried()), ("t2", 2));
}

#[tokio::test(start_paused = true)]
async fn nothing_goes_on_after_the_session() {
    let (door, session) = Script::new(Some(900)).open();
    token(&session).await;
    drop(session);
    sleep(Duration::from_secs(36_000)).await;
    assert_eq!((door.tried(), door.renewed()), (1, vec![]));
}
