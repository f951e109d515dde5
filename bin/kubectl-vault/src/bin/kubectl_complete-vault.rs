//! kubectl runs this for the tab key, with the words after `kubectl vault`.

use std::io::{self, Write};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mut lines = kubectl_vault::complete::complete(&words).await.join("\n");
    lines.push('\n');
    // A shell that went away needs no candidates.
    drop(io::stdout().write_all(lines.as_bytes()));
}
