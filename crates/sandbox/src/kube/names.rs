//! What names, labels and annotations may be, in Kubernetes' words.

use serde_json::Value;

use super::meta;
use super::schema::Cause;

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric \
     characters, '-' or '.', and must start and end with an alphanumeric character (e.g. \
     'example.com', regex used for validation is \
     '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric \
     characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  \
     or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const KEY_NAME: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start \
     and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex \
     used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric \
     characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. \
     'MyValue',  or 'my_value',  or '12345', regex used for validation is \
     '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// How many bytes all annotations of an object may have.
const ANNOTATIONS: u64 = 256 * 1024;

/// What rule the names of a kind follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    Subdomain,
    Label,
    /// Whatever can stand in a path: RBAC's names.
    PathSegment,
}

impl Rule {
    /// The rule for the names of a kind.
    pub(super) fn of(group: &str, kind: &str) -> Self {
        match (group, kind) {
            ("", "Namespace" | "Service") => Self::Label,
            ("rbac.authorization.k8s.io", _) => Self::PathSegment,
            _ => Self::Subdomain,
        }
    }

    /// What is wrong with a name.
    pub(super) fn check(self, name: &str) -> Vec<String> {
        match self {
            Self::Subdomain => problems(name, 253, is_subdomain(name), SUBDOMAIN),
            Self::Label => problems(name, 63, is_label(name), LABEL),
            Self::PathSegment => path_segment(name),
        }
    }
}

fn problems(text: &str, most: usize, is_right: bool, rule: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if text.len() > most {
        problems.push(format!("must be no more than {most} characters"));
    }
    if !is_right {
        problems.push(rule.to_owned());
    }
    problems
}

fn path_segment(name: &str) -> Vec<String> {
    if name == "." || name == ".." {
        return vec![format!("may not be '{name}'")];
    }
    let bad = ['/', '%'].into_iter().filter(|bad| name.contains(*bad));
    bad.map(|bad| format!("may not contain '{bad}'")).collect()
}

fn is_label(text: &str) -> bool {
    let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().is_some_and(inner)
        && bytes.last().is_some_and(inner)
        && bytes.iter().all(|byte| inner(byte) || *byte == b'-')
}

pub(super) fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_label)
}

