//! The main job through the API: engine, role, request, approval, key, end.

use anyhow::Result;
use e2e::{OwnStand, Stand, World, manifests, on_both_stands, world::condition};
use serde_json::json;

on_both_stands! {
    a_request_gets_its_key_once_approved_and_the_key_dies_with_it,
}

async fn a_request_gets_its_key_once_approved_and_the_key_dies_with_it<S: OwnStand>() -> Result<()>
{
    main_job(World::prepare(S::start().await?).await?).await
}

async fn main_job<S: Stand>(world: World<S>) -> Result<()> {
    let mut operator = world.operator(&[]).await?;
    world.apply(&world.token_binding("demo")).await?;
    world.apply(&world.seed_engine()?).await?;
    world
        .phase("SecretEngine", "aws-secret-engine", "Success")
        .await?;

    world
        .apply(&[manifests::seed("000-awsrole.yaml", &[])?])
        .await?;
    world.phase("AWSRole", "aws-role", "Success").await?;
    let role = world
        .vault_read("aws/roles/k8s.-.demo.aws-role")
        .await?
        .unwrap_or_default();
    assert_eq!(role["credential_type"], "iam_user");

    world
        .apply(&[manifests::seed("000-awsaccesskeyrequest.yaml", &[])?])
        .await?;
    world
        .phase("AWSAccessKeyRequest", "aws-cred-rqst", "WaitingForApproval")
        .await?;
    world
        .stays("no key before approval", || async {
            Ok(world.users().await?.is_empty())
        })
        .await?;

    world.approve("aws-cred-rqst").await?;
    let request = world
        .phase("AWSAccessKeyRequest", "aws-cred-rqst", "Issued")
        .await?;
    assert_eq!(request["status"]["lease"]["duration"], "1h0m0s");
    assert_eq!(condition(&request, "Approved")["reason"], "KubectlApprove");
    let lease = request["status"]["lease"]["id"]
        .as_str()
        .unwrap_or_default();
    assert!(
        lease.starts_with("aws/creds/k8s.-.demo.aws-role/"),
        "{lease}"
    );
    let secret = request["status"]["secret"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    world.users_become(1).await?;

    let key = world.key_in(&secret).await?;
    let aws = world.stand.aws(key)?;
    assert!(aws.caller_arn().await?.contains("user/vault-"));
    aws.call("ec2", "DescribeInstances", &[]).await?;
    let denied = aws.call("iam", "ListUsers", &[]).await;
    assert!(denied.is_err_and(|e| e.is_denied()));

    let account = "system:serviceaccount:demo:demo-sa";
    assert!(world.may(account, "get", &secret).await?);
    assert!(!world.may(account, "get", "aws-cred").await?);
    assert!(!world.may(account, "update", &secret).await?);
    assert!(
        !world
            .may("system:serviceaccount:demo:other", "get", &secret)
            .await?
    );

    world.delete("AWSAccessKeyRequest", "aws-cred-rqst").await?;
    world.users_become(0).await?;
    assert!(aws.caller_arn().await.is_err_and(|e| e.is_dead_key()));
    assert!(world.get("Secret", "demo", &secret).await?.is_none());

    world.delete("AWSRole", "aws-role").await?;
    assert!(
        world
            .vault_read("aws/roles/k8s.-.demo.aws-role")
            .await?
            .is_none()
    );
    world.delete("SecretEngine", "aws-secret-engine").await?;
    let mounts = world.vault_read("sys/mounts").await?.unwrap_or_default();
    assert!(mounts.get("aws/").is_none(), "{mounts}");
    assert_eq!(json!(world.users().await?), json!([]));
    operator.stop().await
}
