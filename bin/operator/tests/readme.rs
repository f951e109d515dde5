//! The tables of flags in the README are clap's own.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Arg, CommandFactory as _};
use leasehold_operator::args::Cli;

const BEGIN: &str = "<!-- flags: written by UPDATE=1 cargo test -p leasehold-operator -->\n";
const END: &str = "<!-- end of flags -->\n";

fn tables() -> String {
    let mut text = String::new();
    for command in Cli::command().get_subcommands() {
        writeln!(text, "\n### leasehold {}\n", command.get_name()).unwrap();
        writeln!(text, "{}.\n", command.get_about().unwrap()).unwrap();
        text += "| flag | default | environment | meaning |\n| --- | --- | --- | --- |\n";
        for arg in command.get_arguments().filter(|a| !a.is_hide_set()) {
            if !["help", "version"].contains(&arg.get_id().as_str()) {
                text += &row(arg);
            }
        }
    }
    text + "\n"
}

fn row(arg: &Arg) -> String {
    let takes = arg.get_action().takes_values();
    let value = arg
        .get_value_names()
        .and_then(|names| names.first())
        .filter(|_| takes);
    let value = value.map(|v| format!(" {v}")).unwrap_or_default();
    let short = arg
        .get_short()
        .map(|c| format!("`-{c}`, "))
        .unwrap_or_default();
    let default = arg.get_default_values().first().and_then(|v| v.to_str());
    let default = default.filter(|v| takes && !v.is_empty());
    let default = default.map(|v| format!("`{v}`")).unwrap_or_default();
    let env = arg
        .get_env()
        .map(|e| format!("`{}`", e.to_str().unwrap()))
        .unwrap_or_default();
    let help = arg
        .get_help()
        .unwrap()
        .to_string()
        .replace('\n', " ")
        .replace('|', "\\|");
    format!(
        "| {short}`--{}{value}` | {default} | {env} | {help} |\n",
        arg.get_long().unwrap()
    )
}

#[test]
fn flags_are_claps() {
    Cli::command().debug_assert();
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&file).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (found, after) = rest.split_once(END).unwrap();
    let wanted = tables();
    if std::env::var_os("UPDATE").is_some_and(|v| v == "1") {
        std::fs::write(&file, [before, BEGIN, &wanted, END, after].concat()).unwrap();
        return;
    }
    assert!(
        found == wanted,
        "README.md does not say what the flags are; write it with: UPDATE=1 cargo test -p leasehold-operator"
    );
}
