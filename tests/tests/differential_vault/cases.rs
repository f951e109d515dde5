//! The cases, as text: what is asked, one request after the other.
//!
//! ```text
//! == 1.5 "lease not found"                   a case, by section and row; a name in quotes is said by Vault
//! POST sys/leases/renew {"lease_id": "x"}    method, path below /v1/, body
//!     as $child                              whose token: $kept, nobody, or the token itself; else root
//!     header X-Vault-Wrap-TTL: 1m
//!     raw {"half":                           the body as it is
//!     keep child auth.client_token           a value of the answer, for {{child}} in later requests
//!     until invalid lease                    asked again until both answers contain this
//! LOGIN jo {"role": "jo"}                    auth/aws/login with a request jo signed
//!     how {"server": "other"}                what is odd about that request
//! fault {"rules": [...]}                     what AWS shall do wrong
//! kube-fault {"rules": [...]}                what Kubernetes shall do wrong
//! ```

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// One request, or something to prepare before the next ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Step {
    /// The name of the case it belongs to.
    pub(crate) case: String,
    /// File and line.
    pub(crate) place: String,
    pub(crate) what: What,
    pub(crate) method: String,
    /// The path below `/v1/`; for a login, who signs.
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
    pub(crate) raw: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) keep: Vec<(String, String)>,
    pub(crate) until: Option<String>,
    pub(crate) how: Value,
}

/// What a step does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum What {
    #[default]
    Ask,
    Login,
    Fault,
    KubeFault,
}

impl Step {
    /// What Vault is to have said in this step's case, if the name quotes it.
    pub(crate) fn quoted(case: &str) -> Option<&str> {
        let (_, rest) = case.split_once('"')?;
        rest.rsplit_once('"').map(|(quoted, _)| quoted)
    }
}

/// The steps of a file.
pub(crate) fn parse(file: &str, text: &str) -> Result<Vec<Step>> {
    let mut steps: Vec<Step> = Vec::new();
    let mut case = String::new();
    for (at, line) in text.lines().enumerate() {
        let place = format!("{file}:{}", at + 1);
        if line.trim().is_empty() {
            continue;
        }
        if let Some(name) = line.strip_prefix("== ") {
            name.clone_into(&mut case);
            continue;
        }
        let Some(more) = line.strip_prefix("    ") else {
            steps.push(step(line, &case, &place).context(place)?);
            continue;
        };
        let step = steps.last_mut().context("a detail of nothing")?;
        detail(step, more).context(place)?;
    }
    Ok(steps)
}

fn step(line: &str, case: &str, place: &str) -> Result<Step> {
    let (method, rest) = line.split_once(' ').unwrap_or((line, ""));
    let what = match method {
        "LOGIN" => What::Login,
        "fault" => What::Fault,
        "kube-fault" => What::KubeFault,
        _ => What::Ask,
    };
    let (path, body) = match what {
        What::Fault | What::KubeFault => ("", rest),
        What::Ask | What::Login => rest.split_once(' ').unwrap_or((rest, "")),
    };
    let body = match body {
        "" => None,
        body => Some(serde_json::from_str(body)?),
    };
    Ok(Step {
        case: case.to_owned(),
        place: place.to_owned(),
        what,
        method: method.to_owned(),
        path: path.to_owned(),
        body,
        how: json!({}),
        ..Step::default()
    })
}

fn detail(step: &mut Step, line: &str) -> Result<()> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.to_owned();
    match word {
        "as" => step.token = Some(rest),
        "raw" => step.raw = Some(rest),
        "until" => step.until = Some(rest),
        "how" => step.how = serde_json::from_str(&rest)?,
        "header" => step.headers.push(pair(&rest, ": ")?),
        "keep" => step.keep.push(pair(&rest, " ")?),
        word => bail!("unknown: {word}"),
    }
    Ok(())
}

fn pair(text: &str, between: &str) -> Result<(String, String)> {
    let (name, value) = text.split_once(between).context("half a pair")?;
    Ok((name.to_owned(), value.to_owned()))
}
