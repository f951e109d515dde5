//! Seed 001: what a request can say.

use serde_json::json;

use super::super::aws::Key;
use super::super::manifests::{ANOTHER_REQUEST, SESSION};
use super::super::stage::{Stage, message};

const SEED: &str = "seed 001";

pub(super) async fn requests(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.act("roleARN, ttl, useSTS: a session instead of a user", SEED);
    stage.apply(ANOTHER_REQUEST)?;
    stage.decide("approve", "aws-cred-req").await?;
    stage
        .phase("awsaccesskeyrequests", "aws-cred-req", "Issued")
        .await?;
    let keys = [
        stage.key_of("aws-cred-req")?,
        stage.key_of("aws-cred-rqst")?,
    ];
    stage.check(
        "each request has a key of its own",
        keys[0] != keys[1],
        &"one key for both",
    )?;

    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]});
    stage.command("aws iam create-role --role-name hello.world --assume-role-policy-document ...");
    let params = [
        ("RoleName", "hello.world"),
        ("AssumeRolePolicyDocument", &*trust.to_string()),
    ];
    let made = Key::root(stage.sandbox()).call(stage.sandbox(), "iam", "CreateRole", &params);
    made.map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
    stage.apply(SESSION)?;
    stage.decide("approve", "session").await?;
    let issued = stage
        .phase("awsaccesskeyrequests", "session", "Issued")
        .await?;
    let key = stage.key_of("session")?;
    let who = key.caller(stage.sandbox()).unwrap_or_default();
    stage.check(
        "it is a session of the role that is named",
        who.contains(":assumed-role/hello.world/"),
        &who,
    )?;
    let duration = issued["status"]["lease"]["duration"]
        .as_str()
        .unwrap_or_default();
    let is_half = ["30m0s", "29m59s"].contains(&duration);
    stage.check("for the 30 minutes that were asked for", is_half, &duration)?;
    let words = message(&issued);
    stage.answer(words);
    let is_told = words.contains("cannot be revoked");
    stage.check(
        "that a session cannot be revoked is not kept from anybody",
        is_told,
        &words,
    )
}
