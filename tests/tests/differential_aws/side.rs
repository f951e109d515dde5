//! One of the two servers, as it is asked.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result};
use e2e::servers::aws::escape;
use e2e::servers::{AwsKey, http};
use jiff::{SignedDuration, Timestamp};
use leasehold_sandbox::aws::{Request, sign};
use reqwest::Method;
use serde_json::Value;

use crate::answer;
use crate::cases::{How, Step, filled};

const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// A server on the way through the cases, with what its answers left for later ones.
pub(crate) struct Side {
    url: String,
    client: reqwest::Client,
    keys: BTreeMap<String, AwsKey>,
    kept: BTreeMap<String, String>,
}

impl Side {
    pub(crate) fn new(url: &str, root: AwsKey) -> Result<Self> {
        let mut side = Self {
            url: url.to_owned(),
            client: http::client(None)?,
            keys: BTreeMap::new(),
            kept: BTreeMap::new(),
        };
        let nobody = AwsKey {
            access_key: "AKIANOBODYKNOWSTHIS0".to_owned(),
            secret_key: "nothing".to_owned(),
            session_token: None,
        };
        side.knows("root", root);
        side.knows("nobody", nobody);
        Ok(side)
    }

    fn knows(&mut self, who: &str, key: AwsKey) {
        let id = key.access_key.clone();
        self.kept.insert(format!("{who}_key"), id);
        self.keys.insert(who.to_owned(), key);
    }

    /// Asks; gives the answer as it is compared, and keeps of it what later calls need.
    pub(crate) async fn ask(&mut self, step: &Step) -> Result<Value> {
        let answered = self.send(step).await;
        let (status, content_type, text) = answered.with_context(|| step.case.clone())?;
        for (name, element) in &step.keep {
            match element {
                Some(element) => {
                    let value = answer::text_of(&text, element).unwrap_or_default();
                    self.kept.insert(name.clone(), value);
                }
                None => self.keep_key(name, &text),
            }
        }
        Ok(answer::read(status, &content_type, &text, &self.kept))
    }

    fn keep_key(&mut self, name: &str, text: &str) {
        let field = |element| answer::text_of(text, element);
        let key = AwsKey {
            access_key: field("AccessKeyId").unwrap_or_default(),
            secret_key: field("SecretAccessKey").unwrap_or_default(),
            session_token: field("SessionToken"),
        };
        self.knows(name, key);
    }

    async fn send(&self, step: &Step) -> Result<(u16, String, String)> {
        let request = self.request(step)?;
        let method = Method::from_bytes(request.method.as_bytes())?;
        let mut http = self.client.request(method, format!("{}/", self.url));
        for (name, value) in &request.headers {
            http = http.header(name, value);
        }
        let response = http.body(request.body).send().await?;
        let content_type = response.headers().get("content-type");
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let status = response.status().as_u16();
        Ok((status, content_type, response.text().await?))
    }

    fn request(&self, step: &Step) -> Result<Request> {
        let version = match step.service.as_str() {
            "iam" => "2010-05-08",
            "sts" => "2011-06-15",
            _ => "2016-11-15",
        };
        let mut body = format!("Action={}&Version={version}", step.action);
        for (name, value) in &step.params {
            let value = filled(value, &self.kept);
            let _ = write!(body, "&{}={}", escape(name), escape(&value));
        }
        let mut request = Request {
            method: "POST".to_owned(),
            path: "/".to_owned(),
            headers: vec![
                ("Host".to_owned(), self.url.replace("http://", "")),
                ("Content-Type".to_owned(), CONTENT_TYPE.to_owned()),
            ],
            body: body.into_bytes(),
        };
        if step.how != How::Unsigned {
            self.sign(&mut request, step)?;
        }
        Ok(request)
    }

    fn sign(&self, request: &mut Request, step: &Step) -> Result<()> {
        let key = self.keys.get(&step.signer);
        let key = key.with_context(|| format!("who is {}?", step.signer))?;
        let mut now = Timestamp::now();
        let mut secret = key.secret_key.as_str();
        let mut token = key.session_token.as_deref();
        match step.how {
            How::Stale => now = now.checked_sub(SignedDuration::from_hours(1))?,
            How::OtherSecret => secret = "another",
            How::NoToken => token = None,
            How::OtherToken => token = Some("IQoJb3JpZ2luX2Vjanother"),
            How::Well | How::OtherBody | How::Unsigned => {}
        }
        let scope = ("us-east-1", step.service.as_str());
        sign(request, &key.access_key, secret, token, scope, now);
        if step.how == How::OtherBody {
            request.body.extend(b"&Extra=1");
        }
        Ok(())
    }
}
