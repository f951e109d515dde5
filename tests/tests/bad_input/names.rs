//! Names as long as Kubernetes takes them.

use anyhow::{Context, Result, ensure};
use e2e::servers::aws::values;
use e2e::world::scenes::{role, secret_of, simple_role, text};
use e2e::{Stand, World};
use serde_json::json;

const REQUEST: &str = "AWSAccessKeyRequest";

/// 250 characters and these three.
fn name(end: &str) -> String {
    format!("{}{end}", "n".repeat(250))
}

pub(crate) async fn of_253_characters<S: Stand>(world: &World<S>) -> Result<()> {
    // Two requests that differ in their last characters only.
    let mut secrets = Vec::new();
    for end in ["one", "two"] {
        let issued = world.issue(&name(end), "good").await?;
        let secret = secret_of(&issued);
        ensure!(secret.len() <= 253, "{} characters", secret.len());
        world.works(&secret).await?;
        let account = "system:serviceaccount:demo:demo-sa";
        ensure!(world.may_get(account, &[], &secret).await?, "{secret}");
        secrets.push((secret.clone(), world.key_in(&secret).await?.access_key));
    }
    ensure!(secrets[0].0 != secrets[1].0, "two alike");
    ensure!(secrets[0].1 != secrets[1].1, "one key for two");
    world.delete(REQUEST, &name("one")).await?;
    world.works(&secrets[1].0).await?;
    world.delete(REQUEST, &name("two")).await?;

    // IAM takes 128 characters as the name of a policy, which Vault calls as the role. 200: more is
    // too long for the files in which this Vault keeps its roles.
    let long = "l".repeat(200);
    world.apply(&[simple_role(&long)]).await?;
    let words = ["128", "shorter metadata.name", "policyARNs"];
    world.says("AWSRole", &long, "NameTooLong", &words).await?;
    let statement = json!({"Effect": "Allow", "Action": "ec2:*", "Resource": "*"});
    let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    let policy = [("PolicyName", "long"), ("PolicyDocument", policy.as_str())];
    let xml = world.iam("CreatePolicy", &policy).await?;
    let managed = json!({"credentialType": "iam_user", "policyARNs": values(&xml, "Arn")});
    world.delete("AWSRole", &long).await?;
    world.apply(&[role(&long, managed)]).await?;
    world.phase("AWSRole", &long, "Success").await?;
    let issued = world.issue(&name("arn"), &long).await?;
    let lease = text(&issued, "/status/lease/id");
    ensure!(lease.contains(&long), "not cut: {lease}");
    world.works(&secret_of(&issued)).await?;
    let left = world.get(REQUEST, "demo", &name("arn")).await?;
    left.context("it")?;
    world.delete(REQUEST, &name("arn")).await?;
    world.delete("AWSRole", &long).await
}
