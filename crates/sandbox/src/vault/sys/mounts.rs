//! Mounting, tuning and showing what is mounted.

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::of_no_mount;
use crate::vault::call::{Answer, Call, Env, Error, Reply};
use crate::vault::core::Core;
use crate::vault::engine::Engine;
use crate::vault::fields::{Fields, Kind, Schema};
use crate::vault::go;
use crate::vault::mounts::{LISTS, Mount, SYSTEM_TTL};

pub(super) const MOUNT: Schema = &[
    ("path", Kind::Text),
    ("type", Kind::Text),
    ("description", Kind::Text),
    ("config", Kind::Object),
    ("options", Kind::Pairs),
    ("local", Kind::Flag),
    ("seal_wrap", Kind::Flag),
    ("external_entropy_access", Kind::Flag),
    ("plugin_name", Kind::Text),
    ("plugin_version", Kind::Text),
    // Tuning is a path below a mount, and mounts may have slashes.
    ("default_lease_ttl", Kind::Text),
    ("max_lease_ttl", Kind::Text),
    ("force_no_cache", Kind::Flag),
    ("audit_non_hmac_request_keys", Kind::List),
    ("audit_non_hmac_response_keys", Kind::List),
    ("listing_visibility", Kind::Text),
    ("passthrough_request_headers", Kind::List),
    ("allowed_response_headers", Kind::List),
    ("allowed_managed_keys", Kind::List),
    ("token_type", Kind::Text),
    ("user_lockout_config", Kind::Object),
];
pub(super) const TUNE: Schema = MOUNT;

pub(super) fn list(core: &mut Core, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    Ok(Some(Reply::flat(infos(core, false))))
}

pub(super) fn list_auth(core: &mut Core, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    Ok(Some(Reply::flat(infos(core, true))))
}

fn infos(core: &Core, is_auth: bool) -> Map<String, Value> {
    shown(core, is_auth)
        .map(|(path, mount)| (path.to_owned(), mount.info(&core.version).into()))
        .collect()
}

/// The mounts of one kind, by the path people know them by.
fn shown(core: &Core, is_auth: bool) -> impl Iterator<Item = (&str, &Mount)> {
    core.mounts.iter().filter_map(move |(route, mount)| {
        let below = route.strip_prefix("auth/");
        match (is_auth, below) {
            (true, Some(path)) => Some((path, mount)),
            (false, None) => Some((route.as_str(), mount)),
            _ => None,
        }
    })
}

/// A path with one slash at its end.
fn slashed(path: &str) -> String {
    let path = path.trim_start_matches('/');
    if path.ends_with('/') {
        path.to_owned()
    } else {
        format!("{path}/")
    }
}

pub(super) fn read(core: &mut Core, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    read_one(core, fields, "")
}

pub(super) fn read_auth(core: &mut Core, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    read_one(core, fields, "auth/")
}

fn read_one(core: &Core, fields: &Fields, prefix: &str) -> Answer {
    let path = fields.text("path");
    if let Some(path) = path.strip_suffix("/tune") {
        return read_tune(core, &format!("{prefix}{}", slashed(path)));
    }
    let path = slashed(&path);
    match core.mounts.get(&format!("{prefix}{path}")) {
        Some(mount) => Ok(Some(Reply::flat(mount.info(&core.version)))),
        None if prefix.is_empty() => Err(Error::bad(format!("No secret engine mount at {path}"))),
        None => Err(Error::bad(format!("No auth engine at {path}"))),
    }
}

fn read_tune(core: &Core, route: &str) -> Answer {
    match core.mounts.get(route) {
        Some(mount) => Ok(Some(Reply::flat(mount.tune()))),
        None => Err(Error::bad(format!(
            "cannot fetch sysview for path {}",
            go::quote(route)
        ))),
    }
}

pub(super) fn read_tune_auth(
    core: &mut Core,
    _: &Call<'_>,
    fields: &Fields,
    _: &mut Env<'_>,
) -> Answer {
    read_tune(core, &format!("auth/{}", slashed(&fields.text("path"))))
}

