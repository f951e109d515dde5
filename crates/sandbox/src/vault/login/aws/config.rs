//! How the method reaches AWS, and what it says of those who log in.

use serde_json::json;

use super::AwsAuth;
use super::request::canonical_header;
use crate::vault::aws::{Client as AwsClient, replace_key};
use crate::vault::call::{Answer, Call, Env, Error, Reply};
use crate::vault::fields::{Fields, Kind, Schema};
use crate::vault::go;
use crate::vault::mounts::object;

#[derive(Debug, Clone, Default)]
pub(super) struct Client {
    access_key: String,
    secret_key: String,
    endpoint: String,
    iam_endpoint: String,
    pub(super) sts_endpoint: String,
    sts_region: String,
    pub(super) follows_client_region: bool,
    pub(super) server_id: String,
    pub(super) allowed_headers: Option<Vec<String>>,
    pub(super) max_retries: i64,
    role_arn: String,
}

#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) iam_alias: String,
    ec2_alias: String,
    pub(super) iam_metadata: Vec<String>,
    ec2_metadata: Vec<String>,
}

impl Default for Identity {
    fn default() -> Self {
        let usual = || vec!["account_id".to_owned(), "auth_type".to_owned()];
        Self {
            iam_alias: "role_id".to_owned(),
            ec2_alias: "role_id".to_owned(),
            iam_metadata: usual(),
            ec2_metadata: usual(),
        }
    }
}

/// The role that another account is looked at with.
#[derive(Debug, Clone, Default)]
pub(super) struct Sts {
    role: String,
    external_id: String,
}

pub(super) const SCHEMA: Schema = &[
    ("access_key", Kind::Text),
    ("secret_key", Kind::Text),
    ("endpoint", Kind::Text),
    ("iam_endpoint", Kind::Text),
    ("sts_endpoint", Kind::Text),
    ("sts_region", Kind::Text),
    ("use_sts_region_from_client", Kind::Flag),
    ("iam_server_id_header_value", Kind::Text),
    ("allowed_sts_header_values", Kind::List),
    ("max_retries", Kind::Int),
    ("role_arn", Kind::Text),
    ("identity_token_audience", Kind::Text),
    ("identity_token_ttl", Kind::Seconds),
    ("rotation_schedule", Kind::Text),
    ("rotation_window", Kind::Seconds),
    ("rotation_period", Kind::Seconds),
    ("disable_automated_rotation", Kind::Flag),
];
pub(super) const IDENTITY_SCHEMA: Schema = &[
    ("iam_alias", Kind::Text),
    ("ec2_alias", Kind::Text),
    ("iam_metadata", Kind::List),
    ("ec2_metadata", Kind::List),
];
pub(super) const STS_SCHEMA: Schema = &[
    ("account_id", Kind::Text),
    ("sts_role", Kind::Text),
    ("external_id", Kind::Text),
];

pub(super) fn read(method: &mut AwsAuth, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    let client = method.client.as_ref();
    Ok(client.map(|client| {
        Reply::data(object(json!({
            "access_key": client.access_key,
            "endpoint": client.endpoint,
            "iam_endpoint": client.iam_endpoint,
            "sts_endpoint": client.sts_endpoint,
            "sts_region": client.sts_region,
            "use_sts_region_from_client": client.follows_client_region,
            "iam_server_id_header_value": client.server_id,
            "max_retries": client.max_retries,
            "allowed_sts_header_values": client.allowed_headers,
            "role_arn": client.role_arn,
            "identity_token_audience": "",
            "identity_token_ttl": 0,
            "rotation_period": 0,
            "rotation_schedule": "",
            "rotation_window": 0,
            "disable_automated_rotation": false,
        })))
    }))
}

pub(super) fn delete(method: &mut AwsAuth, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    method.client = None;
    method.has_account = false;
    Ok(None)
}

