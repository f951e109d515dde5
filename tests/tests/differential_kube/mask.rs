//! What no two servers share: uids, resource versions, times, addresses, keys and tokens.
//!
//! Each is masked only where it has the right form, so that one that is missing or malformed
//! is still seen.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

/// The answer without them.
pub(crate) fn answer(mut answer: Value) -> Value {
    order_causes(&mut answer["body"]);
    mask("", answer)
}

fn mask(key: &str, value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mask = |(key, value): (String, Value)| (text(&key), mask(&key, value));
            Value::Object(fields.into_iter().map(mask).collect::<Map<_, _>>())
        }
        // They are kept in the order of their times.
        Value::Array(mut items) if key == "managedFields" => {
            items.sort_by_key(|item| {
                [&item["manager"], &item["operation"], &item["subresource"]]
                    .map(ToString::to_string)
            });
            items.into_iter().map(|item| mask(key, item)).collect()
        }
        // The real server lists the resources of a group in the order of a Go map.
        Value::Array(mut items) if key == "resources" => {
            items.sort_by_key(|item| item["name"].to_string());
            items.into_iter().map(|item| mask(key, item)).collect()
        }
        Value::Array(items) => items.into_iter().map(|item| mask(key, item)).collect(),
        Value::String(text) => string(key, &text),
        // Claims: seconds since 1970.
        Value::Number(_) if matches!(key, "exp" | "iat" | "nbf" | "warnafter") => "<time>".into(),
        other => other,
    }
}

fn string(key: &str, value: &str) -> Value {
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    match key {
        // Those a case made up are longer.
        "resourceVersion" if is_number && value.len() < 8 => "<version>".into(),
        "continue" if !value.is_empty() => "<continue>".into(),
        "kid" => "<kid>".into(),
        "ca.crt" if value.starts_with("-----BEGIN CERTIFICATE-----\n") => "<certificate>".into(),
        "clusterIP" | "clusterIPs" | "serverAddress" if has_digit(value) => "<address>".into(),
        // The age in a table.
        "cells" if is_age(value) => "<age>".into(),
        "token" => token(value),
        _ => text(value).into(),
    }
}

fn has_digit(value: &str) -> bool {
    value.bytes().any(|byte| byte.is_ascii_digit())
}

fn is_age(value: &str) -> bool {
    let seconds = value.strip_suffix('s');
    seconds.is_some_and(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
}

/// The claims of a token, or the text if it is none.
fn token(value: &str) -> Value {
    let parts: Vec<&str> = value.split('.').collect();
    let decoded = |part: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
        serde_json::from_slice::<Value>(&bytes).ok()
    };
    match parts.as_slice() {
        [header, claims, _] => match (decoded(header), decoded(claims)) {
            (Some(header), Some(claims)) => {
                json!({"header": mask("", header), "claims": mask("", claims)})
            }
            _ => text(value).into(),
        },
        _ => text(value).into(),
    }
}

/// Words in a message after which a number is a resource version or a line of source.
const BEFORE_NUMBERS: &[&str] = &[
    "\"resourceVersion\":\"",
    "\\\"resourceVersion\\\":\\\"",
    "resource version: ",
    "resourceVersion: \"",
    "current: ",
    "in record (",
    "scheme.go:",
];

fn text(value: &str) -> String {
    let mut masked = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(first) = rest.chars().next() {
        let found = [("<uid>", uid(rest)), ("<time>", time(rest))];
        if let Some((mask, length)) = found.into_iter().find(|(_, length)| *length > 0) {
            masked.push_str(mask);
            rest = &rest[length..];
        } else if first.is_ascii_digit() && BEFORE_NUMBERS.iter().any(|w| masked.ends_with(w)) {
            masked.push_str("<number>");
            rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        } else {
            masked.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    masked
}

/// How long the uid is that the text begins with.
fn uid(text: &str) -> usize {
    let form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    fits(text, form, |byte| {
        byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
    })
}

/// How long the time is that the text begins with: seconds, or microseconds.
fn time(text: &str) -> usize {
    let digit = |byte: u8| byte.is_ascii_digit();
    let seconds = fits(text, "xxxx-xx-xxTxx:xx:xxZ", digit);
    let micro = fits(text, "xxxx-xx-xxTxx:xx:xx.xxxxxxZ", digit);
    seconds.max(micro)
}

fn fits(text: &str, form: &str, stands_for_x: impl Fn(u8) -> bool) -> usize {
    let bytes = text.as_bytes();
    let fits = |(byte, form): (&u8, u8)| match form {
        b'x' => stands_for_x(*byte),
        form => *byte == form,
    };
    let is_long = bytes.len() >= form.len();
    if is_long && bytes.iter().zip(form.bytes()).all(fits) {
        form.len()
    } else {
        0
    }
}

/// The real server lists the causes of a refusal in the order of a Go map, that is in none.
fn order_causes(body: &mut Value) {
    let Some(Value::Array(causes)) = body.pointer_mut("/details/causes") else {
        return;
    };
    causes.sort_by_key(ToString::to_string);
    let shown = |cause: &Value| {
        Some(format!(
            "{}: {}",
            cause["field"].as_str()?,
            cause["message"].as_str()?
        ))
    };
    let mut parts: Vec<String> = causes.iter().filter_map(shown).collect();
    parts.dedup();
    let Some(message) = body["message"].as_str() else {
        return;
    };
    let mut rest = message.to_owned();
    for part in &parts {
        rest = rest.replacen(part.as_str(), "<cause>", 1);
    }
    body["message"] = rest.into();
}

#[test]
fn only_what_has_the_right_form_is_masked() {
    let uid = "98304766-95d0-4221-bf16-cee034594971";
    assert_eq!(
        text(&format!("uid {uid}, not {uid}").to_uppercase()).find('<'),
        None
    );
    assert_eq!(
        text(&format!("k:{{\"uid\":\"{uid}\"}}")),
        "k:{\"uid\":\"<uid>\"}"
    );
    assert_eq!(text("2026-11-22T10:00:00Z"), "<time>");
    assert_eq!(text("2026-11-22T10:00:00.1Z"), "2026-11-22T10:00:00.1Z");
    assert_eq!(string("resourceVersion", "x"), "x");
    assert_eq!(string("resourceVersion", "12"), "<version>");
    assert_eq!(string("count", "12"), "12");
}
