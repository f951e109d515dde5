//! Seed 003: `vault login -method=aws`, as a pod's ServiceAccount.

use anyhow::Context as _;
use serde_json::{Value, json};

use super::super::aws::{Key, web_identity};
use super::super::stage::Stage;

const ARN: &str = "arn:aws:iam::123456789012:role/vault-auth";

pub(super) fn aws(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.act("vault login -method=aws, as a ServiceAccount", "seed 003");
    stage.aside(
        "Kubernetes signs a token for the pod, AWS takes it for a session of an IAM role, and \
         Vault takes the session's signature for a login. No password anywhere.",
    );
    let session = session(stage)?;
    stage.command("vault auth enable aws");
    stage.vault_write("sys/auth/aws", &json!({"type": "aws"}))?;
    stage.command("vault write auth/aws/config/client access_key=... secret_key=...");
    let (key, secret) = stage.sandbox().aws_root();
    let client = json!({"access_key": key, "secret_key": secret});
    stage.vault_write("auth/aws/config/client", &client)?;

    let principal = |arn: &str| json!({"auth_type": "iam", "bound_iam_principal_arn": arn, "policies": "dev", "max_ttl": "768h"});
    stage.command(&format!("vault write auth/aws/role/dev-role-iam2 auth_type=iam bound_iam_principal_arn={ARN} policies=dev max_ttl=768h"));
    stage.vault_write("auth/aws/role/dev-role-iam2", &principal(ARN))?;
    stage.command("vault login -method=aws role=dev-role-iam2");
    let (status, answer) = login(stage, &session, "dev-role-iam2");
    let auth = &answer["auth"];
    for (name, value) in [
        ("token_duration", &auth["lease_duration"]),
        ("token_policies", &auth["token_policies"]),
        ("token_meta_account_id", &auth["metadata"]["account_id"]),
        ("token_meta_auth_type", &auth["metadata"]["auth_type"]),
    ] {
        stage.answer(&format!("{name:<24} {value}"));
    }
    let is_in = status == 200 && auth["token_policies"] == json!(["default", "dev"]);
    stage.check("it is logged in", is_in, &answer["errors"])?;

    let other = "arn:aws:iam::123456789012:role/hello.world";
    stage.vault_write("auth/aws/role/another", &principal(other))?;
    stage.command("vault login -method=aws role=another      # bound to another principal");
    let (_, answer) = login(stage, &session, "another");
    let words = answer["errors"][0].as_str().unwrap_or_default();
    stage.answer(words);
    let is_refused = words.contains("does not belong to the role");
    stage.check("whom a role does not name is refused", is_refused, &answer)
}

/// A session of the IAM role, for a pod of ServiceAccount `vault-auth`.
fn session(stage: &mut Stage<'_>) -> anyhow::Result<Key> {
    let sandbox = stage.sandbox();
    let path = "/api/v1/namespaces/default/serviceaccounts";
    let account =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "vault-auth"}});
    sandbox.ask_kube("POST", path, Some(&account));
    let ask = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"audiences": ["sts.amazonaws.com"], "expirationSeconds": 3600},
    });
    let (_, answer) = sandbox.ask_kube("POST", &format!("{path}/vault-auth/token"), Some(&ask));
    let token = answer["status"]["token"]
        .as_str()
        .context("no token")?
        .to_owned();

    let issuer = "kubernetes.default.svc";
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"Federated": format!("arn:aws:iam::123456789012:oidc-provider/{issuer}")},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {format!("{issuer}:sub"): "system:serviceaccount:default:vault-auth"}},
    }]});
    let params = [
        ("RoleName", "vault-auth"),
        ("AssumeRolePolicyDocument", &*trust.to_string()),
    ];
    let made = Key::root(sandbox).call(sandbox, "iam", "CreateRole", &params);
    made.map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
    let session =
        web_identity(sandbox, ARN, &token).context("AWS gave no session for the token")?;
    let who = session.caller(sandbox).unwrap_or_default();
    stage.command("aws sts get-caller-identity                # in the pod");
    stage.answer(&who);
    stage.check(
        "the pod is the IAM role",
        who.contains(":assumed-role/vault-auth/"),
        &who,
    )?;
    Ok(session)
}

fn login(stage: &Stage<'_>, session: &Key, role: &str) -> (u16, Value) {
    let body = session.login(stage.sandbox(), role);
    stage
        .sandbox()
        .ask_vault("POST", "/v1/auth/aws/login", Some(&body))
}
