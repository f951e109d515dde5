//! What Vault refuses below `sys/` and `auth/token/`, word for word as Vault 1.21 does.

use serde_json::{Value, json};

use super::{Row, Stand, wrapped};

#[test]
fn mounts() {
    let null = || Value::Null;
    let rows: [Row; 24] = [
        (
            "same path",
            "POST",
            "sys/mounts/aws",
            json!({"type": "aws"}),
            400,
            Some("path is already in use at aws/"),
        ),
        (
            "below a mount",
            "POST",
            "sys/mounts/aws/sub",
            json!({"type": "aws"}),
            400,
            Some("path is already in use at aws/"),
        ),
        (
            "no type",
            "POST",
            "sys/mounts/b",
            json!({}),
            400,
            Some("backend type must be specified as a string"),
        ),
        (
            "unknown type",
            "POST",
            "sys/mounts/b",
            json!({"type": "nope"}),
            400,
            Some("plugin not found in the catalog: nope"),
        ),
        (
            "identity",
            "POST",
            "sys/mounts/b",
            json!({"type": "identity"}),
            400,
            Some("mount type of \"identity\" is not mountable"),
        ),
        (
            "protected",
            "POST",
            "sys/mounts/cubbyhole",
            json!({"type": "aws"}),
            400,
            Some("cannot mount \"cubbyhole/\""),
        ),
        (
            "below auth",
            "POST",
            "sys/mounts/auth/x",
            json!({"type": "aws"}),
            400,
            Some("cannot mount \"auth/x/\""),
        ),
        (
            "default above max",
            "POST",
            "sys/mounts/b",
            json!({"type": "aws", "config": {"default_lease_ttl": "2h", "max_lease_ttl": "1h"}}),
            400,
            Some("given default lease TTL greater than given max lease TTL"),
        ),
        (
            "default above system",
            "POST",
            "sys/mounts/b",
            json!({"type": "aws", "config": {"default_lease_ttl": "2000h"}}),
            400,
            Some("given default lease TTL greater than system max lease TTL of 2764800"),
        ),
        (
            "bad default",
            "POST",
            "sys/mounts/b",
            json!({"type": "aws", "config": {"default_lease_ttl": "xx"}}),
            400,
            Some("unable to parse default TTL of xx: time: invalid duration \"xx\""),
        ),
        (
            "version",
            "POST",
            "sys/mounts/b",
            json!({"type": "aws", "options": {"version": "2"}}),
            400,
            Some("secrets engine \"aws\" does not allow setting a version"),
        ),
        (
            "bad config",
            "POST",
            "sys/mounts/b",
            json!({"type": "aws", "config": "x"}),
            400,
            Some(
                "Field validation failed: error converting input for field \"config\": '' expected a map, got 'string'",
            ),
        ),
        (
            "bad flag",
            "POST",
            "sys/mounts/b",
            json!({"type": "aws", "local": "x"}),
            400,
            Some(
                "Field validation failed: error converting input for field \"local\": cannot parse '' as bool: strconv.ParseBool: parsing \"x\": invalid syntax",
            ),
        ),
        (
            "missing mount",
            "GET",
            "sys/mounts/nope",
            null(),
            400,
            Some("No secret engine mount at nope/"),
        ),
        (
            "missing tune",
            "GET",
            "sys/mounts/nope/tune",
            null(),
            400,
            Some("cannot fetch sysview for path \"nope/\""),
        ),
        (
            "tune below default",
            "POST",
            "sys/mounts/aws/tune",
            json!({"default_lease_ttl": "1h", "max_lease_ttl": "600s"}),
            400,
            Some(
                "backend max lease TTL of 600 would be less than backend default lease TTL of 3600",
            ),
        ),
        (
            "tune missing",
            "POST",
            "sys/mounts/nope/tune",
            json!({}),
            400,
            Some("tune of path \"nope/\" failed: no mount entry found"),
        ),
        (
            "tune sys",
            "POST",
            "sys/mounts/sys/tune",
            json!({}),
            400,
            Some("cannot tune \"sys/\""),
        ),
        (
            "unmount sys",
            "DELETE",
            "sys/mounts/sys",
            null(),
            400,
            Some("cannot unmount \"sys/\""),
        ),
        (
            "missing auth",
            "GET",
            "sys/auth/nope",
            null(),
            400,
            Some("No auth engine at nope/"),
        ),
        (
            "token auth",
            "POST",
            "sys/auth/x",
            json!({"type": "token"}),
            400,
            Some("token credential backend cannot be instantiated"),
        ),
        (
            "token auth off",
            "DELETE",
            "sys/auth/token",
            null(),
            400,
            Some("token credential backend cannot be disabled"),
        ),
        (
            "token type",
            "POST",
            "sys/auth/k",
            json!({"type": "kubernetes", "config": {"token_type": "bad"}}),
            400,
            Some("invalid value for 'token_type'"),
        ),
        (
            "move to what is taken",
            "POST",
            "sys/remount",
            json!({"from": "secret", "to": "aws"}),
            400,
            Some("path already in use at \"aws/\""),
        ),
    ];
    let mut stand = Stand::with_aws();
    for row in &rows {
        stand.refuses(row);
    }
    assert_eq!(
        stand.ask("root", "DELETE", "sys/mounts/nope", Value::Null),
        (204, Value::Null)
    );
}

