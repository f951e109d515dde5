//! Who somebody is, and what they may do.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Kube;
use super::answer::Call;
use super::errors::{About, Failure};
use super::query::Query;
use super::rbac::{self, Attributes, Refusal};
use super::route::Route;
use crate::wire::Request;

pub(super) const RBAC: &str = "rbac.authorization.k8s.io";
const MASTERS: &str = "system:masters";
const AUTHENTICATED: &str = "system:authenticated";

/// Who somebody is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) groups: Vec<String>,
    pub(super) extra: BTreeMap<String, Vec<String>>,
}

impl Identity {
    fn new(name: &str, groups: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            groups: groups.iter().map(ToString::to_string).collect(),
            ..Self::default()
        }
    }

    /// A service account, with the groups all of them are in.
    pub(super) fn service_account(namespace: &str, name: &str) -> Self {
        let own = format!("system:serviceaccounts:{namespace}");
        Self::new(
            &format!("system:serviceaccount:{namespace}:{name}"),
            &["system:serviceaccounts", &own, AUTHENTICATED],
        )
    }

    pub(super) fn is_master(&self) -> bool {
        self.groups.iter().any(|group| group == MASTERS)
    }

    /// As reviews have it.
    pub(super) fn info(&self) -> Value {
        let mut info = json!({"username": self.name, "groups": self.groups});
        if !self.uid.is_empty() {
            info["uid"] = self.uid.clone().into();
        }
        if !self.extra.is_empty() {
            info["extra"] = json!(self.extra);
        }
        info
    }
}

impl Kube {
    /// Whose request it is.
    pub(super) fn authenticate(
        &self,
        request: &Request,
        now: Timestamp,
    ) -> Result<Identity, Failure> {
        let header = request.header("Authorization").unwrap_or_default();
        let token = header
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let token = token.map(|(_, token)| token.trim()).unwrap_or_default();
        if token.is_empty() {
            return Ok(if self.config.is_anonymous_admin {
                Identity::new("kubernetes-admin", &[MASTERS, AUTHENTICATED])
            } else {
                Identity::new("system:anonymous", &["system:unauthenticated"])
            });
        }
        let audiences = [self.config.issuer.clone()];
        self.identify(token, &audiences, now)
            .map(|(user, _)| user)
            .ok_or_else(Failure::unauthorized)
    }

    /// Whose token it is, and for which of the audiences.
    pub(super) fn identify(
        &self,
        token: &str,
        audiences: &[String],
        now: Timestamp,
    ) -> Option<(Identity, Vec<String>)> {
        if self.config.admin_token.as_deref() == Some(token) {
            return Some((
                Identity::new("admin", &[MASTERS, AUTHENTICATED]),
                Vec::new(),
            ));
        }
        if let Some(user) = self.config.users.iter().find(|user| user.token == token) {
            let mut identity = Identity::new(&user.name, &[]);
            identity.groups.clone_from(&user.groups);
            identity.groups.push(AUTHENTICATED.to_owned());
            identity.uid = format!("{}-uid", user.name);
            return Some((identity, Vec::new()));
        }
        self.identify_account(token, audiences, now)
    }

    /// Who somebody wants to be taken for, if they may.
    pub(super) fn impersonate(
        &self,
        request: &Request,
        route: &Route,
        query: &Query,
        user: Identity,
    ) -> Result<Identity, Failure> {
        let name = request.header("Impersonate-User").unwrap_or_default();
        let groups: Vec<String> = request
            .header_values("Impersonate-Group")
            .map(str::to_owned)
            .collect();
        let uid = request.header("Impersonate-Uid").unwrap_or_default();
        if name.is_empty() {
            if groups.is_empty() && uid.is_empty() {
                return Ok(user);
            }
            let quoted: Vec<String> = groups.iter().map(|group| format!("\"{group}\"")).collect();
            return Err(Failure::bad_request(format!(
                "requested &user.DefaultInfo{{Name:\"\", UID:\"{uid}\", Groups:[]string{{{}}}, \
                 Extra:map[string][]string(nil)}} without impersonating a user name",
                quoted.join(", ")
            )));
        }
        let other = impersonated(request, name, uid, groups.clone());
        if user.is_master() {
            return Ok(other);
        }
        let account = name
            .strip_prefix("system:serviceaccount:")
            .and_then(|rest| rest.split_once(':'));
        let policy = Arc::clone(&self.policy);
        let may = |group: &str, resource: &str, namespace: &str, name: &str| {
            let attributes = Attributes {
                user: &user.name,
                groups: &user.groups,
                verb: "impersonate",
                group,
                resource,
                name,
                namespace,
                ..Attributes::default()
            };
            rbac::allows(&policy, &attributes)
        };
        let may_user = match account {
            Some((namespace, name)) => may("", "serviceaccounts", namespace, name),
            None => may("", "users", "", name),
        };
        let authn = "authentication.k8s.io";
        let may_all = may_user
            && groups.iter().all(|group| may("", "groups", "", group))
            && (uid.is_empty() || may(authn, "uids", "", uid));
        if may_all {
            return Ok(other);
        }
        let verb = route.verb(&request.method, query.is_on("watch"));
        let verb = format!("impersonate-on:user-info:{verb}");
        Err(refuse(&user, &verb, route, request.route(), ""))
    }

