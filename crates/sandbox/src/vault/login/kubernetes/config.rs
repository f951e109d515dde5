//! Which cluster, and who asks it.

use serde_json::json;

use super::KubernetesAuth;
use crate::vault::call::{Answer, Call, Env, Error, Reply};
use crate::vault::fields::{Fields, Kind, Schema};
use crate::vault::mounts::object;

#[derive(Debug, Clone, Default)]
pub(super) struct Config {
    pub(super) host: String,
    ca_cert: String,
    pub(super) reviewer_jwt: String,
    pem_keys: Vec<String>,
    pub(super) issuer: String,
    pub(super) skips_issuer: bool,
    skips_local: bool,
    uses_annotations: bool,
}

pub(super) const SCHEMA: Schema = &[
    ("kubernetes_host", Kind::Text),
    ("kubernetes_ca_cert", Kind::Text),
    ("token_reviewer_jwt", Kind::Text),
    ("pem_keys", Kind::List),
    ("issuer", Kind::Text),
    ("disable_iss_validation", Kind::Flag),
    ("disable_local_ca_jwt", Kind::Flag),
    ("use_annotations_as_alias_metadata", Kind::Flag),
];

pub(super) fn read(
    method: &mut KubernetesAuth,
    _: &Call<'_>,
    _: &Fields,
    _: &mut Env<'_>,
) -> Answer {
    Ok(method.config.as_ref().map(|config| {
        Reply::data(object(json!({
            "kubernetes_host": config.host,
            "kubernetes_ca_cert": config.ca_cert,
            "pem_keys": config.pem_keys,
            "issuer": config.issuer,
            "disable_iss_validation": config.skips_issuer,
            "disable_local_ca_jwt": config.skips_local,
            "token_reviewer_jwt_set": !config.reviewer_jwt.is_empty(),
            "use_annotations_as_alias_metadata": config.uses_annotations,
        })))
    }))
}

pub(super) fn write(
    method: &mut KubernetesAuth,
    _: &Call<'_>,
    fields: &Fields,
    _: &mut Env<'_>,
) -> Answer {
    let config = Config {
        host: fields.text("kubernetes_host"),
        ca_cert: fields.text("kubernetes_ca_cert"),
        reviewer_jwt: fields.text("token_reviewer_jwt"),
        pem_keys: fields.list("pem_keys"),
        issuer: fields.text("issuer"),
        skips_issuer: fields.flag_if("disable_iss_validation").unwrap_or(true),
        skips_local: fields.flag("disable_local_ca_jwt"),
        uses_annotations: fields.flag("use_annotations_as_alias_metadata"),
    };
    if config.host.is_empty() {
        return Err(Error::bad("no host provided"));
    }
    if !config.ca_cert.is_empty() && !is_pem(&config.ca_cert, "CERTIFICATE") {
        let text = "The provided CA PEM data contains no valid certificates";
        return Err(Error::bad(text));
    }
    if !config
        .pem_keys
        .iter()
        .all(|key| is_pem(key, "PUBLIC KEY") || is_pem(key, "CERTIFICATE"))
    {
        let text = "data does not contain any valid RSA or ECDSA public keys";
        return Err(Error::bad(text));
    }
    // It never runs in a pod, so there is no certificate of a pod.
    if config.ca_cert.is_empty() && !config.skips_local {
        return Err(Error::bad(
            "open /var/run/secrets/kubernetes.io/serviceaccount/ca.crt: no such file or directory",
        ));
    }
    method.config = Some(config);
    Ok(None)
}

fn is_pem(text: &str, kind: &str) -> bool {
    let begins = text.contains("-----BEGIN ");
    begins && text.contains(&format!("{kind}-----")) && text.contains("-----END ")
}
