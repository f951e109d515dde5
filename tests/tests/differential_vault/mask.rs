//! Ids, times, accessors and random names are different every time, and masked.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Numbers that are a time.
const TIMES: [&str; 6] = [
    "server_time_utc",
    "creation_time",
    "last_renewal_time",
    "echo_duration_ms",
    "term",
    "last_wal",
];
/// Texts that are nothing but random.
const SECRETS: [&str; 4] = ["secret_key", "session_token", "security_token", "nonce"];

/// An answer without what is different every time.
pub(crate) fn masked(value: &Value, kept: &BTreeMap<String, String>) -> Value {
    let mut known: Vec<_> = kept.iter().filter(|(_, value)| value.len() > 12).collect();
    // A lease's id contains its role's name, and may contain another value.
    known.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
    Mask { known }.value(value, "")
}

struct Mask<'a> {
    known: Vec<(&'a String, &'a String)>,
}

impl Mask<'_> {
    fn value(&self, value: &Value, key: &str) -> Value {
        match value {
            Value::String(text) if SECRETS.contains(&key) && !text.is_empty() => {
                Value::from("<secret>")
            }
            Value::String(text) => Value::from(self.text(text)),
            Value::Number(_) if TIMES.contains(&key) => Value::from("<time>"),
            Value::Array(all) => self.array(all, key),
            Value::Object(all) => {
                let mask =
                    |(key, value): (&String, &Value)| (self.text(key), self.value(value, key));
                Value::Object(all.iter().map(mask).collect::<Map<_, _>>())
            }
            other => other.clone(),
        }
    }

    /// Vault sorts by the random part too.
    fn array(&self, all: &[Value], key: &str) -> Value {
        let mut masked: Vec<_> = all.iter().map(|value| self.value(value, key)).collect();
        if masked != all && masked.iter().all(Value::is_string) {
            masked.sort_by_key(ToString::to_string);
        }
        Value::Array(masked)
    }

    fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in &self.known {
            text = text.replace(value.as_str(), &format!("<{name}>"));
        }
        words(&text)
    }
}

/// Masks word by word.
fn words(text: &str) -> String {
    let mut masked = String::new();
    let mut rest = text;
    let mut at_start = true;
    while let Some(first) = rest.chars().next() {
        let found = at_start.then(|| unit(rest)).flatten();
        let (len, mask) = found.unwrap_or_else(|| (first.len_utf8(), ""));
        let (taken, more) = rest.split_at(len);
        masked.push_str(if mask.is_empty() { taken } else { mask });
        at_start = !mask.is_empty() || !first.is_ascii_alphanumeric();
        rest = more;
    }
    masked
}

/// What the text begins with, if that is of a kind that is masked.
fn unit(text: &str) -> Option<(usize, &'static str)> {
    let run = |is: fn(u8) -> bool| text.bytes().take_while(|byte| is(*byte)).count();
    let word = run(|byte| byte.is_ascii_alphanumeric());
    let hex = run(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if let Some(len) = time(text) {
        return Some((len, "<time>"));
    }
    if is_uuid(text) {
        return Some((36, "<uuid>"));
    }
    if ["hvs.", "hvb."]
        .iter()
        .any(|prefix| text.starts_with(prefix))
    {
        let len = 4 + text.as_bytes()[4..]
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
            .count();
        return (len > 20).then_some((
            len,
            if &text[..4] == "hvs." {
                "<hvs>"
            } else {
                "<hvb>"
            },
        ));
    }
    if hex == 8 && word == 8 {
        return Some((8, "<accessor>"));
    }
    if hex == 40 && word == 40 {
        return Some((40, "<sha1>"));
    }
    if word == 65 && text.starts_with('h') {
        return Some((65, "<salted>"));
    }
    if word == 20 {
        let kinds = [
            ("AKIA", "<AKIA>"),
            ("ASIA", "<ASIA>"),
            ("AIDA", "<AIDA>"),
            ("AROA", "<AROA>"),
        ];
        let kind = kinds
            .into_iter()
            .find(|(prefix, _)| text.starts_with(prefix))?;
        return Some((20, kind.1));
    }
    if word == 24 && has_digit_or_both_cases(&text[..24]) {
        return Some((24, "<id>"));
    }
    let seconds = run(|byte| byte.is_ascii_digit());
    if seconds == 10 && text.starts_with("17") | text.starts_with("18") {
        // A user's name: seconds, then random letters.
        let random = text[10..].strip_prefix('-').map_or(0, |rest| {
            1 + rest.bytes().take_while(u8::is_ascii_alphanumeric).count()
        });
        return Some((10 + random, "<seconds>"));
    }
    None
}

fn has_digit_or_both_cases(word: &str) -> bool {
    let has = |is: fn(&u8) -> bool| word.bytes().any(|byte| is(&byte));
    has(u8::is_ascii_digit) || (has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase))
}

fn is_uuid(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 36
        && bytes[..36].iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The length of a time as in RFC 3339.
fn time(text: &str) -> Option<usize> {
    let shape = "0000-00-00T00:00:00";
    let bytes = text.as_bytes();
    if bytes.len() <= shape.len() {
        return None;
    }
    let is_like = shape.bytes().zip(bytes).all(|(like, byte)| match like {
        b'0' => byte.is_ascii_digit(),
        like => like == *byte,
    });
    if !is_like {
        return None;
    }
    let rest = &text[shape.len()..];
    let fraction = rest
        .bytes()
        .take_while(|byte| *byte == b'.' || byte.is_ascii_digit())
        .count();
    let zone = match rest.as_bytes().get(fraction)? {
        b'Z' => 1,
        b'+' | b'-' => 6,
        _ => return None,
    };
    Some(shape.len() + fraction + zone)
}

#[test]
fn what_is_different_every_time_is_masked_and_nothing_else() {
    for (text, expected) in [
        ("2026-11-22T06:18:33.749148585Z", "<time>"),
        ("aws/creds/r/7DKL0sD5MvvJLWlCHQzNraOO", "aws/creds/r/<id>"),
        ("aws_0123abcd", "aws_<accessor>"),
        ("no handler for route \"x\"", "no handler for route \"x\""),
        ("vault-token-r-1795353663-Ab3", "vault-token-r-<seconds>"),
        ("user AKIA0123456789ABCDEF", "user <AKIA>"),
        ("2764800", "2764800"),
        ("permissions_boundary_arn", "permissions_boundary_arn"),
    ] {
        assert_eq!(words(text), expected);
    }
}
