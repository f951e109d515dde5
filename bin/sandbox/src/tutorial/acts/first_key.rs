//! Seed 000: the engine, a role, a key.

use serde_json::json;

use super::super::manifests::{ENGINE, REQUEST, ROLE};
use super::super::stage::Stage;
use crate::prepare::DEMO;

const SEED: &str = "seed 000";
const IN_VAULT: &str = "k8s.-.demo.aws-role";

pub(super) async fn engine(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.act("Vault's AWS engine, from a manifest", SEED);
    stage.aside(
        "An AppBinding says where Vault is and as whom to log in to it. The SecretEngine mounts \
         the engine and gives it Vault's own AWS key, from the Secret aws-cred.",
    );
    stage.apply(ENGINE)?;
    stage
        .phase("secretengines", "aws-secret-engine", "Success")
        .await?;
    let mounts = stage.vault_read("sys/mounts");
    let mount = &mounts["aws/"];
    let words = mount["description"].as_str().unwrap_or_default();
    let is_told = mount["type"] == "aws" && words.contains("namespace=demo name=aws-secret-engine");
    stage.check(
        "Vault has aws/, and its description says whose it is",
        is_told,
        mount,
    )?;
    let lease = stage.vault_read("aws/config/lease");
    let is_hour = lease == json!({"lease": "1h0m0s", "lease_max": "1h0m0s"});
    stage.check("keys will live for an hour", is_hour, &lease)
}

pub(super) async fn role(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.act("A role: what keys may do", SEED);
    stage.apply(ROLE)?;
    stage.phase("awsroles", "aws-role", "Success").await?;
    let path = format!("aws/roles/{IN_VAULT}");
    stage.command(&format!("vault read {path}"));
    let role = stage.vault_read(&path);
    let document = role["policy_document"].as_str().unwrap_or_default();
    stage.answer(&format!(
        "credential_type    {}",
        role["credential_type"].as_str().unwrap_or_default()
    ));
    stage.answer(&format!("policy_document    {document}"));
    let is_it = role["credential_type"] == "iam_user" && document.contains("ec2:*");
    stage.check(
        "Vault has the role, under the name that KubeVault gives it",
        is_it,
        &role,
    )?;
    stage.delete("awsroles", "aws-role");
    stage.gone("awsroles", "aws-role").await?;
    let role = stage.vault_read(&path);
    stage.check("and so it is in Vault", role.is_null(), &role)?;
    stage.apply(ROLE)?;
    stage.phase("awsroles", "aws-role", "Success").await?;
    Ok(())
}

pub(super) async fn request(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.act("A key, after a person's word", SEED);
    stage.aside("An application asks. Nothing is issued before somebody approves exactly this.");
    stage.apply(REQUEST)?;
    stage
        .phase(
            "awsaccesskeyrequests",
            "aws-cred-rqst",
            "WaitingForApproval",
        )
        .await?;
    let users = stage.users();
    stage.check(
        "AWS has no user for it",
        users.is_empty(),
        &format!("{users:?}"),
    )?;
    stage.decide("approve", "aws-cred-rqst").await?;
    let issued = stage
        .phase("awsaccesskeyrequests", "aws-cred-rqst", "Issued")
        .await?;

    let secret = issued["status"]["secret"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let key = stage.key_of("aws-cred-rqst")?;
    let users = stage.users();
    let named = users
        .iter()
        .all(|user| user.starts_with("vault-token-demo-aws-cred-rqst-"));
    let claim = "AWS has one user for it, and the user's name says for whom";
    stage.check(claim, users.len() == 1 && named, &format!("{users:?}"))?;
    let told = key.is_told_in(&issued.to_string());
    stage.check(
        &format!("the key is in Secret {secret} and nowhere else"),
        !told,
        &issued["status"],
    )?;
    let may = key.call(stage.sandbox(), "ec2", "DescribeInstances", &[]);
    stage.check(
        "it may do what its role says: ec2:DescribeInstances",
        may.is_ok(),
        &format!("{may:?}"),
    )?;
    let denied = key.call(stage.sandbox(), "iam", "ListUsers", &[]).err();
    let denied = denied
        .map(|refusal| refusal.to_string())
        .unwrap_or_default();
    stage.check(
        "and nothing else: iam:ListUsers is AccessDenied",
        denied.contains("AccessDenied"),
        &denied,
    )?;
    readers(stage, &secret)
}

/// Who may read the Secret.
fn readers(stage: &mut Stage<'_>, secret: &str) -> anyhow::Result<()> {
    for (account, may) in [("demo-sa", true), ("default", false)] {
        let user = format!("system:serviceaccount:{DEMO}:{account}");
        stage.command(&format!(
            "kubectl auth can-i get secret/{secret} -n {DEMO} --as {user}"
        ));
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {"user": user, "resourceAttributes":
                {"namespace": DEMO, "verb": "get", "resource": "secrets", "name": secret}},
        });
        let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
        let (_, answer) = stage.sandbox().ask_kube("POST", path, Some(&review));
        let allowed = answer["status"]["allowed"] == true;
        let (word, claim) = if may {
            ("yes", "the request's subject may read it")
        } else {
            ("no", "nobody else may")
        };
        stage.answer(word);
        stage.check(claim, allowed == may, &answer["status"])?;
    }
    Ok(())
}
