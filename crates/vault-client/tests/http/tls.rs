//! Whom the client trusts, and under which name.

use std::net::SocketAddr;
use std::sync::Arc;

use leasehold_vault_client::{Connection, ErrorKind, Health};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::support::*;

struct Server {
    address: SocketAddr,
    ca: Vec<u8>,
    /// SNI and `Host` of each request.
    heard: mpsc::UnboundedReceiver<(Option<String>, String)>,
}

/// A healthy Vault with a certificate of its own authority, for these names.
async fn serve(names: &[&str]) -> Server {
    let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let certificate = CertificateParams::new(names)
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();
    let provider = Arc::new(ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, heard) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (acceptor, tell) = (acceptor.clone(), tell.clone());
            tokio::spawn(async move {
                let Ok(mut socket) = acceptor.accept(socket).await else {
                    return;
                };
                let name = socket.get_ref().1.server_name().map(str::to_owned);
                let mut request = Vec::new();
                while !request.windows(4).any(|w| w == b"\r\n\r\n") {
                    match socket.read_buf(&mut request).await {
                        Ok(n) if n > 0 => {}
                        _ => return,
                    }
                }
                let request = String::from_utf8(request).unwrap().to_lowercase();
                let host = request
                    .lines()
                    .find_map(|l| l.strip_prefix("host: "))
                    .unwrap();
                tell.send((name, host.to_owned())).unwrap();
                let body = healthy().to_string();
                let response = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = socket.write_all(response.as_bytes()).await;
                let _ = socket.shutdown().await;
            });
        }
    });
    Server {
        address,
        ca: authority.pem().into_bytes(),
        heard,
    }
}

fn trusting(server: &Server, address: String) -> Connection {
    let mut connection = Connection::new(address);
    connection.ca_pem = Some(server.ca.clone());
    connection
}

#[tokio::test]
async fn its_own_authority_is_trusted() {
    let mut server = serve(&["localhost", "127.0.0.1"]).await;
    let address = format!("https://{}", server.address);
    at(trusting(&server, address.clone()))
        .health()
        .await
        .unwrap();
    assert_eq!(
        server.heard.recv().await.unwrap(),
        (None, server.address.to_string())
    );
    // A bundle may hold more, and text between.
    let other = serve(&["x"]).await;
    let mut connection = trusting(&server, address);
    connection.ca_pem = Some([b"# ours\n", &other.ca[..], b"\n", &server.ca[..]].concat());
    at(connection).health().await.unwrap();
}

#[tokio::test]
async fn another_authority_is_not() {
    let server = serve(&["127.0.0.1"]).await;
    let other = serve(&["127.0.0.1"]).await;
    let address = format!("https://{}", server.address);
    let error = at(trusting(&other, address.clone()))
        .health()
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.path.as_str()),
        (ErrorKind::Tls, address.as_str())
    );
    assert!(
        error.says("UnknownIssuer") || error.says("BadSignature"),
        "{error}"
    );
}

#[tokio::test]
async fn unless_nothing_is_checked() {
    let server = serve(&["vault.demo"]).await;
    let mut connection = Connection::new(format!("https://{}", server.address));
    connection.insecure_skip_tls_verify = true;
    at(connection).health().await.unwrap();
}

#[tokio::test]
async fn another_name_is_told_with_the_right_ones() {
    let server = serve(&["vault.demo.svc"]).await;
    let error = at(trusting(&server, format!("https://{}", server.address)))
        .health()
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Tls);
    assert!(
        error.says("vault.demo.svc") && error.says("127.0.0.1"),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_name_is_checked_in_place_of_the_host() {
    let mut server = serve(&["vault.demo.svc"]).await;
    let address = format!("https://{}", server.address);
    let mut connection = trusting(&server, address);
    connection.server_name = Some("vault.demo.svc".into());
    at(connection.clone()).health().await.unwrap();
    let said = server.heard.recv().await.unwrap();
    assert_eq!(
        said,
        (
            Some("vault.demo.svc".to_owned()),
            server.address.to_string()
        )
    );
    connection.server_name = Some("other.demo.svc".into());
    let error = at(connection).health().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Tls);
    assert!(
        error.says("other.demo.svc") && error.says("vault.demo.svc"),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_name_for_a_host_that_is_a_name() {
    let mut server = serve(&["vault.demo.svc"]).await;
    let port = server.address.port();
    let mut connection = trusting(&server, format!("https://localhost:{port}"));
    connection.server_name = Some("vault.demo.svc".into());
    at(connection.clone()).health().await.unwrap();
    let said = server.heard.recv().await.unwrap();
    assert_eq!(
        said,
        (
            Some("vault.demo.svc".to_owned()),
            format!("localhost:{port}")
        )
    );
    connection.address = "https://elsewhere.demo:8200".into();
    connection.resolve = vec![("elsewhere.demo".into(), server.address)];
    at(connection).health().await.unwrap();
    let said = server.heard.recv().await.unwrap();
    assert_eq!(
        said,
        (
            Some("vault.demo.svc".to_owned()),
            "elsewhere.demo:8200".to_owned()
        )
    );
}

#[tokio::test]
async fn no_tls_where_it_is_expected() {
    let plain = server().await;
    let error = at(Connection {
        insecure_skip_tls_verify: true,
        ..Connection::new(plain.uri().replace("http:", "https:"))
    })
    .health()
    .await
    .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Tls);
    assert!(error.says("does not speak TLS"), "{error}");
}
