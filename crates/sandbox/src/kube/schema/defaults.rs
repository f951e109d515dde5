//! Defaults.

use serde_json::Value;

use super::{Additional, Schema};

pub(super) fn apply(schema: &Schema, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, below) in &schema.properties {
                let Some(default) = &below.default else {
                    continue;
                };
                let missing = fields
                    .get(key)
                    .is_none_or(|value| value.is_null() && !below.nullable);
                if missing {
                    fields.insert(key.clone(), default.clone());
                }
            }
            // A null that may not be is as good as nothing, or `kubectl apply` could never take a
            // field out.
            fields.retain(|key, value| {
                !value.is_null() || schema.child(key).is_none_or(|below| below.nullable)
            });
            for (key, value) in fields.iter_mut() {
                if let Some(below) = schema.child(key) {
                    apply(below, value);
                }
            }
        }
        Value::Array(items) => {
            let Some(below) = &schema.items else { return };
            for item in items {
                if item.is_null()
                    && !below.nullable
                    && let Some(default) = &below.default
                {
                    *item = default.clone();
                }
                apply(below, item);
            }
        }
        _ => {}
    }
}

impl Schema {
    /// Whether any key is taken, whatever its value.
    pub(super) fn takes_any_key(&self) -> bool {
        self.preserve_unknown || matches!(self.additional, Additional::Any)
    }
}
