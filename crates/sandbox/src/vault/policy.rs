//! What a policy's text means.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::call::Op;
use super::go;
use super::hcl::{self, Item, Node, Place};

/// What may be done to a path, as bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Capabilities(u16);

const NAMES: [&str; 10] = [
    "deny",
    "create",
    "read",
    "update",
    "delete",
    "list",
    "sudo",
    "patch",
    "subscribe",
    "recover",
];
const DENY: u16 = 1;
const SUDO: u16 = 1 << 6;

impl Capabilities {
    pub(super) const DENY: Self = Self(DENY);

    fn named(name: &str) -> Option<Self> {
        let at = NAMES.iter().position(|known| *known == name)?;
        Some(Self(1 << at))
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn denies(self) -> bool {
        self.0 & DENY != 0
    }

    pub(super) fn has_sudo(self) -> bool {
        self.0 & SUDO != 0
    }

    pub(super) fn allows(self, op: Op) -> bool {
        let bit = match op {
            Op::Create => 1 << 1,
            Op::Read => 1 << 2,
            Op::Update => 1 << 3,
            Op::Delete => 1 << 4,
            Op::List => 1 << 5,
            Op::Patch => 1 << 7,
        };
        self.0 & bit != 0
    }

    /// Their names in order; `deny` where there is nothing.
    pub(super) fn names(self) -> Vec<String> {
        let mut names: Vec<String> = NAMES
            .iter()
            .enumerate()
            .filter(|(at, _)| *at > 0 && self.0 & (1 << at) != 0)
            .map(|(_, name)| (*name).to_owned())
            .collect();
        if self.denies() || names.is_empty() {
            return vec!["deny".to_owned()];
        }
        names.sort();
        names
    }
}

/// Names of parameters, in lower case, and the values they may have; none: any.
pub(super) type Parameters = BTreeMap<String, Vec<Value>>;

/// What a policy says of one path.
#[derive(Debug, Clone, Default)]
pub(super) struct Permissions {
    pub(super) capabilities: Capabilities,
    pub(super) allowed: Parameters,
    pub(super) denied: Parameters,
    pub(super) required: Vec<String>,
    pub(super) min_wrap: SignedDuration,
    pub(super) max_wrap: SignedDuration,
}

impl Permissions {
    /// What programs are shown of it.
    pub(super) fn describe(&self) -> Value {
        let mut shown = json!({ "capabilities": self.capabilities.names() });
        let mut add = |name: &str, is_set: bool, value: Value| {
            if is_set {
                shown[name] = value;
            }
        };
        add(
            "allowed_parameters",
            !self.allowed.is_empty(),
            json!(self.allowed),
        );
        add(
            "denied_parameters",
            !self.denied.is_empty(),
            json!(self.denied),
        );
        add(
            "required_parameters",
            !self.required.is_empty(),
            json!(self.required),
        );
        add(
            "min_wrapping_ttl",
            !self.min_wrap.is_zero(),
            self.min_wrap.as_secs().into(),
        );
        add(
            "max_wrapping_ttl",
            !self.max_wrap.is_zero(),
            self.max_wrap.as_secs().into(),
        );
        shown
    }
}

/// One path of a policy.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    /// Without the `*` of a prefix, except where there are `+`.
    pub(super) path: String,
    pub(super) is_prefix: bool,
    pub(super) has_wildcards: bool,
    pub(super) permissions: Permissions,
}

/// Reads a policy: HCL, or JSON.
pub(super) fn parse(text: &str) -> Result<Vec<Rule>, String> {
    let items = if text.trim_start().starts_with('{') {
        json_items(text)?
    } else {
        hcl::parse(text)?
    };
    for item in &items {
        let key = item.keys.first().map_or("", String::as_str);
        if key != "name" && key != "path" {
            // The line of a key at the top is never known.
            return Err(invalid_key("", key, 0));
        }
    }
    let mut rules = Vec::new();
    for item in items.iter().filter(|item| item.keys[0] == "path") {
        for (key, body) in blocks(item)? {
            rules.push(rule(&key, body)?);
        }
    }
    Ok(rules)
}

fn invalid_key(prefix: &str, key: &str, line: usize) -> String {
    go::multierror(&[format!(
        "{prefix}invalid key {} on line {line}",
        go::quote(key)
    )])
}

/// The paths a `path` item stands for with what is said of each: `path "a" {}`, or a whole map
/// of them as JSON has it.
fn blocks(item: &Item) -> Result<Vec<(String, &[Item])>, String> {
    match (item.keys.as_slice(), &item.node) {
        ([_, key], Node::Object(body)) => Ok(vec![(key.clone(), body)]),
        ([_], Node::Object(paths)) => paths
            .iter()
            .map(|path| match &path.node {
                Node::Object(body) => Ok((path.keys[0].clone(), body.as_slice())),
                other => Err(no_keys(&path.keys[0], other)),
            })
            .collect(),
        (_, other) => Err(no_keys("path", other)),
    }
}

fn no_keys(path: &str, node: &Node) -> String {
    let kind = if matches!(node, Node::List(_)) {
        "*ast.ListType"
    } else {
        "*ast.LiteralType"
    };
    format!(
        "path {}: cannot check HCL keys of type {kind}",
        go::quote(path)
    )
}

const KEYS: [&str; 11] = [
    "comment",
    "policy",
    "capabilities",
    "allowed_parameters",
    "denied_parameters",
    "required_parameters",
    "min_wrapping_ttl",
    "max_wrapping_ttl",
    "mfa_methods",
    "control_group",
    "subscribe_event_types",
];