    /// Whether somebody may do what a request asks for.
    pub(super) fn authorize(
        &self,
        request: &Request,
        route: &Route,
        query: &Query,
        user: &Identity,
    ) -> Result<(), Failure> {
        if user.is_master() {
            return Ok(());
        }
        let policy = Arc::clone(&self.policy);
        let method = request.method.to_lowercase();
        let verb = if route.is_resource {
            route.verb(&request.method, query.is_on("watch"))
        } else {
            &method
        };
        // A list of one object by its name is a request for that object.
        let mut route = route.clone();
        if route.name.is_empty()
            && let Some(name) = query.text("fieldSelector").strip_prefix("metadata.name=")
            && !name.contains(',')
        {
            name.trim_start_matches('=').clone_into(&mut route.name);
        }
        let attributes = Attributes {
            user: &user.name,
            groups: &user.groups,
            verb,
            group: &route.group,
            resource: &route.plural,
            subresource: &route.subresource,
            name: &route.name,
            namespace: &route.namespace,
            path: if route.is_resource {
                ""
            } else {
                request.route()
            },
        };
        match rbac::decide(&policy, &attributes) {
            Ok(_) => Ok(()),
            Err(why) => Err(refuse(user, verb, &route, request.route(), &why)),
        }
    }

    /// Puts the ClusterRoles together that are made of others.
    pub(super) fn aggregate_roles(&mut self, now: Timestamp) {
        let Some(resource) = self.resources.find(RBAC, "clusterroles") else {
            return;
        };
        let all = self.store.range(resource.topic, "", "");
        let all: Vec<Value> = all.map(|(_, role)| role.value()).collect();
        let references: Vec<&Value> = all.iter().collect();
        for role in &all {
            let rules = rbac::aggregated(role, &references);
            if let Some(rules) = rules.filter(|rules| *rules != role["rules"]) {
                let mut role = role.clone();
                role["rules"] = rules;
                self.put(&resource, role, now);
            }
        }
    }

    /// Nobody gives others what they have not themselves.
    pub(super) fn check_escalation(
        &self,
        call: &Call<'_>,
        object: &Value,
        old: Option<&Value>,
    ) -> Result<(), Failure> {
        if call.resource.group != RBAC || call.user.is_master() {
            return Ok(());
        }
        // What changes no rule and no role gives nobody anything.
        let part = |object: &Value| {
            ["rules", "aggregationRule", "roleRef", "subjects"].map(|key| object[key].clone())
        };
        if old.is_some_and(|old| part(old) == part(object)) {
            return Ok(());
        }
        let policy = Arc::clone(&self.policy);
        let refusal = rbac::escalation(&policy, &call.user.name, &call.user.groups, object);
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        match refusal {
            None => Ok(()),
            Some(Refusal::Forbidden(why)) => {
                Err(Failure::forbidden(&call.resource.about(name), &why))
            }
            Some(Refusal::RoleNotFound(role)) => {
                let kind = object["roleRef"]["kind"].as_str().unwrap_or_default();
                let kind = if kind == "Role" {
                    "roles"
                } else {
                    "clusterroles"
                };
                Err(Failure::not_found(&About {
                    group: RBAC,
                    kind,
                    name: &role,
                }))
            }
        }
    }
}

/// The identity that a request's `Impersonate-*` headers describe.
fn impersonated(request: &Request, name: &str, uid: &str, groups: Vec<String>) -> Identity {
    let account = name
        .strip_prefix("system:serviceaccount:")
        .and_then(|rest| rest.split_once(':'));
    let mut other = match account {
        Some((namespace, name)) if groups.is_empty() => Identity::service_account(namespace, name),
        _ => Identity {
            name: name.to_owned(),
            groups,
            ..Identity::default()
        },
    };
    let has = |group: &str| other.groups.iter().any(|known| known == group);
    if name == "system:anonymous" && !has("system:unauthenticated") {
        other.groups.push("system:unauthenticated".to_owned());
    } else if name != "system:anonymous" && !has(AUTHENTICATED) && !has("system:unauthenticated") {
        other.groups.push(AUTHENTICATED.to_owned());
    }
    uid.clone_into(&mut other.uid);
    for (header, value) in &request.headers {
        let prefix = "impersonate-extra-";
        let key = header.to_lowercase();
        if let Some(key) = key.strip_prefix(prefix) {
            other
                .extra
                .entry(key.to_owned())
                .or_default()
                .push(value.clone());
        }
    }
    other
}

/// The answer to somebody who may not.
fn refuse(user: &Identity, verb: &str, route: &Route, path: &str, reason: &str) -> Failure {
    let colon = if reason.is_empty() { "" } else { ": " };
    let who = &user.name;
    if !route.is_resource {
        let why = format!("User \"{who}\" cannot {verb} path \"{path}\"{colon}{reason}");
        return Failure::forbidden(
            &About {
                group: "",
                kind: "",
                name: "",
            },
            &why,
        );
    }
    let slash = if route.subresource.is_empty() {
        ""
    } else {
        "/"
    };
    let place = if route.namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace \"{}\"", route.namespace)
    };
    let why = format!(
        "User \"{who}\" cannot {verb} resource \"{}{slash}{}\" in API group \"{}\" {place}{colon}{reason}",
        route.plural, route.subresource, route.group
    );
    let about = About {
        group: &route.group,
        kind: &route.plural,
        name: &route.name,
    };
    Failure::forbidden(&about, &why)
}
