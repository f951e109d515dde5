//! What is wrong, in the words of the API server.

use std::fmt;

use serde_json::Value;

/// One thing wrong with an object: an entry of `details.causes` of an `Invalid` answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause {
    /// `FieldValueInvalid`, `FieldValueRequired`, …
    pub(crate) reason: &'static str,
    /// What is wrong, without the field.
    pub(crate) message: String,
    /// Where, as `spec.names[0]`; `<nil>` for no place.
    pub(crate) field: String,
}

/// The text with the field before it, as it stands in `message` of the `Status`.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl Cause {
    /// The `message` of an `Invalid` answer: a cause said twice is said once.
    pub(crate) fn message_of(causes: &[Self]) -> String {
        let mut texts: Vec<String> = Vec::new();
        for cause in causes {
            let text = cause.to_string();
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        match texts.as_slice() {
            [one] => one.clone(),
            more => format!("[{}]", more.join(", ")),
        }
    }

    fn new(reason: &'static str, field: &str, message: String) -> Self {
        let field = if field.is_empty() { "<nil>" } else { field };
        Self {
            reason,
            message,
            field: field.to_owned(),
        }
    }

    /// At its own endpoint the status is checked by its own schema, which knows no way to it.
    pub(crate) fn seen_from_status(&mut self) {
        if let Some(below) = self.field.strip_prefix("status.") {
            let long = format!(": {} in body", self.field);
            let short = format!(": {below} in body");
            self.message = self.message.replacen(&long, &short, 1);
        }
    }

    pub(crate) fn invalid(field: &str, value: &Value, detail: &str) -> Self {
        Self::invalid_text(field, &show(value), detail)
    }

    /// `Invalid` with the value as it is to be shown.
    pub(crate) fn invalid_text(field: &str, value: &str, detail: &str) -> Self {
        let message = format!("Invalid value: {value}: {detail}");
        Self::new("FieldValueInvalid", field, message)
    }

    /// `Invalid` for an object or list, which the server does not show.
    pub(crate) fn invalid_unshown(field: &str, detail: &str) -> Self {
        Self::new(
            "FieldValueInvalid",
            field,
            format!("Invalid value: {detail}"),
        )
    }

    pub(crate) fn required(field: &str, detail: &str) -> Self {
        Self::new("FieldValueRequired", field, with("Required value", detail))
    }

    pub(crate) fn forbidden(field: &str, detail: &str) -> Self {
        Self::new("FieldValueForbidden", field, with("Forbidden", detail))
    }

    pub(crate) fn duplicate(field: &str, value: &Value) -> Self {
        let message = with("Duplicate value", &show(value));
        Self::new("FieldValueDuplicate", field, message)
    }

    /// `Duplicate` for an object or list, which the server does not show.
    pub(crate) fn duplicate_unshown(field: &str) -> Self {
        Self::new("FieldValueDuplicate", field, "Duplicate value".into())
    }

    pub(crate) fn not_supported<'a>(
        field: &str,
        value: &Value,
        supported: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let supported: Vec<String> = supported.into_iter().map(quote).collect();
        let message = format!(
            "Unsupported value: {}: supported values: {}",
            show(value),
            supported.join(", ")
        );
        Self::new("FieldValueNotSupported", field, message)
    }

    pub(crate) fn wrong_type(field: &str, wanted: &str, shown: &str) -> Self {
        let message =
            format!("Invalid value: {shown}: {field} in body must be of type {wanted}: {shown}");
        Self::new("FieldValueTypeInvalid", field, message)
    }

    pub(crate) fn too_long(field: &str, most: u64) -> Self {
        let message = format!("Too long: may not be more than {most} bytes");
        Self::new("FieldValueTooLong", field, message)
    }

    pub(crate) fn too_many(field: &str, count: usize, most: u64) -> Self {
        let message = format!("Too many: {count}: must have at most {most} items");
        Self::new("FieldValueTooMany", field, message)
    }

    pub(crate) fn rules_not_checked() -> Self {
        Self::invalid(
            "",
            &Value::Null,
            "some validation rules were not checked because the object was invalid; \
             correct the existing errors to complete validation",
        )
    }

    /// Whether rules cannot be asked about such an object.
    pub(crate) fn is_blocking(&self) -> bool {
        matches!(
            self.reason,
            "FieldValueNotSupported"
                | "FieldValueRequired"
                | "FieldValueTooLong"
                | "FieldValueTooMany"
                | "FieldValueTypeInvalid"
        )
    }
}

fn with(what: &str, detail: &str) -> String {
    if detail.is_empty() {
        return what.to_owned();
    }
    format!("{what}: {detail}")
}

/// A value in a message: as JSON, whole numbers without a point.
pub(crate) fn show(value: &Value) -> String {
    match value {
        Value::Number(number) if number.is_f64() => number
            .as_f64()
            .map_or_else(String::new, |float| float.to_string()),
        other => other.to_string(),
    }
}

pub(crate) fn quote(text: &str) -> String {
    Value::from(text).to_string()
}
