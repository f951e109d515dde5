//! What Vault refuses below `sys/` and `auth/token/`, word for word as Vault 1.21 does.

use serde_json::{Value, json};

use super::{Stand, wrapped};

const MOUNTS: &str = r#"
POST sys/mounts/aws {"type":"aws"}
    400 path is already in use at aws/
POST sys/mounts/aws/sub {"type":"aws"}
    400 path is already in use at aws/
POST sys/mounts/b {}
    400 backend type must be specified as a string
POST sys/mounts/b {"type":"nope"}
    400 plugin not found in the catalog: nope
POST sys/mounts/b {"type":"identity"}
    400 mount type of "identity" is not mountable
POST sys/mounts/cubbyhole {"type":"aws"}
    400 cannot mount "cubbyhole/"
POST sys/mounts/auth/x {"type":"aws"}
    400 cannot mount "auth/x/"
POST sys/mounts/b {"config":{"default_lease_ttl":"2h","max_lease_ttl":"1h"},"type":"aws"}
    400 given default lease TTL greater than given max lease TTL
POST sys/mounts/b {"config":{"default_lease_ttl":"2000h"},"type":"aws"}
    400 given default lease TTL greater than system max lease TTL of 2764800
POST sys/mounts/b {"config":{"default_lease_ttl":"xx"},"type":"aws"}
    400 unable to parse default TTL of xx: time: invalid duration "xx"
POST sys/mounts/b {"options":{"version":"2"},"type":"aws"}
    400 secrets engine "aws" does not allow setting a version
POST sys/mounts/b {"config":"x","type":"aws"}
    400 Field validation failed: error converting input for field "config": '' expected a map, got 'string'
POST sys/mounts/b {"local":"x","type":"aws"}
    400 Field validation failed: error converting input for field "local": cannot parse '' as bool: strconv.ParseBool: parsing "x": invalid syntax
GET sys/mounts/nope
    400 No secret engine mount at nope/
GET sys/mounts/nope/tune
    400 cannot fetch sysview for path "nope/"
POST sys/mounts/aws/tune {"default_lease_ttl":"1h","max_lease_ttl":"600s"}
    400 backend max lease TTL of 600 would be less than backend default lease TTL of 3600
POST sys/mounts/nope/tune {}
    400 tune of path "nope/" failed: no mount entry found
POST sys/mounts/sys/tune {}
    400 cannot tune "sys/"
DELETE sys/mounts/sys
    400 cannot unmount "sys/"
GET sys/auth/nope
    400 No auth engine at nope/
POST sys/auth/x {"type":"token"}
    400 token credential backend cannot be instantiated
DELETE sys/auth/token
    400 token credential backend cannot be disabled
POST sys/auth/k {"config":{"token_type":"bad"},"type":"kubernetes"}
    400 invalid value for 'token_type'
POST sys/remount {"from":"secret","to":"aws"}
    400 path already in use at "aws/"
"#;

#[test]
fn mounts() {
    let mut stand = Stand::with_aws();
    stand.refuses(MOUNTS);
    assert_eq!(
        stand.ask("root", "DELETE", "sys/mounts/nope", Value::Null),
        (204, Value::Null)
    );
}

const POLICIES: &str = r#"
POST sys/policies/acl/p {}
    400 'policy' parameter not supplied or empty
POST sys/policies/acl/p {"policy":"path \"a\" { capabilities = [\"reed\"] }"}
    400 failed to parse policy: path "a": invalid capability "reed"
POST sys/policies/acl/p {"policy":"path \"a\" {"}
    400 failed to parse policy: At 1:12: object expected closing RBRACE got: EOF
POST sys/policies/acl/p {"policy":"nope \"a\" {}"}
    400 "failed to parse policy: 1 error occurred:\n\t* invalid key \"nope\" on line 0\n\n"
POST sys/policies/acl/p {"policy":"path \"a\" { nope = 1 }"}
    400 "failed to parse policy: 1 error occurred:\n\t* path \"a\": invalid key \"nope\" on line 1\n\n"
POST sys/policies/acl/p {"policy":"path \"a+*\" { capabilities = [\"read\"] }"}
    400 failed to parse policy: path "a+*": invalid use of wildcards ('+*' is forbidden)
POST sys/policies/acl/root {"policy":"path \"a\" {}"}
    400 cannot update "root" policy
POST sys/policies/acl/response-wrapping {"policy":"path \"a\" {}"}
    400 cannot update "response-wrapping" policy
POST sys/policies/acl/p {"policy":"path \"a\" { policy = \"wrte\" }"}
    400 failed to parse policy: path "a": invalid policy "wrte"
POST sys/policies/acl/p {"policy":"hello"}
    400 failed to parse policy: At 1:7: key 'hello' expected start of object ('{') or assignment ('=')
POST sys/policies/acl/p {"policy":"path \"a\" { capabilities = \"read\" }"}
    400 failed to parse policy: path "a": At 1:27: unknown slice type: *ast.LiteralType
