//! ResourceQuotas: how many objects a namespace may have.
//!
//! Only objects are counted. Of CPU and memory nothing is used here, since nothing runs.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Kube;
use super::answer::Call;
use super::apply::{Managers, Who};
use super::errors::Failure;
use super::meta;
use super::names;
use super::resource::Resource;
use super::schema::Cause;
use super::store::Stored;

/// The counts that quotas had before `count/…`.
const PLAIN: &[&str] = &[
    "configmaps",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "services",
    "services.loadbalancers",
    "services.nodeports",
];

/// What else a quota may limit by these names alone.
const MEASURED: &[&str] = &[
    "cpu",
    "ephemeral-storage",
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
    "requests.storage",
];

const SUFFIXES: &[(&str, i64, i64)] = &[
    ("m", 1, 1000),
    ("k", 1000, 1),
    ("M", 1_000_000, 1),
    ("G", 1_000_000_000, 1),
    ("Ki", 1 << 10, 1),
    ("Mi", 1 << 20, 1),
    ("Gi", 1 << 30, 1),
    ("", 1, 1),
];

/// A quantity that is a whole number, and whether it was one.
fn whole(text: &str) -> Option<(i64, bool)> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let suffix = &text[digits.len()..];
    let (_, times, by) = SUFFIXES.iter().find(|(known, ..)| *known == suffix)?;
    let number: i64 = digits.parse().ok()?;
    let number = number.checked_mul(*times)?;
    Some((number.div_euclid(*by), number % by == 0))
}

fn amount(limits: &Value, name: &str) -> Option<i64> {
    whole(limits[name].as_str()?).map(|(amount, _)| amount)
}

/// Reads the quantities, which may be numbers in JSON.
pub(super) fn prepare(quota: &mut Value, version: &str) -> Result<(), Failure> {
    for part in ["spec", "status"] {
        let part = meta::field(quota, part);
        if part.is_null() {
            *part = json!({});
        }
    }
    let hard = quota
        .pointer_mut("/spec/hard")
        .and_then(Value::as_object_mut);
    for quantity in hard.into_iter().flat_map(Map::values_mut) {
        if quantity.is_number() {
            *quantity = quantity.to_string().into();
        }
        if !is_quantity(quantity.as_str().unwrap_or_default()) {
            return Err(Failure::bad_request(format!(
                "ResourceQuota in version \"{version}\" cannot be handled as a ResourceQuota: \
                 quantities must match the regular expression \
                 '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
            )));
        }
    }
    Ok(())
}

fn is_quantity(text: &str) -> bool {
    let number = text.strip_prefix(['+', '-']).unwrap_or(text);
    let suffix = number.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let exponent = suffix.trim_start_matches(|c: char| "eEinumkKMGTP".contains(c));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    suffix.len() < number.len() && exponent.bytes().all(|byte| byte.is_ascii_digit())
}

/// What a ResourceQuota may not ask.
pub(super) fn check(quota: &Value) -> Vec<Cause> {
    let hard = quota["spec"]["hard"].as_object();
    hard.into_iter()
        .flatten()
        .flat_map(|(name, quantity)| limit(name, quantity))
        .collect()
}

fn limit(name: &str, quantity: &Value) -> Vec<Cause> {
    let field = format!("spec.hard[{name}]");
    let refused = |why: &str| Cause::refused(&field, name, why);
    let mut causes: Vec<Cause> = names::label_key(name)
        .iter()
        .map(|why| refused(why))
        .collect();
    let is_plain = PLAIN.contains(&name);
    let is_known = is_plain || MEASURED.contains(&name) || name.starts_with("hugepages-");
    if !name.contains('/') && !is_known {
        if causes.is_empty() {
            let why = "must be a standard resource type or fully qualified";
            causes.push(refused(why));
        }
        causes.push(refused("must be a standard resource for quota"));
    }
    let text = quantity.as_str().unwrap_or_default();
    if text.starts_with('-') {
        causes.push(Cause::refused(
            &field,
            text,
            "must be greater than or equal to 0",
        ));
    }
    if is_plain && whole(text).is_none_or(|(_, is_whole)| !is_whole) {
        causes.push(Cause::refused(&field, text, "must be an integer"));
    }
    causes
}

/// Under which names objects of a resource are counted.
fn names_of(resource: &Resource) -> Vec<String> {
    let mut names = vec![format!("count/{}", resource.about("").qualified())];
    if resource.group.is_empty() && PLAIN.contains(&resource.plural.as_str()) {
        names.push(resource.plural.clone());
    }
    names
}

/// `a=1,b=2`, by name, as refusals have it.
fn shown(names: &[&String], amount: impl Fn(&str) -> String) -> String {
    let mut parts: Vec<String> = names
        .iter()
        .map(|name| format!("{name}={}", amount(name)))
        .collect();
    parts.sort_unstable();
    parts.join(",")
}

