//! Version 2: every write is kept until it is destroyed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{children, folder};
use crate::vault::call::{Answer, Call, Env, Error, Op, Reply};
use crate::vault::fields::{Fields, Kind, Schema};
use crate::vault::http::time;
use crate::vault::mounts::object;
use crate::vault::paths::{NOTHING, Path};

#[derive(Default)]
pub(in crate::vault) struct Versioned {
    secrets: BTreeMap<String, Secret>,
}

struct Secret {
    created: Timestamp,
    updated: Timestamp,
    /// From version 1 on.
    versions: Vec<Version>,
    metadata: Option<Map<String, Value>>,
}

struct Version {
    /// None: destroyed.
    data: Option<Map<String, Value>>,
    created: Timestamp,
    deleted: Option<Timestamp>,
}

const DATA: Schema = &[
    ("path", Kind::Text),
    ("version", Kind::Int),
    ("data", Kind::Object),
    ("options", Kind::Object),
];
const VERSIONS: Schema = &[("path", Kind::Text), ("versions", Kind::List)];
const METADATA: Schema = &[("path", Kind::Text), ("custom_metadata", Kind::Object)];

pub(in crate::vault) const PATHS: &[Path<Versioned>] = &[
    Path::new("config", NOTHING, &[(Op::Read, config)]),
    Path::new(
        "data/{path*}",
        DATA,
        &[
            (Op::Read, read),
            (Op::Update, write),
            (Op::Delete, delete_last),
            (Op::Patch, patch),
        ],
    )
    .that_exists(|kv, fields| kv.secrets.contains_key(&fields.text("path"))),
    Path::new("metadata?", NOTHING, &[(Op::List, list)]),
    Path::new(
        "metadata/{path*}",
        METADATA,
        &[
            (Op::Read, read_metadata),
            (Op::Update, write_metadata),
            (Op::Delete, delete_all),
            (Op::List, list),
        ],
    ),
    Path::new("delete/{path*}", VERSIONS, &[(Op::Update, delete)]),
    Path::new("undelete/{path*}", VERSIONS, &[(Op::Update, undelete)]),
    Path::new("destroy/{path*}", VERSIONS, &[(Op::Update, destroy)]),
    Path::new(
        "{path*}",
        DATA,
        &[(Op::Read, lost), (Op::Update, lost), (Op::Delete, lost)],
    )
    .of_anything(),
];

impl Versioned {
    /// Values as the first versions of theirs.
    pub(in crate::vault) fn of(
        values: BTreeMap<String, Map<String, Value>>,
        now: Timestamp,
    ) -> Self {
        let first = |data| Secret {
            created: now,
            updated: now,
            versions: vec![Version {
                data: Some(data),
                created: now,
                deleted: None,
            }],
            metadata: None,
        };
        let secrets = values.into_iter().map(|(path, data)| (path, first(data)));
        Self {
            secrets: secrets.collect(),
        }
    }
}

impl Secret {
    fn version(&self, number: usize) -> Option<&Version> {
        self.versions.get(number.checked_sub(1)?)
    }
}

fn describe(secret: &Secret, number: usize) -> Value {
    let version = secret.version(number);
    json!({
        "created_time": version.map(|version| time(version.created)),
        "custom_metadata": secret.metadata,
        "deletion_time": version
            .and_then(|version| version.deleted)
            .map_or_else(|| "".into(), time),
        "destroyed": version.is_some_and(|version| version.data.is_none()),
        "version": number,
    })
}

fn config(_: &mut Versioned, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    Ok(Some(Reply::data(object(json!({
        "cas_required": false,
        "delete_version_after": "0s",
        "max_versions": 0,
    })))))
}

fn read(kv: &mut Versioned, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    let Some(secret) = kv.secrets.get(&fields.text("path")) else {
        return Ok(None);
    };
    let asked = fields
        .int_if("version")
        .and_then(|number| usize::try_from(number).ok());
    let number = asked
        .filter(|number| *number > 0)
        .unwrap_or(secret.versions.len());
    let Some(version) = secret.version(number) else {
        return Ok(None);
    };
    let data = version.data.as_ref().filter(|_| version.deleted.is_none());
    let reply = Reply::data(object(json!({
        "data": data,
        "metadata": describe(secret, number),
    })));
    if data.is_some() {
        return Ok(Some(reply));
    }
    // There, but gone: not found, and what is known of it.
    Ok(Some(Reply {
        status: Some(404),
        mount_type: Some(""),
        ..reply
    }))
}

fn write(kv: &mut Versioned, _: &Call<'_>, fields: &Fields, env: &mut Env<'_>) -> Answer {
    if !fields.has("data") {
        return Err(Error::bad("no data provided"));
    }
    let path = fields.text("path");
    let last = kv
        .secrets
        .get(&path)
        .map_or(0, |secret| secret.versions.len());
    let cas = fields.object("options").get("cas").and_then(Value::as_u64);
    if cas.is_some_and(|cas| usize::try_from(cas).ok() != Some(last)) {
        let text = "check-and-set parameter did not match the current version";
        return Err(Error::bad(text));
    }
    Ok(Some(add(kv, path, fields.object("data"), env)))
}

