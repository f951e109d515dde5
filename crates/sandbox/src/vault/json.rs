//! A request's body, and Go's words for one that is no JSON.

use serde_json::{Map, Value};

use super::call::Error;
use super::go;

/// The parameters in a JSON body.
pub(super) fn object(body: &[u8]) -> Result<Map<String, Value>, Error> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    let parse = |text: String| {
        Error::bad(format!(
            "error parsing JSON: failed to parse JSON input: {text}"
        ))
    };
    match serde_json::from_slice(body) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(other) => {
            let kind = match other {
                Value::Array(_) => "array",
                Value::Bool(_) => "bool",
                Value::Number(_) => "number",
                _ => "string",
            };
            Err(parse(format!(
                "json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
            )))
        }
        // What opens no container is not looked at before it is parsed.
        Err(error) if !matches!(body.trim_ascii_start().first(), Some(b'{' | b'[')) => {
            Err(parse(syntax(body, &error)))
        }
        Err(error) if error.is_eof() => {
            Err(Error::said(500, "malformed JSON, unclosed containers"))
        }
        Err(error) => Err(Error::said(500, syntax(body, &error))),
    }
}

/// What Go says of bytes that are no JSON.
pub(super) fn syntax(body: &[u8], error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "unexpected EOF".to_owned();
    }
    let line = body
        .split(|byte| *byte == b'\n')
        .nth(error.line().saturating_sub(1));
    let at = error.column().saturating_sub(1);
    // Inside a bad word it stands behind the character Go names.
    let char = line.and_then(|line| match error.to_string().as_str() {
        text if text.starts_with("expected ident") => line.first(),
        _ => line.get(at),
    });
    let char = char.map_or(' ', |byte| char::from(*byte));
    let place = match error.to_string().as_str() {
        text if text.starts_with("trailing characters") => "after top-level value",
        text if text.starts_with("expected `:`") => "after object key",
        text if text.starts_with("expected `,` or `}`") => "after object key:value pair",
        text if text.starts_with("expected `,` or `]`") => "after array element",
        text if text.starts_with("key must be") => "looking for beginning of object key string",
        _ => "looking for beginning of value",
    };
    let char = go::quote(&char.to_string());
    format!("invalid character '{}' {place}", char.trim_matches('"'))
}
