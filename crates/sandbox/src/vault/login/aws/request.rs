//! The signed request that somebody logs in with, checked before it goes to STS.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::config::Client;
use crate::vault::call::Error;
use crate::vault::fields::{Fields, Kind, Schema};
use crate::vault::go;
use crate::vault::http::pairs;

pub(super) const SCHEMA: Schema = &[
    ("role", Kind::Text),
    ("pkcs7", Kind::Text),
    ("nonce", Kind::Text),
    ("iam_http_request_method", Kind::Text),
    ("iam_request_url", Kind::Text),
    ("iam_request_body", Kind::Text),
    ("iam_request_headers", Kind::Headers),
    ("identity", Kind::Text),
    ("signature", Kind::Text),
];

const SERVER_ID: &str = "X-Vault-AWS-IAM-Server-ID";

/// A request to find out who signed it.
pub(super) struct Signed {
    pub(super) method: String,
    /// Path and query.
    pub(super) uri: String,
    pub(super) host: String,
    pub(super) body: Vec<u8>,
    /// With names as Go writes them.
    pub(super) headers: Vec<(String, String)>,
}

/// `x-amz-date` as `X-Amz-Date`.
pub(super) fn canonical_header(name: &str) -> String {
    let mut starts = true;
    name.trim()
        .chars()
        .map(|char| {
            let char = if starts {
                char.to_ascii_uppercase()
            } else {
                char.to_ascii_lowercase()
            };
            starts = char == '-';
            char
        })
        .collect()
}

impl Signed {
    pub(super) fn of(fields: &Fields) -> Result<Self, Error> {
        check_kind(fields)?;
        let method = fields.text("iam_http_request_method");
        if method.is_empty() {
            return Err(Error::bad("missing iam_http_request_method"));
        }
        if method != "GET" && method != "POST" {
            return Err(Error::bad(
                "invalid iam_http_request_method; currently only 'GET' and 'POST' are supported",
            ));
        }
        let url = decoded(fields, "iam_request_url")?;
        if url.is_empty() {
            return Err(Error::bad("missing iam_request_url"));
        }
        let url = String::from_utf8_lossy(&url).into_owned();
        let (host, uri) =
            parse_url(&url).ok_or_else(|| Error::bad("error parsing iam_request_url"))?;
        let query = uri.split_once('?').map_or("", |(_, query)| query);
        check_query(&method, query)?;
        if method == "POST" && fields.text("iam_request_body").is_empty() {
            return Err(Error::bad(
                "missing iam_request_body which is required for POST requests",
            ));
        }
        let body = decoded(fields, "iam_request_body")?;
        check_body(&String::from_utf8_lossy(&body))?;
        let headers: Vec<(String, String)> = fields
            .headers_if("iam_request_headers")
            .unwrap_or_default()
            .into_iter()
            .map(|(name, value)| (canonical_header(&name), value))
            .collect();
        if headers.is_empty() {
            return Err(Error::bad("missing iam_request_headers"));
        }
        Ok(Self {
            method,
            uri,
            host,
            body,
            headers,
        })
    }

    pub(super) fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self
            .headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect();
        (!values.is_empty()).then(|| values.join(","))
    }

    fn query(&self) -> Vec<(String, String)> {
        pairs(self.uri.split_once('?').map_or("", |(_, query)| query))
    }

    /// Whether the request was meant for this server, and says no more than it may.
    pub(super) fn check(&self, client: &Client) -> Result<(), Error> {
        if !client.server_id.is_empty() {
            self.check_server_id(&client.server_id).map_err(|error| {
                Error::bad(format!("error validating {SERVER_ID} header: {error}"))
            })?;
        }
        let allowed = client.allowed_headers.as_deref().unwrap_or_default();
        let is_fine = |name: &str| {
            !name.starts_with("X-Amz-")
                || USUAL.contains(&name)
                || allowed.iter().any(|known| known == name)
        };
        if let Some((name, _)) = self.headers.iter().find(|(name, _)| !is_fine(name)) {
            return Err(Error::bad(format!("invalid request header: {name}")));
        }
        if self.method == "GET" {
            let query = self.query();
            let bad = query
                .iter()
                .find(|(name, _)| !is_fine(&canonical_header(name)));
            if let Some((name, _)) = bad {
                return Err(Error::bad(format!("invalid request query param: {name}")));
            }
        }
        Ok(())
    }

    fn check_server_id(&self, wanted: &str) -> Result<(), String> {
        let Some(given) = self.header(SERVER_ID).filter(|given| !given.is_empty()) else {
            return Err(format!("missing header {}", go::quote(SERVER_ID)));
        };
        if given != wanted {
            let (wanted, given) = (go::quote(wanted), go::quote(&given));
            return Err(format!("expected {wanted} but got {given}"));
        }
        let signed = if self.method == "GET" {
            let query = self.query();
            query
                .iter()
                .find(|(name, _)| name == "X-Amz-SignedHeaders")
                .map_or(String::new(), |(_, value)| value.clone())
        } else {
            let authorization = self
                .header("Authorization")
                .ok_or("missing Authorization header")?;
            authorization
                .split("SignedHeaders=")
                .nth(1)
                .and_then(|rest| rest.split(',').next())
                .unwrap_or_default()
                .to_owned()
        };
        if signed
            .split(';')
            .any(|name| name == SERVER_ID.to_lowercase())
        {
            Ok(())
        } else {
            Err("vault header wasn't signed".to_owned())
        }
    }
}

