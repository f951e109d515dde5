//! Signature Version 4: what a request says of its signer, and whether it is so.

use std::fmt::Write as _;

use jiff::Timestamp;
use ring::{digest, hmac};

use super::errors::Error;
use super::request::{decode, encode, form};
use crate::wire::Request;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
/// How far a signer's clock may be off.
const SKEW_MINUTES: i64 = 5;

/// What a signed request claims.
#[derive(Debug, Clone)]
pub(super) struct Signed {
    pub(super) key_id: String,
    pub(super) service: String,
    pub(super) token: Option<String>,
    date: String,
    region: String,
    names: String,
    signature: String,
    time: String,
    is_presigned: bool,
}

impl Signed {
    /// Reads the signature; `None` if there is none at all.
    pub(super) fn of(request: &Request) -> Result<Option<Self>, Error> {
        if let Some(header) = request.header("Authorization") {
            return Self::of_header(request, header).map(Some);
        }
        let query = form(request.query().as_bytes());
        let get = |name: &str| {
            query
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
        };
        if get("X-Amz-Signature").is_none() && get("X-Amz-Credential").is_none() {
            return Ok(None);
        }
        Self::from_parts(
            get("X-Amz-Credential").as_deref(),
            get("X-Amz-SignedHeaders"),
            get("X-Amz-Signature"),
            get("X-Amz-Date"),
            get("X-Amz-Security-Token"),
            true,
        )
        .map(Some)
    }

    fn of_header(request: &Request, header: &str) -> Result<Self, Error> {
        let Some(fields) = header.trim().strip_prefix(ALGORITHM) else {
            return Err(incomplete(format!(
                "Unsupported AWS 'algorithm': '{}'.",
                header.split_whitespace().next().unwrap_or_default()
            )));
        };
        let get = |name: &str| {
            fields.split(',').find_map(|field| {
                let (known, value) = field.trim().split_once('=')?;
                (known == name).then(|| value.trim())
            })
        };
        let time = request
            .header("X-Amz-Date")
            .or_else(|| request.header("Date"));
        Self::from_parts(
            get("Credential"),
            get("SignedHeaders").map(str::to_owned),
            get("Signature").map(str::to_owned),
            time.map(str::to_owned),
            request.header("X-Amz-Security-Token").map(str::to_owned),
            false,
        )
    }

    fn from_parts(
        credential: Option<&str>,
        names: Option<String>,
        signature: Option<String>,
        time: Option<String>,
        token: Option<String>,
        is_presigned: bool,
    ) -> Result<Self, Error> {
        let needed = [
            ("Credential", credential.is_some()),
            ("Signature", signature.is_some()),
            ("SignedHeaders", names.is_some()),
        ];
        let mut missing = String::new();
        for (name, _) in needed.iter().filter(|(_, is_there)| !is_there) {
            let _ = write!(
                missing,
                "Authorization header requires '{name}' parameter. "
            );
        }
        if time.is_none() {
            missing.push_str(
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' \
                 header. ",
            );
        }
        let (Some(credential), Some(names), Some(signature), Some(time)) =
            (credential, names, signature, time)
        else {
            return Err(incomplete(missing));
        };
        let parts: Vec<&str> = credential.split('/').collect();
        let [key_id, date, region, service, terminator] = parts[..] else {
            return Err(incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. \
                 keyid/date/region/service/term, got '{credential}'"
            )));
        };
        if terminator != TERMINATOR {
            return Err(Error::signature_because(format!(
                "Credential should be scoped with a valid terminator: '{TERMINATOR}', not \
                 '{terminator}'."
            )));
        }
        if !names.split(';').any(|name| name == "host") {
            return Err(Error::signature_because(
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
            ));
        }
        Ok(Self {
            key_id: key_id.to_owned(),
            service: service.to_owned(),
            token,
            date: date.to_owned(),
            region: region.to_owned(),
            names,
            signature,
            time,
            is_presigned,
        })
    }

    /// Whether the request was signed with the secret, for this place and time.
    pub(super) fn verify(
        &self,
        request: &Request,
        secret: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.check_time(now)?;
        if !self.time.starts_with(&self.date) {
            return Err(Error::signature_because(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date \
                 from HTTP: '{}' != '{}', from '{}'.",
                self.date,
                self.time.get(..8).unwrap_or_default(),
                self.time
            )));
        }
        if self.service == "iam" && self.region != "us-east-1" {
            return Err(Error::signature_because(format!(
                "Credential should be scoped to a valid region, not '{}'.",
                self.region
            )));
        }
        let scope = Scope {
            time: &self.time,
            date: &self.date,
            region: &self.region,
            service: &self.service,
        };
        if signature(request, &self.names, self.is_presigned, secret, &scope) == self.signature {
            Ok(())
        } else {
            Err(Error::signature())
        }
    }

    fn check_time(&self, now: Timestamp) -> Result<(), Error> {
        let Ok(time) = self.time.parse::<Timestamp>() else {
            return Err(incomplete(format!(
                "Date must be in ISO-8601 'basic format'. Got '{}'. See \
                 http://en.wikipedia.org/wiki/ISO_8601",
                self.time
            )));
        };
        let skew = time.as_second().saturating_sub(now.as_second());
        if skew.abs() <= SKEW_MINUTES * 60 {
            return Ok(());
        }
        let (sign, words, apart) = if skew < 0 {
            ('-', "Signature expired", "is now earlier than")
        } else {
            ('+', "Signature not yet current", "is still later than")
        };
        let limit = now.as_second() + SKEW_MINUTES * 60 * skew.signum();
        Err(Error::signature_because(format!(
            "{words}: {} {apart} {} ({} {sign} {SKEW_MINUTES} min.)",
            self.time,
            basic(Timestamp::from_second(limit).unwrap_or(now)),
            basic(now)
        )))
    }
}

