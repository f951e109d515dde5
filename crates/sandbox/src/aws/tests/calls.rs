//! A signed call in one line.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use super::super::request::encode;
use super::super::{Aws, Config, Request, Response, sign};

/// A key, with a session token if it is a temporary one.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) token: Option<String>,
}

pub(super) struct Caller {
    pub(super) aws: Aws,
    pub(super) now: Timestamp,
    pub(super) root: Key,
}

/// A refusal: status, code, message.
pub(super) type Refusal = (u16, String, String);

impl Caller {
    pub(super) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(super) fn with(config: Config) -> Self {
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        let root = Key {
            id: config.root_key.clone(),
            secret: config.root_secret.clone(),
            token: None,
        };
        let aws = Aws::new(config, now).unwrap();
        Self { aws, now, root }
    }

    pub(super) fn later(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }

    pub(super) fn send(
        &mut self,
        key: &Key,
        service: &str,
        action: &str,
        params: &[(&str, &str)],
    ) -> Response {
        let mut request = request(action, params);
        let token = key.token.as_deref();
        let place = ("us-east-1", service);
        sign(&mut request, &key.id, &key.secret, token, place, self.now);
        let response = self.aws.handle(&request, self.now);
        assert_eq!(response.content_type, "text/xml");
        response
    }

    pub(super) fn call(
        &mut self,
        key: &Key,
        service: &str,
        action: &str,
        params: &[(&str, &str)],
    ) -> Result<String, Refusal> {
        let response = self.send(key, service, action, params);
        result(response)
    }

    /// As the root user.
    pub(super) fn iam(&mut self, action: &str, params: &[(&str, &str)]) -> Result<String, Refusal> {
        let key = self.root.clone();
        self.call(&key, "iam", action, params)
    }

    /// As the root user.
    pub(super) fn sts(&mut self, action: &str, params: &[(&str, &str)]) -> Result<String, Refusal> {
        let key = self.root.clone();
        self.call(&key, "sts", action, params)
    }

    /// Makes a user with a key and one policy statement.
    pub(super) fn user(&mut self, name: &str, statement: &str) -> Key {
        self.iam("CreateUser", &[("UserName", name)]).unwrap();
        let policy = policy(statement);
        let params = [
            ("UserName", name),
            ("PolicyName", "p"),
            ("PolicyDocument", policy.as_str()),
        ];
        self.iam("PutUserPolicy", &params).unwrap();
        key(&self.iam("CreateAccessKey", &[("UserName", name)]).unwrap())
    }

    /// Makes a role with a trust statement and one of its own.
    pub(super) fn role(&mut self, name: &str, trust: &str, statement: &str) -> String {
        let (trust, policy) = (policy(trust), policy(statement));
        let params = [("RoleName", name), ("AssumeRolePolicyDocument", &trust)];
        let arn = text(&self.iam("CreateRole", &params).unwrap(), "Arn");
        let params = [
            ("RoleName", name),
            ("PolicyName", "p"),
            ("PolicyDocument", policy.as_str()),
        ];
        self.iam("PutRolePolicy", &params).unwrap();
        arn
    }

    /// Whether a key may describe instances; `Err` is EC2's code.
    pub(super) fn probe(&mut self, key: &Key) -> Result<(), String> {
        self.call(key, "ec2", "DescribeInstances", &[])
            .map(|_| ())
            .map_err(|(_, code, _)| code)
    }
}

pub(super) fn request(action: &str, params: &[(&str, &str)]) -> Request {
    let mut body = format!("Action={action}");
    for (name, value) in params {
        let _ = write!(body, "&{}={}", encode(name), encode(value));
    }
    Request {
        method: "POST".into(),
        path: "/".into(),
        headers: vec![
            ("Host".into(), "localhost".into()),
            (
                "Content-Type".into(),
                "application/x-www-form-urlencoded".into(),
            ),
        ],
        body: body.into_bytes(),
    }
}

pub(super) fn result(response: Response) -> Result<String, Refusal> {
    if response.status == 200 {
        return Ok(response.body);
    }
    let xml = &response.body;
    Err((response.status, text(xml, "Code"), text(xml, "Message")))
}

pub(super) fn refusal(status: u16, code: &str, message: &str) -> Result<String, Refusal> {
    Err((status, code.to_owned(), message.to_owned()))
}

pub(super) fn policy(statement: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#)
}

pub(super) fn all(xml: &str, tag: &str) -> Vec<String> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    xml.split(&open)
        .skip(1)
        .filter_map(|rest| rest.split_once(&close))
        .map(|(text, _)| text.replace("&quot;", "\"").replace("&amp;", "&"))
        .collect()
}

pub(super) fn text(xml: &str, tag: &str) -> String {
    all(xml, tag).into_iter().next().unwrap_or_default()
}

pub(super) fn key(xml: &str) -> Key {
    Key {
        id: text(xml, "AccessKeyId"),
        secret: text(xml, "SecretAccessKey"),
        token: all(xml, "SessionToken").into_iter().next(),
    }
}
