//! Who a server is to clients that speak TLS: a certificate made when it starts.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::server::TlsStream;

/// A certificate could not be made or used.
#[derive(Debug)]
pub struct TlsError(Box<dyn std::error::Error + Send + Sync>);

impl std::fmt::Display for TlsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a certificate cannot be made")
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}

/// A server's certificate and key, and the authority that vouches for them. Nobody else has
/// the authority's key, and it is forgotten at once.
#[derive(Clone)]
pub struct Identity {
    config: Arc<ServerConfig>,
    authority: Arc<str>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

impl Identity {
    /// A new authority, and a server under it with these names: hosts and IP addresses.
    pub fn new(names: &[&str]) -> Result<Self, TlsError> {
        Self::made(names).map_err(TlsError)
    }

    fn made(names: &[&str]) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let mut params = CertificateParams::default();
        let name = "leasehold-sandbox, not for production";
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate()?;
        let authority = params.self_signed(&key)?.pem();
        let issuer = Issuer::new(params, key);

        let key = KeyPair::generate()?;
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names)?;
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &issuer)?;
        let key = PrivateKeyDer::try_from(key.serialize_der())?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.into()], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(config),
            authority: authority.into(),
        })
    }

    /// The authority's certificate, PEM: what clients trust.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The connection once the client has shaken hands; `None` if it does not.
    pub(super) async fn accept(&self, mut stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let mut first = [0];
        // A handshake begins with a 22.
        if stream.peek(&mut first).await.ok()? == 1 && first[0].is_ascii_uppercase() {
            // As Go's server says it.
            let words = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
            // What came is taken: left unread, it would make the system cut before this is read.
            let _ = stream.try_read(&mut [0; 8192]);
            let _ = stream.write_all(words).await;
            return None;
        }
        TlsAcceptor::from(Arc::clone(&self.config))
            .accept(stream)
            .await
            .ok()
    }
}
