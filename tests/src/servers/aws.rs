//! A small client of AWS's query APIs, to find out what a key can do.
//!
//! Written by hand so that the tests do not share a signer with the programs
//! they test.

use std::fmt::Write as _;

use jiff::Timestamp;
use ring::{digest, hmac};

use super::http;

const REGION: &str = "us-east-1";

/// An access key, with the session token if it is a temporary one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsKey {
    /// The id, `AKIA…` or `ASIA…`.
    pub access_key: String,
    /// The secret.
    pub secret_key: String,
    /// Only with credentials from STS.
    pub session_token: Option<String>,
}

/// What AWS said no with; status 0 if it said nothing at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsError {
    /// The HTTP status.
    pub status: u16,
    /// AWS's word for it, such as `AccessDenied`.
    pub code: String,
    /// AWS's explanation.
    pub message: String,
}

impl std::fmt::Display for AwsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AWS: {} {}: {}", self.status, self.code, self.message)
    }
}

impl std::error::Error for AwsError {}

impl AwsError {
    /// Whether AWS does not know the key: it was deleted, or never existed.
    pub fn is_dead_key(&self) -> bool {
        // IAM and STS say the one, EC2 the other.
        ["InvalidClientTokenId", "AuthFailure"].contains(&self.code.as_str())
    }

    /// Whether AWS knows the key, but its policies do not allow the action.
    pub fn is_denied(&self) -> bool {
        ["AccessDenied", "UnauthorizedOperation"].contains(&self.code.as_str())
    }

    fn silent(error: &dyn std::fmt::Display) -> Self {
        Self {
            status: 0,
            code: "NoAnswer".to_owned(),
            message: error.to_string(),
        }
    }
}

/// Whoever holds a key, at an endpoint that serves all services.
#[derive(Debug, Clone)]
pub struct Aws {
    client: reqwest::Client,
    url: String,
    key: AwsKey,
}

impl Aws {
    /// A client of the endpoint that signs with a key.
    pub fn new(url: &str, key: AwsKey) -> anyhow::Result<Self> {
        Ok(Self {
            client: http::client(None)?,
            url: url.to_owned(),
            key,
        })
    }

    /// Calls an action of `iam`, `sts` or `ec2`; gives the answer's XML.
    pub async fn call(
        &self,
        service: &str,
        action: &str,
        params: &[(&str, &str)],
    ) -> Result<String, AwsError> {
        let version = match service {
            "iam" => "2010-05-08",
            "sts" => "2011-06-15",
            _ => "2016-11-15",
        };
        let mut body = format!("Action={action}&Version={version}");
        for (name, value) in params {
            let _ = write!(body, "&{}={}", escape(name), escape(value));
        }
        let host = self.url.trim_start_matches("http://").trim_end_matches('/');
        let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let authorization = sign(&self.key, REGION, service, host, &now, &body);

        let mut request = self
            .client
            .post(format!("http://{host}/"))
            .header("Content-Type", CONTENT_TYPE)
            .header("X-Amz-Date", now)
            .header("Authorization", authorization);
        if let Some(token) = &self.key.session_token {
            request = request.header("X-Amz-Security-Token", token);
        }
        let answer = request
            .body(body)
            .send()
            .await
            .map_err(|error| AwsError::silent(&error))?;
        let status = answer.status();
        let xml = answer
            .text()
            .await
            .map_err(|error| AwsError::silent(&error))?;
        if status.is_success() {
            return Ok(xml);
        }
        let first = |tag| values(&xml, tag).into_iter().next();
        Err(AwsError {
            status: status.as_u16(),
            code: first("Code").unwrap_or_default(),
            message: first("Message").unwrap_or(xml),
        })
    }

    /// The ARN of whom the key belongs to, as long as it lives: AWS needs no
    /// permission for this.
    pub async fn caller_arn(&self) -> Result<String, AwsError> {
        let xml = self.call("sts", "GetCallerIdentity", &[]).await?;
        Ok(values(&xml, "Arn").into_iter().next().unwrap_or_default())
    }

    /// The names of all IAM users, over all pages.
    pub async fn list_users(&self) -> Result<Vec<String>, AwsError> {
        let mut users = Vec::new();
        let mut marker: Option<String> = None;
        loop {
            let params: Vec<(&str, &str)> = marker
                .iter()
                .map(|marker| ("Marker", marker.as_str()))
                .collect();
            let xml = self.call("iam", "ListUsers", &params).await?;
            users.extend(values(&xml, "UserName"));
            marker = values(&xml, "Marker").into_iter().next();
            let is_truncated = values(&xml, "IsTruncated")
                .iter()
                .any(|value| value == "true");
            if !is_truncated || marker.is_none() {
                return Ok(users);
            }
        }
    }
}

/// The texts of all elements of a name, in order, as far as AWS's plain XML
/// goes: no attributes, no nesting within itself.
pub fn values(xml: &str, tag: &str) -> Vec<String> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    xml.split(&open)
        .skip(1)
        .filter_map(|rest| rest.split_once(&close))
        .map(|(text, _)| unescape(text.trim()))
        .collect()
}

const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// Signature version 4 of a POST to `/`; gives the Authorization header.
fn sign(key: &AwsKey, region: &str, service: &str, host: &str, now: &str, body: &str) -> String {
    let mut headers = format!("content-type:{CONTENT_TYPE}\nhost:{host}\nx-amz-date:{now}\n");
    let mut names = "content-type;host;x-amz-date".to_owned();
    if let Some(token) = &key.session_token {
        let _ = writeln!(headers, "x-amz-security-token:{token}");
        names.push_str(";x-amz-security-token");
    }
    let request = format!("POST\n/\n\n{headers}\n{names}\n{}", sha256(body));
    let day = now.get(..8).unwrap_or_default();
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let message = format!("AWS4-HMAC-SHA256\n{now}\n{scope}\n{}", sha256(&request));

    let mut signature = format!("AWS4{}", key.secret_key).into_bytes();
    for part in [day, region, service, "aws4_request", &message] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &signature);
        signature = hmac::sign(&key, part.as_bytes()).as_ref().to_vec();
    }
    let signature = hex(&signature);
    let id = &key.access_key;
    format!(
        "AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
}

fn sha256(text: &str) -> String {
    hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Text as it stands in a form that is to be signed: moto writes it anew before it checks.
pub fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}

fn unescape(text: &str) -> String {
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (escaped, plain)| {
        text.replace(escaped, plain)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `post-x-www-form-urlencoded` of AWS's own Signature Version 4 test suite.
    #[test]
    fn signs_like_aws() {
        let key = AwsKey {
            access_key: "AKIDEXAMPLE".into(),
            secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: None,
        };
        let authorization = sign(
            &key,
            "us-east-1",
            "service",
            "example.amazonaws.com",
            "20150830T123600Z",
            "Param1=value1",
        );
        assert_eq!(
            authorization,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
        );
    }

    #[test]
    fn reads_the_text_of_elements() {
        let xml = "<a><Name>x &amp;lt; y</Name><Other/><Name> z </Name></a>";
        assert_eq!(values(xml, "Name"), ["x &lt; y", "z"]);
    }
}
