//! The leases there are, and how long a lease lives.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::call::{Internal, View};
use super::go;

/// A secret's lease, or a token's own.
#[derive(Debug)]
pub(super) struct Lease {
    /// The path that was asked for it.
    pub(super) path: String,
    pub(super) token: String,
    /// Whether that token keeps no list of its leases.
    pub(super) is_of_batch: bool,
    pub(super) issued: Timestamp,
    /// Never: a root token's.
    pub(super) expires: Option<Timestamp>,
    pub(super) renewed: Option<Timestamp>,
    pub(super) is_renewable: bool,
    /// None: of the token itself.
    pub(super) secret: Option<Internal>,
    /// Why it cannot be revoked.
    pub(super) failure: Option<String>,
    pub(super) attempts: u32,
    /// When it is to be revoked, or tried again.
    pub(super) due: Option<Timestamp>,
}

impl Lease {
    /// What is against renewing it.
    pub(super) fn renewable(&self, now: Timestamp) -> Result<(), &'static str> {
        match self.expires {
            _ if self.failure.is_some() => {
                Err("lease is expired and has failed previous revocation attempts")
            }
            None => Err("lease is not renewable"),
            Some(expires) if expires < now => Err("lease expired"),
            _ if !self.is_renewable => Err("lease is not renewable"),
            _ => Ok(()),
        }
    }

    /// What is left of it, in seconds.
    pub(super) fn ttl(&self, now: Timestamp) -> i64 {
        ttl(self.expires, now)
    }
}

/// Whole seconds until then, counted as Vault does.
pub(super) fn ttl(expires: Option<Timestamp>, now: Timestamp) -> i64 {
    expires.map_or(0, |expires| expires.duration_since(rounded(now)).as_secs())
}

fn rounded(time: Timestamp) -> Timestamp {
    time.round(jiff::Unit::Second).unwrap_or(time)
}

/// To the second before.
pub(super) fn truncated(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

pub(super) fn after(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// All leases by id, and those due by when.
#[derive(Debug, Default)]
pub(super) struct Leases {
    by_id: BTreeMap<String, Lease>,
    due: BTreeSet<(Timestamp, String)>,
}

impl Leases {
    pub(super) fn insert(&mut self, id: String, lease: Lease) {
        if let Some(due) = lease.due {
            self.due.insert((due, id.clone()));
        }
        self.by_id.insert(id, lease);
    }

    pub(super) fn get(&self, id: &str) -> Option<&Lease> {
        self.by_id.get(id)
    }

    pub(super) fn count(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<Lease> {
        let lease = self.by_id.remove(id)?;
        if let Some(due) = lease.due {
            self.due.remove(&(due, id.to_owned()));
        }
        Some(lease)
    }

    /// Changes a lease, and when it is due.
    pub(super) fn change(&mut self, id: &str, change: impl FnOnce(&mut Lease)) {
        let Some(lease) = self.by_id.get_mut(id) else {
            return;
        };
        let before = lease.due;
        change(lease);
        if lease.due != before {
            let after = lease.due;
            if let Some(due) = before {
                self.due.remove(&(due, id.to_owned()));
            }
            if let Some(due) = after {
                self.due.insert((due, id.to_owned()));
            }
        }
    }

    /// The next that is due by now.
    pub(super) fn next_due(&self, now: Timestamp) -> Option<&str> {
        self.due
            .first()
            .filter(|(due, _)| *due <= now)
            .map(|(_, id)| id.as_str())
    }

    /// When something is due next.
    pub(super) fn next_time(&self) -> Option<Timestamp> {
        self.due.first().map(|(due, _)| *due)
    }

    /// All whose ids start so.
    pub(super) fn below<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a String, &'a Lease)> {
        self.by_id
            .range(prefix.to_owned()..)
            .take_while(move |(id, _)| id.starts_with(prefix))
    }

    /// After a pause: what is past is due now, whatever was tried before.
    pub(super) fn restart(&mut self) {
        self.due.clear();
        for (id, lease) in &mut self.by_id {
            if lease.failure.is_none() {
                lease.attempts = 0;
                lease.due = lease.expires;
            }
            if let Some(due) = lease.due {
                self.due.insert((due, id.clone()));
            }
        }
    }
}

/// What a lifetime is made from.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wish {
    /// What was asked for.
    pub(super) increment: SignedDuration,
    /// What the engine gives otherwise.
    pub(super) ttl: SignedDuration,
    pub(super) period: SignedDuration,
    pub(super) max_ttl: SignedDuration,
    pub(super) explicit_max_ttl: SignedDuration,
}

/// How long something may live from now on, with what is to be said about it.
pub(super) fn lifetime(
    view: View,
    wish: Wish,
    start: Option<Timestamp>,
    now: Timestamp,
) -> Result<(SignedDuration, Vec<String>), &'static str> {
    let now = truncated(now);
    let start = start.map_or(now, truncated);
    let is_set = |ttl: &SignedDuration| ttl.is_positive();
    let max = [wish.max_ttl, wish.explicit_max_ttl]
        .into_iter()
        .filter(is_set)
        .fold(view.max, SignedDuration::min);
    let mut warnings = Vec::new();
    let (mut ttl, most) = if wish.period.is_positive() {
        if wish.period > max {
            warnings.push(capped("period", "period value", wish.period, max));
        }
        let most = is_set(&wish.explicit_max_ttl).then_some(wish.explicit_max_ttl);
        (wish.period.min(max), most)
    } else {
        let ttl = [wish.increment, wish.ttl].into_iter().find(is_set);
        (ttl.unwrap_or(view.default), Some(max))
    };
    if let Some(most) = most {
        let left = after(start, most).duration_since(now);
        if !left.is_positive() {
            return Err("past the max TTL, cannot renew");
        }
        if ttl > left {
            warnings.push(capped("TTL", "TTL value", ttl, left));
            ttl = left;
        }
    }
    Ok((ttl, warnings))
}

