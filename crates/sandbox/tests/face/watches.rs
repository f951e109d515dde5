//! Answers that go on.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::SignedDuration;

use crate::board::served;
use crate::client::Client;

async fn watching(address: SocketAddr, topic: &str) -> Client {
    let mut client = Client::to(address).await;
    client
        .send(format!("GET /{topic}?watch HTTP/1.1\r\nHost: h\r\n\r\n"))
        .await;
    let (status, head) = client.head().await.unwrap();
    assert_eq!(status, 200);
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    client
}

#[tokio::test]
async fn a_watch_tells_what_was_and_what_comes() {
    let (shared, server) = served().await;
    shared.with(|board| board.pin("n", "one".to_owned()));
    let mut client = watching(server.address(), "n").await;
    assert_eq!(client.chunk().await.unwrap(), "one");
    for note in ["two", "three"] {
        shared.with(|board| board.pin("n", note.to_owned()));
        assert_eq!(client.chunk().await.unwrap(), note);
    }
    server.stop().await;
    assert_eq!(client.chunk().await.unwrap(), "", "it ends, it is not cut");
    assert!(client.ends().await);
}

#[tokio::test]
async fn a_watch_ends_when_its_time_has_come_and_the_connection_goes_on() {
    let (shared, server) = served().await;
    let mut client = Client::to(server.address()).await;
    client
        .send("GET /n?watch=hour HTTP/1.1\r\nHost: h\r\n\r\n")
        .await;
    client.head().await.unwrap();
    shared.clock().advance(SignedDuration::from_mins(61));
    assert_eq!(client.chunk().await.unwrap(), "");
    assert_eq!(client.ask("GET /x", "").await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_idle_watches_are_left_alone() {
    const IDLE: usize = 2000;
    let (shared, server) = served().await;
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        idle.push(watching(server.address(), "idle").await);
    }
    let mut busy = watching(server.address(), "busy").await;
    // Heads go out before the first look at the notes: wait until all have looked.
    while shared.with(|board| board.asked.get("idle") != Some(&IDLE)) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for n in 0..100 {
        shared.with(|board| board.pin("busy", n.to_string()));
        assert_eq!(busy.chunk().await.unwrap(), n.to_string());
    }
    let asked = shared.with(|board| board.asked["idle"]);
    assert_eq!(asked, IDLE, "nobody was woken");
    shared.with(|board| board.pin("idle", "now".to_owned()));
    for client in &mut idle {
        assert_eq!(client.chunk().await.unwrap(), "now");
    }
}

#[tokio::test]
async fn who_does_not_read_keeps_nobody_waiting() {
    let (shared, server) = served().await;
    let lazy = watching(server.address(), "n").await;
    let mut client = Client::to(server.address()).await;
    let note = "x".repeat(90_000);
    // More than the system's buffers hold.
    for _ in 0..200 {
        assert_eq!(client.ask("POST /n", &note).await.unwrap().status, 200);
    }
    drop(lazy);
    assert_eq!(shared.with(|board| board.notes["n"].len()), 200);
}

#[tokio::test]
async fn a_watcher_that_goes_is_not_asked_any_more() {
    let (shared, server) = served().await;
    drop(watching(server.address(), "n").await);
    let mut client = Client::to(server.address()).await;
    let mut asked = 0;
    // Its end is seen some time; from then on nobody looks.
    for quiet in 0.. {
        client.ask("POST /n", "note").await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
        let now = shared.with(|board| board.asked["n"]);
        if now == asked && quiet > 0 {
            return;
        }
        asked = now;
    }
}
