//! The AWS stand-in on a port: kept connections, cuts, delays, its own calls.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use leasehold_sandbox::aws::{Aws, Config, FaultPlan, Request, sign};
use leasehold_sandbox::clock::Clock;
use leasehold_sandbox::face::{Server, Settings};
use tokio::net::TcpListener;

type Shared = leasehold_sandbox::face::Shared<Aws>;

fn start() -> (Shared, SocketAddr) {
    let aws = Aws::new(Config::default(), jiff::Timestamp::UNIX_EPOCH).unwrap();
    let shared = Shared::new(aws, Clock::default());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let served = shared.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            let _server = Server::start(served, listener, Settings::default()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    (shared, address)
}

/// One request on a connection; `None` if it was cut.
fn send(stream: &mut TcpStream, request: &Request) -> Option<(u16, String)> {
    let mut head = format!(
        "{} {} HTTP/1.1\r\nContent-Length: {}\r\n",
        request.method,
        request.path,
        request.body.len()
    );
    for (name, value) in &request.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&request.body).ok()?;
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length: usize = head
                .lines()
                .find_map(|line| {
                    line.to_lowercase()
                        .strip_prefix("content-length: ")?
                        .parse()
                        .ok()
                })
                .unwrap();
            if body.len() >= length {
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                return Some((status, body.to_owned()));
            }
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(n) => read.extend(&chunk[..n]),
        }
    }
}

fn call(shared: &Shared, stream: &mut TcpStream, body: &str) -> Option<(u16, String)> {
    let mut request = Request {
        method: "POST".into(),
        path: "/".into(),
        headers: vec![("Host".into(), "localhost".into())],
        body: body.into(),
    };
    let config = Config::default();
    let place = ("us-east-1", "iam");
    sign(
        &mut request,
        &config.root_key,
        &config.root_secret,
        None,
        place,
        shared.now(),
    );
    send(stream, &request)
}

fn own(stream: &mut TcpStream, method: &str, what: &str, body: &str) -> (u16, serde_json::Value) {
    let request = Request {
        method: method.into(),
        path: format!("/_stand_in/{what}"),
        headers: vec![("Host".into(), "localhost".into())],
        body: body.into(),
    };
    let (status, body) = send(stream, &request).unwrap();
    (status, serde_json::from_str(&body).unwrap())
}

#[test]
fn serves_over_a_kept_connection_and_shows_its_state() {
    let (shared, address) = start();
    let mut stream = TcpStream::connect(address).unwrap();
    for n in 0..3 {
        let (status, body) = call(
            &shared,
            &mut stream,
            &format!("Action=CreateUser&UserName=u{n}"),
        )
        .unwrap();
        assert_eq!(status, 200, "{body}");
    }
    let (_, state) = own(&mut stream, "GET", "state", "");
    assert_eq!(state["users"].as_object().unwrap().len(), 4);
    assert_eq!(state["counts"]["CreateUser"]["calls"], 3);
    assert_eq!(own(&mut stream, "GET", "nothing", "").0, 404);
    assert_eq!(own(&mut stream, "POST", "faults", r#"{"rule":[]}"#).0, 400);
}

#[test]
fn a_cut_is_before_or_after_the_effect() {
    let (shared, address) = start();
    let create = "Action=CreateUser&UserName=u";
    let count = || shared.with(|aws| aws.state()["users"].as_object().unwrap().len());
    for (cut, users) in [("before", 1), ("after", 2)] {
        let mut stream = TcpStream::connect(address).unwrap();
        let plan = format!(r#"{{"rules":[{{"action":"CreateUser","times":1,"cut":"{cut}"}}]}}"#);
        assert_eq!(own(&mut stream, "POST", "faults", &plan).0, 200);
        assert_eq!(call(&shared, &mut stream, create), None, "{cut}");
        assert_eq!(count(), users, "{cut}");
    }
    let mut stream = TcpStream::connect(address).unwrap();
    assert_eq!(call(&shared, &mut stream, create).unwrap().0, 409);
}

#[test]
fn a_delayed_call_keeps_nobody_waiting() {
    let (shared, address) = start();
    let plan = r#"{"rules":[{"action":"CreateUser","delay_ms":300,"answer_delay_ms":300}]}"#;
    let plan: FaultPlan = serde_json::from_str(plan).unwrap();
    shared.with(|aws| aws.set_faults(plan));
    #[expect(clippy::disallowed_methods, reason = "it measures time")]
    let start = Instant::now();
    let slow = {
        let shared = shared.clone();
        std::thread::spawn(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            call(&shared, &mut stream, "Action=CreateUser&UserName=u").unwrap()
        })
    };
    let mut stream = TcpStream::connect(address).unwrap();
    assert_eq!(call(&shared, &mut stream, "Action=GetUser").unwrap().0, 200);
    assert_eq!(slow.join().unwrap().0, 200);
    assert!(start.elapsed() >= Duration::from_millis(600));
}

#[test]
fn the_clock_and_the_root_users_rights_can_be_moved() {
    let (shared, address) = start();
    let mut stream = TcpStream::connect(address).unwrap();
    let before = shared.now();
    assert_eq!(
        own(&mut stream, "POST", "clock", r#"{"offset_seconds":7200}"#).0,
        200
    );
    assert!(shared.now().duration_since(before).as_secs() >= 7200);
    assert_eq!(own(&mut stream, "POST", "clock", "{}").0, 400);
    assert_eq!(call(&shared, &mut stream, "Action=GetUser").unwrap().0, 200);
    let nothing =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#;
    assert_eq!(own(&mut stream, "POST", "root-policy", nothing).0, 200);
    assert_eq!(call(&shared, &mut stream, "Action=GetUser").unwrap().0, 403);
}

#[test]
fn half_a_request_and_a_large_one() {
    let (shared, address) = start();
    let mut half = TcpStream::connect(address).unwrap();
    half.write_all(b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
        .unwrap();
    let mut nonsense = TcpStream::connect(address).unwrap();
    nonsense
        .write_all(b"\x16\x03\x01 not http\r\n\r\n")
        .unwrap();
    let mut large = TcpStream::connect(address).unwrap();
    let body = format!("Action=CreateUser&UserName={}", "x".repeat(2 << 20));
    let answer = call(&shared, &mut large, &body);
    assert!(answer.is_none_or(|(status, _)| status == 413));
    let mut stream = TcpStream::connect(address).unwrap();
    assert_eq!(call(&shared, &mut stream, "Action=GetUser").unwrap().0, 200);
}
