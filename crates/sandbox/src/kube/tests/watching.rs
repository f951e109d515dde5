//! Watches.

use serde_json::json;

use super::super::Config;
use super::support::{MERGE, Server, brief, maps};

#[test]
fn a_watch_sends_what_happens_after_its_version() {
    let mut server = Server::new();
    server
        .post(&maps(""), &json!({"metadata": {"name": "a"}}))
        .ok();
    let version = server.get(&maps("")).ok()["metadata"]["resourceVersion"].clone();
    let path = format!(
        "{}?watch=1&resourceVersion={}",
        maps(""),
        version.as_str().expect("text")
    );
    let mut watch = server.watch(&path);
    assert_eq!(server.next(&mut watch).0, Vec::<serde_json::Value>::new());
    server
        .patch(MERGE, &maps("a"), &json!({"data": {"x": "1"}}))
        .ok();
    server
        .post(&maps(""), &json!({"metadata": {"name": "b"}}))
        .ok();
    server.delete(&maps("a")).ok();
    let (events, has_ended) = server.next(&mut watch);
    assert_eq!(brief(&events), ["MODIFIED a", "ADDED b", "DELETED a"]);
    assert!(!has_ended);
}

#[test]
fn only_watches_of_what_changed_need_to_be_looked_at() {
    let mut server = Server::new();
    let secrets = server.watch("/api/v1/secrets?watch=1");
    let configs = server.watch("/api/v1/configmaps?watch=1");
    server.kube.changed();
    server
        .post(&maps(""), &json!({"metadata": {"name": "a"}}))
        .ok();
    let changed = server.kube.changed();
    assert!(changed.contains(&configs.topic()));
    assert!(!changed.contains(&secrets.topic()));
    assert!(server.kube.changed().is_empty());
}

#[test]
fn what_leaves_a_selection_is_deleted_to_its_watch() {
    let mut server = Server::new();
    let mut watch = server.watch(&format!("{}?watch=1&labelSelector=l%3D1", maps("")));
    server.next(&mut watch);
    server
        .post(
            &maps(""),
            &json!({"metadata": {"name": "a", "labels": {"l": "1"}}}),
        )
        .ok();
    server
        .patch(
            MERGE,
            &maps("a"),
            &json!({"metadata": {"labels": {"l": "2"}}}),
        )
        .ok();
    server
        .patch(MERGE, &maps("a"), &json!({"data": {"x": "1"}}))
        .ok();
    server
        .patch(
            MERGE,
            &maps("a"),
            &json!({"metadata": {"labels": {"l": "1"}}}),
        )
        .ok();
    let (events, _) = server.next(&mut watch);
    assert_eq!(brief(&events), ["ADDED a", "DELETED a", "ADDED a"]);
    assert_eq!(
        events[1]["object"]["metadata"]["labels"]["l"], "1",
        "as it last was in it"
    );
}

#[test]
fn the_initial_objects_end_with_a_bookmark_that_says_so() {
    let mut server = Server::new();
    server
        .post(&maps(""), &json!({"metadata": {"name": "a"}}))
        .ok();
    let mut watch = server.watch(&format!(
        "{}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan\
         &allowWatchBookmarks=true",
        maps("")
    ));
    let (events, _) = server.next(&mut watch);
    assert_eq!(
        brief(&events),
        ["ADDED a", "ADDED kube-root-ca.crt", "BOOKMARK "]
    );
    let annotations = &events[2]["object"]["metadata"]["annotations"];
    assert_eq!(*annotations, json!({"k8s.io/initial-events-end": "true"}));
}

#[test]
fn bookmarks_come_by_the_minute_with_the_version_of_everything() {
    let mut server = Server::new();
    let mut watch =
        server.watch("/api/v1/secrets?watch=1&allowWatchBookmarks=true&timeoutSeconds=90");
    server.next(&mut watch);
    server
        .post(&maps(""), &json!({"metadata": {"name": "a"}}))
        .ok();
    let version = server.get(&maps("")).ok()["metadata"]["resourceVersion"].clone();
    assert!(watch.due() > server.now);
    server.pass(60);
    assert!(watch.due() <= server.now);
    let (events, _) = server.next(&mut watch);
    assert_eq!(brief(&events), ["BOOKMARK "]);
    assert_eq!(events[0]["object"]["metadata"]["resourceVersion"], version);
    server.pass(30);
    assert!(server.next(&mut watch).1, "its time is over");
    assert!(server.next(&mut watch).1, "and stays so");
}

