//! Keys of a role of another namespace, and what is said when a role changes; a Secret whose data
//! somebody wrote over.

use anyhow::{Result, ensure};
use e2e::{OwnStand, World, manifests, on_both_stands, world::condition};
use serde_json::{Value, json};

on_both_stands! {
    a_role_issues_into_the_namespaces_it_names,
    a_secret_written_over_gets_another_key_once,
}

const REQUEST: &str = "AWSAccessKeyRequest";

fn role(allowed: &Value) -> Value {
    json!({
        "apiVersion": "engine.kubevault.com/v1alpha1", "kind": "AWSRole",
        "metadata": {"name": "reader", "namespace": "platform"},
        "spec": {
            "vaultRef": {"name": "vault"}, "credentialType": "iam_user",
            "policyDocument": r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}"#,
            "allowedNamespaces": allowed,
        },
    })
}

fn request() -> Value {
    json!({
        "apiVersion": "engine.kubevault.com/v1alpha1", "kind": REQUEST,
        "metadata": {"name": "reader", "namespace": "demo"},
        "spec": {
            "roleRef": {"name": "reader", "namespace": "platform"},
            "subjects": [{"kind": "ServiceAccount", "name": "demo-sa", "namespace": "demo"}],
        },
    })
}

async fn a_role_issues_into_the_namespaces_it_names<S: OwnStand>() -> Result<()> {
    let world = World::prepare(S::start().await?).await?;
    let mut operator = world.operator(&["--resync", "5s"]).await?;
    world.namespace("platform").await?;
    world.apply(&world.token_binding("demo")).await?;
    world.apply(&world.seed_engine()?).await?;
    world.apply(&world.token_binding("platform")).await?;
    world
        .apply(&[role(&json!({"from": "Same"})), request()])
        .await?;
    world.approve("reader").await?;
    let words = world.reason(REQUEST, "reader", "RoleNotGranted").await?;
    ensure!(words.contains("allowedNamespaces"), "{words}");
    ensure!(world.users().await?.is_empty());

    // Granted by a label that the namespace gets afterwards: found at the next look.
    let team = json!({"from": "Selector", "selector": {"matchLabels": {"team": "a"}}});
    world.apply(&[role(&team)]).await?;
    let demo = json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": "demo", "labels": {"team": "a"}}});
    world.apply(&[demo]).await?;
    let issued = world.phase(REQUEST, "reader", "Issued").await?;
    world.users_become(1).await?;
    // The role was changed, but before the key was issued.
    ensure!(condition(&issued, "RoleChanged").is_null(), "{issued}");

    // Taken away: the key lives on, and the request says so.
    world.apply(&[role(&json!({"from": "Same"}))]).await?;
    let told = |o: &Value| condition(o, "RoleNotGranted")["status"] == "True";
    let object = world
        .until(REQUEST, "demo", "reader", "told of the grant's end", told)
        .await?;
    ensure!(object["status"]["phase"] == "Issued", "{object}");
    // Given back: what changed meanwhile is told, and no key is made by surprise.
    world.apply(&[role(&json!({"from": "All"}))]).await?;
    let told = |o: &Value| condition(o, "RoleChanged")["status"] == "True";
    world
        .until(REQUEST, "demo", "reader", "told of the role's change", told)
        .await?;
    world.users_become(1).await?;
    world.delete(REQUEST, "reader").await?;
    world.users_become(0).await?;
    operator.stop().await
}

async fn a_secret_written_over_gets_another_key_once<S: OwnStand>() -> Result<()> {
    let world = World::prepare(S::start().await?).await?;
    let mut operator = world.operator(&["--resync", "5s"]).await?;
    world.apply(&world.token_binding("demo")).await?;
    world.apply(&world.seed_engine()?).await?;
    world
        .apply(&[
            manifests::seed("000-awsrole.yaml", &[])?,
            manifests::seed("000-awsaccesskeyrequest.yaml", &[])?,
        ])
        .await?;
    world.approve("aws-cred-rqst").await?;
    let issued = world.phase(REQUEST, "aws-cred-rqst", "Issued").await?;
    let secret = issued["status"]["secret"]["name"].as_str().unwrap_or("");
    let first = world.key_in(secret).await?;
    let wrote = |metadata: Value, data: Value| {
        let mut object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata});
        object["metadata"]["name"] = json!(secret);
        object["metadata"]["namespace"] = json!("demo");
        if !data.is_null() {
            object["stringData"] = data;
        }
        object
    };
    // Labels, and fields of somebody's own: nothing happens.
    let noted = wrote(
        json!({"labels": {"backup": "yes"}}),
        json!({"note": "mine"}),
    );
    world.apply(&[noted]).await?;
    world
        .stays("the same key", || async {
            let key = world.key_in(secret).await?;
            Ok(key.access_key == first.access_key)
        })
        .await?;
    // Written over: another key, once, although its author is still named for what did not change.
    let text = json!({"secret_key": "mine", "security_token": ""});
    let mut bytes = wrote(json!({}), Value::Null);
    bytes["data"] = json!({"secret_key": "bWluZQ==", "security_token": ""});
    let mut last = first;
    for over in [bytes, wrote(json!({}), text)] {
        world.apply(&[over]).await?;
        e2e::servers::eventually("another key", || async {
            let key = world.key_in(secret).await?;
            ensure!(key.access_key != last.access_key, "not yet");
            Ok(())
        })
        .await?;
        last = world.key_in(secret).await?;
        world
            .stays("that key", || async {
                Ok(world.key_in(secret).await?.access_key == last.access_key)
            })
            .await?;
    }
    world.stand.aws(last)?.caller_arn().await?;
    world.delete(REQUEST, "aws-cred-rqst").await?;
    world.users_become(0).await?;
    operator.stop().await
}
