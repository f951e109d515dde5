//! The paths below `auth/token/`: looking up, renewing and revoking.

use serde_json::{Value, json};

use super::{Token, create, roles};
use crate::vault::call::{Answer, Auth, Call, Env, Error, Op, Reply};
use crate::vault::core::Core;
use crate::vault::fields::{Fields, Kind, Schema};
use crate::vault::http::time;
use crate::vault::leases::{after, ttl};
use crate::vault::mounts::object;
use crate::vault::paths::{NOTHING, Path};

const CREATE: Schema = &[
    ("id", Kind::Text),
    ("policies", Kind::Texts),
    ("no_parent", Kind::Flag),
    ("no_default_policy", Kind::Flag),
    ("meta", Kind::Pairs),
    ("display_name", Kind::Text),
    ("num_uses", Kind::Int),
    ("ttl", Kind::Text),
    ("lease", Kind::Text),
    ("explicit_max_ttl", Kind::Text),
    ("period", Kind::Text),
    ("renewable", Kind::Flag),
    ("type", Kind::Text),
    ("entity_alias", Kind::Text),
    ("role_name", Kind::Text),
];
const TOKEN: Schema = &[("token", Kind::Text)];
const RENEW: Schema = &[("token", Kind::Text), ("increment", Kind::Seconds)];
const ACCESSOR: Schema = &[("accessor", Kind::Text), ("increment", Kind::Seconds)];

pub(in crate::vault) const PATHS: &[Path<Core>] = &[
    Path::new("create", CREATE, &[(Op::Update, create::create)]),
    Path::new(
        "create-orphan",
        CREATE,
        &[(Op::Update, create::create_orphan)],
    ),
    Path::new(
        "create/{role_name}",
        CREATE,
        &[(Op::Update, create::create_with_role)],
    ),
    Path::new("lookup", TOKEN, &[(Op::Update, lookup), (Op::Read, lookup)]),
    Path::new(
        "lookup-self",
        TOKEN,
        &[(Op::Update, lookup_self), (Op::Read, lookup_self)],
    ),
    Path::new(
        "lookup-accessor",
        ACCESSOR,
        &[(Op::Update, lookup_accessor)],
    ),
    Path::new("renew", RENEW, &[(Op::Update, renew)]),
    Path::new("renew-self", RENEW, &[(Op::Update, renew_self)]),
    Path::new("renew-accessor", ACCESSOR, &[(Op::Update, renew_accessor)]),
    Path::new("revoke", TOKEN, &[(Op::Update, revoke)]),
    Path::new("revoke-self", NOTHING, &[(Op::Update, revoke_self)]),
    Path::new(
        "revoke-accessor",
        ACCESSOR,
        &[(Op::Update, revoke_accessor)],
    ),
    Path::new("revoke-orphan", TOKEN, &[(Op::Update, revoke_orphan)]),
    Path::new("accessors?", NOTHING, &[(Op::List, accessors)]),
    Path::new("roles?", NOTHING, &[(Op::List, roles::list)]),
    Path::new(
        "roles/{role_name}",
        roles::SCHEMA,
        &[
            (Op::Read, roles::read),
            (Op::Update, roles::write),
            (Op::Delete, roles::delete),
        ],
    )
    .that_exists(roles::exists),
    Path::new("tidy", NOTHING, &[(Op::Update, tidy)]),
];

/// The token a request names in its body.
fn named<'a>(fields: &Fields, of: &'a mut String) -> Result<&'a str, Error> {
    if fields.raw.get("token").is_some_and(Value::is_null) {
        return Err(Error::said(403, "invalid token"));
    }
    *of = fields.text("token");
    if of.is_empty() {
        return Err(Error::bad("missing token ID"));
    }
    Ok(of)
}

fn lookup(core: &mut Core, call: &Call<'_>, fields: &Fields, env: &mut Env<'_>) -> Answer {
    if fields.raw.get("token").is_some_and(Value::is_null) {
        return Err(Error::said(403, "invalid token"));
    }
    let id = fields.text("token");
    describe(core, if id.is_empty() { call.token } else { &id }, env)
}

fn lookup_self(core: &mut Core, call: &Call<'_>, _: &Fields, env: &mut Env<'_>) -> Answer {
    describe(core, call.token, env)
}

fn describe(core: &Core, id: &str, env: &Env<'_>) -> Answer {
    let token = core
        .tokens
        .get(id)
        .filter(|token| !token.is_batch || core.is_valid_batch(token, env.now))
        .ok_or_else(|| Error::said(403, "bad token"))?;
    Ok(Some(Reply::data(object(data(core, token, env)))))
}

fn data(core: &Core, token: &Token, env: &Env<'_>) -> Value {
    let mut data = json!({
        "id": token.id,
        "accessor": token.accessor,
        "policies": token.policies,
        "path": token.path,
        "meta": token.meta,
        "display_name": token.display_name,
        "num_uses": token.num_uses,
        "orphan": token.parent.is_empty(),
        "creation_time": token.created.as_second(),
        "creation_ttl": token.ttl.as_secs(),
        "expire_time": null,
        "ttl": 0,
        "explicit_max_ttl": token.explicit_max_ttl.as_secs(),
        "entity_id": token.entity_id,
        "type": if token.is_batch { "batch" } else { "service" },
    });
    if !token.role.is_empty() {
        data["role"] = token.role.clone().into();
    }
    if !token.period.is_zero() {
        data["period"] = token.period.as_secs().into();
    }
    if !token.bound_cidrs.is_empty() {
        data["bound_cidrs"] = token.bound_cidrs.clone().into();
    }
    if token.is_batch {
        data["issue_time"] = time(token.created);
        data["expire_time"] = time(token.end());
        data["ttl"] = ttl(Some(token.end()), env.now).into();
        data["renewable"] = false.into();
        return data;
    }
    if let Some(lease) = core.leases.get(&token.lease_id) {
        if let Some(renewed) = lease.renewed {
            data["last_renewal_time"] = renewed.as_second().into();
            data["last_renewal"] = time(renewed);
        }
        if let Some(expires) = lease.expires {
            data["expire_time"] = time(expires);
            data["ttl"] = lease.ttl(env.now).into();
        }
        data["issue_time"] = time(lease.issued);
        data["renewable"] = lease.renewable(env.now).is_ok().into();
    }
    data
}

