//! A server to talk to without HTTP.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::super::{Answer, Config, Kube, Watch};
use crate::wire::{Request, Response};

/// A server and the time.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) kube: Kube,
    pub(super) now: Timestamp,
    token: Option<String>,
    headers: Vec<(String, String)>,
}

/// An answer, read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reply {
    pub(super) code: u16,
    pub(super) body: Value,
    pub(super) response: Response,
}

impl Reply {
    pub(super) fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }

    #[track_caller]
    pub(super) fn ok(self) -> Value {
        assert!(self.code < 300, "{}: {}", self.code, self.response.body);
        self.body
    }

    #[track_caller]
    pub(super) fn refused(&self, code: u16, message: &str) {
        assert_eq!((self.code, self.message()), (code, message));
    }
}

pub(super) const JSON: &str = "application/json";
pub(super) const MERGE: &str = "application/merge-patch+json";
pub(super) const PATCH: &str = "application/json-patch+json";
pub(super) const STRATEGIC: &str = "application/strategic-merge-patch+json";
pub(super) const APPLY: &str = "application/apply-patch+yaml";

impl Server {
    pub(super) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(super) fn with(config: Config) -> Self {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a time");
        let mut kube = Kube::new(config, now);
        kube.advance(now);
        Self {
            kube,
            now,
            token: None,
            headers: Vec::new(),
        }
    }

    pub(super) fn as_user(&mut self, token: Option<&str>) -> &mut Self {
        self.token = token.map(str::to_owned);
        self
    }

    pub(super) fn with_headers(&mut self, headers: &[(&str, &str)]) -> &mut Self {
        self.headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        self
    }

    pub(super) fn pass(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
        self.kube.advance(self.now);
    }

    fn answer(&mut self, method: &str, path: &str, body: &[u8], kind: &str) -> Answer {
        let mut headers = vec![("User-Agent".to_owned(), "probe/1.0".to_owned())];
        if !body.is_empty() {
            headers.push(("Content-Type".to_owned(), kind.to_owned()));
        }
        if let Some(token) = &self.token {
            headers.push(("Authorization".to_owned(), format!("Bearer {token}")));
        }
        headers.extend(self.headers.clone());
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            headers,
            body: body.to_vec(),
        };
        let fault = self.kube.fault(&request, self.now);
        self.kube.answer(&request, &fault, self.now)
    }

    #[track_caller]
    pub(super) fn send(&mut self, method: &str, path: &str, body: &str, kind: &str) -> Reply {
        match self.answer(method, path, body.as_bytes(), kind) {
            Answer::Whole(response) => Reply {
                code: response.status,
                body: serde_json::from_str(&response.body).unwrap_or_default(),
                response,
            },
            Answer::Watch(_) => panic!("a watch"),
        }
    }

    #[track_caller]
    pub(super) fn get(&mut self, path: &str) -> Reply {
        self.send("GET", path, "", JSON)
    }

    #[track_caller]
    pub(super) fn post(&mut self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, &body.to_string(), JSON)
    }

    #[track_caller]
    pub(super) fn put(&mut self, path: &str, body: &Value) -> Reply {
        self.send("PUT", path, &body.to_string(), JSON)
    }

    #[track_caller]
    pub(super) fn patch(&mut self, kind: &str, path: &str, body: &Value) -> Reply {
        self.send("PATCH", path, &body.to_string(), kind)
    }

    #[track_caller]
    pub(super) fn delete(&mut self, path: &str) -> Reply {
        self.send("DELETE", path, "", JSON)
    }

    #[track_caller]
    pub(super) fn watch(&mut self, path: &str) -> Box<Watch> {
        match self.answer("GET", path, b"", JSON) {
            Answer::Watch(watch) => watch,
            Answer::Whole(response) => panic!("no watch: {response:?}"),
        }
    }

    /// What a watch has to send, and whether it ended.
    pub(super) fn next(&mut self, watch: &mut Watch) -> (Vec<Value>, bool) {
        let next = self.kube.next(watch, self.now);
        let text = String::from_utf8(next.bytes).expect("text");
        let lines = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"));
        (lines.collect(), next.has_ended)
    }
}

/// `TYPE name` of each event.
pub(super) fn brief(events: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let brief = events.iter().map(|event| {
        format!(
            "{} {}",
            text(&event["type"]),
            text(&event["object"]["metadata"]["name"])
        )
    });
    brief.collect()
}

/// The path of the ConfigMaps, or of one of them.
pub(super) fn maps(name: &str) -> String {
    let path = "/api/v1/namespaces/default/configmaps";
    if name.is_empty() {
        path.to_owned()
    } else {
        format!("{path}/{name}")
    }
}
