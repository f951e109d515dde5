//! A client that sends what it is told, byte by byte.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

pub(crate) struct Client<T = TcpStream>(pub(crate) BufReader<T>);

#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Client {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        Self(BufReader::new(TcpStream::connect(address).await.unwrap()))
    }
}

impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> Client<T> {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // A server that has seen enough may close meanwhile: its answer tells.
        let _ = self.0.write_all(bytes.as_ref()).await;
    }

    /// A request and its answer; `None` if the connection ends instead.
    pub(crate) async fn ask(&mut self, line: &str, body: &str) -> Option<Said> {
        let length = body.len();
        self.send(format!(
            "{line} HTTP/1.1\r\nHost: here\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
        .await;
        self.answer().await
    }

    /// The next answer; `None` if the connection ends instead.
    pub(crate) async fn answer(&mut self) -> Option<Said> {
        let (status, head) = self.head().await?;
        let length = head
            .to_lowercase()
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = Vec::new();
        match length {
            Some(length) => {
                body.resize(length, 0);
                self.0.read_exact(&mut body).await.ok()?;
            }
            None => drop(self.0.read_to_end(&mut body).await.ok()?),
        }
        Some(Said {
            status,
            head,
            body: String::from_utf8(body).unwrap(),
        })
    }

    pub(crate) async fn head(&mut self) -> Option<(u16, String)> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = tokio::time::timeout(PATIENCE, self.0.read_line(&mut head)).await;
            if read.expect("an answer or an end").ok()? == 0 {
                return None;
            }
        }
        Some((head.split(' ').nth(1)?.parse().ok()?, head))
    }

    /// The next chunk of an answer that goes on; empty at its end.
    pub(crate) async fn chunk(&mut self) -> Option<String> {
        let mut size = String::new();
        self.0.read_line(&mut size).await.ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        self.0.read_exact(&mut chunk).await.ok()?;
        chunk.truncate(size);
        String::from_utf8(chunk).ok()
    }

    /// Whether the server closes the connection, having said no more.
    pub(crate) async fn ends(&mut self) -> bool {
        let read = tokio::time::timeout(PATIENCE, self.0.read_u8()).await;
        read.expect("an end").is_err()
    }
}

/// For what must come: a server that hangs shall fail a test, not hang it.
const PATIENCE: Duration = Duration::from_secs(60);
