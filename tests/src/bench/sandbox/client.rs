//! A client that costs little: one kept connection, one call at a time, plain HTTP/1.1.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

use crate::stand::Server;

/// One connection to one server.
pub struct Kept {
    stream: BufReader<Box<dyn Both>>,
    /// Whole lines: who calls.
    credentials: String,
}

trait Both: Read + Write + Send {}
impl<T: Read + Write + Send> Both for T {}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}

impl Kept {
    /// With a header that says who calls.
    pub fn open(server: &Server, name: &str, value: &str) -> Result<Self> {
        let (_, address) = server.url.split_once("://").context("a URL")?;
        let tcp = TcpStream::connect(address).with_context(|| format!("connect to {address}"))?;
        tcp.set_nodelay(true)?;
        let stream: Box<dyn Both> = match &server.ca_pem {
            Some(pem) => Box::new(StreamOwned::new(tls(pem, address)?, tcp)),
            None => Box::new(tcp),
        };
        Ok(Self {
            stream: BufReader::new(stream),
            credentials: format!("{name}: {value}\r\n"),
        })
    }

    /// A call that must succeed; gives the body.
    pub fn call(&mut self, method: &str, path: &str, body: &str) -> Result<Vec<u8>> {
        let (status, body) = self.ask(method, path, body)?;
        let shown = || String::from_utf8_lossy(&body).into_owned();
        ensure!(status < 300, "{method} {path}: {status} {}", shown());
        Ok(body)
    }

    /// Status and body, parsed if it is JSON.
    pub fn json(&mut self, method: &str, path: &str, body: &Value) -> Result<(u16, Value)> {
        let body = (!body.is_null()).then(|| body.to_string());
        let (status, body) = self.ask(method, path, &body.unwrap_or_default())?;
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    fn ask(&mut self, method: &str, path: &str, body: &str) -> Result<(u16, Vec<u8>)> {
        let (credentials, length) = (&self.credentials, body.len());
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: bench\r\n{credentials}Accept: application/json\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let stream = self.stream.get_mut();
        stream.write_all(text.as_bytes())?;
        stream.flush()?;
        let status = self.line()?;
        let code = status.split(' ').nth(1).and_then(|code| code.parse().ok());
        let code = code.with_context(|| format!("no status: {status}"))?;
        let mut length = Length::Bytes(0);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line
                .split_once(':')
                .map(|(name, value)| (name, value.trim()))
            {
                Some(("content-length", bytes)) => length = Length::Bytes(bytes.parse()?),
                Some(("transfer-encoding", _)) => length = Length::Chunks,
                Some(_) => {}
                None if line.is_empty() => break,
                None => bail!("no header: {line}"),
            }
        }
        Ok((code, self.body(length)?))
    }

    fn body(&mut self, length: Length) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        let mut take = |stream: &mut BufReader<_>, bytes: usize| {
            let from = body.len();
            body.resize(from + bytes, 0);
            stream.read_exact(&mut body[from..])
        };
        match length {
            Length::Bytes(bytes) => take(&mut self.stream, bytes)?,
            Length::Chunks => loop {
                let mut line = String::new();
                self.stream.read_line(&mut line)?;
                let bytes = usize::from_str_radix(line.trim(), 16)?;
                take(&mut self.stream, bytes)?;
                self.stream.read_line(&mut line)?;
                if bytes == 0 {
                    break;
                }
            },
        }
        Ok(body)
    }

    /// Without its end.
    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(
            self.stream.read_line(&mut line)? > 0,
            "the connection ended"
        );
        line.truncate(line.trim_end().len());
        Ok(line)
    }
}

#[derive(Clone, Copy)]
enum Length {
    Bytes(usize),
    Chunks,
}

fn tls(ca_pem: &str, address: &str) -> Result<ClientConnection> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let name = ServerName::try_from(host.to_owned())?;
    Ok(ClientConnection::new(Arc::new(config), name)?)
}
