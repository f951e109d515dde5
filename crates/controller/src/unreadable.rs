//! Objects that could be decoded once and, as they are now, cannot.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// By uid. Such an object stays in the caches as it was, for those who look at it: a role that
/// vanished from them would free its mount to be unmounted, and end every key. It is not driven
/// itself: what it says now is unknown, and what it said is over.
#[derive(Debug, Default)]
pub struct Unreadable(Mutex<BTreeSet<String>>);

impl Unreadable {
    /// Its last version cannot be decoded.
    pub fn mark(&self, uid: &str) {
        self.with(|all| all.insert(uid.to_owned()));
    }

    /// It can be decoded, or is gone.
    pub fn clear(&self, uid: &str) {
        self.with(|all| all.remove(uid));
    }

    /// Whether its last version cannot be decoded.
    pub fn holds(&self, uid: &str) -> bool {
        self.with(|all| all.contains(uid))
    }

    fn with<T>(&self, f: impl FnOnce(&mut BTreeSet<String>) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
