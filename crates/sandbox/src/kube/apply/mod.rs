//! Server-side apply.

mod fields;
mod last_applied;
mod managers;
mod typed;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::errors::Failure;
use super::schema::{ListType, Schema};
use fields::{Changes, Fields, child, element, is_atomic_map, list_type};

pub(super) use managers::{Managers, Who};
pub(super) use typed::errors;

/// One application of a configuration.
#[derive(Debug)]
pub(super) struct Apply<'a> {
    pub(super) who: Who,
    pub(super) is_forced: bool,
    pub(super) schema: Option<&'a Schema>,
    /// Whether the resource has a subresource `status`, so that each endpoint has its half.
    pub(super) has_status: bool,
    pub(super) is_custom: bool,
    pub(super) now: Timestamp,
}

impl Apply<'_> {
    /// The object that comes of it, with its managers.
    pub(super) fn to(&self, live: &Value, config: &Value) -> Result<Value, Failure> {
        let mut managers = Managers::of(live);
        if managers.is_empty() && live["metadata"]["uid"].is_string() {
            // What was there before anybody kept count belongs to this one.
            let who = Who {
                is_update: true,
                manager: "before-first-apply".to_owned(),
                subresource: String::new(),
                ..self.who.clone()
            };
            let blank = json!({"metadata": {}});
            managers.updated(who, &blank, live, self.schema, None, self.now);
        }
        let mut applied = Fields::of(config, self.schema, self.is_custom);
        if self.has_status {
            applied.keep("f:status", !self.who.subresource.is_empty());
        }
        let last = managers.last(&self.who);
        let mut object = live.clone();
        merge(&mut object, &self.visible(config), self.schema);
        let owned = managers.all_with(&self.who, &applied);
        prune(&mut object, &last, &owned, self.schema, true);
        let changes = Changes::between(live, &object, self.schema);
        if !self.is_forced {
            managers.check_conflicts(&self.who, &changes, &self.known_to_kubectl(live))?;
        }
        managers.applied(self.who.clone(), applied, &changes, self.now);
        managers.write(&mut object);
        self.keep_annotation(&mut object, config);
        Ok(object)
    }

    /// What of a configuration its endpoint takes.
    fn visible(&self, config: &Value) -> Value {
        let mut config = config.clone();
        if let Some(map) = config.as_object_mut()
            && self.has_status
        {
            if self.who.subresource.is_empty() {
                map.remove("status");
            } else {
                map.retain(|key, _| key == "status");
            }
        }
        config
    }
}

/// Lays a configuration over an object.
fn merge(live: &mut Value, config: &Value, schema: Option<&Schema>) {
    match (live, config) {
        (Value::Object(live), Value::Object(config)) if !is_atomic_map(schema) => {
            for (key, value) in config {
                let inner = child(schema, key);
                merge(live.entry(key.clone()).or_insert(Value::Null), value, inner);
            }
        }
        (live @ Value::Array(_), Value::Array(config)) if list_type(schema) != ListType::Atomic => {
            let kind = list_type(schema);
            let items = live.as_array().map(Vec::as_slice).unwrap_or_default();
            *live = Value::Array(merge_lists(items, config, &kind, schema));
        }
        // To say null of what is merged is to say nothing of what is in it.
        (Value::Object(_), Value::Null) if !is_atomic_map(schema) => {}
        (Value::Array(_), Value::Null) if list_type(schema) != ListType::Atomic => {}
        (live, config) => *live = config.clone(),
    }
}

/// The items of both, each once: in the order of the configuration, the others where they were.
fn merge_lists(
    live: &[Value],
    config: &[Value],
    kind: &ListType,
    schema: Option<&Schema>,
) -> Vec<Value> {
    let inner = schema.and_then(Schema::items);
    let by_key: BTreeMap<String, &Value> = live
        .iter()
        .map(|item| (element(kind, item), item))
        .collect();
    let named: Vec<String> = config.iter().map(|item| element(kind, item)).collect();
    let mut merged = Vec::new();
    let mut rest = live
        .iter()
        .map(|item| (element(kind, item), item))
        .peekable();
    for (item, key) in config.iter().zip(&named) {
        while let Some((_, own)) = rest.next_if(|(key, _)| !named.contains(key)) {
            merged.push(own.clone());
        }
        let mut value = by_key
            .get(key)
            .map_or(Value::Null, |known| (*known).clone());
        merge(&mut value, item, inner);
        merged.push(value);
        rest.next_if(|(next, _)| next == key);
    }
    merged.extend(
        rest.filter(|(key, _)| !named.contains(key))
            .map(|(_, item)| item.clone()),
    );
    merged
}

/// Takes out what was applied before, is not now, and nobody else manages.
fn prune(value: &mut Value, last: &Fields, owned: &Fields, schema: Option<&Schema>, is_root: bool) {
    for (key, before) in &last.children {
        let now = owned.children.get(key);
        match value {
            Value::Object(map) => {
                let name = key.strip_prefix("f:").unwrap_or_default();
                let is_kept = now.is_some() || (is_root && name == "metadata");
                let inner = child(schema, name);
                prune_field(map, name, is_kept, before, now, inner);
            }
            Value::Array(items) => {
                let kind = list_type(schema);
                let inner = schema.and_then(Schema::items);
                let is_meant = |item: &Value| element(&kind, item) == *key;
                let Some(at) = items.iter().position(is_meant) else {
                    continue;
                };
                match now {
                    None => {
                        items.remove(at);
                    }
                    Some(now) => prune(&mut items[at], before, now, inner, false),
                }
            }
            _ => {}
        }
    }
}

fn prune_field(
    map: &mut Map<String, Value>,
    name: &str,
    is_kept: bool,
    before: &Fields,
    now: Option<&Fields>,
    schema: Option<&Schema>,
) {
    if !is_kept {
        map.remove(name);
        return;
    }
    let nothing = Fields::default();
    if let Some(value) = map.get_mut(name) {
        prune(value, before, now.unwrap_or(&nothing), schema, false);
    }
}

#[cfg(test)]
mod tests;