#[test]
fn policies() {
    let policy = |text: &str| json!({"policy": text});
    let rows: [Row; 17] = [
        (
            "none",
            "POST",
            "sys/policies/acl/p",
            json!({}),
            400,
            Some("'policy' parameter not supplied or empty"),
        ),
        (
            "bad capability",
            "POST",
            "sys/policies/acl/p",
            policy("path \"a\" { capabilities = [\"reed\"] }"),
            400,
            Some("failed to parse policy: path \"a\": invalid capability \"reed\""),
        ),
        (
            "unclosed",
            "POST",
            "sys/policies/acl/p",
            policy("path \"a\" {"),
            400,
            Some("failed to parse policy: At 1:12: object expected closing RBRACE got: EOF"),
        ),
        (
            "unknown key",
            "POST",
            "sys/policies/acl/p",
            policy("nope \"a\" {}"),
            400,
            Some(
                "failed to parse policy: 1 error occurred:\n\t* invalid key \"nope\" on line 0\n\n",
            ),
        ),
        (
            "unknown key below",
            "POST",
            "sys/policies/acl/p",
            policy("path \"a\" { nope = 1 }"),
            400,
            Some(
                "failed to parse policy: 1 error occurred:\n\t* path \"a\": invalid key \"nope\" on line 1\n\n",
            ),
        ),
        (
            "wildcards",
            "POST",
            "sys/policies/acl/p",
            policy("path \"a+*\" { capabilities = [\"read\"] }"),
            400,
            Some(
                "failed to parse policy: path \"a+*\": invalid use of wildcards ('+*' is forbidden)",
            ),
        ),
        (
            "root",
            "POST",
            "sys/policies/acl/root",
            policy("path \"a\" {}"),
            400,
            Some("cannot update \"root\" policy"),
        ),
        (
            "wrapping",
            "POST",
            "sys/policies/acl/response-wrapping",
            policy("path \"a\" {}"),
            400,
            Some("cannot update \"response-wrapping\" policy"),
        ),
        (
            "old style",
            "POST",
            "sys/policies/acl/p",
            policy("path \"a\" { policy = \"wrte\" }"),
            400,
            Some("failed to parse policy: path \"a\": invalid policy \"wrte\""),
        ),
        (
            "a word",
            "POST",
            "sys/policies/acl/p",
            policy("hello"),
            400,
            Some(
                "failed to parse policy: At 1:7: key 'hello' expected start of object ('{') or assignment ('=')",
            ),
        ),
        (
            "no list",
            "POST",
            "sys/policies/acl/p",
            policy("path \"a\" { capabilities = \"read\" }"),
            400,
            Some(
                "failed to parse policy: path \"a\": At 1:27: unknown slice type: *ast.LiteralType",
            ),
        ),
        (
            "wrapping times",
            "POST",
            "sys/policies/acl/p",
            policy(
                "path \"a\" { capabilities = [\"read\"] min_wrapping_ttl = \"2h\" max_wrapping_ttl = \"1h\" }",
            ),
            400,
            Some("failed to parse policy: max_wrapping_ttl cannot be less than min_wrapping_ttl"),
        ),
        (
            "no block",
            "POST",
            "sys/policies/acl/p",
            policy("path = \"a\""),
            400,
            Some(
                "failed to parse policy: path \"path\": cannot check HCL keys of type *ast.LiteralType",
            ),
        ),
        (
            "default",
            "DELETE",
            "sys/policies/acl/default",
            Value::Null,
            400,
            Some("cannot delete default policy"),
        ),
        (
            "missing",
            "GET",
            "sys/policies/acl/nope",
            Value::Null,
            404,
            None,
        ),
        (
            "old none",
            "PUT",
            "sys/policy/p",
            json!({}),
            400,
            Some("'policy' parameter not supplied or empty"),
        ),
        (
            "no paths",
            "POST",
            "sys/capabilities-self",
            json!({}),
            400,
            Some("paths must be supplied"),
        ),
    ];
    let mut stand = Stand::new();
    for row in &rows {
        stand.refuses(row);
    }
    let warned = stand.put("sys/policies/acl/P2", policy("path \"a\" {}"));
    assert_eq!(
        warned["warnings"],
        json!(["policy name was converted to p2"])
    );
    assert_eq!(stand.list("sys/policies/acl"), ["default", "p2", "root"]);
}

