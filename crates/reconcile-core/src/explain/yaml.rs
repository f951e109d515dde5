//! A status as people read it.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

/// As YAML, for reading: strings stand as they are.
pub fn render<T: Serialize>(status: &T) -> String {
    let mut text = "status:\n".to_owned();
    if let Ok(value) = serde_json::to_value(status) {
        write(&mut text, &value, 2);
    }
    text
}

fn write(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let _ = write!(text, "{:depth$}{name}:", "");
                nested(text, value, depth);
            }
        }
        Value::Array(items) => {
            for item in items {
                let mut inner = String::new();
                write(&mut inner, item, depth + 2);
                let _ = write!(text, "{:depth$}- {}", "", inner.trim_start());
            }
        }
        scalar => {
            let _ = writeln!(text, "{:depth$}{}", "", plain(scalar));
        }
    }
}

fn nested(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(_) | Value::Array(_) => {
            text.push('\n');
            write(text, value, depth + 2);
        }
        scalar => {
            let _ = writeln!(text, " {}", plain(scalar));
        }
    }
}

fn plain(scalar: &Value) -> String {
    scalar
        .as_str()
        .map_or_else(|| scalar.to_string(), ToOwned::to_owned)
}
