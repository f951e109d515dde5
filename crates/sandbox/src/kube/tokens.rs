//! Tokens of service accounts.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Kube;
use super::answer::Call;
use super::apply::Managers;
use super::auth::Identity;
use super::body;
use super::errors::{About, Failure};
use super::jwt::Keys;
use super::meta;
use super::query::WriteOptions;
use super::schema::Cause;
use super::write::Write;
use crate::wire::Response;

const LEAST: i64 = 600;
const MOST: i64 = 1 << 32;
const USUAL: i64 = 3600;

/// Signs tokens; nothing if no key could be made, and then no token is issued or believed.
pub(super) struct Issuer(Option<Keys>);

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Issuer")
    }
}

impl Issuer {
    pub(super) fn new() -> Self {
        Self(Keys::new().ok())
    }

    pub(super) fn jwks(&self) -> Value {
        self.0
            .as_ref()
            .map_or_else(|| json!({"keys": []}), Keys::jwks)
    }

    fn sign(&self, claims: &Value) -> Result<String, Failure> {
        let keys = self.0.as_ref().ok_or_else(|| "no key".to_owned());
        keys.and_then(|keys| keys.sign(claims))
            .map_err(Failure::internal)
    }

    fn verify(&self, token: &str, now: Timestamp) -> Option<Value> {
        self.0.as_ref()?.verify(token, now).ok()
    }
}

impl Kube {
    /// Whether this server signed a ServiceAccount's token, and the token has not ended.
    pub fn has_signed(&self, token: &str, now: Timestamp) -> bool {
        self.tokens.verify(token, now).is_some()
    }

    /// The name of whoever signs the tokens.
    pub fn issuer(&self) -> &str {
        &self.config.issuer
    }

    /// Answers a TokenRequest.
    pub(super) fn request_token(&mut self, call: &Call<'_>) -> Result<Response, Failure> {
        let options = WriteOptions::of(&call.query, call.request, "CreateOptions", false)?;
        let body = body::object(call.request, "authentication.k8s.io/v1", "TokenRequest")?;
        self.check_namespace(call, &call.route.name)?;
        let Some(account) = self.find(call).cloned() else {
            return Err(Failure::not_found(&call.resource.about(&call.route.name)));
        };
        let spec = &body.value["spec"];
        let seconds = match spec["expirationSeconds"].as_i64() {
            None => USUAL,
            Some(seconds) if (LEAST..=MOST).contains(&seconds) => seconds,
            Some(seconds) => {
                let why = if seconds < LEAST {
                    "may not specify a duration less than 10 minutes"
                } else {
                    "may not specify a duration larger than 2^32 seconds"
                };
                let field = "spec.expirationSeconds";
                let cause = Cause::invalid(field, &spec["expirationSeconds"], why);
                let about = About {
                    group: "authentication.k8s.io",
                    kind: "TokenRequest",
                    name: "",
                };
                return Err(Failure::invalid(&about, &[cause]));
            }
        };
        let given = spec["audiences"].as_array().filter(|list| !list.is_empty());
        let audiences = given.map_or_else(|| json!([self.config.issuer]), |list| json!(list));
        let mut own = json!({
            "namespace": *account.namespace,
            "serviceaccount": {"name": *account.name, "uid": *account.uid},
        });
        let bound = &spec["boundObjectRef"];
        if bound.is_object() {
            let (kind, object) = self.bound(call, bound)?;
            own[kind] = object;
        }
        let issued = call.now.as_second();
        let end = call.now + SignedDuration::from_secs(seconds);
        let claims = json!({
            "aud": audiences,
            "exp": issued + seconds,
            "iat": issued,
            "iss": self.config.issuer,
            "jti": self.ids.uid(),
            "kubernetes.io": own,
            "nbf": issued,
            "sub": format!("system:serviceaccount:{}:{}", account.namespace, account.name),
        });
        let token = self.tokens.sign(&claims)?;
        let mut request = json!({
                "kind": "TokenRequest",
                "apiVersion": "authentication.k8s.io/v1",
                "metadata": {
                    "name": *account.name,
                    "namespace": *account.namespace,
                    "uid": self.ids.uid(),
                    "creationTimestamp": meta::time(call.now),
                },
                "spec": {
                    "audiences": audiences,
                    "expirationSeconds": seconds,
                    "boundObjectRef": bound,
                },
                "status": {"token": token, "expirationTimestamp": meta::time(end)},
        });
        let write = Write {
            call,
            options,
            warnings: Vec::new(),
            is_apply: false,
        };
        let mut who = write.who();
        "authentication.k8s.io/v1".clone_into(&mut who.api_version);
        let mut managers = Managers::default();
        let mut given = json!({"spec": spec});
        *meta::field(meta::field(&mut given, "spec"), "expirationSeconds") = seconds.into();
        // Go's type has these even when they are not given.
        let blank =
            json!({"spec": {"audiences": null, "boundObjectRef": null, "expirationSeconds": null}});
        managers.updated(who, &blank, &given, None, None, call.now);
        managers.write(&mut request);
        Ok(Response::json(201, &request))
    }

