//! The operator itself: its rights, its end, and what it sets right.

use anyhow::{Result, ensure};
use e2e::{OwnStand, Stand, World, manifests, on_both_stands};
use serde_json::{Value, json};

on_both_stands! {
    it_ends_when_told_although_the_api_server_is_away,
    without_keepers_nothing_is_issued_and_the_lines_to_add_are_said,
    what_somebody_deletes_or_changes_is_set_right,
}

async fn ready_role<S: Stand>(world: &World<S>) -> Result<()> {
    world.apply(&world.token_binding("demo")).await?;
    world.apply(&world.seed_engine()?).await?;
    world
        .apply(&[manifests::seed("000-awsrole.yaml", &[])?])
        .await?;
    world.phase("AWSRole", "aws-role", "Success").await?;
    Ok(())
}

/// SIGTERM ends it within its grace, also when the API server is away and when it never was there.
async fn it_ends_when_told_although_the_api_server_is_away<S: OwnStand>() -> Result<()> {
    let mut world = World::prepare(S::start().await?).await?;
    let mut at_work = world.operator(&[]).await?;
    ready_role(&world).await?;
    world.stand.pause_kube()?;
    at_work.stop().await?;
    let before = at_work.log().matches("API server").count();
    world.stand.resume_kube()?;

    let mut starting = world.operator(&[]).await?;
    world.stand.pause_kube()?;
    // Both wrote to one log; before this line it does not listen to signals yet.
    e2e::servers::eventually("it has started", || async {
        let starts = starting.log().matches("API server").count();
        ensure!(starts > before, "not yet");
        Ok(())
    })
    .await?;
    starting.stop().await?;
    world.stand.resume_kube()
}

/// A login that may not mint keepers: said with the lines to add, and nothing is issued.
async fn without_keepers_nothing_is_issued_and_the_lines_to_add_are_said<S: OwnStand>() -> Result<()>
{
    let mut world = World::prepare(S::start().await?).await?;
    let token = world
        .vault_write(
            "auth/token/create-orphan",
            &json!({"policies": ["leasehold"], "period": "1h"}),
        )
        .await?;
    let good = world.login_token.clone();
    world.login_token = token["auth"]["client_token"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let mut operator = world.operator(&[]).await?;
    ready_role(&world).await?;
    // The seed's concept page, applied as it is.
    world
        .apply(&[manifests::seed("001-awsaccesskeyrequest.yaml", &[])?])
        .await?;
    world.approve("aws-cred-req").await?;
    let words = world
        .reason("AWSAccessKeyRequest", "aws-cred-req", "KeeperRefused")
        .await?;
    ensure!(
        words.contains("child policies must be subset of parent"),
        "{words}"
    );
    ensure!(
        words.contains("vault policy write leasehold-keeper"),
        "{words}"
    );
    ensure!(world.users().await?.is_empty());

    // A login that may: nothing else is touched. The login Secret is read once a minute.
    world.login_token = good;
    world.apply(&world.token_binding("demo")).await?;
    world
        .phase("AWSAccessKeyRequest", "aws-cred-req", "Issued")
        .await?;
    world.users_become(1).await?;
    operator.stop().await
}

/// The Secret, Role and RoleBinding of a request come back, whoever deleted or changed them.
async fn what_somebody_deletes_or_changes_is_set_right<S: OwnStand>() -> Result<()> {
    let world = World::prepare(S::start().await?).await?;
    let mut operator = world.operator(&[]).await?;
    ready_role(&world).await?;
    world
        .apply(&[manifests::seed("000-awsaccesskeyrequest.yaml", &[])?])
        .await?;
    world.approve("aws-cred-rqst").await?;
    let request = world
        .phase("AWSAccessKeyRequest", "aws-cred-rqst", "Issued")
        .await?;
    let secret = request["status"]["secret"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let reader = format!("{secret}-reader");
    let first = world.key_in(&secret).await?;

    world.delete_later("RoleBinding", &reader).await?;
    let account = "system:serviceaccount:demo:demo-sa";
    world
        .until("RoleBinding", "demo", &reader, "back", |_| true)
        .await?;
    e2e::servers::eventually("the subject may read it again", || async {
        ensure!(world.may(account, "get", &secret).await?, "not yet");
        Ok(())
    })
    .await?;
    let widened = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": reader, "namespace": "demo"},
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}],
    });
    world.apply(&[widened]).await?;
    let narrow = |role: &Value| role["rules"][0]["resourceNames"] == json!([secret]);
    world
        .until("Role", "demo", &reader, "narrow again", narrow)
        .await?;
    assert_eq!(
        world.key_in(&secret).await?.access_key,
        first.access_key,
        "the same key"
    );

    world.delete_later("Secret", &secret).await?;
    world
        .until("Secret", "demo", &secret, "back", |_| true)
        .await?;
    let second = world.key_in(&secret).await?;
    ensure!(
        second.access_key != first.access_key,
        "a lost key is issued anew"
    );
    world.stand.aws(second)?.caller_arn().await?;
    world.delete("AWSAccessKeyRequest", "aws-cred-rqst").await?;
    world.users_become(0).await?;
    operator.stop().await
}
