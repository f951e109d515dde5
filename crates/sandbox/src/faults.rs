//! What goes wrong on purpose with calls of Kubernetes and Vault. AWS has its own kind
//! of plan, by action: [`crate::aws::FaultPlan`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::wire::Request;

/// What shall go wrong. Given anew as a whole; the default is nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaultPlan {
    /// What happens to which calls; of those that fit, the first applies.
    pub rules: Vec<Rule>,
}

/// What happens to some calls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// A method; without it, any.
    pub method: Option<String>,
    /// Only calls that change something: any method but `GET`, `HEAD`, `LIST` and `OPTIONS`.
    pub writes: bool,
    /// A part of the path with its query; without it, any.
    pub path: Option<String>,
    /// Only where the body contains this.
    pub containing: Option<String>,
    /// How many fitting calls to let pass first.
    pub skip: u64,
    /// How many calls to apply it to; without it, to all.
    pub times: Option<u64>,
    /// Answer with this status, and do nothing.
    pub status: Option<u16>,
    /// The words of that answer; without them, the server's own for the status.
    pub message: Option<String>,
    /// How long to wait before anything is done.
    pub delay_ms: u64,
    /// How long to keep the answer back once everything is done.
    pub answer_delay_ms: u64,
    /// Cut the connection instead of answering.
    pub cut: Option<Cut>,
}

/// When a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cut {
    /// Before anything is done.
    Before,
    /// When everything is done: the answer is lost.
    After,
}

/// What happens to one call. To wait and to cut is up to whoever has the
/// connection and a clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fault {
    /// Answer with this status and these words instead of doing anything.
    pub error: Option<(u16, Option<String>)>,
    /// How long to wait before the request is handled.
    pub delay: Duration,
    /// How long to wait with the answer.
    pub answer_delay: Duration,
    /// Whether to cut the connection, and when.
    pub cut: Option<Cut>,
}

/// A plan and how far it has come.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Vec<Rule>,
    /// By rule: how many calls fitted.
    fitted: Vec<u64>,
    /// By rule: how many calls it happened to.
    met: Vec<u64>,
}

impl Faults {
    /// A plan at its start.
    pub fn new(plan: FaultPlan) -> Self {
        Self {
            fitted: vec![0; plan.rules.len()],
            met: vec![0; plan.rules.len()],
            rules: plan.rules,
        }
    }

    /// What happens to this call; it counts as having happened.
    pub fn take(&mut self, request: &Request) -> Fault {
        // A rule that is used up makes room for the next one.
        let counts = self.fitted.iter_mut().zip(&mut self.met);
        for (rule, (fitted, met)) in self.rules.iter().zip(counts) {
            let last = rule.times.map(|times| rule.skip.saturating_add(times));
            if last.is_some_and(|last| *fitted >= last) || !rule.fits(request) {
                continue;
            }
            *fitted += 1;
            if *fitted <= rule.skip {
                continue;
            }
            *met += 1;
            return Fault {
                error: rule.status.map(|status| (status, rule.message.clone())),
                delay: Duration::from_millis(rule.delay_ms),
                answer_delay: Duration::from_millis(rule.answer_delay_ms),
                cut: rule.cut,
            };
        }
        Fault::default()
    }

    /// By rule, in the plan's order: to how many calls it happened so far.
    pub fn met(&self) -> &[u64] {
        &self.met
    }
}

impl Rule {
    fn fits(&self, request: &Request) -> bool {
        let part = |part: &Option<String>, whole: &str| {
            part.as_deref().is_none_or(|part| whole.contains(part))
        };
        self.method
            .as_deref()
            .is_none_or(|method| method.eq_ignore_ascii_case(&request.method))
            && !(self.writes && matches!(&*request.method, "GET" | "HEAD" | "LIST" | "OPTIONS"))
            && part(&self.path, &request.path)
            && part(&self.containing, &String::from_utf8_lossy(&request.body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_up_rule_makes_room_for_the_next() {
        let rule = |status, skip, times| Rule {
            method: Some("PUT".to_owned()),
            path: Some("/creds/".to_owned()),
            status: Some(status),
            skip,
            times,
            ..Rule::default()
        };
        let mut faults = Faults::new(FaultPlan {
            rules: vec![rule(503, 1, Some(1)), rule(429, 0, None)],
        });
        let request = |method: &str| Request {
            method: method.to_owned(),
            path: "/v1/aws/creds/x".to_owned(),
            ..Request::default()
        };
        let mut status = |method| faults.take(&request(method)).error.map(|error| error.0);
        assert_eq!(status("GET"), None);
        assert_eq!(status("PUT"), Some(429), "the first lets one pass");
        assert_eq!(status("PUT"), Some(503));
        assert_eq!(status("PUT"), Some(429));
        assert_eq!(faults.met(), [1, 2]);
    }

    #[test]
    fn a_rule_for_writes_lets_reads_pass() {
        let rule = Rule {
            writes: true,
            status: Some(500),
            ..Rule::default()
        };
        let mut faults = Faults::new(FaultPlan { rules: vec![rule] });
        for (method, is_met) in [
            ("GET", false),
            ("LIST", false),
            ("PATCH", true),
            ("DELETE", true),
        ] {
            let request = Request {
                method: method.to_owned(),
                ..Request::default()
            };
            assert_eq!(faults.take(&request).error.is_some(), is_met, "{method}");
        }
        assert_eq!(faults.met(), [2]);
    }
}