pub(super) fn write(
    method: &mut AwsAuth,
    _: &Call<'_>,
    fields: &Fields,
    _: &mut Env<'_>,
) -> Answer {
    let mut client = method.client.clone().unwrap_or_else(|| Client {
        max_retries: -1,
        ..Client::default()
    });
    for (text, name) in [
        (&mut client.access_key, "access_key"),
        (&mut client.secret_key, "secret_key"),
        (&mut client.endpoint, "endpoint"),
        (&mut client.iam_endpoint, "iam_endpoint"),
        (&mut client.sts_endpoint, "sts_endpoint"),
        (&mut client.sts_region, "sts_region"),
        (&mut client.server_id, "iam_server_id_header_value"),
        (&mut client.role_arn, "role_arn"),
    ] {
        if let Some(given) = fields.text_if(name) {
            *text = given;
        }
    }
    client.follows_client_region = fields
        .flag_if("use_sts_region_from_client")
        .unwrap_or(client.follows_client_region);
    client.max_retries = fields.int_if("max_retries").unwrap_or(client.max_retries);
    if let Some(headers) = fields.list_if("allowed_sts_header_values") {
        let headers = headers.iter().map(|name| canonical_header(name)).collect();
        client.allowed_headers = Some(headers);
    }
    if !fields.text("identity_token_audience").is_empty() {
        return Err(Error::bad(if !client.access_key.is_empty() {
            "only one of 'access_key' or 'identity_token_audience' can be set"
        } else if client.role_arn.is_empty() {
            "role_arn must be set when identity_token_audience is set"
        } else {
            "failed to generate plugin identity token: plugin workload identity not supported in \
             Vault community edition"
        }));
    }
    method.client = Some(client);
    method.has_account = false;
    method.full_arns.clear();
    Ok(None)
}

pub(super) fn rotate(method: &mut AwsAuth, _: &Call<'_>, _: &Fields, env: &mut Env<'_>) -> Answer {
    let iam = method.aws("iam");
    let Some(client) = &mut method.client else {
        return Err(Error::bad("can't update client config because it's unset"));
    };
    if client.access_key.is_empty() {
        return Err(Error::bad("can't update access_key because it's unset"));
    }
    if client.secret_key.is_empty() {
        return Err(Error::bad("can't update secret_key because it's unset"));
    }
    let (old, new, secret) = replace_key(&iam, &client.access_key, env)?;
    client.access_key.clone_from(&new);
    client.secret_key = secret;
    iam.call(
        env,
        "DeleteAccessKey",
        &[("AccessKeyId", &old.0), ("UserName", &old.1)],
    )
    .map_err(|error| {
        Error::failed(format!(
            "error deleting old access key ID {}: {error}",
            old.0
        ))
    })?;
    Ok(Some(Reply::data(object(json!({ "access_key": new })))))
}

impl AwsAuth {
    /// A client with the method's own key.
    pub(super) fn aws(&self, service: &'static str) -> AwsClient {
        let client = self.client.clone().unwrap_or_default();
        let (own, usual) = match service {
            "iam" => (&client.iam_endpoint, "https://iam.amazonaws.com"),
            _ => (&client.sts_endpoint, "https://sts.amazonaws.com"),
        };
        let endpoint = if own.is_empty() { usual } else { own };
        AwsClient {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            region: "us-east-1".to_owned(),
            service,
            key: client.access_key.clone(),
            secret: client.secret_key.clone(),
            retries: u32::try_from(client.max_retries).unwrap_or(3),
        }
    }
}

pub(super) fn read_identity(
    method: &mut AwsAuth,
    _: &Call<'_>,
    _: &Fields,
    _: &mut Env<'_>,
) -> Answer {
    let identity = &method.identity;
    Ok(Some(Reply::data(object(json!({
        "iam_alias": identity.iam_alias,
        "iam_metadata": identity.iam_metadata,
        "ec2_alias": identity.ec2_alias,
        "ec2_metadata": identity.ec2_metadata,
    })))))
}

