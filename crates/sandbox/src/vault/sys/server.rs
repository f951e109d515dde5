//! What is answered without a token, sealed or not: health, seal, leader, init.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use crate::vault::acl::Question;
use crate::vault::call::{Env, Error, Op};
use crate::vault::core::Core;
use crate::vault::http;
use crate::wire::{Request, Response};

/// Answers what comes before everything else; nothing if a request is not of that kind.
pub(in crate::vault) fn before_everything(
    core: &mut Core,
    request: &Request,
    route: &str,
    env: &Env<'_>,
) -> Option<Response> {
    let method = request.method.as_str();
    let is_write = matches!(method, "POST" | "PUT");
    let refuse = |status| Some(http::refusal(&Error::silent(status)));
    match route {
        "sys/health" if matches!(method, "GET" | "HEAD") => Some(health(core, request, env)),
        "sys/seal-status" if method == "GET" => Some(http::plain(200, &seal_status(core))),
        "sys/leader" if method == "GET" => Some(http::plain(200, &leader(core))),
        "sys/init" if method == "GET" => Some(http::plain(200, &json!({"initialized": true}))),
        "sys/init" if is_write => Some(http::refusal(&Error::bad("Vault is already initialized"))),
        "sys/unseal" if is_write => Some(unseal(core, request)),
        "sys/seal" if is_write => Some(seal(core, request, env)),
        "sys/step-down" if is_write && !core.is_sealed => Some(guarded(core, request, route, env)),
        "sys/generate-root/attempt" if method == "GET" => Some(http::plain(200, &attempt())),
        "sys/rekey/init" if method == "GET" => Some(http::plain(200, &rekey())),
        "sys/health" | "sys/seal-status" | "sys/leader" | "sys/init" | "sys/unseal"
        | "sys/seal" | "sys/step-down" => refuse(405),
        _ if !matches!(method, "GET" | "LIST" | "POST" | "PUT" | "DELETE" | "PATCH") => refuse(405),
        _ if core.is_sealed => Some(http::refusal(&Error::said(503, "Vault is sealed"))),
        _ => None,
    }
}

fn health(core: &Core, request: &Request, env: &Env<'_>) -> Response {
    let (name, usual) = if core.is_sealed {
        ("sealedcode", 503)
    } else {
        ("activecode", 200)
    };
    let mut status = usual;
    for (known, value) in http::query(request) {
        let is_code = known.ends_with("code");
        match value.parse::<u16>() {
            Ok(number) if known == name => status = number,
            Err(_) if is_code => return http::refusal(&Error::silent(400)),
            _ => {}
        }
    }
    let mode = if core.is_sealed {
        "unknown"
    } else {
        "disabled"
    };
    let mut body = json!({
        "initialized": true,
        "sealed": core.is_sealed,
        "standby": core.is_sealed,
        "performance_standby": false,
        "replication_performance_mode": mode,
        "replication_dr_mode": mode,
        "server_time_utc": env.now.as_second(),
        "version": core.version,
        "enterprise": false,
        "echo_duration_ms": 0,
        "clock_skew_ms": 0,
        "replication_primary_canary_age_ms": 0,
    });
    if !core.is_sealed {
        body["cluster_name"] = core.cluster_name.clone().into();
        body["cluster_id"] = core.cluster_id.clone().into();
    }
    let mut response = http::plain(status, &body);
    if request.method == "HEAD" {
        response.body.clear();
    }
    response
}

fn seal_status(core: &Core) -> Value {
    let mut body = json!({
        "type": "shamir",
        "initialized": true,
        "sealed": core.is_sealed,
        "t": 1,
        "n": 1,
        "progress": 0,
        "nonce": "",
        "version": core.version,
        "build_date": super::rest::BUILD_DATE,
        "migration": false,
        "recovery_seal": false,
        "storage_type": "inmem",
    });
    if !core.is_sealed {
        body["cluster_name"] = core.cluster_name.clone().into();
        body["cluster_id"] = core.cluster_id.clone().into();
    }
    body
}

