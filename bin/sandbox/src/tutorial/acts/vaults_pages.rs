//! Seeds 002 and 004: the page of Vault's AWS engine, and a post on what a role can hold.

use anyhow::Context as _;
use serde_json::{Value, json};

use super::super::aws::Key;
use super::super::manifests::{DEPLOY, EVERYTHING};
use super::super::stage::{Stage, message};

/// The page's commands, in Vault itself.
pub(super) fn commands(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.act("Vault's own page, beside the operator", "seed 002");
    stage.aside("What a person does by hand in the same Vault works, and is left alone.");
    let policy = json!({"Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "iam:*", "Resource": "*"}});
    stage.command("vault write aws/roles/deploy policy=@policy.json");
    stage.vault_write("aws/roles/deploy", &json!({"policy": policy.to_string()}))?;
    let mut given = Vec::new();
    for _ in 0..2 {
        stage.command("vault read aws/creds/deploy");
        let (_, answer) = stage
            .sandbox()
            .ask_vault("GET", "/v1/aws/creds/deploy", None);
        let lease = answer["lease_id"].as_str().unwrap_or_default().to_owned();
        stage.answer(&format!("lease_id          {lease}"));
        stage.answer(&format!("lease_duration    {}", answer["lease_duration"]));
        given.push((lease, answer["data"]["access_key"].clone()));
    }
    let differ = given[0].1 != given[1].1 && given[0].1.is_string();
    stage.check("each read gives another key", differ, &"the same key twice")?;
    for (lease, _) in &given {
        stage.command(&format!("vault lease revoke {lease}"));
        stage.vault_write(
            "sys/leases/revoke",
            &json!({"lease_id": lease, "sync": true}),
        )?;
    }
    let users = stage.users();
    let left = users
        .iter()
        .filter(|user| user.contains("-deploy-"))
        .count();
    stage.check("both are gone", left == 0, &format!("{users:?}"))
}

/// AWS says no to Vault.
pub(super) async fn refused(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.act("AWS says no, and later yes", "seed 002");
    stage.aside("Vault's own AWS user loses the right to make users.");
    stage.command("aws iam put-user-policy --user-name vault-root ...");
    root_policy(stage, "iam:DeleteUser")?;
    stage.apply(DEPLOY)?;
    stage.decide("approve", "deploy").await?;
    stage
        .until("the request says so in AWS's words", |stage| {
            let object = stage.get("awsaccesskeyrequests", "deploy");
            let words = message(&object);
            let is_told = words.contains("is not authorized to perform: iam:CreateUser");
            if is_told {
                Ok(())
            } else {
                Err(words.to_owned())
            }
        })
        .await?;
    let words = message(&stage.get("awsaccesskeyrequests", "deploy")).to_owned();
    stage.answer(&words);
    stage.command("aws iam put-user-policy --user-name vault-root ...   # given back");
    root_policy(stage, "*")?;
    stage
        .phase("awsaccesskeyrequests", "deploy", "Issued")
        .await?;
    stage.aside("Nobody touched the request. Now it goes, and its key with it:");
    let key = stage.key_of("deploy")?;
    stage.delete("awsaccesskeyrequests", "deploy");
    stage.gone("awsaccesskeyrequests", "deploy").await?;
    let dead = key.caller(stage.sandbox()).is_err();
    stage.check("its key is dead", dead, &"it works")
}

fn root_policy(stage: &Stage<'_>, action: &str) -> anyhow::Result<()> {
    let policy = json!({"Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": action, "Resource": "*"}});
    let set = stage
        .sandbox()
        .with_aws(|aws| aws.set_root_policy(&policy.to_string()));
    set.map_err(anyhow::Error::msg)
}

/// Where a user's policies come from.
pub(super) async fn documents_and_groups(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.act("Documents, ARNs and groups, in another region", "seed 004");
    stage.command(
        "kubectl patch secretengine aws-secret-engine -n demo --type merge \
         -p '{\"spec\":{\"aws\":{\"region\":\"us-west-2\"}}}'",
    );
    patch_region(stage)?;
    stage
        .until("Vault's engine is in us-west-2", |stage| {
            let root = stage.vault_read("aws/config/root");
            let region = root["region"].clone();
            if region == "us-west-2" {
                Ok(())
            } else {
                Err(region.to_string())
            }
        })
        .await?;
    let root = Key::root(stage.sandbox());
    stage.command("aws iam create-group --group-name developers");
    let made = root.call(
        stage.sandbox(),
        "iam",
        "CreateGroup",
        &[("GroupName", "developers")],
    );
    made.map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
    stage.apply(EVERYTHING)?;
    stage.decide("approve", "everything").await?;
    stage
        .phase("awsaccesskeyrequests", "everything", "Issued")
        .await?;
    let users = stage.users();
    let user = users.iter().find(|user| user.contains("-everything-"));
    let user = user.context("AWS has no user of that name")?;
    let account = stage.sandbox().with_aws(|aws| aws.state());
    let in_aws = &account["users"][user];
    stage.answer(user);
    let has = |what: &str| in_aws.to_string().contains(what);
    let all = ["k8s.-.demo.everything", "IAMReadOnlyAccess", "developers"];
    let claim = "the user has the document, the managed policy and the group";
    stage.check(claim, all.into_iter().all(has), in_aws)?;
    stage.delete("awsaccesskeyrequests", "everything");
    stage.gone("awsaccesskeyrequests", "everything").await
}

fn patch_region(stage: &Stage<'_>) -> anyhow::Result<()> {
    let path =
        "/apis/engine.kubevault.com/v1alpha1/namespaces/demo/secretengines/aws-secret-engine";
    let mut engine: Value = stage.get("secretengines", "aws-secret-engine");
    engine["spec"]["aws"]["region"] = json!("us-west-2");
    let (status, answer) = stage.sandbox().ask_kube("PUT", path, Some(&engine));
    anyhow::ensure!(status < 300, "{status} {}", answer["message"]);
    Ok(())
}
