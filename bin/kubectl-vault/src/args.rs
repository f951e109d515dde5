//! The command line, with kubectl's flags and words.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::complaint::Complaint;
use crate::verdict::Verdict;

/// Say yes or no to requests for AWS keys.
///
/// Nothing is issued for an AWSAccessKeyRequest before a person approved it.
#[derive(Parser, Debug)]
#[command(
    name = "kubectl-vault",
    bin_name = "kubectl vault",
    disable_version_flag = true,
    args_override_self = true,
    max_term_width = 100
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Where, and as whom.
    #[command(flatten)]
    pub connect: ConnectArgs,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Approve requests: the operator issues the keys
    #[command(after_help = APPROVE_EXAMPLES)]
    Approve(DecideArgs),
    /// Deny requests for good: no keys are issued, and issued ones are revoked
    #[command(after_help = DENY_EXAMPLES)]
    Deny(DecideArgs),
    /// Print the version of this plugin
    Version,
    /// Print a completion script for `kubectl-vault`; for `kubectl vault` nothing needs to be loaded
    #[command(after_help = COMPLETION_EXAMPLES)]
    Completion {
        /// The shell
        shell: Shell,
    },
}

impl Command {
    /// The verdict, if this is about one.
    pub fn verdict(&self) -> Option<(Verdict, &DecideArgs)> {
        match self {
            Self::Approve(args) => Some((Verdict::Approve, args)),
            Self::Deny(args) => Some((Verdict::Deny, args)),
            Self::Version | Self::Completion { .. } => None,
        }
    }
}

const APPROVE_EXAMPLES: &str = "\
Examples:
  # Approve one request
  kubectl vault approve awsaccesskeyrequest app -n demo

  # Approve two, and say why
  kubectl vault approve awsaccesskeyrequest app batch -n demo --message 'ticket 4711'

  # Approve the requests that stand in a file
  kubectl vault approve -f request.yaml

  # Approve all requests of a team
  kubectl vault approve awsaccesskeyrequests -l team=shop -n demo";

const DENY_EXAMPLES: &str = "\
Examples:
  # Deny a request; one that was approved before loses its keys
  kubectl vault deny awsaccesskeyrequest app -n demo

  # Deny all requests of a namespace
  kubectl vault deny awsaccesskeyrequests --all -n demo";

const COMPLETION_EXAMPLES: &str = "\
kubectl completes `kubectl vault` by itself when kubectl_complete-vault is on the PATH.

Examples:
  # For the command kubectl-vault, in bash
  source <(kubectl vault completion bash)";

/// Which requests, and how to say it.
#[derive(Args, Debug, Default)]
pub struct DecideArgs {
    /// TYPE NAME..., or TYPE/NAME...; TYPE is awsaccesskeyrequest
    #[arg(value_name = "TYPE NAME | TYPE/NAME")]
    pub resources: Vec<String>,
    /// A file with the requests, `-` for standard input; may be given several times
    #[arg(short, long, value_name = "FILE", value_delimiter = ',')]
    pub filename: Vec<PathBuf>,
    /// Those with these labels, for example -l key1=value1,key2!=value2
    #[arg(short = 'l', long, value_name = "LABELS")]
    pub selector: Option<String>,
    /// All of the namespace
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, hide_possible_values = true, value_name = "BOOL")]
    pub all: bool,
    /// What to print: `approved` or `denied` if absent
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<Format>,
    /// What to write beside the verdict, for people who look at the request later
    #[arg(long, value_name = "TEXT")]
    pub message: Option<String>,
}

/// What to print.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// TYPE/NAME
    Name,
    /// The object as JSON
    Json,
    /// The object as YAML
    Yaml,
}

/// Shells with a completion script.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

/// Where, and as whom: kubectl's flags.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Flags of every command")]
pub struct ConnectArgs {
    /// The namespace; if absent, the one of the context
    #[arg(short, long, global = true, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Path to the kubeconfig file
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The kubeconfig context to use
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// The kubeconfig cluster to use
    #[arg(long, global = true, value_name = "NAME")]
    pub cluster: Option<String>,
    /// The kubeconfig user to use
    #[arg(long, global = true, value_name = "NAME")]
    pub user: Option<String>,
    /// The address of the Kubernetes API server
    #[arg(short, long, global = true, value_name = "URL")]
    pub server: Option<String>,
    /// Bearer token for the API server
    #[arg(long, global = true, value_name = "TOKEN")]
    pub token: Option<String>,
    /// User to impersonate
    #[arg(long = "as", global = true, value_name = "USER")]
    pub as_user: Option<String>,
    /// Group to impersonate; may be given several times
    #[arg(long, global = true, value_name = "GROUP")]
    pub as_group: Vec<String>,
    /// How long to wait for an answer: 5, 5s, 2m, 1h; 0 for ever; one minute if absent
    #[arg(long, global = true, value_name = "TIME", value_parser = request_timeout)]
    pub request_timeout: Option<Duration>,
    /// Do not check the API server's certificate
    #[arg(long, global = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, hide_possible_values = true, value_name = "BOOL")]
    pub insecure_skip_tls_verify: bool,
}

