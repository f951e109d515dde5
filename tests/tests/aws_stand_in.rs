//! A real Vault takes the AWS stand-in for AWS.

use anyhow::{Context, Result};
use e2e::servers::aws::values;
use e2e::servers::{AwsKey, AwsStandIn, Binaries, Vault, eventually};
use reqwest::Method;
use serde_json::{Value, json};

const READ_ONLY: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";

/// Both, with Vault's AWS engine at `aws/`.
async fn start() -> Result<(AwsStandIn, Vault)> {
    let binaries = Binaries::locate()?;
    let (aws, vault) = tokio::join!(AwsStandIn::start(), Vault::start_dev(&binaries));
    let (aws, vault) = (aws?, vault?);
    let root = aws.root_key();
    vault
        .write("sys/mounts/aws", &json!({"type": "aws"}))
        .await?;
    let config = json!({
        "access_key": root.access_key,
        "secret_key": root.secret_key,
        "iam_endpoint": aws.url,
        "sts_endpoint": aws.url,
        "region": "us-east-1",
    });
    vault.write("aws/config/root", &config).await?;
    Ok((aws, vault))
}

fn policy(action: &str) -> Value {
    let statement = json!({"Effect": "Allow", "Action": action, "Resource": "*"});
    json!({"Version": "2012-10-17", "Statement": [statement]})
}

/// Writes a role and reads a credential of it: the key, and the whole answer.
async fn issue(vault: &Vault, name: &str, role: &Value) -> Result<(AwsKey, Value)> {
    vault.write(&format!("aws/roles/{name}"), role).await?;
    let issued = vault.read(&format!("aws/creds/{name}")).await?;
    let field = |field: &str| issued["data"][field].as_str().map(str::to_owned);
    let key = AwsKey {
        access_key: field("access_key").context("no key")?,
        secret_key: field("secret_key").context("no secret")?,
        session_token: field("session_token"),
    };
    Ok((key, issued))
}

fn lease(issued: &Value) -> Value {
    json!({"lease_id": issued["lease_id"], "sync": true})
}

