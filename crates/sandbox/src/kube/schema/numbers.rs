//! Numbers: whole ones, their ranges, and when two are equal.

use serde_json::{Number, Value};

use super::cause::show;
use super::values::Checks;
use super::{Cause, Kind};

pub(super) fn check(
    kind: Option<Kind>,
    checks: &Checks,
    number: &Number,
    path: &str,
    causes: &mut Vec<Cause>,
) {
    if let Some(out) = out_of_format(kind, checks.format.as_deref(), number) {
        let detail = format!("Checked value must be of type {out} in {path}");
        causes.push(Cause::invalid_text("", "\"\"", &detail));
    }
    let value = number.as_f64().unwrap_or(f64::NAN);
    let mut say = |detail: &str, bound: &Number| {
        let shown = show(&bound.clone().into());
        let detail = format!("{path} in body should be {detail} {shown}");
        causes.push(Cause::invalid(path, &number.clone().into(), &detail));
    };
    if let Some(factor) = &checks.multiple_of
        && !is_multiple(value, factor.as_f64().unwrap_or(1.0))
    {
        say("a multiple of", factor);
    }
    if let Some(bound) = checks
        .maximum
        .as_ref()
        .filter(|bound| bound.is_passed(value, true))
    {
        let or_equal = ["less than or equal to", "less than"][usize::from(bound.exclusive)];
        say(or_equal, &bound.value);
    }
    if let Some(bound) = checks
        .minimum
        .as_ref()
        .filter(|bound| bound.is_passed(value, false))
    {
        let or_equal = ["greater than or equal to", "greater than"][usize::from(bound.exclusive)];
        say(or_equal, &bound.value);
    }
}

/// A number without a fraction, however it was written.
pub(super) fn is_whole(number: &Number) -> bool {
    !number.is_f64() || number.as_f64().is_some_and(|float| float.fract() == 0.0)
}

fn is_multiple(value: f64, factor: f64) -> bool {
    let times = value / factor;
    (times - times.round()).abs() < 1e-9
}

/// What the number should have been, if its format has no place for it.
fn out_of_format(kind: Option<Kind>, format: Option<&str>, number: &Number) -> Option<String> {
    if kind != Some(Kind::Integer) {
        return None;
    }
    let fits = match format {
        Some("int32") => number
            .as_i64()
            .is_some_and(|value| i32::try_from(value).is_ok()),
        Some("uint32") => number
            .as_u64()
            .is_some_and(|value| u32::try_from(value).is_ok()),
        Some("uint64") => number.is_u64(),
        _ => is_whole(number),
    };
    if fits || (number.is_f64() && is_whole(number)) {
        return None;
    }
    Some(match format {
        Some(format) => format!("integer with format {format}"),
        None => "integer (default format)".into(),
    })
}

/// Whether two values are the same, 1 and 1.0 being so.
pub(super) fn equal(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one.to_bits() == other.to_bits(),
        _ => one == other,
    }
}
