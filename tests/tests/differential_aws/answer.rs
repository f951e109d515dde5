//! An answer as it is compared.

use std::collections::BTreeMap;

use roxmltree::{Document, Node};
use serde_json::{Map, Value, json};

/// Elements whose text is made up by the server: each is there, and not empty.
const IDS: [&str; 11] = [
    "RequestId",
    "RequestID",
    "UserId",
    "GroupId",
    "RoleId",
    "PolicyId",
    "AccessKeyId",
    "SecretAccessKey",
    "SessionToken",
    "AssumedRoleId",
    "Marker",
];
/// Policies, which AWS gives percent-encoded. moto spares the slashes, and does so not everywhere.
const DOCUMENTS: [&str; 2] = ["AssumeRolePolicyDocument", "PolicyDocument"];
const TIMES: [&str; 3] = ["CreateDate", "UpdateDate", "Expiration"];
/// What moto lists as it came, or by ids, which are made up.
const UNORDERED: [(&str, &str); 4] = [
    ("Groups", "GroupName"),
    ("Policies", "PolicyName"),
    ("Roles", "RoleName"),
    ("Users", "UserName"),
];

/// Status, type and body; of a refusal also code and words by themselves, wherever they stand.
pub(crate) fn read(
    status: u16,
    content_type: &str,
    text: &str,
    kept: &BTreeMap<String, String>,
) -> Value {
    let Ok(document) = Document::parse(text) else {
        return json!({"status": status, "type": content_type, "body": text});
    };
    let root = document.root_element();
    let name = root.tag_name();
    let body = json!({
        "element": name.name(),
        "namespace": name.namespace(),
        "content": masked(name.name(), content(root), kept),
    });
    let mut answer = json!({"status": status, "type": content_type, "body": body});
    if status >= 400 {
        answer["code"] = first(root, "Code").into();
        let message = masked("Message", first(root, "Message").into(), kept);
        let message = message.as_str().unwrap_or_default();
        // moto says who may not do what; AWS also says to what, and why.
        let (words, more) = match message.find(" on resource: ") {
            Some(at) => message.split_at(at),
            None => (message, ""),
        };
        answer["words"] = words.into();
        answer["why"] = more.trim_start().into();
        // Said already.
        without_words(&mut answer["body"]["content"]);
    }
    answer
}

/// The text of the first element of a name.
pub(crate) fn text_of(text: &str, element: &str) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let found = first(document.root_element(), element);
    (!found.is_empty()).then_some(found)
}

fn first(root: Node<'_, '_>, element: &str) -> String {
    let mut all = root.descendants();
    let found = all.find(|node| node.tag_name().name() == element);
    found
        .and_then(|node| node.text())
        .unwrap_or_default()
        .to_owned()
}

/// Elements are fields; lists are the elements called `member`; others are texts.
fn content(node: Node<'_, '_>) -> Value {
    let children: Vec<_> = node.children().filter(Node::is_element).collect();
    if children.is_empty() {
        return node.text().unwrap_or_default().trim().into();
    }
    if children
        .iter()
        .all(|child| child.tag_name().name() == "member")
    {
        return children.into_iter().map(content).collect();
    }
    let mut fields = Map::new();
    for child in children {
        fields.insert(child.tag_name().name().to_owned(), content(child));
    }
    Value::Object(fields)
}

fn without_words(value: &mut Value) {
    if let Value::Object(fields) = value {
        // moto has `message` beside `Message`.
        let is_words = |name: &str| ["Message", "message", "Code"].contains(&name);
        fields.retain(|name, _| !is_words(name));
        fields.values_mut().for_each(without_words);
    }
}

fn masked(element: &str, value: Value, kept: &BTreeMap<String, String>) -> Value {
    match value {
        Value::Object(fields) => {
            let mask = |(name, value): (String, Value)| {
                let value = masked(&name, value, kept);
                (name, value)
            };
            Value::Object(fields.into_iter().map(mask).collect())
        }
        Value::Array(mut items) => {
            if let Some((_, by)) = UNORDERED.iter().find(|(list, _)| *list == element) {
                items.sort_by_key(|item| item[*by].to_string());
            }
            let mask = |item| masked(element, item, kept);
            items.into_iter().map(mask).collect()
        }
        Value::String(text) => string(element, &text, kept).into(),
        other => other,
    }
}

fn string(element: &str, text: &str, kept: &BTreeMap<String, String>) -> String {
    if DOCUMENTS.contains(&element) {
        return decoded(text);
    }
    if TIMES.contains(&element) && is_time(text) {
        return "<time>".to_owned();
    }
    if IDS.contains(&element) && !text.is_empty() {
        // Of a session: the role's id, and the session's name.
        let (id, session) = text.split_at(text.find(':').unwrap_or(text.len()));
        let is_account = id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
        let id = if is_account { id } else { "<id>" };
        return format!("{id}{session}");
    }
    let ids = kept.iter().filter(|(_, value)| value.len() >= 16);
    ids.fold(text.to_owned(), |text, (name, value)| {
        text.replace(value, &format!("<{name}>"))
    })
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.bytes().next() {
        let escaped = rest.strip_prefix('%').and_then(|rest| rest.get(..2));
        let escaped = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(first));
        rest = rest
            .get(if escaped.is_some() { 3 } else { 1 }..)
            .unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `2015-08-30T12:36:00Z`; moto's times are finer.
fn is_time(text: &str) -> bool {
    text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok()
}

#[test]
fn only_what_has_the_right_form_is_masked() {
    let xml = "<A xmlns=\"urn:x\"><Users><member><UserId>a</UserId><CreateDate>\
        2015-08-30T12:36:00Z</CreateDate></member><member><UserId/><CreateDate>today</CreateDate>\
        </member></Users></A>";
    let answer = read(200, "text/xml", xml, &BTreeMap::new());
    let users = json!([
        {"UserId": "<id>", "CreateDate": "<time>"},
        {"UserId": "", "CreateDate": "today"},
    ]);
    assert_eq!(answer["body"]["namespace"], "urn:x");
    assert_eq!(answer["body"]["content"]["Users"], users);

    let xml = "<E><Error><Code>C</Code><Message>User: u may not on resource: r because</Message>\
        </Error></E>";
    let answer = read(403, "text/xml", xml, &BTreeMap::new());
    assert_eq!(answer["code"], "C");
    assert_eq!(answer["words"], "User: u may not");
    assert_eq!(answer["why"], "on resource: r because");
    assert_eq!(answer["body"]["content"], json!({"Error": {}}));
}
