//! What is somebody else's stays as it is, in Vault and in Kubernetes; and nothing goes while
//! something depends on it.

use anyhow::{Context, Result, ensure};
use e2e::servers::eventually;
use e2e::world::neighbour::Neighbour;
use e2e::world::scenes::{request, secret_of, simple_role};
use e2e::world::{base64, ready};
use e2e::{OwnStand, Stand, World, on_both_stands};
use reqwest::Method;
use serde_json::{Value, json};

on_both_stands! {
    foreign_mounts_are_neither_configured_nor_unmounted,
    foreign_secrets_and_roles_of_our_name_are_not_overwritten,
    of_two_clusters_of_one_name_the_second_is_told,
}

const ENGINE: &str = "SecretEngine";
const REQUEST: &str = "AWSAccessKeyRequest";

async fn foreign_mounts_are_neither_configured_nor_unmounted<S: OwnStand>() -> Result<()> {
    let world = World::prepare(S::start().await?).await?;
    let mut operator = world.operator(&[]).await?;
    world.apply(&world.token_binding("demo")).await?;
    foreign_aws_mount(&world).await?;
    foreign_kv_mount(&world).await?;
    retained_mount(&world).await?;
    engine_in_use_and_role_gone(&world).await?;
    operator.stop().await
}

/// The mount at aws/ as Vault has it, with what is configured in it.
async fn mount<S: Stand>(world: &World<S>) -> Result<Value> {
    let mounts = world.vault_read("sys/mounts").await?.unwrap_or_default();
    let root = if mounts["aws/"]["type"] == "aws" {
        world.vault_read("aws/config/root").await?
    } else {
        None
    };
    Ok(json!({"mount": mounts["aws/"], "root": root}))
}

async fn unmount<S: Stand>(world: &World<S>) -> Result<()> {
    let (status, answer) = world
        .stand
        .vault(Method::DELETE, "sys/mounts/aws", None)
        .await?;
    ensure!(status < 300, "{answer}");
    Ok(())
}

async fn foreign_aws_mount<S: Stand>(world: &World<S>) -> Result<()> {
    let [secret, engine] = world.seed_engine()?;
    let theirs = json!({"type": "aws", "description": "the platform team's"});
    world.vault_write("sys/mounts/aws", &theirs).await?;
    let root = json!({"access_key": "AKIATHEIRS", "secret_key": "theirs", "region": "eu-west-1"});
    world.vault_write("aws/config/root", &root).await?;
    let before = mount(world).await?;

    world.apply(&[secret, engine.clone()]).await?;
    let words = ["aws/", "spec.path", "spec.adopt"];
    world
        .says(ENGINE, "aws-secret-engine", "NotOurs", &words)
        .await?;
    assert_eq!(mount(world).await?, before);
    world.delete(ENGINE, "aws-secret-engine").await?;
    assert_eq!(mount(world).await?, before);

    // Adopted: configured, and never unmounted.
    let mut adopting = engine.clone();
    adopting["spec"]["adopt"] = true.into();
    world.apply(&[engine]).await?;
    world.reason(ENGINE, "aws-secret-engine", "NotOurs").await?;
    world.apply(&[adopting]).await?;
    world.phase(ENGINE, "aws-secret-engine", "Success").await?;
    let after = mount(world).await?;
    assert_eq!(
        after["root"]["access_key"],
        world.stand.aws_root().access_key
    );
    assert_eq!(after["mount"]["uuid"], before["mount"]["uuid"]);
    world.apply(&[simple_role("adopted")]).await?;
    world.issue("adopted", "adopted").await?;
    world.delete(REQUEST, "adopted").await?;
    world.delete("AWSRole", "adopted").await?;
    world.delete(ENGINE, "aws-secret-engine").await?;
    let left = mount(world).await?;
    assert_eq!(left["mount"]["uuid"], before["mount"]["uuid"]);
    unmount(world).await
}

