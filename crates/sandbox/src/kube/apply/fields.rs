//! Sets of fields, as `managedFields` has them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::super::schema::{ListType, Schema};

/// Lists by key whose items are each one value.
const ATOMIC_ITEMS: &[&str] = &["imagePullSecrets", "ownerReferences", "secrets"];

/// A tree of path elements, each written as in `fieldsV1`: `f:spec`, `k:{"name":"a"}`, `v:"x"`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct Fields {
    /// Whether the path up to here is itself in the set.
    pub(super) is_member: bool,
    pub(super) children: BTreeMap<String, Self>,
}

impl Fields {
    fn leaf() -> Self {
        Self {
            is_member: true,
            ..Self::default()
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.is_member && self.children.is_empty()
    }

    fn add(&mut self, key: String, child: Self) {
        if !child.is_empty() {
            self.children.insert(key, child);
        }
    }

    /// Takes one field out, with all that is under it.
    pub(super) fn forget(&mut self, path: &[&str]) {
        let Some((first, rest)) = path.split_first() else {
            return;
        };
        if rest.is_empty() {
            self.children.remove(*first);
        } else if let Some(child) = self.children.get_mut(*first) {
            child.forget(rest);
            if child.is_empty() {
                self.children.remove(*first);
            }
        }
    }

    /// Leaves one field of the top, with all that is under it, or all but that.
    pub(super) fn keep(&mut self, key: &str, is_kept: bool) {
        self.children.retain(|known, _| (known == key) == is_kept);
    }

    /// What a configuration says something about.
    pub(super) fn of(value: &Value, schema: Option<&Schema>, is_custom: bool) -> Self {
        match value {
            Value::Object(map) if !is_atomic_map(schema) => Self::of_map(map, schema, is_custom),
            Value::Array(list) => match list_type(schema) {
                ListType::Atomic => Self::leaf(),
                kind => Self::of_list(list, &kind, schema, is_custom),
            },
            _ => Self::leaf(),
        }
    }

    fn of_map(map: &Map<String, Value>, schema: Option<&Schema>, is_custom: bool) -> Self {
        let mut set = Self::default();
        for (key, value) in map {
            let inner = child(schema, key);
            let mut child = Self::of(value, inner, is_custom);
            let is_empty = value.as_object().is_some_and(Map::is_empty);
            // Keys that the schema does not name are members of their own. All of the built-in
            // kinds' are named, though their schemas here only say how they are merged.
            child.is_member |= is_empty || (is_custom && inner.is_none() && key != "metadata");
            if ATOMIC_ITEMS.contains(&key.as_str()) {
                for item in child.children.values_mut() {
                    item.children.clear();
                }
            }
            set.add(format!("f:{key}"), child);
        }
        set
    }

    fn of_list(list: &[Value], kind: &ListType, schema: Option<&Schema>, is_custom: bool) -> Self {
        let mut set = Self::default();
        for item in list {
            let mut child = match kind {
                ListType::Map(_) => Self::of(item, schema.and_then(Schema::items), is_custom),
                _ => Self::default(),
            };
            child.is_member = true;
            set.add(element(kind, item), child);
        }
        set
    }

    pub(super) fn union(&mut self, other: &Self) {
        self.is_member |= other.is_member;
        for (key, child) in &other.children {
            match self.children.get_mut(key) {
                Some(known) => known.union(child),
                None => {
                    self.children.insert(key.clone(), child.clone());
                }
            }
        }
    }

    /// Takes the members of the other set out; what is under them stays.
    pub(super) fn subtract(&mut self, other: &Self) {
        self.is_member &= !other.is_member;
        for (key, child) in &other.children {
            if let Some(known) = self.children.get_mut(key) {
                known.subtract(child);
                if known.is_empty() {
                    self.children.remove(key);
                }
            }
        }
    }

    pub(super) fn intersection(&self, other: &Self) -> Self {
        let mut set = Self {
            is_member: self.is_member && other.is_member,
            ..Self::default()
        };
        for (key, child) in &self.children {
            if let Some(theirs) = other.children.get(key) {
                set.add(key.clone(), child.intersection(theirs));
            }
        }
        set
    }

    /// The paths of all members, as errors have them: `.spec.ports[name="a"].port`.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect_paths("", &mut paths);
        paths
    }

    fn collect_paths(&self, prefix: &str, paths: &mut Vec<String>) {
        // First what is in the set itself, then what is deeper: so the real server lists them.
        let members = self.children.iter().filter(|(_, child)| child.is_member);
        paths.extend(members.map(|(key, _)| format!("{prefix}{}", shown(key))));
        for (key, child) in &self.children {
            child.collect_paths(&format!("{prefix}{}", shown(key)), paths);
        }
    }

