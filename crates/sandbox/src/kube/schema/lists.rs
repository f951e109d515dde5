//! Lists that may hold nothing twice: sets, and maps by keys.

use serde_json::{Map, Value};

use super::compile::fields;
use super::{Cause, ListType, Schema, join};

pub(super) fn check(
    schema: &Schema,
    new: &Value,
    old: Option<&Value>,
    path: &str,
    causes: &mut Vec<Cause>,
) {
    if old == Some(new) {
        return;
    }
    for (key, field) in fields(new) {
        if let Some(below) = schema.child(key) {
            check(
                below,
                field,
                schema.old_field(key, old),
                &join(path, key),
                causes,
            );
        }
    }
    let Some(items) = new.as_array() else { return };
    match &schema.list_type {
        ListType::Atomic => {}
        ListType::Set => repeated(items.iter().cloned(), path, causes),
        ListType::Map(keys) => repeated(items.iter().map(|item| key_of(item, keys)), path, causes),
    }
    let Some(below) = &schema.items else { return };
    for (index, item) in items.iter().enumerate() {
        let old = schema.old_item(item, old);
        check(below, item, old, &format!("{path}[{index}]"), causes);
    }
}

fn key_of(item: &Value, keys: &[String]) -> Value {
    let present = |key: &String| Some((key.clone(), item.get(key)?.clone()));
    Value::Object(keys.iter().filter_map(present).collect::<Map<_, _>>())
}

/// Each value that stands twice is named once, at its second place.
fn repeated(items: impl Iterator<Item = Value>, path: &str, causes: &mut Vec<Cause>) {
    let mut seen: Vec<(Value, usize)> = Vec::new();
    for (index, item) in items.enumerate() {
        match seen.iter_mut().find(|(known, _)| *known == item) {
            None => seen.push((item, 1)),
            Some((_, count)) => {
                *count += 1;
                if *count == 2 {
                    causes.push(Cause::duplicate(&format!("{path}[{index}]"), &item));
                }
            }
        }
    }
}
