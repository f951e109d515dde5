//! Rules, ratcheting and names: what kube-apiserver 1.36 said to smaller schemas.

use serde_json::{Value, json};

use super::super::*;
use super::taken_in;

fn spec(properties: &Value, rules: &Value) -> Schema {
    let schema = json!({"type": "object", "x-kubernetes-validations": rules,
        "properties": {"spec": {"type": "object", "properties": properties}}});
    Schema::compile(&schema).unwrap()
}

fn texts(schema: &Schema, new: &Value, old: Option<&Value>) -> Vec<String> {
    let object = |spec: &Value| {
        let object = json!({"apiVersion": "test.example.io/v1", "kind": "Cel",
            "metadata": {"name": "x"}, "spec": spec});
        taken_in(schema, &object).0
    };
    let old = old.map(object);
    schema
        .validate(&object(new), old.as_ref())
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn rule(rule: &str, message: &str) -> Value {
    json!([{"rule": rule, "message": message}])
}

#[cfg(feature = "cel")]
#[test]
fn a_rule_names_its_value_only_if_it_is_a_scalar() {
    let schema = spec(
        &json!({
            "list": {"type": "array", "items": {"type": "string"},
                "x-kubernetes-validations": rule("self.size() != 1", "not one")},
            "map": {"type": "object", "x-kubernetes-validations": rule("!('q' in self)", "no q"),
                "additionalProperties": {"type": "string",
                    "x-kubernetes-validations": rule("self != 'a'", "not a")}},
            "str": {"type": "string", "x-kubernetes-validations": rule("int(self) > 0", "a number")},
            "bool": {"type": "boolean", "x-kubernetes-validations": rule("self", "yes")},
            "num": {"type": "number", "x-kubernetes-validations": rule("self > 0.5", "half")},
        }),
        &json!([]),
    );
    for (new, text) in [
        (json!({"list": ["a"]}), "spec.list: Invalid value: not one"),
        (
            json!({"map": {"k.x": "a"}}),
            "spec.map[k.x]: Invalid value: \"a\": not a",
        ),
        (json!({"map": {"q": "b"}}), "spec.map: Invalid value: no q"),
        (
            json!({"str": "x"}),
            "spec.str: Invalid value: \"string\": type conversion error from 'string' to 'int' \
             evaluating rule: a number",
        ),
        (
            json!({"str": "-1"}),
            "spec.str: Invalid value: \"-1\": a number",
        ),
        (
            json!({"bool": false}),
            "spec.bool: Invalid value: false: yes",
        ),
        (json!({"num": 0}), "spec.num: Invalid value: 0: half"),
    ] {
        assert_eq!(texts(&schema, &new, None), [text], "{new}");
    }
    assert_eq!(texts(&schema, &json!({"num": 1}), None), [""; 0]);
}

#[cfg(feature = "cel")]
#[test]
fn rules_know_fields_by_their_escaped_names() {
    let rules = json!([
        {"rule": "!has(self.my_field) || self.my_field > 0", "message": "one"},
        {"rule": "!has(self.my__underscores__field) || self.my__underscores__field > 0", "message": "two"},
    ]);
    let integer = json!({"type": "integer"});
    let schema = spec(
        &json!({"under": {"type": "object", "x-kubernetes-validations": rules,
            "properties": {"my_field": integer, "my__field": integer}}}),
        &json!([]),
    );
    let wrong = |new: &Value| texts(&schema, new, None);
    assert_eq!(
        wrong(&json!({"under": {"my_field": 0}})),
        ["spec.under: Invalid value: one"]
    );
    assert_eq!(
        wrong(&json!({"under": {"my__field": 0}})),
        ["spec.under: Invalid value: two"]
    );
}

#[cfg(feature = "cel")]
#[test]
fn a_rule_at_the_root_sees_name_and_kind() {
    let schema = spec(
        &json!({}),
        &json!([
            {"rule": "self.metadata.name != 'x'", "message": "bad name"},
            {"rule": "self.kind == 'Cel' && self.apiVersion == 'test.example.io/v1'"},
            {"rule": "!has(self.metadata.labels)"},
        ]),
    );
    assert_eq!(
        texts(&schema, &json!({}), None),
        ["<nil>: Invalid value: bad name"]
    );
}

#[cfg(feature = "cel")]
#[test]
fn a_rule_may_point_at_a_field_below() {
    let schema = spec(
        &json!({"paths": {"type": "object",
            "properties": {"a": {"type": "object", "properties": {"b.c": {"type": "string"}}}},
            "x-kubernetes-validations":
                [{"rule": "has(self.a)", "message": "needs a", "fieldPath": ".a['b.c']"}]}}),
        &json!([]),
    );
    assert_eq!(
        texts(&schema, &json!({"paths": {}}), None),
        ["spec.paths.a.b.c: Invalid value: needs a"]
    );
}

#[test]
fn without_rules_nothing_is_said_about_rules() {
    let schema = spec(&json!({"a": {"type": "string"}}), &json!([]));
    assert_eq!(
        texts(&schema, &json!({"a": 1}), None),
        ["spec.a: Invalid value: \"integer\": spec.a in body must be of type string: \"integer\""]
    );
}

#[test]
fn what_was_wrong_and_has_not_changed_is_let_pass() {
    let short = json!({"type": "string", "maxLength": 2});
    let schema = spec(
        &json!({"a": short, "l": {"type": "array", "items": short},
            "m": {"type": "object", "additionalProperties": short},
            "b": {"type": "string"}}),
        &json!([]),
    );
    let old = json!({"a": "long", "l": ["long"], "m": {"x": "long"}});
    let change = |key: &str, value: Value| {
        let mut new = old.clone();
        new[key] = value;
        texts(&schema, &new, Some(&old))
    };
    let none: [String; 0] = [];
    assert_eq!(change("b", json!("new")), none);
    assert_eq!(change("m", json!({"x": "long", "y": "a"})), none);
    assert_eq!(
        change("a", json!("longer")),
        ["spec.a: Too long: may not be more than 2 bytes"]
    );
    // Items of a list without keys are not known again.
    assert_eq!(
        change("l", json!(["long", "b"])),
        ["spec.l[0]: Too long: may not be more than 2 bytes"]
    );
}

#[cfg(feature = "cel")]
#[test]
fn a_new_rule_does_not_refuse_what_has_not_changed() {
    let schema = spec(
        &json!({"a": {"type": "string", "x-kubernetes-validations": rule("self == 'x'", "only x")},
            "b": {"type": "string"}}),
        &json!([]),
    );
    let old = json!({"a": "b"});
    assert!(texts(&schema, &json!({"a": "b", "b": "new"}), Some(&old)).is_empty());
    assert_eq!(
        texts(&schema, &json!({"a": "c"}), Some(&old)),
        ["spec.a: Invalid value: \"c\": only x"]
    );
}

/// Where the interpreter falls short of the server's: libraries it has and that one has not, a key
/// of a map whose type is not known, and what it cannot read, which is refused when it is written.
#[cfg(feature = "cel")]
const OTHERWISE_HERE: [&str; 6] = [
    "math.greatest(self.n, 3) == 3",
    "cel.bind(x, self.n, x > 1)",
    "self.m.all(k, k.foo == 1)",
    "self.?s.orValue('x') == 'x'",
    "self.l.all(i, v, v.v > 0)",
    "self.l.sortBy(i, i.v)[0].v == 1",
];

#[cfg(feature = "cel")]
#[test]
fn rules_with_names_that_mean_nothing_are_refused_and_no_others() {
    let file: Value = serde_json::from_str(include_str!("rules.json")).unwrap();
    let mut failures = Vec::new();
    for answer in file["rules"].as_array().unwrap() {
        let source = answer[0].as_str().unwrap();
        let mut schema = file["schema"].clone();
        schema["x-kubernetes-validations"] = json!([{"rule": source, "message": "m"}]);
        let root = json!({"type": "object", "properties": {"spec": schema}});
        let ours = match Schema::compile(&root) {
            Ok(_) => Value::Null,
            Err(causes) => causes[0].message.split("null}: ").last().unwrap().into(),
        };
        if (ours == answer[1]) == OTHERWISE_HERE.contains(&source) {
            failures.push(format!("{source}\n ours   {ours}\n theirs {}", answer[1]));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