fn leader(core: &Core) -> Value {
    json!({
        "ha_enabled": false,
        "is_self": false,
        "active_time": http::time(core.started),
        "leader_address": "",
        "leader_cluster_address": "",
        "performance_standby": false,
        "performance_standby_last_remote_wal": 0,
    })
}

fn attempt() -> Value {
    json!({
        "nonce": "",
        "started": false,
        "progress": 0,
        "required": 1,
        "complete": false,
        "encoded_token": "",
        "encoded_root_token": "",
        "pgp_fingerprint": "",
        "otp": "",
        "otp_length": 28,
    })
}

fn rekey() -> Value {
    json!({
        "nonce": "",
        "started": false,
        "t": 0,
        "n": 0,
        "progress": 0,
        "required": 1,
        "pgp_fingerprints": null,
        "backup": false,
        "verification_required": false,
    })
}

fn unseal(core: &mut Core, request: &Request) -> Response {
    let refuse = |text: &str| http::refusal(&Error::bad(text));
    let body: Map<String, Value> = match crate::vault::json::object(&request.body) {
        Ok(body) => body,
        Err(error) => return http::refusal(&error),
    };
    if body.get("reset").and_then(Value::as_bool) == Some(true) {
        if !core.is_sealed {
            return refuse("vault is unsealed");
        }
        return http::plain(200, &seal_status(core));
    }
    let key = match body.get("key") {
        None | Some(Value::Null) => "",
        Some(Value::String(key)) => key,
        Some(Value::Number(_)) => {
            return refuse(
                "failed to parse JSON input: json: cannot unmarshal number into Go struct field \
                 UnsealRequest.Key of type string",
            );
        }
        Some(_) => return refuse("failed to parse JSON input"),
    };
    if key.is_empty() {
        return refuse("'key' must be specified in request body as JSON, or 'reset' set to true");
    }
    let Some(bytes) = decode(key) else {
        return refuse("'key' must be a valid hex or base64 string");
    };
    if bytes.len() < 16 {
        return refuse("invalid key: key is shorter than minimum 16 bytes");
    }
    if !core.is_sealed {
        return http::plain(200, &seal_status(core));
    }
    if decode(&core.unseal_key).as_ref() != Some(&bytes) {
        return refuse(
            "unable to retrieve stored keys: invalid key: failed to decrypt keys from storage: \
             error decrypting seal wrapped value\nerror decrypting using seal shamir: cipher: \
             message authentication failed",
        );
    }
    core.unseal();
    http::plain(200, &seal_status(core))
}

fn decode(key: &str) -> Option<Vec<u8>> {
    let hex = || -> Option<Vec<u8>> {
        if !key.len().is_multiple_of(2) || !key.is_ascii() {
            return None;
        }
        (0..key.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&key[at..at + 2], 16).ok())
            .collect()
    };
    hex().or_else(|| BASE64_STANDARD.decode(key).ok())
}

fn seal(core: &mut Core, request: &Request, env: &Env<'_>) -> Response {
    if core.is_sealed {
        return done();
    }
    let response = guarded(core, request, "sys/seal", env);
    core.is_sealed |= response.status == 204;
    response
}

fn done() -> Response {
    http::reply(Op::Update, None, "", "")
}

/// Something done to the server by who may.
fn guarded(core: &mut Core, request: &Request, route: &str, env: &Env<'_>) -> Response {
    let token = http::token(request);
    if token.is_empty() {
        return http::refusal(&Error::denied().bare());
    }
    if core.valid_token(&token, env.now).is_none() {
        return http::refusal(&Error::bad_token(env.release));
    }
    let question = Question {
        op: Op::Update,
        path: route,
        data: &Map::new(),
        wrap: None,
        needs_sudo: true,
    };
    if core.acl(&token).allows(&question) {
        done()
    } else {
        http::refusal(&Error::denied())
    }
}