impl Kube {
    fn quotas(&self, namespace: &str) -> Vec<Arc<Stored>> {
        let quotas = self.resources.find("", "resourcequotas");
        let Some(quotas) = quotas.filter(|quotas| self.store.count(quotas.topic) > 0) else {
            return Vec::new();
        };
        let all = self.store.range(quotas.topic, namespace, "");
        all.map(|(_, quota)| Arc::clone(quota)).collect()
    }

    pub(super) fn has_quota(&self, namespace: &str) -> bool {
        !namespace.is_empty() && !self.quotas(namespace).is_empty()
    }

    /// Refuses a new object for which a quota has no room. Otherwise gives the quotas with the
    /// object counted.
    pub(super) fn charge(&self, call: &Call<'_>, name: &str) -> Result<Vec<Value>, Failure> {
        if !call.resource.is_namespaced {
            return Ok(Vec::new());
        }
        let counted = names_of(&call.resource);
        let mut charged = Vec::new();
        for quota in self.quotas(&call.route.namespace) {
            let mut object = quota.value();
            let (hard, used) = (&object["status"]["hard"], &object["status"]["used"]);
            let limited: Vec<&String> = counted
                .iter()
                .filter(|name| hard.get(name.as_str()).is_some())
                .collect();
            if limited.is_empty() {
                continue;
            }
            let forbidden = |why: &str| Failure::forbidden(&call.resource.about(name), why);
            if limited.iter().any(|name| used.get(name.as_str()).is_none()) {
                let mut names: Vec<&str> = limited.iter().map(|name| name.as_str()).collect();
                names.sort_unstable();
                let names = names.join(",");
                let quota = &quota.name;
                let why = format!("status unknown for quota: {quota}, resources: {names}");
                return Err(forbidden(&why));
            }
            let is_full = |name: &&&String| amount(used, name) >= amount(hard, name);
            let full: Vec<&String> = limited.iter().filter(is_full).copied().collect();
            if !full.is_empty() {
                let text = |limits: &Value, name: &str| {
                    limits[name].as_str().unwrap_or_default().to_owned()
                };
                return Err(forbidden(&format!(
                    "exceeded quota: {}, requested: {}, used: {}, limited: {}",
                    quota.name,
                    shown(&full, |_| "1".to_owned()),
                    shown(&full, |name| text(used, name)),
                    shown(&full, |name| text(hard, name)),
                )));
            }
            let more: Vec<(String, i64)> = limited
                .into_iter()
                .map(|name| (name.clone(), amount(used, name).unwrap_or_default() + 1))
                .collect();
            for (name, amount) in more {
                object["status"]["used"][name] = amount.to_string().into();
            }
            charged.push(object);
        }
        Ok(charged)
    }

    /// Keeps what [`Self::charge`] counted.
    pub(super) fn keep_charged(&mut self, charged: Vec<Value>, now: Timestamp) {
        for quota in charged {
            self.write_quota(quota, "kube-apiserver", now);
        }
    }

    /// Counts anew what a namespace has.
    pub(super) fn tend_quotas(&mut self, namespace: &str, now: Timestamp) {
        for quota in self.quotas(namespace) {
            let mut object = quota.value();
            let hard = object["spec"]["hard"].clone();
            let names = hard.as_object().into_iter().flat_map(Map::keys);
            let used: Map<String, Value> = names
                .filter_map(|name| {
                    Some((name.clone(), self.used(namespace, name)?.to_string().into()))
                })
                .collect();
            if hard.is_object() {
                object["status"] = json!({"hard": hard, "used": used});
            }
            self.write_quota(object, "kube-controller-manager", now);
        }
    }

    /// How much of something a namespace has; nothing for what nobody counts.
    fn used(&self, namespace: &str, name: &str) -> Option<usize> {
        let counted = self.resources.all().find(|resource| {
            resource.is_namespaced && names_of(resource).iter().any(|known| known == name)
        });
        match counted {
            Some(resource) => Some(self.store.range(resource.topic, namespace, "").count()),
            None => (!name.contains('/')).then_some(0),
        }
    }

    fn write_quota(&mut self, mut quota: Value, manager: &str, now: Timestamp) {
        let Some(resource) = self.resources.find("", "resourcequotas") else {
            return;
        };
        let text = |key: &str| quota["metadata"][key].as_str().unwrap_or_default();
        let old = self
            .store
            .get(resource.topic, text("namespace"), text("name"));
        let Some(before) = old.map(|old| old.value()).filter(|old| *old != quota) else {
            return;
        };
        let who = Who {
            is_update: true,
            manager: manager.to_owned(),
            api_version: "v1".to_owned(),
            subresource: "status".to_owned(),
        };
        let mut managers = Managers::of(&before);
        managers.updated(who, &before, &quota, resource.schema("v1"), None, now);
        managers.write(&mut quota);
        self.put(&resource, quota, now);
    }
}
