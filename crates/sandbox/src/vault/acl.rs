//! What a token's policies together allow.

use std::collections::HashMap;

use jiff::SignedDuration;
use serde_json::{Map, Value};

use super::call::Op;
use super::policy::{Capabilities, Permissions, Rule};

/// Several policies, made into one for looking up.
#[derive(Debug, Default)]
pub(super) struct Acl {
    is_root: bool,
    exact: HashMap<String, Permissions>,
    prefixes: Vec<(String, Permissions)>,
    /// With `+`, and maybe a `*` at the end.
    wild: Vec<(String, Permissions)>,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) op: Op,
    pub(super) path: &'a str,
    pub(super) data: &'a Map<String, Value>,
    pub(super) wrap: Option<SignedDuration>,
    pub(super) needs_sudo: bool,
}

impl Acl {
    pub(super) fn root() -> Self {
        Self {
            is_root: true,
            ..Self::default()
        }
    }

    /// Policies whose rules are added up; where one denies, all do.
    pub(super) fn of<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> Self {
        let mut acl = Self::default();
        for rule in rules {
            let known = if rule.has_wildcards {
                slot(&mut acl.wild, &rule.path)
            } else if rule.is_prefix {
                slot(&mut acl.prefixes, &rule.path)
            } else {
                acl.exact.get_mut(&rule.path)
            };
            match known {
                Some(known) => merge(known, &rule.permissions),
                None => acl.insert(rule),
            }
        }
        acl
    }

    fn insert(&mut self, rule: &Rule) {
        let entry = (rule.path.clone(), rule.permissions.clone());
        if rule.has_wildcards {
            self.wild.push(entry);
        } else if rule.is_prefix {
            self.prefixes.push(entry);
        } else {
            self.exact.insert(entry.0, entry.1);
        }
    }

    pub(super) fn is_root(&self) -> bool {
        self.is_root
    }

    /// Whether a request may go on.
    pub(super) fn allows(&self, question: &Question<'_>) -> bool {
        if self.is_root {
            return true;
        }
        let Some(permissions) = self.find(question.op, question.path) else {
            return false;
        };
        permits(permissions, question)
            && (!question.needs_sudo || permissions.capabilities.has_sudo())
    }

    /// Whether the path may be used with more than ordinary rights.
    pub(super) fn has_sudo(&self, path: &str) -> bool {
        self.is_root
            || self
                .find(Op::Read, path)
                .is_some_and(|found| found.capabilities.has_sudo())
    }

    /// The names of what may be done to a path.
    pub(super) fn capabilities(&self, path: &str) -> Vec<String> {
        if self.is_root {
            return vec!["root".to_owned()];
        }
        self.find(Op::List, path)
            .map(|found| found.capabilities)
            .unwrap_or_default()
            .names()
    }

    /// All rules, for programs that show them.
    pub(super) fn describe(&self) -> Map<String, Value> {
        let mut data = Map::new();
        let mut exact: Vec<_> = self.exact.iter().collect();
        exact.sort_by_key(|(path, _)| *path);
        let globs = self
            .prefixes
            .iter()
            .chain(&self.wild)
            .map(|(path, found)| (path, found));
        for (name, rules) in [("exact_paths", exact), ("glob_paths", globs.collect())] {
            let rules: Map<String, Value> = rules
                .into_iter()
                .map(|(path, found)| (path.clone(), found.describe()))
                .collect();
            data.insert(name.to_owned(), rules.into());
        }
        data
    }

    /// Whether anything at all below a mount is allowed.
    pub(super) fn reaches(&self, mount: &str) -> bool {
        let allows = |permissions: &Permissions| {
            !permissions.capabilities.denies()
                && permissions.capabilities != Capabilities::default()
        };
        let meets = |path: &str| path.starts_with(mount) || mount.starts_with(path);
        self.is_root
            || self
                .exact
                .iter()
                .any(|(path, found)| path.starts_with(mount) && allows(found))
            || self
                .prefixes
                .iter()
                .any(|(path, found)| meets(path) && allows(found))
            || self
                .wild
                .iter()
                .any(|(path, found)| wild_meets(path, mount) && allows(found))
    }