impl ConnectArgs {
    /// How long one request may take; `None` for ever.
    pub fn timeout(&self) -> Option<Duration> {
        let timeout = self.request_timeout.unwrap_or(Duration::from_secs(60));
        (!timeout.is_zero()).then_some(timeout)
    }
}

fn request_timeout(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => 0,
    };
    match digits.parse::<u32>() {
        Ok(number) if unit > 0 => Ok(Duration::from_secs(u64::from(number) * unit)),
        _ => Err("Invalid timeout value. Timeout must be a single integer in seconds, or an integer followed by a corresponding time unit (e.g. 1s | 2m | 3h)".into()),
    }
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Asked {
    /// A command to run.
    Run(Box<Cli>),
    /// A help text, for stdout.
    Help(String),
}

/// Reads a command line, the program's name included.
pub fn parse<I, T>(words: I) -> Result<Asked, Complaint>
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let words: Vec<OsString> = words.into_iter().map(Into::into).collect();
    match Cli::try_parse_from(&words) {
        Ok(cli) => Ok(Asked::Run(Box::new(cli))),
        Err(e) => refuse(&e, &words),
    }
}

/// Clap's refusal in kubectl's words.
fn refuse(error: &clap::Error, words: &[OsString]) -> Result<Asked, Complaint> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(s)) => s.clone(),
        _ => String::new(),
    };
    let argument = text(ContextKind::InvalidArg);
    let said = match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::MissingSubcommand => {
            return Ok(Asked::Help(error.render().to_string()));
        }
        ErrorKind::InvalidSubcommand => {
            return Err(Complaint::new(format!(
                "unknown command \"{}\" for \"kubectl vault\"\nRun 'kubectl vault --help' for usage.",
                text(ContextKind::InvalidSubcommand)
            )));
        }
        ErrorKind::UnknownArgument => unknown_flag(&argument, words),
        ErrorKind::InvalidValue if text(ContextKind::InvalidValue).is_empty() => {
            needs_argument(&argument, words)
        }
        ErrorKind::InvalidValue if argument.contains("--output") => {
            return Err(Complaint::new(format!(
                "unable to match a printer suitable for the output format \"{}\", allowed formats are: json,name,yaml",
                text(ContextKind::InvalidValue)
            )));
        }
        ErrorKind::ValueValidation if argument.contains("--request-timeout") => {
            let value = text(ContextKind::InvalidValue);
            return Err(Complaint::new(
                request_timeout(&value).err().unwrap_or_default(),
            ));
        }
        _ => {
            let rendered = error.render().to_string();
            let first = rendered.lines().next().unwrap_or_default();
            first.trim_start_matches("error: ").to_owned()
        }
    };
    Err(Complaint::new(format!(
        "{said}\nSee 'kubectl vault{} --help' for usage.",
        subcommand(words)
    )))
}

/// `unknown flag: --x`, or as kubectl says it of a letter: `unknown shorthand flag: 'x' in -xy`.
fn unknown_flag(flag: &str, words: &[OsString]) -> String {
    if flag.starts_with("--") {
        return format!("unknown flag: {flag}");
    }
    let Some(letter) = flag.chars().nth(1) else {
        return format!("unknown argument: {flag}");
    };
    let typed = words
        .iter()
        .filter_map(|w| w.to_str())
        .find(|w| w.starts_with('-') && !w.starts_with("--") && w.contains(letter));
    format!(
        "unknown shorthand flag: '{letter}' in {}",
        typed.unwrap_or(flag)
    )
}

/// `flag needs an argument: --namespace`, or of a letter `'n' in -n`. Clap names a flag with its
/// value: `--namespace <NAME>`.
fn needs_argument(flag: &str, words: &[OsString]) -> String {
    let name = flag.split_whitespace().next().unwrap_or(flag);
    let last = words.last().and_then(|w| w.to_str()).unwrap_or_default();
    match last.strip_prefix('-') {
        Some(letters) if !letters.starts_with('-') && !letters.is_empty() => {
            let letter = letters.chars().last().unwrap_or_default();
            format!("flag needs an argument: '{letter}' in {last}")
        }
        _ => format!("flag needs an argument: {name}"),
    }
}

fn subcommand(words: &[OsString]) -> String {
    let known = Cli::command();
    words
        .iter()
        .skip(1)
        .filter_map(|w| w.to_str())
        .find(|w| known.find_subcommand(w).is_some())
        .map_or_else(String::new, |w| format!(" {w}"))
}
