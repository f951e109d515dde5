//! The program as a process: exit codes, what it prints, signals.
#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leasehold-sandbox"));
    command.env_clear();
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn ended(args: &[&str]) -> (Option<i32>, String) {
    let output = program().args(args).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

/// One that is up, and the variables it told.
struct Up {
    child: Child,
    told: String,
    variables: BTreeMap<String, String>,
}

impl Drop for Up {
    fn drop(&mut self) {
        // One that has ended is no error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Up {
    fn start(args: &[&str]) -> Self {
        let mut child = program().args(args).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut told, mut variables) = (String::new(), BTreeMap::new());
        for line in lines {
            let line = line.unwrap();
            told = told + &line + "\n";
            let variable = line.strip_prefix("export ");
            if let Some((name, value)) = variable.and_then(|line| line.split_once('=')) {
                variables.insert(name.to_owned(), value.to_owned());
            }
            // The first line after the exports.
            if line.starts_with("# The operator") {
                return Self {
                    child,
                    told,
                    variables,
                };
            }
        }
        let mut words = String::new();
        let mut stderr = child.stderr.take().unwrap();
        stderr.read_to_string(&mut words).unwrap();
        child.wait().unwrap();
        panic!("it ended: {told}{words}");
    }

    fn end(&mut self, signal: &str) -> Option<i32> {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(sent.success());
        self.child.wait().unwrap().code()
    }
}

#[test]
fn what_it_does_not_understand_is_exit_code_2() {
    for (args, words) in [
        (&["--bogus"][..], "unexpected argument '--bogus'"),
        (&["--listen", "localhost"], "invalid IP address"),
        (&["--speed=-1"], "a number from 0"),
        (&["--speed=fast"], "a number from 0"),
        (&["--kube-port", "70000"], "70000"),
    ] {
        let (code, text) = ended(args);
        assert_eq!(code, Some(2), "{args:?}: {text}");
        assert!(text.contains(words), "{args:?}: {text}");
    }
    let (code, text) = ended(&["--help"]);
    assert_eq!(code, Some(0));
    assert!(text.contains("Not for production"), "{text}");
}

#[test]
fn what_cannot_work_is_exit_code_1_with_its_cause() {
    let (code, text) = ended(&["--dir", "/nonexistent/folder"]);
    assert_eq!(code, Some(1), "{text}");
    let words = "error: the kubeconfig cannot be written into /nonexistent/folder\n  caused by: ";
    assert!(text.contains(words), "{text}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, text) = ended(&["--vault-port", &port]);
    assert_eq!(code, Some(1), "{text}");
    let words = format!("error: cannot listen at 127.0.0.1:{port}");
    assert!(text.contains(&words), "{text}");
}

#[test]
fn it_tells_how_to_come_in_and_leaves_nothing_behind() {
    let mut up = Up::start(&[]);
    assert!(up.told.contains("NOT FOR PRODUCTION"), "{}", up.told);
    let names: Vec<&str> = up.variables.keys().map(String::as_str).collect();
    let expected = [
        "AWS_ACCESS_KEY_ID",
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "KUBECONFIG",
        "VAULT_ADDR",
        "VAULT_TOKEN",
    ];
    assert_eq!(names, expected);
    for url in ["VAULT_ADDR", "AWS_ENDPOINT_URL"] {
        assert!(up.variables[url].starts_with("http://127.0.0.1:"), "{url}");
    }
    let kubeconfig = Path::new(&up.variables["KUBECONFIG"]).to_owned();
    let mode = kubeconfig.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(up.end("-INT"), Some(0));
    assert!(!kubeconfig.exists(), "its folder went with it");
}

#[test]
fn a_folder_of_ones_own_keeps_the_kubeconfig() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    std::fs::write(&path, "readable by all").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    let dir = folder.path().to_str().unwrap();
    let mut up = Up::start(&["--dir", dir, "--no-operator", "--listen", "127.0.0.2"]);
    assert_eq!(Path::new(&up.variables["KUBECONFIG"]), path);
    assert!(up.variables["VAULT_ADDR"].starts_with("http://127.0.0.2:"));
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(up.end("-TERM"), Some(0));
    assert!(path.exists());
}
