//! The real command-line programs, run away from the tester's own settings.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::wait::DEADLINE;

/// A command-line program with its environment. Nothing is inherited.
#[derive(Debug, Clone)]
pub struct Cli {
    program: PathBuf,
    home: PathBuf,
    path: Vec<PathBuf>,
    env: Vec<(OsString, OsString)>,
    stdin: Option<Vec<u8>>,
}

/// How a program ended.
#[derive(Debug, Clone)]
pub struct Run {
    /// The program and its arguments, for messages.
    pub command: String,
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

impl Run {
    /// Whether the program says it succeeded.
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }

    /// What it printed, or an error that shows everything.
    pub fn ok(self) -> Result<String> {
        if self.success() {
            return Ok(self.stdout);
        }
        let Self {
            command,
            code,
            stdout,
            stderr,
        } = self;
        bail!("{command}: exit code {code:?}\nstdout: {stdout}\nstderr: {stderr}")
    }
}

impl Cli {
    /// A program with an otherwise empty home and a PATH of its own folder and
    /// the system's.
    pub fn new(program: &Path, home: &Path) -> Self {
        let system = [Path::new("/usr/bin"), Path::new("/bin")];
        Self {
            program: program.to_owned(),
            home: home.to_owned(),
            path: program
                .parent()
                .into_iter()
                .chain(system)
                .map(Path::to_owned)
                .collect(),
            env: Vec::new(),
            stdin: None,
        }
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Puts a folder first on the PATH: kubectl finds its plugins there.
    pub fn path_dir(mut self, dir: &Path) -> Self {
        self.path.insert(0, dir.to_owned());
        self
    }

    /// Feeds the program's standard input, which is empty otherwise.
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(input.into());
        self
    }

    /// Runs the program to its end. An unhappy exit code is not an error here,
    /// see [`Run::ok`]; one that never ends is.
    pub async fn run(&self, args: &[&str]) -> Result<Run> {
        let name = self
            .program
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let command = format!("{name} {}", args.join(" "));
        match tokio::time::timeout(DEADLINE, self.output(args)).await {
            Ok(output) => {
                let output = output.with_context(|| format!("run {command}"))?;
                Ok(Run {
                    command,
                    code: output.status.code(),
                    stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
                    stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
                })
            }
            Err(_) => bail!("{command} does not end"),
        }
    }

    async fn output(&self, args: &[&str]) -> Result<std::process::Output> {
        std::fs::create_dir_all(&self.home).context("make a home")?;
        let mut child = Command::new(&self.program)
            .args(args)
            .env_clear()
            .env("HOME", &self.home)
            .env(
                "PATH",
                std::env::join_paths(&self.path).context("join the PATH")?,
            )
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.home)
            .stdin(if self.stdin.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdin = child.stdin.take();
        let feed = async {
            if let (Some(mut pipe), Some(input)) = (stdin, &self.stdin) {
                // A program may end without reading all of it.
                let _ = pipe.write_all(input).await;
            }
        };
        let ((), output) = tokio::join!(feed, child.wait_with_output());
        Ok(output?)
    }
}