fn capped(what: &str, value: &str, wanted: SignedDuration, most: SignedDuration) -> String {
    format!(
        "{what} of {} exceeded the effective max_ttl of {}; {value} is capped accordingly",
        go::quote(&go::short_duration(wanted)),
        go::quote(&go::short_duration(most))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    fn view() -> View {
        View {
            default: HOUR * 10,
            max: HOUR * 20,
        }
    }

    #[test]
    fn a_lifetime_is_the_least_of_what_limits_it() {
        let now: Timestamp = "2026-11-22T10:00:00.7Z".parse().unwrap();
        let of = |wish| lifetime(view(), wish, None, now).unwrap().0;
        let zero = Wish::default();
        assert_eq!(of(zero), HOUR * 10);
        assert_eq!(of(Wish { ttl: HOUR, ..zero }), HOUR);
        assert_eq!(
            of(Wish {
                ttl: HOUR,
                increment: HOUR * 2,
                ..zero
            }),
            HOUR * 2
        );
        assert_eq!(
            of(Wish {
                ttl: HOUR * 30,
                ..zero
            }),
            HOUR * 20
        );
        assert_eq!(
            of(Wish {
                ttl: HOUR * 9,
                max_ttl: HOUR * 3,
                ..zero
            }),
            HOUR * 3
        );
        assert_eq!(
            of(Wish {
                period: HOUR,
                increment: HOUR * 9,
                ..zero
            }),
            HOUR
        );
        assert_eq!(
            of(Wish {
                period: HOUR * 21,
                ..zero
            }),
            HOUR * 20
        );
        assert_eq!(
            of(Wish {
                period: HOUR * 9,
                explicit_max_ttl: HOUR * 2,
                ..zero
            }),
            HOUR * 2
        );
    }

    #[test]
    fn renewals_near_the_end_grow_shorter_until_there_are_none() {
        let start: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let wish = Wish {
            ttl: HOUR,
            max_ttl: HOUR * 2,
            ..Wish::default()
        };
        let at = |minutes| {
            let now = after(start, SignedDuration::from_mins(minutes));
            lifetime(view(), wish, Some(start), now)
        };
        assert_eq!(at(60).unwrap(), (HOUR, vec![]));
        let (left, warnings) = at(90).unwrap();
        assert_eq!(left, HOUR / 2);
        let warning = "TTL of \"1h\" exceeded the effective max_ttl of \"30m\"; TTL value is capped accordingly";
        assert_eq!(warnings, [warning]);
        assert_eq!(at(120), Err("past the max TTL, cannot renew"));
    }
}
