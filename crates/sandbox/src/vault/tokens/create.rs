//! Making tokens: who may make which.

use jiff::SignedDuration;

use super::roles::{Role, TokenKind};
use super::{Renewal, Token};
use crate::vault::acl::globs;
use crate::vault::call::{Answer, Auth, Call, Env, Error, Reply};
use crate::vault::core::Core;
use crate::vault::fields::Fields;
use crate::vault::go;
use crate::vault::leases::{Wish, lifetime, truncated};
use crate::vault::policies::{self, sanitize};

type Refused<T> = Result<T, Error>;

pub(super) fn create(
    core: &mut Core,
    call: &Call<'_>,
    fields: &Fields,
    env: &mut Env<'_>,
) -> Answer {
    make(core, call, fields, env, false, None)
}

pub(super) fn create_orphan(
    core: &mut Core,
    call: &Call<'_>,
    fields: &Fields,
    env: &mut Env<'_>,
) -> Answer {
    make(core, call, fields, env, true, None)
}

pub(super) fn create_with_role(
    core: &mut Core,
    call: &Call<'_>,
    fields: &Fields,
    env: &mut Env<'_>,
) -> Answer {
    let name = fields.text("role_name");
    let role = core.tokens.roles.get(&name).cloned();
    let role = role.ok_or_else(|| Error::bad(format!("unknown role {name}")))?;
    make(core, call, fields, env, false, Some(&role))
}

fn make(
    core: &mut Core,
    call: &Call<'_>,
    fields: &Fields,
    env: &mut Env<'_>,
    is_orphan: bool,
    role: Option<&Role>,
) -> Answer {
    let parent = parent(core, call)?;
    let is_sudo = core.has_sudo(call.token, call.route);
    let is_batch = is_batch(fields, role)?;
    let num_uses = num_uses(fields, role)?;
    if !fields.text("entity_alias").is_empty() {
        return Err(Error::bad(match role {
            Some(_) => "invalid 'entity_alias' value",
            None => "'entity_alias' is only allowed in combination with token role",
        }));
    }
    let id = fields.text("id");
    check_id(core, &id, is_sudo)?;
    let policies = choose_policies(fields, role, &parent, is_sudo)?;
    check_root(&policies, &parent, is_batch)?;
    let has_no_parent = match role {
        Some(role) => role.is_orphan,
        None if fields.flag("no_parent") && !is_sudo => {
            let text = "root or sudo privileges required to create orphan token";
            return Err(Error::bad(text));
        }
        None => is_orphan || fields.flag("no_parent"),
    };
    let mut token = Token {
        path: call.route.to_owned(),
        policies,
        meta: fields.pairs_if("meta"),
        display_name: display_name(&fields.text("display_name")),
        num_uses,
        created: truncated(env.now),
        is_batch,
        ..Token::default()
    };
    if !has_no_parent {
        token.parent.clone_from(&parent.id);
        token.entity_id.clone_from(&parent.entity_id);
    }
    let mut is_renewable = !is_batch && fields.flag_if("renewable").unwrap_or(true);
    if let Some(role) = role {
        is_renewable &= role.is_renewable;
        token.follow(role);
    }
    let mut warnings = Vec::new();
    token.renewal = times(&mut token, fields, role, is_sudo, &mut warnings)?;
    warnings.extend(token.settle(call, env)?);
    if token.ttl.is_zero() {
        if !parent.ttl.is_zero() {
            let text = "expiring root tokens cannot create non-expiring root tokens";
            return Err(Error::bad(text));
        }
        is_renewable = false;
        token.bound_cidrs.clear();
    }
    if !id.is_empty() {
        warnings.push(CUSTOM_ID.to_owned());
        token.id = id;
    }
    for name in &token.policies {
        if core.policies.text(name).is_none() {
            warnings.push(format!("Policy {} does not exist", go::quote(name)));
        }
    }
    let auth = core.register_token(token, is_renewable, env);
    Ok(Some(Reply {
        warnings,
        auth: Some(Box::new(Auth {
            is_renewable,
            ..auth
        })),
        ..Reply::default()
    }))
}

/// The token that asks, if it may have children at all.
fn parent(core: &Core, call: &Call<'_>) -> Refused<Token> {
    let parent = core.tokens.get(call.token).cloned();
    let parent = parent.ok_or_else(|| Error::bad("parent token lookup failed: no parent found"))?;
    if parent.is_batch {
        return Err(Error::bad("batch tokens cannot create more tokens"));
    }
    if parent.num_uses > 0 {
        let text = "restricted use token cannot generate child tokens";
        return Err(Error::bad(text));
    }
    Ok(parent)
}

