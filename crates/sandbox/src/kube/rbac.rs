//! Who may do what: RBAC.

mod escalation;
mod rule;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

pub(crate) use escalation::Refusal;
use rule::Rule;

/// What somebody asks for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Attributes<'a> {
    pub(crate) user: &'a str,
    pub(crate) groups: &'a [String],
    pub(crate) verb: &'a str,
    pub(crate) group: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) subresource: &'a str,
    pub(crate) name: &'a str,
    /// Empty for cluster-wide.
    pub(crate) namespace: &'a str,
    /// A URL's path, if it is none of a resource; the other fields are empty then.
    pub(crate) path: &'a str,
}

/// The roles and bindings of a cluster.
#[derive(Debug, Clone, Default)]
pub(crate) struct Policy {
    roles: Vec<Role>,
    bindings: Vec<Binding>,
}

#[derive(Debug, Clone)]
struct Role {
    /// Empty for a ClusterRole.
    namespace: String,
    name: String,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Binding {
    /// Empty for a ClusterRoleBinding.
    namespace: String,
    name: String,
    role: RoleRef,
    subjects: Vec<Subject>,
}

#[derive(Debug, Clone)]
struct RoleRef {
    is_cluster_role: bool,
    name: String,
}

#[derive(Debug, Clone)]
struct Subject {
    kind: String,
    namespace: String,
    name: String,
}

/// Who has all rights, whatever the roles say.
const MASTERS: &str = "system:masters";

impl Policy {
    /// Takes Roles, ClusterRoles and their bindings; other kinds are passed over.
    pub(crate) fn of<'a>(objects: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut policy = Self::default();
        for object in objects {
            match object["kind"].as_str().unwrap_or_default() {
                "Role" | "ClusterRole" => policy.roles.push(Role {
                    namespace: text(&object["metadata"]["namespace"]),
                    name: text(&object["metadata"]["name"]),
                    rules: Rule::all(&object["rules"]),
                }),
                "RoleBinding" | "ClusterRoleBinding" => policy.bindings.push(Binding::of(object)),
                _ => {}
            }
        }
        // Cluster-wide ones are asked first, as the server does.
        policy.bindings.sort_by(|one, other| {
            (&one.namespace, &one.name).cmp(&(&other.namespace, &other.name))
        });
        policy
    }

    fn role(&self, role: &RoleRef, namespace: &str) -> Option<&Role> {
        let namespace = if role.is_cluster_role { "" } else { namespace };
        self.roles
            .iter()
            .find(|known| known.namespace == namespace && known.name == role.name)
    }

    /// Each rule a user has in a namespace, with the binding and subject it comes from; a role
    /// that is not there is an error's text.
    fn rules_of<'a>(
        &'a self,
        user: &'a str,
        groups: &'a [String],
        namespace: &'a str,
    ) -> impl Iterator<Item = (Result<&'a [Rule], String>, &'a Binding, &'a Subject)> {
        self.bindings
            .iter()
            .filter(move |binding| binding.namespace.is_empty() || binding.namespace == namespace)
            .filter_map(move |binding| {
                let subject = binding.subject(user, groups)?;
                let rules = self.role(&binding.role, &binding.namespace).map_or_else(
                    || Err(binding.role.missing()),
                    |role| Ok(role.rules.as_slice()),
                );
                Some((rules, binding, subject))
            })
    }
}

impl Binding {
    fn of(object: &Value) -> Self {
        let subject = |subject: &Value| Subject {
            kind: text(&subject["kind"]),
            namespace: text(&subject["namespace"]),
            name: text(&subject["name"]),
        };
        Self {
            namespace: text(&object["metadata"]["namespace"]),
            name: text(&object["metadata"]["name"]),
            role: RoleRef {
                is_cluster_role: object["roleRef"]["kind"] == "ClusterRole",
                name: text(&object["roleRef"]["name"]),
            },
            subjects: object["subjects"]
                .as_array()
                .into_iter()
                .flatten()
                .map(subject)
                .collect(),
        }
    }

    fn subject(&self, user: &str, groups: &[String]) -> Option<&Subject> {
        self.subjects
            .iter()
            .find(|subject| match subject.kind.as_str() {
                "User" => subject.name == user,
                "Group" => groups.contains(&subject.name),
                "ServiceAccount" => {
                    let namespace = match subject.namespace.as_str() {
                        "" => &self.namespace,
                        own => own,
                    };
                    user.strip_prefix("system:serviceaccount:")
                        .and_then(|rest| rest.split_once(':'))
                        == Some((namespace, subject.name.as_str()))
                }
                _ => false,
            })
    }

    /// `ClusterRoleBinding "b" of ClusterRole "r" to Group "g"`.
    fn described(&self, subject: &Subject) -> String {
        let (kind, name) = match self.namespace.as_str() {
            "" => ("ClusterRoleBinding", self.name.clone()),
            namespace => ("RoleBinding", format!("{}/{namespace}", self.name)),
        };
        let role = if self.role.is_cluster_role {
            "ClusterRole"
        } else {
            "Role"
        };
        let whom = match subject.kind.as_str() {
            "ServiceAccount" => format!("{}/{}", subject.name, subject.namespace),
            _ => subject.name.clone(),
        };
        format!(
            "{kind} \"{name}\" of {role} \"{}\" to {} \"{whom}\"",
            self.role.name, subject.kind
        )
    }
}

