//! Values against a schema, in the order and the words of the API server.

use serde_json::{Map, Value};

use super::cause::show;
use super::values::{Bound, Checks};
use super::{Cause, Kind, Schema, formats, join, numbers};

/// What is wrong with a value. One that equals the old one has nothing wrong with it that was
/// not let in before.
pub(super) fn value(
    schema: &Schema,
    new: &Value,
    old: Option<&Value>,
    path: &str,
    causes: &mut Vec<Cause>,
) {
    if old == Some(new) {
        return;
    }
    let checks = &schema.checks;
    kind(schema, new, path, causes);
    if new.is_null() {
        choices(checks, new, path, causes);
        return;
    }
    junctors(checks, new, old, path, causes);
    match new {
        Value::String(text) => string(checks, text, path, causes),
        Value::Number(number) => numbers::check(schema.kind, checks, number, path, causes),
        Value::Array(list) => items(schema, list, old, path, causes),
        _ => {}
    }
    choices(checks, new, path, causes);
    if let Value::Object(object) = new {
        fields(schema, object, old, path, causes);
    }
}

fn kind(schema: &Schema, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    let found = kind_of(value);
    if schema.int_or_string {
        if !matches!(found, "integer" | "string") {
            causes.push(Cause::wrong_type(
                path,
                "integer,string",
                &show(&found.into()),
            ));
        }
        return;
    }
    let Some(kind) = schema.kind else { return };
    let fits = match kind {
        Kind::Number => matches!(found, "number" | "integer"),
        other => other.name() == found,
    };
    if !(fits || value.is_null() && schema.nullable) {
        let (wanted, found) = match (kind, schema.checks.format.as_deref(), found) {
            (Kind::Integer, Some(format @ ("int32" | "int64")), "number") => (format, "float64"),
            _ => (kind.name(), found),
        };
        causes.push(Cause::wrong_type(path, wanted, &show(&found.into())));
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if numbers::is_whole(number) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }
}

/// The first that is wrong, as the server does it; the format beside it.
fn string(checks: &Checks, text: &str, path: &str, causes: &mut Vec<Cause>) {
    let length = text.chars().count() as u64;
    let shown = || Value::from(text).to_string();
    if let Some(most) = checks.max_length.filter(|most| length > *most) {
        causes.push(Cause::too_long(path, most));
    } else if let Some(least) = checks.min_length.filter(|least| length < *least) {
        let detail = format!("{path} in body should be at least {least} chars long");
        causes.push(Cause::invalid_text(path, &shown(), &detail));
    } else if let Some(pattern) = &checks.pattern
        && !pattern.is_match(text)
    {
        let detail = format!("{path} in body should match '{pattern}'");
        causes.push(Cause::invalid_text(path, &shown(), &detail));
    }
    if let Some(format) = &checks.format
        && !formats::fits(format, text)
    {
        causes.push(Cause::wrong_type(path, format, &shown()));
    }
}

fn items(
    schema: &Schema,
    list: &[Value],
    old: Option<&Value>,
    path: &str,
    causes: &mut Vec<Cause>,
) {
    if let Some(below) = &schema.items {
        for (index, item) in list.iter().enumerate() {
            let old = schema.old_item(item, old);
            value(below, item, old, &format!("{path}[{index}]"), causes);
        }
    }
    let count = list.len() as u64;
    if let Some(least) = schema.checks.min_items.filter(|least| count < *least) {
        let detail = format!("{path} in body should have at least {least} items");
        causes.push(Cause::invalid(path, &count.into(), &detail));
    }
    if let Some(most) = schema.checks.max_items.filter(|most| count > *most) {
        causes.push(Cause::too_many(path, list.len(), most));
    }
}