fn num_uses(fields: &Fields, role: Option<&Role>) -> Refused<i64> {
    let asked = fields.int_if("num_uses").unwrap_or_default();
    if asked < 0 {
        return Err(Error::bad("number of uses cannot be negative"));
    }
    let most = role.map_or(0, |role| role.grant.num_uses);
    Ok(match (asked, most) {
        (asked, 0) => asked,
        (0, most) => most,
        (asked, most) => asked.min(most),
    })
}

fn check_root(policies: &[String], parent: &Token, is_batch: bool) -> Refused<()> {
    if !policies.iter().any(|name| name == policies::ROOT) {
        return Ok(());
    }
    if !parent.is_root() {
        let text = "root tokens may not be created without parent token being root";
        return Err(Error::bad(text));
    }
    if is_batch {
        return Err(Error::bad("batch tokens cannot be root tokens"));
    }
    Ok(())
}

impl Token {
    /// Takes on what its role says of it.
    fn follow(&mut self, role: &Role) {
        self.role.clone_from(&role.name);
        self.bound_cidrs.clone_from(&role.grant.bound_cidrs);
        if !role.path_suffix.is_empty() {
            self.path = format!("{}/{}", self.path, role.path_suffix);
        }
    }

    /// Makes its lifetime what its mount allows; a root token may have none.
    fn settle(&mut self, call: &Call<'_>, env: &Env<'_>) -> Refused<Vec<String>> {
        let wish = Wish {
            ttl: self.ttl,
            period: self.renewal.period,
            explicit_max_ttl: self.renewal.explicit_max_ttl,
            ..Wish::default()
        };
        let mut warnings = Vec::new();
        if !self.is_root() || wish.period.is_positive() || wish.ttl.is_positive() {
            let start = Some(self.created);
            let (ttl, capped) = lifetime(call.view, wish, start, env.now).map_err(Error::failed)?;
            self.ttl = ttl;
            warnings = capped;
        }
        if self.ttl.is_zero() {
            self.ttl = wish.explicit_max_ttl;
        }
        Ok(warnings)
    }
}

const CUSTOM_ID: &str = "Supplying a custom ID for the token uses the weaker SHA1 hashing instead \
     of the more secure SHA2-256 HMAC for token obfuscation. SHA1 hashed tokens on the wire leads \
     to less secure lookups.";

fn is_batch(fields: &Fields, role: Option<&Role>) -> Refused<bool> {
    let asked = fields.text("type");
    let kind = match role.map(|role| role.kind) {
        Some(TokenKind::Service) => "service",
        Some(TokenKind::Batch) => "batch",
        Some(TokenKind::DefaultBatch) if asked.is_empty() => "batch",
        _ => asked.as_str(),
    };
    match kind {
        "" | "service" => return Ok(false),
        "batch" => {}
        _ => return Err(Error::bad("invalid 'token_type' value")),
    }
    let is_set = |name: &str| -> Refused<bool> {
        let parsed = go::parse_duration(&fields.text(name))
            .map_err(|_| Error::bad(format!("\"{name}\" value could not be parsed")))?;
        Ok(!parsed.is_zero())
    };
    let bad = if is_set("explicit_max_ttl")? {
        "explicit_max_ttl"
    } else if fields.int_if("num_uses").unwrap_or_default() != 0 {
        "num_uses"
    } else if is_set("period")? {
        "period"
    } else {
        return Ok(true);
    };
    Err(Error::bad(format!(
        "batch tokens cannot have \"{bad}\" set"
    )))
}

fn check_id(core: &Core, id: &str, is_sudo: bool) -> Refused<()> {
    if id.is_empty() {
        return Ok(());
    }
    if !is_sudo {
        let text = "root or sudo privileges required to specify token id";
        return Err(Error::bad(text));
    }
    for prefix in ["hvs.", "s."] {
        if id.starts_with(prefix) {
            let text = format!("custom token ID cannot have the '{prefix}' prefix");
            return Err(Error::bad(text));
        }
    }
    if id.contains('.') {
        return Err(Error::bad("custom token ID cannot have a '.' in the value"));
    }
    if core.tokens.get(id).is_some() {
        return Err(Error::bad("cannot create a token with a duplicate ID"));
    }
    Ok(())
}

