//! The parameters of a path: what each is read as, and what is said of a bad one.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::{Map, Value};

use super::go;

/// What a parameter is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Int,
    Float,
    Flag,
    /// In seconds, never negative.
    Seconds,
    /// A list, or text with commas.
    List,
    /// A list; text is one element.
    Texts,
    /// A map of strings, or a list of `key=value`.
    Pairs,
    Object,
    Headers,
}

/// A path's parameters by name.
pub(super) type Schema = &'static [(&'static str, Kind)];

/// The parameters of one request, each readable as what it is.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) raw: Map<String, Value>,
}

impl Fields {
    /// Whether there is a value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.raw.get(name).is_some_and(|value| !value.is_null())
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.raw.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn text_if(&self, name: &str) -> Option<String> {
        self.get(name).and_then(|value| text(value).ok())
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.text_if(name).unwrap_or_default()
    }

    pub(super) fn int_if(&self, name: &str) -> Option<i64> {
        self.get(name).and_then(|value| int(value).ok())
    }

    pub(super) fn float_if(&self, name: &str) -> Option<f64> {
        self.get(name).and_then(|value| float(value).ok())
    }

    pub(super) fn flag_if(&self, name: &str) -> Option<bool> {
        self.get(name).and_then(|value| flag(value).ok())
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.flag_if(name).unwrap_or_default()
    }

    /// Whole seconds: Vault drops the rest.
    pub(super) fn seconds_if(&self, name: &str) -> Option<SignedDuration> {
        let duration = self.get(name).and_then(|value| duration(value).ok())?;
        Some(SignedDuration::from_secs(duration.as_secs()))
    }

    pub(super) fn list_if(&self, name: &str) -> Option<Vec<String>> {
        self.get(name).and_then(|value| list(value, true).ok())
    }

    pub(super) fn list(&self, name: &str) -> Vec<String> {
        self.list_if(name).unwrap_or_default()
    }

    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        self.get(name)
            .and_then(|value| list(value, false).ok())
            .unwrap_or_default()
    }

    pub(super) fn pairs_if(&self, name: &str) -> Option<BTreeMap<String, String>> {
        self.get(name).and_then(|value| pairs(value).ok())
    }

    pub(super) fn object(&self, name: &str) -> Map<String, Value> {
        self.get(name)
            .and_then(|value| value.as_object())
            .cloned()
            .unwrap_or_default()
    }

    pub(super) fn headers_if(&self, name: &str) -> Option<Vec<(String, String)>> {
        self.get(name).and_then(|value| headers(value).ok())
    }
}

/// What is wrong with the first bad parameter.
pub(super) fn check(raw: &Map<String, Value>, schema: Schema) -> Result<(), String> {
    for (name, value) in raw {
        let Some((_, kind)) = schema.iter().find(|(known, _)| known == name) else {
            continue;
        };
        if value.is_null() {
            continue;
        }
        check_one(value, *kind)
            .map_err(|error| format!("error converting input for field \"{name}\": {error}"))?;
    }
    Ok(())
}

fn check_one(value: &Value, kind: Kind) -> Result<(), String> {
    match kind {
        Kind::Text => text(value).map(drop),
        Kind::Int => int(value).map(drop),
        Kind::Float => float(value).map(drop),
        Kind::Flag => flag(value).map(drop),
        Kind::Seconds => match duration(value)?.as_secs() {
            negative @ ..0 => Err(format!("cannot provide negative value '{negative}'")),
            _ => Ok(()),
        },
        Kind::List => list(value, true).map(drop),
        Kind::Texts => list(value, false).map(drop),
        Kind::Pairs => pairs(value).map(drop),
        Kind::Object if value.is_object() => Ok(()),
        Kind::Object => Err(format!("'' expected a map, got '{}'", go::type_name(value))),
        Kind::Headers => headers(value).map(drop),
    }
}

fn unconvertible(at: &str, value: &Value) -> String {
    format!(
        "'{at}' expected type 'string', got unconvertible type '{}', value: '{}'",
        go::type_name(value),
        go::print(value)
    )
}

fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(u8::from(*flag).to_string()),
        other => Err(unconvertible("", other)),
    }
}