pub(super) fn tune_auth(
    core: &mut Core,
    _: &Call<'_>,
    fields: &Fields,
    env: &mut Env<'_>,
) -> Answer {
    tune(
        core,
        &format!("auth/{}", slashed(&fields.text("path"))),
        fields,
        env,
    )
}

pub(super) fn write(core: &mut Core, _: &Call<'_>, fields: &Fields, env: &mut Env<'_>) -> Answer {
    let path = fields.text("path");
    match path.strip_suffix("/tune") {
        Some(path) => tune(core, &slashed(path), fields, env),
        None => mount(core, &slashed(&path), false, fields, env),
    }
}

pub(super) fn write_auth(
    core: &mut Core,
    _: &Call<'_>,
    fields: &Fields,
    env: &mut Env<'_>,
) -> Answer {
    let path = fields.text("path");
    match path.strip_suffix("/tune") {
        Some(path) => tune(core, &format!("auth/{}", slashed(path)), fields, env),
        None => mount(core, &slashed(&path), true, fields, env),
    }
}

/// These are there from the start, once.
const PROTECTED: [&str; 5] = ["auth/", "sys/", "cubbyhole/", "identity/", "audit/"];

fn mount(core: &mut Core, path: &str, is_auth: bool, fields: &Fields, env: &mut Env<'_>) -> Answer {
    let config = fields.object("config");
    let (default_ttl, max_ttl) = lifetimes(&config)?;
    let kind = fields.text("type");
    if kind.is_empty() {
        return Err(Error::bad("backend type must be specified as a string"));
    }
    let mut options = fields.pairs_if("options").unwrap_or_default();
    let kind = if kind == "kv-v2" || kind == "kv-v1" {
        options.insert("version".to_owned(), kind[4..].replace('v', ""));
        "kv".to_owned()
    } else {
        kind
    };
    if kind != "kv" && !is_auth && options.contains_key("version") {
        return Err(Error::bad(format!(
            "secrets engine {} does not allow setting a version",
            go::quote(&kind)
        )));
    }
    let visibility = text(&config, "listing_visibility");
    check_visibility(&visibility)?;
    let token_type = text(&config, "token_type");
    if is_auth {
        check_token_type(&token_type)?;
    }
    if !is_auth && PROTECTED.iter().any(|known| path.starts_with(known)) {
        return Err(Error::bad(format!("cannot mount {}", go::quote(path))));
    }
    if is_auth && kind == "token" {
        return Err(Error::bad(
            "token credential backend cannot be instantiated",
        ));
    }
    if !is_auth
        && ["identity", "cubbyhole", "system", "token", "ns_system"].contains(&kind.as_str())
    {
        return Err(Error::bad(format!(
            "mount type of {} is not mountable",
            go::quote(&kind)
        )));
    }
    let route = if is_auth {
        format!("auth/{path}")
    } else {
        path.to_owned()
    };
    if let Some(known) = core.mounts.conflict(&route) {
        let known = known.trim_start_matches(if is_auth { "auth/" } else { "" });
        return Err(Error::bad(format!("path is already in use at {known}")));
    }
    let engine = Engine::of(&kind, is_auth, &options);
    let engine =
        engine.ok_or_else(|| Error::bad(format!("plugin not found in the catalog: {kind}")))?;

    let mut mount = Mount::new(&kind, is_auth, engine, env.ids);
    mount.description = fields.text("description");
    mount.options = Some(options);
    mount.is_local = fields.flag("local");
    mount.has_seal_wrap = fields.flag("seal_wrap");
    mount.has_external_entropy = fields.flag("external_entropy_access");
    mount.tuning.default_ttl = default_ttl;
    mount.tuning.max_ttl = max_ttl;
    mount.tuning.listing_visibility = visibility;
    mount.tuning.forces_no_cache = config.get("force_no_cache") == Some(&Value::Bool(true));
    if is_auth && !token_type.is_empty() {
        mount.tuning.token_type = Some(token_type);
    }
    let config = Fields { raw: config };
    for name in LISTS {
        if let Some(list) = config.list_if(name) {
            mount.tuning.lists.insert(name, list);
        }
    }
    core.mounts.insert(route, mount);
    Ok(None)
}