#[test]
fn leases() {
    let rows: [Row; 9] = [
        (
            "lookup of none",
            "POST",
            "sys/leases/lookup",
            json!({}),
            400,
            Some("lease_id must be specified"),
        ),
        (
            "lookup",
            "POST",
            "sys/leases/lookup",
            json!({"lease_id": "nope"}),
            400,
            Some("invalid lease"),
        ),
        (
            "renew of none",
            "POST",
            "sys/leases/renew",
            json!({}),
            400,
            Some("lease_id must be specified"),
        ),
        (
            "renew",
            "PUT",
            "sys/renew",
            json!({"lease_id": "nope"}),
            400,
            Some("lease not found"),
        ),
        (
            "renew with slash",
            "POST",
            "sys/leases/renew/",
            json!({}),
            400,
            Some("cannot write to a path ending in '/'"),
        ),
        (
            "bad increment",
            "PUT",
            "sys/leases/renew",
            json!({"lease_id": "x", "increment": "x"}),
            400,
            Some(
                "Field validation failed: error converting input for field \"increment\": time: invalid duration \"x\"",
            ),
        ),
        (
            "negative increment",
            "PUT",
            "sys/leases/renew",
            json!({"lease_id": "x", "increment": -5}),
            400,
            Some(
                "Field validation failed: error converting input for field \"increment\": cannot provide negative value '-5'",
            ),
        ),
        (
            "revoke of none",
            "POST",
            "sys/leases/revoke",
            json!({}),
            400,
            Some("lease_id must be specified"),
        ),
        (
            "list of none",
            "LIST",
            "sys/leases/lookup/nope",
            Value::Null,
            404,
            None,
        ),
    ];
    let mut stand = Stand::new();
    for row in &rows {
        stand.refuses(row);
    }
    let unknown = json!({"lease_id": "nope", "sync": true});
    assert_eq!(
        stand.ask("root", "PUT", "sys/leases/revoke", unknown).0,
        204
    );
    let unknown = json!({"lease_id": "nope", "sync": false});
    assert_eq!(
        stand.ask("root", "PUT", "sys/leases/revoke", unknown),
        (202, Value::Null)
    );
    assert_eq!(
        stand
            .ask("root", "PUT", "sys/leases/revoke-prefix/nope", json!({}))
            .0,
        204
    );
    assert_eq!(
        stand.ask("root", "PUT", "sys/leases/tidy", Value::Null).0,
        202
    );
}

