//! The tutorial as a process, and how it ends where a step does not do what it says.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;
use std::process::{Command, Stdio};

use clap::Parser as _;
use leasehold_sandbox_bin::args::Args;
use leasehold_sandbox_bin::running::Running;
use leasehold_sandbox_bin::tutorial::play;
use leasehold_sandbox_bin::tutorial::screen::Style;
use serde_json::json;

const PLAIN: Style = Style {
    colour: false,
    live: false,
    width: 100,
};

#[test]
fn every_claim_holds_and_the_picture_shows_them() {
    let program = Command::new(env!("CARGO_BIN_EXE_leasehold-sandbox"))
        .arg("--tutorial")
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(program.stdout).unwrap();
    let complaints = String::from_utf8(program.stderr).unwrap();
    assert!(program.status.success(), "{text}{complaints}");
    assert_eq!(complaints, "");
    for seed in ["000", "001", "002", "003", "004"] {
        assert!(text.contains(&format!("seed {seed}")), "{seed}: {text}");
    }
    assert!(text.contains("All is well: "), "{text}");
    // No terminal: nothing is coloured or drawn over.
    assert!(!text.contains('\x1b'), "{text}");

    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/demo.svg");
    let picture = std::fs::read_to_string(picture).unwrap();
    for line in drawn(&picture) {
        assert!(
            text.contains(&line),
            "make picture: {line} is not in {text}"
        );
    }
}

/// The claims in the picture that are the same in every run.
fn drawn(picture: &str) -> Vec<String> {
    let pieces = picture.split("<tspan").filter_map(|piece| {
        let (_, rest) = piece.split_once('>')?;
        Some(rest.split_once("</tspan>")?.0.replace("&gt;", ">"))
    });
    let claims = pieces.filter(|piece| piece.starts_with('✓'));
    let fixed = claims.filter(|claim| !claim.contains(char::is_numeric));
    let fixed: Vec<String> = fixed.collect();
    assert!(fixed.len() > 8, "{fixed:?}");
    fixed
}

#[tokio::test]
async fn a_claim_that_does_not_hold_is_an_error_with_what_was_seen() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let args = Args::parse_from(["leasehold-sandbox", "--no-operator"]);
    let running = Running::start(&args).await.unwrap();
    let mut out = Vec::new();
    let error = play(running, PLAIN, &mut out).await.unwrap_err();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(error.to_string(), "the tutorial did not do what it says");
    let cause = error.source().unwrap().to_string();
    assert!(
        cause.contains("secretengine aws-secret-engine is Success: not told"),
        "{cause}"
    );
    assert!(
        text.contains("✗ secretengine aws-secret-engine is Success"),
        "{text}"
    );
    assert!(text.contains("All is not well"), "{text}");
}

#[tokio::test]
async fn what_a_server_refuses_is_said_in_its_words() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let args = Args::parse_from(["leasehold-sandbox"]);
    let running = Running::start(&args).await.unwrap();
    let rule = json!({"action": "DeleteUser", "error": "ServiceFailure", "message": "not today"});
    let plan = serde_json::from_value(json!({"rules": [rule]})).unwrap();
    running.sandbox.with_aws(|aws| aws.set_faults(plan));
    let mut out = Vec::new();
    let error = play(running, PLAIN, &mut out).await.unwrap_err();
    // The first that goes is a lease that a person revokes by hand.
    let cause = error.source().unwrap().to_string();
    assert!(cause.starts_with("sys/leases/revoke: 400"), "{cause}");
    assert!(cause.contains("not today"), "{cause}");
}

#[test]
fn flags_that_do_not_go_together_are_refused() {
    for args in [["--tutorial", "--no-operator"], ["--plain", "--log=warn"]] {
        let program = Command::new(env!("CARGO_BIN_EXE_leasehold-sandbox"))
            .args(args)
            .output()
            .unwrap();
        assert_eq!(program.status.code(), Some(2), "{args:?}");
    }
}
