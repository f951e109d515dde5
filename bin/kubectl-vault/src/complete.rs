//! What may stand where the cursor is: kubectl asks `kubectl_complete-vault` for it.

use clap::{Command, CommandFactory};
use leasehold_api_types::aws_access_key_request::{APPROVED, DENIED};
use leasehold_api_types::{Condition, condition};

use crate::args::{Asked, Cli, parse};
use crate::connect::connect;
use crate::decide::Server;
use crate::verdict::Verdict;

/// Tells kubectl's scripts that these are all candidates: no file names.
const NO_FILES: &str = ":4";
/// Tells them to offer file names.
const FILES: &str = ":0";

const TYPE: &str = "awsaccesskeyrequest";

/// The candidates for the last of the words after `kubectl vault`, and a last line for kubectl.
pub async fn complete(words: &[String]) -> Vec<String> {
    let (last, before) = words
        .split_last()
        .map_or(("", &[][..]), |(l, b)| (l.as_str(), b));
    let (mut found, end) = candidates(before, last).await;
    found.retain(|candidate| candidate.starts_with(last));
    found.push(end.to_owned());
    found
}

async fn candidates(before: &[String], last: &str) -> (Vec<String>, &'static str) {
    let root = Cli::command();
    let command = before.iter().find_map(|word| root.find_subcommand(word));
    if let Some(values) = before
        .last()
        .and_then(|flag| values_of(command.unwrap_or(&root), &root, flag))
    {
        return values;
    }
    if last.starts_with('-') {
        return (flags(command, &root), NO_FILES);
    }
    match command.map(Command::get_name) {
        None => (
            root.get_subcommands()
                .map(|c| c.get_name().to_owned())
                .collect(),
            NO_FILES,
        ),
        Some("approve") => (resources(before, Verdict::Approve).await, NO_FILES),
        Some("deny") => (resources(before, Verdict::Deny).await, NO_FILES),
        Some("completion") => (["bash", "zsh", "fish"].map(Into::into).to_vec(), NO_FILES),
        Some(_) => (Vec::new(), NO_FILES),
    }
}

/// What may follow a flag that wants a value.
fn values_of(command: &Command, root: &Command, flag: &str) -> Option<(Vec<String>, &'static str)> {
    let name = flag.strip_prefix('-')?;
    let argument = command
        .get_arguments()
        .chain(root.get_arguments())
        .find(|a| {
            a.get_long()
                .is_some_and(|long| name.strip_prefix('-') == Some(long))
                || a.get_short().is_some_and(|short| name == short.to_string())
        })?;
    if argument.is_require_equals_set() || !argument.get_action().takes_values() {
        return None;
    }
    let files = matches!(argument.get_id().as_str(), "filename" | "kubeconfig");
    let values = argument
        .get_possible_values()
        .iter()
        .map(|v| v.get_name().to_owned())
        .collect();
    Some((values, if files { FILES } else { NO_FILES }))
}

fn flags(command: Option<&Command>, root: &Command) -> Vec<String> {
    command
        .into_iter()
        .chain([root])
        .flat_map(Command::get_arguments)
        .filter_map(|a| a.get_long().map(|long| format!("--{long}")))
        .collect()
}

/// The type, then the names of the requests on which the verdict would change something.
async fn resources(before: &[String], verdict: Verdict) -> Vec<String> {
    let words = ["kubectl-vault".to_owned()]
        .into_iter()
        .chain(before.iter().cloned());
    let Ok(Asked::Run(cli)) = parse(words) else {
        return Vec::new();
    };
    let Some((_, args)) = cli.command.verdict() else {
        return Vec::new();
    };
    let Some((_, taken)) = args.resources.split_first() else {
        return vec![TYPE.to_owned()];
    };
    if args.all || args.selector.is_some() || !args.filename.is_empty() {
        return Vec::new();
    }
    let Ok((client, namespace)) = connect(&cli.connect).await else {
        return Vec::new();
    };
    // Somebody holds the tab key: an answer that comes later is of no use.
    let server = Server::new(
        client,
        namespace,
        true,
        Some(std::time::Duration::from_secs(3)),
    );
    let Ok(found) = server.list(None).await else {
        return Vec::new();
    };
    found
        .iter()
        .filter(|request| is_open(&request.data["status"]["conditions"], verdict))
        .filter_map(|request| request.metadata.name.clone())
        .filter(|name| !taken.contains(name))
        .collect()
}

fn is_open(conditions: &serde_json::Value, verdict: Verdict) -> bool {
    let conditions: Vec<Condition> = serde_json::from_value(conditions.clone()).unwrap_or_default();
    let said = |type_| condition::find(&conditions, type_).is_some_and(Condition::is_true);
    !said(DENIED) && (verdict == Verdict::Deny || !said(APPROVED))
}
