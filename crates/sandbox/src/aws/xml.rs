//! Answers as AWS writes them.

use std::fmt::{Display, Write as _};

use jiff::Timestamp;

use super::errors::Error;
use super::service::Service;

/// XML under construction: elements without attributes, nothing else.
#[derive(Debug, Clone, Default)]
pub(super) struct Xml(String);

impl Xml {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// `<tag>value</tag>`.
    pub(super) fn text(mut self, tag: &str, value: impl Display) -> Self {
        let _ = write!(self.0, "<{tag}>");
        let _ = write!(Escaped(&mut self.0), "{value}");
        let _ = write!(self.0, "</{tag}>");
        self
    }

    /// The same if there is a value.
    pub(super) fn maybe(self, tag: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.text(tag, value),
            None => self,
        }
    }

    /// A time, to the second.
    pub(super) fn time(self, tag: &str, time: Timestamp) -> Self {
        self.text(tag, seconds(time))
    }

    /// An element of elements.
    pub(super) fn node(mut self, tag: &str, content: impl FnOnce(Self) -> Self) -> Self {
        let _ = write!(self.0, "<{tag}>");
        self = content(self);
        let _ = write!(self.0, "</{tag}>");
        self
    }

    /// A list of `<member>`s.
    pub(super) fn list<T>(
        self,
        tag: &str,
        items: impl IntoIterator<Item = T>,
        member: impl Fn(Self, T) -> Self,
    ) -> Self {
        self.node(tag, |xml| {
            items
                .into_iter()
                .fold(xml, |xml, item| xml.node("member", |xml| member(xml, item)))
        })
    }

    /// What ends every page of a list.
    pub(super) fn page_end(self, marker: Option<String>) -> Self {
        self.text("IsTruncated", marker.is_some())
            .maybe("Marker", marker)
    }
}

/// `2015-08-30T12:36:00Z`.
pub(super) fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// The whole answer to an action that succeeded.
pub(super) fn success(service: Service, action: &str, result: Option<Xml>, id: &str) -> String {
    let ns = service.namespace();
    let result = result.map(|xml| xml.0);
    if service == Service::Ec2 {
        let result = result.unwrap_or_default();
        return format!(
            "<{action}Response xmlns=\"{ns}\"><requestId>{id}</requestId>{result}</{action}Response>"
        );
    }
    let result = result
        .map(|xml| format!("<{action}Result>{xml}</{action}Result>"))
        .unwrap_or_default();
    format!(
        "<{action}Response xmlns=\"{ns}\">{result}<ResponseMetadata><RequestId>{id}</RequestId>\
         </ResponseMetadata></{action}Response>"
    )
}

/// The whole answer to an action that failed.
pub(super) fn failure(service: Service, error: &Error, id: &str) -> String {
    let error_xml = |xml: Xml| {
        xml.text("Code", &error.code)
            .text("Message", &error.message)
    };
    if service == Service::Ec2 {
        let error = Xml::new().node("Errors", |xml| xml.node("Error", error_xml));
        return format!(
            "<Response>{}<RequestID>{id}</RequestID></Response>",
            error.0
        );
    }
    let ns = service.namespace();
    let whose = if error.status < 500 {
        "Sender"
    } else {
        "Receiver"
    };
    let error = Xml::new().node("Error", |xml| error_xml(xml.text("Type", whose)));
    format!(
        "<ErrorResponse xmlns=\"{ns}\">{}<RequestId>{id}</RequestId></ErrorResponse>",
        error.0
    )
}

struct Escaped<'a>(&'a mut String);

impl std::fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for char in text.chars() {
            match char {
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '&' => self.0.push_str("&amp;"),
                '"' => self.0.push_str("&quot;"),
                '\n' | '\t' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => {
                    self.0.push(char);
                }
                // XML 1.0 has no way to write these.
                _ => self.0.push('?'),
            }
        }
        Ok(())
    }
}
