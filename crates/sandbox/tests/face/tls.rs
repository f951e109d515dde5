//! TLS with a certificate made at start.

use std::sync::Arc;

use leasehold_sandbox::clock::Clock;
use leasehold_sandbox::face::{Identity, Server, Settings, Shared};
use tokio::io::{AsyncReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::board::Board;
use crate::client::Client;

async fn served() -> (Identity, Server) {
    let identity = Identity::new(&["localhost", "127.0.0.1"]).unwrap();
    let settings = Settings {
        identity: Some(identity.clone()),
        ..Settings::default()
    };
    let shared = Shared::new(Board::default(), Clock::default());
    let address = ([127, 0, 0, 1], 0).into();
    let server = Server::bind(shared, address, settings).await.unwrap();
    (identity, server)
}

fn connector(trusted: &Identity) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(trusted.authority().as_bytes()).unwrap();
    roots.add(authority).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

#[tokio::test]
async fn who_trusts_the_authority_is_served() {
    let (identity, server) = served().await;
    for name in ["localhost", "127.0.0.1"] {
        let stream = TcpStream::connect(server.address()).await.unwrap();
        let name = ServerName::try_from(name).unwrap();
        let stream = connector(&identity).connect(name, stream).await.unwrap();
        let mut client = Client(BufReader::new(stream));
        for _ in 0..2 {
            assert_eq!(client.ask("GET /x", "").await.unwrap().status, 200);
        }
    }
}

#[tokio::test]
async fn who_trusts_another_is_not() {
    let (_identity, server) = served().await;
    let other = Identity::new(&["localhost"]).unwrap();
    let stream = TcpStream::connect(server.address()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    assert!(connector(&other).connect(name, stream).await.is_err());
}

#[tokio::test]
async fn plain_http_is_told_so() {
    let (_identity, server) = served().await;
    let mut client = Client::to(server.address()).await;
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let mut said = String::new();
    client.0.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.0 400 "), "{said}");
    assert!(said.ends_with("Client sent an HTTP request to an HTTPS server.\n"));
}

#[tokio::test]
async fn a_stopped_server_does_not_wait_for_handshakes() {
    let (_identity, server) = served().await;
    let mut silent = Client::to(server.address()).await;
    server.stop().await;
    assert!(silent.ends().await);
}
