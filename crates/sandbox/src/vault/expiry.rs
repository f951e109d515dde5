//! Ends: of leases, of tokens with all they made, of what was left half done.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::call::{Env, Error};
use super::core::Core;
use super::engine::Engine;
use super::leases::{Wish, after, lifetime};

/// After so many failures a lease is left alone, and tried once a day.
const MOST_ATTEMPTS: u32 = 6;
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How much of an error is kept with such a lease.
const KEPT: usize = 240;

impl Core {
    /// Does everything that is due, and says when something will be.
    pub(super) fn advance(&mut self, env: &mut Env<'_>) -> Option<Timestamp> {
        if self.is_sealed {
            return None;
        }
        while let Some(id) = self.leases.next_due(env.now).map(str::to_owned) {
            self.expire(&id, env);
        }
        let mut next = self.leases.next_time();
        for (_, mount) in self.mounts.iter_mut() {
            let due = mount.engine.next_rollback();
            if due.is_some_and(|due| due <= env.now) {
                mount.engine.rollback(env);
            }
            let due = mount.engine.next_rollback();
            next = [next, due].into_iter().flatten().min();
        }
        next
    }

    fn expire(&mut self, id: &str, env: &mut Env<'_>) {
        let Err(error) = self.revoke_lease(id, env) else {
            return;
        };
        let fraction = env.ids.fraction();
        let now = env.now;
        self.leases.change(id, |lease| {
            lease.attempts += 1;
            let is_hopeless = matches!(error.status, 404 | 405);
            if lease.failure.is_some() {
                lease.due = Some(after(now, DAY));
            } else if lease.attempts >= MOST_ATTEMPTS || is_hopeless {
                let reason = if is_hopeless { "" } else { "out of retries: " };
                let text = format!("{reason}{}", error.text());
                lease.failure = Some(text.chars().take(KEPT).collect());
                lease.due = Some(after(now, DAY));
            } else {
                lease.due = Some(after(now, backoff(lease.attempts, fraction)));
            }
        });
    }

    /// Revokes a lease now; it stays if that fails.
    pub(super) fn revoke_lease(&mut self, id: &str, env: &mut Env<'_>) -> Result<(), Error> {
        let Some(lease) = self.leases.get(id) else {
            return Ok(());
        };
        let Some(internal) = lease.secret.clone() else {
            let token = lease.token.clone();
            self.revoke_tree(&token, env.now);
            return Ok(());
        };
        let (path, issued) = (lease.path.clone(), lease.issued);
        let result = match self.mounts.route_of(&path) {
            None => Err(Error::coded(
                404,
                format!("no handler for route \"{path}\". route entry not found."),
            )),
            Some(route) => {
                let mut engine = self.take_engine(route);
                let result = engine.revoke(&internal, issued, env);
                self.put_engine(route, engine);
                result
            }
        };
        result.map_err(|error| Error {
            errors: vec![format!(
                "failed to revoke entry: resp: (*logical.Response)(nil) err: {}",
                error.text()
            )],
            ..error
        })?;
        self.drop_lease(id);
        Ok(())
    }

    /// Forgets a lease, whatever it stood for.
    pub(super) fn drop_lease(&mut self, id: &str) {
        if let Some(lease) = self.leases.remove(id)
            && let Some(token) = self.tokens.get_mut(&lease.token)
        {
            token.leases.remove(id);
        }
    }

    /// Lets a lease end at once; it is revoked when Vault gets to it.
    pub(super) fn end_lease(&mut self, id: &str, now: Timestamp) {
        self.leases.change(id, |lease| {
            lease.expires = Some(now);
            if lease.failure.is_none() {
                lease.due = Some(now);
            }
        });
    }

    /// Revokes all leases whose ids start so: now, or when Vault gets to it.
    pub(super) fn revoke_prefix(
        &mut self,
        prefix: &str,
        is_forced: bool,
        is_sync: bool,
        env: &mut Env<'_>,
    ) -> Result<(), Error> {
        if !prefix.ends_with('/') && self.leases.get(prefix).is_some() {
            let at = format!("failed to revoke \"{prefix}\"");
            return self.revoke_of(prefix, &at, is_forced, is_sync, env);
        }
        let prefix = if prefix.is_empty() || prefix.ends_with('/') {
            prefix.to_owned()
        } else {
            format!("{prefix}/")
        };
        let ids: Vec<String> = self
            .leases
            .below(&prefix)
            .map(|(id, _)| id.clone())
            .collect();
        for (n, id) in ids.iter().enumerate() {
            let at = format!("failed to revoke \"{id}\" ({} / {})", n + 1, ids.len());
            self.revoke_of(id, &at, is_forced, is_sync, env)?;
        }
        Ok(())
    }

