//! Whose token it is, and whether they may have the role.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::KubernetesAuth;
use super::config::Config;
use super::jwt::Claims;
use super::roles::{BY_NAME, Role};
use crate::vault::acl::globs;
use crate::vault::call::{Answer, Call, Env, Error, Grant, Login, Origin, Reply};
use crate::vault::fields::{Fields, Kind, Schema};
use crate::vault::go;
use crate::wire::Request;

pub(super) const SCHEMA: Schema = &[("role", Kind::Text), ("jwt", Kind::Text)];

pub(super) fn log_in(
    method: &mut KubernetesAuth,
    _: &Call<'_>,
    fields: &Fields,
    env: &mut Env<'_>,
) -> Answer {
    let name = fields.text("role");
    if name.is_empty() {
        return Err(Error::bad("missing role"));
    }
    let jwt = fields.text("jwt");
    if jwt.is_empty() {
        return Err(Error::bad("missing jwt"));
    }
    let role = method.roles.get(&name.to_lowercase());
    let role = role.ok_or_else(|| Error::bad(format!("invalid role name {}", go::quote(&name))))?;
    let config = method.config.as_ref();
    let config = config.ok_or_else(|| Error::failed("could not load backend configuration"))?;
    let claims = Claims::of(&jwt).ok_or_else(Error::denied)?;
    let issuer = (!config.skips_issuer).then_some(match config.issuer.as_str() {
        "" => "kubernetes/serviceaccount",
        issuer => issuer,
    });
    let forbidden = |text: &str| Error::said(403, text);
    claims
        .check(issuer, &role.audience, env.now)
        .map_err(forbidden)?;
    if !is_listed(&role.accounts, &claims.name) {
        return Err(forbidden("service account name not authorized"));
    }
    if !is_in_namespace(config, role, &claims, &jwt, env) {
        return Err(forbidden("namespace not authorized"));
    }
    if claims.uid.is_empty() {
        return Err(Error::failed("could not parse UID from claims"));
    }
    if !review(config, role, &claims, &jwt, env) {
        return Err(Error::denied());
    }
    Ok(Some(Reply {
        login: Some(Box::new(login(&name, role, &claims))),
        ..Reply::default()
    }))
}

fn is_listed(list: &[String], name: &str) -> bool {
    list.iter().any(|pattern| globs(pattern, name))
}

fn login(name: &str, role: &Role, claims: &Claims) -> Login {
    let alias = if role.alias_source == BY_NAME {
        format!("{}/{}", claims.namespace, claims.name)
    } else {
        claims.uid.clone()
    };
    let metadata = [
        ("role", name),
        ("service_account_name", &claims.name),
        ("service_account_namespace", &claims.namespace),
        ("service_account_secret_name", &claims.secret_name),
        ("service_account_uid", &claims.uid),
    ];
    Login {
        alias,
        display_name: format!("{}-{}", claims.namespace, claims.name),
        metadata: metadata
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
        grant: role.terms.grant.clone(),
        origin: Origin::Kubernetes {
            role: name.to_owned(),
        },
    }
}

/// Asks the API server something, with the reviewer's token or the one at hand.
fn ask(
    config: &Config,
    jwt: &str,
    method: &str,
    path: &str,
    body: &Value,
    env: &mut Env<'_>,
) -> Option<Value> {
    let bearer = if config.reviewer_jwt.is_empty() {
        jwt
    } else {
        &config.reviewer_jwt
    };
    let host = config.host.trim_end_matches('/');
    let (scheme, rest) = host.split_once("://")?;
    let (authority, prefix) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let request = Request {
        method: method.to_owned(),
        path: format!("{prefix}{path}"),
        headers: vec![
            header("Host", authority),
            header("Authorization", &format!("Bearer {}", bearer.trim())),
            header("Content-Type", "application/json"),
            header("Accept", "application/json"),
        ],
        body: if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        },
    };
    let response = env
        .upstream
        .call(&format!("{scheme}://{authority}"), &request)
        .ok()?;
    if !(200..=206).contains(&response.status) {
        return None;
    }
    serde_json::from_str(&response.body).ok()
}

/// Whether the API server knows the token, and as whom it says it is.
fn review(config: &Config, role: &Role, claims: &Claims, jwt: &str, env: &mut Env<'_>) -> bool {
    let wanted = if role.audience.is_empty() {
        claims.audiences.clone()
    } else {
        vec![role.audience.clone()]
    };
    let mut spec = json!({ "token": jwt });
    if !wanted.is_empty() {
        spec["audiences"] = wanted.clone().into();
    }
    let body = json!({ "metadata": {}, "spec": spec, "status": { "user": {} } });
    let path = "/apis/authentication.k8s.io/v1/tokenreviews";
    let Some(answer) = ask(config, jwt, "POST", path, &body, env) else {
        return false;
    };
    let status = &answer["status"];
    let knows_audience = wanted.is_empty()
        || status["audiences"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .any(|audience| wanted.iter().any(|wanted| wanted == audience));
    let user = format!("system:serviceaccount:{}:{}", claims.namespace, claims.name);
    status["error"].as_str().unwrap_or_default().is_empty()
        && status["authenticated"] == true
        && knows_audience
        && status["user"]["username"] == user.as_str()
        && status["user"]["uid"] == claims.uid.as_str()
}

fn is_in_namespace(
    config: &Config,
    role: &Role,
    claims: &Claims,
    jwt: &str,
    env: &mut Env<'_>,
) -> bool {
    let namespaces = role.namespaces.as_deref().unwrap_or_default();
    if is_listed(namespaces, &claims.namespace) {
        return true;
    }
    if role.selector.is_empty() {
        return false;
    }
    let path = format!("/api/v1/namespaces/{}", claims.namespace);
    let Some(namespace) = ask(config, jwt, "GET", &path, &Value::Null, env) else {
        return false;
    };
    let selector: Value = serde_json::from_str(&role.selector).unwrap_or_default();
    selects(&selector, &namespace["metadata"]["labels"])
}

fn selects(selector: &Value, labels: &Value) -> bool {
    let equal = selector["matchLabels"]
        .as_object()
        .into_iter()
        .flatten()
        .all(|(key, value)| &labels[key] == value);
    let expressions = selector["matchExpressions"]
        .as_array()
        .into_iter()
        .flatten();
    equal
        && expressions.into_iter().all(|rule| {
            let label = &labels[rule["key"].as_str().unwrap_or_default()];
            let values = rule["values"].as_array();
            let is_among = || values.is_some_and(|values| values.contains(label));
            match rule["operator"].as_str() {
                Some("In") => is_among(),
                Some("NotIn") => !is_among(),
                Some("Exists") => !label.is_null(),
                Some("DoesNotExist") => label.is_null(),
                _ => false,
            }
        })
}

impl KubernetesAuth {
    /// What the token of a login is renewed with, if its role is still there.
    pub(in crate::vault) fn renew(&self, origin: &Origin) -> Result<Grant, Error> {
        let Origin::Kubernetes { role: name } = origin else {
            return Err(Error::failed("failed to fetch role_name during renewal"));
        };
        let role = self.roles.get(&name.to_lowercase());
        role.map(|role| role.terms.grant.clone())
            .ok_or_else(|| Error::failed(format!("role {name} does not exist during renewal")))
    }
}
