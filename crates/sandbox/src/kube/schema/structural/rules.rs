//! The form of `x-kubernetes-validations`; whether they compile is found out afterwards.

use serde_json::Value;

use super::super::Cause;
use super::Place;

const REASONS: [&str; 4] = [
    "FieldValueDuplicate",
    "FieldValueForbidden",
    "FieldValueInvalid",
    "FieldValueRequired",
];

pub(super) fn check(schema: &Value, place: Place<'_>, causes: &mut Vec<Cause>) {
    let rules = schema["x-kubernetes-validations"].as_array();
    for (index, rule) in rules.into_iter().flatten().enumerate() {
        let path = format!("{}.x-kubernetes-validations[{index}]", place.path);
        text(rule, &path, causes);
        target(rule, schema, &path, causes);
        let old = rule["rule"]
            .as_str()
            .filter(|text| text.contains("oldSelf"));
        if let (Some(text), Some(list)) = (old, place.uncorrelatable) {
            let detail = format!(
                "oldSelf cannot be used on the uncorrelatable portion of the schema within {list}"
            );
            causes.push(Cause::invalid(
                &format!("{path}.rule"),
                &text.into(),
                &detail,
            ));
        }
    }
}

fn text(rule: &Value, path: &str, causes: &mut Vec<Cause>) {
    let source = rule["rule"].as_str().unwrap_or_default();
    if source.trim().is_empty() {
        causes.push(Cause::required(
            &format!("{path}.rule"),
            "rule is not specified",
        ));
    }
    let field = format!("{path}.message");
    match rule["message"].as_str().unwrap_or_default() {
        "" if source.trim().contains('\n') => {
            let detail = "message must be specified if rule contains line breaks";
            causes.push(Cause::required(&field, detail));
        }
        "" => {}
        blank if blank.trim().is_empty() => {
            causes.push(Cause::invalid(
                &field,
                &blank.into(),
                "must be non-empty if specified",
            ));
        }
        lines if lines.contains('\n') => {
            causes.push(Cause::invalid(
                &field,
                &lines.into(),
                "must not contain line breaks",
            ));
        }
        _ => {}
    }
}

fn target(rule: &Value, schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    if let Some(reason) = rule["reason"].as_str()
        && !REASONS.contains(&reason)
    {
        causes.push(Cause::not_supported(
            &format!("{path}.reason"),
            &reason.into(),
            REASONS,
        ));
    }
    if let Some(field) = rule["fieldPath"].as_str().filter(|field| !field.is_empty())
        && !leads_somewhere(schema, field)
    {
        let place = format!("{path}.fieldPath");
        causes.push(Cause::invalid(
            &place,
            &field.into(),
            "must be a valid path",
        ));
    }
}

fn leads_somewhere(schema: &Value, path: &str) -> bool {
    let Some(path) = path.strip_prefix('.') else {
        return false;
    };
    let mut at = schema;
    let mut rest = path;
    while !rest.is_empty() {
        let (key, after) = match rest.strip_prefix("['") {
            Some(quoted) => quoted.split_once("']").unwrap_or((quoted, "")),
            None => rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len())),
        };
        let below = at["properties"].get(key).or_else(|| {
            at["additionalProperties"]
                .as_object()
                .map(|_| &at["additionalProperties"])
        });
        let Some(below) = below else { return false };
        at = below;
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    true
}
