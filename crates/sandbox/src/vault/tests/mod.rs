//! Vault with AWS behind it, both on one clock that tests set.

mod any;
mod engine;
mod leases;
mod login;
mod refusals;
mod refusals_aws;
mod server;
mod tokens;

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Config, Fault, Request, Response, Upstream, Vault};
use crate::aws::{Aws, Config as AwsConfig, sign};

/// AWS as Vault reaches it, and who else there is.
pub(super) struct World {
    pub(super) aws: Aws,
    pub(super) now: Timestamp,
    /// What a Kubernetes API server says to a `TokenReview`; without one, nobody is there.
    pub(super) review: Option<Value>,
    pub(super) reviewed: Vec<Value>,
    /// Nobody is reached at all.
    pub(super) is_cut: bool,
}

impl Upstream for World {
    fn call(&mut self, url: &str, request: &Request) -> Result<Response, String> {
        if self.is_cut {
            return Err("EOF".to_owned());
        }
        if url.starts_with("https://kubernetes") {
            let Some(review) = &self.review else {
                return Err("dial tcp: connection refused".to_owned());
            };
            let mut asked: Value = serde_json::from_slice(&request.body).unwrap();
            let bearer = request.header("Authorization").unwrap_or_default();
            asked["bearer"] = bearer.into();
            self.reviewed.push(asked);
            return Ok(Response::json(201, review));
        }
        Ok(self.aws.handle(request, self.now))
    }
}

pub(super) struct Stand {
    pub(super) vault: Vault,
    pub(super) world: World,
}

pub(super) const DOCUMENT: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"}]}"#;

impl Stand {
    pub(super) fn new() -> Self {
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        Self {
            vault: Vault::new(Config::default(), now),
            world: World {
                aws: Aws::new(AwsConfig::default(), now).unwrap(),
                now,
                review: None,
                reviewed: Vec::new(),
                is_cut: false,
            },
        }
    }

