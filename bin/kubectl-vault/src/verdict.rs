//! A person's word on a request: what it adds to the request's conditions, if anything.

use k8s_openapi::jiff::Timestamp;
use kube::core::DynamicObject;
use leasehold_api_types::aws_access_key_request::{APPROVED, DENIED};
use leasehold_api_types::{Condition, condition};
use serde_json::{Value, json};

use crate::complaint::Complaint;

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Keys may be issued.
    Approve,
    /// No keys, for good.
    Deny,
}

impl Verdict {
    /// The type of its condition.
    pub fn condition_type(self) -> &'static str {
        match self {
            Self::Approve => APPROVED,
            Self::Deny => DENIED,
        }
    }

    /// The word on stdout: KubeVault's, which has one capital letter.
    pub fn done(self) -> &'static str {
        match self {
            Self::Approve => "approved",
            Self::Deny => "Denied",
        }
    }

    /// The word on stdout if there was nothing to write.
    pub fn already(self) -> &'static str {
        match self {
            Self::Approve => "already approved",
            Self::Deny => "already denied",
        }
    }

    /// Its command: `approve`, `deny`.
    pub fn command(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Approve => "KubectlApprove",
            Self::Deny => "KubectlDeny",
        }
    }

    /// What KubeVault's plugin writes.
    fn default_message(self) -> String {
        let participle = self.done().to_lowercase();
        let command = self.command();
        format!("This was {participle} by kubectl vault {command} awsaccesskeyrequest")
    }
}

/// What there is to do about a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// This JSON patch of the status.
    Write(Value),
    /// Nothing: it was said before.
    Nothing,
}

/// What a verdict changes in a request as it was read.
pub fn step(
    request: &DynamicObject,
    verdict: Verdict,
    message: Option<&str>,
    now: Timestamp,
) -> Result<Step, Complaint> {
    let name = request.metadata.name.as_deref().unwrap_or_default();
    let conditions = conditions(request)
        .map_err(|e| Complaint::new(format!("the conditions of \"{name}\" cannot be read: {e}")))?;
    let said = |type_| condition::find(&conditions, type_).filter(|c| c.is_true());
    if verdict == Verdict::Approve && said(DENIED).is_some() {
        return Err(Complaint::new(format!(
            "awsaccesskeyrequest \"{name}\" was denied, and a denial is final: create another request"
        )));
    }
    match said(verdict.condition_type()) {
        Some(before) if !is_stale(before, request) => Ok(Step::Nothing),
        _ => Ok(Step::Write(patch(
            request,
            &conditions,
            verdict,
            message,
            now,
        )?)),
    }
}

/// Said about an older spec, and not yet acted upon: the operator takes no notice of it.
fn is_stale(condition: &Condition, request: &DynamicObject) -> bool {
    let older = condition
        .observed_generation
        .is_some_and(|of| Some(of) < request.metadata.generation);
    condition.type_ == APPROVED && older && request.data["status"]["approvedGeneration"].is_null()
}

fn conditions(request: &DynamicObject) -> Result<Vec<Condition>, serde_json::Error> {
    match &request.data["status"]["conditions"] {
        Value::Null => Ok(Vec::new()),
        list => serde_json::from_value(list.clone()),
    }
}

/// Puts the condition in its place and touches nothing else. The resourceVersion that was read
/// goes along, so that a request which changed since is refused with a conflict.
fn patch(
    request: &DynamicObject,
    conditions: &[Condition],
    verdict: Verdict,
    message: Option<&str>,
    now: Timestamp,
) -> Result<Value, Complaint> {
    let unreadable = || Complaint::new("the server's answer has no resourceVersion");
    let version = request
        .metadata
        .resource_version
        .as_deref()
        .ok_or_else(unreadable)?;
    // Kubernetes keeps whole seconds.
    let now = Timestamp::from_second(now.as_second())
        .unwrap_or(now)
        .to_string();
    let mut condition = json!({
        "type": verdict.condition_type(),
        "status": "True",
        "reason": verdict.reason(),
        "message": message.map_or_else(|| verdict.default_message(), ToOwned::to_owned),
        "lastTransitionTime": now,
        "lastUpdateTime": now,
    });
    if let Some(generation) = request.metadata.generation {
        condition["observedGeneration"] = json!(generation);
    }
    let status = &request.data["status"];
    let place = conditions
        .iter()
        .position(|c| c.type_ == verdict.condition_type());
    let write = if status.is_null() {
        json!({"op": "add", "path": "/status", "value": {"conditions": [condition]}})
    } else if status["conditions"].is_null() {
        json!({"op": "add", "path": "/status/conditions", "value": [condition]})
    } else if let Some(at) = place {
        json!({"op": "replace", "path": format!("/status/conditions/{at}"), "value": condition})
    } else {
        json!({"op": "add", "path": "/status/conditions/-", "value": condition})
    };
    Ok(json!([
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
        write
    ]))
}
