//! One run of the plugin.

use std::ffi::OsString;
use std::io::{Read, Write};

use clap::CommandFactory;
use clap_complete::{Shell as Script, generate};

use crate::args::{Asked, Cli, Command, Shell, parse};
use crate::connect::connect;
use crate::decide::{Server, decide};
use crate::output::Printer;
use crate::resource::wanted;

/// Does what the words say; returns whether all went well.
pub async fn run(
    words: Vec<OsString>,
    stdin: &mut dyn Read,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> bool {
    let asked = parse(words);
    let format = match &asked {
        Ok(Asked::Run(cli)) => cli.command.verdict().and_then(|(_, args)| args.output),
        _ => None,
    };
    let mut printer = Printer::new(out, err, format);
    match asked {
        Ok(Asked::Run(cli)) => command(*cli, stdin, &mut printer).await,
        Ok(Asked::Help(text)) => printer.text(&text),
        Err(e) => printer.complaint(&e),
    }
    printer.all_well()
}

async fn command(cli: Cli, stdin: &mut dyn Read, printer: &mut Printer<'_>) {
    if let Some((verdict, args)) = cli.command.verdict() {
        let wanted = match wanted(args, verdict, stdin) {
            Ok(wanted) => wanted,
            Err(e) => return printer.complaint(&e),
        };
        match connect(&cli.connect).await {
            Ok((client, namespace)) => {
                let given = cli.connect.namespace.is_some();
                let server = Server::new(client, namespace, given, cli.connect.timeout());
                decide(&server, verdict, wanted, args.message.as_deref(), printer).await;
            }
            Err(e) => printer.complaint(&e),
        }
        return;
    }
    match cli.command {
        Command::Completion { shell } => printer.text(&script(shell)),
        _ => printer.text(&format!(
            "kubectl-vault (Leasehold) {}\n",
            env!("CARGO_PKG_VERSION")
        )),
    }
}

fn script(shell: Shell) -> String {
    let shell = match shell {
        Shell::Bash => Script::Bash,
        Shell::Zsh => Script::Zsh,
        Shell::Fish => Script::Fish,
    };
    let mut text = Vec::new();
    generate(shell, &mut Cli::command(), "kubectl-vault", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}