    pub(super) fn from_json(json: &Value) -> Self {
        let map = json.as_object();
        let children: BTreeMap<String, Self> = map
            .into_iter()
            .flatten()
            .filter(|(key, _)| *key != ".")
            .map(|(key, child)| (key.clone(), Self::from_json(child)))
            .collect();
        // A set of nothing and a lone member are written alike; the latter is meant.
        let is_member = children.is_empty() || json.get(".").is_some();
        Self {
            is_member,
            children,
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let mut map = Map::new();
        if self.is_member && !self.children.is_empty() {
            map.insert(".".to_owned(), Value::Object(Map::new()));
        }
        for (key, child) in &self.children {
            map.insert(key.clone(), child.to_json());
        }
        Value::Object(map)
    }
}

/// A path element as it is shown.
pub(super) fn shown(element: &str) -> String {
    match element.split_at_checked(2) {
        Some(("f:", name)) => format!(".{name}"),
        Some(("v:", value)) => format!("[={value}]"),
        Some(("k:", keys)) => {
            let keys: Value = serde_json::from_str(keys).unwrap_or_default();
            let mut text = String::from("[");
            for (key, value) in keys.as_object().into_iter().flatten() {
                let comma = if text.len() > 1 { "," } else { "" };
                let _ = write!(text, "{comma}{key}={value}");
            }
            text + "]"
        }
        _ => element.to_owned(),
    }
}

/// The schema of a field. The schemas of custom resources leave out what all metadata is.
pub(super) fn child<'a>(schema: Option<&'a Schema>, key: &str) -> Option<&'a Schema> {
    let found = schema?.child(key);
    let knows_metadata = found.is_some_and(|meta| meta.child("finalizers").is_some());
    if key == "metadata" && !knows_metadata {
        return Schema::builtin("", "ConfigMap").and_then(|schema| schema.child("metadata"));
    }
    found
}

/// How a list is merged; where nothing is known, as one value.
pub(super) fn list_type(schema: Option<&Schema>) -> ListType {
    schema.map_or(ListType::Atomic, Schema::list_type)
}

pub(super) fn is_atomic_map(schema: Option<&Schema>) -> bool {
    schema.is_some_and(Schema::is_atomic_map)
}

/// What tells an item of a list from the others.
pub(super) fn element(kind: &ListType, item: &Value) -> String {
    let ListType::Map(keys) = kind else {
        return format!("v:{item}");
    };
    let mut found = Map::new();
    for key in keys {
        if let Some(value) = item.get(key) {
            found.insert(key.clone(), value.clone());
        }
    }
    format!("k:{}", Value::Object(found))
}

/// What differs between two states of an object.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) added: Fields,
    pub(super) removed: Fields,
    pub(super) modified: Fields,
}

impl Changes {
    pub(super) fn between(old: &Value, new: &Value, schema: Option<&Schema>) -> Self {
        Self::compare(Some(old), Some(new), schema)
    }

    fn compare(old: Option<&Value>, new: Option<&Value>, schema: Option<&Schema>) -> Self {
        let mut changes = Self::default();
        match (old, new) {
            (None, Some(_)) => changes.added.is_member = true,
            (Some(_), None) => changes.removed.is_member = true,
            _ => {}
        }
        if old == new {
            return changes;
        }
        let any = old.into_iter().chain(new);
        let all = |is: fn(&Value) -> bool| any.clone().all(|value| is(value) || value.is_null());
        if all(Value::is_object) && !is_atomic_map(schema) && any.clone().any(|one| !is_bare(one)) {
            changes.compare_maps(old, new, schema);
        } else if all(Value::is_array) && list_type(schema) != ListType::Atomic {
            changes.compare_lists(old, new, schema);
        } else if let (Some(_), Some(_)) = (old, new) {
            changes.modified.is_member = true;
        }
        changes
    }

    fn compare_maps(&mut self, old: Option<&Value>, new: Option<&Value>, schema: Option<&Schema>) {
        let old = old.and_then(Value::as_object);
        let new = new.and_then(Value::as_object);
        let missing = |key: &String| old.is_none_or(|old| !old.contains_key(key));
        let keys = old.into_iter().flat_map(Map::keys);
        let keys = keys.chain(
            new.into_iter()
                .flat_map(Map::keys)
                .filter(|key| missing(key)),
        );
        for key in keys {
            let before = old.and_then(|old| old.get(key));
            let after = new.and_then(|new| new.get(key));
            if before == after {
                continue;
            }
            let inner = child(schema, key);
            let mut change = Self::compare(before, after, inner);
            if ATOMIC_ITEMS.contains(&key.as_str()) {
                change.flatten_items();
            }
            self.take(format!("f:{key}"), change);
        }
    }

    fn compare_lists(&mut self, old: Option<&Value>, new: Option<&Value>, schema: Option<&Schema>) {
        let kind = list_type(schema);
        let inner = schema.and_then(Schema::items);
        let items = |list: Option<&'_ Value>| -> BTreeMap<String, Value> {
            let items = list.and_then(Value::as_array).into_iter().flatten();
            items
                .map(|item| (element(&kind, item), item.clone()))
                .collect()
        };
        let (old, new) = (items(old), items(new));
        let added = new.keys().filter(|key| !old.contains_key(*key));
        for key in old.keys().chain(added) {
            let inner = if matches!(kind, ListType::Map(_)) {
                inner
            } else {
                None
            };
            self.take(
                key.clone(),
                Self::compare(old.get(key), new.get(key), inner),
            );
        }
    }

    /// Takes what changed inside of the items of a list for a change of the items.
    fn flatten_items(&mut self) {
        for set in [&mut self.added, &mut self.removed, &mut self.modified] {
            for item in set.children.values_mut() {
                item.is_member |= !item.children.is_empty();
                item.children.clear();
            }
        }
    }

    fn take(&mut self, key: String, inner: Self) {
        self.added.add(key.clone(), inner.added);
        self.removed.add(key.clone(), inner.removed);
        self.modified.add(key, inner.modified);
    }
}

/// `null` and `{}` count as values of their own, not as maps.
fn is_bare(value: &Value) -> bool {
    value.as_object().is_none_or(Map::is_empty)
}
