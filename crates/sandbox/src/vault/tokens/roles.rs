//! Roles for making tokens.

use jiff::SignedDuration;
use serde_json::json;

use super::Renewal;
use crate::vault::call::{Answer, Call, Env, Error, Grant, Reply};
use crate::vault::core::Core;
use crate::vault::fields::{Fields, Kind, Schema};
use crate::vault::go;
use crate::vault::mounts::object;
use crate::vault::policies::sanitize;

/// Which kind of token a role makes: by itself, or unless asked otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::vault) enum TokenKind {
    #[default]
    DefaultService,
    DefaultBatch,
    Service,
    Batch,
}

impl TokenKind {
    pub(in crate::vault) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "service" => Self::Service,
            "batch" => Self::Batch,
            "default-service" => Self::DefaultService,
            "default-batch" => Self::DefaultBatch,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Batch => "batch",
            Self::DefaultService => "default-service",
            Self::DefaultBatch => "default-batch",
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(in crate::vault) struct Role {
    pub(super) name: String,
    pub(super) is_orphan: bool,
    pub(super) is_renewable: bool,
    pub(super) path_suffix: String,
    pub(super) allowed: Vec<String>,
    pub(super) disallowed: Vec<String>,
    pub(super) allowed_globs: Vec<String>,
    pub(super) disallowed_globs: Vec<String>,
    pub(super) kind: TokenKind,
    /// Lifetimes and uses; the policies are above.
    pub(super) grant: Grant,
    /// As given under their old names.
    old_period: SignedDuration,
    old_explicit_max_ttl: SignedDuration,
    old_bound_cidrs: Vec<String>,
    entity_aliases: Option<Vec<String>>,
}

impl Role {
    /// What the renewals of its tokens go by.
    pub(in crate::vault) fn renewal(&self, ttl: SignedDuration) -> Renewal {
        Renewal {
            ttl,
            period: self.grant.period,
            explicit_max_ttl: self.grant.explicit_max_ttl,
            ..Renewal::default()
        }
    }

    pub(super) fn restricts_policies(&self) -> bool {
        [
            &self.allowed,
            &self.disallowed,
            &self.allowed_globs,
            &self.disallowed_globs,
        ]
        .iter()
        .any(|list| !list.is_empty())
    }
}

pub(super) const SCHEMA: Schema = &[
    ("role_name", Kind::Text),
    ("allowed_policies", Kind::List),
    ("disallowed_policies", Kind::List),
    ("allowed_policies_glob", Kind::List),
    ("disallowed_policies_glob", Kind::List),
    ("orphan", Kind::Flag),
    ("renewable", Kind::Flag),
    ("path_suffix", Kind::Text),
    ("allowed_entity_aliases", Kind::List),
    ("period", Kind::Seconds),
    ("explicit_max_ttl", Kind::Seconds),
    ("bound_cidrs", Kind::List),
    ("token_period", Kind::Seconds),
    ("token_explicit_max_ttl", Kind::Seconds),
    ("token_bound_cidrs", Kind::List),
    ("token_type", Kind::Text),
    ("token_no_default_policy", Kind::Flag),
    ("token_num_uses", Kind::Int),
];

pub(super) fn exists(core: &Core, fields: &Fields) -> bool {
    core.tokens.roles.contains_key(&fields.text("role_name"))
}

pub(super) fn list(core: &mut Core, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    Ok(Reply::keys(core.tokens.roles.keys().cloned().collect()))
}

pub(super) fn delete(core: &mut Core, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    core.tokens.roles.remove(&fields.text("role_name"));
    Ok(None)
}

pub(super) fn read(core: &mut Core, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    let Some(role) = core.tokens.roles.get(&fields.text("role_name")) else {
        return Ok(None);
    };
    let mut data = json!({
        "period": role.old_period.as_secs(),
        "token_period": role.grant.period.as_secs(),
        "explicit_max_ttl": role.old_explicit_max_ttl.as_secs(),
        "token_explicit_max_ttl": role.grant.explicit_max_ttl.as_secs(),
        "disallowed_policies": role.disallowed,
        "allowed_policies": role.allowed,
        "disallowed_policies_glob": role.disallowed_globs,
        "allowed_policies_glob": role.allowed_globs,
        "name": role.name,
        "orphan": role.is_orphan,
        "path_suffix": role.path_suffix,
        "renewable": role.is_renewable,
        "token_type": role.kind.name(),
        "allowed_entity_aliases": role.entity_aliases,
        "token_no_default_policy": role.grant.has_no_default_policy,
    });
    if !role.grant.bound_cidrs.is_empty() {
        data["token_bound_cidrs"] = role.grant.bound_cidrs.clone().into();
    }
    if !role.old_bound_cidrs.is_empty() {
        data["bound_cidrs"] = role.old_bound_cidrs.clone().into();
    }
    if role.grant.num_uses > 0 {
        data["token_num_uses"] = role.grant.num_uses.into();
    }
    Ok(Some(Reply::data(object(data))))
}

pub(super) fn write(core: &mut Core, call: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    let name = fields.text("role_name");
    let mut role = core
        .tokens
        .roles
        .get(&name)
        .cloned()
        .unwrap_or_else(|| Role {
            name: name.clone(),
            is_renewable: true,
            ..Role::default()
        });
    role.is_orphan = fields.flag_if("orphan").unwrap_or(role.is_orphan);
    role.is_renewable = fields.flag_if("renewable").unwrap_or(role.is_renewable);
    if let Some(suffix) = fields.text_if("path_suffix") {
        if !suffix.is_empty() && !is_suffix(&suffix) {
            let pattern = r"\w[\w-.]+\w";
            return Err(Error::bad(format!(
                "given role path suffix contains invalid characters; must match {pattern}"
            )));
        }
        role.path_suffix = suffix;
    }
    let policies = |name: &str| fields.list_if(name).map(|names| sanitize(&names, false));
    for (list, name) in [
        (&mut role.allowed, "allowed_policies"),
        (&mut role.disallowed, "disallowed_policies"),
        (&mut role.allowed_globs, "allowed_policies_glob"),
        (&mut role.disallowed_globs, "disallowed_policies_glob"),
    ] {
        if let Some(names) = policies(name) {
            *list = names;
        }
    }
    if let Some(kind) = fields.text_if("token_type") {
        role.kind = TokenKind::named(&kind).ok_or_else(|| {
            Error::bad(format!("invalid 'token_type' value {}", go::quote(&kind)))
        })?;
    }
    let warnings = times(&mut role, call, fields);
    if role.kind == TokenKind::Batch {
        check_batch(&role)?;
    }
    if let Some(aliases) = fields.list_if("allowed_entity_aliases") {
        role.entity_aliases = Some(aliases);
    }
    core.tokens.roles.insert(name, role);
    Ok(Reply::of_warnings(warnings))
}

fn is_suffix(text: &str) -> bool {
    let is_inner = |char: char| char.is_ascii_alphanumeric() || "_-.".contains(char);
    let is_word = |char: char| char.is_ascii_alphanumeric() || char == '_';
    text.len() > 2
        && text.chars().all(is_inner)
        && text.starts_with(is_word)
        && text.ends_with(is_word)
}

/// Reads what may be given under an old name too; says which was ignored.
fn times(role: &mut Role, call: &Call<'_>, fields: &Fields) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut both = |new: &str, old: &str| {
        if fields.has(new) && fields.has(old) {
            warnings.push(format!(
                "Both '{new}' and deprecated '{old}' value supplied, ignoring the deprecated value"
            ));
        }
    };
    both("token_period", "period");
    both("token_bound_cidrs", "bound_cidrs");
    both("token_explicit_max_ttl", "explicit_max_ttl");

