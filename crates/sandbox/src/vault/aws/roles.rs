//! Roles: what credentials are made of.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::json;

use super::Engine;
use crate::vault::call::{Answer, Call, Env, Error, Reply};
use crate::vault::fields::{Fields, Kind, Schema};
use crate::vault::go;
use crate::vault::mounts::object;

pub(super) const IAM_USER: &str = "iam_user";
pub(super) const ASSUMED_ROLE: &str = "assumed_role";
pub(super) const FEDERATION_TOKEN: &str = "federation_token";
pub(super) const SESSION_TOKEN: &str = "session_token";

/// One role. What was never given is told from what was given as nothing.
#[derive(Clone, Default)]
pub(super) struct Role {
    pub(super) types: Vec<String>,
    pub(super) assumes: Option<Vec<String>>,
    pub(super) policy_arns: Option<Vec<String>>,
    pub(super) policy_document: String,
    pub(super) groups: Option<Vec<String>>,
    pub(super) tags: Option<BTreeMap<String, String>>,
    pub(super) session_tags: Option<BTreeMap<String, String>>,
    pub(super) external_id: String,
    pub(super) default_ttl: SignedDuration,
    pub(super) max_ttl: SignedDuration,
    pub(super) user_path: String,
    pub(super) boundary: String,
    pub(super) mfa_serial: String,
    /// From the days when `sts/` was another thing than `creds/`.
    pub(super) is_legacy: bool,
}

pub(super) const SCHEMA: Schema = &[
    ("name", Kind::Text),
    ("credential_type", Kind::Text),
    ("role_arns", Kind::List),
    ("policy_arns", Kind::List),
    ("policy_document", Kind::Text),
    ("iam_groups", Kind::List),
    ("iam_tags", Kind::Pairs),
    ("session_tags", Kind::Pairs),
    ("external_id", Kind::Text),
    ("default_sts_ttl", Kind::Seconds),
    ("max_sts_ttl", Kind::Seconds),
    ("permissions_boundary_arn", Kind::Text),
    ("arn", Kind::Text),
    ("policy", Kind::Text),
    ("user_path", Kind::Text),
    ("mfa_serial_number", Kind::Text),
];

/// What cannot be given together with the old `policy` or `arn`.
const MODERN: [&str; 8] = [
    "credential_type",
    "role_arns",
    "policy_arns",
    "policy_document",
    "default_sts_ttl",
    "max_sts_ttl",
    "user_path",
    "permissions_boundary_arn",
];

pub(super) fn list(engine: &mut Engine, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    Ok(Reply::keys(engine.roles.keys().cloned().collect()))
}

pub(super) fn delete(
    engine: &mut Engine,
    _: &Call<'_>,
    fields: &Fields,
    _: &mut Env<'_>,
) -> Answer {
    engine.roles.remove(&fields.text("name"));
    Ok(None)
}

pub(super) fn read(engine: &mut Engine, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    let role = engine.roles.get(&fields.text("name"));
    Ok(role.map(|role| {
        Reply::data(object(json!({
            "credential_type": role.types.join(","),
            "policy_arns": role.policy_arns,
            "role_arns": role.assumes,
            "policy_document": role.policy_document,
            "iam_groups": role.groups,
            "iam_tags": role.tags,
            "session_tags": role.session_tags,
            "external_id": role.external_id,
            "default_sts_ttl": role.default_ttl.as_secs(),
            "max_sts_ttl": role.max_ttl.as_secs(),
            "user_path": role.user_path,
            "permissions_boundary_arn": role.boundary,
            "mfa_serial_number": role.mfa_serial,
        })))
    }))
}