/// The policies a token gets.
fn choose_policies(
    fields: &Fields,
    role: Option<&Role>,
    parent: &Token,
    is_sudo: bool,
) -> Refused<Vec<String>> {
    let asked = fields.texts("policies");
    let wants_no_default = fields.flag("no_default_policy");
    let mut chosen = match role.filter(|role| role.restricts_policies()) {
        Some(role) => of_role(role, &asked, parent, wants_no_default)?,
        None if asked.is_empty() => sanitize(&parent.policies, false),
        None if is_sudo => sanitize(&asked, !wants_no_default),
        None => {
            let asked = sanitize(&asked, false);
            let own = sanitize(&parent.policies, false);
            if !asked.iter().all(|name| own.contains(name)) {
                return Err(Error::bad("child policies must be subset of parent"));
            }
            let has_default = own.iter().any(|name| name == policies::DEFAULT);
            sanitize(&asked, has_default && !wants_no_default)
        }
    };
    if wants_no_default {
        chosen.retain(|name| name != policies::DEFAULT);
    }
    match chosen
        .iter()
        .find(|name| policies::INTERNAL.contains(&name.as_str()))
    {
        Some(name) => Err(Error::bad(format!(
            "cannot assign policy {}",
            go::quote(name)
        ))),
        None => Ok(chosen),
    }
}

fn of_role(
    role: &Role,
    asked: &[String],
    parent: &Token,
    wants_no_default: bool,
) -> Refused<Vec<String>> {
    let fits = |list: &[String], name: &str| list.iter().any(|pattern| globs(pattern, name));
    let is_disallowed = |name: &str| {
        role.disallowed.iter().any(|known| known == name) || fits(&role.disallowed_globs, name)
    };
    let adds_default =
        !wants_no_default && !role.grant.has_no_default_policy && !is_disallowed(policies::DEFAULT);
    let mut chosen = if asked.is_empty() {
        Vec::new()
    } else {
        sanitize(asked, adds_default)
    };
    if role.allowed.is_empty() && role.allowed_globs.is_empty() {
        if chosen.is_empty() {
            chosen = sanitize(&parent.policies, adds_default);
        }
    } else {
        let allowed = sanitize(&role.allowed, adds_default);
        let globbed = sanitize(&role.allowed_globs, false);
        if chosen.is_empty() {
            chosen = allowed;
        } else if !chosen
            .iter()
            .all(|name| allowed.contains(name) || fits(&globbed, name))
        {
            return Err(Error::bad(format!(
                "token policies ({}) must be subset of the role's allowed policies ({}) or glob \
                 policies ({})",
                go::quote_list(&chosen),
                go::quote_list(&allowed),
                go::quote_list(&globbed)
            )));
        }
    }
    match chosen.iter().find(|name| is_disallowed(name)) {
        Some(name) => Err(Error::bad(format!(
            "token policy {} is disallowed by this role",
            go::quote(name)
        ))),
        None => Ok(chosen),
    }
}

/// Letters and digits with dashes between them.
fn display_name(text: &str) -> String {
    if text.is_empty() {
        return "token".to_owned();
    }
    let mut name = "token-".to_owned();
    for char in text.chars() {
        if char.is_ascii_alphanumeric() || char == '-' {
            name.push(char);
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    if name.ends_with('-') {
        name.pop();
    }
    name
}

/// Reads the lifetimes, and says what renewals will go by.
fn times(
    token: &mut Token,
    fields: &Fields,
    role: Option<&Role>,
    is_sudo: bool,
    warnings: &mut Vec<String>,
) -> Refused<Renewal> {
    let read = |name: &str| -> Refused<SignedDuration> {
        let parsed = go::parse_duration(&fields.text(name)).map_err(Error::bad)?;
        if parsed.is_negative() {
            return Err(Error::bad(format!("{name} must be positive")));
        }
        Ok(parsed)
    };
    token.explicit_max_ttl = read("explicit_max_ttl")?;
    token.period = read("period")?;
    if token.period.is_positive() && !is_sudo {
        let text = "root or sudo privileges required to create periodic token";
        return Err(Error::bad(text));
    }
    token.ttl = if fields.text("ttl").is_empty() {
        read("lease")?
    } else {
        read("ttl")?
    };
    let mut renewal = Renewal {
        period: token.period,
        explicit_max_ttl: token.explicit_max_ttl,
        ..Renewal::default()
    };
    if let Some(role) = role.filter(|_| !token.is_batch) {
        let mut lesser = |own: &mut SignedDuration, of_role: SignedDuration, what: &str| {
            if of_role.is_zero() {
                return;
            }
            if own.is_zero() {
                *own = of_role;
                return;
            }
            *own = of_role.min(*own);
            warnings.push(format!(
                "{what} specified both during creation call and in role; using the lesser value \
                 of {} seconds",
                own.as_secs()
            ));
        };
        let grant = &role.grant;
        lesser(
            &mut renewal.explicit_max_ttl,
            grant.explicit_max_ttl,
            "Explicit max TTL",
        );
        lesser(&mut renewal.period, grant.period, "Period");
    }
    Ok(renewal)
}