const USUAL: [&str; 8] = [
    "X-Amz-Algorithm",
    "X-Amz-Content-Sha256",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-Signedheaders",
    "X-Amz-User-Agent",
];

fn check_kind(fields: &Fields) -> Result<(), Error> {
    let has = |name: &str| fields.has(name);
    let any_ec2 = has("pkcs7") || has("identity") || has("signature");
    let all_ec2 = has("pkcs7") || (has("identity") && has("signature"));
    let names = [
        "iam_http_request_method",
        "iam_request_url",
        "iam_request_body",
        "iam_request_headers",
    ];
    let any_iam = names.iter().any(|name| has(name));
    let is_get = fields.text("iam_http_request_method") == "GET";
    let all_iam = names
        .iter()
        .all(|name| has(name) || (is_get && *name == "iam_request_body"));
    if any_ec2 && any_iam {
        return Err(Error::bad(
            "supplied auth values for both ec2 and iam auth types",
        ));
    }
    if all_ec2 {
        return Err(Error::failed(
            "failed to decode the PEM encoded PKCS#7 signature",
        ));
    }
    if !all_iam {
        return Err(Error::bad("didn't supply required authentication values"));
    }
    Ok(())
}

fn decoded(fields: &Fields, name: &str) -> Result<Vec<u8>, Error> {
    BASE64_STANDARD
        .decode(fields.text(name))
        .map_err(|_| Error::bad(format!("failed to base64 decode {name}")))
}

/// The authority, and the path with its query.
fn parse_url(url: &str) -> Option<(String, String)> {
    let (_, rest) = url.split_once("://")?;
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, uri) = rest.split_at(at);
    if host.starts_with('[') && !host.contains(']') {
        return None;
    }
    let uri = if uri.starts_with('/') {
        uri.to_owned()
    } else {
        format!("/{uri}")
    };
    Some((host.to_owned(), uri))
}

fn check_query(method: &str, query: &str) -> Result<(), Error> {
    if method == "POST" {
        return if query.is_empty() {
            Ok(())
        } else {
            Err(Error::bad("invalid request"))
        };
    }
    let pairs = pairs(query);
    let actions: Vec<&str> = pairs
        .iter()
        .filter(|(name, _)| name == "Action")
        .map(|(_, value)| value.as_str())
        .collect();
    match actions.as_slice() {
        [] => Err(Error::bad("no action found in request")),
        ["GetCallerIdentity"] => Ok(()),
        [other] => Err(Error::bad(format!("unexpected action parameter, {other}"))),
        _ => Err(Error::bad("found multiple actions")),
    }
}

fn check_body(body: &str) -> Result<(), Error> {
    let pairs = pairs(body);
    let is_fine = |(name, value): &(String, String)| match name.as_str() {
        "Action" => value == "GetCallerIdentity",
        "Version" => true,
        _ => false,
    };
    let actions = pairs.iter().filter(|(name, _)| name == "Action").count();
    if pairs.iter().all(is_fine) && actions < 2 {
        Ok(())
    } else {
        Err(Error::bad("iam request body is invalid"))
    }
}
