//! Durations as Go writes them, since that is how Vault speaks of some: `1h0m0s`, `1m30s`, `1.5s`.

use std::fmt::Write as _;
use std::time::Duration;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// Reads what Go's `time.ParseDuration` reads; `None` for what it refuses, and for negative ones.
///
/// ```
/// use std::time::Duration;
/// use leasehold_vault_client::go_duration::parse;
///
/// assert_eq!(parse("1h0m0s"), Some(Duration::from_secs(3600)));
/// assert_eq!(parse("1h30m"), Some(Duration::from_secs(5400)));
/// assert_eq!(parse("0"), Some(Duration::ZERO));
/// assert_eq!(parse("90"), None); // Go wants a unit
/// assert_eq!(parse("1d"), None); // Go knows no days
/// ```
pub fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let end = after
            .find(|c: char| c == '.' || c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let unit = unit_nanos(unit)?;
        if !whole.is_empty() {
            let whole: u128 = whole.parse::<u64>().ok()?.into();
            nanos = nanos.checked_add(whole.checked_mul(unit)?)?;
        }
        // Digits beyond what a nanosecond of the largest unit can show are cut, as Go cuts them.
        let fraction = &fraction[..fraction.len().min(18)];
        if !fraction.is_empty() {
            let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
            nanos = nanos.checked_add(fraction.parse::<u128>().ok()? * unit / scale)?;
        }
        rest = after;
    }
    // Go keeps nanoseconds in an i64.
    if nanos > i64::MAX.unsigned_abs().into() {
        return None;
    }
    let seconds = u64::try_from(nanos / NANOS_PER_SECOND).ok()?;
    let below = u32::try_from(nanos % NANOS_PER_SECOND).ok()?;
    Some(Duration::new(seconds, below))
}

/// Writes what Go's `Duration.String` writes.
///
/// ```
/// use std::time::Duration;
/// use leasehold_vault_client::go_duration::format;
///
/// assert_eq!(format(Duration::from_secs(3600)), "1h0m0s");
/// assert_eq!(format(Duration::from_secs(90)), "1m30s");
/// assert_eq!(format(Duration::ZERO), "0s");
/// assert_eq!(format(Duration::from_millis(1500)), "1.5s");
/// ```
pub fn format(duration: Duration) -> String {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    if seconds == 0 {
        return match nanos {
            0 => "0s".to_owned(),
            1..1_000 => format!("{nanos}ns"),
            1_000..1_000_000 => fraction(u64::from(nanos / 1_000), nanos % 1_000, 3) + "µs",
            _ => fraction(u64::from(nanos / 1_000_000), nanos % 1_000_000, 6) + "ms",
        };
    }
    let mut text = String::new();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    // Writing to a String cannot fail.
    if hours > 0 {
        let _ = write!(text, "{hours}h");
    }
    if hours > 0 || minutes > 0 {
        let _ = write!(text, "{minutes}m");
    }
    text + &fraction(seconds % 60, nanos, 9) + "s"
}

fn fraction(whole: u64, below: u32, width: usize) -> String {
    if below == 0 {
        return whole.to_string();
    }
    let digits = format!("{below:0width$}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len()),
    )
}

fn unit_nanos(unit: &str) -> Option<u128> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => NANOS_PER_SECOND,
        "m" => 60 * NANOS_PER_SECOND,
        "h" => 3600 * NANOS_PER_SECOND,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{format, parse};
    use std::time::Duration;

    #[test]
    fn reads_what_go_reads() {
        for (text, nanos) in [
            ("0", 0),
            ("0s", 0),
            ("+5s", 5_000_000_000),
            ("5.s", 5_000_000_000),
            (".5s", 500_000_000),
            ("1.004s", 1_004_000_000),
            ("100.00100s", 100_001_000_000),
            ("10ns", 10),
            ("11us", 11_000),
            ("12µs", 12_000),
            ("12μs", 12_000),
            ("13ms", 13_000_000),
            ("3h30m", 12_600_000_000_000),
            ("10.5s4m", 250_500_000_000),
            ("39h9m14.425s", 140_954_425_000_000),
            ("768h0m0s", 2_764_800_000_000_000),
            ("9223372036854775807ns", 9_223_372_036_854_775_807),
            ("0.3333333333333333333h", 1_200_000_000_000 - 1),
        ] {
            assert_eq!(parse(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn refuses_what_go_refuses() {
        for text in [
            "",
            "3",
            "-",
            "s",
            ".",
            "-.",
            ".s",
            "+.s",
            "1d",
            "-5s",
            "1h 30m",
            "9223372036854775808ns",
            "99999999999999999999h",
            "3000000h",
            "１s",
            "1.2.3s",
            "++1s",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn writes_what_go_writes() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1µs"),
            (2_200_000, "2.2ms"),
            (3_300_000_000, "3.3s"),
            (245_000_000_000, "4m5s"),
            (245_001_000_000, "4m5.001s"),
            (18_367_001_000_000, "5h6m7.001s"),
            (480_000_000_001, "8m0.000000001s"),
            (2_764_800_000_000_000, "768h0m0s"),
        ] {
            assert_eq!(format(Duration::from_nanos(nanos)), text);
            assert_eq!(parse(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
    }
}
