//! Version 1: what was written last, with a lifetime that nobody enforces unless it is leased.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::{Map, Value};

use super::{children, folder};
use crate::vault::call::{Answer, Call, Env, Error, Internal, Op, Reply, Secret};
use crate::vault::fields::{Fields, Kind, Schema};
use crate::vault::go;
use crate::vault::paths::Path;

#[derive(Default)]
pub(in crate::vault) struct Unversioned {
    has_leases: bool,
    pub(in crate::vault) values: BTreeMap<String, Map<String, Value>>,
}

impl Unversioned {
    pub(in crate::vault) fn new(has_leases: bool) -> Self {
        Self {
            has_leases,
            values: BTreeMap::new(),
        }
    }
}

const SCHEMA: Schema = &[("path", Kind::Text)];

pub(in crate::vault) const PATHS: &[Path<Unversioned>] = &[Path::new(
    "{path?}",
    SCHEMA,
    &[
        (Op::Read, read),
        (Op::Update, write),
        (Op::Delete, delete),
        (Op::List, list),
    ],
)
.that_exists(|kv, fields| kv.values.contains_key(&fields.text("path")))
.of_anything()];

fn read(kv: &mut Unversioned, call: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    let Some(data) = kv.values.get(call.path) else {
        return Ok(None);
    };
    let ttl = ["ttl", "lease"].iter().find_map(|name| data.get(*name));
    let ttl = ttl.and_then(|ttl| match ttl {
        Value::String(text) => go::parse_duration(text).ok(),
        Value::Number(number) => number.as_i64().map(SignedDuration::from_secs),
        _ => None,
    });
    let ttl = ttl.unwrap_or(call.view.default);
    Ok(Some(Reply {
        secret: Some(Secret {
            ttl,
            max_ttl: SignedDuration::ZERO,
            is_renewable: kv.has_leases,
            lease_id: String::new(),
            internal: Internal::Kv {
                ttl,
                is_leased: kv.has_leases,
            },
        }),
        ..Reply::data(data.clone())
    }))
}

fn write(kv: &mut Unversioned, call: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    let mut data = fields.raw.clone();
    // Captured from the path, not written.
    data.remove("path");
    if data.is_empty() {
        return Err(Error::bad("missing data fields"));
    }
    kv.values.insert(call.path.to_owned(), data);
    Ok(None)
}

fn delete(kv: &mut Unversioned, call: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    kv.values.remove(call.path);
    Ok(None)
}

fn list(kv: &mut Unversioned, call: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    Ok(Reply::keys(children(kv.values.keys(), &folder(call.path))))
}
