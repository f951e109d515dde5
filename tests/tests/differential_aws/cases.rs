//! The cases, as text: what is asked, one call after the other.
//!
//! ```text
//! let all = {"Version": …}           for {{all}} in what follows; {{a*65}} is 65 times a
//! == a second user of the same name  a case
//! iam CreateUser UserName=jo         service, action, parameters
//!     PolicyDocument={{all}}         a parameter whose value has blanks
//!     as jo                          who signs; else root
//!     how stale                      what is odd about the signature
//!     keep jo                        the key in the answer: for `as jo` and {{jo_key}}
//!     keep mark Marker               the text of an element of the answer, for {{mark}}
//! ```

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

/// One call.
#[derive(Debug)]
pub(crate) struct Step {
    /// FILE: CASE, and in cases of more than one call its number.
    pub(crate) case: String,
    pub(crate) service: String,
    pub(crate) action: String,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) signer: String,
    pub(crate) how: How,
    pub(crate) keep: Vec<(String, Option<String>)>,
}

/// How a call is signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum How {
    #[default]
    Well,
    /// An hour ago.
    Stale,
    /// With another secret.
    OtherSecret,
    /// With another body than is sent.
    OtherBody,
    /// Without the session token.
    NoToken,
    /// With another session's token.
    OtherToken,
    /// Not at all.
    Unsigned,
}

/// The steps of a file.
pub(crate) fn read(file: &str, text: &str) -> Result<Vec<Step>> {
    let mut lets = BTreeMap::new();
    let mut steps: Vec<Step> = Vec::new();
    let mut case = String::new();
    let mut number = 0;
    for (at, line) in text.lines().enumerate() {
        let place = || format!("{file}:{}", at + 1);
        let line = filled(line, &lets);
        if line.trim().is_empty() || line.starts_with("# ") {
            continue;
        }
        if let Some(name) = line.strip_prefix("== ") {
            name.clone_into(&mut case);
            number = 0;
            continue;
        }
        if let Some(rest) = line.strip_prefix("let ") {
            let (name, value) = rest.split_once(" = ").with_context(place)?;
            lets.insert(name.to_owned(), value.to_owned());
            continue;
        }
        let Some(more) = line.strip_prefix("    ") else {
            number += 1;
            let case = match number {
                1 => format!("{file}: {case}"),
                _ => format!("{file}: {case} ({number})"),
            };
            steps.push(step(&line, case).with_context(place)?);
            continue;
        };
        let step = steps.last_mut().with_context(place)?;
        detail(step, more).with_context(place)?;
    }
    Ok(steps)
}

fn step(line: &str, case: String) -> Result<Step> {
    let mut words = line.split_whitespace();
    let service = words.next().context("a service")?.to_owned();
    let action = words.next().context("an action")?.to_owned();
    let params = words.map(|word| pair(word).context("NAME=VALUE"));
    Ok(Step {
        case,
        service,
        action,
        params: params.collect::<Result<_>>()?,
        signer: "root".to_owned(),
        how: How::Well,
        keep: Vec::new(),
    })
}

fn detail(step: &mut Step, line: &str) -> Result<()> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    match word {
        "as" => rest.clone_into(&mut step.signer),
        "how" => step.how = how(rest)?,
        "keep" => {
            let (name, element) = rest.split_once(' ').unzip();
            let name = name.unwrap_or(rest).to_owned();
            step.keep.push((name, element.map(str::to_owned)));
        }
        _ => step.params.push(pair(line).context("what is that?")?),
    }
    Ok(())
}

fn how(word: &str) -> Result<How> {
    Ok(match word {
        "stale" => How::Stale,
        "other-secret" => How::OtherSecret,
        "other-body" => How::OtherBody,
        "no-token" => How::NoToken,
        "other-token" => How::OtherToken,
        "unsigned" => How::Unsigned,
        _ => bail!("how is {word}?"),
    })
}

fn pair(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    Some((name.to_owned(), value.to_owned()))
}

/// The text with values for the names in it that are known.
pub(crate) fn filled(text: &str, known: &BTreeMap<String, String>) -> String {
    let mut parts = text.split("{{");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let named = part.split_once("}}");
        match named.and_then(|(name, rest)| Some((value(name, known)?, rest))) {
            Some((value, rest)) => whole.extend([value.as_str(), rest]),
            None => whole.extend(["{{", part]),
        }
    }
    whole
}

fn value(name: &str, known: &BTreeMap<String, String>) -> Option<String> {
    if let Some((text, times)) = name.split_once('*') {
        return Some(text.repeat(times.parse().ok()?));
    }
    known.get(name).cloned()
}
