//! Calls of AWS as its SDK makes them, and its errors as the SDK tells them.

use std::fmt;
use std::fmt::Write as _;

use crate::aws::sign;
use crate::vault::call::{Env, Error};
use crate::wire::Request;

/// Whom to call, and with which key.
#[derive(Clone)]
pub(in crate::vault) struct Client {
    /// Without a slash at its end.
    pub(in crate::vault) endpoint: String,
    pub(in crate::vault) region: String,
    pub(in crate::vault) service: &'static str,
    pub(in crate::vault) key: String,
    pub(in crate::vault) secret: String,
    pub(in crate::vault) retries: u32,
}

/// What AWS said no with, or why it said nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::vault) enum AwsError {
    Said {
        code: String,
        message: String,
        status: u16,
        request_id: String,
    },
    /// No answer: the words, with the URL.
    Silent(String),
    /// The SDK did not even ask.
    Invalid(Vec<String>),
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said {
                code,
                message,
                status,
                request_id,
            } => write!(
                f,
                "{code}: {message}\n\tstatus code: {status}, request id: {request_id}"
            ),
            Self::Silent(why) => write!(f, "RequestError: send request failed\ncaused by: {why}"),
            Self::Invalid(errors) => {
                writeln!(
                    f,
                    "InvalidParameter: {} validation error(s) found.",
                    errors.len()
                )?;
                errors
                    .iter()
                    .try_for_each(|error| writeln!(f, "- {error}."))
            }
        }
    }
}

const THROTTLES: [&str; 11] = [
    "ProvisionedThroughputExceededException",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "PriorRequestNotComplete",
    "TransactionInProgressException",
    "EC2ThrottledException",
];

impl AwsError {
    pub(in crate::vault) fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Said { code, .. } if code == wanted)
    }

    fn is_throttle(&self) -> bool {
        matches!(self, Self::Said { code, .. } if THROTTLES.contains(&code.as_str()))
    }

    fn is_worth_another_try(&self) -> bool {
        match self {
            Self::Said { status, .. } => self.is_throttle() || (*status >= 500 && *status != 501),
            Self::Silent(_) => true,
            Self::Invalid(_) => false,
        }
    }

    /// As Vault passes it on.
    pub(in crate::vault) fn told(&self, what: &str) -> Error {
        let status = if self.is_throttle() { 502 } else { 400 };
        Error::said(status, format!("{what}: {self}"))
    }
}

impl Client {
    /// Calls an action; its answer as XML. What may have been bad luck is tried again, without
    /// the waiting that the SDK does between tries.
    pub(in crate::vault) fn call(
        &self,
        env: &mut Env<'_>,
        action: &str,
        params: &[(&str, &str)],
    ) -> Result<String, AwsError> {
        let invalid = check(action, params);
        if !invalid.is_empty() {
            return Err(AwsError::Invalid(invalid));
        }
        let mut tries = 0;
        loop {
            let result = self.call_once(env, action, params);
            match result {
                Err(error) if error.is_worth_another_try() && tries < self.retries => tries += 1,
                result => return result,
            }
        }
    }

    fn call_once(
        &self,
        env: &mut Env<'_>,
        action: &str,
        params: &[(&str, &str)],
    ) -> Result<String, AwsError> {
        let version = if self.service == "iam" {
            "2010-05-08"
        } else {
            "2011-06-15"
        };
        let mut body = format!("Action={action}");
        for (name, value) in params {
            body.push('&');
            encode(&mut body, name);
            body.push('=');
            encode(&mut body, value);
        }
        let _ = write!(body, "&Version={version}");
        let host = self.endpoint.split_once("://").map_or("", |(_, host)| host);
        let mut request = Request {
            method: "POST".to_owned(),
            path: "/".to_owned(),
            headers: vec![
                ("Host".to_owned(), host.to_owned()),
                (
                    "Content-Type".to_owned(),
                    "application/x-www-form-urlencoded; charset=utf-8".to_owned(),
                ),
            ],
            body: body.into_bytes(),
        };
        let place = (self.region.as_str(), self.service);
        sign(&mut request, &self.key, &self.secret, None, place, env.now);
        let response = env
            .upstream
            .call(&self.endpoint, &request)
            .map_err(|why| AwsError::Silent(format!("Post \"{}/\": {why}", self.endpoint)))?;
        if response.status == 200 {
            return Ok(response.body);
        }
        // Errors of any other form leave the SDK without words.
        let is_known = response.body.contains("<ErrorResponse");
        let get = |name| {
            tag(&response.body, name)
                .filter(|_| is_known)
                .unwrap_or_default()
        };
        Err(AwsError::Said {
            code: get("Code"),
            message: get("Message"),
            status: response.status,
            request_id: get("RequestId"),
        })
    }
}

fn encode(to: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            to.push(char::from(byte));
        } else {
            let _ = write!(to, "%{byte:02X}");
        }
    }
}

/// What the SDK would not send: too little of something.
fn check(action: &str, params: &[(&str, &str)]) -> Vec<String> {
    params
        .iter()
        .filter_map(|(name, value)| {
            let name = name.split('.').next().unwrap_or(name);
            let least = match name {
                "DurationSeconds" => {
                    let is_less = value.parse::<i64>().is_ok_and(|seconds| seconds < 900);
                    return is_less
                        .then(|| format!("minimum field value of 900, {action}Input.{name}"));
                }
                "ExternalId" | "RoleSessionName" => 2,
                "Name" if action == "GetFederationToken" => 2,
                "RoleArn" | "PolicyArn" | "PermissionsBoundary" => 20,
                "TokenCode" => 6,
                "SerialNumber" => 9,
                _ => return None,
            };
            (value.len() < least)
                .then(|| format!("minimum field size of {least}, {action}Input.{name}"))
        })
        .collect()
}

/// The text of the first element of that name.
pub(in crate::vault) fn tag(xml: &str, name: &str) -> Option<String> {
    blocks(xml, name).next().map(unescape)
}

/// What is between the tags of each element of that name.
pub(in crate::vault) fn blocks<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        let from = rest.find(&open)? + open.len();
        let to = from + rest[from..].find(&close)?;
        let block = &rest[from..to];
        rest = &rest[to + close.len()..];
        Some(block)
    })
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&apos;", "'")
        .replace("&#39;", "'")
        .replace("&#xA;", "\n")
        .replace("&#xD;", "\r")
        .replace("&amp;", "&")
}
