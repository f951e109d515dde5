//! Bodies: JSON, YAML and protobuf, and what is wrong with them.

use std::fmt::{self, Write as _};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::errors::Failure;
use super::protobuf::{self, Wrong};
use crate::wire::Request;

/// How many bytes a body may have.
pub(super) const LIMIT: usize = 3 * 1024 * 1024;

/// A body as it was read.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) value: Value,
    /// The paths of fields that stood there twice; the last one counts.
    pub(super) duplicates: Vec<String>,
}

/// The type of the body without its parameters.
pub(super) fn media_type(request: &Request) -> &str {
    let kind = request.header("Content-Type").unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim()
}

/// Reads a whole object of that kind.
pub(super) fn object(request: &Request, api_version: &str, kind: &str) -> Result<Body, Failure> {
    let body = match media_type(request) {
        "application/json" | "" => json(&request.body),
        "application/yaml" => yaml(&request.body),
        protobuf::MEDIA_TYPE if protobuf::has(api_version, kind) => {
            return from_protobuf(&request.body, api_version, kind);
        }
        _ => return Err(Failure::unknown_format()),
    };
    let unrecognized = |why: String| {
        let why = format!("couldn't get version/kind; json parse error: {why}");
        unrecognized(&request.body, kind, &why)
    };
    let body = body.map_err(unrecognized)?;
    if body.value.is_object() {
        return Ok(body);
    }
    let found = match &body.value {
        Value::Array(_) => "array",
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Bool(_) => "bool",
        // `null` is an object without fields to Go.
        _ => {
            return Ok(Body {
                value: Value::Object(Map::new()),
                ..body
            });
        }
    };
    Err(unrecognized(format!(
        "json: cannot unmarshal {found} into Go value of type struct {{ APIVersion string \
         \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}"
    )))
}

fn unrecognized(body: &[u8], kind: &str, why: &str) -> Failure {
    let shown = shown(body);
    Failure::bad_request(format!(
        "the object provided is unrecognized (must be of type {kind}): {why} ({shown})"
    ))
}

fn from_protobuf(body: &[u8], api_version: &str, kind: &str) -> Result<Body, Failure> {
    let read = protobuf::read(body, api_version, kind);
    let value = read.map_err(|Wrong { says, why }| match says {
        None => unrecognized(body, kind, &why),
        Some(says) => {
            let (_, version) = says
                .api_version
                .rsplit_once('/')
                .unwrap_or(("", &says.api_version));
            Failure::bad_request(format!(
                "{} in version \"{version}\" cannot be handled as a {kind}: {why}",
                says.kind
            ))
        }
    })?;
    Ok(Body {
        value,
        duplicates: Vec::new(),
    })
}

/// The beginning of a body, as it stands in errors.
fn shown(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "<empty>".to_owned();
    }
    let text = String::from_utf8_lossy(bytes);
    if bytes.first() == Some(&b'{') {
        return text.chars().take(1024).collect();
    }
    let mut digits = String::new();
    for byte in bytes.iter().take(1024) {
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// Reads JSON; the error is in Go's words.
pub(super) fn json(bytes: &[u8]) -> Result<Body, String> {
    let mut duplicates = Vec::new();
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let tree = Tree {
        place: None,
        duplicates: &mut duplicates,
    };
    let value = tree
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|error| go_error(&error, bytes))?;
    Ok(Body { value, duplicates })
}

/// Reads YAML, of which JSON is a part.
pub(super) fn yaml(bytes: &[u8]) -> Result<Body, String> {
    if let Ok(body) = json(bytes) {
        return Ok(body);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    // Kubernetes reads YAML 1.1, where `yes` and `on` are true.
    let options = serde_saphyr::options! { strict_booleans: false };
    let mut value = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| format!("error converting YAML to JSON: yaml: {error}"))?;
    without_fractions(&mut value);
    Ok(Body {
        value,
        duplicates: Vec::new(),
    })
}

/// Go writes 1.0 as 1.
pub(super) fn whole(value: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[allow(clippy::cast_possible_truncation, reason = "whole and small")]
    (value.fract() == 0.0 && value.abs() < EXACT).then_some(value as i64)
}

fn without_fractions(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            if let Some(whole) = number.as_f64().and_then(whole) {
                *value = whole.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(without_fractions),
        Value::Object(fields) => fields.values_mut().for_each(without_fractions),
        _ => {}
    }
}

/// The error in Go's words. What only this reader refuses has its own.
fn go_error(error: &serde_json::Error, bytes: &[u8]) -> String {
    super::golang::json_error(bytes).unwrap_or_else(|| error.to_string())
}

/// Where in the tree something is being read.
struct Place<'a> {
    parent: Option<&'a Self>,
    key: &'a str,
    index: usize,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(f, "{parent}")?;
        }
        match (self.key, self.parent) {
            ("", _) => write!(f, "[{}]", self.index),
            (key, None) => write!(f, "{key}"),
            (key, Some(_)) => write!(f, ".{key}"),
        }
    }
}

/// Builds a value and notes keys that come twice.
struct Tree<'a> {
    place: Option<&'a Place<'a>>,
    duplicates: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        if let Some(whole) = whole(value) {
            return Ok(whole.into());
        }
        let number = serde_json::Number::from_f64(value);
        number
            .map(Value::Number)
            .ok_or_else(|| E::custom("no finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let place = Place {
                parent: self.place,
                key: "",
                index: list.len(),
            };
            let tree = Tree {
                place: Some(&place),
                duplicates: self.duplicates,
            };
            match items.next_element_seed(tree)? {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            let place = Place {
                parent: self.place,
                key: &key,
                index: 0,
            };
            if map.contains_key(&key) {
                self.duplicates.push(place.to_string());
            }
            let tree = Tree {
                place: Some(&place),
                duplicates: &mut *self.duplicates,
            };
            let value = fields.next_value_seed(tree)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

/// An error of a patch's body.
pub(super) fn patch_error(why: &str) -> Failure {
    Failure::bad_request(format!("error decoding patch: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_stand_there_twice_are_named() {
        let body = json(br#"{"a":1,"b":{"c":1,"c":2},"l":[{"x":1,"x":1}],"a":3}"#).expect("JSON");
        assert_eq!(body.duplicates, ["b.c", "l[0].x", "a"]);
        assert_eq!(body.value["a"], 3);
    }

    #[test]
    fn a_body_that_nests_too_deep_is_an_error_not_a_crash() {
        assert!(json("[".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn yaml_is_read_with_the_booleans_of_yaml_1_1() {
        let body = yaml(b"a: yes\nb: true\nc: [1, x]\n").expect("YAML");
        assert_eq!(
            body.value,
            serde_json::json!({"a": true, "b": true, "c": [1, "x"]})
        );
    }
}
