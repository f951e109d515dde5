//! What `auth/aws/login` takes: a request to STS, signed and then shown to Vault.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use ring::{digest, hmac};
use serde_json::{Map, Value, json};

use crate::cases::Step;

/// The body of a login: the step's own on top of what is signed.
pub(crate) fn login(step: &Step, kept: &BTreeMap<String, String>) -> Value {
    let how = |name: &str, default: &str| step.how[name].as_str().unwrap_or(default).to_owned();
    let url = how("url", "https://sts.amazonaws.com/");
    let body = how("body", "Action=GetCallerIdentity&Version=2011-06-15");
    let who = |what: &str| kept[&format!("{}_{what}", step.path)].as_str();

    let mut headers = BTreeMap::new();
    headers.insert("host".to_owned(), "sts.amazonaws.com".to_owned());
    let content = "application/x-www-form-urlencoded; charset=utf-8";
    headers.insert("content-type".to_owned(), content.to_owned());
    let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    headers.insert("x-amz-date".to_owned(), now.clone());
    if !who("token").is_empty() {
        headers.insert("x-amz-security-token".to_owned(), who("token").to_owned());
    }
    if !step.how.get("server").is_some_and(Value::is_null) {
        let server = how("server", "vault.example");
        headers.insert("x-vault-aws-iam-server-id".to_owned(), server);
    }
    for (name, value) in pairs(&step.how["signed"]) {
        headers.insert(name.to_lowercase(), value);
    }
    let signature = authorization(who("key"), who("secret"), &now, &url, &body, &headers);
    headers.insert("authorization".to_owned(), signature);
    for name in step.how["without"].as_array().into_iter().flatten() {
        headers.remove(name.as_str().unwrap_or_default());
    }
    for (name, value) in pairs(&step.how["unsigned"]) {
        headers.insert(name, value);
    }

    let sent: Map<_, _> = headers
        .into_iter()
        .map(|(name, value)| (name, json!([value])))
        .collect();
    let sent = Value::Object(sent);
    let is_plain = step.how["plain"] == json!(true);
    let mut login = json!({
        "iam_http_request_method": "POST",
        "iam_request_url": base64(&url),
        "iam_request_body": base64(&body),
        "iam_request_headers": if is_plain { sent } else { Value::from(base64(&sent.to_string())) },
    });
    for (name, value) in step
        .body
        .as_ref()
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        login[name] = value.clone();
    }
    for name in step.how["omit"].as_array().into_iter().flatten() {
        if let (Some(login), Some(name)) = (login.as_object_mut(), name.as_str()) {
            login.remove(name);
        }
    }
    login
}

fn pairs(value: &Value) -> Vec<(String, String)> {
    let all = value.as_object().into_iter().flatten();
    all.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect()
}

/// Signature version 4 of a POST, every header signed.
fn authorization(
    key: &str,
    secret: &str,
    now: &str,
    url: &str,
    body: &str,
    headers: &BTreeMap<String, String>,
) -> String {
    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let names = headers.keys().cloned().collect::<Vec<_>>().join(";");
    let mut canonical = format!("POST\n/{path}\n{query}\n");
    for (name, value) in headers {
        let _ = writeln!(canonical, "{name}:{value}");
    }
    let _ = write!(canonical, "\n{names}\n{}", sha256(body));
    let day = &now[..8];
    let scope = format!("{day}/us-east-1/sts/aws4_request");
    let message = format!("AWS4-HMAC-SHA256\n{now}\n{scope}\n{}", sha256(&canonical));
    let mut signature = format!("AWS4{secret}").into_bytes();
    for part in [day, "us-east-1", "sts", "aws4_request", &message] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &signature);
        signature = hmac::sign(&key, part.as_bytes()).as_ref().to_vec();
    }
    let signature = hex(&signature);
    format!(
        "AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
}

fn sha256(text: &str) -> String {
    hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The standard alphabet, padded.
pub(crate) fn base64(text: &str) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let six = (bits >> (18 - 6 * at)) & 63;
            let is_padding = at > chunk.len();
            encoded.push(if is_padding {
                '='
            } else {
                char::from(alphabet[six as usize])
            });
        }
    }
    encoded
}
