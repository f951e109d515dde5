//! The program that a test kills, to see that the server it started dies with it.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use e2e::servers::{Process, Stand, process::Spec};

fn main() -> Result<()> {
    let stand = Stand::new("held")?;
    let spec = Spec::new("sleep", Path::new("/bin/sleep"), &stand.path("")).arg("1000");
    let process = Process::spawn(spec)?;
    writeln!(std::io::stdout(), "holding {}", process.pid())?;
    std::thread::sleep(Duration::from_secs(1000));
    Ok(())
}
