//! The table: what is wrong, what is said of it, and how it is mended.

use anyhow::{Context, Result, ensure};
use e2e::world::base64;
use e2e::world::scenes::{request, role, simple_role};
use e2e::{Stand, World};
use serde_json::{Value, json};

use crate::strangers::Strangers;

/// One thing that is wrong.
pub(crate) struct Case {
    /// What is applied.
    pub(crate) bad: Vec<Value>,
    /// Kind and name of the object that says so.
    pub(crate) kind: &'static str,
    pub(crate) object: &'static str,
    /// What it says.
    pub(crate) reason: &'static str,
    pub(crate) words: &'static [&'static str],
    /// What is applied to mend it; nothing if it cannot be, and is deleted.
    pub(crate) mended: Vec<Value>,
}

const ENGINE: &str = "SecretEngine";
const ROLE: &str = "AWSRole";
const REQUEST: &str = "AWSAccessKeyRequest";

pub(crate) fn cases<S: Stand>(world: &World<S>, strangers: &Strangers) -> Result<Vec<Case>> {
    let mut all = policies();
    all.extend(root_secrets(world)?);
    all.extend(logins(world));
    all.extend(addresses(world, strangers));
    all.extend(references(world)?);
    all.extend(requests(world));
    Ok(all)
}

fn policies() -> Vec<Case> {
    let with = |name: &str, text: &str| {
        role(
            name,
            json!({"credentialType": "iam_user", "policyDocument": text}),
        )
    };
    let case = |object, text: &str, words| Case {
        bad: vec![with(object, text)],
        kind: ROLE,
        object,
        reason: "PolicyInvalid",
        words,
        mended: vec![simple_role(object)],
    };
    vec![
        case(
            "not-json",
            r#"{"Version": "2012-10-17", "Statement": ["#,
            &["spec.policyDocument", "not JSON", "mend it"],
        ),
        case(
            "no-object",
            r#"["2012-10-17"]"#,
            &["spec.policyDocument", "not a JSON object", "Statement"],
        ),
    ]
}

fn engine<S: Stand>(world: &World<S>, name: &str, secret: &str) -> Result<Value> {
    let [_, mut engine] = world.seed_engine()?;
    engine["metadata"]["name"] = name.into();
    engine["spec"]["path"] = format!("at-{name}").into();
    engine["spec"]["aws"]["credentialSecret"] = secret.into();
    Ok(engine)
}

fn secret(name: &str, kind: &str, data: &[(&str, &[u8])]) -> Value {
    let data: serde_json::Map<String, Value> = data
        .iter()
        .map(|(key, bytes)| ((*key).to_owned(), base64(bytes).into()))
        .collect();
    json!({"apiVersion": "v1", "kind": "Secret", "type": kind,
        "metadata": {"name": name, "namespace": "demo"}, "data": data})
}

fn root_secrets<S: Stand>(world: &World<S>) -> Result<Vec<Case>> {
    let key = world.stand.aws_root();
    let access: (&str, &[u8]) = ("access_key", key.access_key.as_bytes());
    let good = |name: &str| {
        let half: (&str, &[u8]) = ("secret_key", key.secret_key.as_bytes());
        secret(name, "Opaque", &[access, half])
    };
    Ok(vec![
        Case {
            bad: vec![engine(world, "root-missing", "no-root")?],
            kind: ENGINE,
            object: "root-missing",
            reason: "RootSecretMissing",
            words: &["demo/no-root", "create it", "access_key", "secret_key"],
            mended: vec![good("no-root")],
        },
        Case {
            bad: vec![
                secret("half-root", "Opaque", &[access]),
                engine(world, "root-half", "half-root")?,
            ],
            kind: ENGINE,
            object: "root-half",
            reason: "RootSecretInvalid",
            words: &["demo/half-root", "no key secret_key", "add it"],
            mended: vec![good("half-root")],
        },
        Case {
            bad: vec![
                secret(
                    "binary-root",
                    "Opaque",
                    &[access, ("secret_key", b"\xff\xfe")],
                ),
                engine(world, "root-binary", "binary-root")?,
            ],
            kind: ENGINE,
            object: "root-binary",
            reason: "RootSecretInvalid",
            words: &[
                "demo/binary-root",
                "secret_key",
                "not UTF-8",
                "write it again",
            ],
            mended: vec![good("binary-root")],
        },
    ])
}

