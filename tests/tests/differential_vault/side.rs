//! One of the two servers, as it is asked.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use e2e::servers::StandIn;
use reqwest::Method;
use serde_json::Value;

use crate::cases::{Step, What};
use crate::compare::Answer;
use crate::{mask, sign};

/// Headers of the transport, or different every time.
const NOT_VAULTS: [&str; 4] = ["date", "content-length", "connection", "transfer-encoding"];
/// What a request without a token is sent as.
const NOBODY: &str = "nobody";

/// A Vault with its AWS, and what its answers gave so far.
pub(crate) struct Side {
    pub(crate) url: String,
    pub(crate) aws: StandIn,
    pub(crate) kept: BTreeMap<String, String>,
    client: reqwest::Client,
}

impl Side {
    pub(crate) fn new(url: &str, aws: StandIn) -> Result<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .tls_certs_only([])
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let mut kept = BTreeMap::new();
        kept.insert("aws".to_owned(), aws.url.clone());
        kept.insert("aws_host".to_owned(), aws.url.replace("http://", ""));
        kept.insert("vault_host".to_owned(), url.replace("http://", ""));
        Ok(Self {
            url: url.to_owned(),
            aws,
            kept,
            client,
        })
    }

    /// Asks; gives the answer masked, and keeps of it what later requests need.
    pub(crate) async fn ask(&mut self, step: &Step) -> Result<Answer> {
        let (method, path, body) = if step.what == What::Login {
            let body = sign::login(step, &self.kept);
            ("POST", "auth/aws/login", Some(body.to_string()))
        } else {
            let body = step.body.as_ref().map(ToString::to_string);
            let body = body.map(|body| self.filled(&body));
            (step.method.as_str(), step.path.as_str(), body)
        };
        let method = Method::from_bytes(method.as_bytes())?;
        let url = format!("{}/v1/{}", self.url, self.filled(path));
        let mut request = self.client.request(method, url);
        if let Some(token) = self.token(step) {
            request = request.header("X-Vault-Token", token);
        }
        for (name, value) in &step.headers {
            request = request.header(name, value);
        }
        if let Some(body) = step.raw.clone().or(body) {
            request = request.body(body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let mut headers: Vec<_> = answer
            .headers()
            .iter()
            .map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into(),
                )
            })
            .filter(|(name, _): &(String, String)| !NOT_VAULTS.contains(&name.as_str()))
            .collect();
        headers.sort();
        let text = answer.text().await?;
        let body = serde_json::from_str(&text).unwrap_or_else(|_| match text.as_str() {
            "" => Value::Null,
            _ => Value::from(text),
        });
        self.keep(step, &body);
        Ok(Answer {
            status,
            headers,
            body: mask::masked(&body, &self.kept),
        })
    }

    fn token(&self, step: &Step) -> Option<String> {
        match step.token.as_deref() {
            _ if step.what == What::Login => None,
            None => Some("root".to_owned()),
            Some(NOBODY) => None,
            Some(token) => Some(match token.strip_prefix('$') {
                Some(name) => self
                    .kept
                    .get(name)
                    .cloned()
                    .unwrap_or_else(|| "missing".to_owned()),
                None => token.to_owned(),
            }),
        }
    }

    fn keep(&mut self, step: &Step, body: &Value) {
        for (name, path) in &step.keep {
            let pointer = format!("/{}", path.replace('.', "/"));
            match body.pointer(&pointer).and_then(Value::as_str) {
                Some(value) => self.kept.insert(name.clone(), value.to_owned()),
                None => self.kept.remove(name),
            };
        }
    }

    /// The text with what was kept in it.
    fn filled(&self, text: &str) -> String {
        self.kept
            .iter()
            .fold(text.to_owned(), |text, (name, value)| {
                let value = serde_json::to_string(value).unwrap_or_default();
                text.replace(&format!("{{{{{name}}}}}"), value.trim_matches('"'))
            })
    }

    /// Who is in its AWS: two roles, a group, administrators, a user and a session.
    pub(crate) async fn populate(&mut self) -> Result<()> {
        let root = self.aws.root_key();
        let aws = self.aws.aws(root.clone())?;
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":["sts:AssumeRole","sts:TagSession"]}]}"#;
        let all = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        for role in ["work", "vault-auth"] {
            let role = [("RoleName", role), ("AssumeRolePolicyDocument", trust)];
            aws.call("iam", "CreateRole", &role).await?;
        }
        let group = ("GroupName", "grp");
        aws.call("iam", "CreateGroup", &[group]).await?;
        let inline = [group, ("PolicyName", "inl"), ("PolicyDocument", all)];
        aws.call("iam", "PutGroupPolicy", &inline).await?;
        let managed = ("PolicyArn", "arn:aws:iam::aws:policy/ReadOnlyAccess");
        aws.call("iam", "AttachGroupPolicy", &[group, managed])
            .await?;

        self.knows("root", &root.access_key, &root.secret_key, "");
        for user in ["adm", "jo", "spare", "spare2"] {
            let name = ("UserName", user);
            aws.call("iam", "CreateUser", &[name]).await?;
            let key = aws.call("iam", "CreateAccessKey", &[name]).await?;
            self.knows_key(user, &key)?;
        }
        for user in ["adm", "spare", "spare2"] {
            let name = ("UserName", user);
            let rights = [name, ("PolicyName", "x"), ("PolicyDocument", all)];
            aws.call("iam", "PutUserPolicy", &rights).await?;
        }
        let session = [
            ("RoleArn", "arn:aws:iam::123456789012:role/vault-auth"),
            ("RoleSessionName", "sess"),
        ];
        let key = aws.call("sts", "AssumeRole", &session).await?;
        self.knows_key("sess", &key)?;
        let all = [("Name", "fed"), ("Policy", all)];
        let key = aws.call("sts", "GetFederationToken", &all).await?;
        self.knows_key("fed", &key)?;
        let session = self.kept.clone();
        self.knows("wrong", &session["sess_key"], "bad", &session["sess_token"]);
        self.knows("nobody", "AKIANOPE", "x", "");
        Ok(())
    }

    fn knows_key(&mut self, who: &str, xml: &str) -> Result<()> {
        let first = |tag| e2e::servers::aws::values(xml, tag).into_iter().next();
        let key = first("AccessKeyId").context("no key")?;
        let secret = first("SecretAccessKey").context("no secret")?;
        self.knows(
            who,
            &key,
            &secret,
            &first("SessionToken").unwrap_or_default(),
        );
        Ok(())
    }

    fn knows(&mut self, who: &str, key: &str, secret: &str, token: &str) {
        for (what, value) in [("key", key), ("secret", secret), ("token", token)] {
            self.kept.insert(format!("{who}_{what}"), value.to_owned());
        }
    }
}
