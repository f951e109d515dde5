//! stdout and stderr. A reader that went away stops nothing: what was asked for is still done.

use std::io::{self, Write};

use kube::core::DynamicObject;

use crate::args::Format;
use crate::complaint::Complaint;
use crate::verdict::Verdict;

/// Where results and complaints go.
pub struct Printer<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    format: Option<Format>,
    printed: bool,
    failed: bool,
}

impl std::fmt::Debug for Printer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Printer")
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl<'a> Printer<'a> {
    /// Prints results to `out` in that format, complaints to `err`.
    pub fn new(out: &'a mut dyn Write, err: &'a mut dyn Write, format: Option<Format>) -> Self {
        Self {
            out,
            err,
            format,
            printed: false,
            failed: false,
        }
    }

    /// Whether everything went well.
    pub fn all_well(&self) -> bool {
        !self.failed
    }

    /// One request on which nothing is left to do.
    pub fn request(&mut self, request: &DynamicObject, verdict: Verdict, written: bool) {
        let text = match self.format {
            None if written => verdict.done().to_owned(),
            None => verdict.already().to_owned(),
            Some(Format::Name) => {
                let name = request.metadata.name.as_deref().unwrap_or_default();
                format!("awsaccesskeyrequest.engine.kubevault.com/{name}")
            }
            Some(format) => match self.document(request, format) {
                Ok(text) => text,
                Err(e) => return self.complaint(&Complaint::new(e)),
            },
        };
        self.printed = true;
        let written = writeln!(self.out, "{text}").and_then(|()| self.out.flush());
        self.settle(written);
    }

    fn document(&self, request: &DynamicObject, format: Format) -> Result<String, String> {
        let mut shown = request.clone();
        // As kubectl does: it is long, and nobody asked for it.
        shown.metadata.managed_fields = None;
        if format == Format::Json {
            return serde_json::to_string_pretty(&shown).map_err(|e| e.to_string());
        }
        // By way of a JSON value: keys in order.
        let value = serde_json::to_value(&shown).map_err(|e| e.to_string())?;
        let yaml = serde_saphyr::to_string(&value).map_err(|e| e.to_string())?;
        let between = if self.printed { "---\n" } else { "" };
        Ok(format!("{between}{}", yaml.trim_end()))
    }

    /// Something that could not be done.
    pub fn complaint(&mut self, complaint: &Complaint) {
        self.failed = true;
        self.note(&complaint.to_string());
    }

    /// A line on stderr that is no failure.
    pub fn note(&mut self, text: &str) {
        // Nobody is left to be told that stderr is closed.
        drop(writeln!(self.err, "{text}"));
    }

    /// Text on stdout.
    pub fn text(&mut self, text: &str) {
        let written = self
            .out
            .write_all(text.as_bytes())
            .and_then(|()| self.out.flush());
        self.settle(written);
    }

    fn settle(&mut self, written: io::Result<()>) {
        match written {
            Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
                self.complaint(&Complaint::new(format!("writing to stdout: {e}")));
            }
            _ => {}
        }
    }
}
