//! Reviews: who is this, and may they?

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::Kube;
use super::answer::Call;
use super::apply::Managers;
use super::auth::Identity;
use super::errors::{About, Failure};
use super::query::WriteOptions;
use super::rbac::{self, Attributes};
use super::schema::Cause;
use super::write::Write;
use super::{jwt, meta, strict};
use crate::wire::Response;

/// The server does not say in these errors what kind of review it is.
const NAMELESS: About<'_> = About {
    group: "authorization.k8s.io",
    kind: "",
    name: "",
};

impl Kube {
    /// Answers a review. Nothing of it is kept.
    pub(super) fn review(&self, call: &Call<'_>) -> Result<Response, Failure> {
        if !call.route.name.is_empty() {
            return Err(Failure::unknown_resource());
        }
        if call.request.method != "POST" {
            return Err(Failure::method_not_allowed());
        }
        if call.resource.is_namespaced && call.route.namespace.is_empty() {
            return Err(Failure::method_not_allowed());
        }
        let options = WriteOptions::of(&call.query, call.request, "CreateOptions", false)?;
        let mut review = call.object()?.value;
        let text = &call.request.body;
        strict::check_kind(
            &self.resources,
            &call.resource,
            &call.route.version,
            &review,
            text,
        )?;
        let api_version = call.resource.api_version(&call.route.version);
        review["apiVersion"] = api_version.into();
        review["kind"] = call.resource.kind.clone().into();
        if !review["metadata"].is_object() {
            review["metadata"] = json!({});
        }
        if call.resource.is_namespaced {
            let own = call.route.namespace.clone();
            meta::of(&mut review).insert("namespace".to_owned(), own.into());
        }
        let spec = review["spec"].clone();
        let status = match call.resource.kind.as_str() {
            "TokenReview" => self.review_token(call, &spec)?,
            "SelfSubjectReview" => json!({"userInfo": call.user.info()}),
            "SelfSubjectRulesReview" => {
                let namespace = spec["namespace"].as_str().unwrap_or_default();
                if namespace.is_empty() {
                    return Err(Failure::bad_request("no namespace on request"));
                }
                let policy = Arc::clone(&self.policy);
                rbac::rules_for(&policy, &call.user.name, &call.user.groups, namespace)
            }
            _ => self.review_access(call, &spec)?,
        };
        if call.resource.kind == "SelfSubjectReview" {
            meta::of(&mut review)
                .insert("creationTimestamp".to_owned(), meta::time(call.now).into());
        } else {
            let write = Write {
                call,
                options,
                warnings: Vec::new(),
                is_apply: false,
            };
            let blank = json!({"spec": {}, "metadata": {}});
            let mut managers = Managers::default();
            managers.updated(write.who(), &blank, &review, None, None, call.now);
            managers.write(&mut review);
        }
        review["status"] = status;
        Ok(Response::json(201, &review))
    }

    fn review_token(&self, call: &Call<'_>, spec: &Value) -> Result<Value, Failure> {
        let token = spec["token"].as_str().unwrap_or_default();
        if token.is_empty() {
            let message = "token is required for TokenReview in authentication";
            return Err(Failure::bad_request(message));
        }
        let texts = |value: &Value| -> Vec<String> {
            let list = value.as_array().into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let mut audiences = texts(&spec["audiences"]);
        if audiences.is_empty() {
            audiences.push(self.config.issuer.clone());
        }
        Ok(
            if let Some((user, meant)) = self.identify(token, &audiences, call.now) {
                let mut status = json!({"authenticated": true, "user": user.info()});
                let meant = if meant.is_empty() { audiences } else { meant };
                status["audiences"] = json!(meant);
                status
            } else {
                let error = match self.audiences_of(token, call.now) {
                    Some(meant) => jwt::wrong_audience(&meant, &audiences),
                    None => "invalid bearer token".to_owned(),
                };
                json!({"user": {}, "error": error})
            },
        )
    }

    fn review_access(&self, call: &Call<'_>, spec: &Value) -> Result<Value, Failure> {
        let is_self = call.resource.kind == "SelfSubjectAccessReview";
        let causes = check(spec, is_self);
        if !causes.is_empty() {
            return Err(Failure::invalid(&NAMELESS, &causes));
        }
        if call.resource.kind == "LocalSubjectAccessReview" {
            let asked = spec["resourceAttributes"]["namespace"]
                .as_str()
                .unwrap_or_default();
            let own = &call.route.namespace;
            if asked != own {
                let field = "spec.resourceAttributes.namespace";
                let cause = Cause::refused(field, asked, "must match metadata.namespace");
                return Err(Failure::invalid(&NAMELESS, &[cause]));
            }
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let user = if is_self {
            call.user.clone()
        } else {
            let groups = spec["groups"].as_array().into_iter().flatten();
            Identity {
                name: text(&spec["user"]),
                uid: text(&spec["uid"]),
                groups: groups
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
                extra: BTreeMap::new(),
            }
        };
        let asked = &spec["resourceAttributes"];
        let other = &spec["nonResourceAttributes"];
        let part = |key: &str| asked[key].as_str().unwrap_or_default();
        let verb = if asked.is_object() {
            part("verb").to_owned()
        } else {
            text(&other["verb"])
        };
        let path = text(&other["path"]);
        let policy = Arc::clone(&self.policy);
        let attributes = Attributes {
            user: &user.name,
            groups: &user.groups,
            verb: &verb,
            group: part("group"),
            resource: part("resource"),
            subresource: part("subresource"),
            name: part("name"),
            namespace: part("namespace"),
            path: &path,
        };
        Ok(match rbac::decide(&policy, &attributes) {
            Ok(reason) if reason.is_empty() => json!({"allowed": true}),
            Ok(reason) => json!({"allowed": true, "reason": reason}),
            Err(reason) if reason.is_empty() => json!({"allowed": false}),
            Err(reason) => json!({"allowed": false, "reason": reason}),
        })
    }
}

fn check(spec: &Value, is_self: bool) -> Vec<Cause> {
    let mut causes = Vec::new();
    let has = |key: &str| spec[key].is_object();
    let why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
    if has("resourceAttributes") == has("nonResourceAttributes") {
        let both = has("resourceAttributes");
        let why = if both {
            "cannot be specified in combination with resourceAttributes"
        } else {
            why
        };
        let field = if both {
            "spec.nonResourceAttributes"
        } else {
            "spec.resourceAttributes"
        };
        let other = &spec["nonResourceAttributes"];
        // The server shows its internal form.
        let shown = if other.is_object() {
            json!({"Path": other["path"], "Verb": other["verb"]})
        } else {
            Value::Null
        };
        causes.push(Cause::invalid(field, &shown, why));
    }
    let has_user = spec["user"].as_str().is_some_and(|user| !user.is_empty());
    let has_groups = spec["groups"]
        .as_array()
        .is_some_and(|groups| !groups.is_empty());
    if !is_self && !has_user && !has_groups {
        let why = "at least one of user or group must be specified";
        causes.push(Cause::refused("spec.user", "", why));
    }
    causes
}