impl RoleRef {
    fn missing(&self) -> String {
        let kind = if self.is_cluster_role {
            "clusterrole"
        } else {
            "role"
        };
        format!(
            "{kind}.rbac.authorization.k8s.io \"{}\" not found",
            self.name
        )
    }
}

/// Whether RBAC lets it pass. `system:masters` may do everything.
pub(crate) fn allows(policy: &Policy, attributes: &Attributes<'_>) -> bool {
    decide(policy, attributes).is_ok()
}

/// Why it passes: the `reason` of a SubjectAccessReview.
pub(crate) fn allowed_by(policy: &Policy, attributes: &Attributes<'_>) -> Option<String> {
    decide(policy, attributes).ok()
}

/// Why it passes, or does not: the `reason` of a SubjectAccessReview, which may be empty.
pub(crate) fn decide(policy: &Policy, attributes: &Attributes<'_>) -> Result<String, String> {
    if attributes.groups.iter().any(|group| group == MASTERS) {
        return Ok(String::new());
    }
    let mut missing = Vec::new();
    for (rules, binding, subject) in
        policy.rules_of(attributes.user, attributes.groups, attributes.namespace)
    {
        match rules {
            Ok(rules) if rules.iter().any(|rule| rule.allows(attributes)) => {
                return Ok(format!("RBAC: allowed by {}", binding.described(subject)));
            }
            Ok(_) => {}
            Err(error) => missing.push(error),
        }
    }
    missing.dedup();
    Err(match missing.as_slice() {
        [] => String::new(),
        errors => format!("RBAC: {}", one_or_list(errors)),
    })
}

/// Why this Role, ClusterRole or binding may not be written by that user: it would give what the
/// user has not. What changes no rule and no role is for the caller to let pass.
pub(crate) fn escalation(
    policy: &Policy,
    user: &str,
    groups: &[String],
    object: &Value,
) -> Option<Refusal> {
    escalation::refusal(policy, user, groups, object)
}

/// The `status` of a SelfSubjectRulesReview.
pub(crate) fn rules_for(policy: &Policy, user: &str, groups: &[String], namespace: &str) -> Value {
    let (mut resources, mut paths) = (Vec::new(), Vec::new());
    let mut errors = Vec::new();
    for (rules, ..) in policy.rules_of(user, groups, namespace) {
        match rules {
            Err(error) => errors.push(error),
            Ok(rules) => {
                resources.extend(rules.iter().filter_map(Rule::on_resources));
                paths.extend(rules.iter().filter_map(Rule::on_paths));
            }
        }
    }
    let mut status =
        json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": false});
    if !errors.is_empty() {
        status["evaluationError"] = one_or_list(&errors).into();
    }
    status
}

/// Go's way with several errors.
fn one_or_list(errors: &[String]) -> String {
    match errors {
        [one] => one.clone(),
        more => format!("[{}]", more.join(", ")),
    }
}

/// The rules of a ClusterRole with an `aggregationRule`, from all ClusterRoles; `None` without.
pub(crate) fn aggregated(role: &Value, all: &[&Value]) -> Option<Value> {
    let selectors = role["aggregationRule"]["clusterRoleSelectors"].as_array()?;
    let mut others: Vec<&&Value> = all
        .iter()
        .filter(|other| {
            other["kind"] == "ClusterRole" && other["metadata"]["name"] != role["metadata"]["name"]
        })
        .collect();
    others.sort_by_key(|other| text(&other["metadata"]["name"]));
    let mut rules: Vec<Value> = Vec::new();
    for selector in selectors {
        for other in &others {
            if !selects(selector, &other["metadata"]["labels"]) {
                continue;
            }
            for rule in other["rules"].as_array().into_iter().flatten() {
                if !rules.contains(rule) {
                    rules.push(rule.clone());
                }
            }
        }
    }
    Some(rules.into())
}

fn selects(selector: &Value, labels: &Value) -> bool {
    let equal = selector["matchLabels"].as_object().into_iter().flatten();
    let expressions = selector["matchExpressions"]
        .as_array()
        .into_iter()
        .flatten();
    equal.into_iter().all(|(key, value)| labels[key] == *value)
        && expressions.into_iter().all(|expression| {
            let found = &labels[expression["key"].as_str().unwrap_or_default()];
            let listed = expression["values"]
                .as_array()
                .is_some_and(|values| values.contains(found));
            match expression["operator"].as_str().unwrap_or_default() {
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => !found.is_null(),
                "DoesNotExist" => found.is_null(),
                _ => false,
            }
        })
}

/// The roles and bindings a cluster begins with, those of its own parts left out; the rules of
/// `admin`, `edit` and `view` are put together by [`aggregated`].
pub(crate) fn bootstrap() -> Vec<Value> {
    let mut objects: Vec<Value> =
        serde_json::from_str(include_str!("rbac/bootstrap.json")).unwrap_or_default();
    // `admin` takes in what `edit` has, and `edit` what `view` has: once for each step.
    for _ in 0..3 {
        let all = objects.clone();
        let all: Vec<&Value> = all.iter().collect();
        for object in &mut objects {
            if let Some(rules) = aggregated(object, &all) {
                object["rules"] = rules;
            }
        }
    }
    objects
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
