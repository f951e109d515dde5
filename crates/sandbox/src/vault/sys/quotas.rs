//! Setting rate limits.

use jiff::SignedDuration;
use serde_json::json;

use crate::vault::call::{Answer, Call, Env, Error, Reply};
use crate::vault::core::Core;
use crate::vault::fields::{Fields, Kind, Schema};
use crate::vault::go;
use crate::vault::mounts::object;
use crate::vault::quotas::{EXEMPT, Quota};

pub(super) const SCHEMA: Schema = &[
    ("name", Kind::Text),
    ("path", Kind::Text),
    ("rate", Kind::Float),
    ("interval", Kind::Seconds),
    ("block_interval", Kind::Seconds),
    ("role", Kind::Text),
    ("inheritable", Kind::Flag),
    ("group_by", Kind::Text),
    ("secondary_rate", Kind::Float),
];
pub(super) const CONFIG: Schema = &[
    ("enable_rate_limit_response_headers", Kind::Flag),
    ("enable_rate_limit_audit_logging", Kind::Flag),
    ("rate_limit_exempt_paths", Kind::List),
    ("absolute_rate_limit_exempt_paths", Kind::List),
];

pub(super) fn config(core: &mut Core, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    Ok(Some(Reply::data(object(json!({
        "absolute_rate_limit_exempt_paths": null,
        "enable_rate_limit_audit_logging": core.quotas.has_audit,
        "enable_rate_limit_response_headers": core.quotas.has_headers,
        "rate_limit_exempt_paths": EXEMPT,
    })))))
}

pub(super) fn set_config(
    core: &mut Core,
    _: &Call<'_>,
    fields: &Fields,
    _: &mut Env<'_>,
) -> Answer {
    core.quotas.has_headers = fields.flag("enable_rate_limit_response_headers");
    core.quotas.has_audit = fields.flag("enable_rate_limit_audit_logging");
    Ok(None)
}

pub(super) fn list(core: &mut Core, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    Ok(Reply::keys(core.quotas.by_name.keys().cloned().collect()))
}

pub(super) fn read(core: &mut Core, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    let name = fields.text("name");
    let quota = core.quotas.by_name.get(&name);
    Ok(quota.map(|quota| {
        Reply::data(object(json!({
            "block_interval": quota.block_interval.as_secs(),
            "group_by": "ip",
            "inheritable": quota.is_inheritable,
            "interval": quota.interval.as_secs(),
            "name": name,
            "path": quota.path,
            "rate": quota.rate,
            "role": quota.role,
            "secondary_rate": 0,
            "type": "rate-limit",
        })))
    }))
}

pub(super) fn delete(core: &mut Core, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    core.quotas.by_name.remove(&fields.text("name"));
    Ok(None)
}

pub(super) fn write(core: &mut Core, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    let name = fields.text("name");
    let rate = fields.float_if("rate").unwrap_or_default();
    if rate <= 0.0 {
        return Err(Error::bad("'rate' is invalid"));
    }
    let path = fields.text("path").trim_start_matches('/').to_owned();
    let is_mounted = |path: &str| {
        let slashed = format!("{}/", path.trim_end_matches('/'));
        core.mounts.route_of(path).is_some() || core.mounts.get(&slashed).is_some()
    };
    if !path.is_empty() && !is_mounted(&path) {
        return Err(Error::bad(format!(
            "invalid mount path {}",
            go::quote(&path)
        )));
    }
    let role = fields.text("role");
    let is_same = |quota: &Quota| quota.path == path && quota.role == role;
    let known = core.quotas.by_name.iter();
    if let Some((other, _)) = known
        .into_iter()
        .find(|(other, quota)| **other != name && is_same(quota))
    {
        return Err(Error::bad(format!(
            "quota rule with similar properties exists under the name {}",
            go::quote(other)
        )));
    }
    let interval = match fields.seconds_if("interval") {
        Some(interval) if interval.is_positive() => interval,
        _ => SignedDuration::from_secs(1),
    };
    let mut quota = Quota::new(path, rate, interval);
    quota.block_interval = fields.seconds_if("block_interval").unwrap_or_default();
    quota.role = role;
    quota.is_inheritable = fields
        .flag_if("inheritable")
        .unwrap_or(quota.is_inheritable);
    core.quotas.by_name.insert(name, quota);
    Ok(None)
}
