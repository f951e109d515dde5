//! What the command line means, and what is said of a wrong one. No server is asked.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::io::Read;
use std::time::Duration;

use kubectl_vault::args::{Asked, Cli, Format, parse};
use kubectl_vault::resource::{Named, Wanted, wanted};

/// The words of a line; `''` is an empty one.
fn words(line: &str) -> Vec<String> {
    ["kubectl-vault"]
        .into_iter()
        .chain(line.split_whitespace())
        .map(|w| if w == "''" { "" } else { w })
        .map(ToOwned::to_owned)
        .collect()
}

fn cli(line: &str) -> Cli {
    match parse(words(line)) {
        Ok(Asked::Run(cli)) => *cli,
        other => panic!("{line}: {other:?}"),
    }
}

fn meant(line: &str, mut stdin: impl Read) -> Result<Wanted, String> {
    let cli = cli(line);
    let (verdict, args) = cli.command.verdict().unwrap();
    wanted(args, verdict, &mut stdin).map_err(|e| e.to_string())
}

fn named(names: &[&str]) -> Wanted {
    let one = |name: &&str| Named {
        namespace: None,
        name: (*name).to_owned(),
    };
    Wanted::Named(names.iter().map(one).collect())
}

#[test]
fn requests_are_named_as_kubectl_has_it() {
    for (line, names) in [
        ("approve awsaccesskeyrequest app", &["app"][..]),
        ("approve awsaccesskeyrequests a b c", &["a", "b", "c"]),
        ("deny AWSAccessKeyRequest app -n demo", &["app"]),
        ("approve awsaccesskeyrequest.engine.kubevault.com a", &["a"]),
        (
            "approve awsaccesskeyrequests.v1alpha1.engine.kubevault.com a",
            &["a"],
        ),
        (
            "approve awsaccesskeyrequest/a AWSAccessKeyRequests/b",
            &["a", "b"],
        ),
        (
            "approve awsaccesskeyrequests.engine.kubevault.com/a.b-1",
            &["a.b-1"],
        ),
        ("approve --all=false awsaccesskeyrequest a", &["a"]),
    ] {
        assert_eq!(meant(line, &b""[..]), Ok(named(names)), "{line}");
    }
    let selected = |line| meant(line, &b""[..]).unwrap();
    assert_eq!(
        selected("approve awsaccesskeyrequest --all"),
        Wanted::Selected(None)
    );
    assert_eq!(
        selected("approve awsaccesskeyrequests -l a=b,c!=d"),
        Wanted::Selected(Some("a=b,c!=d".into()))
    );
}

#[test]
fn what_is_meant_by_nothing_is_said() {
    for (line, said) in [
        (
            "approve",
            "error: You must provide one or more resources by argument or filename.\n",
        ),
        (
            "approve awsaccesskeyrequest",
            "error: resource(s) were provided, but no name was specified",
        ),
        (
            "approve pods a",
            "error: the server doesn't have a resource type \"pods\"",
        ),
        (
            "approve pods/a",
            "error: the server doesn't have a resource type \"pods\"",
        ),
        (
            "approve awsaccesskeyrequest.other.com a",
            "error: the server doesn't have a resource type \"awsaccesskeyrequest.other.com\"",
        ),
        (
            "approve awsroles a",
            "error: awsroles is neither approved nor denied",
        ),
        (
            "approve --all",
            "error: at least one resource must be specified to use a selector",
        ),
        (
            "approve awsaccesskeyrequest a -l b=c",
            "error: name cannot be provided when a selector is specified",
        ),
        (
            "approve awsaccesskeyrequest/a --all",
            "error: name cannot be provided when a selector is specified",
        ),
        (
            "approve awsaccesskeyrequest --all -l b=c",
            "error: cannot set --all and --selector at the same time",
        ),
        (
            "approve awsaccesskeyrequest awsaccesskeyrequest/a",
            "error: there is no need to specify a resource type as a separate argument",
        ),
        (
            "approve awsaccesskeyrequest/",
            "error: arguments in resource/name form must have a single resource and name",
        ),
        (
            "approve awsaccesskeyrequest/a/b",
            "error: arguments in resource/name form must have a single resource and name",
        ),
        (
            "approve awsaccesskeyrequest ''",
            "error: resource name may not be empty",
        ),
        (
            "approve awsaccesskeyrequest a?b",
            "error: invalid resource name \"a?b\"",
        ),
        (
            "approve awsaccesskeyrequest ..",
            "error: invalid resource name \"..\"",
        ),
        (
            "approve -f nowhere.yaml",
            "error: the path \"nowhere.yaml\" does not exist",
        ),
        (
            "approve -f - awsaccesskeyrequest",
            "error: when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well",
        ),
    ] {
        let found = meant(line, &b""[..]).unwrap_err();
        assert!(
            found.starts_with(said),
            "{line}\nwanted: {said}\ngot: {found}"
        );
    }
}

#[test]
fn wrong_flags_are_refused_in_kubectls_words() {
    let see = |command: &str| format!("\nSee 'kubectl vault {command} --help' for usage.");
    for (line, said) in [
        ("approve --x", format!("error: unknown flag: --x{}", see("approve"))),
        ("deny -x", format!("error: unknown shorthand flag: 'x' in -x{}", see("deny"))),
        ("deny a -n", format!("error: flag needs an argument: 'n' in -n{}", see("deny"))),
        (
            "approve a --namespace",
            format!("error: flag needs an argument: --namespace{}", see("approve")),
        ),
        (
            "revoke a",
            "error: unknown command \"revoke\" for \"kubectl vault\"\nRun 'kubectl vault --help' for usage."
                .into(),
        ),
        (
            "approve a -o wide",
            "error: unable to match a printer suitable for the output format \"wide\", allowed formats are: json,name,yaml"
                .into(),
        ),
    ] {
        assert_eq!(parse(words(line)).unwrap_err().to_string(), said, "{line}");
    }
    let said = parse(words("approve a b --request-timeout 5d"))
        .unwrap_err()
        .to_string();
    assert!(said.starts_with("error: Invalid timeout value."), "{said}");
}