fn rule(key: &str, body: &[Item]) -> Result<Rule, String> {
    let quoted = go::quote(key);
    for item in body {
        if !KEYS.contains(&item.keys[0].as_str()) {
            let prefix = format!("path {quoted}: ");
            return Err(invalid_key(&prefix, &item.keys[0], item.at.0));
        }
    }
    let mut path = key.strip_prefix('/').unwrap_or(key).to_owned();
    if path.contains("+*") {
        let path = go::quote(&path);
        return Err(format!(
            "path {path}: invalid use of wildcards ('+*' is forbidden)"
        ));
    }
    let has_wildcards = path == "+" || path.contains("/+") || path.starts_with("+/");
    let is_prefix = path.ends_with('*') && !has_wildcards;
    if is_prefix {
        path.pop();
    }
    let mut rule = Rule {
        path,
        is_prefix,
        has_wildcards,
        permissions: Permissions::default(),
    };
    let get = |name: &str| body.iter().find(|item| item.keys[0] == name);
    let strings = |name: &str| -> Result<Vec<String>, String> {
        get(name)
            .map_or(Ok(Vec::new()), |item| texts(&item.node, item.value_at))
            .map_err(|error| format!("path {quoted}: {error}"))
    };

    let mut names = strings("capabilities")?;
    if let Some(Node::Scalar(Value::String(policy))) = get("policy").map(|item| &item.node) {
        names.extend(
            old_style(policy)
                .ok_or_else(|| format!("path {quoted}: invalid policy {}", go::quote(policy)))?,
        );
    }
    for name in &names {
        let capability = Capabilities::named(name)
            .ok_or_else(|| format!("path {quoted}: invalid capability {}", go::quote(name)))?;
        if capability == Capabilities::DENY {
            rule.permissions.capabilities = Capabilities::DENY;
            return Ok(rule);
        }
        rule.permissions.capabilities = rule.permissions.capabilities.with(capability);
    }
    rule.permissions.allowed = parameters(get("allowed_parameters"))?;
    rule.permissions.denied = parameters(get("denied_parameters"))?;
    rule.permissions.required = strings("required_parameters")?;
    rule.permissions.min_wrap = wrapping(get("min_wrapping_ttl"), "min_wrapping_ttl")?;
    rule.permissions.max_wrap = wrapping(get("max_wrapping_ttl"), "max_wrapping_ttl")?;
    let (min, max) = (rule.permissions.min_wrap, rule.permissions.max_wrap);
    if !min.is_zero() && !max.is_zero() && max < min {
        return Err("max_wrapping_ttl cannot be less than min_wrapping_ttl".to_owned());
    }
    if get("control_group").is_some() {
        return Err("control groups are not supported here".to_owned());
    }
    Ok(rule)
}

fn old_style(policy: &str) -> Option<Vec<String>> {
    let names: &[&str] = match policy {
        "deny" => &["deny"],
        "read" => &["read", "list"],
        "write" => &["create", "read", "update", "delete", "list"],
        "sudo" => &["create", "read", "update", "delete", "list", "sudo"],
        _ => return None,
    };
    Some(names.iter().map(|name| (*name).to_owned()).collect())
}

fn texts(node: &Node, at: Place) -> Result<Vec<String>, String> {
    let Node::List(list) = node else {
        return Err(format!("At {at}: unknown slice type: *ast.LiteralType"));
    };
    Ok(list
        .iter()
        .filter_map(|node| match node {
            Node::Scalar(Value::String(text)) => Some(text.clone()),
            Node::Scalar(other) => Some(other.to_string()),
            _ => None,
        })
        .collect())
}

fn parameters(item: Option<&Item>) -> Result<Parameters, String> {
    let Some(Item {
        node: Node::Object(items),
        ..
    }) = item
    else {
        return Ok(Parameters::new());
    };
    items
        .iter()
        .map(|item| {
            let values = match &item.node {
                Node::List(list) => list
                    .iter()
                    .filter_map(|node| match node {
                        Node::Scalar(value) => Some(value.clone()),
                        _ => None,
                    })
                    .collect(),
                _ => {
                    return Err(format!(
                        "At {}: unknown slice type: *ast.LiteralType",
                        item.value_at
                    ));
                }
            };
            Ok((item.keys[0].to_lowercase(), values))
        })
        .collect()
}

fn wrapping(item: Option<&Item>, name: &str) -> Result<SignedDuration, String> {
    let Some(Item {
        node: Node::Scalar(value),
        ..
    }) = item
    else {
        return Ok(SignedDuration::ZERO);
    };
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    go::parse_duration(&text).map_err(|error| format!("error parsing {name}: {error}"))
}

/// JSON's objects as HCL's items.
fn json_items(text: &str) -> Result<Vec<Item>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match node(value) {
        Node::Object(items) => Ok(items),
        _ => Err("does not contain a root object".to_owned()),
    }
}

fn node(value: Value) -> Node {
    const NOWHERE: Place = Place(0, 0);
    match value {
        Value::Object(map) => Node::Object(
            map.into_iter()
                .map(|(key, value)| Item {
                    keys: vec![key],
                    node: node(value),
                    at: NOWHERE,
                    value_at: NOWHERE,
                })
                .collect(),
        ),
        // A list of objects is one object to HCL.
        Value::Array(list) if !list.is_empty() && list.iter().all(Value::is_object) => {
            Node::Object(
                list.into_iter()
                    .flat_map(|value| match node(value) {
                        Node::Object(items) => items,
                        _ => Vec::new(),
                    })
                    .collect(),
            )
        }
        Value::Array(list) => Node::List(list.into_iter().map(node).collect()),
        other => Node::Scalar(other),
    }
}
