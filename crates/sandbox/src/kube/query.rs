//! The query of a request, and the options that are in it.

use serde_json::Value;

use super::errors::Failure;
use super::schema::Cause;
use crate::wire::Request;

/// The decoded parameters.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(request: &Request) -> Self {
        let query = request.query();
        if query.is_empty() {
            return Self::default();
        }
        Self(
            form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The value of a parameter, empty if it is absent.
    pub(super) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// A switch as Go reads it: anything but `false` and `0` turns it on.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| !matches!(value, "false" | "0" | ""))
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, Failure> {
        let Some(text) = self.get(name).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let number = text.parse();
        number
            .map(Some)
            .map_err(|_| Failure::bad_request(go_number_error("ParseInt", text)))
    }
}

/// What Go says of a text that is no number.
pub(super) fn go_number_error(function: &str, text: &str) -> String {
    format!("strconv.{function}: parsing \"{text}\": invalid syntax")
}

/// What is to be done with fields nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldValidation {
    Ignore,
    Warn,
    Strict,
}

/// The options of a write.
#[derive(Debug, Clone)]
pub(super) struct WriteOptions {
    pub(super) is_dry_run: bool,
    pub(super) validation: FieldValidation,
    /// Who is said to manage the fields.
    pub(super) manager: String,
    /// Whether an apply takes what others manage.
    pub(super) is_forced: bool,
}

impl WriteOptions {
    /// Reads them; `kind` is `CreateOptions`, `UpdateOptions` or `PatchOptions`.
    pub(super) fn of(
        query: &Query,
        request: &Request,
        kind: &'static str,
        is_apply: bool,
    ) -> Result<Self, Failure> {
        let invalid = |cause| Failure::invalid_options(kind, cause);
        let manager = query.text("fieldManager");
        if is_apply && manager.is_empty() {
            return Err(invalid(Cause::required(
                "fieldManager",
                "is required for apply patch",
            )));
        }
        if manager.len() > 128 {
            let cause = Cause::too_long("fieldManager", 128);
            return Err(invalid(cause));
        }
        let odd = manager.chars().enumerate().find(|(_, c)| c.is_control());
        if let Some((at, c)) = odd {
            let why = format!(
                "invalid character U+{:04X} (at position {at})",
                u32::from(c)
            );
            let shown: String = manager
                .chars()
                .map(|c| match u32::from(c) {
                    code if c.is_control() => format!("\\x{code:02x}"),
                    _ => c.to_string(),
                })
                .collect();
            let value = format!("\"{shown}\"");
            return Err(invalid(Cause::invalid_text("fieldManager", &value, &why)));
        }
        if !is_apply && query.get("force").is_some() && kind == "PatchOptions" {
            let cause = Cause::forbidden("force", "may not be specified for non-apply patch");
            return Err(invalid(cause));
        }
        Ok(Self {
            is_dry_run: dry_run(query, None).map_err(invalid)?,
            validation: field_validation(query).map_err(invalid)?,
            manager: if manager.is_empty() {
                default_manager(request)
            } else {
                manager.to_owned()
            },
            is_forced: query.is_on("force"),
        })
    }
}

/// The program's name, from how it introduces itself.
fn default_manager(request: &Request) -> String {
    let agent = request.header("User-Agent").unwrap_or_default();
    let name = agent.split('/').next().unwrap_or_default();
    if name.is_empty() {
        "unknown".to_owned()
    } else {
        name.chars().take(128).collect()
    }
}

fn field_validation(query: &Query) -> Result<FieldValidation, Cause> {
    match query.text("fieldValidation") {
        "Ignore" => Ok(FieldValidation::Ignore),
        "" | "Warn" => Ok(FieldValidation::Warn),
        "Strict" => Ok(FieldValidation::Strict),
        other => {
            let known = ["", "Ignore", "Strict", "Warn"];
            Err(Cause::not_supported(
                "fieldValidation",
                &other.into(),
                known,
            ))
        }
    }
}

fn dry_run(query: &Query, body: Option<&Value>) -> Result<bool, Cause> {
    let asked: Vec<&str> = match body.and_then(Value::as_array) {
        Some(list) => list.iter().filter_map(Value::as_str).collect(),
        None => query.all("dryRun").collect(),
    };
    if asked.iter().all(|value| *value == "All") {
        return Ok(!asked.is_empty());
    }
    Err(Cause::not_supported("dryRun", &asked.into(), ["All"]))
}

/// What becomes of what a deleted object owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// The options of a deletion, from its body or the query.
#[derive(Debug, Clone, Default)]
pub(super) struct DeleteOptions {
    pub(super) is_dry_run: bool,
    pub(super) uid: Option<String>,
    pub(super) version: Option<String>,
    pub(super) propagation: Option<Propagation>,
}

impl DeleteOptions {
    pub(super) fn of(query: &Query, body: &Value) -> Result<Self, Failure> {
        let invalid = |cause| Failure::invalid_options("DeleteOptions", cause);
        let propagation = match body["propagationPolicy"].as_str() {
            Some(policy) => policy,
            None => query.text("propagationPolicy"),
        };
        let orphan = match body["orphanDependents"].as_bool() {
            Some(orphan) => Some(orphan),
            None => query.get("orphanDependents").map(|value| value != "false"),
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if orphan.is_some() && !propagation.is_empty() {
            let why = "orphanDependents and deletionPropagation cannot be both set";
            return Err(invalid(Cause::refused(
                "propagationPolicy",
                propagation,
                why,
            )));
        }
        Ok(Self {
            is_dry_run: dry_run(query, body.get("dryRun")).map_err(invalid)?,
            uid: text(&body["preconditions"]["uid"]),
            version: text(&body["preconditions"]["resourceVersion"]),
            propagation: match (propagation, orphan) {
                ("", None) => None,
                ("" | "Background", Some(false)) | ("Background", _) => {
                    Some(Propagation::Background)
                }
                ("" | "Orphan", Some(true)) | ("Orphan", _) => Some(Propagation::Orphan),
                ("Foreground", _) => Some(Propagation::Foreground),
                (other, _) => {
                    let known = ["Foreground", "Background", "Orphan", "nil"];
                    let cause = Cause::not_supported("propagationPolicy", &other.into(), known);
                    return Err(invalid(cause));
                }
            },
        })
    }
}