#[test]
fn flags_are_kubectls() {
    let cli = cli(
        "approve awsaccesskeyrequest a -n x -n demo --context c --cluster k --user u \
                   -s https://s --token t --as bob --as-group g --as-group h --kubeconfig f \
                   --request-timeout 2m --insecure-skip-tls-verify -o yaml --message m",
    );
    let to = &cli.connect;
    assert_eq!(to.namespace.as_deref(), Some("demo"), "the last one counts");
    assert_eq!(to.as_group, ["g", "h"]);
    assert_eq!(to.timeout(), Some(Duration::from_secs(120)));
    assert!(to.insecure_skip_tls_verify);
    let (_, args) = cli.command.verdict().unwrap();
    assert_eq!(
        (args.output, args.message.as_deref()),
        (Some(Format::Yaml), Some("m"))
    );
    assert_eq!(timeout("approve a b"), Some(Duration::from_secs(60)));
    assert_eq!(timeout("approve a b --request-timeout=0"), None);
    assert_eq!(
        timeout("approve a b --request-timeout=7"),
        Some(Duration::from_secs(7))
    );
}

fn timeout(line: &str) -> Option<Duration> {
    cli(line).connect.timeout()
}

#[test]
fn files_hold_requests_and_nothing_else() {
    let request = "apiVersion: engine.kubevault.com/v1alpha1\nkind: AWSAccessKeyRequest\nmetadata:\n  name: no\n";
    let two = format!("{request}  namespace: demo\n---\n# nothing\n---\n{request}");
    let found = meant("approve -f -", two.as_bytes()).unwrap();
    let name = || "no".to_owned();
    assert_eq!(
        found,
        Wanted::Named(vec![
            Named {
                namespace: Some("demo".into()),
                name: name()
            },
            Named {
                namespace: None,
                name: name()
            }
        ])
    );
    let json = r#"{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"engine.kubevault.com/v1alpha1",
        "kind":"AWSAccessKeyRequest","metadata":{"name":"no"}}]}"#;
    assert_eq!(
        meant("approve --filename=-", json.as_bytes()),
        Ok(named(&["no"]))
    );

    let role = "apiVersion: engine.kubevault.com/v1alpha1\nkind: AWSRole\nmetadata: {name: r}\n";
    for (text, said) in [
        (
            format!("{request}---\n{role}"),
            "error: cannot approve AWSRole \"r\" of STDIN: only AWS",
        ),
        (
            request.replace("engine.", "other."),
            "error: cannot approve AWSAccessKeyRequest \"no\" of",
        ),
        (
            request.replace("name:", "generateName:"),
            "error: resource name may not be empty",
        ),
        (
            "a: b".into(),
            "error: unable to decode \"STDIN\": Object 'Kind' is missing",
        ),
        ("a: [".into(), "error: error parsing STDIN: "),
        (String::new(), "error: no objects passed to approve"),
    ] {
        let found = meant("approve -f -", text.as_bytes()).unwrap_err();
        assert!(
            found.starts_with(said),
            "{text}\nwanted: {said}\ngot: {found}"
        );
    }
}

#[test]
fn help_and_version_are_answers() {
    for (line, part) in [
        ("", "Usage: kubectl vault"),
        ("approve --help", "Examples:\n  # Approve one"),
    ] {
        match parse(words(line)) {
            Ok(Asked::Help(text)) => assert!(text.contains(part), "{text}"),
            other => panic!("{line}: {other:?}"),
        }
    }
}

fn ran(line: &str) -> (bool, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let words = words(line).into_iter().map(Into::into).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let well = runtime.block_on(kubectl_vault::run::run(
        words,
        &mut std::io::empty(),
        &mut out,
        &mut err,
    ));
    (
        well,
        String::from_utf8(out).unwrap(),
        String::from_utf8(err).unwrap(),
    )
}

#[test]
fn completion_scripts_are_for_the_program_on_the_path() {
    for shell in ["bash", "zsh", "fish"] {
        let (well, out, err) = ran(&format!("completion {shell}"));
        assert!(
            well && err.is_empty() && out.contains("kubectl-vault"),
            "{shell}: {err}"
        );
    }
    let (well, out, _) = ran("version");
    assert!(well && out == format!("kubectl-vault (Leasehold) {}\n", env!("CARGO_PKG_VERSION")));
    let (well, out, err) = ran("approve --x");
    assert!(!well && out.is_empty() && err.starts_with("error: unknown flag: --x\n"));
}

#[test]
fn kubectl_is_told_what_may_stand_at_the_cursor() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for (line, found) in [
        ("''", "approve deny version completion :4"),
        ("a", "approve :4"),
        ("approve ''", "awsaccesskeyrequest :4"),
        ("-n demo deny aws", "awsaccesskeyrequest :4"),
        ("approve --out", "--output :4"),
        ("approve --as", "--as --as-group :4"),
        ("approve x y -o ''", "name json yaml :4"),
        ("approve -f ''", ":0"),
        ("approve -n ''", ":4"),
        ("completion z", "zsh :4"),
    ] {
        let words: Vec<String> = words(line).into_iter().skip(1).collect();
        let lines = runtime.block_on(kubectl_vault::complete::complete(&words));
        assert_eq!(lines.join(" "), found, "{line}");
    }
}