#[test]
fn a_watch_too_far_behind_gets_a_410_and_ends() {
    let mut server = Server::with(Config {
        history: Some(4),
        ..Config::default()
    });
    let mut watch = server.watch(&format!("{}?watch=1", maps("")));
    server.next(&mut watch);
    for n in 0..6 {
        server
            .post(&maps(""), &json!({"metadata": {"name": format!("a{n}")}}))
            .ok();
    }
    let (events, has_ended) = server.next(&mut watch);
    assert!(has_ended);
    assert_eq!(events[0]["type"], "ERROR");
    assert_eq!(events[0]["object"]["code"], 410);
    assert_eq!(events[0]["object"]["reason"], "Expired");
}

#[test]
fn a_compaction_ends_watches_that_are_behind_and_no_others() {
    let mut server = Server::new();
    let mut behind = server.watch(&format!("{}?watch=1&resourceVersion=2", maps("")));
    let mut level = server.watch(&format!("{}?watch=1", maps("")));
    server.next(&mut level);
    server.kube.compact();
    server
        .post(&maps(""), &json!({"metadata": {"name": "a"}}))
        .ok();
    assert_eq!(server.next(&mut behind).0[0]["type"], "ERROR");
    assert_eq!(brief(&server.next(&mut level).0), ["ADDED a"]);
}

#[test]
fn ten_thousand_idle_watches_are_left_alone_and_miss_nothing() {
    let mut server = Server::new();
    let path = format!("{}?watch=1&labelSelector=app%3Dx", maps(""));
    let mut idle: Vec<_> = (0..10_000).map(|_| server.watch(&path)).collect();
    for watch in &mut idle {
        assert_eq!(server.next(watch).0.len(), 0);
    }
    server.kube.changed();
    let secret = json!({"metadata": {"name": "s"}});
    server
        .post("/api/v1/namespaces/default/secrets", &secret)
        .ok();
    let changed = server.kube.changed();
    assert!(!changed.contains(&idle[0].topic()), "none is looked at");
    let map = json!({"metadata": {"name": "a", "labels": {"app": "x"}}});
    server.post(&maps(""), &map).ok();
    assert_eq!(server.kube.changed(), [idle[0].topic()]);
    for watch in &mut idle {
        assert_eq!(brief(&server.next(watch).0), ["ADDED a"]);
    }
    server.pass(3600);
    assert!(
        idle.iter_mut().all(|watch| server.next(watch).1),
        "each ends in its time"
    );
}

#[test]
fn a_watch_of_tables_has_its_columns_once_and_its_bookmarks_as_rows() {
    let mut server = Server::new();
    server.with_headers(&[("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")]);
    let path = format!(
        "{}?watch=1&sendInitialEvents=true&allowWatchBookmarks=true\
         &resourceVersionMatch=NotOlderThan",
        maps("")
    );
    server
        .post(&maps(""), &json!({"metadata": {"name": "a"}}))
        .ok();
    let mut watch = server.watch(&path);
    let (events, _) = server.next(&mut watch);
    let columns = |at: usize| {
        events[at]["object"]["columnDefinitions"]
            .as_array()
            .map(Vec::len)
    };
    assert_eq!([columns(0), columns(1), columns(2)], [Some(3), None, None]);
    let bookmark = &events[2]["object"];
    assert_eq!(bookmark["kind"], "Table");
    assert_eq!(bookmark["rows"][0]["cells"], json!(["", 0, "<unknown>"]));
    let metadata = &bookmark["rows"][0]["object"]["metadata"];
    assert_eq!(
        metadata["annotations"],
        json!({"k8s.io/initial-events-end": "true"})
    );
    assert_eq!(
        metadata["resourceVersion"],
        bookmark["metadata"]["resourceVersion"]
    );
}
