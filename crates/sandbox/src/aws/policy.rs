//! Policy documents, and what they say of a request.

use std::collections::BTreeSet;

use serde_json::Value;

use super::errors::Error;
use super::grammar::{check_action, check_resource, is_operator};

/// A document as it was given, and as it is understood.
#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) text: String,
    pub(super) policy: Policy,
}

/// What a document is for: the grammars differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grammar {
    /// What an identity may do: names resources, never principals.
    Identity,
    /// The same as a policy of its own, which must be of the newer version.
    Managed,
    /// Who may assume a role: names principals, never resources.
    Trust,
}

impl Document {
    pub(super) fn parse(text: &str, grammar: Grammar) -> Result<Self, Error> {
        let policy = Policy::parse(text, grammar)?;
        let text = text.to_owned();
        Ok(Self { text, policy })
    }

    /// Its size as AWS counts it: without whitespace.
    pub(super) fn size(&self) -> usize {
        self.text
            .chars()
            .filter(|char| !char.is_whitespace())
            .count()
    }
}

/// A parsed document.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    statements: Vec<Statement>,
}

#[derive(Debug, Clone)]
struct Statement {
    is_allow: bool,
    actions: Match,
    resources: Match,
    principals: Option<Principals>,
    conditions: Vec<Condition>,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Debug, Clone)]
struct Match {
    is_inverted: bool,
    patterns: Vec<String>,
}

#[derive(Debug, Clone)]
enum Principals {
    Everyone,
    /// Kind (`AWS`, `Federated`, …) and id.
    These(Vec<(String, String)>),
}

#[derive(Debug, Clone)]
struct Condition {
    operator: String,
    /// In lower case.
    key: String,
    values: Vec<String>,
}

/// What is asked of a policy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) action: &'a str,
    pub(super) resource: &'a str,
    /// Condition keys, in lower case, and their values.
    pub(super) context: &'a [(String, String)],
}

/// What a policy, or many of them, says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// Nothing.
    Silent,
    /// Yes.
    Allowed,
    /// No, which outweighs any yes.
    Denied,
}

/// How a trust policy means a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trust {
    /// Not at all.
    None,
    /// As one of its account: its own policies must allow it too.
    Account,
    /// By name.
    Named,
}

impl Policy {
    fn parse(text: &str, grammar: Grammar) -> Result<Self, Error> {
        let syntax = || Error::malformed_policy("Syntax errors in policy.");
        if text.starts_with(char::is_whitespace) {
            let message = "JSON strings must not have leading spaces";
            return Err(Error::malformed_policy(message));
        }
        let value: Value = serde_json::from_str(text).map_err(|_| syntax())?;
        let document = value.as_object().ok_or_else(syntax)?;
        match document.get("Version").map(Value::as_str) {
            None | Some(Some("2012-10-17" | "2008-10-17")) => {}
            _ => return Err(syntax()),
        }
        let known = |name: &str| ["Version", "Id", "Statement"].contains(&name);
        if !document.keys().all(|name| known(name)) {
            return Err(syntax());
        }
        let statements = match document.get("Statement") {
            Some(Value::Array(statements)) if !statements.is_empty() => statements.as_slice(),
            Some(statement @ Value::Object(_)) => std::slice::from_ref(statement),
            _ => return Err(syntax()),
        };
        if grammar == Grammar::Managed && document.get("Version") != Some(&"2012-10-17".into()) {
            let message = "Policy document must be version 2012-10-17 or greater.";
            return Err(Error::malformed_policy(message));
        }
        let mut sids = BTreeSet::new();
        let mut named = statements
            .iter()
            .filter_map(|statement| statement["Sid"].as_str());
        if !named.all(|sid| sid.is_empty() || sids.insert(sid)) {
            let message = "Statement IDs (SID) in a single policy must be unique.";
            return Err(Error::malformed_policy(message));
        }
        let statements = statements
            .iter()
            .map(|statement| Statement::parse(statement, grammar))
            .collect::<Result<_, _>>()?;
        Ok(Self { statements })
    }

