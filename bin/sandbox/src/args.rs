//! The command line.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::Parser;

/// Stand-ins for Kubernetes, Vault and AWS, and the operator at work. Not for production.
///
/// The three servers start empty, get Leasehold's definitions, rights and policies and a namespace
/// `demo` with an AppBinding and AWS credentials, and stay up until Ctrl-C. What to paste into
/// another shell for kubectl, vault and aws stands on standard output. Nothing is kept.
#[derive(Parser, Debug, Clone)]
#[command(name = "leasehold-sandbox", version, max_term_width = 100)]
pub struct Args {
    /// Where the servers listen. Beyond the loopback anybody who reaches this address and has a
    /// token is served; there is no protection worth the name
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub listen: IpAddr,
    /// The port of Kubernetes; 0 is any free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub kube_port: u16,
    /// The port of Vault; 0 is any free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub vault_port: u16,
    /// The port of AWS; 0 is any free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub aws_port: u16,
    /// Where the kubeconfig is written; the folder must be there. If absent: a new folder that goes
    /// when the program ends
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// How many times as fast as time the servers' clock runs, and the operator's. Above 500 the
    /// operator's timers fall behind
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = speed)]
    pub speed: f64,
    /// Start the servers only; run the operator yourself
    #[arg(long)]
    pub no_operator: bool,
    /// Instead of staying up: play what Leasehold does, step by step, and end. The exit code is 1
    /// if a step does not do what it says
    #[arg(long, conflicts_with_all = ["no_operator", "speed", "dir"])]
    pub tutorial: bool,
    /// The tutorial as plain lines: no colours, nothing drawn over. So it is, too, where standard
    /// output is no terminal; NO_COLOR takes the colours only
    #[arg(long, requires = "tutorial")]
    pub plain: bool,
    /// What is logged, on stderr: a level, or levels by module (info,leasehold_controller=debug). If
    /// absent: warn; error in the tutorial, which lets things go wrong on purpose
    #[arg(long, env = "LEASEHOLD_LOG", value_name = "FILTER")]
    pub log: Option<String>,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: Option<f64> = text.parse().ok();
    speed
        .filter(|speed| (0.0..=100_000.0).contains(speed))
        .ok_or_else(|| "a number from 0, which is a clock that stands still, to 100000".to_owned())
}