pub(super) fn write(engine: &mut Engine, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    let name = fields.text("name");
    let legacy = match (fields.text("policy"), fields.text("arn")) {
        (policy, arn) if policy.is_empty() => arn,
        (policy, arn) if arn.is_empty() => policy,
        _ => {
            return Err(Error::failed(
                "only one of policy or arn should be provided",
            ));
        }
    };
    if !legacy.is_empty()
        && let Some(name) = MODERN.iter().find(|name| fields.has(name))
    {
        let what = if *name == "credential_type" {
            "an explicit credential_type"
        } else {
            name
        };
        return Err(Error::bad(format!(
            "cannot supply deprecated role or policy parameters with {what}"
        )));
    }
    let (role, warnings) = if legacy.is_empty() {
        let known = engine.roles.get(&name).cloned().unwrap_or_default();
        (merged(known, fields)?, Vec::new())
    } else {
        let role = of_legacy(&legacy).ok_or_else(|| {
            Error::bad(format!(
                "unable to parse supplied data: {}",
                go::quote(&legacy)
            ))
        })?;
        let warning = "Detected use of legacy role or policy parameter. Please upgrade to use the \
                       new parameters.";
        (role, vec![warning.to_owned()])
    };
    let errors = role.errors();
    if !errors.is_empty() {
        let text = go::quote(&go::multierror(&errors));
        return Err(Error::bad(format!(
            "error(s) validating supplied role data: {text}"
        )));
    }
    engine.roles.insert(name, role);
    Ok(Reply::of_warnings(warnings))
}

/// A role with what is new.
fn merged(mut role: Role, fields: &Fields) -> Result<Role, Error> {
    role.is_legacy = false;
    if let Some(kind) = fields.text_if("credential_type") {
        role.types = vec![kind];
    }
    for (list, name) in [
        (&mut role.assumes, "role_arns"),
        (&mut role.policy_arns, "policy_arns"),
        (&mut role.groups, "iam_groups"),
    ] {
        if let Some(given) = fields.list_if(name) {
            *list = Some(given);
        }
    }
    for (pairs, name) in [
        (&mut role.tags, "iam_tags"),
        (&mut role.session_tags, "session_tags"),
    ] {
        if let Some(given) = fields.pairs_if(name) {
            *pairs = Some(given);
        }
    }
    if let Some(document) = fields.text_if("policy_document") {
        role.policy_document = compact(&document).ok_or_else(|| {
            Error::bad(format!(
                "cannot parse policy document: {}",
                go::quote(&document)
            ))
        })?;
    }
    for (text, name) in [
        (&mut role.external_id, "external_id"),
        (&mut role.user_path, "user_path"),
        (&mut role.boundary, "permissions_boundary_arn"),
        (&mut role.mfa_serial, "mfa_serial_number"),
    ] {
        if let Some(given) = fields.text_if(name) {
            *text = given;
        }
    }
    role.default_ttl = fields
        .seconds_if("default_sts_ttl")
        .unwrap_or(role.default_ttl);
    role.max_ttl = fields.seconds_if("max_sts_ttl").unwrap_or(role.max_ttl);
    Ok(role)
}

/// JSON without the blanks between its parts, which are otherwise left as they are.
fn compact(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some(String::new());
    }
    serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
    let mut compacted = String::with_capacity(text.len());
    let (mut is_inside, mut is_escaped) = (false, false);
    for char in text.chars() {
        if is_inside || !char.is_ascii_whitespace() {
            compacted.push(char);
        }
        if is_escaped {
            is_escaped = false;
        } else if is_inside && char == '\\' {
            is_escaped = true;
        } else if char == '"' {
            is_inside = !is_inside;
        }
    }
    Some(compacted)
}

/// What the old parameters mean now.
fn of_legacy(text: &str) -> Option<Role> {
    let mut role = Role {
        is_legacy: true,
        ..Role::default()
    };
    if !text.starts_with("arn:") {
        role.types = vec![IAM_USER.to_owned(), FEDERATION_TOKEN.to_owned()];
        role.policy_document = compact(text)?;
        return Some(role);
    }
    let resource = text.splitn(6, ':').nth(5)?;
    let list = Some(vec![text.to_owned()]);
    match resource.split('/').next() {
        Some("role") => {
            role.types = vec![ASSUMED_ROLE.to_owned()];
            role.assumes = list;
        }
        Some("policy") => {
            role.types = vec![IAM_USER.to_owned()];
            role.policy_arns = list;
        }
        _ => return None,
    }
    Some(role)
}

impl Role {
    pub(super) fn makes(&self, kind: &str) -> bool {
        self.types.iter().any(|known| known == kind)
    }

