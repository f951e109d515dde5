//! The Role and RoleBinding by which the subjects, and nobody else, may get one Secret.

use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Api, Resource, ResourceExt, api::PostParams, core::NamespaceResourceScope};
use leasehold_api_types::{MANAGER, aws_access_key_request};
use leasehold_reconcile_core::Failure;
use serde::{Serialize, de::DeserializeOwned};

use super::secrets::{owned_by, taken};
use crate::failures;

const RBAC: &str = "rbac.authorization.k8s.io";

/// `get` on that one Secret.
pub fn role(meta: ObjectMeta, secret: &str) -> Role {
    let rule = PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec!["secrets".into()]),
        resource_names: Some(vec![secret.into()]),
        verbs: vec!["get".into()],
        ..PolicyRule::default()
    };
    Role {
        metadata: meta,
        rules: Some(vec![rule]),
    }
}

/// Gives back what reading a role took too much: caches hold one for each key.
pub fn shrink_role(role: &mut Role) {
    let Some(rules) = &mut role.rules else { return };
    rules.shrink_to_fit();
    for rule in rules {
        rule.verbs.shrink_to_fit();
        for list in [
            &mut rule.api_groups,
            &mut rule.resources,
            &mut rule.resource_names,
        ] {
            list.iter_mut().for_each(Vec::shrink_to_fit);
        }
    }
}

/// The same of a binding.
pub fn shrink_binding(binding: &mut RoleBinding) {
    binding.subjects.iter_mut().for_each(Vec::shrink_to_fit);
}

/// The role of the same name, for these subjects.
pub fn binding(meta: ObjectMeta, subjects: &[aws_access_key_request::Subject]) -> RoleBinding {
    let name = meta.name.clone().unwrap_or_default();
    RoleBinding {
        metadata: meta,
        role_ref: RoleRef {
            api_group: RBAC.into(),
            kind: "Role".into(),
            name,
        },
        subjects: Some(subjects.iter().map(subject).collect()),
    }
}

fn subject(of: &aws_access_key_request::Subject) -> Subject {
    // RBAC's own defaults; a ServiceAccount is in the core group, whose name is empty.
    let by_kind = (of.kind != "ServiceAccount").then(|| RBAC.to_owned());
    Subject {
        api_group: of.api_group.clone().filter(|g| !g.is_empty()).or(by_kind),
        kind: of.kind.clone(),
        name: of.name.clone(),
        namespace: of.namespace.clone(),
    }
}

/// Creates the object, or replaces the request's own of that name. Returns the version written.
pub async fn put<K>(api: &Api<K>, mut object: K, uid: &str) -> Result<u64, Failure>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + Serialize,
{
    let params = PostParams {
        field_manager: Some(MANAGER.into()),
        ..PostParams::default()
    };
    let name = object.name_any();
    let written = match api.create(&params, &object).await {
        Err(kube::Error::Api(s)) if s.is_already_exists() => {
            let found = api
                .get_metadata(&name)
                .await
                .map_err(|e| failures::kubernetes(&e))?;
            if !owned_by(&found.metadata, uid) {
                let namespace = object.namespace().unwrap_or_default();
                return Err(taken(&K::kind(&()), &namespace, &name));
            }
            object.meta_mut().resource_version = found.metadata.resource_version;
            api.replace(&name, &params, &object).await
        }
        other => other,
    };
    let version = written
        .map_err(|e| failures::kubernetes(&e))?
        .resource_version();
    Ok(crate::memory::number(&version.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_get_rbacs_own_groups() {
        let of = |kind: &str| aws_access_key_request::Subject {
            kind: kind.into(),
            name: "x".into(),
            ..aws_access_key_request::Subject::default()
        };
        assert_eq!(subject(&of("User")).api_group.as_deref(), Some(RBAC));
        assert_eq!(subject(&of("Group")).api_group.as_deref(), Some(RBAC));
        assert_eq!(subject(&of("ServiceAccount")).api_group, None);
    }

    #[test]
    fn the_role_names_one_secret_and_one_verb() {
        let rules = role(ObjectMeta::default(), "s-abc123").rules.unwrap();
        assert_eq!(
            rules[0].resource_names.as_deref(),
            Some(&["s-abc123".to_owned()][..])
        );
        assert_eq!(rules[0].verbs, ["get"]);
    }
}
