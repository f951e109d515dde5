//! HTTP clients for the servers' own ports.

use std::time::Duration;

use anyhow::{Context, Result};

/// A client that trusts nobody but the given authority, and no proxy.
pub fn client(ca_pem: Option<&str>) -> Result<reqwest::Client> {
    // Of all crates in a test program exactly one must choose the provider;
    // whether it was this call or an earlier one does not matter.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let trusted = match ca_pem {
        Some(pem) => reqwest::Certificate::from_pem_bundle(pem.as_bytes())
            .context("read the authority's certificate")?,
        None => Vec::new(),
    };
    reqwest::Client::builder()
        .tls_certs_only(trusted)
        .no_proxy()
        .timeout(Duration::from_secs(60))
        .build()
        .context("make an HTTP client")
}
