//! Lists: selectors, pages, versions, forms.

use serde_json::{Value, json};

use super::support::{Server, maps};

fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().into_iter().flatten();
    items
        .filter_map(|item| item["metadata"]["name"].as_str())
        .collect()
}

fn filled() -> Server {
    let mut server = Server::new();
    for n in 0..5 {
        let labels = json!({"n": n.to_string(), "even": (n % 2 == 0).to_string()});
        let name = format!("a{n}");
        server
            .post(
                &maps(""),
                &json!({"metadata": {"name": name, "labels": labels}}),
            )
            .ok();
    }
    server
}

#[test]
fn label_selectors_choose() {
    let mut server = filled();
    for (selector, expected) in [
        ("n%3D1", vec!["a1"]),
        ("n%20in%20(1,2)", vec!["a1", "a2"]),
        ("n%20notin%20(1,2),even", vec!["a0", "a3", "a4"]),
        ("n%3E3", vec!["a4"]),
        ("!n", vec!["kube-root-ca.crt"]),
        ("even!%3Dtrue,n", vec!["a1", "a3"]),
    ] {
        let list = server
            .get(&format!("{}?labelSelector={selector}", maps("")))
            .ok();
        assert_eq!(names(&list), expected, "{selector}");
    }
    server
        .get(&format!("{}?labelSelector=a%20b", maps("")))
        .refused(
            400,
            "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
        );
}

#[test]
fn field_selectors_choose_among_the_fields_there_are() {
    let mut server = filled();
    let list = server
        .get(&format!("{}?fieldSelector=metadata.name%3Da3", maps("")))
        .ok();
    assert_eq!(names(&list), ["a3"]);
    server
        .get(&format!("{}?fieldSelector=foo%3Db", maps("")))
        .refused(
            400,
            "\"foo\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
        );
    let secrets = "/api/v1/namespaces/default/secrets";
    server
        .post(secrets, &json!({"metadata": {"name": "s"}}))
        .ok();
    let list = server
        .get(&format!("{secrets}?fieldSelector=type%3DOpaque"))
        .ok();
    assert_eq!(names(&list), ["s"]);
}

#[test]
fn a_page_is_the_last_only_if_nothing_is_left_that_might_match() {
    let mut server = filled();
    server
        .post(
            &maps(""),
            &json!({"metadata": {"name": "b", "labels": {"last": "yes"}}}),
        )
        .ok();
    let labelled = format!("{}?limit=1&labelSelector=last%3Dyes", maps(""));
    let page = server.get(&labelled).ok();
    assert_eq!(names(&page), ["b"]);
    assert_eq!(page["metadata"]["remainingItemCount"], json!(null));
    let next = page["metadata"]["continue"].as_str().expect("a token");
    let rest = server.get(&format!("{labelled}&continue={next}")).ok();
    assert_eq!(names(&rest), [""; 0]);
    assert_eq!(rest["metadata"]["continue"], json!(null));
}

#[test]
fn pages_show_what_was_there_when_the_first_was_asked_for() {
    let mut server = filled();
    let first = server.get(&format!("{}?limit=2", maps(""))).ok();
    assert_eq!(names(&first), ["a0", "a1"]);
    assert_eq!(first["metadata"]["remainingItemCount"], 4);
    server.delete(&maps("a3")).ok();
    server
        .post(&maps(""), &json!({"metadata": {"name": "a2b"}}))
        .ok();
    let next = first["metadata"]["continue"].as_str().expect("a token");
    let rest = server
        .get(&format!("{}?limit=9&continue={next}", maps("")))
        .ok();
    assert_eq!(names(&rest), ["a2", "a3", "a4", "kube-root-ca.crt"]);
    assert_eq!(
        rest["metadata"]["resourceVersion"],
        first["metadata"]["resourceVersion"]
    );
    server.kube.compact();
    let gone = server.get(&format!("{}?limit=9&continue={next}", maps("")));
    assert_eq!(
        (gone.code, gone.body["reason"].as_str()),
        (410, Some("Expired"))
    );
    let token = gone.body["metadata"]["continue"]
        .as_str()
        .expect("a token to go on with");
    let rest = server.get(&format!("{}?continue={token}", maps(""))).ok();
    assert_eq!(names(&rest), ["a2", "a2b", "a4", "kube-root-ca.crt"]);
}

#[test]
fn an_exact_version_is_served_from_history_and_a_future_one_is_not() {
    let mut server = filled();
    let version = server.get(&maps("")).ok()["metadata"]["resourceVersion"].clone();
    let version = version.as_str().expect("text");
    server.delete(&maps("a0")).ok();
    let path = format!(
        "{}?resourceVersion={version}&resourceVersionMatch=Exact",
        maps("")
    );
    assert_eq!(names(&server.get(&path).ok()).len(), 6);
    let reply = server.get(&format!("{}?resourceVersion=99999", maps("")));
    assert_eq!(
        (reply.code, reply.body["reason"].as_str()),
        (504, Some("Timeout"))
    );
}

#[test]
fn items_of_built_in_kinds_do_not_say_what_they_are() {
    let mut server = filled();
    let list = server.get(&maps("")).ok();
    assert_eq!(list["kind"], "ConfigMapList");
    assert!(list["items"][0].get("kind").is_none());
    server.with_headers(&[(
        "Accept",
        "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
    )]);
    let list = server.get(&maps("")).ok();
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(list["items"][0]["kind"], "PartialObjectMetadata");
    assert!(list["items"][0].get("data").is_none());
}

#[test]
fn a_collection_is_deleted_as_it_is_selected() {
    let mut server = filled();
    let deleted = server
        .delete(&format!("{}?labelSelector=even%3Dtrue", maps("")))
        .ok();
    assert_eq!(names(&deleted), ["a0", "a2", "a4"]);
    assert_eq!(
        names(&server.get(&format!("{}?labelSelector=n", maps(""))).ok()),
        ["a1", "a3"]
    );
}