async fn foreign_kv_mount<S: Stand>(world: &World<S>) -> Result<()> {
    let [_, mut engine] = world.seed_engine()?;
    // Adopting does not make another type of engine this one.
    engine["spec"]["adopt"] = true.into();
    world
        .vault_write("sys/mounts/aws", &json!({"type": "kv"}))
        .await?;
    world
        .vault_write("aws/precious", &json!({"key": "value"}))
        .await?;
    world.apply(&[engine]).await?;
    let words = ["aws/", "kv", "spec.path"];
    world
        .says(ENGINE, "aws-secret-engine", "PathTaken", &words)
        .await?;
    world.delete(ENGINE, "aws-secret-engine").await?;
    let kept = world.vault_read("aws/precious").await?;
    assert_eq!(kept, Some(json!({"key": "value"})));
    unmount(world).await
}

async fn retained_mount<S: Stand>(world: &World<S>) -> Result<()> {
    let [_, mut engine] = world.seed_engine()?;
    engine["spec"]["deletionPolicy"] = "Retain".into();
    world.apply(&[engine]).await?;
    world.phase(ENGINE, "aws-secret-engine", "Success").await?;
    let before = mount(world).await?;
    world.delete(ENGINE, "aws-secret-engine").await?;
    assert_eq!(mount(world).await?, before);
    unmount(world).await
}

async fn engine_in_use_and_role_gone<S: Stand>(world: &World<S>) -> Result<()> {
    let [_, engine] = world.seed_engine()?;
    world
        .apply(&[engine, simple_role("one"), simple_role("two")])
        .await?;
    let issued = world.issue("app", "one").await?;
    let key = world.stand.aws(world.key_in(&secret_of(&issued)).await?)?;

    world.delete_later(ENGINE, "aws-secret-engine").await?;
    world
        .says(
            ENGINE,
            "aws-secret-engine",
            "InUse",
            &["demo/one", "demo/two"],
        )
        .await?;
    key.caller_arn().await?;

    // The role leaves Vault at once; its live key lasts, and that is said.
    world.delete("AWSRole", "one").await?;
    let role = world.vault_read("aws/roles/k8s.-.demo.one").await?;
    ensure!(role.is_none(), "{role:?}");
    let object = world
        .until(REQUEST, "demo", "app", "RoleGone", |o| {
            let gone = e2e::world::condition(o, "RoleGone");
            gone["status"] == "True" || ready(o)["reason"] == "RoleGone"
        })
        .await?;
    assert_eq!(object["status"]["phase"], "Issued", "its key is alive");
    key.caller_arn().await?;
    world.apply(&[request("late", "one")]).await?;
    world.approve("late").await?;
    world
        .says(REQUEST, "late", "RoleNotFound", &["demo/one"])
        .await?;

    world.delete(REQUEST, "app").await?;
    world.delete(REQUEST, "late").await?;
    world.users_become(0).await?;
    let waiting = world.get(ENGINE, "demo", "aws-secret-engine").await?;
    ensure!(waiting.is_some(), "a role still uses it");
    world.delete("AWSRole", "two").await?;
    world.gone(ENGINE, "aws-secret-engine").await?;
    assert_eq!(mount(world).await?["mount"], Value::Null);
    Ok(())
}

