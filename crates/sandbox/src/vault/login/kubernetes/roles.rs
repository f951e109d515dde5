//! Roles: which service accounts may have them.

use serde_json::json;

use super::KubernetesAuth;
use crate::vault::call::{Answer, Call, Env, Error, Reply};
use crate::vault::fields::{Fields, Kind, Schema};
use crate::vault::login::grant::Terms;
use crate::vault::mounts::object;

#[derive(Debug, Clone, Default)]
pub(super) struct Role {
    pub(super) accounts: Vec<String>,
    pub(super) namespaces: Option<Vec<String>>,
    pub(super) selector: String,
    pub(super) audience: String,
    pub(super) alias_source: String,
    pub(super) terms: Terms,
}

pub(super) const SCHEMA: Schema = &[
    ("name", Kind::Text),
    ("bound_service_account_names", Kind::List),
    ("bound_service_account_namespaces", Kind::List),
    ("bound_service_account_namespace_selector", Kind::Text),
    ("audience", Kind::Text),
    ("alias_name_source", Kind::Text),
    ("policies", Kind::List),
    ("num_uses", Kind::Int),
    ("ttl", Kind::Seconds),
    ("max_ttl", Kind::Seconds),
    ("period", Kind::Seconds),
    ("bound_cidrs", Kind::List),
    ("token_bound_cidrs", Kind::List),
    ("token_explicit_max_ttl", Kind::Seconds),
    ("token_max_ttl", Kind::Seconds),
    ("token_no_default_policy", Kind::Flag),
    ("token_period", Kind::Seconds),
    ("token_policies", Kind::List),
    ("token_type", Kind::Text),
    ("token_ttl", Kind::Seconds),
    ("token_num_uses", Kind::Int),
];

const BY_UID: &str = "serviceaccount_uid";
pub(super) const BY_NAME: &str = "serviceaccount_name";

fn name(fields: &Fields) -> String {
    fields.text("name").to_lowercase()
}

pub(super) fn exists(method: &KubernetesAuth, fields: &Fields) -> bool {
    method.roles.contains_key(&name(fields))
}

pub(super) fn list(
    method: &mut KubernetesAuth,
    _: &Call<'_>,
    _: &Fields,
    _: &mut Env<'_>,
) -> Answer {
    Ok(Reply::keys(method.roles.keys().cloned().collect()))
}

pub(super) fn delete(
    method: &mut KubernetesAuth,
    _: &Call<'_>,
    fields: &Fields,
    _: &mut Env<'_>,
) -> Answer {
    method.roles.remove(&name(fields));
    Ok(None)
}

pub(super) fn read(
    method: &mut KubernetesAuth,
    _: &Call<'_>,
    fields: &Fields,
    _: &mut Env<'_>,
) -> Answer {
    let role = method.roles.get(&name(fields));
    Ok(role.map(|role| {
        let mut data = object(json!({
            "bound_service_account_names": role.accounts,
            "bound_service_account_namespaces": role.namespaces,
            "bound_service_account_namespace_selector": role.selector,
            "alias_name_source": role.alias_source,
        }));
        if !role.audience.is_empty() {
            data.insert("audience".to_owned(), role.audience.clone().into());
        }
        role.terms.show(&mut data);
        Reply::data(data)
    }))
}

pub(super) fn write(
    method: &mut KubernetesAuth,
    _: &Call<'_>,
    fields: &Fields,
    _: &mut Env<'_>,
) -> Answer {
    let name = name(fields);
    let mut role = method.roles.get(&name).cloned().unwrap_or_else(|| Role {
        alias_source: BY_UID.to_owned(),
        ..Role::default()
    });
    role.terms.read(fields)?;
    role.terms.read_old(fields);
    let grant = &role.terms.grant;
    if grant.max_ttl.is_positive() && grant.ttl > grant.max_ttl {
        let text = "token ttl should not be greater than token max ttl";
        return Err(Error::bad(text));
    }
    if let Some(accounts) = fields.list_if("bound_service_account_names") {
        role.accounts = accounts;
    }
    if role.accounts.is_empty() {
        return Err(Error::bad(
            "\"bound_service_account_names\" can not be empty",
        ));
    }
    let mixes = |list: &[String]| list.len() > 1 && list.iter().any(|name| name == "*");
    if mixes(&role.accounts) {
        return Err(Error::bad("can not mix \"*\" with values"));
    }
    if let Some(namespaces) = fields.list_if("bound_service_account_namespaces") {
        role.namespaces = Some(namespaces);
    }
    if let Some(selector) = fields.text_if("bound_service_account_namespace_selector") {
        let is_json = serde_json::from_str::<serde_json::Value>(&selector)
            .is_ok_and(|value| value.is_object());
        if !selector.is_empty() && !is_json {
            let text = "invalid \"bound_service_account_namespace_selector\" configured";
            return Err(Error::bad(text));
        }
        role.selector = selector;
    }
    let namespaces = role.namespaces.as_deref().unwrap_or_default();
    if namespaces.is_empty() && role.selector.is_empty() {
        return Err(Error::bad(
            "\"bound_service_account_namespaces\" can not be empty if \
             \"bound_service_account_namespace_selector\" is not set",
        ));
    }
    if mixes(namespaces) {
        return Err(Error::bad("can not mix \"*\" with values"));
    }
    if let Some(audience) = fields.text_if("audience") {
        role.audience = audience;
    }
    if let Some(source) = fields.text_if("alias_name_source") {
        if source != BY_UID && source != BY_NAME {
            return Err(Error::bad(format!(
                "invalid alias_name_source, must be one of: {BY_UID}, {BY_NAME}"
            )));
        }
        role.alias_source = source;
    }
    let mut warnings = Vec::new();
    if role.audience.is_empty() {
        warnings.push(format!(
            "Role {name} does not have an audience configured. While audiences are not required, \
             consider specifying one if your use case would benefit from additional JWT claim \
             verification."
        ));
    }
    method.roles.insert(name, role);
    Ok(Reply::of_warnings(warnings))
}
