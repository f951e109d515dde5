//! Writing and reading policies, by the new paths and the old ones.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use crate::vault::call::{Answer, Call, Env, Error, Reply};
use crate::vault::core::Core;
use crate::vault::fields::{Fields, Kind, Schema};
use crate::vault::mounts::object;
use crate::vault::policies::{DEFAULT, IMMUTABLE, INTERNAL};

pub(super) const SCHEMA: Schema = &[("name", Kind::Text), ("policy", Kind::Text)];
pub(super) const OLD_SCHEMA: Schema = &[
    ("name", Kind::Text),
    ("policy", Kind::Text),
    ("rules", Kind::Text),
];

pub(super) fn list(core: &mut Core, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    Ok(Reply::keys(core.policies.names()))
}

pub(super) fn list_old(core: &mut Core, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    let names = core.policies.names();
    Ok(Some(Reply::flat(object(
        json!({ "keys": names, "policies": names }),
    ))))
}

fn find(core: &Core, fields: &Fields) -> Option<(String, String)> {
    let name = fields.text("name").to_lowercase();
    if INTERNAL.contains(&name.as_str()) {
        return None;
    }
    let text = core.policies.text(&name)?.to_owned();
    Some((name, text))
}

pub(super) fn read(core: &mut Core, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    Ok(find(core, fields)
        .map(|(name, policy)| Reply::data(object(json!({ "name": name, "policy": policy })))))
}

pub(super) fn read_old(core: &mut Core, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    Ok(find(core, fields)
        .map(|(name, rules)| Reply::flat(object(json!({ "name": name, "rules": rules })))))
}

pub(super) fn write(core: &mut Core, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    put(core, fields, &fields.text("policy"), Vec::new())
}

pub(super) fn write_old(core: &mut Core, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    let policy = fields.text("policy");
    if !policy.is_empty() {
        return put(core, fields, &policy, Vec::new());
    }
    let rules = fields.text("rules");
    let warnings = if rules.is_empty() {
        Vec::new()
    } else {
        vec!["'rules' is deprecated, please use 'policy' instead".to_owned()]
    };
    put(core, fields, &rules, warnings)
}

fn put(core: &mut Core, fields: &Fields, text: &str, mut warnings: Vec<String>) -> Answer {
    let given = fields.text("name");
    let name = given.to_lowercase();
    if text.is_empty() {
        return Err(Error::bad("'policy' parameter not supplied or empty"));
    }
    let decoded = BASE64_STANDARD
        .decode(text)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let text = decoded.as_deref().unwrap_or(text);
    if IMMUTABLE.contains(&name.as_str()) {
        return Err(Error::bad(format!("cannot update \"{name}\" policy")));
    }
    core.policies
        .write(&name, text)
        .map_err(|error| Error::bad(format!("failed to parse policy: {error}")))?;
    if name != given {
        warnings.push(format!("policy name was converted to {name}"));
    }
    Ok(Reply::of_warnings(warnings))
}

pub(super) fn delete(core: &mut Core, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    let name = fields.text("name").to_lowercase();
    if IMMUTABLE.contains(&name.as_str()) {
        return Err(Error::bad(format!("cannot delete \"{name}\" policy")));
    }
    if name == DEFAULT {
        return Err(Error::bad("cannot delete default policy"));
    }
    core.policies.delete(&name);
    Ok(None)
}
