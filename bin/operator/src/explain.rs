//! `leasehold explain`: what the operator would do, told without doing it.

use std::io::{Read, Write};

use crate::args::ExplainArgs;

/// Explains the manifests of those files.
pub fn run(_args: &ExplainArgs, _input: &mut dyn Read, _out: &mut dyn Write) -> anyhow::Result<()> {
    anyhow::bail!("not yet")
}
