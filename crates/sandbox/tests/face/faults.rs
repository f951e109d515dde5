//! What goes wrong on purpose.

use std::time::Duration;

use leasehold_sandbox::face::{Server, Shared};
use leasehold_sandbox::faults::{Cut, FaultPlan, Rule};

use crate::board::{Board, served};
use crate::client::Client;

fn plan(shared: &Shared<Board>, rule: Rule) {
    let rules = vec![Rule {
        method: Some("POST".to_owned()),
        times: Some(1),
        ..rule
    }];
    let plan = FaultPlan { rules };
    shared.with(|board| leasehold_sandbox::face::Served::set_faults(board, plan));
}

async fn notes(shared: &Shared<Board>, server: &Server) -> usize {
    let mut client = Client::to(server.address()).await;
    assert_eq!(client.ask("GET /x", "").await.unwrap().status, 200);
    shared.with(|board| board.notes.values().map(Vec::len).sum())
}

#[tokio::test]
async fn a_cut_is_before_or_after_the_effect() {
    for (cut, expected) in [(Cut::Before, 0), (Cut::After, 1)] {
        let (shared, server) = served().await;
        let rule = Rule {
            cut: Some(cut),
            ..Rule::default()
        };
        plan(&shared, rule);
        let mut client = Client::to(server.address()).await;
        assert!(client.ask("POST /n", "note").await.is_none(), "{cut:?}");
        assert_eq!(notes(&shared, &server).await, expected, "{cut:?}");
    }
}

#[tokio::test]
async fn a_status_is_the_machines_to_give() {
    let (shared, server) = served().await;
    let rule = Rule {
        status: Some(503),
        ..Rule::default()
    };
    plan(&shared, rule);
    let mut client = Client::to(server.address()).await;
    assert_eq!(client.ask("POST /n", "note").await.unwrap().status, 503);
    assert_eq!(client.ask("POST /n", "note").await.unwrap().status, 200);
    assert_eq!(notes(&shared, &server).await, 1);
}

#[tokio::test]
async fn what_waits_keeps_nobody_else_waiting() {
    let (shared, server) = served().await;
    let rule = Rule {
        delay_ms: 100,
        answer_delay_ms: 100,
        ..Rule::default()
    };
    plan(&shared, rule);
    let mut slow = Client::to(server.address()).await;
    slow.send("POST /n HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nslow")
        .await;
    let mut client = Client::to(server.address()).await;
    // Until the slow one has been taken: then this one is on its own.
    while client.ask("POST /m", "fast").await.unwrap().status != 200 {}
    assert_eq!(slow.answer().await.unwrap().status, 200);
    assert_eq!(notes(&shared, &server).await, 2);
}

#[tokio::test]
async fn what_was_begun_is_done_though_the_client_has_gone() {
    let (shared, server) = served().await;
    let rule = Rule {
        delay_ms: 30,
        ..Rule::default()
    };
    plan(&shared, rule);
    let mut client = Client::to(server.address()).await;
    client
        .send("POST /n HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\ngone")
        .await;
    // Another request of the same kind passes once the rule is used up: the first was taken.
    let mut other = Client::to(server.address()).await;
    other.ask("GET /x", "").await.unwrap();
    drop(client);
    while notes(&shared, &server).await == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
