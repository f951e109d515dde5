//! Who manages which fields: `metadata.managedFields`.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::errors::Failure;
use super::super::schema::Schema;
use super::fields::{Changes, Fields};

/// An entry of `managedFields`.
#[derive(Debug, Clone)]
struct Entry {
    who: Who,
    time: String,
    fields: Fields,
}

/// What tells entries apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Who {
    /// Applies come first.
    pub(in super::super) is_update: bool,
    pub(in super::super) manager: String,
    pub(in super::super) api_version: String,
    pub(in super::super) subresource: String,
}

impl Who {
    /// As conflicts name it.
    fn shown(&self) -> String {
        let mut text = format!("{:?}", self.manager);
        if !self.subresource.is_empty() {
            let _ = write!(text, " with subresource {:?}", self.subresource);
        }
        if self.is_update {
            let _ = write!(text, " using {}", self.api_version);
        }
        text
    }
}

/// All entries of an object.
#[derive(Debug, Default)]
pub(in super::super) struct Managers(Vec<Entry>);

/// Fields of the metadata that nobody manages.
const NOBODYS: &[&str] = &[
    "f:creationTimestamp",
    "f:deletionGracePeriodSeconds",
    "f:deletionTimestamp",
    "f:generation",
    "f:managedFields",
    "f:name",
    "f:namespace",
    "f:resourceVersion",
    "f:selfLink",
    "f:uid",
];

/// Takes out what nobody manages.
fn strip(fields: &mut Fields) {
    fields.forget(&["f:apiVersion"]);
    fields.forget(&["f:kind"]);
    if let Some(metadata) = fields.children.get_mut("f:metadata") {
        metadata.is_member = false;
        metadata
            .children
            .retain(|key, _| !NOBODYS.contains(&key.as_str()));
        if metadata.is_empty() {
            fields.children.remove("f:metadata");
        }
    }
}

/// The fields that an apply set.
fn written(changes: &Changes) -> Fields {
    let mut written = changes.added.clone();
    written.union(&changes.modified);
    strip(&mut written);
    written
}

impl Managers {
    /// Reads those of an object.
    pub(in super::super) fn of(object: &Value) -> Self {
        let entries = object["metadata"]["managedFields"].as_array();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let entries = entries.into_iter().flatten().map(|entry| Entry {
            who: Who {
                is_update: entry["operation"] != "Apply",
                manager: text(&entry["manager"]),
                api_version: text(&entry["apiVersion"]),
                subresource: text(&entry["subresource"]),
            },
            time: text(&entry["time"]),
            fields: Fields::from_json(&entry["fieldsV1"]),
        });
        Self(entries.collect())
    }

    /// Writes them into an object.
    pub(in super::super) fn write(mut self, object: &mut Value) {
        self.0.retain(|entry| !entry.fields.is_empty());
        self.0.sort_by(|a, b| {
            let order = a.who.is_update.cmp(&b.who.is_update);
            order
                .then_with(|| a.time.cmp(&b.time))
                .then_with(|| a.who.cmp(&b.who))
        });
        let Some(meta) = object["metadata"].as_object_mut() else {
            return;
        };
        if self.0.is_empty() {
            meta.remove("managedFields");
            return;
        }
        let entries = self.0.iter().map(|entry| {
            let mut json = json!({
                "manager": entry.who.manager,
                "operation": if entry.who.is_update { "Update" } else { "Apply" },
                "apiVersion": entry.who.api_version,
                                "fieldsType": "FieldsV1",
                "fieldsV1": entry.fields.to_json(),
            });
            if !entry.time.is_empty() {
                json["time"] = entry.time.clone().into();
            }
            if !entry.who.subresource.is_empty() {
                json["subresource"] = entry.who.subresource.clone().into();
            }
            json
        });
        meta.insert("managedFields".to_owned(), entries.collect());
    }

    fn position(&self, who: &Who) -> Option<usize> {
        self.0.iter().position(|entry| entry.who == *who)
    }

