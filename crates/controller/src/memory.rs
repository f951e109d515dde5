//! What the driver keeps of an object between drives: lost in a crash, and nothing is lost by that.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A cache that shows an older version for longer than this does not lag: versions went back, as
/// they do when an API server's backup is restored.
const LAG: Duration = Duration::from_secs(60);

/// Failed drives in a row, and the newest version seen, by uid.
#[derive(Debug, Default)]
pub struct Memory {
    entries: Mutex<BTreeMap<String, Entry>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Entry {
    attempts: u32,
    seen: Option<(u64, Instant)>,
    /// While it is driven: the newest version that came by.
    driven: Option<u64>,
}

impl Entry {
    /// The newest version seen, while an older one may be shown in its stead.
    fn recent(&self) -> Option<u64> {
        let (version, at) = self.seen?;
        (at.elapsed() < LAG).then_some(version)
    }
}

impl Memory {
    /// Failed drives in a row.
    pub fn attempts(&self, uid: &str) -> u32 {
        self.with(|all| all.get(uid).map_or(0, |e| e.attempts))
    }

    /// Counts a drive; returns the failed ones in a row before it.
    pub fn count(&self, uid: &str, failed: bool) -> u32 {
        self.with(|all| {
            let entry = all.entry(uid.to_owned()).or_default();
            let before = entry.attempts;
            entry.attempts = if failed { before.saturating_add(1) } else { 0 };
            before
        })
    }

    /// Remembers a version as the newest.
    pub fn saw(&self, uid: &str, resource_version: &str) {
        let Ok(version) = resource_version.parse::<u64>() else {
            return;
        };
        self.with(|all| {
            let entry = all.entry(uid.to_owned()).or_default();
            if entry.recent().is_none_or(|recent| recent < version) {
                entry.seen = Some((version, Instant::now()));
            }
        });
    }

    /// The object is gone, and the cache may not know yet: no version of it is worth a drive.
    pub fn gone(&self, uid: &str) {
        self.with(|all| {
            let entry = all.entry(uid.to_owned()).or_default();
            entry.seen = Some((u64::MAX, Instant::now()));
        });
    }

    /// Whether a cached version is older than one we have seen: acting on it would repeat what is
    /// already done.
    pub fn is_behind(&self, uid: &str, resource_version: &str) -> bool {
        let version = number(resource_version);
        self.with(|all| all.get(uid)?.recent())
            .is_some_and(|recent| version < recent)
    }

    /// The object is driven from here on: a version that comes by may be our own write, whose
    /// answer is still on its way, and is judged at the drive's end.
    pub fn begin(&self, uid: &str) {
        self.with(|all| all.entry(uid.to_owned()).or_default().driven = Some(0));
    }

    /// The drive is over. Whether somebody else wrote while it went on.
    pub fn end(&self, uid: &str) -> bool {
        self.with(|all| {
            let entry = all.get_mut(uid)?;
            let newest = entry.driven.take()?;
            Some(newest > entry.seen.map_or(0, |(seen, _)| seen))
        })
        .unwrap_or(false)
    }

    /// Whether that version is the newest we have seen: then its event is no news.
    pub fn knows(&self, uid: &str, resource_version: &str) -> bool {
        let Ok(version) = resource_version.parse::<u64>() else {
            return false;
        };
        self.with(|all| {
            let entry = all.get_mut(uid)?;
            if let Some(newest) = &mut entry.driven {
                *newest = version.max(*newest);
                return Some(true);
            }
            let same = entry.seen.is_some_and(|(seen, _)| seen == version);
            Some(same || entry.recent().is_some_and(|recent| version < recent))
        })
        .unwrap_or(false)
    }

    /// The object is gone.
    pub fn forget(&self, uid: &str) {
        self.with(|all| all.remove(uid));
    }

    /// How many objects something is remembered of.
    pub fn len(&self) -> usize {
        self.with(|all| all.len())
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn with<T>(&self, f: impl FnOnce(&mut BTreeMap<String, Entry>) -> T) -> T {
        f(&mut self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Versions of one resource are ordered numbers (KEP-5504); what is none counts as newest.
pub(crate) fn number(resource_version: &str) -> u64 {
    resource_version.parse().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_older_than_our_write_is_behind() {
        let memory = Memory::default();
        memory.saw("u", "100");
        assert!(memory.is_behind("u", "99"));
        assert!(!memory.is_behind("u", "100"));
        assert!(!memory.is_behind("other", "1"));
        assert!(memory.knows("u", "100"), "our own write is no news");
        assert!(!memory.knows("u", "101"));
        assert!(!memory.knows("u", "not-a-number"));
        memory.forget("u");
        assert!(!memory.is_behind("u", "99"));
    }

    #[test]
    fn of_what_is_gone_every_version_is_behind() {
        let memory = Memory::default();
        memory.saw("u", "100");
        memory.gone("u");
        assert!(memory.is_behind("u", "100"));
        assert!(memory.knows("u", "101"), "its last events are no news");
        memory.saw("u", "102");
        assert!(memory.is_behind("u", "102"));
    }

    #[test]
    fn what_comes_by_during_a_drive_is_judged_at_its_end() {
        let memory = Memory::default();
        memory.begin("u");
        assert!(memory.knows("u", "100"), "perhaps our own");
        memory.saw("u", "100");
        assert!(!memory.end("u"), "it was");
        memory.begin("u");
        assert!(memory.knows("u", "101"));
        assert!(memory.end("u"), "it was somebody else's");
        assert!(!memory.knows("u", "101"), "and no drive goes on");
        assert!(!memory.end("gone"));
    }

    #[tokio::test(start_paused = true)]
    async fn versions_that_went_back_are_believed_after_a_minute() {
        let memory = Memory::default();
        memory.saw("u", "100");
        tokio::time::advance(LAG).await;
        assert!(!memory.is_behind("u", "7"), "or it would never be driven");
        assert!(!memory.knows("u", "7"));
        assert!(memory.knows("u", "100"), "a relist brings no news");
        memory.saw("u", "7");
        assert!(memory.is_behind("u", "6"));
    }

    #[test]
    fn failed_drives_are_counted_in_a_row() {
        let memory = Memory::default();
        memory.count("u", true);
        memory.count("u", true);
        assert_eq!(memory.attempts("u"), 2);
        memory.count("u", false);
        assert_eq!(memory.attempts("u"), 0);
    }
}
