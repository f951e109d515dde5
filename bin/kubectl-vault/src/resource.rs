//! Which requests the command line means.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use serde_json::Value;

use crate::args::DecideArgs;
use crate::complaint::Complaint;
use crate::verdict::Verdict;

const GROUP: &str = "engine.kubevault.com";
const KIND: &str = "AWSAccessKeyRequest";

/// Requests to decide upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// These, by name.
    Named(Vec<Named>),
    /// All of the namespace, or those with these labels.
    Selected(Option<String>),
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The namespace that its file gives.
    pub namespace: Option<String>,
    /// `metadata.name`.
    pub name: String,
}

/// Which requests the command line means.
pub fn wanted(
    args: &DecideArgs,
    verdict: Verdict,
    stdin: &mut dyn Read,
) -> Result<Wanted, Complaint> {
    let selecting = args.all || args.selector.is_some();
    if !args.filename.is_empty() {
        if !args.resources.is_empty() || selecting {
            return Err(Complaint::new(
                "when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well",
            ));
        }
        return files(&args.filename, verdict, stdin).map(Wanted::Named);
    }
    if args.all && args.selector.is_some() {
        return Err(Complaint::new(
            "cannot set --all and --selector at the same time",
        ));
    }
    let (slashed, plain): (Vec<&str>, Vec<&str>) = args
        .resources
        .iter()
        .map(String::as_str)
        .partition(|word| word.contains('/'));
    match (slashed.as_slice(), plain.as_slice()) {
        ([], []) if selecting => Err(Complaint::new(
            "at least one resource must be specified to use a selector",
        )),
        ([], []) => Err(Complaint::new(
            "You must provide one or more resources by argument or filename.\n\
             Example resource specifications include:\n   '-f rsrc.yaml'\n   '--filename=rsrc.json'\n   \
             '<resource> <name>'\n   '<resource>/<name>'",
        )),
        ([], [word]) => {
            known(word)?;
            if selecting {
                Ok(Wanted::Selected(args.selector.clone()))
            } else {
                Err(Complaint::new(
                    "resource(s) were provided, but no name was specified",
                ))
            }
        }
        (_, names) if selecting && (names.len() > 1 || !slashed.is_empty()) => Err(Complaint::new(
            "name cannot be provided when a selector is specified",
        )),
        ([], [word, names @ ..]) => {
            known(word)?;
            names
                .iter()
                .map(|name| named(name))
                .collect::<Result<_, _>>()
                .map(Wanted::Named)
        }
        (_, []) => slashed
            .iter()
            .map(|word| pair(word))
            .collect::<Result<_, _>>()
            .map(Wanted::Named),
        (_, [..]) => Err(Complaint::new(
            "there is no need to specify a resource type as a separate argument when passing arguments in resource/name form (e.g. 'kubectl vault approve awsaccesskeyrequest/app' instead of 'kubectl vault approve awsaccesskeyrequest awsaccesskeyrequest/app')",
        )),
    }
}

fn pair(word: &str) -> Result<Named, Complaint> {
    match word.split_once('/') {
        Some((kind, name)) if !kind.is_empty() && !name.is_empty() && !name.contains('/') => {
            known(kind)?;
            named(name)
        }
        _ => Err(Complaint::new(
            "arguments in resource/name form must have a single resource and name",
        )),
    }
}

/// A name goes into the address of the request, so it must be one segment of a path.
fn named(name: &str) -> Result<Named, Complaint> {
    if name.is_empty() {
        return Err(Complaint::new("resource name may not be empty"));
    }
    let plain = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    if !plain || name == "." || name == ".." {
        return Err(Complaint::new(format!("invalid resource name \"{name}\"")));
    }
    Ok(Named {
        namespace: None,
        name: name.to_owned(),
    })
}

/// `awsaccesskeyrequest`, plural or not, in any case, with or without version and group.
fn known(word: &str) -> Result<(), Complaint> {
    let lower = word.to_lowercase();
    let (short, suffix) = lower.split_once('.').unwrap_or((lower.as_str(), GROUP));
    let ours = suffix == GROUP || suffix == format!("v1alpha1.{GROUP}");
    match short.strip_suffix('s').unwrap_or(short) {
        "awsaccesskeyrequest" if ours => Ok(()),
        "awsrole" | "secretengine" if ours => Err(nothing_to_decide(word)),
        _ => Err(Complaint::new(format!(
            "the server doesn't have a resource type \"{word}\""
        ))),
    }
}

fn nothing_to_decide(what: &str) -> Complaint {
    Complaint::new(format!(
        "{what} is neither approved nor denied: only {KIND} is"
    ))
}

/// All requests of the files. What else stands in them is an error before anything is written.
fn files(
    paths: &[impl AsRef<Path>],
    verdict: Verdict,
    stdin: &mut dyn Read,
) -> Result<Vec<Named>, Complaint> {
    let mut found = Vec::new();
    for path in paths {
        let path = path.as_ref();
        let shown = if path == Path::new("-") {
            "STDIN".to_owned()
        } else {
            path.display().to_string()
        };
        let text = read(path, stdin).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => {
                Complaint::new(format!("the path \"{shown}\" does not exist"))
            }
            _ => Complaint::new(format!("error reading {shown}: {e}")),
        })?;
        let options = serde_saphyr::options! { strict_booleans: true };
        let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(&text, options)
            .map_err(|e| Complaint::new(format!("error parsing {shown}: {e}")))?;
        for document in &documents {
            collect(document, &shown, verdict, &mut found)?;
        }
    }
    if found.is_empty() {
        return Err(Complaint::new(format!(
            "no objects passed to {}",
            verdict.command()
        )));
    }
    Ok(found)
}

fn read(path: &Path, stdin: &mut dyn Read) -> io::Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        stdin.read_to_string(&mut text)?;
        return Ok(text);
    }
    fs::read_to_string(path)
}

fn collect(
    document: &Value,
    file: &str,
    verdict: Verdict,
    found: &mut Vec<Named>,
) -> Result<(), Complaint> {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let kind = text(&document["kind"]);
    if document.is_null() {
        return Ok(());
    }
    if let (true, Some(items)) = (kind.ends_with("List"), document["items"].as_array()) {
        return items
            .iter()
            .try_for_each(|item| collect(item, file, verdict, found));
    }
    if kind.is_empty() {
        return Err(Complaint::new(format!(
            "unable to decode \"{file}\": Object 'Kind' is missing"
        )));
    }
    let version = text(&document["apiVersion"]);
    let name = text(&document["metadata"]["name"]);
    if kind != KIND || version.split('/').next() != Some(GROUP) {
        return Err(Complaint::new(format!(
            "cannot {} {kind} \"{name}\" of {file}: only {KIND} of {GROUP} is approved or denied",
            verdict.command()
        )));
    }
    let namespace = document["metadata"]["namespace"]
        .as_str()
        .map(ToOwned::to_owned);
    found.push(Named {
        namespace,
        ..named(&name)?
    });
    Ok(())
}
