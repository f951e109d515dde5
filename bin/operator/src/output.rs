//! What people read: results on stdout, complaints on stderr.

use std::io::{self, Write};

use anyhow::Context as _;

/// Writes a result. A reader that went away (`leasehold crds | head`) is no error.
pub fn print(out: &mut dyn Write, text: &str) -> anyhow::Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("writing to stdout"),
    }
}

/// An error with its causes, a line each; a cause that the line before says already is left out.
pub fn complaint(error: &anyhow::Error) -> String {
    let mut text = format!("error: {error}\n");
    let mut before = error.to_string();
    for cause in error.chain().skip(1) {
        let words = cause.to_string();
        if !before.contains(&words) {
            text = text + "  caused by: " + &words + "\n";
        }
        before = words;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_no_error_and_a_full_disk_is() {
        assert!(print(&mut Broken(io::ErrorKind::BrokenPipe), "x").is_ok());
        let error = print(&mut Broken(io::ErrorKind::StorageFull), "x").unwrap_err();
        assert!(complaint(&error).starts_with("error: writing to stdout\n  caused by: "));
    }

    #[test]
    fn causes_are_said_once() {
        let error = anyhow::anyhow!("no such file").context("reading x: no such file");
        assert_eq!(complaint(&error), "error: reading x: no such file\n");
        let error = anyhow::anyhow!("refused")
            .context("connecting")
            .context("starting");
        let wanted = "error: starting\n  caused by: connecting\n  caused by: refused\n";
        assert_eq!(complaint(&error), wanted);
    }
}