    if let Some(period) = fields.seconds_if("token_period") {
        (role.grant.period, role.old_period) = (period, SignedDuration::ZERO);
    } else if let Some(period) = fields.seconds_if("period") {
        (role.grant.period, role.old_period) = (period, period);
    }
    if let Some(cidrs) = fields.list_if("token_bound_cidrs") {
        (role.grant.bound_cidrs, role.old_bound_cidrs) = (cidrs, Vec::new());
    } else if let Some(cidrs) = fields.list_if("bound_cidrs") {
        (role.grant.bound_cidrs, role.old_bound_cidrs) = (cidrs.clone(), cidrs);
    }
    if let Some(max) = fields.seconds_if("token_explicit_max_ttl") {
        (role.grant.explicit_max_ttl, role.old_explicit_max_ttl) = (max, SignedDuration::ZERO);
    } else if let Some(max) = fields.seconds_if("explicit_max_ttl") {
        (role.grant.explicit_max_ttl, role.old_explicit_max_ttl) = (max, max);
    }
    let max = role.grant.explicit_max_ttl;
    if max > call.view.max {
        warnings.push(format!(
            "Given explicit max TTL of {} is greater than system/mount allowed value of {} \
             seconds; until this is fixed attempting to create tokens against this role will \
             result in an error",
            max.as_secs(),
            call.view.max.as_secs()
        ));
    }
    role.grant.num_uses = fields
        .int_if("token_num_uses")
        .unwrap_or(role.grant.num_uses);
    role.grant.has_no_default_policy = fields
        .flag_if("token_no_default_policy")
        .unwrap_or(role.grant.has_no_default_policy);
    warnings
}

fn check_batch(role: &Role) -> Result<(), Error> {
    let what = if !role.is_orphan {
        "non-orphan tokens"
    } else if !role.grant.period.is_zero() {
        "periodic tokens"
    } else if role.is_renewable {
        "renewable tokens"
    } else if !role.grant.explicit_max_ttl.is_zero() {
        "tokens with an explicit max TTL"
    } else {
        return Ok(());
    };
    Err(Error::bad(format!(
        "'token_type' cannot be 'batch' when role is set to generate {what}"
    )))
}