#[test]
fn tokens() {
    let create = "auth/token/create";
    let rows: [Row; 23] = [
        (
            "bad ttl",
            "POST",
            create,
            json!({"ttl": "bogus"}),
            400,
            Some("time: invalid duration \"bogus\""),
        ),
        (
            "negative ttl",
            "POST",
            create,
            json!({"ttl": "-5s"}),
            400,
            Some("ttl must be positive"),
        ),
        (
            "negative period",
            "POST",
            create,
            json!({"period": "-5s"}),
            400,
            Some("period must be positive"),
        ),
        (
            "batch with period",
            "POST",
            create,
            json!({"policies": ["x"], "type": "batch", "period": "1h"}),
            400,
            Some("batch tokens cannot have \"period\" set"),
        ),
        (
            "batch with uses",
            "POST",
            create,
            json!({"policies": ["x"], "type": "batch", "num_uses": 1}),
            400,
            Some("batch tokens cannot have \"num_uses\" set"),
        ),
        (
            "batch root",
            "POST",
            create,
            json!({"type": "batch"}),
            400,
            Some("batch tokens cannot be root tokens"),
        ),
        (
            "type",
            "POST",
            create,
            json!({"type": "nope"}),
            400,
            Some("invalid 'token_type' value"),
        ),
        (
            "uses",
            "POST",
            create,
            json!({"num_uses": -1}),
            400,
            Some("number of uses cannot be negative"),
        ),
        (
            "internal policy",
            "POST",
            create,
            json!({"policies": ["response-wrapping"]}),
            400,
            Some("cannot assign policy \"response-wrapping\""),
        ),
        (
            "own id",
            "POST",
            create,
            json!({"policies": ["x"], "id": "hvs.x"}),
            400,
            Some("custom token ID cannot have the 'hvs.' prefix"),
        ),
        (
            "same id",
            "POST",
            create,
            json!({"policies": ["x"], "id": "root"}),
            400,
            Some("cannot create a token with a duplicate ID"),
        ),
        (
            "alias",
            "POST",
            create,
            json!({"entity_alias": "x"}),
            400,
            Some("'entity_alias' is only allowed in combination with token role"),
        ),
        (
            "meta",
            "POST",
            create,
            json!({"meta": "x"}),
            400,
            Some(
                "Field validation failed: error converting input for field \"meta\": invalid key pair \"x\"",
            ),
        ),
        (
            "role",
            "POST",
            "auth/token/create/nope",
            json!({}),
            400,
            Some("unknown role nope"),
        ),
        (
            "lookup",
            "POST",
            "auth/token/lookup",
            json!({"token": "nope"}),
            403,
            Some("bad token"),
        ),
        (
            "lookup null",
            "POST",
            "auth/token/lookup",
            json!({"token": null}),
            403,
            Some("invalid token"),
        ),
        (
            "renew root",
            "POST",
            "auth/token/renew-self",
            json!({}),
            400,
            Some("lease is not renewable"),
        ),
        (
            "renew",
            "POST",
            "auth/token/renew",
            json!({"token": "nope"}),
            400,
            Some("token not found"),
        ),
        (
            "renew of none",
            "POST",
            "auth/token/renew",
            json!({}),
            400,
            Some("missing token ID"),
        ),
        (
            "revoke of none",
            "POST",
            "auth/token/revoke",
            json!({}),
            400,
            Some("missing token ID"),
        ),
        (
            "revoke orphan",
            "POST",
            "auth/token/revoke-orphan",
            json!({"token": "nope"}),
            400,
            Some("token to revoke not found"),
        ),
        (
            "no roles",
            "LIST",
            "auth/token/roles",
            Value::Null,
            404,
            None,
        ),
        (
            "batch role",
            "POST",
            "auth/token/roles/b",
            json!({"token_type": "batch"}),
            400,
            Some("'token_type' cannot be 'batch' when role is set to generate non-orphan tokens"),
        ),
    ];
    let mut stand = Stand::new();
    for row in &rows {
        stand.refuses(row);
    }
    for (path, error) in [
        ("auth/token/lookup-accessor", "invalid accessor"),
        ("auth/token/renew-accessor", "invalid accessor"),
    ] {
        let got = stand.errors("POST", path, json!({"accessor": "nope"}));
        assert_eq!(got, (400, vec![wrapped(error)]));
        let got = stand.errors("POST", path, json!({}));
        assert_eq!(got, (400, vec![wrapped("missing accessor")]));
    }
    let revoked = stand.put("auth/token/revoke-accessor", json!({"accessor": "nope"}));
    assert_eq!(
        revoked["warnings"],
        json!(["No token found with this accessor"])
    );
    let unknown = json!({"token": "nope"});
    assert_eq!(
        stand.ask("root", "POST", "auth/token/revoke", unknown).0,
        204
    );
}

