//! How the engine reaches AWS, and how long its users live.

use jiff::SignedDuration;
use serde_json::json;

use super::client::{Client, tag};
use super::template::DEFAULT;
use super::{AwsError, Engine};
use crate::vault::call::{Answer, Call, Env, Error, Reply};
use crate::vault::fields::{Fields, Kind, Schema};
use crate::vault::go;
use crate::vault::mounts::object;

/// The root configuration.
#[derive(Clone, Default)]
pub(super) struct Root {
    access_key: String,
    secret_key: String,
    region: String,
    iam_endpoint: String,
    sts_endpoint: String,
    sts_region: String,
    sts_fallback_endpoints: Vec<String>,
    sts_fallback_regions: Vec<String>,
    max_retries: i64,
    pub(super) username_template: String,
    role_arn: String,
    identity_token_ttl: SignedDuration,
    disables_rotation: bool,
}

pub(super) const SCHEMA: Schema = &[
    ("access_key", Kind::Text),
    ("secret_key", Kind::Text),
    ("region", Kind::Text),
    ("iam_endpoint", Kind::Text),
    ("sts_endpoint", Kind::Text),
    ("sts_region", Kind::Text),
    ("sts_fallback_endpoints", Kind::List),
    ("sts_fallback_regions", Kind::List),
    ("max_retries", Kind::Int),
    ("username_template", Kind::Text),
    ("role_arn", Kind::Text),
    ("identity_token_audience", Kind::Text),
    ("identity_token_ttl", Kind::Seconds),
    ("rotation_schedule", Kind::Text),
    ("rotation_window", Kind::Seconds),
    ("rotation_period", Kind::Seconds),
    ("disable_automated_rotation", Kind::Flag),
];
pub(super) const LEASE_SCHEMA: Schema = &[("lease", Kind::Text), ("lease_max", Kind::Text)];

/// What the SDK does if it is not told otherwise.
const RETRIES: u32 = 3;
const REGION: &str = "us-east-1";

pub(super) fn read(engine: &mut Engine, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    let Some(root) = &engine.root else {
        return Ok(None);
    };
    Ok(Some(Reply::data(object(json!({
        "access_key": root.access_key,
        "region": root.region,
        "iam_endpoint": root.iam_endpoint,
        "sts_endpoint": root.sts_endpoint,
        "sts_region": root.sts_region,
        "sts_fallback_endpoints": root.sts_fallback_endpoints,
        "sts_fallback_regions": root.sts_fallback_regions,
        "max_retries": root.max_retries,
        "username_template": root.username_template,
        "role_arn": root.role_arn,
        "identity_token_audience": "",
        "identity_token_ttl": root.identity_token_ttl.as_secs(),
        "rotation_period": 0,
        "rotation_schedule": "",
        "rotation_window": 0,
        "disable_automated_rotation": root.disables_rotation,
    })))))
}

pub(super) fn write(
    engine: &mut Engine,
    _: &Call<'_>,
    fields: &Fields,
    env: &mut Env<'_>,
) -> Answer {
    let kept = engine.root.clone().filter(|_| env.release >= (1, 19));
    let mut root = kept.unwrap_or_else(|| Root {
        max_retries: -1,
        ..Root::default()
    });
    for (field, name) in [
        (&mut root.access_key, "access_key"),
        (&mut root.secret_key, "secret_key"),
        (&mut root.region, "region"),
        (&mut root.iam_endpoint, "iam_endpoint"),
        (&mut root.sts_endpoint, "sts_endpoint"),
        (&mut root.sts_region, "sts_region"),
        (&mut root.role_arn, "role_arn"),
    ] {
        if let Some(text) = fields.text_if(name) {
            *field = text;
        }
    }
    root.max_retries = fields.int_if("max_retries").unwrap_or(root.max_retries);
    for (field, name) in [
        (&mut root.sts_fallback_endpoints, "sts_fallback_endpoints"),
        (&mut root.sts_fallback_regions, "sts_fallback_regions"),
    ] {
        if let Some(list) = fields.list_if(name) {
            *field = list;
        }
    }
    root.username_template = match fields.text("username_template") {
        template if template.is_empty() => DEFAULT.to_owned(),
        template => template,
    };
    if root.sts_fallback_endpoints.len() != root.sts_fallback_regions.len() {
        let text = "fallback endpoints and fallback regions must be the same length";
        return Err(Error::bad(text));
    }
    if let Some(ttl) = fields.seconds_if("identity_token_ttl") {
        root.identity_token_ttl = ttl;
    }
    if let Some(is) = fields.flag_if("disable_automated_rotation") {
        root.disables_rotation = is;
    }
    refuse_enterprise(fields, &root)?;
    engine.root = Some(root);
    engine.has_sts = false;
    Ok(None)
}

/// What the community edition does not do, in the order it finds out.
fn refuse_enterprise(fields: &Fields, root: &Root) -> Result<(), Error> {
    let is_set = |name: &str| !fields.text(name).is_empty() && fields.text(name) != "0";
    let (schedule, period) = (is_set("rotation_schedule"), is_set("rotation_period"));
    let text = if schedule && period {
        "mutually exclusive fields rotation_schedule and rotation_period were both specified; \
         only one of them can be provided"
    } else if period && is_set("rotation_window") {
        "rotation_window does not apply to period"
    } else if !schedule && is_set("rotation_window") {
        "cannot use rotation_window without rotation_schedule"
    } else if is_set("identity_token_audience") {
        if !root.access_key.is_empty() {
            "only one of 'access_key' or 'identity_token_audience' can be set"
        } else if root.role_arn.is_empty() {
            "missing required 'role_arn' when 'identity_token_audience' is set"
        } else {
            "failed to generate plugin identity token: plugin workload identity not supported in \
             Vault community edition"
        }
    } else if schedule || period {
        "error registering rotation job: error registering rotation job: rotation manager \
         capabilities not supported in Vault community edition"
    } else {
        return Ok(());
    };
    Err(Error::bad(text))
}