    /// The manager has written the object: what it changed is its own now, but for a field
    /// that is not its endpoint's to write.
    pub(in super::super) fn updated(
        &mut self,
        who: Who,
        old: &Value,
        new: &Value,
        schema: Option<&Schema>,
        hidden: Option<&str>,
        now: Timestamp,
    ) {
        let mut changes = Changes::between(old, new, schema);
        changes.added.is_member = false;
        for set in [
            &mut changes.added,
            &mut changes.removed,
            &mut changes.modified,
        ] {
            strip(set);
            if let Some(hidden) = hidden {
                set.forget(&[hidden]);
            }
        }
        let mut written = changes.added;
        written.union(&changes.modified);
        if written.is_empty() && changes.removed.is_empty() {
            return;
        }
        for entry in &mut self.0 {
            entry.fields.subtract(&changes.removed);
            if entry.who != who {
                entry.fields.subtract(&written);
            }
        }
        self.0.retain(|entry| !entry.fields.is_empty());
        if written.is_empty() {
            return;
        }
        let at = self.position(&who).unwrap_or_else(|| {
            self.0.push(Entry {
                who,
                time: String::new(),
                fields: Fields::default(),
            });
            self.0.len() - 1
        });
        let entry = &mut self.0[at];
        entry.fields.union(&written);
        entry.time = super::super::meta::time(now);
    }

    /// Whether nobody is said to manage anything: then updates leave it at that.
    pub(in super::super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the manager has applied before.
    pub(super) fn last(&self, who: &Who) -> Fields {
        self.position(who)
            .map(|at| self.0[at].fields.clone())
            .unwrap_or_default()
    }

    /// All that somebody manages, with `applied` in place of what `who` applied before.
    pub(super) fn all_with(&self, who: &Who, applied: &Fields) -> Fields {
        let mut all = applied.clone();
        for entry in self.0.iter().filter(|entry| entry.who != *who) {
            all.union(&entry.fields);
        }
        all
    }

    /// The manager has applied a configuration, which led from `old` to `new`.
    pub(super) fn applied(
        &mut self,
        who: Who,
        mut fields: Fields,
        changes: &Changes,
        now: Timestamp,
    ) {
        strip(&mut fields);
        let written = written(changes);
        for entry in self.0.iter_mut().filter(|entry| entry.who != who) {
            entry.fields.subtract(&written);
            entry.fields.subtract(&changes.removed);
        }
        self.0.retain(|entry| !entry.fields.is_empty());
        let is_changed = !written.is_empty() || !changes.removed.is_empty();
        let time = super::super::meta::time(now);
        let at = self.position(&who).unwrap_or_else(|| {
            // Who changes nothing has no time: so does the real server.
            let (time, fields) = (String::new(), Fields::default());
            self.0.push(Entry { who, time, fields });
            self.0.len() - 1
        });
        let entry = &mut self.0[at];
        entry.fields = fields;
        if is_changed {
            entry.time = time;
        }
    }

    /// Refuses changes to what others manage, unless it is among the fields `but`.
    pub(super) fn check_conflicts(
        &self,
        who: &Who,
        changes: &Changes,
        but: &Fields,
    ) -> Result<(), Failure> {
        let mut written = written(changes);
        written.subtract(but);
        let mut entries: Vec<&Entry> = self.0.iter().filter(|entry| entry.who != *who).collect();
        entries.sort_by(|a, b| a.who.manager.cmp(&b.who.manager));
        let mut conflicts = Vec::new();
        for entry in entries {
            let paths = entry.fields.intersection(&written).paths();
            let shown = entry.who.shown();
            conflicts.extend(paths.into_iter().map(|path| (shown.clone(), path)));
        }
        let message = match &conflicts[..] {
            [] => return Ok(()),
            [(who, path)] => format!("Apply failed with 1 conflict: conflict with {who}: {path}"),
            many => {
                let mut lines = Vec::new();
                let mut last = "";
                for (who, path) in many {
                    if who != last {
                        lines.push(format!("conflicts with {who}:"));
                        last = who;
                    }
                    lines.push(format!("- {path}"));
                }
                let count = many.len();
                format!("Apply failed with {count} conflicts: {}", lines.join("\n"))
            }
        };
        let conflicts: Vec<(String, String)> = conflicts
            .into_iter()
            .map(|(who, path)| (format!("conflict with {who}"), path))
            .collect();
        Err(Failure::apply_conflict(message, &conflicts))
    }
}