POST sys/policies/acl/p {"policy":"path \"a\" { capabilities = [\"read\"] min_wrapping_ttl = \"2h\" max_wrapping_ttl = \"1h\" }"}
    400 failed to parse policy: max_wrapping_ttl cannot be less than min_wrapping_ttl
POST sys/policies/acl/p {"policy":"path = \"a\""}
    400 failed to parse policy: path "path": cannot check HCL keys of type *ast.LiteralType
DELETE sys/policies/acl/default
    400 cannot delete default policy
GET sys/policies/acl/nope
    404
PUT sys/policy/p {}
    400 'policy' parameter not supplied or empty
POST sys/capabilities-self {}
    400 paths must be supplied
"#;

#[test]
fn policies() {
    let policy = |text: &str| json!({"policy": text});
    let mut stand = Stand::new();
    stand.refuses(POLICIES);
    let warned = stand.put("sys/policies/acl/P2", policy("path \"a\" {}"));
    assert_eq!(
        warned["warnings"],
        json!(["policy name was converted to p2"])
    );
    assert_eq!(stand.list("sys/policies/acl"), ["default", "p2", "root"]);
}

const LEASES: &str = r#"
POST sys/leases/lookup {}
    400 lease_id must be specified
POST sys/leases/lookup {"lease_id":"nope"}
    400 invalid lease
POST sys/leases/renew {}
    400 lease_id must be specified
PUT sys/renew {"lease_id":"nope"}
    400 lease not found
POST sys/leases/renew/ {}
    400 cannot write to a path ending in '/'
PUT sys/leases/renew {"increment":"x","lease_id":"x"}
    400 Field validation failed: error converting input for field "increment": time: invalid duration "x"
PUT sys/leases/renew {"increment":-5,"lease_id":"x"}
    400 Field validation failed: error converting input for field "increment": cannot provide negative value '-5'
POST sys/leases/revoke {}
    400 lease_id must be specified
LIST sys/leases/lookup/nope
    404
"#;

#[test]
fn leases() {
    let mut stand = Stand::new();
    stand.refuses(LEASES);
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

const TOKENS: &str = r#"
POST auth/token/create {"ttl":"bogus"}
    400 time: invalid duration "bogus"
POST auth/token/create {"ttl":"-5s"}
    400 ttl must be positive
POST auth/token/create {"period":"-5s"}
    400 period must be positive
POST auth/token/create {"period":"1h","policies":["x"],"type":"batch"}
    400 batch tokens cannot have "period" set
POST auth/token/create {"num_uses":1,"policies":["x"],"type":"batch"}
    400 batch tokens cannot have "num_uses" set
POST auth/token/create {"type":"batch"}
    400 batch tokens cannot be root tokens
POST auth/token/create {"type":"nope"}
    400 invalid 'token_type' value
POST auth/token/create {"num_uses":-1}
    400 number of uses cannot be negative
POST auth/token/create {"policies":["response-wrapping"]}
    400 cannot assign policy "response-wrapping"
POST auth/token/create {"id":"hvs.x","policies":["x"]}
    400 custom token ID cannot have the 'hvs.' prefix
POST auth/token/create {"id":"root","policies":["x"]}
    400 cannot create a token with a duplicate ID
POST auth/token/create {"entity_alias":"x"}
    400 'entity_alias' is only allowed in combination with token role
POST auth/token/create {"meta":"x"}
    400 Field validation failed: error converting input for field "meta": invalid key pair "x"
POST auth/token/create/nope {}
    400 unknown role nope
POST auth/token/lookup {"token":"nope"}
    403 bad token
POST auth/token/lookup {"token":null}
    403 invalid token
POST auth/token/renew-self {}
    400 lease is not renewable
POST auth/token/renew {"token":"nope"}
    400 token not found
POST auth/token/renew {}
    400 missing token ID
POST auth/token/revoke {}
    400 missing token ID
POST auth/token/revoke-orphan {"token":"nope"}
    400 token to revoke not found
LIST auth/token/roles
    404
POST auth/token/roles/b {"token_type":"batch"}
    400 'token_type' cannot be 'batch' when role is set to generate non-orphan tokens
"#;

#[test]
fn tokens() {
    let mut stand = Stand::new();
    stand.refuses(TOKENS);
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

const WRAPPING: &str = r#"
POST sys/wrapping/wrap {"a":"b"}
    400 endpoint requires response wrapping to be used
POST sys/wrapping/unwrap {"token":"nope"}
    400 wrapping token is not valid or does not exist
POST sys/wrapping/unwrap {"token":""}
    403 error validating wrapping token: empty token in request body
POST sys/wrapping/lookup {"token":"nope"}
    400 wrapping token is not valid or does not exist
"#;

#[test]
fn wrapping() {
    let mut stand = Stand::new();
    stand.refuses(WRAPPING);
    assert_eq!(
        stand.errors_of("", "POST", "sys/wrapping/lookup", json!({})),
        (
            403,
            vec!["error validating wrapping token: token is empty".to_owned()]
        )
    );
}
