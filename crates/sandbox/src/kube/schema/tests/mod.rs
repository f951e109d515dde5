//! `answers.json` is what kube-apiserver 1.36 said to objects of `widget.json`.

mod answers_of_a_server;
mod merge;
mod project;

use serde_json::{Value, json};

use super::*;

fn widget() -> Schema {
    Schema::compile(&serde_json::from_str(include_str!("widget.json")).unwrap()).unwrap()
}

fn answers() -> Vec<Value> {
    serde_json::from_str(include_str!("answers.json")).unwrap()
}

fn taken_in(schema: &Schema, object: &Value) -> (Value, Vec<String>) {
    let mut object = object.clone();
    let unknown = schema.prune(&mut object);
    schema.apply_defaults(&mut object);
    (object, unknown)
}

/// The server goes through fields in any order.
#[cfg(feature = "cel")]
fn sorted(
    causes: impl IntoIterator<Item = (String, String, String)>,
) -> Vec<(String, String, String)> {
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort();
    causes
}

#[cfg(feature = "cel")]
#[test]
fn refuses_what_the_real_server_refuses_with_the_same_words() {
    let schema = widget();
    let mut failures = Vec::new();
    for answer in answers() {
        let (new, _) = taken_in(&schema, &answer["object"]);
        let old = answer.get("old").map(|old| taken_in(&schema, old).0);
        let causes = schema.validate(&new, old.as_ref());
        let ours = sorted(
            causes
                .into_iter()
                .map(|cause| (cause.reason.to_owned(), cause.field, cause.message)),
        );
        let theirs = answer["causes"].as_array().into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let theirs =
            sorted(theirs.map(|cause| (text(&cause[0]), text(&cause[1]), text(&cause[2]))));
        if ours != theirs {
            failures.push(format!(
                "{}\n ours   {ours:#?}\n theirs {theirs:#?}",
                answer["name"]
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn stores_what_the_real_server_stores() {
    let schema = widget();
    for answer in answers() {
        let Some(spec) = answer.get("spec") else {
            continue;
        };
        let (new, _) = taken_in(&schema, &answer["object"]);
        assert_eq!(&new["spec"], spec, "{}", answer["name"]);
    }
}

#[test]
fn names_unknown_fields_as_the_real_server_names_them() {
    let schema = widget();
    for answer in answers() {
        let (_, unknown) = taken_in(&schema, &answer["object"]);
        let theirs = answer.get("unknown").cloned().unwrap_or_else(|| json!([]));
        assert_eq!(json!(unknown), theirs, "{}", answer["name"]);
    }
}

#[test]
fn says_a_cause_once_in_the_message() {
    let one = Cause::required("spec.a", "");
    assert_eq!(
        Cause::message_of(std::slice::from_ref(&one)),
        "spec.a: Required value"
    );
    let two = [one.clone(), Cause::forbidden("spec.b", "no"), one];
    assert_eq!(
        Cause::message_of(&two),
        "[spec.a: Required value, spec.b: Forbidden: no]"
    );
}
