//! How many credentials a second a running stand-in makes and deletes, over
//! kept connections:
//! `cargo run --release --example aws_rate -- URL [COUNT [CONNECTIONS]]`.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use leasehold_sandbox::aws::{Config, Request, sign};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[expect(clippy::disallowed_methods, reason = "it measures time")]
fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let url = args.next().ok_or("which URL?")?;
    let count: u32 = args.next().as_deref().unwrap_or("5000").parse()?;
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let connections: u32 = args.next().as_deref().unwrap_or("1").parse()?;

    let start = Instant::now();
    let threads: Vec<_> = (0..connections)
        .map(|number| {
            let host = host.to_owned();
            std::thread::spawn(move || {
                credentials(&host, number, count / connections).map_err(|error| error.to_string())
            })
        })
        .collect();
    for thread in threads {
        thread.join().map_err(|_| "a thread panicked")??;
    }
    let seconds = start.elapsed().as_secs_f64();
    let rate = f64::from(count) / seconds;
    writeln!(
        std::io::stdout(),
        "{count} users and keys made and deleted in {seconds:.2} s: {rate:.0} a second, {:.0} calls a second",
        rate * 4.0
    )?;
    Ok(())
}

fn credentials(host: &str, connection: u32, count: u32) -> Result<()> {
    let mut aws = Client {
        stream: BufReader::new(TcpStream::connect(host)?),
        host: host.to_owned(),
        config: Config::default(),
    };
    aws.stream.get_ref().set_nodelay(true)?;
    for n in 0..count {
        let user = format!("rate-{connection}-{n}");
        aws.call("CreateUser", &user, "")?;
        let xml = aws.call("CreateAccessKey", &user, "")?;
        let id = xml
            .split_once("<AccessKeyId>")
            .and_then(|(_, rest)| rest.split_once('<'))
            .map(|(id, _)| id)
            .ok_or("no key")?;
        let id = format!("&AccessKeyId={id}");
        aws.call("DeleteAccessKey", &user, &id)?;
        aws.call("DeleteUser", &user, "")?;
    }
    Ok(())
}

struct Client {
    stream: BufReader<TcpStream>,
    host: String,
    config: Config,
}

impl Client {
    #[expect(clippy::disallowed_methods, reason = "a signature has a time")]
    fn call(&mut self, action: &str, user: &str, more: &str) -> Result<String> {
        let body = format!("Action={action}&Version=2010-05-08&UserName={user}{more}");
        let mut request = Request {
            method: "POST".into(),
            path: "/".into(),
            headers: vec![("Host".into(), self.host.clone())],
            body: body.into_bytes(),
        };
        let Config {
            root_key,
            root_secret,
            ..
        } = &self.config;
        let now = jiff::Timestamp::now();
        sign(
            &mut request,
            root_key,
            root_secret,
            None,
            ("us-east-1", "iam"),
            now,
        );
        let mut text = format!(
            "POST / HTTP/1.1\r\nContent-Length: {}\r\n",
            request.body.len()
        );
        for (name, value) in &request.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend(&request.body);
        self.stream.get_mut().write_all(&bytes)?;

        let mut status = String::new();
        self.stream.read_line(&mut status)?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        let body = String::from_utf8(body)?;
        if status.contains(" 200 ") {
            Ok(body)
        } else {
            Err(format!("{action}: {status}{body}").into())
        }
    }
}