pub(super) fn read_lease(engine: &mut Engine, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    Ok(engine.lease.map(|(lease, max)| {
        Reply::data(object(json!({
            "lease": go::duration(lease),
            "lease_max": go::duration(max),
        })))
    }))
}

pub(super) fn write_lease(
    engine: &mut Engine,
    _: &Call<'_>,
    fields: &Fields,
    _: &mut Env<'_>,
) -> Answer {
    let (lease, max) = (fields.text("lease"), fields.text("lease_max"));
    if lease.is_empty() {
        return Err(Error::bad("'lease' is a required parameter"));
    }
    if max.is_empty() {
        return Err(Error::bad("'lease_max' is a required parameter"));
    }
    let read = |text: &str, name: &str| {
        go::parse_duration(text).map_err(|error| Error::bad(format!("Invalid {name}: {error}")))
    };
    engine.lease = Some((read(&lease, "lease")?, read(&max, "lease_max")?));
    Ok(None)
}

pub(super) fn rotate(engine: &mut Engine, _: &Call<'_>, _: &Fields, env: &mut Env<'_>) -> Answer {
    let client = engine.iam();
    let Some(root) = &mut engine.root else {
        return Err(Error::failed("no configuration found for config/root"));
    };
    if root.access_key.is_empty() || root.secret_key.is_empty() {
        return Err(Error::bad(
            "Cannot call config/rotate-root when either access_key or secret_key is empty",
        ));
    }
    let (old, new, secret) = replace_key(&client, &root.access_key, env)?;
    root.access_key.clone_from(&new);
    root.secret_key = secret;
    engine.has_sts = false;
    client
        .call(
            env,
            "DeleteAccessKey",
            &[("AccessKeyId", &old.0), ("UserName", &old.1)],
        )
        .map_err(|error| Error::failed(format!("error deleting old access key: {error}")))?;
    Ok(Some(Reply::data(object(json!({ "access_key": new })))))
}

/// Makes a second key for whoever the key is of: the old key's id and user, and the new key.
pub(in crate::vault) fn replace_key(
    client: &Client,
    key: &str,
    env: &mut Env<'_>,
) -> Result<((String, String), String, String), Error> {
    let failed =
        |action: &str, error: &AwsError| Error::failed(format!("error calling {action}: {error}"));
    let user = client
        .call(env, "GetUser", &[])
        .map_err(|error| failed("GetUser", &error))?;
    let name = tag(&user, "UserName")
        .ok_or_else(|| Error::failed("nil UserName returned from GetUser"))?;
    let made = client
        .call(env, "CreateAccessKey", &[("UserName", &name)])
        .map_err(|error| failed("CreateAccessKey", &error))?;
    match (tag(&made, "AccessKeyId"), tag(&made, "SecretAccessKey")) {
        (Some(new), Some(secret)) => Ok(((key.to_owned(), name), new, secret)),
        _ => Err(Error::failed("nil response from CreateAccessKey")),
    }
}

/// Without the slash people may end it with.
fn trimmed(endpoint: &str) -> String {
    endpoint.trim_end_matches('/').to_owned()
}

impl Engine {
    /// Whom IAM's calls go to.
    pub(super) fn iam(&self) -> Client {
        let root = self.root.clone().unwrap_or_default();
        let endpoint = if root.iam_endpoint.is_empty() {
            "https://iam.amazonaws.com".to_owned()
        } else {
            trimmed(&root.iam_endpoint)
        };
        // The service is global: one region signs for all.
        client(&root, "iam", endpoint, REGION.to_owned())
    }

    /// Whom STS's calls go to: the first that answers.
    pub(super) fn sts(&mut self, env: &mut Env<'_>) -> Result<Client, Error> {
        let root = self.root.clone().unwrap_or_default();
        let mut regions: Vec<String> = Vec::new();
        if !root.region.is_empty() {
            regions.push(root.region.clone());
        }
        let mut endpoints: Vec<String> = Vec::new();
        if !root.sts_endpoint.is_empty() {
            endpoints.push(root.sts_endpoint.clone());
            if !root.sts_region.is_empty() {
                regions = vec![root.sts_region.clone()];
            }
            endpoints.extend(root.sts_fallback_endpoints.iter().cloned());
            regions.extend(root.sts_fallback_regions.iter().cloned());
        }
        if regions.is_empty() {
            regions.push(REGION.to_owned());
        }
        if endpoints.is_empty() {
            let of = |region: &String| format!("https://sts.{region}.amazonaws.com");
            endpoints = regions.iter().map(of).collect();
        }
        if regions.len() != endpoints.len() {
            let text = "number of regions does not match number of endpoints";
            return Err(Error::bad(text));
        }
        for (endpoint, region) in endpoints.iter().zip(regions) {
            let client = client(&root, "sts", trimmed(endpoint), region);
            if self.has_sts || client.call(env, "GetCallerIdentity", &[]).is_ok() {
                self.has_sts = true;
                return Ok(client);
            }
        }
        Err(Error::bad("could not obtain sts client"))
    }
}

fn client(root: &Root, service: &'static str, endpoint: String, region: String) -> Client {
    Client {
        endpoint,
        region,
        service,
        key: root.access_key.clone(),
        secret: root.secret_key.clone(),
        retries: u32::try_from(root.max_retries).unwrap_or(RETRIES),
    }
}