    fn find(&self, op: Op, path: &str) -> Option<&Permissions> {
        if let Some(found) = self.exact.get(path) {
            return Some(found);
        }
        if op == Op::List {
            let trimmed = path.strip_suffix('/').unwrap_or(path);
            if let Some(found) = self.exact.get(trimmed) {
                return Some(found);
            }
            if trimmed.len() < path.len()
                && let Some(found) = self.find_inexact(trimmed)
            {
                return Some(found);
            }
        }
        self.find_inexact(path)
    }

    /// The most specific of the rules with a `*` or a `+`.
    fn find_inexact(&self, path: &str) -> Option<&Permissions> {
        let prefix = self
            .prefixes
            .iter()
            .filter(|(prefix, _)| path.starts_with(prefix.as_str()))
            .max_by_key(|(prefix, _)| prefix.len());
        if self.wild.is_empty() {
            return prefix.map(|(_, found)| found);
        }
        let prefix = prefix.map(|(prefix, found)| {
            let rank = (
                prefix.len(),
                false,
                std::cmp::Reverse(0),
                prefix.len(),
                prefix.as_str(),
            );
            (rank, found)
        });
        self.wild
            .iter()
            .filter_map(|(pattern, found)| {
                let (glob, is_prefix) = match pattern.strip_suffix('*') {
                    Some(glob) => (glob, true),
                    None => (pattern.as_str(), false),
                };
                let wildcards = matches(glob, is_prefix, path)?;
                let first = pattern.find('+').unwrap_or(pattern.len());
                let rank = (
                    first,
                    !is_prefix,
                    std::cmp::Reverse(wildcards),
                    glob.len(),
                    glob,
                );
                Some((rank, found))
            })
            .chain(prefix)
            .max_by(|one, other| one.0.cmp(&other.0))
            .map(|(_, found)| found)
    }
}

fn slot<'a>(list: &'a mut [(String, Permissions)], path: &str) -> Option<&'a mut Permissions> {
    list.iter_mut()
        .find(|(known, _)| known == path)
        .map(|(_, permissions)| permissions)
}

fn merge(known: &mut Permissions, new: &Permissions) {
    if known.capabilities.denies() {
        return;
    }
    if new.capabilities.denies() {
        *known = Permissions {
            capabilities: Capabilities::DENY,
            ..Permissions::default()
        };
        return;
    }
    known.capabilities = known.capabilities.with(new.capabilities);
    let lesser = |known: &mut SignedDuration, new: SignedDuration| {
        if !new.is_zero() && (known.is_zero() || new < *known) {
            *known = new;
        }
    };
    lesser(&mut known.max_wrap, new.max_wrap);
    lesser(&mut known.min_wrap, new.min_wrap);
    for (all, more) in [
        (&mut known.allowed, &new.allowed),
        (&mut known.denied, &new.denied),
    ] {
        for (name, values) in more {
            match all.get_mut(name) {
                Some(known) if known.is_empty() || values.is_empty() => known.clear(),
                Some(known) => known.extend(values.iter().cloned()),
                None => drop(all.insert(name.clone(), values.clone())),
            }
        }
    }
    for name in &new.required {
        if !known.required.contains(name) {
            known.required.push(name.clone());
        }
    }
}

/// How many `+` a path needs to fit; nothing if it does not.
fn matches(pattern: &str, is_prefix: bool, path: &str) -> Option<usize> {
    let mut wildcards = 0;
    let mut segments = path.split('/');
    let mut wanted = pattern.split('/').peekable();
    while let Some(want) = wanted.next() {
        let segment = segments.next()?;
        let is_last = wanted.peek().is_none();
        if want == "+" {
            wildcards += 1;
        } else if want == segment || (is_prefix && is_last && segment.starts_with(want)) {
        } else {
            return None;
        }
    }
    (is_prefix || segments.next().is_none()).then_some(wildcards)
}

/// Whether a pattern fits something below a mount.
fn wild_meets(pattern: &str, mount: &str) -> bool {
    let mut wanted = pattern.split('/');
    for segment in mount.trim_end_matches('/').split('/') {
        match wanted.next() {
            Some("+") => {}
            Some(want) if want == segment => {}
            Some(want) => {
                return want
                    .strip_suffix('*')
                    .is_some_and(|want| segment.starts_with(want));
            }
            None => return false,
        }
    }
    true
}