/// The error of a request that Vault refuses.
async fn refused(
    vault: &Vault,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Result<String> {
    let (status, answer) = vault.request(&vault.root_token, method, path, body).await?;
    anyhow::ensure!(status == 400, "{path}: {status} {answer}");
    Ok(answer["errors"][0].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn vault_issues_iam_users_and_deletes_them() -> Result<()> {
    let (stand_in, vault) = start().await?;
    let root = stand_in.aws(stand_in.root_key())?;
    let group = ("GroupName", "regions");
    root.call("iam", "CreateGroup", &[group]).await?;
    let document = policy("ec2:DescribeRegions").to_string();
    let inline = [group, ("PolicyName", "p"), ("PolicyDocument", &document)];
    root.call("iam", "PutGroupPolicy", &inline).await?;

    let role = json!({
        "credential_type": "iam_user",
        "policy_document": policy("ec2:DescribeInstances").to_string(),
        "policy_arns": ["arn:aws:iam::aws:policy/IAMReadOnlyAccess"],
        "iam_groups": ["regions"],
        "iam_tags": {"team": "a"},
        "user_path": "/leases/",
    });
    let (key, issued) = issue(&vault, "user", &role).await?;
    let aws = stand_in.aws(key)?;
    let arn = aws.caller_arn().await?;
    assert!(
        arn.starts_with("arn:aws:iam::123456789012:user/leases/vault-token-user-"),
        "{arn}"
    );
    // Each by another of its policies, and nothing by none.
    aws.call("ec2", "DescribeInstances", &[]).await?;
    aws.call("ec2", "DescribeRegions", &[]).await?;
    let users = aws.list_users().await?;
    assert_eq!(users.len(), 2, "{users:?}");
    let denied = aws.call("ec2", "DescribeVolumes", &[]).await.unwrap_err();
    assert!(denied.is_denied(), "{denied}");
    let denied = aws.call("iam", "CreateUser", &[("UserName", "x")]).await;
    assert!(denied.unwrap_err().is_denied());
    let user = stand_in.users().await?.pop().context("no user")?;
    assert_eq!(
        stand_in.state().await?["users"][&user]["tags"],
        json!({"team": "a"})
    );

    vault.write("sys/leases/revoke", &lease(&issued)).await?;
    assert!(stand_in.users().await?.is_empty());
    assert!(aws.caller_arn().await.unwrap_err().is_dead_key());

    // Vault's own key, replaced.
    let rotated = vault.write("aws/config/rotate-root", &json!({})).await?;
    assert_ne!(
        rotated["data"]["access_key"],
        stand_in.root_key().access_key
    );
    issue(&vault, "user", &role).await?;
    assert!(root.caller_arn().await.unwrap_err().is_dead_key());
    Ok(())
}

#[tokio::test]
async fn vault_issues_temporary_credentials() -> Result<()> {
    let (stand_in, vault) = start().await?;
    let root = stand_in.aws(stand_in.root_key())?;
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": root.caller_arn().await?},
        "Condition": {"StringEquals": {"sts:ExternalId": "42"}},
    }]})
    .to_string();
    let role = [
        ("RoleName", "reader"),
        ("AssumeRolePolicyDocument", trust.as_str()),
    ];
    let xml = root.call("iam", "CreateRole", &role).await?;
    let arn = values(&xml, "Arn").pop().context("no ARN")?;
    let read_only = [("RoleName", "reader"), ("PolicyArn", READ_ONLY)];
    root.call("iam", "AttachRolePolicy", &read_only).await?;
    let instances = policy("ec2:DescribeInstances").to_string();

    let role = json!({
        "credential_type": "assumed_role",
        "role_arns": [arn],
        "external_id": "42",
        "policy_document": instances,
        "default_sts_ttl": 900,
    });
    let (key, issued) = issue(&vault, "assumed", &role).await?;
    let ttl = issued["lease_duration"].as_i64().context("no lease")?;
    assert!((880..=900).contains(&ttl), "{issued}");
    let aws = stand_in.aws(key)?;
    let who = aws.caller_arn().await?;
    assert!(
        who.starts_with("arn:aws:sts::123456789012:assumed-role/reader/vault-"),
        "{who}"
    );
    aws.call("ec2", "DescribeInstances", &[]).await?;
    let denied = aws.call("ec2", "DescribeRegions", &[]).await.unwrap_err();
    assert!(
        denied.is_denied(),
        "the session's policy does not allow it: {denied}"
    );
    // Revoking the lease does nothing at AWS; the time does.
    vault.write("sys/leases/revoke", &lease(&issued)).await?;
    aws.caller_arn().await?;
    stand_in.set_clock_offset(901).await?;
    let refused_for_its_clock = aws.caller_arn().await.unwrap_err();
    assert_eq!(refused_for_its_clock.code, "ExpiredToken");
    stand_in.set_clock_offset(0).await?;

    // Vault's own client knows the limits of the parameter, not those of the role.
    let long = "aws/creds/assumed?ttl=7200";
    let error = refused(&vault, Method::GET, long, None).await?;
    let words = "ValidationError: The requested DurationSeconds exceeds the MaxSessionDuration";
    assert!(error.contains(words), "{error}");
    let other = json!({"external_id": "43"});
    vault.write("aws/roles/assumed", &other).await?;
    let error = refused(&vault, Method::GET, "aws/creds/assumed", None).await?;
    assert!(
        error.starts_with("Error assuming role: AccessDenied: User: "),
        "{error}"
    );
    assert!(
        error.contains(&format!(
            "is not authorized to perform: sts:AssumeRole on resource: {arn}"
        )),
        "{error}"
    );

    let role = json!({"credential_type": "federation_token", "policy_document": instances});
    let (key, _) = issue(&vault, "federated", &role).await?;
    let aws = stand_in.aws(key)?;
    let who = aws.caller_arn().await?;
    assert!(
        who.starts_with("arn:aws:sts::123456789012:federated-user/vault-"),
        "{who}"
    );
    aws.call("ec2", "DescribeInstances", &[]).await?;
    assert!(
        aws.call("ec2", "DescribeRegions", &[])
            .await
            .unwrap_err()
            .is_denied()
    );

    let (key, _) = issue(
        &vault,
        "session",
        &json!({"credential_type": "session_token"}),
    )
    .await?;
    let aws = stand_in.aws(key)?;
    assert!(aws.caller_arn().await?.ends_with(":user/vault-root"));
    aws.call("ec2", "DescribeRegions", &[]).await?;

    assert!(stand_in.users().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn vault_passes_on_what_aws_says() -> Result<()> {
    let (stand_in, vault) = start().await?;
    let role = json!({
        "credential_type": "iam_user",
        "policy_document": policy("ec2:DescribeInstances").to_string(),
    });
    let (key, issued) = issue(&vault, "demo", &role).await?;

    // Root without rights, until it has them.
    stand_in.set_root_policy(&policy("sts:*")).await?;
    let error = refused(&vault, Method::GET, "aws/creds/demo", None).await?;
    let words = "Error creating IAM user: AccessDenied: User: \
        arn:aws:iam::123456789012:user/vault-root is not authorized to perform: iam:CreateUser on \
        resource: arn:aws:iam::123456789012:user/vault-token-demo-";
    assert!(error.starts_with(words), "{error}");
    stand_in.set_root_policy(&policy("*")).await?;

    // AWS refuses the deletion: the lease stays, overdue, and says why.
    let deny = json!({"rules": [{"action": "DeleteUser", "error": "AccessDenied"}]});
    stand_in.set_faults(&deny).await?;
    let revoke = lease(&issued);
    let error = refused(&vault, Method::POST, "sys/leases/revoke", Some(&revoke)).await?;
    assert!(
        error.contains("is not authorized to perform: iam:DeleteUser"),
        "{error}"
    );
    // Without `sync` Vault 1.21 revokes at once too.
    let later = json!({"lease_id": issued["lease_id"], "sync": false});
    vault.write("sys/leases/revoke", &later).await?;
    eventually("the lease overdue", async || {
        let lease = vault.write("sys/leases/lookup", &later).await?;
        let ttl = lease["data"]["ttl"].as_i64().context("no ttl")?;
        anyhow::ensure!(ttl <= 0, "{lease}");
        Ok(())
    })
    .await?;
    assert_eq!(stand_in.users().await?.len(), 1);
    // Vault deletes the key before the user.
    assert!(
        stand_in
            .aws(key)?
            .caller_arn()
            .await
            .unwrap_err()
            .is_dead_key()
    );
    stand_in.set_faults(&json!({})).await?;
    vault.write("sys/leases/revoke", &revoke).await?;
    assert!(stand_in.users().await?.is_empty());

    // Throttled: Vault's client asks again by itself.
    stand_in
        .set_faults(
            &json!({"rules": [{"action": "CreateUser", "times": 1, "error": "Throttling"}]}),
        )
        .await?;
    vault.read("aws/creds/demo").await?;
    assert_eq!(stand_in.users().await?.len(), 1);
    Ok(())
}
