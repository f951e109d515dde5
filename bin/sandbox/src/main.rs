//! `leasehold-sandbox`.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use leasehold_operator::output::complaint;
use leasehold_sandbox_bin::{args::Args, execute};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // First of all: whatever speaks TLS finds this provider. A second install cannot happen here.
    drop(rustls::crypto::ring::default_provider().install_default());
    match execute(&Args::parse(), &mut std::io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to be told that stderr is closed.
            drop(std::io::stderr().write_all(complaint(&error).as_bytes()));
            ExitCode::FAILURE
        }
    }
}
