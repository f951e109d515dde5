//! `leasehold`.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use leasehold_operator::{args::Cli, execute, output::complaint};

fn main() -> ExitCode {
    // First of all: whatever speaks TLS finds this provider. A second install cannot happen here.
    drop(rustls::crypto::ring::default_provider().install_default());
    match execute(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to be told that stderr is closed.
            drop(std::io::stderr().write_all(complaint(&error).as_bytes()));
            ExitCode::FAILURE
        }
    }
}