async fn foreign_secrets_and_roles_of_our_name_are_not_overwritten<S: OwnStand>() -> Result<()> {
    let world = World::prepare(S::start().await?).await?;
    let mut operator = world.operator(&[]).await?;
    world.ready_role().await?;
    let issued = world.issue("app", "aws-role").await?;
    let secret = secret_of(&issued);
    let reader = format!("{secret}-reader");
    operator.stop().await?;

    // While nobody looks, somebody else takes the names.
    let theirs = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": secret, "namespace": "demo"},
        "data": {"precious": base64(b"value")},
    });
    let their_role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": reader, "namespace": "demo"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}],
    });
    for (kind, name, object) in [("Secret", &secret, &theirs), ("Role", &reader, &their_role)] {
        world.delete(kind, name).await?;
        world.apply(std::slice::from_ref(object)).await?;
    }
    let mut operator = world.operator(&[]).await?;
    let words = [&*secret, "somebody else"];
    world.says(REQUEST, "app", "NameTaken", &words).await?;
    kept(&world, &secret, &reader).await?;

    world.delete_later("Secret", &secret).await?;
    let words = [&*reader, "somebody else"];
    world
        .until(REQUEST, "demo", "app", "the Role is taken, too", |o| {
            let ready = ready(o);
            let message = ready["message"].as_str().unwrap_or_default();
            ready["reason"] == "NameTaken" && words.iter().all(|w| message.contains(w))
        })
        .await?;
    let role = world.get("Role", "demo", &reader).await?.context("it")?;
    assert_eq!(role["rules"], their_role["rules"]);
    world.delete_later("Role", &reader).await?;
    let account = "system:serviceaccount:demo:demo-sa";
    eventually("it is delivered", || async {
        world.works(&secret).await?;
        ensure!(world.may_get(account, &[], &secret).await?, "not yet");
        Ok(())
    })
    .await?;
    world.phase(REQUEST, "app", "Issued").await?;

    // Deleting the request deletes nothing that was taken over meanwhile.
    operator.stop().await?;
    world.delete("Secret", &secret).await?;
    world.apply(std::slice::from_ref(&theirs)).await?;
    let mut operator = world.operator(&[]).await?;
    world.delete(REQUEST, "app").await?;
    let left = world.get("Secret", "demo", &secret).await?;
    assert_eq!(left.context("it was theirs")?["data"], theirs["data"]);
    world.users_become(0).await?;
    operator.stop().await
}

async fn kept<S: Stand>(world: &World<S>, secret: &str, reader: &str) -> Result<()> {
    let found = world.get("Secret", "demo", secret).await?.context("it")?;
    assert_eq!(found["data"], json!({"precious": base64(b"value")}));
    let role = world.get("Role", "demo", reader).await?.context("it")?;
    assert_eq!(role["rules"][0]["resources"], json!(["configmaps"]));
    Ok(())
}

/// Both clusters have no name, as KubeVault's users have it, and the same manifests.
async fn of_two_clusters_of_one_name_the_second_is_told<S: OwnStand>() -> Result<()> {
    let first = World::prepare(S::start().await?).await?;
    let second = World::prepare(Neighbour::start(&first.stand).await?).await?;
    let mut operators = [first.operator(&[]).await?, second.operator(&[]).await?];
    first.ready_role().await?;
    let issued = first.issue("app", "aws-role").await?;
    let before = mount(&first).await?;
    let role = first.vault_read("aws/roles/k8s.-.demo.aws-role").await?;

    second.apply(&second.token_binding("demo")).await?;
    second.apply(&second.seed_engine()?).await?;
    let mut other = simple_role("aws-role");
    other["spec"]["policyDocument"] = json!({"Version": "2012-10-17", "Statement": []})
        .to_string()
        .into();
    second.apply(&[other, request("app", "aws-role")]).await?;
    second.approve("app").await?;
    let words = ["aws/", "demo/aws-secret-engine"];
    second
        .says(ENGINE, "aws-secret-engine", "NotOurs", &words)
        .await?;
    second
        .says("AWSRole", "aws-role", "NotOurs", &["aws"])
        .await?;
    second.reason(REQUEST, "app", "RoleNotReady").await?;
    untouched(&first, &before, role.as_ref(), &issued).await?;

    second.delete(REQUEST, "app").await?;
    second.delete("AWSRole", "aws-role").await?;
    second.delete(ENGINE, "aws-secret-engine").await?;
    untouched(&first, &before, role.as_ref(), &issued).await?;
    first.users_become(1).await?;
    for operator in &mut operators {
        operator.stop().await?;
    }
    Ok(())
}

async fn untouched<S: Stand>(
    first: &World<S>,
    before: &Value,
    role: Option<&Value>,
    issued: &Value,
) -> Result<()> {
    assert_eq!(&mount(first).await?, before);
    let now = first.vault_read("aws/roles/k8s.-.demo.aws-role").await?;
    assert_eq!(now.as_ref(), role, "the first cluster's role");
    let app = first.get(REQUEST, "demo", "app").await?.context("it")?;
    assert_eq!(app["status"], issued["status"]);
    first.works(&secret_of(issued)).await
}
