//! Looking at leases, renewing and revoking them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::of_no_mount;
use crate::vault::call::{Answer, Call, Env, Error, Internal, Reply, Secret};
use crate::vault::core::Core;
use crate::vault::fields::{Fields, Kind, Schema};
use crate::vault::http::time;
use crate::vault::kv::children;
use crate::vault::mounts::object;

pub(super) const SCHEMA: Schema = &[
    ("lease_id", Kind::Text),
    ("url_lease_id", Kind::Text),
    ("prefix", Kind::Text),
    ("increment", Kind::Seconds),
    ("sync", Kind::Flag),
    ("type", Kind::Text),
    ("include_child_namespaces", Kind::Flag),
    ("limit", Kind::Text),
];

fn id(fields: &Fields) -> Result<String, Error> {
    let id = match fields.text("lease_id") {
        id if id.is_empty() => fields.text("url_lease_id"),
        id => id,
    };
    if id.is_empty() {
        return Err(Error::bad("lease_id must be specified"));
    }
    Ok(id)
}

pub(super) fn lookup(core: &mut Core, _: &Call<'_>, fields: &Fields, env: &mut Env<'_>) -> Answer {
    let id = id(fields)?;
    let lease = core.leases.get(&id);
    let lease = lease.ok_or_else(|| Error::bad("invalid lease"))?;
    Ok(Some(Reply::data(object(json!({
        "id": id,
        "issue_time": time(lease.issued),
        "expire_time": lease.expires.map(time),
        "last_renewal": lease.renewed.map(time),
        "renewable": lease.renewable(env.now).is_ok(),
        "ttl": lease.ttl(env.now),
    })))))
}

pub(super) fn list(core: &mut Core, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    let mut prefix = fields.text("prefix");
    if !prefix.is_empty() && !prefix.ends_with('/') {
        prefix.push('/');
    }
    let ids = core.leases.below(&prefix).map(|(id, _)| id);
    Ok(Reply::keys(children(ids, &prefix)))
}

pub(super) fn renew(core: &mut Core, _: &Call<'_>, fields: &Fields, env: &mut Env<'_>) -> Answer {
    let id = id(fields)?;
    let increment = fields.seconds_if("increment").unwrap_or_default();
    let (ttl, warnings) = core.renew_lease(&id, increment, env)?;
    Ok(Some(Reply {
        warnings,
        secret: Some(Secret {
            ttl,
            max_ttl: ttl,
            is_renewable: true,
            lease_id: id,
            // Only told, not kept.
            internal: Internal::AwsSts,
        }),
        ..Reply::default()
    }))
}

pub(super) fn revoke(core: &mut Core, _: &Call<'_>, fields: &Fields, env: &mut Env<'_>) -> Answer {
    let id = id(fields)?;
    if !fields.flag_if("sync").unwrap_or(true) {
        core.end_lease(&id, env.now);
        return Ok(Some(Reply::empty(202)));
    }
    core.revoke_lease(&id, env)
        .map_err(|error| Error::bad(error.text()))?;
    Ok(None)
}

pub(super) fn revoke_prefix(
    core: &mut Core,
    _: &Call<'_>,
    fields: &Fields,
    env: &mut Env<'_>,
) -> Answer {
    let is_sync = fields.flag_if("sync").unwrap_or(true);
    core.revoke_prefix(&fields.text("prefix"), false, is_sync, env)?;
    Ok((!is_sync).then(|| Reply::empty(202)))
}

pub(super) fn revoke_force(
    core: &mut Core,
    _: &Call<'_>,
    fields: &Fields,
    env: &mut Env<'_>,
) -> Answer {
    core.revoke_prefix(&fields.text("prefix"), true, true, env)?;
    Ok(None)
}

/// Nothing dangles here: tokens and leases end together.
pub(super) fn tidy(_: &mut Core, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    Ok(Some(tidying()))
}

/// The answer to whoever starts a tidying.
pub(in crate::vault) fn tidying() -> Reply {
    let text = "Tidy operation successfully started. Any information from the operation will be \
                printed to Vault's server logs.";
    Reply {
        status: Some(202),
        ..of_no_mount(Reply::warning(text))
    }
}

/// Leases that cannot be revoked, by the accessor of their mount.
fn hopeless(core: &Core) -> BTreeMap<String, Vec<(&String, &str)>> {
    let mut by_mount: BTreeMap<String, Vec<(&String, &str)>> = BTreeMap::new();
    for (id, lease) in core.leases.below("") {
        let Some(failure) = &lease.failure else {
            continue;
        };
        let mount = core
            .mounts
            .route_of(&lease.path)
            .and_then(|route| core.mounts.get(route));
        let accessor = mount.map_or("mount-accessor-not-found", |mount| &mount.accessor);
        by_mount
            .entry(accessor.to_owned())
            .or_default()
            .push((id, failure));
    }
    by_mount
}

pub(super) fn count(core: &mut Core, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    if fields.text("type") != "irrevocable" {
        return Ok(None);
    }
    let by_mount = hopeless(core);
    let counts: Map<String, Value> = by_mount
        .iter()
        .map(|(accessor, leases)| (accessor.clone(), leases.len().into()))
        .collect();
    let count: usize = by_mount.values().map(Vec::len).sum();
    Ok(Some(Reply::data(object(
        json!({ "lease_count": count, "counts": counts }),
    ))))
}

pub(super) fn irrevocable(
    core: &mut Core,
    _: &Call<'_>,
    fields: &Fields,
    _: &mut Env<'_>,
) -> Answer {
    if fields.text("type") != "irrevocable" {
        return Ok(None);
    }
    let leases: Vec<Value> = hopeless(core)
        .values()
        .flatten()
        .map(|(id, error)| json!({ "lease_id": id, "error": error }))
        .collect();
    Ok(Some(Reply::data(object(json!({
        "lease_count": leases.len(),
        "leases": leases,
    })))))
}