    fn revoke_of(
        &mut self,
        id: &str,
        at: &str,
        is_forced: bool,
        is_sync: bool,
        env: &mut Env<'_>,
    ) -> Result<(), Error> {
        if !is_sync {
            self.end_lease(id, env.now);
            return Ok(());
        }
        match self.revoke_lease(id, env) {
            Err(_) if is_forced => {
                self.drop_lease(id);
                Ok(())
            }
            Err(error) => Err(Error::bad(format!("{at}: {}", error.text()))),
            Ok(()) => Ok(()),
        }
    }

    /// Ends a token and all its children; the leases of all of them end with them.
    pub(super) fn revoke_tree(&mut self, id: &str, now: Timestamp) {
        for id in self.tokens.tree(id) {
            self.revoke_token(&id, now);
        }
    }

    /// Ends one token; its children live on as orphans.
    pub(super) fn revoke_token(&mut self, id: &str, now: Timestamp) {
        let Some(token) = self.tokens.remove(id) else {
            return;
        };
        self.leases.remove(&token.lease_id);
        for lease in &token.leases {
            self.end_lease(lease, now);
        }
    }

    /// Renews the lease of a secret, from what its engine now gives.
    pub(super) fn renew_lease(
        &mut self,
        id: &str,
        increment: SignedDuration,
        env: &Env<'_>,
    ) -> Result<(SignedDuration, Vec<String>), Error> {
        let lease = self.leases.get(id);
        let lease = lease.ok_or_else(|| Error::bad("lease not found"))?;
        // A batch token's lease is renewed no longer than the token lives, but it is.
        lease.renewable(env.now).map_err(Error::bad)?;
        let Some(internal) = &lease.secret else {
            let text = "tokens cannot be renewed through this endpoint";
            return Err(Error::bad(text));
        };
        let route = self.mounts.route_of(&lease.path);
        let mount = route.and_then(|route| self.mounts.get(route));
        let mount =
            mount.ok_or_else(|| Error::bad("unable to retrieve system view from router"))?;
        let (ttl, max_ttl) = mount.engine.renew(internal);
        let wish = Wish {
            increment,
            ttl,
            max_ttl,
            ..Wish::default()
        };
        let (mut ttl, warnings) =
            lifetime(mount.view(), wish, Some(lease.issued), env.now).map_err(Error::bad)?;
        if lease.is_of_batch {
            let token = self.valid_token(&lease.token, env.now);
            let token =
                token.ok_or_else(|| Error::bad("cannot renew lease, no valid associated token"))?;
            ttl = ttl.min(token.end().duration_since(env.now));
        }
        let now = env.now;
        self.leases.change(id, |lease| {
            lease.renewed = Some(now);
            lease.expires = Some(after(now, ttl));
            lease.due = lease.expires;
        });
        Ok((ttl, warnings))
    }

    /// An engine, to be asked something that may look at Vault meanwhile.
    pub(super) fn take_engine(&mut self, route: &str) -> Engine {
        match self.mounts.get_mut(route) {
            Some(mount) => std::mem::replace(&mut mount.engine, Engine::Away),
            None => Engine::Away,
        }
    }

    pub(super) fn put_engine(&mut self, route: &str, engine: Engine) {
        if let Some(mount) = self.mounts.get_mut(route) {
            mount.engine = engine;
        }
    }
}

/// 10 seconds doubled with every attempt, half more or less.
fn backoff(attempt: u32, fraction: f64) -> SignedDuration {
    let base = Duration::from_secs(10 << attempt.min(10));
    let by = base.mul_f64(0.5 + fraction);
    SignedDuration::try_from(by).unwrap_or(DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_wait_longer_each_time() {
        assert_eq!(backoff(1, 0.0), SignedDuration::from_secs(10));
        assert_eq!(backoff(1, 0.5), SignedDuration::from_secs(20));
        assert_eq!(backoff(5, 0.5), SignedDuration::from_secs(320));
    }
}