fn int(value: &Value) -> Result<i64, String> {
    let bad = |text: &str| format!("cannot parse '' as int: {}", go::parse_int(text));
    match value {
        Value::Number(number) => number.as_i64().ok_or_else(|| bad(&number.to_string())),
        Value::String(text) if text.is_empty() => Ok(0),
        Value::String(text) => text.parse().map_err(|_| bad(text)),
        Value::Bool(flag) => Ok(i64::from(*flag)),
        other => Err(format!(
            "'' expected type 'int', got unconvertible type '{}', value: '{}'",
            go::type_name(other),
            go::print(other)
        )),
    }
}

fn float(value: &Value) -> Result<f64, String> {
    match value {
        Value::Number(number) => Ok(number.as_f64().unwrap_or_default()),
        Value::String(text) if text.is_empty() => Ok(0.0),
        Value::String(text) => text.parse().map_err(|_| {
            let text = go::quote(text);
            format!("cannot parse '' as float: strconv.ParseFloat: parsing {text}: invalid syntax")
        }),
        Value::Bool(flag) => Ok(f64::from(*flag)),
        other => Err(unconvertible("", other).replace("'string'", "'float64'")),
    }
}

fn flag(value: &Value) -> Result<bool, String> {
    match value {
        Value::Bool(flag) => Ok(*flag),
        Value::Number(number) => Ok(number.as_f64() != Some(0.0)),
        Value::String(text) => match text.as_str() {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
            "" | "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
            _ => {
                let text = go::quote(text);
                Err(format!(
                    "cannot parse '' as bool: strconv.ParseBool: parsing {text}: invalid syntax"
                ))
            }
        },
        other => Err(unconvertible("", other).replace("'string'", "'bool'")),
    }
}

fn duration(value: &Value) -> Result<SignedDuration, String> {
    match value {
        Value::String(text) => go::parse_duration(text),
        Value::Number(number) => go::parse_duration(&number.to_string()),
        _ => Err("could not parse duration from input".to_owned()),
    }
}

fn list(value: &Value, splits: bool) -> Result<Vec<String>, String> {
    let list = match value {
        Value::Array(list) => list
            .iter()
            .enumerate()
            .map(|(n, value)| text(value).map_err(|_| nested(n, value)))
            .collect::<Result<Vec<_>, _>>()?,
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::String(text) if splits => text.split(',').map(str::to_owned).collect(),
        Value::Object(_) => return Err(nested(0, value)),
        other => vec![text(other)?],
    };
    Ok(list
        .into_iter()
        .map(|text| text.trim().to_owned())
        .collect())
}

fn nested(at: usize, value: &Value) -> String {
    let error = unconvertible(&format!("[{at}]"), value);
    format!("1 error(s) decoding:\n\n* {error}")
}

fn pairs(value: &Value) -> Result<BTreeMap<String, String>, String> {
    if let Value::Object(map) = value {
        return map
            .iter()
            .map(|(key, value)| Ok((key.clone(), text(value)?)))
            .collect();
    }
    let mut pairs = BTreeMap::new();
    for pair in list(value, false)? {
        let (key, value) = pair
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| format!("invalid key pair {}", go::quote(&pair)))?;
        pairs.insert(key.to_owned(), value.to_owned());
    }
    Ok(pairs)
}

/// A map of strings or lists, the same as text, or that in Base64.
fn headers(value: &Value) -> Result<Vec<(String, String)>, String> {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;

    let parsed;
    let map = match value {
        Value::Object(map) => map,
        Value::String(text) if text.is_empty() => {
            return Err("'data' being decoded is nil".to_owned());
        }
        Value::String(text) => {
            let bytes = BASE64_STANDARD
                .decode(text)
                .unwrap_or_else(|_| text.clone().into_bytes());
            parsed = serde_json::from_slice::<Map<String, Value>>(&bytes)
                .map_err(|error| super::json::syntax(&bytes, &error))?;
            &parsed
        }
        other => {
            return Err(format!(
                "{} not provided an expected format",
                go::print(other)
            ));
        }
    };
    let mut headers = Vec::new();
    for (name, value) in map {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            other => std::slice::from_ref(other),
        };
        for value in values {
            match value {
                Value::String(_) | Value::Number(_) => {
                    headers.push((name.clone(), text(value)?));
                }
                other => return Err(format!("unrecognized type for {}", go::print(other))),
            }
        }
    }
    Ok(headers)
}