/// Signs a request with a key: adds `X-Amz-Date`, `X-Amz-Security-Token` if
/// there is one, and `Authorization`. `Host` must be among its headers.
///
/// For clients in tests; the stand-in checks with the same code.
pub fn sign(
    request: &mut Request,
    key_id: &str,
    secret: &str,
    token: Option<&str>,
    (region, service): (&str, &str),
    now: Timestamp,
) {
    let time = basic(now);
    request.headers.push(("X-Amz-Date".into(), time.clone()));
    if let Some(token) = token {
        let header = ("X-Amz-Security-Token".into(), token.to_owned());
        request.headers.push(header);
    }
    let mut names: Vec<String> = request
        .headers
        .iter()
        .map(|(name, _)| name.to_lowercase())
        .filter(|name| name == "host" || name == "content-type" || name.starts_with("x-"))
        .collect();
    names.sort();
    names.dedup();
    let names = names.join(";");
    let date = time.get(..8).unwrap_or_default();
    let scope = Scope {
        time: &time,
        date,
        region,
        service,
    };
    let signature = signature(request, &names, false, secret, &scope);
    let authorization = format!(
        "{ALGORITHM} Credential={key_id}/{date}/{region}/{service}/{TERMINATOR}, \
         SignedHeaders={names}, Signature={signature}"
    );
    let header = ("Authorization".into(), authorization);
    request.headers.push(header);
}

struct Scope<'a> {
    time: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
}

fn signature(
    request: &Request,
    names: &str,
    is_presigned: bool,
    secret: &str,
    scope: &Scope<'_>,
) -> String {
    let canonical = sha256(canonical(request, names, is_presigned).as_bytes());
    let Scope {
        time,
        date,
        region,
        service,
    } = scope;
    let message =
        format!("{ALGORITHM}\n{time}\n{date}/{region}/{service}/{TERMINATOR}\n{canonical}");
    let first = hmac_of(format!("AWS4{secret}").as_bytes(), date);
    let key = [region, service, TERMINATOR]
        .into_iter()
        .fold(first, |key, part| hmac_of(key.as_ref(), part));
    hex(hmac_of(key.as_ref(), &message).as_ref())
}

fn canonical(request: &Request, names: &str, is_presigned: bool) -> String {
    let path = request.path.split('?').next().unwrap_or_default();
    let mut query: Vec<(String, String)> = request
        .query()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (again(name), again(value)))
        .filter(|(name, _)| !(is_presigned && name == "X-Amz-Signature"))
        .collect();
    query.sort();
    let query: Vec<String> = query
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();

    let mut text = format!(
        "{}\n{}\n{}\n",
        request.method,
        normal(path),
        query.join("&")
    );
    for name in names.split(';') {
        let mut values = request.header_values(name);
        let _ = write!(text, "{name}:");
        write_trimmed(&mut text, values.next().unwrap_or_default());
        for value in values {
            text.push(',');
            write_trimmed(&mut text, value);
        }
        text.push('\n');
    }
    let _ = write!(text, "\n{names}\n{}", sha256(&request.body));
    text
}

/// Encoded in the one way that counts, however it was encoded before.
fn again(text: &str) -> String {
    encode(&decode(text.as_bytes(), false))
}

fn write_trimmed(text: &mut String, value: &str) {
    for (n, word) in value.split_whitespace().enumerate() {
        if n > 0 {
            text.push(' ');
        }
        text.push_str(word);
    }
}

/// A path without `.`, `..` and doubled slashes, its segments encoded twice, as
/// every service but S3 has it.
fn normal(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(encode(other)),
        }
    }
    let end = if path.ends_with('/') && !segments.is_empty() {
        "/"
    } else {
        ""
    };
    format!("/{}{end}", segments.join("/"))
}

/// `20150830T123600Z`.
fn basic(time: Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn incomplete(message: impl Into<String>) -> Error {
    Error::new(400, "IncompleteSignature", message)
}

fn hmac_of(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}
