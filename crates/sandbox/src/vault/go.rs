//! What Vault's answers owe to Go: how it reads and writes durations, quotes
//! strings and prints lists of errors.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// Reads a duration as Vault's fields have it: seconds, or Go's units, or days.
pub(super) fn parse_duration(text: &str) -> Result<SignedDuration, String> {
    if text.is_empty() {
        return Ok(SignedDuration::ZERO);
    }
    if let Ok(seconds) = text.parse::<i64>() {
        return Ok(SignedDuration::from_secs(seconds));
    }
    if let Some(days) = text.strip_suffix('d') {
        let days: i64 = days.parse().map_err(|_| parse_int(days))?;
        return Ok(SignedDuration::from_secs(days.saturating_mul(86_400)));
    }
    parse_units(text)
}

/// The words of Go's `strconv.ParseInt`.
pub(super) fn parse_int(text: &str) -> String {
    format!("strconv.ParseInt: parsing {}: invalid syntax", quote(text))
}

fn parse_units(text: &str) -> Result<SignedDuration, String> {
    let invalid = || format!("time: invalid duration {}", quote(text));
    let (is_negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut nanos: i128 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
        let Some(at) = digits else {
            let is_number = rest.bytes().any(|byte| byte.is_ascii_digit());
            return Err(if is_number {
                format!("time: missing unit in duration {}", quote(text))
            } else {
                invalid()
            });
        };
        let number: f64 = rest[..at].parse().map_err(|_| invalid())?;
        let unit_end = rest[at..].find(|c: char| c.is_ascii_digit() || c == '.');
        let unit = &rest[at..unit_end.map_or(rest.len(), |end| at + end)];
        let scale = match unit {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 6e10,
            "h" => 3.6e12,
            _ => {
                let unit = quote(unit);
                return Err(format!(
                    "time: unknown unit {unit} in duration {}",
                    quote(text)
                ));
            }
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "saturates, which is what it should"
        )]
        let part = (number * scale).round() as i128;
        nanos = nanos.saturating_add(part);
        rest = &rest[at + unit.len()..];
    }
    let nanos = if is_negative { -nanos } else { nanos };
    if nanos.unsigned_abs() > u128::from(u64::MAX / 2) {
        return Err(invalid());
    }
    Ok(SignedDuration::from_nanos_i128(nanos))
}

/// `1h30m0s`, as Go prints a duration.
pub(super) fn duration(of: SignedDuration) -> String {
    let nanos = of.as_nanos();
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    if nanos == 0 {
        return "0s".to_owned();
    }
    if nanos < 1_000_000_000 {
        let (unit, scale) = match nanos {
            0..1_000 => ("ns", 1),
            1_000..1_000_000 => ("µs", 1_000),
            _ => ("ms", 1_000_000),
        };
        return format!("{sign}{}{unit}", decimal(nanos, scale));
    }
    let seconds = nanos / 1_000_000_000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let rest = decimal(
        nanos - (hours * 3600 + minutes * 60) * 1_000_000_000,
        1_000_000_000,
    );
    match (hours, minutes) {
        (0, 0) => format!("{sign}{rest}s"),
        (0, _) => format!("{sign}{minutes}m{rest}s"),
        _ => format!("{sign}{hours}h{minutes}m{rest}s"),
    }
}

fn decimal(nanos: u128, scale: u128) -> String {
    let (whole, part) = (nanos / scale, nanos % scale);
    if part == 0 {
        return whole.to_string();
    }
    let width = scale.ilog10() as usize;
    let digits = format!("{part:0width$}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

/// `1h30m`: without the zeros at its end.
pub(super) fn short_duration(of: SignedDuration) -> String {
    let text = duration(of);
    let text = match text.strip_suffix("m0s") {
        Some(_) => text[..text.len() - 2].to_owned(),
        None => text,
    };
    match text.find("h0m") {
        Some(at) if at > 0 => format!("{}{}", &text[..=at], &text[at + 3..]),
        _ => text,
    }
}

/// Go's `%q` of a string.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for char in text.chars() {
        match char {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{b}' => quoted.push_str("\\v"),
            '\u{c}' => quoted.push_str("\\f"),
            char if char.is_control() && u32::from(char) < 0x80 => {
                let _ = write!(quoted, "\\x{:02x}", u32::from(char));
            }
            char if char.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(char));
            }
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

/// Go's `%q` of a list of strings.
pub(super) fn quote_list(list: &[String]) -> String {
    let quoted: Vec<String> = list.iter().map(|text| quote(text)).collect();
    format!("[{}]", quoted.join(" "))
}

/// Go's `%v` of what JSON gave it.
pub(super) fn print(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) => {
            let list: Vec<String> = list.iter().map(print).collect();
            format!("[{}]", list.join(" "))
        }
        Value::Object(map) => {
            let map: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{key}:{}", print(value)))
                .collect();
            format!("map[{}]", map.join(" "))
        }
        other => other.to_string(),
    }
}

/// How Go calls the type of what JSON gave it.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "nil",
        Value::Bool(_) => "bool",
        Value::Number(_) => "json.Number",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// How Vault prints several errors, and even one.
pub(super) fn multierror(errors: &[impl AsRef<str>]) -> String {
    let mut text = match errors.len() {
        1 => "1 error occurred:\n".to_owned(),
        count => format!("{count} errors occurred:\n"),
    };
    for error in errors {
        let _ = writeln!(text, "\t* {}", error.as_ref());
    }
    text.push('\n');
    text
}

/// A time as Go writes it into JSON, to the nanosecond where it has them.
pub(super) fn time(time: Timestamp) -> String {
    time.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_as_go_has_them() {
        let cases = [
            ("30m", "30m0s", "30m"),
            ("90", "1m30s", "1m30s"),
            ("3601.5s", "1h0m1.5s", "1h1.5s"),
            ("1d", "24h0m0s", "24h"),
            ("-1h", "-1h0m0s", "-1h"),
            ("1h30m", "1h30m0s", "1h30m"),
            ("1500ms", "1.5s", "1.5s"),
            ("20ms", "20ms", "20ms"),
            ("", "0s", "0s"),
        ];
        for (text, whole, short) in cases {
            let parsed = parse_duration(text).unwrap();
            assert_eq!(duration(parsed), whole, "{text}");
            assert_eq!(short_duration(parsed), short, "{text}");
        }
    }

    #[test]
    fn a_bad_duration_is_refused_in_gos_words() {
        let cases = [
            ("x", "time: invalid duration \"x\""),
            ("1.", "time: missing unit in duration \"1.\""),
            ("1h5", "time: missing unit in duration \"1h5\""),
            ("5y", "time: unknown unit \"y\" in duration \"5y\""),
            ("xd", "strconv.ParseInt: parsing \"x\": invalid syntax"),
        ];
        for (text, words) in cases {
            assert_eq!(parse_duration(text).unwrap_err(), words);
        }
    }

    #[test]
    fn strings_are_quoted_as_go_quotes_them() {
        assert_eq!(quote("a\"\\\n\t\u{1}é"), r#""a\"\\\n\t\x01é""#);
        assert_eq!(
            multierror(&["a", "b"]),
            "2 errors occurred:\n\t* a\n\t* b\n\n"
        );
    }
}