/// An AppBinding, and a role at it.
fn binding(name: &str, config: &Value, login: &str) -> Value {
    json!({
        "apiVersion": "appcatalog.appscode.com/v1alpha1", "kind": "AppBinding",
        "metadata": {"name": name, "namespace": "demo"},
        "spec": {"clientConfig": config, "secret": {"name": login}},
    })
}

fn role_at(binding: &str) -> Value {
    let mut role = simple_role(binding);
    role["spec"]["vaultRef"]["name"] = binding.into();
    role
}

fn logins<S: Stand>(world: &World<S>) -> Vec<Case> {
    let url = json!({"url": world.stand.vault_address()});
    let token = world.login_token.clone();
    let type_ = "kubevault.com/token";
    // As `vault token create > file` leaves it.
    let good = |name: &str| secret(name, type_, &[("token", format!("{token}\n").as_bytes())]);
    let case = |object, bad: Option<Value>, reason, words, mended: Vec<Value>| Case {
        bad: bad
            .into_iter()
            .chain([binding(object, &url, object), role_at(object)])
            .collect(),
        kind: ROLE,
        object,
        reason,
        words,
        mended,
    };
    let bad = |name: &str, bytes: &[u8]| Some(secret(name, type_, &[("token", bytes)]));
    let broken = format!("{token}\nand more\n");
    vec![
        case(
            "login-missing",
            None,
            "LoginMissing",
            &["demo/login-missing", "create it", "token"],
            vec![good("login-missing")],
        ),
        case(
            "login-no-key",
            Some(secret("login-no-key", type_, &[("tokn", b"x")])),
            "LoginMissing",
            &["demo/login-no-key", "no key token", "add it"],
            vec![good("login-no-key")],
        ),
        case(
            // The type of a Secret cannot be changed: the AppBinding names another.
            "login-opaque",
            Some(secret(
                "login-opaque",
                "Opaque",
                &[("token", token.as_bytes())],
            )),
            "LoginMissing",
            &["demo/login-opaque", "Opaque", "kubevault.com/token"],
            vec![binding("login-opaque", &url, "vault-token")],
        ),
        case(
            "login-binary",
            bad("login-binary", b"\xff\xfe"),
            "LoginMissing",
            &["demo/login-binary", "token", "not UTF-8"],
            vec![good("login-binary")],
        ),
        case(
            "login-lines",
            bad("login-lines", broken.as_bytes()),
            "LoginMissing",
            &["demo/login-lines", "token", "write it again"],
            vec![good("login-lines")],
        ),
        case(
            "login-unknown",
            bad("login-unknown", b"hvs.unknown"),
            "LoginRefused",
            &["login Secret", "not valid"],
            vec![good("login-unknown")],
        ),
    ]
}

fn addresses<S: Stand>(world: &World<S>, strangers: &Strangers) -> Vec<Case> {
    let good = world.stand.vault_address();
    let case = |object, config: Value, reason, words| Case {
        bad: vec![binding(object, &config, "vault-token"), role_at(object)],
        kind: ROLE,
        object,
        reason,
        words,
        mended: vec![binding(object, &json!({ "url": good }), "vault-token")],
    };
    vec![
        case(
            "unreachable",
            json!({"url": "http://127.0.0.1:1"}),
            "VaultUnreachable",
            &["127.0.0.1:1", "AppBinding"],
        ),
        case(
            "no-address",
            json!({}),
            "AppBindingInvalid",
            &["demo/no-address", "spec.clientConfig.url", "service"],
        ),
        case(
            "no-url",
            json!({"url": "where is it"}),
            "AppBindingInvalid",
            &["demo/no-url", "spec.clientConfig", "not a URL"],
        ),
        case(
            "a-page",
            json!({"url": strangers.page}),
            "VaultUnexpected",
            &[
                "did not answer as a Vault does",
                "AppBinding demo/a-page",
                "correct it",
            ],
        ),
        case(
            "ten-megabytes",
            json!({"url": strangers.much}),
            "VaultUnexpected",
            &[
                "sys/health",
                "answered more than 1 MiB",
                "demo/ten-megabytes",
            ],
        ),
        case(
            "other-json",
            json!({"url": strangers.other_json}),
            "VaultUnexpected",
            &[
                "did not answer as a Vault does",
                "AppBinding demo/other-json",
            ],
        ),
    ]
}

