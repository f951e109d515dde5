//! Events: one object, two groups; forgotten after an hour.

use std::collections::{BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Kube;
use super::schema::Cause;
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
    // The core group shows these if they are empty, this one does not.
    if let Some(map) = event.as_object_mut() {
        for key in ["reportingController", "reportingInstance"] {
            if map.get(key).is_some_and(|value| value == "") {
                map.remove(key);
            }
        }
    }
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

/// Gives an Event the fields that it has even if they say nothing.
pub(super) fn prepare(event: &mut Value) {
    let is_new = event["apiVersion"] == "events.k8s.io/v1";
    let null = || Value::Null;
    let fields = if is_new {
        [
            ("deprecatedFirstTimestamp", null()),
            ("deprecatedLastTimestamp", null()),
            ("deprecatedSource", json!({})),
            ("eventTime", null()),
            ("", null()),
            ("", null()),
        ]
    } else {
        [
            ("firstTimestamp", null()),
            ("lastTimestamp", null()),
            ("source", json!({})),
            ("eventTime", null()),
            ("reportingComponent", "".into()),
            ("reportingInstance", "".into()),
        ]
    };
    if let Some(map) = event.as_object_mut() {
        for (key, value) in fields.into_iter().filter(|(key, _)| !key.is_empty()) {
            map.entry(key).or_insert(value);
        }
    }
}

/// What is wrong with an Event. The words are those for the core group in either.
pub(super) fn check(event: &Value) -> Vec<Cause> {
    let is_new = event["apiVersion"] == "events.k8s.io/v1";
    let mut event = event.clone();
    if is_new {
        to_core(&mut event);
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut causes = Vec::new();
    let place = text(&event["involvedObject"]["namespace"]);
    let own = text(&event["metadata"]["namespace"]);
    // What is in no namespace has its Events in `default`.
    if place != own && !(place.is_empty() && own == "default") {
        let field = "involvedObject.namespace";
        causes.push(Cause::refused(
            field,
            &place,
            "does not match event.namespace",
        ));
    }
    let has_time = !event["eventTime"].is_null();
    if is_new && !has_time {
        causes.push(Cause::required("eventTime", ""));
    }
    if has_time {
        let names = [
            ("reportingComponent", "reportingController"),
            ("reportingInstance", "reportingInstance"),
            ("action", "action"),
            ("reason", "reason"),
        ];
        for (key, field) in names {
            if text(&event[key]).is_empty() {
                causes.push(Cause::required(field, ""));
            }
        }
        if text(&event["message"]).len() > 1024 {
            causes.push(Cause::refused(
                "message",
                "",
                "can have at most 1024 characters",
            ));
        }
    }
    let kind = text(&event["type"]);
    if (is_new || has_time) && !matches!(kind.as_str(), "Normal" | "Warning") {
        causes.push(Cause::refused(
            "type",
            "",
            &format!("has invalid value: {kind}"),
        ));
    }
    causes
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
