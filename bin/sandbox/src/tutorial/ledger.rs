//! Every key that ever stood in a Secret, and how it fared: asked of AWS, not of the operator.

use std::collections::BTreeMap;

use jiff::Timestamp;
use leasehold_sandbox::Sandbox;
use serde_json::Value;

use super::aws::Key;
use crate::prepare::DEMO;

/// One key's life, as far as it was looked at.
#[derive(Debug)]
pub struct Life {
    /// The request it was issued for.
    pub request: String,
    /// The how manieth key of that request.
    pub number: usize,
    /// The key.
    pub key: Key,
    /// When it was first seen in the Secret.
    pub born: Timestamp,
    /// From when on it was in the Secret no more.
    pub replaced: Option<Timestamp>,
    /// From when on AWS took it no more.
    pub died: Option<Timestamp>,
}

/// What a look found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The next key is in a request's Secret, in place of another.
    Replaced {
        /// The request.
        request: String,
        /// The end of the new key's id.
        new: String,
        /// The end of the former one's.
        old: String,
    },
    /// AWS takes a key no more that stood in a Secret once.
    Died {
        /// The request.
        request: String,
        /// The end of the key's id.
        key: String,
        /// Whether it ended by itself.
        is_session: bool,
    },
}

/// All lives so far.
#[derive(Debug, Default)]
pub struct Ledger {
    lives: Vec<Life>,
    /// How often a key in a Secret was tried.
    pub looks: u64,
    /// How often it did not work.
    pub dead_in_secret: u64,
}

impl Ledger {
    /// The lives, in the order of requests and keys.
    pub fn lives(&self) -> impl Iterator<Item = &Life> {
        let mut requests: Vec<&str> = Vec::new();
        for life in &self.lives {
            if !requests.contains(&&*life.request) {
                requests.push(&life.request);
            }
        }
        requests
            .into_iter()
            .flat_map(|name| self.lives.iter().filter(move |life| life.request == name))
    }

    /// The newest key of a request.
    pub fn key_of(&self, request: &str) -> Option<&Key> {
        let newest = self.lives.iter().rev().find(|life| life.request == request);
        newest.map(|life| &life.key)
    }

    /// Looks into all Secrets and tries all keys.
    pub fn look(&mut self, sandbox: &Sandbox) -> Vec<News> {
        let now = sandbox.clock().now();
        let held = held(sandbox);
        let mut news = Vec::new();
        for (request, key) in &held {
            news.extend(self.enter(request, key, now));
        }
        for life in self.lives.iter_mut().filter(|life| life.died.is_none()) {
            let is_held = held.get(&life.request) == Some(&life.key);
            if !is_held {
                life.replaced.get_or_insert(now);
            }
            let works = life.key.caller(sandbox).is_ok();
            self.looks += u64::from(is_held);
            self.dead_in_secret += u64::from(is_held && !works);
            if !works {
                life.died = Some(now);
                news.push(News::Died {
                    request: life.request.clone(),
                    key: life.key.tail(),
                    is_session: life.key.is_session(),
                });
            }
        }
        news
    }

    fn enter(&mut self, request: &str, key: &Key, now: Timestamp) -> Option<News> {
        if self.lives.iter().any(|life| life.key == *key) {
            return None;
        }
        let before = self.key_of(request).map(Key::tail);
        let number = self.lives.iter().filter(|l| l.request == request).count() + 1;
        self.lives.push(Life {
            request: request.to_owned(),
            number,
            key: key.clone(),
            born: now,
            replaced: None,
            died: None,
        });
        before.map(|old| News::Replaced {
            request: request.to_owned(),
            new: key.tail(),
            old,
        })
    }
}

/// By request, the key in its Secret.
fn held(sandbox: &Sandbox) -> BTreeMap<String, Key> {
    let path = format!(
        "/api/v1/namespaces/{DEMO}/secrets?labelSelector=app.kubernetes.io%2Fmanaged-by%3Dleasehold"
    );
    let (_, answer) = sandbox.ask_kube("GET", &path, None);
    let secrets = answer["items"].as_array().into_iter().flatten();
    secrets
        .filter_map(|secret| Some((owner(secret)?, Key::in_secret(secret)?)))
        .collect()
}

fn owner(secret: &Value) -> Option<String> {
    let name = secret
        .pointer("/metadata/ownerReferences/0/name")?
        .as_str()?;
    Some(name.to_owned())
}