fn references<S: Stand>(world: &World<S>) -> Result<Vec<Case>> {
    let mut parameters = binding(
        "parameters",
        &json!({"url": world.stand.vault_address()}),
        "vault-token",
    );
    parameters["spec"]["parameters"] = json!({"apiVersion": "config.kubevault.com/v1alpha1",
        "kind": "VaultServerConfiguration", "path": 5});
    let mut right = parameters.clone();
    right["spec"]["parameters"]["path"] = "kubernetes".into();
    let mut nowhere = simple_role("mount-missing");
    nowhere["spec"]["path"] = "at-nowhere".into();
    Ok(vec![
        Case {
            bad: vec![parameters, role_at("parameters")],
            kind: ROLE,
            object: "parameters",
            reason: "AppBindingInvalid",
            words: &["demo/parameters", "spec.parameters"],
            mended: vec![right],
        },
        Case {
            bad: vec![role_at("binding-missing")],
            kind: ROLE,
            object: "binding-missing",
            reason: "AppBindingNotFound",
            words: &["demo/binding-missing", "create it"],
            mended: vec![binding(
                "binding-missing",
                &json!({"url": world.stand.vault_address()}),
                "vault-token",
            )],
        },
        Case {
            bad: vec![nowhere],
            kind: ROLE,
            object: "mount-missing",
            reason: "MountMissing",
            words: &["SecretEngine", "spec.path", "at-nowhere"],
            mended: vec![engine(world, "nowhere", "aws-cred")?],
        },
        Case {
            bad: vec![
                json!({"vault": "sys/mounts/at-taken", "body": {"type": "kv"}}),
                engine(world, "taken", "aws-cred")?,
            ],
            kind: ENGINE,
            object: "taken",
            reason: "PathTaken",
            words: &["at-taken/", "kv", "spec.path"],
            mended: vec![],
        },
    ])
}

fn requests<S: Stand>(world: &World<S>) -> Vec<Case> {
    let mut elsewhere = request("not-granted", "private");
    elsewhere["spec"]["roleRef"]["namespace"] = "other".into();
    let mut private = simple_role("private");
    private["metadata"]["namespace"] = "other".into();
    let mut granted = private.clone();
    granted["spec"]["allowedNamespaces"] = json!({"from": "All"});
    let granted = [granted];
    vec![
        Case {
            bad: vec![request("role-missing", "no-role")],
            kind: REQUEST,
            object: "role-missing",
            reason: "RoleNotFound",
            words: &["demo/no-role", "create it"],
            mended: vec![simple_role("no-role")],
        },
        Case {
            bad: vec![private, elsewhere],
            kind: REQUEST,
            object: "not-granted",
            reason: "RoleNotGranted",
            words: &["other/private", "namespace demo", "allowedNamespaces"],
            mended: granted
                .into_iter()
                .chain(world.token_binding("other"))
                .collect(),
        },
    ]
}

/// What the schema refuses, in words that say what would be right.
pub(crate) async fn refused_by_the_api_server<S: Stand>(world: &World<S>) -> Result<()> {
    let with = |field: &str, value: Value| {
        let mut role = simple_role("refused");
        role["spec"][field] = value;
        role
    };
    let mut stranger = request("refused", "good");
    stranger["spec"]["subjects"][0]["kind"] = "Robot".into();
    let mut nobody = request("refused", "good");
    nobody["spec"]["subjects"] = json!([]);
    let mut ages = request("refused", "good");
    ages["spec"]["ttl"] = "a while".into();
    for (manifest, words) in [
        (
            with("credentialType", "iam_robot".into()),
            &["credentialType", "iam_user", "assumed_role"][..],
        ),
        (
            with("roleARNs", json!(["arn:aws:iam::1:role/x"])),
            &["roleARNs are only for credentialType assumed_role"],
        ),
        (
            with("maxSTSTTL", "1h".into()),
            &["the life of iam_user keys is the SecretEngine's leaseConfig"],
        ),
        (
            with("path", "aws//roles".into()),
            &["spec.path is a path in Vault, such as aws", "no / at"],
        ),
        (with("path", "../sys".into()), &["no part that is . or .."]),
        (stranger, &["ServiceAccount, User or Group"]),
        (nobody, &["spec.subjects"]),
        (ages, &["spec.ttl"]),
    ] {
        let refused = world.apply(std::slice::from_ref(&manifest)).await;
        let error = refused.err().with_context(|| manifest.to_string())?;
        let said = format!("{error:#}");
        for word in words {
            ensure!(said.contains(word), "no \"{word}\" in: {said}");
        }
    }
    Ok(())
}
