//! `kubectl vault`.

use std::io;
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let words = std::env::args_os().collect();
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let well = kubectl_vault::run::run(words, &mut io::stdin(), &mut out, &mut err).await;
    if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
