//! What the clock does by itself, and how a server ends.

use std::time::Duration;

use jiff::SignedDuration;
use tokio::net::TcpStream;

use crate::board::served;
use crate::client::Client;

#[tokio::test]
async fn what_is_due_is_done_without_a_request() {
    let (shared, server) = served().await;
    let hour = shared.now() + SignedDuration::from_hours(1);
    shared.with(|board| board.due = Some(hour));
    let mut client = Client::to(server.address()).await;
    client
        .send("GET /due?watch HTTP/1.1\r\nHost: h\r\n\r\n")
        .await;
    client.head().await.unwrap();
    shared.clock().advance(SignedDuration::from_hours(2));
    assert_eq!(client.chunk().await.unwrap(), "due");
}

#[tokio::test]
async fn what_a_fast_clock_makes_due_is_done() {
    let (shared, server) = served().await;
    let hour = shared.now() + SignedDuration::from_hours(1);
    shared.with(|board| board.due = Some(hour));
    shared.clock().set_rate(3_600_000.0);
    while shared.with(|board| board.notes.is_empty()) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop(server);
}

#[tokio::test]
async fn a_server_that_is_stopped_frees_its_port() {
    let (_shared, server) = served().await;
    let address = server.address();
    let mut idle = Client::to(address).await;
    idle.ask("GET /x", "").await.unwrap();
    server.stop().await;
    assert!(idle.ends().await);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn one_that_is_dropped_ends_too() {
    let (_shared, server) = served().await;
    let address = server.address();
    let mut idle = Client::to(address).await;
    idle.ask("GET /x", "").await.unwrap();
    drop(server);
    assert!(idle.ends().await);
    while TcpStream::connect(address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_end() {
    let (shared, server) = served().await;
    let plan = serde_json::json!({"rules": [{"answer_delay_ms": 50}]});
    let plan = serde_json::from_value(plan).unwrap();
    shared.with(|board| leasehold_sandbox::face::Served::set_faults(board, plan));
    let mut client = Client::to(server.address()).await;
    client
        .send("POST /n HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nnote")
        .await;
    while shared.with(|board| board.notes.is_empty()) {
        tokio::task::yield_now().await;
    }
    let (said, ()) = tokio::join!(client.answer(), server.stop());
    assert_eq!(said.unwrap().status, 200);
}
