//! What kubectl sends, and what it must not send.

use serde_json::{Value, json};

use super::{Wrong, read};

/// A field whose value is a text or a message.
fn bytes(number: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).expect("short");
    [&[number << 3 | 2, length][..], value].concat()
}

fn envelope(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let says = [bytes(1, api_version.as_bytes()), bytes(2, kind.as_bytes())].concat();
    let unknown = [bytes(1, &says), bytes(2, raw), bytes(3, b""), bytes(4, b"")].concat();
    [b"k8s\0", &unknown[..]].concat()
}

fn of(api_version: &str, kind: &str, raw: &[u8]) -> Result<Value, String> {
    let read = read(&envelope(api_version, kind, raw), api_version, kind);
    read.map_err(|Wrong { why, .. }| why)
}

#[test]
fn what_go_never_set_is_not_there_and_what_it_points_to_is() {
    // What `kubectl create namespace demo` sends.
    let metadata = [
        bytes(1, b"demo"),
        bytes(2, b""),
        bytes(3, b""),
        bytes(5, b""),
        vec![7 << 3, 0],
        bytes(8, b""),
    ]
    .concat();
    let namespace = [bytes(1, &metadata), bytes(2, b""), bytes(3, &bytes(1, b""))].concat();
    assert_eq!(
        of("v1", "Namespace", &namespace),
        Ok(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "demo"}}))
    );
    let account = [bytes(1, &bytes(1, b"a")), vec![4 << 3, 0]].concat();
    let account = of("v1", "ServiceAccount", &account).expect("a ServiceAccount");
    assert_eq!(account["automountServiceAccountToken"], false);
}

#[test]
fn maps_bytes_lists_times_and_quantities_are_as_in_json() {
    let entry = |key: &[u8], value: &[u8]| [bytes(1, key), bytes(2, value)].concat();
    let secret = [
        bytes(1, &bytes(8, &[8, 0x80, 0x94, 0xeb, 0xdc, 3])),
        bytes(2, &entry(b"key", b"\xff\x00")),
        bytes(2, &entry(b"none", b"")),
    ]
    .concat();
    let secret = of("v1", "Secret", &secret).expect("a Secret");
    assert_eq!(secret["data"], json!({"key": "/wA=", "none": ""}));
    assert_eq!(
        secret["metadata"]["creationTimestamp"],
        "2001-09-09T01:46:40Z"
    );

    let quota = bytes(2, &bytes(1, &entry(b"count/secrets", &bytes(1, b"2"))));
    let quota = of("v1", "ResourceQuota", &quota).expect("a quota");
    assert_eq!(quota["spec"]["hard"], json!({"count/secrets": "2"}));

    let verbs = [bytes(1, b"get"), bytes(1, b"list")].concat();
    let role = of("rbac.authorization.k8s.io/v1", "Role", &bytes(2, &verbs)).expect("a Role");
    assert_eq!(role["rules"], json!([{"verbs": ["get", "list"]}]));

    let scopes = bytes(
        1,
        &entry(b"scopes", &[bytes(1, b"a"), bytes(1, b"b")].concat()),
    );
    let extra = bytes(2, &bytes(5, &bytes(2, b"")));
    let review = [extra, bytes(2, &bytes(5, &scopes[2..]))].concat();
    let review = of("authorization.k8s.io/v1", "SubjectAccessReview", &review).expect("a review");
    assert_eq!(review["spec"]["extra"]["scopes"], json!(["a", "b"]));

    let options = of("policy/v1", "DeleteOptions", &[1 << 3, 0]).expect("options of any group");
    assert_eq!(options["gracePeriodSeconds"], 0);

    let lease = bytes(
        2,
        &[bytes(4, &[8, 1, 16, 0xe8, 7]), vec![2 << 3, 15]].concat(),
    );
    let lease = of("coordination.k8s.io/v1", "Lease", &lease).expect("a Lease");
    let spec = json!({"renewTime": "1970-01-01T00:00:01.000001Z", "leaseDurationSeconds": 15});
    assert_eq!(lease["spec"], spec);
}

#[test]
fn volumes_lie_beside_the_names_of_their_kinds_in_json() {
    let volume = [bytes(1, b"v"), bytes(2, &bytes(2, b""))].concat();
    let container = [bytes(1, b"c"), bytes(6, &[24, 80])].concat();
    let probe = bytes(10, &bytes(1, &bytes(2, &bytes(2, &[8, 1, 26, 1, b'p']))));
    let container = [container, probe].concat();
    let pod = bytes(2, &[bytes(1, &volume), bytes(2, &container)].concat());
    let pod = of("v1", "Pod", &pod).expect("a Pod");
    assert_eq!(
        pod["spec"]["volumes"],
        json!([{"name": "v", "emptyDir": {}}])
    );
    let container = &pod["spec"]["containers"][0];
    assert_eq!(container["ports"], json!([{"containerPort": 80}]));
    assert_eq!(container["livenessProbe"]["httpGet"]["port"], "p");
}

