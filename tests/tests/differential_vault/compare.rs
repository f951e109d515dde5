//! Where two answers differ.

use e2e::differential;
use serde_json::Value;

/// An answer, as far as it is compared.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// By name; sorted.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

/// One place where they differ.
#[derive(Debug)]
pub(crate) struct Unlike {
    /// `status`, a header's name, or a pointer into the body.
    pub(crate) at: String,
    pub(crate) real: String,
    pub(crate) sandbox: String,
}

/// What remains of a time to live when it is asked for: later on a slow machine.
const REMAINING: [&str; 2] = ["ttl", "lease_duration"];
/// As many seconds as one server may be slower than the other.
const SLOWER: i64 = 20;

/// Everything in which the sandbox's answer is not the real one.
pub(crate) fn unlike(real: &Answer, sandbox: &Answer) -> Vec<Unlike> {
    let mut all = Vec::new();
    if real.status != sandbox.status {
        all.push(Unlike {
            at: "status".to_owned(),
            real: format!("{} {}", real.status, real.body),
            sandbox: format!("{} {}", sandbox.status, sandbox.body),
        });
        // Whatever else differs, differs for that reason.
        return all;
    }
    if real.headers != sandbox.headers {
        all.push(Unlike {
            at: "headers".to_owned(),
            real: format!("{:?}", real.headers),
            sandbox: format!("{:?}", sandbox.headers),
        });
    }
    let in_body = differential::differences_but("", &real.body, &sandbox.body, are_alike);
    all.extend(in_body.into_iter().map(|found| Unlike {
        at: found.place,
        real: shown(found.real),
        sandbox: shown(found.sandbox),
    }));
    all
}

/// Whether values differ only by when they were asked for.
fn are_alike(key: &str, real: &Value, sandbox: &Value) -> bool {
    match (real, sandbox) {
        (Value::Number(left), Value::Number(right)) if REMAINING.contains(&key) => {
            let seconds = |number: &serde_json::Number| number.as_i64().unwrap_or_default();
            let (left, right) = (seconds(left), seconds(right));
            left > SLOWER && right > SLOWER && (left - right).abs() <= SLOWER
        }
        (Value::String(left), Value::String(right)) => {
            is_later(left, right) || without_ttl(left) == without_ttl(right)
        }
        _ => false,
    }
}

/// Whether two warnings of a lifetime that was cut differ by how late that was alone.
fn is_later(left: &str, right: &str) -> bool {
    const CUT: &str = "exceeded the effective max_ttl of";
    let (left, right): (Vec<_>, Vec<_>) = (left.split('"').collect(), right.split('"').collect());
    let is_close = |(left, right): (&&str, &&str)| {
        let seconds = (seconds(left), seconds(right));
        left == right || matches!(seconds, (Some(a), Some(b)) if (a - b).abs() <= SLOWER)
    };
    left.iter().any(|part| part.contains(CUT))
        && left.len() == right.len()
        && std::iter::zip(&left, &right).all(is_close)
}

/// An answer within an answer, without what remains of a time to live.
fn without_ttl(text: &str) -> String {
    let mut parts = text.split("\"ttl\":");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + "\"ttl\":" + part.trim_start_matches(|char: char| char.is_ascii_digit())
    })
}

/// The seconds in a duration as Go writes it: `1h59m59s`.
fn seconds(text: &str) -> Option<i64> {
    let parts = text.split_inclusive(['h', 'm', 's']);
    let parts = parts.map(|part| {
        let (number, unit) = part.split_at(part.len() - 1);
        let unit = match unit {
            "h" => 3600,
            "m" => 60,
            "s" => 1,
            _ => return None,
        };
        Some(number.parse::<i64>().ok()? * unit)
    });
    parts.sum()
}

#[test]
fn a_lifetime_that_was_cut_later_is_the_same() {
    let cut = |to: &str| format!("TTL of \"20h\" exceeded the effective max_ttl of \"{to}\"; so");
    for (left, right, expected) in [
        ("2h", "1h59m59s", true),
        ("2h", "2h", true),
        ("2h", "1h", false),
        ("2h", "x", false),
    ] {
        assert_eq!(
            is_later(&cut(left), &cut(right)),
            expected,
            "{left} {right}"
        );
    }
    assert!(!is_later("\"2h\"", "\"1h59m59s\""));
}

fn shown(value: Option<Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| value.to_string())
}
