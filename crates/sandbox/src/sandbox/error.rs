//! Why a sandbox does not start.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;

/// A sandbox could not be started.
#[derive(Debug)]
pub struct StartError {
    words: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StartError {
    pub(super) fn address(address: SocketAddr, error: std::io::Error) -> Self {
        Self::because(format!("cannot listen at {address}"), error)
    }

    pub(super) fn system(error: std::io::Error) -> Self {
        Self::because("cannot listen".to_owned(), error)
    }

    pub(super) fn policy(why: String) -> Self {
        Self::because("the policy of AWS's root user is none".to_owned(), why)
    }

    #[cfg(feature = "tls")]
    pub(super) fn tls(error: crate::face::TlsError) -> Self {
        Self::because("no TLS".to_owned(), error)
    }

    pub(super) fn random() -> Self {
        Self {
            words: "the system gives no random numbers".to_owned(),
            source: None,
        }
    }

    fn because(words: String, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            words,
            source: Some(source.into()),
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|error| error as _)
    }
}
