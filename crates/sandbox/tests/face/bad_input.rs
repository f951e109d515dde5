//! What no client should send, and what it gets.

use std::time::Duration;

use leasehold_sandbox::face::Limits;

use crate::board::{served, served_with};
use crate::client::Client;

#[tokio::test]
async fn what_is_no_request_is_told_so_and_the_connection_ends() {
    let (_shared, server) = served().await;
    let long = "x".repeat(70_000);
    let headers = "X: y\r\n".repeat(200);
    for (sent, status) in [
        ("nonsense\r\n\r\n".to_owned(), 400),
        ("GET\r\n\r\n".to_owned(), 400),
        ("GET /x HTTP/9.9\r\n\r\n".to_owned(), 400),
        ("GET /a b HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), 400),
        ("\u{16}\u{3}\u{1} a handshake\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(),
            400,
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n".to_owned(),
            400,
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"
                .to_owned(),
            400,
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n".to_owned(),
            400,
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_owned(),
            400,
        ),
        (format!("GET /{long} HTTP/1.1\r\nHost: h\r\n\r\n"), 414),
        (format!("GET / HTTP/1.1\r\nHost: h\r\n{headers}\r\n"), 431),
    ] {
        let mut client = Client::to(server.address()).await;
        client.send(&sent).await;
        let said = client.answer().await.map(|said| said.status);
        let start: String = sent.chars().take(80).collect();
        assert_eq!(said, Some(status), "{start}");
        assert!(client.ends().await, "{start}");
    }
    // Whoever speaks HTTP/2 is not told, in a language it does not expect.
    let mut client = Client::to(server.address()).await;
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(client.ends().await);
    let mut client = Client::to(server.address()).await;
    assert_eq!(client.ask("GET /x", "").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let limits = Limits {
        head_bytes: 10_000,
        ..Limits::default()
    };
    let (_shared, server) = served_with(limits).await;
    let mut client = Client::to(server.address()).await;
    let large = "x".repeat(20_000);
    client
        .send(format!("GET / HTTP/1.1\r\nHost: h\r\nX: {large}\r\n\r\n"))
        .await;
    assert_eq!(client.answer().await.unwrap().status, 431);
}

#[tokio::test]
async fn a_body_that_is_too_large_gets_the_machines_own_error() {
    let (shared, server) = served().await;
    let large = "x".repeat(3_000_000);
    let chunked = format!(
        "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n",
        large.len()
    );
    let known = format!("Content-Length: {}\r\n\r\n{large}", large.len());
    for rest in [known, chunked] {
        let mut client = Client::to(server.address()).await;
        client
            .send(format!("POST /n HTTP/1.1\r\nHost: h\r\n{rest}"))
            .await;
        let said = client.answer().await.unwrap();
        assert_eq!(said.status, 413);
        assert_eq!(said.json()["error"], "too large for a board");
    }
    assert!(shared.with(|board| board.notes.is_empty()));
    let mut client = Client::to(server.address()).await;
    let most = "x".repeat(100_000);
    assert_eq!(client.ask("POST /n", &most).await.unwrap().status, 200);
}

#[tokio::test]
async fn who_asks_before_sending_is_told_before() {
    let (_shared, server) = served().await;
    let mut client = Client::to(server.address()).await;
    let head = |length: usize| {
        format!(
            "POST /n HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    client.send(head(2)).await;
    assert_eq!(client.head().await.unwrap().0, 100);
    client.send("ok").await;
    assert_eq!(client.answer().await.unwrap().status, 200);
    client.send(head(3_000_000)).await;
    assert_eq!(client.answer().await.unwrap().status, 413);
}

#[tokio::test]
async fn half_requests_end_and_keep_nobody_waiting() {
    let limits = Limits {
        head_patience: Duration::from_millis(50),
        body_patience: Duration::from_millis(50),
        ..Limits::default()
    };
    let (shared, server) = served_with(limits).await;
    for half in [
        "",
        "GET",
        "GET / HTTP/1.1\r\nHost: h\r\n",
        "POST /n HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf",
        "POST /n HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha",
        "POST /n HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    ] {
        let mut waiting = Client::to(server.address()).await;
        waiting.send(half).await;
        let mut other = Client::to(server.address()).await;
        assert_eq!(other.ask("GET /x", "").await.unwrap().status, 200);
        let said = waiting.answer().await.map(|said| said.status);
        assert!(matches!(said, None | Some(100)), "{half}: {said:?}");
    }
    assert!(
        shared.with(|board| board.notes.is_empty()),
        "half a note is none"
    );
}

#[tokio::test]
async fn a_client_that_goes_in_the_middle_leaves_nothing() {
    let (shared, server) = served().await;
    let mut client = Client::to(server.address()).await;
    client
        .send("POST /n HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf")
        .await;
    drop(client);
    let mut other = Client::to(server.address()).await;
    assert_eq!(other.ask("GET /x", "").await.unwrap().status, 200);
    server.stop().await;
    assert!(shared.with(|board| board.notes.is_empty()));
}