    /// What the policy of an identity says.
    pub(super) fn verdict(&self, ask: &Ask<'_>) -> Verdict {
        self.statements
            .iter()
            .map(|statement| statement.verdict(ask))
            .max()
            .unwrap_or(Verdict::Silent)
    }

    /// Whether a trust policy lets one of the principals' names do the action:
    /// `(kind, id)`, with the account's own ARN among them.
    pub(super) fn trusts(&self, ask: &Ask<'_>, principals: &[(&str, &str)]) -> Trust {
        let mut best = Trust::None;
        for statement in &self.statements {
            let trust = statement.trust(principals);
            match (trust, statement.verdict(ask)) {
                (Trust::None, _) | (_, Verdict::Silent) => {}
                (_, Verdict::Denied) => return Trust::None,
                (trust, Verdict::Allowed) => best = best.max(trust),
            }
        }
        best
    }
}

impl Statement {
    fn parse(value: &Value, grammar: Grammar) -> Result<Self, Error> {
        let malformed = Error::malformed_policy;
        let syntax = || malformed("Syntax errors in policy.");
        let fields = value.as_object().ok_or_else(syntax)?;
        let known = [
            "Sid",
            "Effect",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Principal",
            "Condition",
        ];
        if !fields.keys().all(|name| known.contains(&name.as_str())) {
            return Err(syntax());
        }
        let is_allow = match fields.get("Effect").and_then(Value::as_str) {
            Some("Allow") => true,
            Some("Deny") => false,
            _ => return Err(syntax()),
        };
        let matching = |name: &str| -> Result<Option<Match>, Error> {
            let not = format!("Not{name}");
            let (value, is_inverted) = match (fields.get(name), fields.get(not.as_str())) {
                (Some(value), None) => (value, false),
                (None, Some(value)) => (value, true),
                (None, None) => return Ok(None),
                (Some(_), Some(_)) => return Err(syntax()),
            };
            let patterns = strings(value).ok_or_else(syntax)?;
            let is_there = !patterns.is_empty();
            Ok(is_there.then_some(Match {
                is_inverted,
                patterns,
            }))
        };
        let conditions = fields.get("Condition").map(conditions).transpose()?;
        let actions = matching("Action")?
            .ok_or_else(|| malformed("Policy statement must contain actions."))?;
        let resources = matching("Resource")?;
        let principals = fields.get("Principal").map(principals).transpose()?;
        let resources = match (grammar, resources, &principals) {
            (Grammar::Identity | Grammar::Managed, _, Some(_)) => {
                return Err(malformed("Policy document should not specify a principal."));
            }
            (Grammar::Identity | Grammar::Managed, None, None) => {
                return Err(malformed("Policy statement must contain resources."));
            }
            (Grammar::Trust, Some(_), _) => {
                return Err(malformed("Has prohibited field Resource"));
            }
            (Grammar::Trust, None, None) => {
                return Err(malformed("Missing required field Principal"));
            }
            (Grammar::Identity | Grammar::Managed, Some(resources), None) => resources,
            (Grammar::Trust, None, Some(_)) => Match {
                is_inverted: false,
                patterns: vec!["*".to_owned()],
            },
        };
        for resource in &resources.patterns {
            check_resource(resource)?;
        }
        for action in &actions.patterns {
            check_action(action)?;
        }
        Ok(Self {
            is_allow,
            actions,
            resources,
            principals,
            conditions: conditions.unwrap_or_default(),
        })
    }

    fn verdict(&self, ask: &Ask<'_>) -> Verdict {
        let is_about = self.actions.has(|pattern| {
            is_like(
                &pattern.to_ascii_lowercase(),
                &ask.action.to_ascii_lowercase(),
            )
        }) && self
            .resources
            .has(|pattern| is_like(&filled(pattern, ask.context), ask.resource));
        if !is_about {
            return Verdict::Silent;
        }
        // What the stand-in cannot judge allows nothing and forbids as written.
        let holds = |condition: &Condition| condition.holds(ask.context).unwrap_or(!self.is_allow);
        if !self.conditions.iter().all(holds) {
            return Verdict::Silent;
        }
        if self.is_allow {
            Verdict::Allowed
        } else {
            Verdict::Denied
        }
    }