fn is_qualified(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

/// What is wrong with the key of a label or annotation.
pub(super) fn label_key(key: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let name = match key.split('/').collect::<Vec<_>>()[..] {
        [name] => name,
        [prefix, name] => {
            if prefix.is_empty() {
                wrong.push("prefix part must be non-empty".to_owned());
            } else {
                let prefix = problems(prefix, 253, is_subdomain(prefix), SUBDOMAIN);
                wrong.extend(prefix.into_iter().map(|why| format!("prefix part {why}")));
            }
            name
        }
        _ => {
            return vec![format!(
                "a valid label key {KEY_NAME} with an optional DNS subdomain prefix and '/' (e.g. \
                 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        wrong.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        wrong.push("name part must be no more than 63 bytes".to_owned());
    }
    if !is_qualified(name) {
        wrong.push(format!("name part {KEY_NAME}"));
    }
    wrong
}

/// Whether a label may have that value.
pub(super) fn label_value(value: &str) -> Result<(), String> {
    if value.len() > 63 {
        return Err("must be no more than 63 bytes".to_owned());
    }
    if value.is_empty() || is_qualified(value) {
        return Ok(());
    }
    Err(LABEL_VALUE.to_owned())
}

/// The keys of `data` in Secrets and ConfigMaps.
pub(super) fn config_key(key: &str) -> Vec<String> {
    let is_right = !key.is_empty()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let mut wrong = problems(
        key,
        253,
        is_right,
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. \
         'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
    );
    match key {
        "." => wrong.push("must not be '.'".to_owned()),
        ".." => wrong.push("must not be '..'".to_owned()),
        _ if key.starts_with("..") => wrong.push("must not start with '..'".to_owned()),
        _ => {}
    }
    wrong
}

/// What is wrong with an object's metadata.
pub(super) fn check_metadata(meta: &Value, rule: Rule, is_custom: bool) -> Vec<Cause> {
    let mut causes = Vec::new();
    let name = meta["name"].as_str().unwrap_or_default();
    if name.is_empty() {
        causes.push(Cause::required(
            "metadata.name",
            "name or generateName is required",
        ));
    } else {
        let wrong = rule.check(name);
        causes.extend(
            wrong
                .iter()
                .map(|why| Cause::refused("metadata.name", name, why)),
        );
    }
    causes.extend(check_labels(&meta["labels"], "metadata.labels"));
    causes.extend(check_annotations(&meta["annotations"]));
    causes.extend(check_owners(&meta["ownerReferences"]));
    causes.extend(check_finalizers(&meta["finalizers"], is_custom));
    causes
}

/// What is wrong with labels, wherever they stand.
pub(super) fn check_labels(labels: &Value, field: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (key, value) in labels.as_object().into_iter().flatten() {
        let wrong = label_key(key);
        causes.extend(wrong.iter().map(|why| Cause::refused(field, key, why)));
        let value = value.as_str().unwrap_or_default();
        if let Err(why) = label_value(value) {
            causes.push(Cause::refused(field, value, &why));
        }
    }
    causes
}

fn check_annotations(annotations: &Value) -> Vec<Cause> {
    let field = "metadata.annotations";
    let mut causes = Vec::new();
    let mut size = 0u64;
    for (key, value) in annotations.as_object().into_iter().flatten() {
        // Case does not matter in their keys.
        let wrong = label_key(&key.to_lowercase());
        causes.extend(wrong.iter().map(|why| Cause::refused(field, key, why)));
        size += (key.len() + value.as_str().map_or(0, str::len)) as u64;
    }
    if size > ANNOTATIONS {
        causes.push(Cause::too_long(field, ANNOTATIONS));
    }
    causes
}

fn check_owners(owners: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut controller: Option<String> = None;
    for owner in owners.as_array().into_iter().flatten() {
        let field = "metadata.ownerReferences";
        for (key, why) in [
            ("apiVersion", "version must not be empty"),
            ("kind", "must not be empty"),
            ("name", "must not be empty"),
            ("uid", "must not be empty"),
        ] {
            if owner[key].as_str().is_none_or(str::is_empty) {
                causes.push(Cause::refused(&format!("{field}.{key}"), "", why));
            }
        }
        if owner["controller"] == true {
            let this = format!(
                "{}/{}",
                owner["kind"].as_str().unwrap_or_default(),
                owner["name"].as_str().unwrap_or_default()
            );
            if let Some(first) = &controller {
                let why = format!(
                    "Only one reference can have Controller set to true. Found \"true\" in \
                     references for {first} and {this}"
                );
                causes.push(Cause::invalid("metadata.ownerReferences", owners, &why));
            }
            controller.get_or_insert(this);
        }
    }
    causes
}

/// Finalizers of the server's own.
const STANDARD: [&str; 4] = [
    "orphan",
    "foregroundDeletion",
    "kubernetes",
    super::custom::CLEANUP,
];

/// What clients are warned of: new finalizers of a custom resource that are bare names.
pub(super) fn bare_finalizers(object: &Value, before: Option<&Value>) -> Vec<String> {
    let old = before.map(meta::finalizers).unwrap_or_default();
    let mut new = meta::finalizers(object);
    new.retain(|name| !old.contains(name) && !name.contains('/') && !STANDARD.contains(name));
    new.sort_unstable();
    new.dedup();
    new.into_iter()
        .map(|name| {
            format!(
                "metadata.finalizers: {name:?}: prefer a domain-qualified finalizer name \
                 including a path (/) to avoid accidental conflicts with other finalizer writers"
            )
        })
        .collect()
}

/// Of custom resources a finalizer may also be a bare name.
fn check_finalizers(finalizers: &Value, is_custom: bool) -> Vec<Cause> {
    let mut causes = Vec::new();
    let names = || {
        finalizers
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
    };
    for name in names() {
        let wrong = label_key(name);
        let field = "metadata.finalizers";
        causes.extend(wrong.iter().map(|why| Cause::refused(field, name, why)));
    }
    for (at, name) in names().enumerate() {
        let is_known = STANDARD.contains(&name);
        if !is_custom && !name.contains('/') && !is_known {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            causes.push(Cause::refused(
                &format!("metadata.finalizers[{at}]"),
                name,
                why,
            ));
        }
    }
    if names().any(|name| name == "orphan") && names().any(|name| name == "foregroundDeletion") {
        let why = "finalizer orphan and foregroundDeletion cannot be both set";
        causes.push(Cause::invalid("metadata.finalizers", finalizers, why));
    }
    causes
}
