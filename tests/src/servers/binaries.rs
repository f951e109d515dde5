//! Where the programs are.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, bail};

/// The programs that `tests/servers/build.sh` built.
#[derive(Debug, Clone)]
pub struct Binaries {
    bin: PathBuf,
}

impl Binaries {
    /// Builds the programs if they are not there yet, which takes about a
    /// quarter of an hour once, and finds them otherwise.
    ///
    /// `LEASEHOLD_SERVERS` names a folder to use as it is instead.
    pub fn locate() -> Result<Self> {
        static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        let folder = FOLDER
            .get_or_init(|| match std::env::var_os("LEASEHOLD_SERVERS") {
                Some(folder) => Ok(folder.into()),
                None => build().map_err(|error| format!("{error:#}")),
            })
            .as_ref()
            .map_err(|error| anyhow!("{error}"))?;
        let bin = folder.join("bin");
        if !bin.is_dir() {
            bail!("no folder {}", bin.display());
        }
        Ok(Self { bin })
    }

    /// The folder of all programs, to be put on a PATH.
    pub fn bin(&self) -> &Path {
        &self.bin
    }

    /// The path of one program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }
}

fn build() -> Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("servers/build.sh");
    let output = Command::new(&script)
        .stderr(Stdio::inherit()) // its progress
        .output()
        .with_context(|| format!("run {}", script.display()))?;
    if !output.status.success() {
        bail!("{} failed ({})", script.display(), output.status);
    }
    let stdout = String::from_utf8(output.stdout).context("read the folder")?;
    let folder = stdout
        .lines()
        .last()
        .context("build.sh printed no folder")?;
    Ok(folder.into())
}