    /// With the engine at `aws/`, its key, and two roles: `user` and `session`.
    pub(super) fn with_aws() -> Self {
        let mut stand = Self::new();
        let key = AwsConfig::default();
        stand.put("sys/mounts/aws", json!({"type": "aws"}));
        stand.put(
            "aws/config/root",
            json!({"access_key": key.root_key, "secret_key": key.root_secret, "max_retries": 0}),
        );
        stand.put(
            "aws/roles/user",
            json!({"credential_type": "iam_user", "policy_document": DOCUMENT}),
        );
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
            "Action": "sts:AssumeRole",
        }]});
        let document = trust.to_string();
        stand.iam(
            "CreateRole",
            &[
                ("RoleName", "work"),
                ("AssumeRolePolicyDocument", &document),
            ],
        );
        stand.put(
            "aws/roles/session",
            json!({
                "credential_type": "assumed_role",
                "role_arns": ["arn:aws:iam::123456789012:role/work"],
            }),
        );
        stand
    }

    pub(super) fn later(&mut self, seconds: i64) {
        self.world.now += SignedDuration::from_secs(seconds);
    }

    /// Lets Vault do what is due.
    pub(super) fn settle(&mut self) -> Option<Timestamp> {
        self.vault.advance(self.world.now, &mut self.world)
    }

    pub(super) fn send(&mut self, request: &Request) -> Response {
        let now = self.world.now;
        let fault = self.vault.fault(request, now);
        self.vault.answer(request, &fault, now, &mut self.world)
    }

    /// One request: the status and the body.
    #[expect(clippy::needless_pass_by_value, reason = "it is made on the spot")]
    pub(super) fn ask(
        &mut self,
        token: &str,
        method: &str,
        path: &str,
        body: Value,
    ) -> (u16, Value) {
        let mut headers = vec![("X-Vault-Request".to_owned(), "true".to_owned())];
        if !token.is_empty() {
            headers.push(("X-Vault-Token".to_owned(), token.to_owned()));
        }
        let request = Request {
            method: method.to_owned(),
            path: format!("/v1/{path}"),
            headers,
            body: if body.is_null() {
                Vec::new()
            } else {
                body.to_string().into_bytes()
            },
        };
        let response = self.send(&request);
        let body = match response.body.as_str() {
            "" => Value::Null,
            body => serde_json::from_str(body).unwrap(),
        };
        (response.status, body)
    }

    /// A read by root that succeeds.
    pub(super) fn get(&mut self, path: &str) -> Value {
        let (status, body) = self.ask("root", "GET", path, Value::Null);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// A write by root that succeeds.
    pub(super) fn put(&mut self, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask("root", "POST", path, body);
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    /// The keys of a list, by root.
    pub(super) fn list(&mut self, path: &str) -> Vec<String> {
        let (_, body) = self.ask("root", "LIST", path, Value::Null);
        let keys = body["data"]["keys"].as_array().cloned().unwrap_or_default();
        keys.iter()
            .map(|key| key.as_str().unwrap().to_owned())
            .collect()
    }

    /// A token with these parameters: its id and accessor.
    pub(super) fn token(&mut self, params: Value) -> (String, String) {
        let auth = &self.put("auth/token/create", params)["auth"];
        let text = |name: &str| auth[name].as_str().unwrap().to_owned();
        (text("client_token"), text("accessor"))
    }

    /// Credentials of a role: lease id and key id.
    pub(super) fn creds(&mut self, token: &str, role: &str) -> (String, String) {
        let (status, body) = self.ask(token, "GET", &format!("aws/creds/{role}"), Value::Null);
        assert_eq!(status, 200, "{body}");
        let lease = body["lease_id"].as_str().unwrap().to_owned();
        (
            lease,
            body["data"]["access_key"].as_str().unwrap().to_owned(),
        )
    }

    /// Whether a lease is there.
    pub(super) fn has_lease(&mut self, id: &str) -> bool {
        self.ask("root", "POST", "sys/leases/lookup", json!({"lease_id": id}))
            .0
            == 200
    }

    /// The names of all IAM users but Vault's own.
    pub(super) fn users(&mut self) -> Vec<String> {
        let xml = self.iam("ListUsers", &[]);
        super::aws::blocks(&xml, "UserName")
            .map(str::to_owned)
            .filter(|name| name.starts_with("vault-token-") || name.starts_with("vault-t-"))
            .collect()
    }

    /// A call of IAM by its root.
    pub(super) fn iam(&mut self, action: &str, params: &[(&str, &str)]) -> String {
        let mut body = format!("Action={action}&Version=2010-05-08");
        for (name, value) in params {
            let mut encoded = String::new();
            for byte in value.bytes() {
                let _ = write!(encoded, "%{byte:02X}");
            }
            let _ = write!(body, "&{name}={encoded}");
        }
        let mut request = Request {
            method: "POST".to_owned(),
            path: "/".to_owned(),
            headers: vec![("Host".to_owned(), "iam.amazonaws.com".to_owned())],
            body: body.into_bytes(),
        };
        let key = AwsConfig::default();
        let place = ("us-east-1", "iam");
        sign(
            &mut request,
            &key.root_key,
            &key.root_secret,
            None,
            place,
            self.world.now,
        );
        let response = self.world.aws.handle(&request, self.world.now);
        assert_eq!(response.status, 200, "{}", response.body);
        response.body
    }

    /// What an action of AWS is to be refused with, from now on; nothing: not any more.
    pub(super) fn refuse(&mut self, action: &str, error: Option<&str>) {
        let rules = error.map(|error| crate::aws::Rule {
            action: action.to_owned(),
            error: Some(error.to_owned()),
            ..crate::aws::Rule::default()
        });
        let plan = crate::aws::FaultPlan {
            rules: rules.into_iter().collect(),
            ..crate::aws::FaultPlan::default()
        };
        self.world.aws.set_faults(plan);
    }

    /// The errors of a request by root that is refused.
    pub(super) fn errors(&mut self, method: &str, path: &str, body: Value) -> (u16, Vec<String>) {
        self.errors_of("root", method, path, body)
    }

    pub(super) fn errors_of(
        &mut self,
        token: &str,
        method: &str,
        path: &str,
        body: Value,
    ) -> (u16, Vec<String>) {
        let (status, body) = self.ask(token, method, path, body);
        let errors = body["errors"].as_array().cloned().unwrap_or_default();
        let errors = errors
            .iter()
            .map(|error| error.as_str().unwrap().to_owned())
            .collect();
        (status, errors)
    }

    /// A table of refusals: a request and, below it, the status and the error (which starts with
    /// a quote where it is written as JSON).
    pub(super) fn refuses(&mut self, table: &str) {
        let lines: Vec<&str> = table.lines().skip(1).collect();
        for row in lines.chunks(2) {
            let [request, refusal] = row else {
                panic!("half a row: {row:?}");
            };
            let mut parts = request.splitn(3, ' ');
            let mut part = || parts.next().unwrap_or("null");
            let (method, path, body) = (part(), part(), part());
            let refusal = refusal.trim();
            let (status, error) = refusal.split_once(' ').unwrap_or((refusal, ""));
            let wanted = match error {
                "" => vec![],
                json if json.starts_with('"') => vec![serde_json::from_str(json).unwrap()],
                error => vec![error.to_owned()],
            };
            let got = self.errors(method, path, serde_json::from_str(body).unwrap());
            assert_eq!(got, (status.parse().unwrap(), wanted), "{request}");
        }
    }
}

/// An error as Vault wraps one.
pub(super) fn wrapped(error: &str) -> String {
    format!("1 error occurred:\n\t* {error}\n\n")
}

#[test]
fn a_fault_is_told_in_the_words_of_its_status() {
    let mut stand = Stand::new();
    let fault = |status, message: Option<&str>| Fault {
        error: Some((status, message.map(str::to_owned))),
        ..Fault::default()
    };
    let request = Request {
        method: "GET".to_owned(),
        path: "/v1/sys/mounts".to_owned(),
        ..Request::default()
    };
    let cases = [
        (503, None, r#"{"errors":["Vault is sealed"]}"#),
        (
            412,
            None,
            r#"{"errors":["required index state not present"]}"#,
        ),
        (404, None, r#"{"errors":[]}"#),
        (418, Some("x"), r#"{"errors":["x"]}"#),
    ];
    for (status, message, body) in cases {
        let now = stand.world.now;
        let fault = fault(status, message);
        let response = stand.vault.answer(&request, &fault, now, &mut stand.world);
        assert_eq!((response.status, response.body.as_str()), (status, body));
    }
}
