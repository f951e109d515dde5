//! Events: one object, two groups; forgotten after an hour.

use std::collections::{BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Kube;
use super::store::Stored;

/// How long the API server keeps an Event.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// Names in the group `events.k8s.io`, and in the core group.
const NAMES: &[(&str, &str)] = &[
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

/// From `events.k8s.io` to the core group.
pub(super) fn to_core(event: &mut Value) {
    event["apiVersion"] = "v1".into();
    rename(event, |(new, core)| (new, core));
}

/// From the core group to `events.k8s.io`.
pub(super) fn from_core(event: &mut Value) {
    event["apiVersion"] = "events.k8s.io/v1".into();
    rename(event, |(new, core)| (core, new));
}

fn rename(
    event: &mut Value,
    order: fn((&'static str, &'static str)) -> (&'static str, &'static str),
) {
    let Some(map) = event.as_object_mut() else {
        return;
    };
    for names in NAMES {
        let (from, to) = order(*names);
        if let Some(value) = map.remove(from) {
            map.insert(to.to_owned(), value);
        }
    }
}

/// Which Events are forgotten when.
#[derive(Debug, Default)]
pub(super) struct Expiring {
    order: BTreeSet<(Timestamp, String)>,
    ends: HashMap<String, Timestamp>,
}

impl Expiring {
    fn set(&mut self, key: String, end: Timestamp) {
        if let Some(before) = self.ends.insert(key.clone(), end) {
            self.order.remove(&(before, key.clone()));
        }
        self.order.insert((end, key));
    }

    fn pop(&mut self, now: Timestamp) -> Option<String> {
        self.next().filter(|end| *end <= now)?;
        let (_, key) = self.order.pop_first()?;
        self.ends.remove(&key);
        Some(key)
    }

    /// When the next one is.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.order.first().map(|(end, _)| *end)
    }
}

impl Kube {
    pub(super) fn expire_event(&mut self, event: &Stored, now: Timestamp) {
        let end = now.checked_add(KEPT).unwrap_or(Timestamp::MAX);
        self.expiring.set(event.key(), end);
    }

    /// Removes the Events that nobody has written for an hour.
    pub(super) fn forget_events(&mut self, now: Timestamp) {
        let Some(resource) = self.resources.find("", "events") else {
            return;
        };
        while let Some(key) = self.expiring.pop(now) {
            self.store.remove(&resource, &key);
        }
    }
}
