//! Nobody gives a right he has not.

use serde_json::Value;

use super::rule::Rule;
use super::{Attributes, MASTERS, Policy, RoleRef, allows, short, text};

/// Why a role or binding may not be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// What follows `is forbidden: `.
    Forbidden(String),
    /// The role of a binding is not there; the server answers 404 with its name.
    RoleNotFound(String),
}

pub(super) fn refusal(
    policy: &Policy,
    user: &str,
    groups: &[String],
    object: &Value,
) -> Option<Refusal> {
    if groups.iter().any(|group| group == MASTERS) {
        return None;
    }
    let who = Who {
        policy,
        user,
        groups,
        namespace: text(&object["metadata"]["namespace"]),
    };
    match object["kind"].as_str().unwrap_or_default() {
        "Role" | "ClusterRole" => who.role(object),
        "RoleBinding" | "ClusterRoleBinding" => who.binding(object),
        _ => None,
    }
}

struct Who<'a> {
    policy: &'a Policy,
    user: &'a str,
    groups: &'a [String],
    namespace: String,
}

impl Who<'_> {
    fn role(&self, role: &Value) -> Option<Refusal> {
        let resource = if role["kind"] == "Role" {
            "roles"
        } else {
            "clusterroles"
        };
        if self.may("escalate", resource, &text(&role["metadata"]["name"])) {
            return None;
        }
        let all = Rule {
            verbs: vec!["*".into()],
            groups: vec!["*".into()],
            resources: vec!["*".into()],
            ..Rule::default()
        };
        let paths = Rule {
            verbs: vec!["*".into()],
            paths: vec!["*".into()],
            ..Rule::default()
        };
        // An aggregate takes in what others may label later: only who has all may write one.
        if role["aggregationRule"].is_object() && !(self.has(&all) && self.has(&paths)) {
            let detail = "must have cluster-admin privileges to use the aggregationRule";
            return Some(Refusal::Forbidden(detail.into()));
        }
        self.confirm(&Rule::all(&role["rules"]))
    }

    fn binding(&self, binding: &Value) -> Option<Refusal> {
        let role = RoleRef {
            is_cluster_role: binding["roleRef"]["kind"] == "ClusterRole",
            name: short(&binding["roleRef"]["name"]),
        };
        let resource = if role.is_cluster_role {
            "clusterroles"
        } else {
            "roles"
        };
        if self.may("bind", resource, &role.name) {
            return None;
        }
        match self.policy.rules(&role, &self.namespace) {
            None => Some(Refusal::RoleNotFound(role.name.into())),
            Some(rules) => self.confirm(rules),
        }
    }

    fn may(&self, verb: &str, resource: &str, name: &str) -> bool {
        let attributes = Attributes {
            user: self.user,
            groups: self.groups,
            verb,
            group: "rbac.authorization.k8s.io",
            resource,
            name,
            namespace: &self.namespace,
            ..Attributes::default()
        };
        allows(self.policy, &attributes)
    }

    fn has(&self, one: &Rule) -> bool {
        let rules = self
            .policy
            .rules_of(self.user, self.groups, &self.namespace);
        rules
            .filter_map(|(rules, ..)| rules.ok())
            .flatten()
            .any(|rule| rule.covers(one))
    }

    /// Roles of the user that are not there, so that nobody knows what he would have.
    fn unresolved(&self) -> String {
        let rules = self
            .policy
            .rules_of(self.user, self.groups, &self.namespace);
        let missing = rules.filter_map(|(rules, binding, _)| rules.is_err().then_some(binding));
        let missing: Vec<String> = missing
            .map(|binding| {
                let kind = if binding.role.is_cluster_role {
                    "clusterroles"
                } else {
                    "roles"
                };
                format!(
                    "{kind}.rbac.authorization.k8s.io \"{}\" not found",
                    binding.role.name
                )
            })
            .collect();
        if missing.is_empty() {
            return String::new();
        }
        format!("; resolution errors: [{}]", missing.join(", "))
    }

    fn confirm(&self, rules: &[Rule]) -> Option<Refusal> {
        let wanted = rules.iter().flat_map(Rule::broken_down);
        let missing: Vec<Rule> = wanted.filter(|one| !self.has(one)).collect();
        if missing.is_empty() {
            return None;
        }
        let mut lines: Vec<String> = compact(missing).iter().map(Rule::described).collect();
        lines.sort();
        Some(Refusal::Forbidden(format!(
            "user {:?} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}{}",
            self.user,
            listed(self.groups),
            lines.join("\n"),
            self.unresolved(),
        )))
    }
}

/// Rules that differ in the verb only, as one.
fn compact(rules: Vec<Rule>) -> Vec<Rule> {
    let mut compacted: Vec<Rule> = Vec::new();
    for rule in rules {
        let alike = compacted.iter_mut().find(|known| {
            rule.paths.is_empty()
                && known.groups == rule.groups
                && known.resources == rule.resources
                && known.names == rule.names
        });
        match alike {
            Some(known) => {
                known.verbs.extend(rule.verbs);
                known.verbs.dedup();
            }
            None => compacted.push(rule),
        }
    }
    compacted
}

impl Rule {
    /// `{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}`.
    fn described(&self) -> String {
        let parts = [
            ("APIGroups", &self.groups),
            ("Resources", &self.resources),
            ("NonResourceURLs", &self.paths),
            ("ResourceNames", &self.names),
            ("Verbs", &self.verbs),
        ];
        let filled = parts.iter().filter(|(_, list)| !list.is_empty());
        let parts: Vec<String> = filled
            .map(|(name, list)| format!("{name}:{}", listed(list)))
            .collect();
        format!("{{{}}}", parts.join(", "))
    }
}

fn listed(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
    format!("[{}]", quoted.join(" "))
}
