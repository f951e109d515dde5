//! What a token may do to which paths.

use serde_json::{Map, Value};

use crate::vault::call::{Answer, Call, Env, Error, Reply};
use crate::vault::core::Core;
use crate::vault::fields::{Fields, Kind, Schema};

pub(super) const SCHEMA: Schema = &[
    ("token", Kind::Text),
    ("accessor", Kind::Text),
    ("path", Kind::List),
    ("paths", Kind::List),
];

pub(super) fn of_self(
    core: &mut Core,
    call: &Call<'_>,
    fields: &Fields,
    _: &mut Env<'_>,
) -> Answer {
    tell(core, call.token, fields)
}

pub(super) fn of_token(
    core: &mut Core,
    _: &Call<'_>,
    fields: &Fields,
    env: &mut Env<'_>,
) -> Answer {
    let token = fields.text("token");
    if token.is_empty() {
        return Err(Error::failed("no token found"));
    }
    if core.valid_token(&token, env.now).is_none() {
        return Err(Error::coded(400, "invalid token"));
    }
    tell(core, &token, fields)
}

pub(super) fn of_accessor(
    core: &mut Core,
    _: &Call<'_>,
    fields: &Fields,
    _: &mut Env<'_>,
) -> Answer {
    let accessor = fields.text("accessor");
    if accessor.is_empty() {
        return Err(Error::bad("missing accessor"));
    }
    let token = core.tokens.by_accessor(&accessor);
    let token = token.ok_or_else(|| Error::coded(400, "invalid accessor"))?;
    let id = token.id.clone();
    tell(core, &id, fields)
}

fn tell(core: &mut Core, token: &str, fields: &Fields) -> Answer {
    let mut paths = fields.list("paths");
    if paths.is_empty() {
        paths = fields.list("path");
    }
    if paths.is_empty() {
        return Err(Error::bad("paths must be supplied"));
    }
    let acl = core.acl(token);
    let mut data: Map<String, Value> = Map::new();
    for path in &paths {
        data.insert(path.clone(), acl.capabilities(path).into());
    }
    if let [path] = paths.as_slice() {
        data.insert("capabilities".to_owned(), acl.capabilities(path).into());
    }
    Ok(Some(Reply::flat(data)))
}

/// All rules of a token, for programs that show them.
pub(super) fn resultant(core: &mut Core, call: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    let acl = core.acl(call.token);
    let mut data = acl.describe();
    data.insert("root".to_owned(), acl.is_root().into());
    data.insert("chroot_namespace".to_owned(), "".into());
    Ok(Some(Reply::data(data)))
}
