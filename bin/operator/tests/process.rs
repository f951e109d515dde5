//! The program as a process: exit codes, pipes, signals.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn leasehold() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leasehold"));
    command.env_clear().env("HOME", "/nonexistent");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn ended(args: &[&str]) -> (Option<i32>, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = leasehold().args(args).output().unwrap();
    let text = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
    (status.code(), text)
}

#[test]
fn what_it_does_not_understand_is_exit_code_2() {
    for (args, words) in [
        (&["run", "--bogus"][..], "unexpected argument '--bogus'"),
        (&["run", "--cluster-name", "prod.eu"], "Vault role names"),
        (&["run", "--resync", "10"], "30s, 10m, 24h"),
        (&["run", "--keeper-max", "59s"], "at least 1m0s"),
        (&["run", "--concurrency", "0"], "1..=1024"),
        (&["run", "--resolve", "vault"], "HOST=IP:PORT"),
        (&["explain"], "--filename <FILE>"),
        (&["fly"], "unrecognized subcommand"),
    ] {
        let (code, text) = ended(args);
        assert_eq!(code, Some(2), "{args:?}: {text}");
        assert!(text.contains(words), "{args:?}: {text}");
    }
    let (code, text) = ended(&["--version"]);
    assert_eq!(
        (code, text),
        (
            Some(0),
            concat!("leasehold ", env!("CARGO_PKG_VERSION"), "\n").into()
        )
    );
}

#[test]
fn what_cannot_work_is_exit_code_1_with_its_cause() {
    let (code, text) = ended(&["run", "--listen", "off"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("error: no way to the API server: no kubeconfig was found"),
        "{text}"
    );
    let (code, text) = ended(&["run", "--kubeconfig", "/nonexistent/config"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("error: --kubeconfig /nonexistent/config\n  caused by: "),
        "{text}"
    );
    let (code, text) = ended(&["run", "--log", "loud=please"]);
    assert_eq!(code, Some(1), "{text}");
    let (code, text) = ended(&["explain", "-f", "/nonexistent/x.yaml"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("error: reading /nonexistent/x.yaml\n  caused by: No such file"),
        "{text}"
    );
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut child = leasehold().arg("crds").spawn().unwrap();
    let mut first = [0; 1];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    let complaint = String::from_utf8(stderr).unwrap();
    assert!(
        status.success() && complaint.is_empty(),
        "{status}: {complaint}"
    );
}

/// Runs before an API server that is away (`closed`) or never answers, until it says `until`.
fn running(closed: bool, until: &str) -> (Child, Vec<String>, tempfile::TempDir, TcpListener) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = if closed {
        1
    } else {
        server.local_addr().unwrap().port()
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters:\n- name: c\n  cluster: {{server: 'http://127.0.0.1:{port}'}}\nusers:\n- name: u\n  user: {{}}\ncontexts:\n- name: c\n  context: {{cluster: c, user: u}}\n"
    );
    std::fs::write(&file, config).unwrap();
    let mut command = leasehold();
    command
        .args(["run", "--listen", "127.0.0.1:0", "--grace", "1s"])
        .env("KUBECONFIG", &file);
    let mut child = command.spawn().unwrap();
    let mut lines = Vec::new();
    for line in BufReader::new(child.stderr.as_mut().unwrap()).lines() {
        lines.push(line.unwrap());
        if lines.iter().any(|line| line.contains(until)) {
            break;
        }
    }
    (child, lines, folder, server)
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .unwrap()
            .success()
    );
}

fn code(mut child: Child, within: Duration) -> Option<i32> {
    let begun = Instant::now();
    while begun.elapsed() < within {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    None
}

#[test]
fn it_waits_for_the_api_server_and_ends_when_told() {
    for name in ["TERM", "INT"] {
        let (child, lines, ..) = running(true, "does not answer; waiting");
        let line = lines.last().unwrap();
        assert!(
            line.contains("refused") && line.contains("again_in=1s"),
            "{line}"
        );
        signal(&child, name);
        assert_eq!(code(child, Duration::from_secs(5)), Some(0), "{name}");
    }
}

#[test]
fn an_api_server_that_never_answers_does_not_hold_up_the_end() {
    let (child, _, _folder, _server) = running(false, "serving /healthz");
    std::thread::sleep(Duration::from_millis(200));
    signal(&child, "TERM");
    assert_eq!(code(child, Duration::from_secs(5)), Some(0));
}

#[test]
fn health_is_served_while_the_api_server_is_away() {
    let (mut child, lines, ..) = running(true, "does not answer; waiting");
    let line = lines
        .iter()
        .find(|line| line.contains("serving /healthz"))
        .unwrap();
    let address = line.split("address=").nth(1).unwrap().trim();
    let ask = |path: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(ask("/healthz").starts_with("HTTP/1.1 200"));
    let answer = ask("/readyz");
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.contains("0 of 7"),
        "{answer}"
    );
    assert!(ask("/metrics").contains("leasehold_build_info"));
    child.kill().unwrap();
    child.wait().unwrap();
}
