//! A server as a child process that cannot outlive the test.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::wait;

/// Starts a server and keeps it tethered to the test by a pipe: when the test
/// ends, in whatever way (SIGKILL included, which runs no destructor), the
/// kernel closes the pipe, and the shell terminates the server.
///
/// Arguments: the log, then the server's program and arguments. It prints the
/// server's process id and ends with the server's exit status.
const TETHER: &str = r#"
log=$1
shift
exec 2>>"$log"
"$@" </dev/null >>"$log" 2>&1 &
server=$!
exec 3<&0
(
    while read -r _; do :; done <&3
    trap '' TERM # from here on it ends by itself
    kill -TERM "$server"
    kill -CONT "$server"
    tries=0
    while kill -0 "$server"; do
        [ "$tries" -lt 100 ] || kill -KILL "$server"
        sleep 0.05
        tries=$((tries + 1))
    done
) >/dev/null 2>&1 &
guard=$!
echo "$server"
exec >/dev/null
wait "$server"
status=$?
kill "$guard" 2>/dev/null
wait "$guard" 2>/dev/null
exit "$status"
"#;

/// Longer than the tether takes to lose patience with a server (5 s).
const STOP_DEADLINE: Duration = Duration::from_secs(20);

/// What to run: program, arguments, environment, log.
#[derive(Debug, Clone)]
pub struct Spec {
    name: &'static str,
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    log: PathBuf,
}

impl Spec {
    /// A server that writes `NAME.log` in `dir`, which is also its home: no
    /// server may find the settings or tokens of the person who runs the tests.
    pub fn new(name: &'static str, program: &Path, dir: &Path) -> Self {
        Self {
            name,
            program: program.to_owned(),
            args: Vec::new(),
            env: vec![
                ("HOME".into(), dir.into()),
                ("PATH".into(), "/usr/bin:/bin".into()),
            ],
            log: dir.join(format!("{name}.log")),
        }
    }

    /// Adds one argument.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds `NAME=VALUE`, where the value is a path or needs no quoting.
    pub fn flag(self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        let mut arg = OsString::from(format!("{name}="));
        arg.push(value);
        self.arg(arg)
    }

    /// Sets an environment variable. Nothing is inherited.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }
}

/// A running server; dropping it stops it.
#[derive(Debug)]
pub struct Process {
    spec: Spec,
    pid: Pid,
    /// The shell that holds the server. Its standard input is the tether.
    tether: Child,
    exited: Option<ExitStatus>,
}

impl Process {
    /// Starts the server. It is running, not yet ready: see [`Self::ready`].
    pub fn spawn(spec: Spec) -> Result<Self> {
        let (tether, pid) = launch(&spec).with_context(|| format!("start {}", spec.name))?;
        Ok(Self {
            spec,
            pid,
            tether,
            exited: None,
        })
    }

