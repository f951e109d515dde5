#![doc = include_str!("../README.md")]

pub mod args;
pub mod crds;
pub mod explain;
pub mod kubernetes;
pub mod output;
pub mod run;
pub mod serve;
pub mod telemetry;
pub mod values;

use args::{Cli, Command};

/// Does what the command line says.
pub fn execute(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Run(args) => run::run(*args),
        Command::Crds(args) => crds::run(&args, &mut std::io::stdout()),
        Command::Explain(args) => {
            explain::run(&args, &mut std::io::stdin(), &mut std::io::stdout())
        }
    }
}