#[test]
fn schemas_are_read_with_what_stands_in_their_place() {
    // Tags of fields above 15 have two bytes.
    let long = |number: u8, value: &[u8]| {
        let length = u8::try_from(value.len()).expect("short");
        let tag = [(number << 3 | 2) & 127 | 128, number >> 4];
        [&tag[..], &[length], value].concat()
    };
    let entry = |key: &[u8], value: &[u8]| long(29, &[bytes(1, key), bytes(2, value)].concat());
    let text = bytes(5, b"string");
    let half = 2.5_f64.to_le_bytes();
    let schema = [
        entry(b"list", &long(24, &bytes(1, &text))),
        entry(b"map", &long(30, &bytes(2, &text))),
        entry(b"closed", &long(30, &[8, 0])),
        entry(b"number", &[&[9 << 3 | 1][..], &half].concat()),
        entry(
            b"set",
            &[bytes(8, &bytes(1, b"[1]")), long(42, b"set")].concat(),
        ),
    ]
    .concat();
    let schema = super::message(
        super::Reader::of(&schema),
        super::messages::named("JSONSchemaProps"),
    );
    let properties = json!({
        "list": {"items": {"type": "string"}},
        "map": {"additionalProperties": {"type": "string"}},
        "closed": {"additionalProperties": false},
        "number": {"maximum": 2.5},
        "set": {"default": [1], "x-kubernetes-list-type": "set"},
    });
    assert_eq!(
        schema.map(Value::Object),
        Ok(json!({"properties": properties}))
    );
}

#[test]
fn what_nests_too_deep_is_an_error_not_a_crash() {
    let mut schema = Vec::new();
    for _ in 0..2_000 {
        // `not`, with its length in four bytes.
        let length = u32::try_from(schema.len()).expect("short");
        let parts = [
            length & 127,
            length >> 7 & 127,
            length >> 14 & 127,
            length >> 21,
        ];
        let mut field = vec![0xe2, 1];
        field.extend(parts.iter().enumerate().map(|(at, part)| {
            let more = if at < 3 { 128 } else { 0 };
            u8::try_from(*part).expect("seven bits") | more
        }));
        field.append(&mut schema);
        schema = field;
    }
    let reader = super::Reader::of(&schema);
    let read = super::message(reader, super::messages::named("JSONSchemaProps"));
    assert_eq!(read, Err("proto: messages nest too deep".to_owned()));
}

#[test]
fn what_is_no_message_is_told_as_go_tells_it() {
    let whole = |body: &[u8]| read(body, "v1", "ConfigMap").expect_err("refused").why;
    assert_eq!(whole(b""), "empty data");
    assert_eq!(whole(b"k8s\0"), "empty body");
    assert_eq!(
        whole(b"{}"),
        "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"
    );
    assert_eq!(whole(b"k8s\0\x0a\x05"), "unexpected EOF");
    assert_eq!(
        whole(b"k8s\0\x08\x05"),
        "proto: wrong wireType = 0 for field TypeMeta"
    );
    assert_eq!(
        whole(b"k8s\0\x0c"),
        "proto: Unknown: wiretype end group for non-group"
    );
    assert_eq!(
        whole(b"k8s\0\x02\x00"),
        "proto: Unknown: illegal tag 0 (wire type 2)"
    );
    assert_eq!(
        whole(&[b"k8s\0", &[0xff; 11][..]].concat()),
        "proto: integer overflow"
    );

    let raw = |raw: &[u8]| of("v1", "ConfigMap", raw).expect_err("refused");
    assert_eq!(
        raw(&[1 << 3, 1]),
        "proto: wrong wireType = 0 for field ObjectMeta"
    );
    assert_eq!(
        raw(&[3 << 3, 1]),
        "proto: wrong wireType = 0 for field BinaryData"
    );
    let negative = [18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    assert_eq!(
        raw(&negative),
        "proto: negative length found during unmarshaling"
    );
    assert_eq!(
        raw(&[0xfb, 1, 0xfd, 1]),
        "unexpected EOF",
        "a group without an end"
    );
    assert_eq!(raw(&[0xfe, 1]), "proto: illegal wireType 6");
}

#[test]
fn no_bytes_make_it_panic() {
    let good = bytes(2, &[bytes(1, b"key"), bytes(2, b"value")].concat());
    let good = envelope("v1", "ConfigMap", &good);
    for cut in 0..good.len() {
        let _ = read(&good[..cut], "v1", "ConfigMap");
        for flip in 0..=u8::MAX {
            let mut bad = good.clone();
            bad[cut] = flip;
            let _ = read(&bad, "v1", "ConfigMap");
        }
    }
}
