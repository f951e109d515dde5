//! `answers.json` is what kube-apiserver 1.36 said to definitions.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;

fn answers() -> Vec<Value> {
    serde_json::from_str(include_str!("answers.json")).unwrap()
}

fn read(crd: &Value) -> (Value, Result<Definition, Vec<Cause>>) {
    let mut crd = crd.clone();
    defaults(&mut crd);
    let definition = Definition::of(&crd);
    (crd, definition)
}

/// How a parser goes on after an error is its own affair; both begin alike.
const SYNTAX: &str = "Syntax error: mismatched input '<EOF>' expecting";

fn comparable(cause: &Cause) -> [String; 3] {
    let message = cause.message.split(SYNTAX).next().unwrap();
    [
        cause.reason.to_owned(),
        cause.field.clone(),
        message.to_owned(),
    ]
}

fn theirs(answer: &Value) -> Vec<[String; 3]> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let causes = answer["causes"].as_array().into_iter().flatten();
    causes
        .map(|cause| {
            let message = text(&cause[2]);
            let message = message.split(SYNTAX).next().unwrap();
            [text(&cause[0]), text(&cause[1]), message.to_owned()]
        })
        .collect()
}

/// What only a type checker finds; the interpreter used here has none.
const UNCHECKED: &str = "cel type";

#[test]
fn refuses_the_definitions_the_real_server_refuses_with_the_same_words() {
    let mut failures = Vec::new();
    for answer in answers() {
        let name = answer["name"].as_str().unwrap();
        let without_cel = !cfg!(feature = "cel") && name.starts_with("cel ");
        if name == UNCHECKED || without_cel {
            continue;
        }
        let mut ours: Vec<_> = match read(&answer["object"]).1 {
            Ok(_) => Vec::new(),
            Err(causes) => causes.iter().map(comparable).collect(),
        };
        let mut theirs = theirs(&answer);
        ours.sort();
        theirs.sort();
        if ours != theirs {
            failures.push(format!("{name}\n ours   {ours:#?}\n theirs {theirs:#?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn fills_in_the_names_the_real_server_fills_in() {
    for answer in answers() {
        let Some(spec) = answer.get("spec") else {
            continue;
        };
        let (crd, _) = read(&answer["object"]);
        for key in ["names", "conversion", "scope", "group"] {
            assert_eq!(crd["spec"][key], spec[key], "{}", answer["name"]);
        }
    }
}

fn gadgets(plural: &str, kind: &str) -> Value {
    json!({"metadata": {"name": format!("{plural}.test.example.io")},
        "spec": {"group": "test.example.io", "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind, "shortNames": ["gg"], "categories": ["all"]},
            "versions": [{"name": "v1", "served": true, "storage": true, "deprecated": true,
                "subresources": {"status": {}},
                "selectableFields": [{"jsonPath": ".spec.a"}],
                "additionalPrinterColumns": [{"name": "A", "type": "string", "jsonPath": ".spec.a"}],
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec":
                    {"type": "object", "properties": {"a": {"type": "string"}}}}}}}]}})
}

#[test]
fn a_definition_says_how_it_is_served() {
    let definition = read(&gadgets("gadgets", "Gadget")).1.unwrap();
    assert_eq!(definition.name, "gadgets.test.example.io");
    assert_eq!(
        (&*definition.singular, &*definition.list_kind),
        ("gadget", "GadgetList")
    );
    assert_eq!(definition.short_names, ["gg"]);
    assert_eq!(definition.categories, ["all"]);
    assert!(definition.namespaced);
    let version = definition.version("v1").unwrap();
    assert!(version.status && version.served && version.scale.is_none());
    assert_eq!(version.selectable_fields, [".spec.a"]);
    assert_eq!(version.columns[0].json_path, ".spec.a");
    assert_eq!(
        version.deprecation.as_deref(),
        Some("test.example.io/v1 Gadget is deprecated")
    );
    assert_eq!(definition.storage().unwrap().name, "v1");
    assert!(definition.version("v2").is_none());
}

#[test]
fn what_is_wrong_in_one_version_is_named_there_and_what_all_share_once() {
    let bad = json!({"openAPIV3Schema": {"type": "object", "properties": {"a": {}}}});
    let mut crd = gadgets("gadgets", "Gadget");
    let mut second = crd["spec"]["versions"][0].clone();
    second["name"] = "v2".into();
    second["storage"] = false.into();
    second["schema"] = bad.clone();
    second["selectableFields"] = Value::Null;
    crd["spec"]["versions"][0]["selectableFields"] = Value::Null;
    crd["spec"]["versions"].as_array_mut().unwrap().push(second);
    let fields = |crd: &Value| {
        let causes = read(crd).1.unwrap_err();
        causes
            .into_iter()
            .map(|cause| cause.field)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        fields(&crd),
        ["spec.versions[1].schema.openAPIV3Schema.properties[a].type"]
    );
    crd["spec"]["versions"][0]["schema"] = bad;
    assert_eq!(
        fields(&crd),
        ["spec.validation.openAPIV3Schema.properties[a].type"]
    );
}

#[test]
fn names_go_to_the_first_who_has_them() {
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    let (first, definition) = read(&gadgets("gadgets", "Gadget"));
    let accepted = status(&first, &[], now);
    assert_eq!(
        accepted["conditions"],
        json!([
            {"type": "NamesAccepted", "status": "True", "lastTransitionTime": "2026-11-22T10:00:00Z",
                "reason": "NoConflicts", "message": "no conflicts found"},
            {"type": "Established", "status": "True", "lastTransitionTime": "2026-11-22T10:00:00Z",
                "reason": "InitialNamesAccepted", "message": "the initial names have been accepted"}
        ])
    );
    assert_eq!(accepted["acceptedNames"]["listKind"], "GadgetList");
    assert_eq!(accepted["storedVersions"], json!(["v1"]));

    let mut second = gadgets("gadgetz", "Gadget");
    second["spec"]["names"]["shortNames"] = json!(["gz"]);
    let (second, _) = read(&second);
    let refused = status(&second, &[&definition.unwrap()], now);
    assert_eq!(refused["conditions"][0]["reason"], "ListKindConflict");
    assert_eq!(
        refused["conditions"][0]["message"],
        "\"GadgetList\" is already in use"
    );
    assert_eq!(refused["conditions"][1]["reason"], "NotAccepted");
    let names =
        json!({"plural": "gadgetz", "shortNames": ["gz"], "kind": "", "categories": ["all"]});
    assert_eq!(refused["acceptedNames"], names);
}

#[test]
fn a_version_once_stored_cannot_go() {
    let mut crd = gadgets("gadgets", "Gadget");
    crd["status"] = json!({"storedVersions": ["v0", "v1"]});
    let causes = read(&crd).1.unwrap_err();
    assert_eq!(causes.len(), 1);
    assert_eq!(causes[0].field, "status.storedVersions[0]");
    assert!(
        causes[0]
            .message
            .starts_with("Invalid value: \"v0\": missing from spec.versions")
    );
}

#[test]
fn the_definitions_of_this_repository_are_taken() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crds");
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let crd: Value = serde_saphyr::from_str(&text).unwrap();
        let definition = read(&crd).1.unwrap();
        assert!(definition.storage().is_some());
        seen += 1;
    }
    assert_eq!(seen, 4);
}