fn permits(permissions: &Permissions, question: &Question<'_>) -> bool {
    let Question { op, data, wrap, .. } = *question;
    if !permissions.capabilities.allows(op) {
        return false;
    }
    let (min, max) = (permissions.min_wrap, permissions.max_wrap);
    if !max.is_zero() && wrap.is_none_or(|ttl| ttl > max) {
        return false;
    }
    if !min.is_zero() && wrap.is_none_or(|ttl| ttl < min) {
        return false;
    }
    if matches!(op, Op::List | Op::Delete) {
        return true;
    }
    let has = |name: &String| data.contains_key(&name.to_lowercase());
    if !permissions.required.iter().all(has) {
        return false;
    }
    if data.is_empty() {
        return true;
    }
    if permissions.denied.contains_key("*") {
        return false;
    }
    let is_denied = data.iter().any(|(name, value)| {
        let denied = permissions.denied.get(&name.to_lowercase());
        denied.is_some_and(|values| is_in(value, values, false))
    });
    if is_denied {
        return false;
    }
    let takes_all = permissions.allowed.contains_key("*");
    if permissions.allowed.is_empty() || (takes_all && permissions.allowed.len() == 1) {
        return true;
    }
    data.iter().all(
        |(name, value)| match permissions.allowed.get(&name.to_lowercase()) {
            Some(values) => is_in(value, values, true),
            None => takes_all,
        },
    )
}

/// Whether a value is among those listed: all of it, or the parts of a list, where either all
/// or any of them must be.
fn is_in(value: &Value, list: &[Value], wants_all: bool) -> bool {
    let has = |value: &Value| {
        list.iter().any(|known| match (known, value) {
            (Value::String(pattern), Value::String(text)) => globs(pattern, text),
            (known, value) => known == value,
        })
    };
    if list.is_empty() || has(value) {
        return true;
    }
    let parts: Vec<Value> = match value {
        Value::Array(parts) => parts.clone(),
        Value::String(text) => text.split(',').map(|part| part.trim().into()).collect(),
        _ => return false,
    };
    if wants_all {
        parts.iter().all(has)
    } else {
        parts.iter().any(has)
    }
}

/// A pattern with a `*` at its ends.
pub(super) fn globs(pattern: &str, text: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(""), _) => true,
        (Some(inner), Some(_)) => text.contains(inner.trim_end_matches('*')),
        (Some(end), None) => text.ends_with(end),
        (None, Some(start)) => text.starts_with(start),
        (None, None) => pattern == text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::policy::parse;

    fn can(policies: &[&str], op: Op, path: &str) -> bool {
        let rules: Vec<Rule> = policies
            .iter()
            .flat_map(|text| parse(text).unwrap())
            .collect();
        Acl::of(&rules).allows(&Question {
            op,
            path,
            data: &Map::new(),
            wrap: None,
            needs_sudo: false,
        })
    }

    #[test]
    fn the_most_specific_path_decides() {
        let policy = "path \"a/*\" { capabilities = [\"read\"] }
            path \"a/b*\" { capabilities = [\"list\"] }
            path \"a/bc\" { capabilities = [\"deny\"] }
            path \"a/+/d\" { capabilities = [\"update\"] }
            path \"a/+/d*\" { capabilities = [\"delete\"] }
            path \"+/x/d\" { capabilities = [\"create\"] }";
        assert!(can(&[policy], Op::Read, "a/z"));
        assert!(!can(&[policy], Op::Read, "a/b"));
        assert!(can(&[policy], Op::List, "a/b"));
        assert!(!can(&[policy], Op::List, "a/bc"));
        assert!(
            can(&[policy], Op::Update, "a/x/d"),
            "not the one with * or an earlier +"
        );
        assert!(
            can(&[policy], Op::Read, "a/x/dd") && !can(&[policy], Op::Delete, "a/x/dd"),
            "the one without a +, though it is shorter"
        );
        assert!(can(&[policy], Op::Create, "z/x/d"));
        assert!(!can(&[policy], Op::Create, "z/x/d/e"));
        assert!(
            can(&[policy], Op::List, "a/b/"),
            "looked up without its slash"
        );
    }

    #[test]
    fn policies_add_up_and_deny_wins() {
        let read = "path \"a\" { capabilities = [\"read\"] }";
        let list = "path \"a\" { capabilities = [\"list\"] }";
        let deny = "path \"a\" { capabilities = [\"deny\"] }";
        assert!(can(&[read, list], Op::Read, "a") && can(&[read, list], Op::List, "a"));
        assert!(!can(&[read, deny], Op::Read, "a") && !can(&[deny, read], Op::Read, "a"));
    }
}
