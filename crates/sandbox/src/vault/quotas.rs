//! How many requests a path takes.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

/// A quota, and how much of it is used in the present interval.
#[derive(Debug, Clone)]
pub(super) struct Quota {
    pub(super) path: String,
    pub(super) rate: f64,
    pub(super) interval: SignedDuration,
    pub(super) block_interval: SignedDuration,
    pub(super) role: String,
    pub(super) is_inheritable: bool,
    window: Option<Timestamp>,
    used: u64,
    blocked_until: Option<Timestamp>,
}

impl Quota {
    pub(super) fn new(path: String, rate: f64, interval: SignedDuration) -> Self {
        let is_inheritable = path.is_empty();
        Self {
            path,
            rate,
            interval,
            block_interval: SignedDuration::ZERO,
            role: String::new(),
            is_inheritable,
            window: None,
            used: 0,
            blocked_until: None,
        }
    }
}

/// All rate limits by name, and how they are told.
#[derive(Debug, Default)]
pub(super) struct Quotas {
    pub(super) by_name: BTreeMap<String, Quota>,
    pub(super) has_headers: bool,
    pub(super) has_audit: bool,
}

/// What becomes of a request.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) is_allowed: bool,
    pub(super) headers: Vec<(&'static str, String)>,
}

/// These are always answered.
pub(super) const EXEMPT: [&str; 7] = [
    "sys/generate-recovery-token/attempt",
    "sys/generate-recovery-token/update",
    "sys/generate-root/attempt",
    "sys/generate-root/update",
    "sys/health",
    "sys/seal-status",
    "sys/unseal",
];

impl Quotas {
    /// Counts a request against the quota with the longest path that it is below.
    pub(super) fn take(&mut self, path: &str, mount: &str, now: Timestamp) -> Taken {
        let free = Taken {
            is_allowed: true,
            headers: Vec::new(),
        };
        if self.by_name.is_empty() || EXEMPT.contains(&path) {
            return free;
        }
        let fits = |quota: &Quota| match quota.path.strip_suffix('*') {
            Some(prefix) => path.starts_with(prefix),
            None => quota.path.is_empty() || quota.path == path || quota.path == mount,
        };
        let quota = self
            .by_name
            .values_mut()
            .filter(|quota| fits(quota))
            .max_by_key(|quota| quota.path.len());
        let Some(quota) = quota else {
            return free;
        };
        let elapsed = quota.window.map(|window| now.duration_since(window));
        if elapsed.is_none_or(|elapsed| elapsed >= quota.interval || elapsed.is_negative()) {
            quota.window = Some(now);
            quota.used = 0;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates"
        )]
        let limit = quota.rate.max(0.0) as u64;
        let is_blocked = quota.blocked_until.is_some_and(|until| now < until);
        let is_allowed = !is_blocked && quota.used < limit;
        if is_allowed {
            quota.used += 1;
        } else if !quota.block_interval.is_zero() && !is_blocked {
            quota.blocked_until = now.checked_add(quota.block_interval).ok();
        }
        let end = quota
            .window
            .and_then(|window| window.checked_add(quota.interval).ok());
        let left = end.map_or(0, |end| {
            let left = end.duration_since(now);
            left.as_secs() + i64::from(left.subsec_nanos() > 0)
        });
        let mut headers = Vec::new();
        if self.has_headers {
            headers.push(("X-Ratelimit-Limit", limit.to_string()));
            headers.push((
                "X-Ratelimit-Remaining",
                (limit - quota.used.min(limit)).to_string(),
            ));
            headers.push(("X-Ratelimit-Reset", left.to_string()));
            if !is_allowed {
                headers.push(("Retry-After", left.to_string()));
            }
        }
        Taken {
            is_allowed,
            headers,
        }
    }
}
