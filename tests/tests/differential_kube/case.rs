//! How the case files are read.
//!
//! ```text
//! ### the name of a case
//! PATCH ${core}/configmaps/a?fieldManager=me
//! @merge
//! {"data": {"x": "1"}}
//! ```
//!
//! Lines before the first case may say `@set NAME = VALUE`; `${NAME}` stands for the value in
//! paths, headers and bodies, and `${ns}` for the file's namespace. Of a case, the lines after
//! the first that begin with `@` say how it is asked, the others are the body, in base64 if it
//! is protobuf. Lines between cases that begin with `# ` are remarks.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Who {
    /// May do everything.
    Admin,
    /// The user `limited` of the group `devs`.
    Limited,
    /// Shows no token.
    Nobody,
    /// Shows a token that the server never gave; with `${NAME}`, one that it did.
    Token(String),
}

/// When the answer is there that counts: what controllers do takes its time.
#[derive(Debug, Clone)]
pub(crate) enum Until {
    Status(u16),
    Holds(String, Value),
}

/// One call.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) who: Who,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<String>,
    /// The body stands for other bytes, which are not text.
    pub(crate) is_base64: bool,
    /// Asked again until then.
    pub(crate) until: Option<Until>,
    /// Of a watch: how many events are read before it is given up.
    pub(crate) events: Option<usize>,
    /// What of the answer later cases use: a name and a JSON pointer.
    pub(crate) save: Vec<(String, String)>,
}

/// The cases of a file, their `@set`s filled in.
pub(crate) fn read(text: &str) -> Result<Vec<Case>> {
    let mut parts = text.split("\n### ");
    let sets = sets(parts.next().unwrap_or_default())?;
    parts
        .map(|part| {
            let mut part = part.to_owned();
            for (name, value) in &sets {
                part = part.replace(&format!("${{{name}}}"), value);
            }
            case(&part).with_context(|| part.lines().next().unwrap_or_default().to_owned())
        })
        .collect()
}

fn sets(head: &str) -> Result<Vec<(String, String)>> {
    let lines = head.lines().filter_map(|line| line.strip_prefix("@set "));
    let mut sets: Vec<(String, String)> = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(" = ").context("@set NAME = VALUE")?;
        // Later ones may use earlier ones.
        let mut value = value.to_owned();
        for (earlier, is) in &sets {
            value = value.replace(&format!("${{{earlier}}}"), is);
        }
        sets.push((name.to_owned(), value));
    }
    Ok(sets)
}

fn case(part: &str) -> Result<Case> {
    let mut lines = part.lines().filter(|line| !line.starts_with("# "));
    let name = lines.next().context("a name")?.to_owned();
    let call = lines.next().context("a call")?;
    let (method, path) = call.split_once(' ').context("METHOD PATH")?;
    let mut case = Case {
        name,
        method: method.to_owned(),
        path: path.to_owned(),
        who: Who::Admin,
        headers: Vec::new(),
        body: None,
        is_base64: false,
        until: None,
        events: None,
        save: Vec::new(),
    };
    let mut body = Vec::new();
    for line in lines {
        match line.strip_prefix('@') {
            Some(directive) if body.is_empty() => direct(&mut case, directive)?,
            _ => body.push(line),
        }
    }
    while body.last().is_some_and(|line| line.is_empty()) {
        body.pop();
    }
    if !body.is_empty() {
        case.body = Some(body.join("\n"));
    }
    let has_type = case.headers.iter().any(|(name, _)| name == "Content-Type");
    if case.body.is_some() && !has_type {
        content_type(&mut case, "application/json");
    }
    Ok(case)
}

fn direct(case: &mut Case, directive: &str) -> Result<()> {
    let (word, rest) = directive.split_once(' ').unwrap_or((directive, ""));
    match word {
        "json-patch" => content_type(case, "application/json-patch+json"),
        "merge" => content_type(case, "application/merge-patch+json"),
        "strategic" => content_type(case, "application/strategic-merge-patch+json"),
        "apply" => content_type(case, "application/apply-patch+yaml"),
        "type" => content_type(case, rest),
        "limited" => case.who = Who::Limited,
        "nobody" => case.who = Who::Nobody,
        "token" => case.who = Who::Token(rest.to_owned()),
        "header" => {
            let (name, value) = rest.split_once(": ").context("@header NAME: VALUE")?;
            case.headers.push((name.to_owned(), value.to_owned()));
        }
        "protobuf" => {
            content_type(case, "application/vnd.kubernetes.protobuf");
            case.is_base64 = true;
        }
        "empty" => case.body = Some(String::new()),
        "file" => case.body = Some(manifest(case, rest)?),
        "until" => case.until = Some(until(rest)?),
        "events" => case.events = Some(rest.parse().context("@events NUMBER")?),
        "save" => {
            let (name, pointer) = rest.split_once(' ').context("@save NAME /POINTER")?;
            case.save.push((name.to_owned(), pointer.to_owned()));
        }
        _ => bail!("what is @{word}?"),
    }
    Ok(())
}

fn content_type(case: &mut Case, value: &str) {
    let header = ("Content-Type".to_owned(), value.to_owned());
    case.headers.push(header);
}

/// A file of this repository as the body.
fn manifest(case: &mut Case, path: &str) -> Result<String> {
    content_type(case, "application/yaml");
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    std::fs::read_to_string(format!("{root}/{path}")).with_context(|| path.to_owned())
}

fn until(rest: &str) -> Result<Until> {
    if let Ok(status) = rest.parse() {
        return Ok(Until::Status(status));
    }
    let (pointer, value) = rest
        .split_once(' ')
        .context("@until STATUS, or /POINTER JSON")?;
    ensure!(pointer.starts_with('/'), "{pointer} is no pointer");
    Ok(Until::Holds(
        pointer.to_owned(),
        serde_json::from_str(value)?,
    ))
}
