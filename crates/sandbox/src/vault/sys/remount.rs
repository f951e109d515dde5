//! Moving a mount.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::vault::call::{Answer, Call, Env, Error, Reply};
use crate::vault::core::Core;
use crate::vault::fields::{Fields, Kind, Schema};
use crate::vault::go;
use crate::vault::mounts::object;

/// Moves by their ids: from where to where. All are done at once.
pub(in crate::vault) type Migrations = BTreeMap<String, (String, String)>;

pub(super) const SCHEMA: Schema = &[("from", Kind::Text), ("to", Kind::Text)];

pub(super) fn start(core: &mut Core, _: &Call<'_>, fields: &Fields, env: &mut Env<'_>) -> Answer {
    let slashed = |text: String| format!("{}/", text.trim_matches('/'));
    let (from, to) = (fields.text("from"), fields.text("to"));
    if from.is_empty() || to.is_empty() {
        let text = "both 'from' and 'to' path must be specified as a string";
        return Err(Error::bad(text));
    }
    let (from, to) = (slashed(from), slashed(to));
    let is_protected =
        |route: &str| ["sys/", "cubbyhole/", "identity/", "auth/token/"].contains(&route);
    for route in [&from, &to] {
        if is_protected(route) {
            return Err(Error::bad(format!("cannot remount {}", go::quote(route))));
        }
    }
    if core.mounts.get(&from).is_none() {
        return Err(Error::bad(format!(
            "no matching mount at {}",
            go::quote(&from)
        )));
    }
    if let Some(known) = core.mounts.conflict(&to) {
        return Err(Error::bad(format!(
            "path already in use at {}",
            go::quote(known)
        )));
    }
    core.revoke_prefix(&from, false, true, env)?;
    if let Some(mount) = core.mounts.remove(&from) {
        core.mounts.insert(to.clone(), mount);
    }
    let id = env.ids.uuid();
    core.migrations.insert(id.clone(), (from, to));
    let mut reply = Reply::flat(object(json!({ "migration_id": id })));
    reply.warnings.push(
        "Mount move has been queued. Progress will be reported in Vault's server log, tagged with \
         the returned migration_id"
            .to_owned(),
    );
    Ok(Some(reply))
}

pub(super) fn status(core: &mut Core, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    let id = fields.text("id");
    let migration = core.migrations.get(&id);
    Ok(migration.map(|(from, to)| {
        let info: Value = json!({
            "source_mount": from,
            "target_mount": to,
            "status": "success",
        });
        Reply::data(object(
            json!({ "migration_id": id, "migration_info": info }),
        ))
    }))
}