/// The id of the token with the accessor that a request names.
fn by_accessor(core: &Core, fields: &Fields) -> Result<String, Error> {
    let accessor = fields.text("accessor");
    if accessor.is_empty() {
        return Err(Error::coded(400, "missing accessor"));
    }
    core.tokens
        .by_accessor(&accessor)
        .map(|token| token.id.clone())
        .ok_or_else(|| Error::coded(400, "invalid accessor"))
}

fn lookup_accessor(core: &mut Core, _: &Call<'_>, fields: &Fields, env: &mut Env<'_>) -> Answer {
    let id = by_accessor(core, fields)?;
    let mut reply = describe(core, &id, env)?;
    if let Some(data) = reply.as_mut().and_then(|reply| reply.data.as_mut()) {
        data.insert("id".to_owned(), "".into());
    }
    Ok(reply)
}

fn renew(core: &mut Core, _: &Call<'_>, fields: &Fields, env: &mut Env<'_>) -> Answer {
    let mut id = String::new();
    renew_token(core, named(fields, &mut id)?, fields, env)
}

fn renew_self(core: &mut Core, call: &Call<'_>, fields: &Fields, env: &mut Env<'_>) -> Answer {
    renew_token(core, call.token, fields, env)
}

fn renew_accessor(core: &mut Core, _: &Call<'_>, fields: &Fields, env: &mut Env<'_>) -> Answer {
    let id = by_accessor(core, fields)?;
    let mut reply = renew_token(core, &id, fields, env)?;
    if let Some(auth) = reply.as_mut().and_then(|reply| reply.auth.as_mut()) {
        auth.client_token.clear();
    }
    Ok(reply)
}

fn renew_token(core: &mut Core, id: &str, fields: &Fields, env: &mut Env<'_>) -> Answer {
    let token = core.valid_token(id, env.now).cloned();
    let token = token.ok_or_else(|| Error::bad("token not found"))?;
    if token.is_batch {
        return Err(Error::bad("batch tokens cannot be renewed"));
    }
    let lease = core.leases.get(&token.lease_id);
    let lease = lease.ok_or_else(|| Error::bad("invalid lease ID"))?;
    lease.renewable(env.now).map_err(Error::bad)?;
    let issued = lease.issued;
    let increment = fields.seconds_if("increment").unwrap_or_default();
    let (lived, warnings) = core.renewed_lifetime(&token, issued, increment, env)?;
    let now = env.now;
    core.leases.change(&token.lease_id, |lease| {
        lease.renewed = Some(now);
        lease.expires = Some(after(now, lived));
        lease.due = lease.expires;
    });
    if let Some(token) = core.tokens.get_mut(id) {
        token.renewal.ttl = lived;
    }
    Ok(Some(Reply {
        warnings,
        auth: Some(Box::new(Auth {
            ttl: lived,
            is_renewable: true,
            ..core.auth_of(&token)
        })),
        ..Reply::default()
    }))
}

fn revoke(core: &mut Core, _: &Call<'_>, fields: &Fields, env: &mut Env<'_>) -> Answer {
    let mut id = String::new();
    revoke_one(core, named(fields, &mut id)?, env)
}

fn revoke_self(core: &mut Core, call: &Call<'_>, _: &Fields, env: &mut Env<'_>) -> Answer {
    revoke_one(core, call.token, env)
}

fn revoke_one(core: &mut Core, id: &str, env: &Env<'_>) -> Answer {
    match core.tokens.get(id) {
        Some(token) if token.is_batch => Err(Error::bad("batch tokens cannot be revoked")),
        _ => {
            core.revoke_tree(id, env.now);
            Ok(None)
        }
    }
}

fn revoke_accessor(core: &mut Core, _: &Call<'_>, fields: &Fields, env: &mut Env<'_>) -> Answer {
    let accessor = fields.text("accessor");
    if accessor.is_empty() {
        return Err(Error::coded(400, "missing accessor"));
    }
    let Some(token) = core.tokens.by_accessor(&accessor) else {
        return Ok(Some(Reply::warning("No token found with this accessor")));
    };
    let id = token.id.clone();
    core.revoke_tree(&id, env.now);
    Ok(None)
}

fn revoke_orphan(core: &mut Core, _: &Call<'_>, fields: &Fields, env: &mut Env<'_>) -> Answer {
    let mut id = String::new();
    let id = named(fields, &mut id)?;
    match core.tokens.get(id) {
        None => Err(Error::bad("token to revoke not found")),
        Some(token) if token.is_batch => Err(Error::bad("batch tokens cannot be revoked")),
        Some(_) => {
            core.revoke_token(id, env.now);
            Ok(None)
        }
    }
}

fn accessors(core: &mut Core, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    Ok(Reply::keys(core.tokens.accessors()))
}

fn tidy(_: &mut Core, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    Ok(Some(super::super::sys::tidying()))
}