    /// The object a token shall be bound to.
    fn bound(&self, call: &Call<'_>, bound: &Value) -> Result<(&'static str, Value), Failure> {
        let text = |key: &str| bound[key].as_str().unwrap_or_default();
        let (claim, plural) = match text("kind") {
            "Pod" => ("pod", "pods"),
            "Secret" => ("secret", "secrets"),
            kind => {
                let why = format!(
                    "cannot bind token to object of type /{}, Kind={kind}",
                    text("apiVersion")
                );
                return Err(Failure::bad_request(why));
            }
        };
        let name = text("name");
        let about = About {
            group: "",
            kind: plural,
            name,
        };
        let resource = self.resources.find("", plural);
        let object =
            resource.and_then(|one| self.store.get(one.topic, &call.route.namespace, name));
        let object = object.ok_or_else(|| Failure::not_found(&about))?;
        let uid = text("uid");
        if !uid.is_empty() && *uid != *object.uid {
            let why = format!(
                "the UID in the bound object reference ({uid}) does not match the UID in record. \
                 The object might have been deleted and then recreated"
            );
            return Err(Failure::conflict(
                &About {
                    kind: text("kind"),
                    ..about
                },
                &why,
            ));
        }
        Ok((claim, json!({"name": name, "uid": *object.uid})))
    }

    /// For whom a token is, if it is one of this server's.
    pub(super) fn audiences_of(&self, token: &str, now: Timestamp) -> Option<Vec<String>> {
        let claims = self.tokens.verify(token, now)?;
        let audiences = claims["aud"].as_array()?.iter();
        Some(
            audiences
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        )
    }

    /// The service account of a token, while it and what the token is bound to are there.
    pub(super) fn identify_account(
        &self,
        token: &str,
        audiences: &[String],
        now: Timestamp,
    ) -> Option<(Identity, Vec<String>)> {
        let claims = self.tokens.verify(token, now)?;
        let meant: Vec<String> = claims["aud"]
            .as_array()?
            .iter()
            .filter_map(Value::as_str)
            .filter(|one| audiences.iter().any(|known| known == one))
            .map(str::to_owned)
            .collect();
        if meant.is_empty() {
            return None;
        }
        let own = &claims["kubernetes.io"];
        let namespace = own["namespace"].as_str()?;
        let is_there = |plural: &str, object: &Value| {
            let name = object["name"].as_str().unwrap_or_default();
            let resource = self.resources.find("", plural);
            let found = resource.and_then(|one| self.store.get(one.topic, namespace, name));
            found.is_some_and(|found| object["uid"] == *found.uid)
        };
        let account = &own["serviceaccount"];
        let bound = [("secrets", &own["secret"]), ("pods", &own["pod"])];
        let is_valid = is_there("serviceaccounts", account)
            && bound
                .iter()
                .all(|(plural, object)| object.is_null() || is_there(plural, object));
        if !is_valid {
            return None;
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut identity = Identity::service_account(namespace, &text(&account["name"]));
        identity.uid = text(&account["uid"]);
        let id = format!("JTI={}", text(&claims["jti"]));
        identity.extra.insert(
            "authentication.kubernetes.io/credential-id".to_owned(),
            vec![id],
        );
        if own["pod"].is_object() {
            for key in ["name", "uid"] {
                let full = format!("authentication.kubernetes.io/pod-{key}");
                identity.extra.insert(full, vec![text(&own["pod"][key])]);
            }
        }
        Some((identity, meant))
    }
}
