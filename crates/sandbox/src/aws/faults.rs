//! What goes wrong on purpose.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::request::Params;
use crate::faults::Cut;

/// What shall go wrong. Given anew as a whole; the default is nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaultPlan {
    /// What happens to which calls; of those that fit, the first applies.
    pub rules: Vec<Rule>,
    /// How many calls a second AWS takes, by action; `*` counts all of them
    /// together. More get `Throttling`.
    pub rates: BTreeMap<String, f64>,
    /// For how long a new access key is refused: IAM is eventually consistent.
    pub new_keys_refused_for_seconds: f64,
}

/// What happens to some calls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// An action's name, or `*`.
    pub action: String,
    /// Only where a parameter, such as the name of a user, contains this.
    pub containing: Option<String>,
    /// How many fitting calls to let pass first.
    pub skip: u64,
    /// How many calls to apply it to; without it, to all.
    pub times: Option<u64>,
    /// Refuse with this code, such as `AccessDenied`, after the signature was
    /// checked and before anything is done.
    pub error: Option<String>,
    /// Another status than AWS has for the code.
    pub status: Option<u16>,
    /// Other words than AWS has for the code.
    pub message: Option<String>,
    /// How long to wait before anything is done.
    pub delay_ms: u64,
    /// How long to keep the answer back once everything is done.
    pub answer_delay_ms: u64,
    /// Cut the connection instead of answering.
    pub cut: Option<Cut>,
}

/// What happens to one call. To wait and to cut is up to whoever has the
/// connection and a clock.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fault {
    pub(super) error: Option<(String, Option<u16>, Option<String>)>,
    pub(super) is_throttled: bool,
    /// How long to wait before the request is handled.
    pub delay: std::time::Duration,
    /// How long to wait with the answer.
    pub answer_delay: std::time::Duration,
    /// Whether to cut the connection, and when.
    pub cut: Option<Cut>,
}

/// A plan and how far it has come.
#[derive(Debug, Default)]
pub(super) struct Faults {
    plan: FaultPlan,
    /// By rule: how many calls fitted.
    fitted: Vec<u64>,
    /// By rated action: what is left, and since when.
    buckets: BTreeMap<String, (f64, Timestamp)>,
}

impl Faults {
    pub(super) fn new(plan: FaultPlan) -> Self {
        let fitted = vec![0; plan.rules.len()];
        Self {
            plan,
            fitted,
            buckets: BTreeMap::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.plan.rules.is_empty() && self.plan.rates.is_empty()
    }

    pub(super) fn new_keys_refused_for(&self) -> SignedDuration {
        SignedDuration::try_from_secs_f64(self.plan.new_keys_refused_for_seconds)
            .unwrap_or_default()
    }

    /// What happens to this call.
    pub(super) fn take(&mut self, action: &str, params: &Params, now: Timestamp) -> Fault {
        let mut fault = Fault {
            is_throttled: self.throttle(action, now),
            ..Fault::default()
        };
        let fits = |rule: &Rule| {
            let named = rule.action == "*" || rule.action.eq_ignore_ascii_case(action);
            let part = rule.containing.as_deref();
            named && part.is_none_or(|part| params.values().any(|value| value.contains(part)))
        };
        // A rule that is used up makes room for the next one.
        for (rule, fitted) in self.plan.rules.iter().zip(&mut self.fitted) {
            let last = rule.times.map(|times| rule.skip.saturating_add(times));
            if last.is_some_and(|last| *fitted >= last) || !fits(rule) {
                continue;
            }
            *fitted += 1;
            if *fitted <= rule.skip {
                continue;
            }
            fault.error = rule
                .error
                .clone()
                .map(|code| (code, rule.status, rule.message.clone()));
            fault.delay = std::time::Duration::from_millis(rule.delay_ms);
            fault.answer_delay = std::time::Duration::from_millis(rule.answer_delay_ms);
            fault.cut = rule.cut;
            break;
        }
        fault
    }

    fn throttle(&mut self, action: &str, now: Timestamp) -> bool {
        let mut is_throttled = false;
        for (name, rate) in &self.plan.rates {
            if name != "*" && !name.eq_ignore_ascii_case(action) {
                continue;
            }
            // A second's worth may come at once.
            let most = rate.max(1.0);
            let bucket = self.buckets.entry(name.clone()).or_insert((most, now));
            let waited = now.duration_since(bucket.1).as_secs_f64().max(0.0);
            *bucket = ((bucket.0 + waited * rate).min(most), now);
            if bucket.0 < 1.0 {
                is_throttled = true;
            } else {
                bucket.0 -= 1.0;
            }
        }
        is_throttled
    }
}
