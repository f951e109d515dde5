//! What else is asked of a server, mostly by people who look around.

use serde_json::{Value, json};

use super::of_no_mount;
use crate::vault::call::{Answer, Call, Env, Error, Reply};
use crate::vault::core::Core;
use crate::vault::fields::Fields;
use crate::vault::http::time;
use crate::vault::mounts::object;

pub(super) const BUILD_DATE: &str = "2025-10-21T19:33:14Z";

fn data(value: Value) -> Answer {
    Ok(Some(Reply::data(object(value))))
}

pub(super) fn nothing(_: &mut Core, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    Ok(None)
}

/// What comes in goes out, wrapped.
pub(super) fn wrap(_: &mut Core, call: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    if call.wrap.is_none() {
        return Err(Error::bad("endpoint requires response wrapping to be used"));
    }
    Ok(Some(Reply::data(fields.raw.clone())))
}

pub(super) fn key_status(core: &mut Core, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    Ok(Some(Reply::flat(object(json!({
        "encryptions": 0,
        "install_time": time(core.started),
        "term": 1,
    })))))
}

pub(super) fn ha_status(core: &mut Core, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    Ok(Some(Reply::flat(object(json!({ "nodes": [{
        "active_node": true,
        "api_address": "",
        "clock_skew_ms": 0,
        "cluster_address": "",
        "echo_duration_ms": 0,
        "hostname": "sandbox",
        "last_echo": null,
        "replication_primary_canary_age_ms": 0,
        "version": core.version,
    }]})))))
}

pub(super) fn host_info(_: &mut Core, _: &Call<'_>, _: &Fields, env: &mut Env<'_>) -> Answer {
    data(json!({
        "timestamp": time(env.now),
        "host": { "hostname": "sandbox" },
    }))
}

pub(super) fn version_history(
    core: &mut Core,
    _: &Call<'_>,
    _: &Fields,
    _: &mut Env<'_>,
) -> Answer {
    let version = &core.version;
    data(json!({
        "keys": [version],
        "key_info": { version: {
            "build_date": BUILD_DATE,
            "previous_version": null,
            "timestamp_installed": time(core.started),
        }},
    }))
}

pub(super) fn cors(_: &mut Core, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    Ok(Some(Reply::flat(object(json!({ "enabled": false })))))
}

pub(super) fn plugins(_: &mut Core, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    let names: &[&str] = match fields.text("type").as_str() {
        "secret" => &["aws", "kv"],
        "auth" => &["aws", "kubernetes"],
        _ => &[],
    };
    Ok(Reply::keys(
        names.iter().map(|name| (*name).to_owned()).collect(),
    ))
}

pub(super) fn enterprise(_: &mut Core, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    Err(Error::said(404, "enterprise-only feature"))
}

pub(super) fn replication(_: &mut Core, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    let reply = Reply::data(object(json!({ "mode": "disabled" })));
    Ok(Some(of_no_mount(reply)))
}

pub(super) fn experiments(_: &mut Core, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    let available = [
        "events.alpha1",
        "core.audit.events.alpha1",
        "secrets.import.alpha1",
    ];
    data(json!({ "available": available, "enabled": [] }))
}
