//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::values;

/// Run Vault's AWS secrets engine from Kubernetes custom resources.
///
/// SecretEngines mount and configure the engine, AWSRoles say what may be issued, and an
/// AWSAccessKeyRequest that a person approved gets its keys into a Secret. Deleting the request ends
/// the keys in AWS.
#[derive(Parser, Debug)]
#[command(
    name = "leasehold",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run the operator until SIGTERM or SIGINT; a second signal ends it at once
    Run(Box<RunArgs>),
    /// Print the custom resource definitions as YAML, for `kubectl apply -f -`
    Crds(CrdsArgs),
    /// Tell what the operator would do about manifests; nothing is asked and nothing is changed
    Explain(ExplainArgs),
}

/// How the operator runs.
#[derive(Args, Debug, Clone)]
pub struct RunArgs {
    /// Name of this cluster, unique among those that share a Vault: part of Vault role names
    /// (k8s.NAME.namespace.name), so changing it later makes every role anew. None stands as `-`
    #[arg(long, env = "LEASEHOLD_CLUSTER_NAME", value_name = "NAME", default_value = "", value_parser = values::cluster_name, hide_default_value = true)]
    pub cluster_name: String,
    /// Watch this namespace only; no right beyond it is needed. If absent: the whole cluster
    #[arg(long, env = "LEASEHOLD_NAMESPACE", value_name = "NAME", value_parser = values::namespace)]
    pub namespace: Option<String>,
    /// Objects of one kind worked on at once; each may hold a call to Vault
    #[arg(long, env = "LEASEHOLD_CONCURRENCY", value_name = "N", default_value_t = 48, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub concurrency: u16,
    /// How often Vault is compared with the specs, and repaired; at least 1s
    #[arg(long, env = "LEASEHOLD_RESYNC", value_name = "TIME", default_value = "10m", value_parser = values::from_a_second)]
    pub resync: Duration,
    /// Longest life of a keeper token, and so of a key that nobody looks after any more: the request
    /// vanished, or the cluster. At least 1m
    #[arg(long, env = "LEASEHOLD_KEEPER_MAX", value_name = "TIME", default_value = "24h", value_parser = values::from_a_minute)]
    pub keeper_max: Duration,
    /// How long after its keys must have ended (--keeper-max) an object under deletion still waits
    /// for the proof, while Vault is away; then it is let go, counted and told. At least 1s
    #[arg(long, env = "LEASEHOLD_REVOCATION_DEADLINE", value_name = "TIME", default_value = "24h", value_parser = values::from_a_second)]
    pub revocation_deadline: Duration,
    /// How long work under way may take to end after a signal; keep it below the pod's
    /// terminationGracePeriodSeconds. At least 1s
    #[arg(long, env = "LEASEHOLD_GRACE", value_name = "TIME", default_value = "20s", value_parser = values::from_a_second)]
    pub grace: Duration,
    /// Where /healthz, /readyz and /metrics are served; `off` serves nothing
    #[arg(long, env = "LEASEHOLD_LISTEN", value_name = "IP:PORT", default_value = "0.0.0.0:8080", value_parser = values::listen)]
    pub listen: values::Listen,
    /// Take HOST's address from here instead of looking it up, as `curl --resolve` does:
    /// certificate and Host header stay the host's. IP or IP:PORT; without a port, the URL's. May be
    /// given several times
    #[arg(long, env = "LEASEHOLD_RESOLVE", value_name = "HOST=ADDR", value_delimiter = ',', value_parser = values::resolve)]
    pub resolve: Vec<(String, SocketAddr)>,
    /// The operator's own namespace, where it tells what it let go. If absent: POD_NAMESPACE, else
    /// the pod's own
    #[arg(long, env = "LEASEHOLD_HOME_NAMESPACE", value_name = "NAME", value_parser = values::namespace)]
    pub home_namespace: Option<String>,
    /// Name of this replica, in events and intents; each run of it adds a random suffix. If absent:
    /// POD_NAME, else the host's name
    #[arg(long, env = "LEASEHOLD_INSTANCE", value_name = "NAME")]
    pub instance: Option<String>,
    /// The kubeconfig file. If absent: those in KUBECONFIG, ~/.kube/config, else the pod's own
    /// ServiceAccount
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The kubeconfig context. If absent: the current one
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// How log lines look, on stderr
    #[arg(
        long,
        env = "LEASEHOLD_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub log_format: LogFormat,
    /// What is logged: a level, or levels by module (info,leasehold_controller=debug)
    #[arg(long, env = "LEASEHOLD_LOG", value_name = "FILTER", default_value = crate::telemetry::DEFAULT_FILTER)]
    pub log: String,
}

/// How log lines look.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Where definitions go.
#[derive(Args, Debug)]
pub struct CrdsArgs {
    /// Write one file for each kind into this directory instead of printing them
    #[arg(long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,
}

/// What to explain.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// A file with manifests, `-` for standard input; may be given several times. Kinds that the
    /// operator does not act on are passed over
    #[arg(short = 'f', long = "filename", value_name = "FILE", required = true)]
    pub filename: Vec<PathBuf>,
    /// Tell of requests as if a person had just approved them
    #[arg(long)]
    pub approved: bool,
    /// Name of the cluster, as `leasehold run` would have it
    #[arg(long, env = "LEASEHOLD_CLUSTER_NAME", value_name = "NAME", default_value = "", value_parser = values::cluster_name, hide_default_value = true)]
    pub cluster_name: String,
}
