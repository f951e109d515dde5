//! Into which namespaces a role issues.

use std::collections::BTreeMap;

use leasehold_api_types::aws_role::{
    AllowedNamespaces, LabelDemand, LabelOperator, NamespaceSelector, NamespacesFrom,
};

use super::{Observed, RoleSeen};
use crate::{Failure, FailureClass, Known, reasons};

/// Whether the labels of the request's namespace have to be looked at to answer.
pub fn asks_labels(allowed: Option<&AllowedNamespaces>, role: &str, request: &str) -> bool {
    role != request && allowed.is_some_and(|a| a.from == NamespacesFrom::Selector)
}

/// Whether a namespace with these labels is one of the selector's. All that is said must hold; a
/// selector that says nothing selects nothing.
pub fn matches(selector: &NamespaceSelector, labels: &BTreeMap<String, String>) -> bool {
    let says = !selector.match_labels.is_empty() || !selector.match_expressions.is_empty();
    let equal = |(key, value): (&String, &String)| labels.get(key) == Some(value);
    says && selector.match_labels.iter().all(equal)
        && selector.match_expressions.iter().all(|d| holds(d, labels))
}

fn holds(demand: &LabelDemand, labels: &BTreeMap<String, String>) -> bool {
    let value = labels.get(&demand.key);
    let among = value.is_some_and(|v| demand.values.contains(v));
    match demand.operator {
        LabelOperator::In => among,
        LabelOperator::NotIn => !among,
        LabelOperator::Exists => value.is_some(),
        LabelOperator::DoesNotExist => value.is_none(),
    }
}

/// Why the role does not issue into the request's namespace, if it does not.
pub(super) fn refusal(o: &Observed, role: &RoleSeen) -> Option<Failure> {
    let (at, here) = (&o.spec.role_ref, &o.object.namespace);
    if at.namespace == *here {
        return None;
    }
    let named = format!("AWSRole {}/{}", at.namespace, at.name);
    let none = AllowedNamespaces::default();
    let allowed = role.allowed.as_ref().unwrap_or(&none);
    let why = match (allowed.from, &allowed.selector) {
        (NamespacesFrom::All, _) => return None,
        (NamespacesFrom::Selector, Some(selector)) => match &role.labels {
            Known::Is(labels) if matches(selector, labels) => return None,
            Known::Unknown(failure) => return Some(failure.clone()),
            Known::Is(_) | Known::Absent => format!(
                "the selector in its spec.allowedNamespaces does not match the labels of namespace {here}. To grant it, label the namespace so, or change the selector"
            ),
        },
        (NamespacesFrom::Same | NamespacesFrom::Selector, _) => format!(
            "it issues only into its own. To grant it, write into the role's spec: allowedNamespaces: {{from: Selector, selector: {{matchLabels: {{kubernetes.io/metadata.name: {here}}}}}}}"
        ),
    };
    Some(Failure::new(
        FailureClass::Denied,
        reasons::ROLE_NOT_GRANTED,
        format!("{named} does not issue into namespace {here}: {why}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let own = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
        pairs.iter().map(own).collect()
    }

    fn demand(operator: LabelOperator, values: &[&str]) -> NamespaceSelector {
        NamespaceSelector {
            match_expressions: vec![LabelDemand {
                key: "team".into(),
                operator,
                values: values.iter().map(|v| (*v).to_owned()).collect(),
            }],
            ..NamespaceSelector::default()
        }
    }

    #[test]
    fn a_selector_selects_as_kubernetes_has_it() {
        use LabelOperator::{DoesNotExist, Exists, In, NotIn};
        let (a, c, none) = (
            labels(&[("team", "a")]),
            labels(&[("team", "c")]),
            labels(&[]),
        );
        for (operator, values, wanted) in [
            (In, &["a", "b"][..], [true, false, false]),
            (NotIn, &["a", "b"][..], [false, true, true]),
            (Exists, &[][..], [true, true, false]),
            (DoesNotExist, &[][..], [false, false, true]),
        ] {
            let selector = demand(operator, values);
            let got = [&a, &c, &none].map(|l| matches(&selector, l));
            assert_eq!(got, wanted, "{operator:?}");
        }
    }

    #[test]
    fn all_that_a_selector_says_must_hold() {
        let mut selector = demand(LabelOperator::In, &["a"]);
        selector.match_labels = labels(&[("stage", "prod")]);
        assert!(matches(
            &selector,
            &labels(&[("team", "a"), ("stage", "prod"), ("x", "y")])
        ));
        assert!(!matches(&selector, &labels(&[("team", "a")])));
        assert!(!matches(&selector, &labels(&[("stage", "prod")])));
        assert!(!matches(
            &NamespaceSelector::default(),
            &labels(&[("team", "a")])
        ));
    }

    #[test]
    fn labels_are_asked_for_only_where_they_decide() {
        let from = |from| AllowedNamespaces {
            from,
            selector: None,
        };
        let selector = from(NamespacesFrom::Selector);
        assert!(asks_labels(Some(&selector), "a", "b"));
        assert!(!asks_labels(Some(&selector), "a", "a"));
        assert!(!asks_labels(Some(&from(NamespacesFrom::All)), "a", "b"));
        assert!(!asks_labels(None, "a", "b"));
    }
}
