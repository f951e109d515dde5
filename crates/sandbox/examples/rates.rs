//! How fast the three servers start and answer, the client in the same process:
//! `cargo run --release --example rates -- [COUNT]`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use leasehold_sandbox::{Config, Sandbox};
use serde_json::json;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[expect(clippy::disallowed_methods, reason = "it measures time")]
fn main() -> Result<()> {
    let count: u32 = std::env::args()
        .nth(1)
        .as_deref()
        .unwrap_or("20000")
        .parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let start = Instant::now();
    let sandbox = runtime.block_on(Sandbox::start(Config::default()))?;
    say(&format!(
        "three servers up: {:.1} ms",
        start.elapsed().as_secs_f64() * 1e3
    ))?;
    let [kube, vault, _] = sandbox.addresses();

    let token = format!("Authorization: Bearer {}", sandbox.kube_token());
    let mut client = Client::to(kube, &token)?;
    rate("ConfigMap creates over a kept connection", count, |n| {
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("c-{n}")},
            "data": {"text": "x".repeat(200)},
        });
        client.call(
            "POST",
            "/api/v1/namespaces/default/configmaps",
            &object.to_string(),
        )
    })?;

    sandbox.ask_vault(
        "POST",
        "/v1/secret/data/x",
        Some(&json!({"data": {"a": "b"}})),
    );
    let token = format!("X-Vault-Token: {}", sandbox.root_token());
    let mut client = Client::to(vault, &token)?;
    rate("Vault reads over a kept connection", count, |_| {
        client.call("GET", "/v1/secret/data/x", "")
    })?;
    runtime.block_on(sandbox.stop());
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "it measures time")]
fn rate(what: &str, count: u32, mut call: impl FnMut(u32) -> Result<()>) -> Result<()> {
    let start = Instant::now();
    for n in 0..count {
        call(n)?;
    }
    let rate = f64::from(count) / start.elapsed().as_secs_f64();
    say(&format!("{what}: {rate:.0}/s"))
}

fn say(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

struct Client {
    stream: BufReader<TcpStream>,
    header: String,
}

impl Client {
    fn to(address: SocketAddr, header: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
            header: header.to_owned(),
        })
    }

    fn call(&mut self, method: &str, path: &str, body: &str) -> Result<()> {
        let (header, length) = (&self.header, body.len());
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: h\r\n{header}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        self.stream.get_mut().write_all(text.as_bytes())?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.clone();
        let mut length = 0;
        while line.trim() != "" {
            line.clear();
            self.stream.read_line(&mut line)?;
            if let Some(text) = line.to_lowercase().strip_prefix("content-length:") {
                length = text.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        if status.contains(" 20") {
            return Ok(());
        }
        Err(format!("{status}{}", String::from_utf8_lossy(&body)).into())
    }
}
