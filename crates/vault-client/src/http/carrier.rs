//! Who carries requests to a Vault.

use std::error::Error;

use async_trait::async_trait;

/// Carries requests to a Vault in reqwest's place: through a proxy of the program's own, or to a
/// stand-in in the same process.
///
/// Limits of time and size, retries and redirects stay with [`HttpVault`](crate::HttpVault);
/// dropping the future gives the request up.
#[async_trait]
pub trait Carrier: Send + Sync + 'static {
    /// Carries one request and brings the answer. The request holds tokens and secrets: an error
    /// must show nothing of it.
    async fn carry(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<http::Response<Vec<u8>>, Box<dyn Error + Send + Sync>>;
}