fn fields(
    schema: &Schema,
    object: &Map<String, Value>,
    old: Option<&Value>,
    path: &str,
    causes: &mut Vec<Cause>,
) {
    let count = object.len() as u64;
    if let Some(least) = schema.checks.min_properties.filter(|least| count < *least) {
        let detail = format!("{path} in body should have at least {least} properties");
        causes.push(Cause::invalid(path, &count.into(), &detail));
        return;
    }
    if let Some(most) = schema.checks.max_properties.filter(|most| count > *most) {
        causes.push(Cause::too_many(path, object.len(), most));
        return;
    }
    for (key, field) in object {
        if let Some(below) = schema.child(key) {
            value(
                below,
                field,
                schema.old_field(key, old),
                &join(path, key),
                causes,
            );
        }
    }
    for key in &schema.checks.required {
        if !object.contains_key(key) {
            causes.push(Cause::required(&join(path, key), ""));
        }
    }
}

/// Null is in no enumeration, not even in one that lists it: so the server has it.
fn choices(checks: &Checks, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    let Some(choices) = &checks.choices else {
        return;
    };
    if !value.is_null() && choices.iter().any(|choice| numbers::equal(choice, value)) {
        return;
    }
    let texts: Vec<String> = choices
        .iter()
        .map(|choice| {
            choice
                .as_str()
                .map_or_else(|| show(choice), ToOwned::to_owned)
        })
        .collect();
    causes.push(Cause::not_supported(
        path,
        value,
        texts.iter().map(String::as_str),
    ));
}

fn junctors(
    checks: &Checks,
    new: &Value,
    old: Option<&Value>,
    path: &str,
    causes: &mut Vec<Cause>,
) {
    let errors = |branch: &Schema| {
        let mut causes = Vec::new();
        value(branch, new, old, path, &mut causes);
        causes
    };
    let mut say = |what: &str| {
        let detail = format!("\"{path}\" must validate {what}");
        causes.push(Cause::invalid_text("", "\"\"", &detail));
    };
    if !checks.any_of.is_empty() {
        let failures: Vec<_> = checks.any_of.iter().map(errors).collect();
        if failures.iter().all(|failure| !failure.is_empty()) {
            say("at least one schema (anyOf)");
            causes.extend(failures.into_iter().next().unwrap_or_default());
        }
    }
    one_of(checks, &errors, path, causes);
    all_of(checks, &errors, path, causes);
    if let Some(not) = &checks.not
        && errors(not).is_empty()
    {
        let detail = format!("\"{path}\" must not validate the schema (not)");
        causes.push(Cause::invalid_text("", "\"\"", &detail));
    }
}

fn one_of(
    checks: &Checks,
    errors: &impl Fn(&Schema) -> Vec<Cause>,
    path: &str,
    causes: &mut Vec<Cause>,
) {
    if checks.one_of.is_empty() {
        return;
    }
    let failures: Vec<_> = checks.one_of.iter().map(errors).collect();
    let valid = failures.iter().filter(|failure| failure.is_empty()).count();
    let found = match valid {
        1 => return,
        0 => "Found none valid".to_owned(),
        more => format!("Found {more} valid alternatives"),
    };
    let detail = format!("\"{path}\" must validate one and only one schema (oneOf). {found}");
    causes.push(Cause::invalid_text("", "\"\"", &detail));
    if valid == 0 {
        causes.extend(failures.into_iter().next().unwrap_or_default());
    }
}

fn all_of(
    checks: &Checks,
    errors: &impl Fn(&Schema) -> Vec<Cause>,
    path: &str,
    causes: &mut Vec<Cause>,
) {
    let failures: Vec<_> = checks.all_of.iter().map(errors).collect();
    let valid = failures.iter().filter(|failure| failure.is_empty()).count();
    if valid == failures.len() {
        return;
    }
    causes.extend(failures.into_iter().flatten());
    let none = if valid == 0 { ". None validated" } else { "" };
    let detail = format!("\"{path}\" must validate all the schemas (allOf){none}");
    causes.push(Cause::invalid_text("", "\"\"", &detail));
}

impl Bound {
    /// Whether a number that compares so with it is out of it.
    pub(super) fn is_passed(&self, number: f64, above: bool) -> bool {
        let bound = self.value.as_f64().unwrap_or(f64::NAN);
        let difference = if above {
            number - bound
        } else {
            bound - number
        };
        if self.exclusive {
            difference >= 0.0
        } else {
            difference > 0.0
        }
    }
}
