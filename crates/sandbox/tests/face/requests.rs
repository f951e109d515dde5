//! Requests as clients may send them.

use serde_json::json;

use crate::board::served;
use crate::client::Client;

#[tokio::test]
async fn requests_in_one_piece_are_answered_in_order() {
    let (shared, server) = served().await;
    let mut client = Client::to(server.address()).await;
    let pieces: Vec<String> = (0..3)
        .map(|n| format!("POST /notes HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\n{n};"))
        .collect();
    client.send(pieces.concat()).await;
    for _ in 0..3 {
        assert_eq!(client.answer().await.unwrap().status, 200);
    }
    let notes = shared.with(|board| board.notes["notes"].concat());
    assert_eq!(notes, "0;1;2;");
}

#[tokio::test]
async fn a_request_may_come_byte_by_byte() {
    let (_shared, server) = served().await;
    let mut client = Client::to(server.address()).await;
    for byte in
        b"POST /n HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    {
        client.send([*byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(client.answer().await.unwrap().json()["length"], 3);
}

#[tokio::test]
async fn http_1_0_needs_no_host_and_ends_the_connection() {
    let (_shared, server) = served().await;
    let mut client = Client::to(server.address()).await;
    client.send("GET /x HTTP/1.0\r\n\r\n").await;
    let said = client.answer().await.unwrap();
    assert_eq!(
        (said.status, said.json()["hosts"].clone()),
        (200, json!([]))
    );
    assert!(client.ends().await);
}

#[tokio::test]
async fn a_watch_over_http_1_0_is_what_comes_until_the_end() {
    let (shared, server) = served().await;
    let mut client = Client::to(server.address()).await;
    shared.with(|board| board.pin("n", "one".to_owned()));
    client.send("GET /n?watch HTTP/1.0\r\n\r\n").await;
    let (status, head) = client.head().await.unwrap();
    assert!(!head.to_lowercase().contains("chunked"), "{head}");
    assert_eq!(status, 200);
    drop(server);
    let mut rest = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut client.0, &mut rest)
        .await
        .unwrap();
    assert_eq!(rest, "one");
}

#[tokio::test]
async fn an_absolute_target_names_the_host() {
    let (_shared, server) = served().await;
    let mut client = Client::to(server.address()).await;
    let told = client.ask("GET http://there:1/a/b?c=%20d", "").await;
    let told = told.unwrap().json();
    assert_eq!(told["path"], "/a/b?c=%20d");
    assert_eq!(told["hosts"], json!(["there:1"]));
}

#[tokio::test]
async fn methods_are_the_machines_business() {
    let (_shared, server) = served().await;
    for (line, method, path) in [
        ("LIST /v1/x", "LIST", "/v1/x"),
        ("BREW /pot", "BREW", "/pot"),
        ("OPTIONS /x", "OPTIONS", "/x"),
        ("DELETE /a//b/../c", "DELETE", "/a//b/../c"),
    ] {
        let mut client = Client::to(server.address()).await;
        let told = client.ask(line, "").await.unwrap().json();
        assert_eq!(
            (&told["method"], &told["path"]),
            (&json!(method), &json!(path))
        );
    }
}

#[tokio::test]
async fn options_of_no_path_are_the_servers() {
    let (_shared, server) = served().await;
    let mut client = Client::to(server.address()).await;
    let said = client.ask("OPTIONS *", "").await.unwrap();
    assert_eq!((said.status, said.body.as_str()), (200, ""));
}

#[tokio::test]
async fn head_has_no_body_and_the_connection_goes_on() {
    let (_shared, server) = served().await;
    let mut client = Client::to(server.address()).await;
    client.send("HEAD /x HTTP/1.1\r\nHost: here\r\n\r\n").await;
    let (status, head) = client.head().await.unwrap();
    assert_eq!(status, 200);
    assert!(head.contains("content-length: "), "{head}");
    assert_eq!(client.ask("GET /y", "").await.unwrap().json()["path"], "/y");
}

#[tokio::test]
async fn the_date_is_the_servers() {
    let (shared, server) = served().await;
    shared.clock().set_rate(0.0);
    let there: jiff::Timestamp = "2031-01-02T03:04:05.6Z".parse().unwrap();
    shared.clock().advance(there.duration_since(shared.now()));
    let mut client = Client::to(server.address()).await;
    let head = client.ask("GET /x", "").await.unwrap().head;
    assert!(
        head.contains("date: Thu, 02 Jan 2031 03:04:05 GMT\r\n"),
        "{head}"
    );
}

#[tokio::test]
async fn the_stand_ins_own_calls() {
    let (shared, server) = served().await;
    let mut client = Client::to(server.address()).await;
    client.ask("POST /n", "note").await.unwrap();
    let state = client.ask("GET /_stand_in/state", "").await.unwrap();
    assert_eq!(state.json(), json!({"notes": {"n": ["note"]}}));
    let ask = async |client: &mut Client, what: &str, body: &str| {
        let said = client.ask(what, body).await.unwrap();
        (said.status, said.json())
    };
    for (call, body, status) in [
        ("POST /_stand_in/wipe", "", 200),
        ("POST /_stand_in/faults", r#"{"rules": []}"#, 200),
        ("POST /_stand_in/faults", r#"{"rule": []}"#, 400),
        ("POST /_stand_in/faults", "no JSON", 400),
        ("POST /_stand_in/clock", r#"{"rate": 0}"#, 200),
        ("POST /_stand_in/clock", "{}", 400),
        ("POST /_stand_in/clock", r#"{"offset_seconds": "1"}"#, 400),
        (
            "POST /_stand_in/clock",
            r#"{"advance_seconds": 1e300}"#,
            400,
        ),
        ("POST /_stand_in/clock", r#"{"minutes": 3}"#, 400),
        ("GET /_stand_in/nothing", "", 404),
    ] {
        let (said, why) = ask(&mut client, call, body).await;
        assert_eq!(said, status, "{call} {body}: {why}");
    }
    assert!(shared.with(|board| board.notes.is_empty()), "wiped");
    let before = shared.now();
    ask(
        &mut client,
        "POST /_stand_in/clock",
        r#"{"advance_seconds": 90}"#,
    )
    .await;
    let (_, clock) = ask(&mut client, "GET /_stand_in/clock", "").await;
    let now: jiff::Timestamp = clock["now"].as_str().unwrap().parse().unwrap();
    assert_eq!(now.duration_since(before).as_secs(), 90);
    let (_, known) = ask(&mut client, "GET /_stand_in/", "").await;
    assert_eq!(known["error"], "state, faults, clock, wipe");
}