    pub(super) fn policy_arns(&self) -> &[String] {
        self.policy_arns.as_deref().unwrap_or_default()
    }

    pub(super) fn assumes(&self) -> &[String] {
        self.assumes.as_deref().unwrap_or_default()
    }

    pub(super) fn groups(&self) -> &[String] {
        self.groups.as_deref().unwrap_or_default()
    }

    fn errors(&self) -> Vec<String> {
        const TYPES: [&str; 4] = [IAM_USER, ASSUMED_ROLE, FEDERATION_TOKEN, SESSION_TOKEN];
        let mut errors: Vec<String> = Vec::new();
        if self.types.is_empty() {
            errors.push("did not supply credential_type".to_owned());
        }
        for kind in self
            .types
            .iter()
            .filter(|kind| !TYPES.contains(&kind.as_str()))
        {
            errors.push(format!("unrecognized credential type: {kind}"));
        }
        let is_sts = TYPES[1..].iter().any(|kind| self.makes(kind));
        for (ttl, name) in [
            (self.default_ttl, "default_sts_ttl"),
            (self.max_ttl, "max_sts_ttl"),
        ] {
            if !ttl.is_zero() && !is_sts {
                errors.push(format!(
                    "{name} parameter only valid for assumed_role, federation_token, and \
                     session_token credential types"
                ));
            }
        }
        if self.max_ttl.is_positive() && self.default_ttl > self.max_ttl {
            errors.push(
                "\"default_sts_ttl\" value must be less than or equal to \"max_sts_ttl\" value"
                    .to_owned(),
            );
        }
        let is_user = self.makes(IAM_USER);
        if !self.user_path.is_empty() && !is_user {
            errors.push(format!(
                "user_path parameter only valid for {IAM_USER} credential type"
            ));
        }
        if !self.user_path.is_empty() && !is_path(&self.user_path) {
            let pattern = go::quote(r"^\/([\x21-\x7F]{0,510}\/)?$");
            errors.push(format!(
                "the specified value for user_path is invalid. It must match {pattern} regexp"
            ));
        }
        if !self.boundary.is_empty() {
            if !is_user {
                errors.push(format!(
                    "cannot supply permissions_boundary_arn when credential_type isn't {IAM_USER}"
                ));
            }
            if let Err(error) = check_policy_arn(&self.boundary) {
                // Vault forgets the errors before it here.
                errors = vec![format!(
                    "invalid permissions_boundary_arn parameter: {error}"
                )];
            }
        }
        let has_policy = !self.policy_document.is_empty() || !self.policy_arns().is_empty();
        if has_policy && self.makes(SESSION_TOKEN) {
            errors.push(format!(
                "cannot supply a policy or role when using credential_type {SESSION_TOKEN}"
            ));
        }
        let has_tags = self
            .session_tags
            .as_ref()
            .is_some_and(|tags| !tags.is_empty());
        for (is_set, name) in [
            (!self.assumes().is_empty(), "role_arns"),
            (has_tags, "session_tags"),
            (!self.external_id.is_empty(), "external_id"),
        ] {
            if is_set && !self.makes(ASSUMED_ROLE) {
                errors.push(format!(
                    "cannot supply {name} when credential_type isn't {ASSUMED_ROLE}"
                ));
            }
        }
        errors
    }
}

fn is_path(path: &str) -> bool {
    let inner = path.strip_prefix('/');
    inner.is_some_and(|inner| {
        inner.is_empty()
            || inner.strip_suffix('/').is_some_and(|inner| {
                inner.len() <= 510 && inner.bytes().all(|byte| (0x21..=0x7f).contains(&byte))
            })
    })
}

fn check_policy_arn(arn: &str) -> Result<(), String> {
    if !arn.starts_with("arn:") {
        return Err("arn: invalid prefix".to_owned());
    }
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [_, _, service, _, _, resource] = parts[..] else {
        return Err("arn: not enough sections".to_owned());
    };
    if service != "iam" {
        return Err(format!("expected a service of iam but got {service}"));
    }
    if !resource.starts_with("policy/") {
        return Err(format!(
            "expected a resource type of policy but got {resource}"
        ));
    }
    Ok(())
}