const IAM_ALIASES: [&str; 4] = ["role_id", "unique_id", "full_arn", "canonical_arn"];
const EC2_ALIASES: [&str; 3] = ["role_id", "instance_id", "image_id"];
const IAM_METADATA: [&str; 8] = [
    "account_id",
    "auth_type",
    "canonical_arn",
    "client_arn",
    "client_user_id",
    "inferred_aws_region",
    "inferred_entity_id",
    "inferred_entity_type",
];
const EC2_METADATA: [&str; 5] = ["account_id", "ami_id", "instance_id", "region", "auth_type"];

pub(super) fn write_identity(
    method: &mut AwsAuth,
    _: &Call<'_>,
    fields: &Fields,
    _: &mut Env<'_>,
) -> Answer {
    let mut identity = method.identity.clone();
    for (alias, name, known) in [
        (&mut identity.iam_alias, "iam_alias", IAM_ALIASES.as_slice()),
        (&mut identity.ec2_alias, "ec2_alias", EC2_ALIASES.as_slice()),
    ] {
        let Some(given) = fields.text_if(name) else {
            continue;
        };
        if !known.contains(&given.as_str()) {
            return Err(Error::bad(format!(
                "{name} of {} not in set of allowed values: [{}]",
                go::quote(&given),
                known.join(" ")
            )));
        }
        *alias = given;
    }
    for (list, name, known) in [
        (
            &mut identity.iam_metadata,
            "iam_metadata",
            IAM_METADATA.as_slice(),
        ),
        (
            &mut identity.ec2_metadata,
            "ec2_metadata",
            EC2_METADATA.as_slice(),
        ),
    ] {
        if let Some(given) = fields.list_if(name) {
            *list = metadata(given, known)?;
        }
    }
    method.identity = identity;
    Ok(None)
}

fn metadata(mut given: Vec<String>, known: &[&str]) -> Result<Vec<String>, Error> {
    given.sort();
    given.dedup();
    if given == ["default"] {
        return Ok(Identity::default().iam_metadata);
    }
    if given.iter().any(|name| name == "default") {
        return Err(Error::bad(format!(
            "{} contains default - default can't be used in combination with other fields",
            go::quote_list(&given)
        )));
    }
    match given.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(Error::bad(format!(
            "{} is not an available field, please select from: {}",
            go::quote(name),
            known.join(", ")
        ))),
        None => Ok(given),
    }
}

pub(super) fn list_sts(method: &mut AwsAuth, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    Ok(Reply::keys(method.sts.keys().cloned().collect()))
}

pub(super) fn read_sts(
    method: &mut AwsAuth,
    _: &Call<'_>,
    fields: &Fields,
    _: &mut Env<'_>,
) -> Answer {
    let sts = method.sts.get(&fields.text("account_id"));
    Ok(sts.map(|sts| {
        let mut data = object(json!({ "sts_role": sts.role }));
        if !sts.external_id.is_empty() {
            data.insert("external_id".to_owned(), sts.external_id.clone().into());
        }
        Reply::data(data)
    }))
}

pub(super) fn write_sts(
    method: &mut AwsAuth,
    _: &Call<'_>,
    fields: &Fields,
    _: &mut Env<'_>,
) -> Answer {
    let account = fields.text("account_id");
    let mut sts = method.sts.get(&account).cloned().unwrap_or_default();
    match fields.text_if("sts_role") {
        Some(role) => sts.role = role,
        None if sts.role.is_empty() => return Err(Error::bad("missing sts role")),
        None => {}
    }
    if sts.role.is_empty() {
        return Err(Error::bad("sts role cannot be empty"));
    }
    if let Some(id) = fields.text_if("external_id") {
        sts.external_id = id;
    }
    method.sts.insert(account, sts);
    Ok(None)
}

pub(super) fn delete_sts(
    method: &mut AwsAuth,
    _: &Call<'_>,
    fields: &Fields,
    _: &mut Env<'_>,
) -> Answer {
    method.sts.remove(&fields.text("account_id"));
    Ok(None)
}