    fn trust(&self, principals: &[(&str, &str)]) -> Trust {
        let these = match &self.principals {
            None => return Trust::None,
            Some(Principals::Everyone) => return Trust::Account,
            Some(Principals::These(these)) => these,
        };
        let trust = |(kind, id): &(String, String)| {
            let named = principals
                .iter()
                .any(|(known, name)| known == kind && (name == id || id == "*"));
            match named {
                // `123456789012` and `…:root` both mean the account.
                true if kind == "AWS" && (id.ends_with(":root") || !id.contains(':')) => {
                    Trust::Account
                }
                true => Trust::Named,
                false => Trust::None,
            }
        };
        these.iter().map(trust).max().unwrap_or(Trust::None)
    }
}

impl Match {
    fn has(&self, matches: impl Fn(&str) -> bool) -> bool {
        self.patterns.iter().any(|pattern| matches(pattern)) != self.is_inverted
    }
}

impl Condition {
    /// Whether it holds; `None` if it uses what the stand-in does not know.
    fn holds(&self, context: &[(String, String)]) -> Option<bool> {
        let value = context
            .iter()
            .find(|(key, _)| *key == self.key)
            .map(|(_, value)| value.as_str());
        let any = |test: &dyn Fn(&str, &str) -> bool| {
            value.map(|value| self.values.iter().any(|wanted| test(wanted, value)))
        };
        let equal = |wanted: &str, value: &str| wanted == value;
        let if_absent = |holds| self.is_known().then_some(holds);
        match self.operator.as_str() {
            "StringEquals" => any(&equal).or_else(|| if_absent(false)),
            "StringNotEquals" => any(&equal)
                .map(|is_equal| !is_equal)
                .or_else(|| if_absent(true)),
            "StringLike" | "ArnLike" | "ArnEquals" => any(&is_like).or_else(|| if_absent(false)),
            _ => None,
        }
    }

    /// Whether the key's absence means something: others are just not modelled.
    fn is_known(&self) -> bool {
        self.key == "sts:externalid" || self.key.ends_with(":sub") || self.key.ends_with(":aud")
    }
}

fn strings(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(many) => many
            .iter()
            .map(|one| one.as_str().map(str::to_owned))
            .collect(),
        _ => None,
    }
}

fn principals(value: &Value) -> Result<Principals, Error> {
    let invalid = || Error::malformed_policy("Invalid principal in policy");
    match value {
        Value::String(all) if all == "*" => Ok(Principals::Everyone),
        Value::Object(kinds) => {
            let mut these = Vec::new();
            for (kind, ids) in kinds {
                let ids = strings(ids).ok_or_else(invalid)?;
                these.extend(ids.into_iter().map(|id| (kind.clone(), id)));
            }
            Ok(Principals::These(these))
        }
        _ => Err(invalid()),
    }
}

fn conditions(value: &Value) -> Result<Vec<Condition>, Error> {
    let syntax = || Error::malformed_policy("Syntax errors in policy.");
    let mut conditions = Vec::new();
    for (operator, keys) in value.as_object().ok_or_else(syntax)? {
        if !is_operator(operator) {
            return Err(syntax());
        }
        for (key, values) in keys.as_object().ok_or_else(syntax)? {
            let values = match values {
                Value::Bool(flag) => vec![flag.to_string()],
                Value::Number(number) => vec![number.to_string()],
                other => strings(other).ok_or_else(syntax)?,
            };
            conditions.push(Condition {
                operator: operator.clone(),
                key: key.to_ascii_lowercase(),
                values,
            });
        }
    }
    Ok(conditions)
}

/// A pattern with its variables, such as `${aws:username}`, filled in.
fn filled(pattern: &str, context: &[(String, String)]) -> String {
    let mut text = pattern.to_owned();
    if text.contains("${") {
        for (key, value) in context {
            text = text.replace(&format!("${{{key}}}"), value);
        }
    }
    text
}

/// Whether a text fits a pattern with `*` and `?`.
fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to go on if what follows the last `*` does not fit after all.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
#[path = "tests/policy.rs"]
mod tests;