fn add(kv: &mut Versioned, path: String, data: Map<String, Value>, env: &Env<'_>) -> Reply {
    let secret = kv.secrets.entry(path).or_insert_with(|| Secret {
        created: env.now,
        updated: env.now,
        versions: Vec::new(),
        metadata: None,
    });
    secret.updated = env.now;
    secret.versions.push(Version {
        data: Some(data),
        created: env.now,
        deleted: None,
    });
    Reply::data(object(describe(secret, secret.versions.len())))
}

fn patch(kv: &mut Versioned, _: &Call<'_>, fields: &Fields, env: &mut Env<'_>) -> Answer {
    if !fields.has("data") {
        return Err(Error::bad("no data provided"));
    }
    let path = fields.text("path");
    let last = kv
        .secrets
        .get(&path)
        .and_then(|secret| secret.versions.last());
    let Some(mut data) = last
        .filter(|last| last.deleted.is_none())
        .and_then(|last| last.data.clone())
    else {
        return Err(Error::silent(404));
    };
    for (key, value) in fields.object("data") {
        if value.is_null() {
            data.remove(&key);
        } else {
            data.insert(key, value);
        }
    }
    Ok(Some(add(kv, path, data, env)))
}

fn list(kv: &mut Versioned, call: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    let below = call.path.strip_prefix("metadata").unwrap_or_default();
    Ok(Reply::keys(children(kv.secrets.keys(), &folder(below))))
}

fn read_metadata(kv: &mut Versioned, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    let Some(secret) = kv.secrets.get(&fields.text("path")) else {
        return Ok(None);
    };
    let versions: Map<String, Value> = (1..=secret.versions.len())
        .map(|number| {
            let mut version = object(describe(secret, number));
            version.remove("version");
            version.remove("custom_metadata");
            (number.to_string(), version.into())
        })
        .collect();
    Ok(Some(Reply::data(object(json!({
        "cas_required": false,
        "created_time": time(secret.created),
        "current_version": secret.versions.len(),
        "custom_metadata": secret.metadata,
        "delete_version_after": "0s",
        "max_versions": 0,
        "oldest_version": 0,
        "updated_time": time(secret.updated),
        "versions": versions,
    })))))
}

fn write_metadata(kv: &mut Versioned, _: &Call<'_>, fields: &Fields, env: &mut Env<'_>) -> Answer {
    let secret = kv
        .secrets
        .entry(fields.text("path"))
        .or_insert_with(|| Secret {
            created: env.now,
            updated: env.now,
            versions: Vec::new(),
            metadata: None,
        });
    secret.updated = env.now;
    if fields.has("custom_metadata") {
        secret.metadata = Some(fields.object("custom_metadata"));
    }
    Ok(None)
}

fn delete_all(kv: &mut Versioned, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    kv.secrets.remove(&fields.text("path"));
    Ok(None)
}

fn delete_last(kv: &mut Versioned, _: &Call<'_>, fields: &Fields, env: &mut Env<'_>) -> Answer {
    let secret = kv.secrets.get_mut(&fields.text("path"));
    if let Some(last) = secret.and_then(|secret| secret.versions.last_mut()) {
        last.deleted = Some(env.now);
    }
    Ok(None)
}

/// Does something to the versions a request names.
fn each(kv: &mut Versioned, fields: &Fields, act: impl Fn(&mut Version)) -> Answer {
    let numbers = fields.list("versions");
    if numbers.is_empty() {
        return Err(Error::bad("No version number provided"));
    }
    if let Some(secret) = kv.secrets.get_mut(&fields.text("path")) {
        for number in numbers
            .iter()
            .filter_map(|number| number.parse::<usize>().ok())
        {
            if let Some(version) = number
                .checked_sub(1)
                .and_then(|at| secret.versions.get_mut(at))
            {
                act(version);
            }
        }
    }
    Ok(None)
}

fn delete(kv: &mut Versioned, _: &Call<'_>, fields: &Fields, env: &mut Env<'_>) -> Answer {
    let now = env.now;
    each(kv, fields, |version| version.deleted = Some(now))
}

fn undelete(kv: &mut Versioned, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    each(kv, fields, |version| version.deleted = None)
}

fn destroy(kv: &mut Versioned, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    each(kv, fields, |version| version.data = None)
}

/// For those who think it is version 1.
fn lost(_: &mut Versioned, call: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    let command = match call.op {
        Op::Read => "get",
        Op::Delete => "delete",
        _ => "put",
    };
    let text = format!(
        "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API \
         endpoints to use. If using the Vault CLI, use 'vault kv {command}' for this operation."
    );
    Ok(Some(Reply {
        status: Some(404),
        mount_type: Some(""),
        ..Reply::warning(text)
    }))
}
