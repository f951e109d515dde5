//! What a service account's token says. Whether it is true is for the API server to tell.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Map, Value};

/// The claims of a token.
#[derive(Debug, Default)]
pub(super) struct Claims {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) uid: String,
    pub(super) secret_name: String,
    pub(super) audiences: Vec<String>,
    issuer: String,
    expires: Option<i64>,
    not_before: Option<i64>,
    issued: Option<i64>,
}

/// How far clocks may be apart.
const LEEWAY: i64 = 60;

impl Claims {
    /// Reads a token; none if it is no JWT.
    pub(super) fn of(token: &str) -> Option<Self> {
        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = parts[..] else {
            return None;
        };
        object(header)?;
        BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
        let claims = Value::Object(object(claims)?);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let old = |name: &str| text(&claims[format!("kubernetes.io/serviceaccount/{name}")]);
        let mut read = Self {
            name: old("service-account.name"),
            namespace: old("namespace"),
            uid: old("service-account.uid"),
            secret_name: old("secret.name"),
            audiences: match &claims["aud"] {
                Value::Array(list) => list.iter().map(text).collect(),
                Value::String(one) => vec![one.clone()],
                _ => Vec::new(),
            },
            issuer: text(&claims["iss"]),
            expires: claims["exp"].as_i64(),
            not_before: claims["nbf"].as_i64(),
            issued: claims["iat"].as_i64(),
        };
        let bound = &claims["kubernetes.io"];
        if bound.is_object() {
            read.namespace = text(&bound["namespace"]);
            if bound["serviceaccount"].is_object() {
                read.name = text(&bound["serviceaccount"]["name"]);
                read.uid = text(&bound["serviceaccount"]["uid"]);
            }
        }
        Some(read)
    }

    /// What speaks against it.
    pub(super) fn check(
        &self,
        issuer: Option<&str>,
        audience: &str,
        now: Timestamp,
    ) -> Result<(), &'static str> {
        let now = now.as_second();
        if issuer.is_some_and(|issuer| issuer != self.issuer) {
            return Err("invalid issuer (iss) claim");
        }
        if !audience.is_empty() && !self.audiences.iter().any(|known| known == audience) {
            return Err(
                "invalid audience (aud) claim: audience claim does not match any expected audience",
            );
        }
        if self.expires.is_some_and(|expires| now > expires + LEEWAY) {
            return Err("invalid expiration time (exp) claim: token is expired");
        }
        if self.not_before.is_some_and(|from| now + LEEWAY < from) {
            return Err("invalid not before (nbf) claim: token not yet valid");
        }
        if self.issued.is_some_and(|issued| now + LEEWAY < issued) {
            return Err("invalid issued at (iat) claim: token issued in the future");
        }
        Ok(())
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