#[test]
fn what_goes_wrong_before_a_path_is_reached() {
    let mut stand = Stand::new();
    let bare = |text: &str| (403, vec![text.to_owned()]);
    let null = || Value::Null;
    assert_eq!(
        stand.errors_of("", "GET", "sys/mounts", null()),
        bare("permission denied")
    );
    let unknown = "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n";
    assert_eq!(
        stand.errors_of("x", "GET", "sys/mounts", null()),
        bare(unknown)
    );
    assert_eq!(
        stand.errors_of("", "POST", "auth/aws/login", json!({})),
        bare("permission denied"),
        "no mount, no token"
    );
    let route = |path: &str| {
        (
            404,
            vec![format!(
                "no handler for route \"{path}\". route entry not found."
            )],
        )
    };
    assert_eq!(stand.errors("GET", "nomount/x", null()), route("nomount/x"));
    assert_eq!(
        stand.errors("LIST", "nomount/x", null()),
        route("nomount/x/")
    );
    let coded = |status, text: &str| (status, vec![wrapped(text)]);
    assert_eq!(
        stand.errors("GET", "sys/nope", null()),
        coded(404, "unsupported path")
    );
    assert_eq!(
        stand.errors("GET", "sys/leases/lookup", null()),
        coded(405, "unsupported operation")
    );
    assert_eq!(stand.errors("BREW", "sys/mounts", null()), (405, vec![]));
}

#[test]
fn bodies_that_are_no_json() {
    let mut stand = Stand::new();
    let parse = "error parsing JSON: failed to parse JSON input: ";
    let into = "into Go value of type map[string]interface {}";
    let cases = [
        (
            "{\"type\":",
            500,
            "malformed JSON, unclosed containers".to_owned(),
        ),
        (
            "[1]",
            400,
            format!("{parse}json: cannot unmarshal array {into}"),
        ),
        (
            "\"x\"",
            400,
            format!("{parse}json: cannot unmarshal string {into}"),
        ),
        (
            "hello",
            400,
            format!("{parse}invalid character 'h' looking for beginning of value"),
        ),
        (
            "{\"type\":\"aws\"} trailing",
            500,
            "invalid character 't' after top-level value".to_owned(),
        ),
        (
            "null",
            400,
            "backend type must be specified as a string".to_owned(),
        ),
    ];
    for (body, status, error) in cases {
        let response = stand.send(&super::Request {
            method: "POST".to_owned(),
            path: "/v1/sys/mounts/x".to_owned(),
            headers: vec![("X-Vault-Token".to_owned(), "root".to_owned())],
            body: body.as_bytes().to_vec(),
        });
        let got: Value = serde_json::from_str(&response.body).unwrap();
        assert_eq!(
            (response.status, got),
            (status, json!({"errors": [error]})),
            "{body}"
        );
    }
}

#[test]
fn wrapping() {
    let rows: [Row; 4] = [
        (
            "without ttl",
            "POST",
            "sys/wrapping/wrap",
            json!({"a": "b"}),
            400,
            Some("endpoint requires response wrapping to be used"),
        ),
        (
            "unknown",
            "POST",
            "sys/wrapping/unwrap",
            json!({"token": "nope"}),
            400,
            Some("wrapping token is not valid or does not exist"),
        ),
        (
            "empty",
            "POST",
            "sys/wrapping/unwrap",
            json!({"token": ""}),
            403,
            Some("error validating wrapping token: empty token in request body"),
        ),
        (
            "lookup",
            "POST",
            "sys/wrapping/lookup",
            json!({"token": "nope"}),
            400,
            Some("wrapping token is not valid or does not exist"),
        ),
    ];
    let mut stand = Stand::new();
    for row in &rows {
        stand.refuses(row);
    }
    assert_eq!(
        stand.errors_of("", "POST", "sys/wrapping/lookup", json!({})),
        (
            403,
            vec!["error validating wrapping token: token is empty".to_owned()]
        )
    );
}
