//! What the tests share that hold the sandbox against the real servers: where two answers
//! differ, which differences are meant, and mistakes planted on purpose.

pub mod lies;

use std::fmt;

use anyhow::{Result, ensure};
use serde_json::Value;

/// As many as may be meant.
pub const MOST: usize = 15;

/// One place where the sandbox's answer is not the real one.
#[derive(Debug, Clone)]
pub struct Difference {
    /// FILE: CASE.
    pub case: String,
    /// A JSON pointer into the answer.
    pub place: String,
    /// What the real server says there, if anything.
    pub real: Option<Value>,
    /// What the sandbox says.
    pub sandbox: Option<Value>,
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
pub fn differences(case: &str, real: &Value, sandbox: &Value) -> Vec<Difference> {
    differences_but(case, real, sandbox, |_, _, _| false)
}

/// The same, but for values that count as alike under the key at which they are.
pub fn differences_but(
    case: &str,
    real: &Value,
    sandbox: &Value,
    are_alike: fn(&str, &Value, &Value) -> bool,
) -> Vec<Difference> {
    let mut walk = Walk {
        case,
        are_alike,
        found: Vec::new(),
    };
    walk.at(String::new(), "", Some(real), Some(sandbox));
    walk.found
}

struct Walk<'a> {
    case: &'a str,
    are_alike: fn(&str, &Value, &Value) -> bool,
    found: Vec<Difference>,
}

impl Walk<'_> {
    fn at(&mut self, place: String, key: &str, real: Option<&Value>, sandbox: Option<&Value>) {
        match (real, sandbox) {
            (a, b) if a == b => {}
            (Some(Value::Object(a)), Some(Value::Object(b))) => {
                let only_there = b.keys().filter(|key| !a.contains_key(*key));
                for key in a.keys().chain(only_there) {
                    let escaped = key.replace('~', "~0").replace('/', "~1");
                    self.at(format!("{place}/{escaped}"), key, a.get(key), b.get(key));
                }
            }
            (Some(Value::Array(a)), Some(Value::Array(b))) if a.len() == b.len() => {
                for (index, (a, b)) in a.iter().zip(b).enumerate() {
                    self.at(format!("{place}/{index}"), key, Some(a), Some(b));
                }
            }
            (Some(a), Some(b)) if (self.are_alike)(key, a, b) => {}
            (a, b) => self.found.push(Difference {
                case: self.case.to_owned(),
                place,
                real: a.cloned(),
                sandbox: b.cloned(),
            }),
        }
    }
}

/// Differences that are meant, for one reason.
#[derive(Debug)]
pub struct Listed {
    /// Why they stay.
    pub reason: &'static str,
    /// What the names of the cases begin with, and the places in their answers, whatever is below
    /// them included.
    pub at: &'static [(&'static str, &'static str)],
}

impl Listed {
    /// Panics if there are too many, or one without a reason.
    pub fn check(all: &[Self]) {
        assert!(all.len() <= MOST);
        for listed in all {
            assert!(!listed.reason.is_empty() && !listed.at.is_empty());
        }
    }
}

/// What is wrong with what was found: first what is not listed, then what is and is not there.
pub fn complaints(found: &[Difference], listed: &[Listed]) -> Vec<String> {
    let places = || listed.iter().flat_map(|listed| listed.at.iter().copied());
    let is_there = |place| found.iter().any(|found| covers(place, found));
    let lies = found.iter().filter(|found| !is_listed(found, listed));
    let gone = places().filter(|place| !is_there(*place));
    let gone = gone.map(|(case, place)| format!("{case} at {place}: listed, and no longer there"));
    lies.map(ToString::to_string).chain(gone).collect()
}

/// An error if there is anything to complain about.
pub fn judge(complaints: &[String]) -> Result<()> {
    let (count, all) = (complaints.len(), complaints.join("\n"));
    ensure!(count == 0, "{count} lies:\n{all}");
    Ok(())
}

/// Whether a difference is meant.
pub fn is_listed(found: &Difference, listed: &[Listed]) -> bool {
    let mut places = listed.iter().flat_map(|listed| listed.at);
    places.any(|place| covers(*place, found))
}

fn covers((case, place): (&str, &str), found: &Difference) -> bool {
    let below = found.place.strip_prefix(place);
    found.case.starts_with(case)
        && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
