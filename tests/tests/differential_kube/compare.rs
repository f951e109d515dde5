//! Where two answers differ.

use std::fmt;

use serde_json::Value;

/// One place where the sandbox's answer is not the real one.
#[derive(Debug, Clone)]
pub(crate) struct Difference {
    /// FILE: CASE.
    pub(crate) case: String,
    /// A JSON pointer into the answer.
    pub(crate) place: String,
    real: Option<Value>,
    sandbox: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |value: &Option<Value>| match value {
            Some(value) => value.to_string(),
            None => "(nothing)".to_owned(),
        };
        writeln!(f, "{} at {}", self.case, self.place)?;
        writeln!(f, "    real:    {}", show(&self.real))?;
        write!(f, "    sandbox: {}", show(&self.sandbox))
    }
}

/// All places where the answers to a case differ.
pub(crate) fn differences(case: &str, real: &Value, sandbox: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    walk(case, String::new(), Some(real), Some(sandbox), &mut found);
    found
}

fn walk(
    case: &str,
    place: String,
    real: Option<&Value>,
    sandbox: Option<&Value>,
    found: &mut Vec<Difference>,
) {
    match (real, sandbox) {
        (a, b) if a == b => {}
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let only_there = b.keys().filter(|key| !a.contains_key(*key));
            for key in a.keys().chain(only_there) {
                let escaped = key.replace('~', "~0").replace('/', "~1");
                walk(
                    case,
                    format!("{place}/{escaped}"),
                    a.get(key),
                    b.get(key),
                    found,
                );
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                walk(case, format!("{place}/{index}"), Some(a), Some(b), found);
            }
        }
        (a, b) => found.push(Difference {
            case: case.to_owned(),
            place,
            real: a.cloned(),
            sandbox: b.cloned(),
        }),
    }
}