    /// Waits until `probe` succeeds. If the server ends before, or takes too
    /// long, the error shows the end of its log.
    pub async fn ready<F>(&mut self, mut probe: impl FnMut() -> F) -> Result<()>
    where
        F: Future<Output = Result<()>>,
    {
        let start = tokio::time::Instant::now();
        loop {
            // Asked first: another program on the server's port might answer.
            if let Some(status) = self.exited() {
                bail!(
                    "{} ended early ({status}):\n{}",
                    self.spec.name,
                    self.log_tail(30)
                );
            }
            let Err(error) = probe().await else {
                return Ok(());
            };
            if start.elapsed() > wait::DEADLINE {
                let (name, log) = (self.spec.name, self.log_tail(30));
                bail!("{name} not ready, last: {error:#}; its log:\n{log}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// How the server ended, if it did.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        if self.exited.is_none() {
            self.exited = self.tether.try_wait().ok().flatten();
        }
        self.exited
    }

    /// The server's own process id, not its tether's.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Asks the server to end (SIGTERM) and waits until it has; one that does
    /// not within five seconds is killed.
    pub async fn stop(&mut self) -> Result<()> {
        drop(self.tether.stdin.take());
        self.ended().await
    }

    /// Kills the server (SIGKILL), as a crash would, and waits until it is gone.
    pub async fn kill(&mut self) -> Result<()> {
        self.signal(Signal::KILL)?;
        self.ended().await
    }

    /// Freezes the server (SIGSTOP): its port still accepts, nothing answers.
    pub fn pause(&mut self) -> Result<()> {
        self.signal(Signal::STOP)?;
        // Its threads stop one by one; until all have, a request may still be answered.
        while self.exited().is_none() && !self.is_frozen()? {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Whether all its threads are stopped, as the kernel tells.
    fn is_frozen(&self) -> Result<bool> {
        let folder = format!("/proc/{}/task", self.pid());
        for thread in std::fs::read_dir(&folder).with_context(|| folder.clone())? {
            // One that has ended meanwhile answers nothing either.
            let state = std::fs::read_to_string(thread?.path().join("stat")).unwrap_or_default();
            // After the name, which may hold anything, in parentheses.
            let state = state.rsplit_once(") ").map_or("T", |(_, rest)| rest);
            if !state.starts_with(['T', 't']) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Lets a frozen server go on.
    pub fn resume(&mut self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Starts the same program with the same arguments once more, after
    /// [`Self::stop`] or [`Self::kill`].
    pub fn start_again(&mut self) -> Result<()> {
        if self.exited().is_none() {
            bail!("{} is still running", self.spec.name);
        }
        let (tether, pid) =
            launch(&self.spec).with_context(|| format!("restart {}", self.spec.name))?;
        self.tether = tether;
        self.pid = pid;
        self.exited = None;
        Ok(())
    }

    /// The last `lines` lines the server wrote, over all its starts.
    pub fn log_tail(&self, lines: usize) -> String {
        let log = std::fs::read(&self.spec.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let all: Vec<&str> = log.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// Where the server's output goes.
    pub fn log_path(&self) -> &Path {
        &self.spec.log
    }

    fn signal(&mut self, signal: Signal) -> Result<()> {
        // The tether reaps the server and then ends itself: as long as it runs,
        // the id is the server's.
        if let Some(status) = self.exited() {
            bail!("{} has already ended ({status})", self.spec.name);
        }
        kill_process(self.pid, signal)
            .with_context(|| format!("signal {} ({})", self.spec.name, self.pid()))
    }

    async fn ended(&mut self) -> Result<()> {
        let start = Instant::now();
        while self.exited().is_none() {
            if start.elapsed() > STOP_DEADLINE {
                bail!("{} does not end:\n{}", self.spec.name, self.log_tail(30));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.tether.stdin.take());
        let start = Instant::now();
        while self.exited().is_none() && start.elapsed() < STOP_DEADLINE {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn launch(spec: &Spec) -> Result<(Child, Pid)> {
    let mut tether = Command::new("/bin/sh")
        .args(["-c", TETHER, "tether"])
        .arg(&spec.log)
        .arg(&spec.program)
        .args(&spec.args)
        .env_clear()
        .envs(spec.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // Ctrl-C is for the test alone; the server follows it in good order.
        .process_group(0)
        .spawn()
        .context("run /bin/sh")?;
    let stdout = tether
        .stdout
        .take()
        .ok_or_else(|| anyhow!("no pipe from the tether"))?;
    let mut line = String::new();
    BufReader::new(stdout)
        .read_line(&mut line)
        .context("read the process id")?;
    let pid = line.trim().parse().ok().and_then(Pid::from_raw);
    Ok((
        tether,
        pid.ok_or_else(|| anyhow!("no process id but {line:?}"))?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::{Stand, eventually};

    #[tokio::test]
    async fn a_server_dies_with_a_killed_test() -> Result<()> {
        // What a killed test leaves in its temporary folder goes with this one.
        let stand = Stand::new("killed")?;
        let mut test = Command::new(crate::real::binary("holds-a-server")?)
            .env("TMPDIR", stand.path(""))
            .stdout(Stdio::piped())
            .spawn()?;
        let output = BufReader::new(test.stdout.take().context("no output")?);
        let pid = output
            .lines()
            .map_while(Result::ok)
            .find_map(|line| Pid::from_raw(line.strip_prefix("holding ")?.parse().ok()?))
            .context("no server")?;
        rustix::process::test_kill_process(pid)?;

        test.kill()?;
        test.wait()?;
        eventually(
            "the server's end",
            async || match rustix::process::test_kill_process(pid) {
                Err(rustix::io::Errno::SRCH) => Ok(()),
                other => bail!("still there: {other:?}"),
            },
        )
        .await
    }
}
