//! Requests by kind, counted from audit logs: nothing stands between the operator and its servers.

use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

/// An audit log, read from where it ended when this was made.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    start: u64,
}

impl Log {
    /// From now on.
    pub fn from_its_end(path: PathBuf) -> Self {
        let mut log = Self { path, start: 0 };
        log.start = log.end();
        log
    }

    /// How long the file is now.
    pub fn end(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |meta| meta.len())
    }

    fn entries(&self) -> Result<Vec<Value>> {
        let Ok(mut file) = std::fs::File::open(&self.path) else {
            return Ok(Vec::new());
        };
        file.seek(SeekFrom::Start(self.start))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        text.split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
            .map(|line| serde_json::from_str(line).context("parse an audit log"))
            .collect()
    }

    /// The log of an API server: `verb resource`, watches apart from what ends.
    pub fn kubernetes(&self) -> Result<Tally> {
        let mut tally = Tally::default();
        for entry in self.entries()? {
            let watch = entry["verb"] == "watch";
            // A watch counts once, when it begins; everything else when it is answered.
            if (entry["stage"] == "ResponseStarted") == watch {
                tally.add(&kubernetes_request(&entry));
            }
        }
        Ok(tally)
    }

    /// The log of a Vault: `operation path`, without what its root asks, who is the tester.
    pub fn vault(&self) -> Result<Tally> {
        let mut tally = Tally::default();
        for entry in self.entries()? {
            let policies = entry["auth"]["policies"].as_array();
            let root = policies.is_some_and(|all| all.iter().any(|p| p == "root"));
            if entry["type"] == "request" && !root {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let request = &entry["request"];
                tally.add(&format!(
                    "{} {}",
                    text(&request["operation"]),
                    text(&request["path"])
                ));
            }
        }
        Ok(tally)
    }
}

fn kubernetes_request(entry: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let verb = text(&entry["verb"]);
    let about = &entry["objectRef"];
    let mut what = text(&about["resource"]);
    if what.is_empty() {
        let path = text(&entry["requestURI"]);
        path.split('?')
            .next()
            .unwrap_or_default()
            .clone_into(&mut what);
    }
    if let Some(subresource) = about["subresource"].as_str() {
        what = format!("{what}/{subresource}");
    }
    match entry["responseStatus"]["code"].as_u64() {
        Some(code) if code >= 400 => format!("{verb} {what} ({code})"),
        _ => format!("{verb} {what}"),
    }
}

/// How often each request was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(pub BTreeMap<String, u64>);

impl Tally {
    fn add(&mut self, request: &str) {
        *self.0.entry(request.to_owned()).or_default() += 1;
    }

    /// How many requests of these kinds there were.
    pub fn sum(&self, kinds: impl Fn(&str) -> bool) -> u64 {
        let counted = self.0.iter().filter(|(kind, _)| kinds(kind));
        counted.map(|(_, count)| count).sum()
    }

    /// Those of these kinds, for people.
    pub fn words(&self, kinds: impl Fn(&str) -> bool) -> String {
        let listed = self.0.iter().filter(|(kind, _)| kinds(kind));
        let words: Vec<String> = listed
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        words.join(", ")
    }
}

/// Whether a request to an API server changes something.
pub fn kube_write(kind: &str) -> bool {
    !["get ", "list ", "watch "]
        .iter()
        .any(|verb| kind.starts_with(verb))
}

/// Whether a request to an API server is a watch.
pub fn kube_watch(kind: &str) -> bool {
    kind.starts_with("watch ")
}

/// A write that was answered with an error.
pub fn kube_refused(kind: &str) -> bool {
    kube_write(kind) && kind.ends_with(')')
}

/// Logins to Vault, with whatever method; a token that was given is looked at once instead.
pub fn vault_login(kind: &str) -> bool {
    kind.ends_with("/login") || kind.ends_with(" auth/token/lookup-self")
}

/// Whether a request to Vault changes something. Lookups are posted, and change nothing.
pub fn vault_write(kind: &str) -> bool {
    let looks = kind.starts_with("read ")
        || kind.starts_with("list ")
        || kind.ends_with("/lookup-accessor")
        || kind.ends_with(" sys/leases/lookup");
    let issues = kind.contains("/creds/") || kind.contains("/sts/");
    !vault_login(kind) && (!looks || issues)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_told_from_a_look() {
        assert!(kube_write("patch awsaccesskeyrequests/status"));
        assert!(!kube_write("get /version") && !kube_write("watch secrets"));
        assert!(kube_refused("create secrets (409)") && !kube_refused("get secrets (404)"));
        assert!(vault_write("read aws/creds/k8s.-.demo.r"), "it makes a key");
        assert!(vault_write("update auth/token/create-orphan"));
        assert!(!vault_write("update sys/leases/lookup"));
        assert!(!vault_write("read aws/roles/r"));
        assert!(vault_login("update auth/kubernetes/login"));
    }
}