fn text(config: &Map<String, Value>, name: &str) -> String {
    match config.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

fn lifetimes(config: &Map<String, Value>) -> Result<(SignedDuration, SignedDuration), Error> {
    let read = |name: &str, what: &str| match text(config, name).as_str() {
        "" | "system" => Ok(SignedDuration::ZERO),
        text => go::parse_duration(text)
            .map_err(|error| Error::bad(format!("unable to parse {what} TTL of {text}: {error}"))),
    };
    let default = read("default_lease_ttl", "default")?;
    let max = read("max_lease_ttl", "max")?;
    if !max.is_zero() && default > max {
        let text = "given default lease TTL greater than given max lease TTL";
        return Err(Error::bad(text));
    }
    if max.is_zero() && default > SYSTEM_TTL {
        return Err(Error::bad(format!(
            "given default lease TTL greater than system max lease TTL of {}",
            SYSTEM_TTL.as_secs()
        )));
    }
    Ok((default, max))
}

fn check_visibility(visibility: &str) -> Result<(), Error> {
    match visibility {
        "" | "hidden" | "unauth" => Ok(()),
        bad => Err(Error::bad(format!("invalid listing_visibility {bad}"))),
    }
}

fn check_token_type(kind: &str) -> Result<(), Error> {
    match kind {
        "" | "default-service" | "default-batch" | "service" | "batch" => Ok(()),
        _ => Err(Error::bad("invalid value for 'token_type'")),
    }
}

fn tune(core: &mut Core, route: &str, fields: &Fields, env: &Env<'_>) -> Answer {
    if ["sys/", "cubbyhole/", "audit/", "identity/"]
        .iter()
        .any(|known| route.starts_with(known))
    {
        return Err(Error::bad(format!("cannot tune {}", go::quote(route))));
    }
    let Some(mount) = core.mounts.get_mut(route) else {
        return Err(Error::bad(format!(
            "tune of path {} failed: no mount entry found",
            go::quote(route)
        )));
    };
    let read = |name: &str, now: SignedDuration| match fields.text(name).as_str() {
        "" => Ok(now),
        "system" => Ok(SignedDuration::ZERO),
        text => go::parse_duration(text).map_err(Error::bad),
    };
    let default = read("default_lease_ttl", mount.tuning.default_ttl)?;
    let max = read("max_lease_ttl", mount.tuning.max_ttl)?;
    if max.is_positive() && max < default {
        return Err(Error::bad(format!(
            "backend max lease TTL of {} would be less than backend default lease TTL of {}",
            max.as_secs(),
            default.as_secs()
        )));
    }
    let visibility = fields.text_if("listing_visibility");
    check_visibility(visibility.as_deref().unwrap_or_default())?;
    let version = fields.text("plugin_version");
    if !version.is_empty() {
        let semantic = if version.contains('.') {
            version
        } else {
            format!("{version}.0.0")
        };
        return Err(Error::bad(format!(
            "plugin not found in the catalog: {}, version={semantic}",
            mount.kind
        )));
    }
    if let Some(kind) = fields.text_if("token_type") {
        if !route.starts_with("auth/") {
            return Err(Error::bad(
                "'token_type' can only be modified on auth mounts",
            ));
        }
        if route == "auth/token/" {
            return Err(Error::bad(
                "'token_type' cannot be set for 'token' or 'ns_token' auth mounts",
            ));
        }
        check_token_type(&kind)?;
        mount.tuning.token_type = Some(kind);
    }
    mount.tuning.default_ttl = default;
    mount.tuning.max_ttl = max;
    if let Some(visibility) = visibility {
        mount.tuning.listing_visibility = visibility;
    }
    if let Some(description) = fields.text_if("description") {
        mount.description = description;
    }
    for name in LISTS {
        if let Some(list) = fields.list_if(name) {
            mount.tuning.lists.insert(name, list);
        }
    }
    let mut warnings = Vec::new();
    if let Some(options) = fields.pairs_if("options") {
        let upgrades = options.get("version").is_some_and(|version| version == "2");
        if upgrades && mount.engine.upgrade(env.now) {
            let text = "Upgrading mount from version 1 to version 2. This mount will be \
                        unavailable for a brief period and will resume service shortly.";
            warnings.push(text.to_owned());
        }
        mount.options.get_or_insert_default().extend(options);
    }
    Ok(Reply::of_warnings(warnings))
}
pub(super) fn delete(core: &mut Core, _: &Call<'_>, fields: &Fields, env: &mut Env<'_>) -> Answer {
    let path = slashed(&fields.text("path"));
    if PROTECTED.iter().any(|known| path.starts_with(known)) {
        return Err(Error::bad(format!("cannot unmount {}", go::quote(&path))));
    }
    unmount(core, &path, env)
}

pub(super) fn delete_auth(
    core: &mut Core,
    _: &Call<'_>,
    fields: &Fields,
    env: &mut Env<'_>,
) -> Answer {
    let path = slashed(&fields.text("path"));
    if path == "token/" {
        return Err(Error::bad("token credential backend cannot be disabled"));
    }
    unmount(core, &format!("auth/{path}"), env)
}

/// Takes a mount away with all that it gave; what cannot be revoked keeps it there, tainted.
fn unmount(core: &mut Core, route: &str, env: &mut Env<'_>) -> Answer {
    let Some(mount) = core.mounts.get_mut(route) else {
        return Ok(None);
    };
    mount.is_tainted = true;
    mount.engine.rollback(env);
    core.revoke_prefix(route, false, true, env)?;
    if let Some(mount) = core.mounts.remove(route) {
        core.forget_entities(&mount.accessor);
    }
    Ok(None)
}

pub(super) fn visible(core: &mut Core, call: &Call<'_>, _: &Fields, env: &mut Env<'_>) -> Answer {
    let is_known = core.valid_token(call.token, env.now).is_some();
    let acl = core.acl(call.token);
    let mut data = Map::new();
    for (name, is_auth) in [("secret", false), ("auth", true)] {
        let prefix = if is_auth { "auth/" } else { "" };
        let mounts: Map<String, Value> = shown(core, is_auth)
            .filter_map(|(path, mount)| {
                if is_known && acl.reaches(&format!("{prefix}{path}")) {
                    let info = mount.effective_info(&core.version);
                    return Some((path.to_owned(), info.into()));
                }
                (mount.tuning.listing_visibility == "unauth").then(|| {
                    let info = json!({
                        "type": mount.kind,
                        "description": mount.description,
                        "options": mount.options,
                    });
                    (path.to_owned(), info)
                })
            })
            .collect();
        data.insert(name.to_owned(), mounts.into());
    }
    Ok(Some(of_no_mount(Reply::data(data))))
}

pub(super) fn visible_one(
    core: &mut Core,
    call: &Call<'_>,
    fields: &Fields,
    env: &mut Env<'_>,
) -> Answer {
    let path = slashed(&fields.text("path"));
    if core.valid_token(call.token, env.now).is_none() {
        return Err(Error::denied());
    }
    let refused = || {
        Error::said(
            403,
            format!(
                "preflight capability check returned 403, please ensure client's policies grant \
                 access to path {}",
                go::quote(&path)
            ),
        )
    };
    let route = core.mounts.route_of(&path).ok_or_else(refused)?.to_owned();
    let acl = core.acl(call.token);
    let mount = core.mounts.get(&route).filter(|_| acl.reaches(&route));
    let mount = mount.ok_or_else(refused)?;
    let mut info = mount.effective_info(&core.version);
    info.insert("path".to_owned(), route.into());
    Ok(Some(of_no_mount(Reply::data(info))))
}
