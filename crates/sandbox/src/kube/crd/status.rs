//! The status of a definition: which of its names it got, and whether it is served.

use jiff::{Timestamp, Unit};
use serde_json::{Map, Value, json};

use super::{Definition, texts};

pub(super) fn of(crd: &Value, others: &[&Definition], now: Timestamp) -> Value {
    let (names, conflict) = accepted(crd, others);
    let before = &crd["status"]["conditions"];
    let established = is_true(before, "Established");
    let (accepted, served) = match conflict {
        None => (NO_CONFLICTS, ESTABLISHED),
        Some((reason, ref message)) => (
            ("False", reason, message.as_str()),
            // Once served, always served: another name of it changes that no more.
            if established {
                ESTABLISHED
            } else {
                ("False", "NotAccepted", "not all names are accepted")
            },
        ),
    };
    json!({
        "conditions": [
            condition(before, "NamesAccepted", accepted, now),
            condition(before, "Established", served, now),
        ],
        "acceptedNames": names,
        "storedVersions": stored(crd),
    })
}

type Verdict<'a> = (&'a str, &'a str, &'a str);

const NO_CONFLICTS: Verdict<'_> = ("True", "NoConflicts", "no conflicts found");
const ESTABLISHED: Verdict<'_> = (
    "True",
    "InitialNamesAccepted",
    "the initial names have been accepted",
);

/// The names the definition may have, and the last that another has already.
fn accepted(crd: &Value, others: &[&Definition]) -> (Value, Option<(&'static str, String)>) {
    let names = &crd["spec"]["names"];
    let others: Vec<&&Definition> = others
        .iter()
        .filter(|other| {
            crd["spec"]["group"] == *other.group && crd["metadata"]["name"] != *other.name
        })
        .collect();
    let resource = |name: &str| {
        others.iter().any(|other| {
            other.plural == name
                || other.singular == name
                || other.short_names.iter().any(|known| known == name)
        })
    };
    let kind = |name: &str| {
        others
            .iter()
            .any(|other| other.kind == name || other.list_kind == name)
    };
    let mut conflict = None;
    let mut got = Map::new();
    for (key, reason, taken) in [
        (
            "plural",
            "PluralConflict",
            &resource as &dyn Fn(&str) -> bool,
        ),
        ("singular", "SingularConflict", &resource),
    ] {
        take(names, key, reason, taken, &mut got, &mut conflict);
    }
    let short: Vec<String> = texts(&names["shortNames"]);
    match short.iter().find(|name| resource(name)) {
        Some(name) => conflict = Some(("ShortNamesConflict", already(name))),
        None if !short.is_empty() => {
            got.insert("shortNames".into(), json!(short));
        }
        None => {}
    }
    for (key, reason) in [("kind", "KindConflict"), ("listKind", "ListKindConflict")] {
        take(names, key, reason, &kind, &mut got, &mut conflict);
    }
    if !texts(&names["categories"]).is_empty() {
        got.insert("categories".into(), names["categories"].clone());
    }
    for key in ["plural", "kind"] {
        got.entry(key).or_insert_with(|| "".into());
    }
    (Value::Object(got), conflict)
}

fn take(
    names: &Value,
    key: &str,
    reason: &'static str,
    taken: &dyn Fn(&str) -> bool,
    got: &mut Map<String, Value>,
    conflict: &mut Option<(&'static str, String)>,
) {
    let name = names[key].as_str().unwrap_or_default();
    if taken(name) {
        *conflict = Some((reason, already(name)));
    } else {
        got.insert(key.into(), name.into());
    }
}

fn already(name: &str) -> String {
    format!("\"{name}\" is already in use")
}

fn stored(crd: &Value) -> Vec<String> {
    let mut stored = texts(&crd["status"]["storedVersions"]);
    let versions = crd["spec"]["versions"].as_array().into_iter().flatten();
    for version in versions.filter(|version| version["storage"] == true) {
        let name = version["name"].as_str().unwrap_or_default();
        if !stored.iter().any(|known| known == name) {
            stored.push(name.to_owned());
        }
    }
    stored
}

fn is_true(conditions: &Value, kind: &str) -> bool {
    find(conditions, kind).is_some_and(|condition| condition["status"] == "True")
}

fn find<'a>(conditions: &'a Value, kind: &str) -> Option<&'a Value> {
    conditions
        .as_array()?
        .iter()
        .find(|condition| condition["type"] == kind)
}

fn condition(
    before: &Value,
    kind: &str,
    (status, reason, message): Verdict<'_>,
    now: Timestamp,
) -> Value {
    let same = find(before, kind).filter(|condition| condition["status"] == status);
    let since = same.map_or_else(
        || now.round(Unit::Second).unwrap_or(now).to_string().into(),
        |condition| condition["lastTransitionTime"].clone(),
    );
    json!({"type": kind, "status": status, "lastTransitionTime": since, "reason": reason,
        "message": message})
}
