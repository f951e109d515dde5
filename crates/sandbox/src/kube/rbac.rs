//! Who may do what: RBAC.

use serde_json::{Value, json};

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
pub(crate) struct Policy {}

impl Policy {
    /// Takes Roles, ClusterRoles and their bindings; other kinds are passed over.
    pub(crate) fn of<'a>(_objects: impl IntoIterator<Item = &'a Value>) -> Self {
        Self {}
    }
}

/// Whether RBAC lets it pass. `system:masters` may do everything.
pub(crate) fn allows(policy: &Policy, attributes: &Attributes<'_>) -> bool {
    allowed_by(policy, attributes).is_some()
}

/// Why it passes: the `reason` of a SubjectAccessReview.
pub(crate) fn allowed_by(_policy: &Policy, attributes: &Attributes<'_>) -> Option<String> {
    let masters = |group: &String| group == "system:masters";
    attributes.groups.iter().any(masters).then(String::new)
}

/// Why this Role, ClusterRole or binding may not be written by that user, as the answer's text:
/// it would give what the user has not.
pub(crate) fn escalation(
    _policy: &Policy,
    _user: &str,
    _groups: &[String],
    _object: &Value,
) -> Option<String> {
    None
}

/// The `status` of a SelfSubjectRulesReview.
pub(crate) fn rules_for(
    _policy: &Policy,
    _user: &str,
    _groups: &[String],
    _namespace: &str,
) -> Value {
    json!({"resourceRules": [], "nonResourceRules": [], "incomplete": false})
}

/// The rules of a ClusterRole with an `aggregationRule`, from all ClusterRoles; `None` without.
pub(crate) fn aggregated(_role: &Value, _all: &[&Value]) -> Option<Value> {
    None
}

/// The roles and bindings a cluster begins with.
pub(crate) fn bootstrap() -> Vec<Value> {
    Vec::new()
}
