//! Audit devices. They can be enabled and seen; nothing is written to them.

use std::fmt::Write as _;

use ring::hmac;
use serde_json::{Map, Value, json};

use crate::vault::audit::Device;
use crate::vault::call::{Answer, Call, Env, Error, Reply};
use crate::vault::core::Core;
use crate::vault::fields::{Fields, Kind, Schema};
use crate::vault::go;
use crate::vault::mounts::object;

pub(super) const SCHEMA: Schema = &[
    ("path", Kind::Text),
    ("type", Kind::Text),
    ("description", Kind::Text),
    ("options", Kind::Pairs),
    ("local", Kind::Flag),
    ("input", Kind::Text),
];

fn path(fields: &Fields) -> String {
    format!("{}/", fields.text("path").trim_matches('/'))
}

pub(super) fn list(core: &mut Core, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    let devices: Map<String, Value> = core
        .devices
        .iter()
        .map(|(path, device)| {
            let info = json!({
                "path": path,
                "type": device.kind,
                "description": device.description,
                "options": device.options,
                "local": device.is_local,
            });
            (path.clone(), info)
        })
        .collect();
    Ok(Some(Reply::flat(devices)))
}

pub(super) fn enable(core: &mut Core, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    let refuse = |text: String| Err(Error::bad(format!("{text}: invalid configuration")));
    let path = path(fields);
    if core.devices.contains_key(&path) {
        return refuse("path already in use".to_owned());
    }
    let kind = fields.text("type");
    let options = fields.pairs_if("options").unwrap_or_default();
    let needed = match kind.as_str() {
        "file" => Some("file_path"),
        "socket" => Some("address"),
        "syslog" => None,
        other => return refuse(format!("unknown backend type: {}", go::quote(other))),
    };
    if let Some(needed) = needed.filter(|needed| !options.contains_key(*needed)) {
        return refuse(format!(
            "unable to create new audit backend: {} is required",
            go::quote(needed)
        ));
    }
    let device = Device {
        kind,
        description: fields.text("description"),
        is_local: fields.flag("local"),
        options,
    };
    core.devices.insert(path, device);
    Ok(None)
}

pub(super) fn disable(core: &mut Core, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    core.devices.remove(&path(fields));
    Ok(None)
}

pub(super) fn hash(core: &mut Core, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    let path = path(fields);
    if !core.devices.contains_key(&path) {
        return Err(Error::bad(format!(
            "unknown audit backend {}",
            go::quote(&path)
        )));
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, core.cluster_id.as_bytes());
    let mut hash = "hmac-sha256:".to_owned();
    for byte in hmac::sign(&key, fields.text("input").as_bytes()).as_ref() {
        let _ = write!(hash, "{byte:02x}");
    }
    Ok(Some(Reply::flat(object(json!({ "hash": hash })))))
}
