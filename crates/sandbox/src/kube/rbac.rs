//! Who may do what: RBAC.

mod escalation;
mod rule;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

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

/// The roles and bindings of a cluster. There may be thousands of which nobody's requests are
/// judged by more than a few.
#[derive(Debug, Clone, Default)]
pub(crate) struct Policy {
    roles: BTreeMap<Place, Role>,
    /// Cluster-wide ones come first, and are asked first, as the server does.
    bindings: BTreeMap<Arc<Place>, Binding>,
    /// By who they name, see [`Subject::who`].
    of_whom: HashMap<String, BTreeSet<Arc<Place>>>,
}

/// Where a role or binding is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// Empty for what is cluster-wide.
    namespace: Box<str>,
    name: Box<str>,
}

#[derive(Debug, Clone)]
struct Role {
    /// As JSON: most are never asked for.
    text: Box<str>,
    read: OnceLock<Vec<Rule>>,
}

#[derive(Debug, Clone)]
struct Binding {
    place: Arc<Place>,
    role: RoleRef,
    subjects: Box<[Subject]>,
}

#[derive(Debug, Clone)]
struct RoleRef {
    is_cluster_role: bool,
    name: Box<str>,
}

#[derive(Debug, Clone)]
struct Subject {
    kind: Box<str>,
    namespace: Box<str>,
    name: Box<str>,
}

/// Who has all rights, whatever the roles say.
const MASTERS: &str = "system:masters";

impl Policy {
    /// Takes Roles, ClusterRoles and their bindings; other kinds are passed over.
    #[cfg(test)]
    pub(crate) fn of<'a>(objects: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut policy = Self::default();
        for object in objects {
            policy.put(object);
        }
        policy
    }

    /// Takes a role or binding, new or changed.
    pub(crate) fn put(&mut self, object: &Value) {
        let place = Place::of(object);
        match object["kind"].as_str().unwrap_or_default() {
            "Role" | "ClusterRole" => {
                let role = Role {
                    text: object["rules"].to_string().into(),
                    read: OnceLock::new(),
                };
                self.roles.insert(place, role);
            }
            "RoleBinding" | "ClusterRoleBinding" => {
                self.unbind(&place);
                let binding = Binding::of(object, place);
                for subject in &binding.subjects {
                    let who = subject.who(&binding.place.namespace);
                    let theirs = self.of_whom.entry(who).or_default();
                    theirs.insert(Arc::clone(&binding.place));
                }
                self.bindings.insert(Arc::clone(&binding.place), binding);
            }
            _ => {}
        }
    }

    /// Forgets one that is gone.
    pub(crate) fn remove(&mut self, object: &Value) {
        let place = Place::of(object);
        match object["kind"].as_str().unwrap_or_default() {
            "Role" | "ClusterRole" => drop(self.roles.remove(&place)),
            "RoleBinding" | "ClusterRoleBinding" => self.unbind(&place),
            _ => {}
        }
    }

    fn unbind(&mut self, place: &Place) {
        let Some(binding) = self.bindings.remove(place) else {
            return;
        };
        for subject in &binding.subjects {
            let who = subject.who(&place.namespace);
            if let Some(theirs) = self.of_whom.get_mut(&who) {
                theirs.remove(place);
                if theirs.is_empty() {
                    self.of_whom.remove(&who);
                }
            }
        }
    }

    /// The rules of a role, if it is there.
    fn rules(&self, role: &RoleRef, namespace: &str) -> Option<&[Rule]> {
        let namespace = if role.is_cluster_role { "" } else { namespace };
        let place = Place {
            namespace: namespace.into(),
            name: role.name.clone(),
        };
        self.roles.get(&place).map(Role::rules)
    }

    /// Each rule a user has in a namespace, with the binding and subject it comes from; a role
    /// that is not there is an error's text.
    fn rules_of<'a>(
        &'a self,
        user: &'a str,
        groups: &'a [String],
        namespace: &'a str,
    ) -> impl Iterator<Item = (Result<&'a [Rule], String>, &'a Binding, &'a Subject)> {
        let names = groups.iter().map(|group| format!("group {group}"));
        let names = names.chain([format!("user {user}")]);
        let places: BTreeSet<&Arc<Place>> = names
            .filter_map(|who| self.of_whom.get(&who))
            .flatten()
            .filter(|place| place.namespace.is_empty() || *place.namespace == *namespace)
            .collect();
        places.into_iter().filter_map(move |place| {
            let binding = self.bindings.get(place)?;
            let subject = binding.subject(user, groups)?;
            let rules = self.rules(&binding.role, &place.namespace);
            let rules = rules.ok_or_else(|| binding.role.missing());
            Some((rules, binding, subject))
        })
    }
}

impl Place {
    fn of(object: &Value) -> Self {
        Self {
            namespace: short(&object["metadata"]["namespace"]),
            name: short(&object["metadata"]["name"]),
        }
    }
}

impl Role {
    fn rules(&self) -> &[Rule] {
        self.read.get_or_init(|| {
            let rules = serde_json::from_str(&self.text).unwrap_or_default();
            Rule::all(&rules)
        })
    }
}

impl Subject {
    /// What it is found by: a service account is a user.
    fn who(&self, namespace: &str) -> String {
        let name = &self.name;
        match &*self.kind {
            "Group" => format!("group {name}"),
            "ServiceAccount" => {
                let namespace = if self.namespace.is_empty() {
                    namespace
                } else {
                    &self.namespace
                };
                format!("user system:serviceaccount:{namespace}:{name}")
            }
            "User" => format!("user {name}"),
            _ => String::new(),
        }
    }
}

impl Binding {
    fn of(object: &Value, place: Place) -> Self {
        let subject = |subject: &Value| Subject {
            kind: short(&subject["kind"]),
            namespace: short(&subject["namespace"]),
            name: short(&subject["name"]),
        };
        let subjects = object["subjects"].as_array().into_iter().flatten();
        Self {
            place: Arc::new(place),
            role: RoleRef {
                is_cluster_role: object["roleRef"]["kind"] == "ClusterRole",
                name: short(&object["roleRef"]["name"]),
            },
            subjects: subjects.map(subject).collect(),
        }
    }

    /// The first that is this user.
    fn subject(&self, user: &str, groups: &[String]) -> Option<&Subject> {
        self.subjects.iter().find(|subject| {
            let who = subject.who(&self.place.namespace);
            match who.split_once(' ') {
                Some(("group", name)) => groups.iter().any(|group| group == name),
                Some((_, name)) => name == user,
                None => false,
            }
        })
    }

    /// `ClusterRoleBinding "b" of ClusterRole "r" to Group "g"`.
    fn described(&self, subject: &Subject) -> String {
        let (kind, name) = match &*self.place.namespace {
            "" => ("ClusterRoleBinding", self.place.name.to_string()),
            namespace => ("RoleBinding", format!("{}/{namespace}", self.place.name)),
        };
        let role = if self.role.is_cluster_role {
            "ClusterRole"
        } else {
            "Role"
        };
        let whom = match &*subject.kind {
            "ServiceAccount" => format!("{}/{}", subject.name, subject.namespace),
            _ => subject.name.to_string(),
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

fn short(value: &Value) -> Box<str> {
    value.as_str().unwrap_or_default().into()
}
