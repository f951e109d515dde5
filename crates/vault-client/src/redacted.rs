//! Secrets that no log line, error, panic or `Debug` can show.

use std::fmt;

use zeroize::Zeroize;

/// A secret: never printed, wiped from memory when dropped.
///
/// ```
/// let token = leasehold_vault_client::Redacted::new("hvs.secret");
/// assert_eq!(format!("{token:?}"), "<redacted>");
/// assert_eq!(token.expose(), "hvs.secret");
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Redacted(String);

impl Redacted {
    /// Wraps a secret. White space at its ends (a token file's newline) is not part of it.
    pub fn new(secret: impl Into<String>) -> Self {
        let mut text = secret.into();
        if text.trim().len() == text.len() {
            return Self(text);
        }
        let trimmed = text.trim().to_owned();
        text.zeroize();
        Self(trimmed)
    }

    /// The secret itself: for the one place that sends or stores it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

impl Drop for Redacted {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
