//! Who asked for what: for tests in memory, and the devices people enable.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

/// One request that Vault answered. Nothing of its body, and no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// When it was answered.
    pub at: Timestamp,
    /// `read`, `list`, `create`, `update`, `delete` or `patch`.
    pub operation: &'static str,
    /// Without `/v1/` and without its query.
    pub path: String,
    /// The status of the answer.
    pub status: u16,
    /// The accessor of the token that asked; empty if there was none, or none that counts.
    pub accessor: String,
}

/// The last requests, if anybody wants to know.
#[derive(Debug, Default)]
pub(super) struct Log {
    most: usize,
    entries: VecDeque<Audited>,
}

impl Log {
    pub(super) fn keep(&mut self, most: usize) {
        self.most = most;
        self.entries.truncate(most);
    }

    pub(super) fn is_on(&self) -> bool {
        self.most > 0
    }

    pub(super) fn push(&mut self, entry: Audited) {
        if self.entries.len() == self.most {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Audited> {
        self.entries.iter()
    }
}

/// An audit device; nothing is written to it.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) kind: String,
    pub(super) description: String,
    pub(super) is_local: bool,
    pub(super) options: BTreeMap<String, String>,
}

/// Devices by path, with the slash at its end.
pub(super) type Devices = BTreeMap<String, Device>;
