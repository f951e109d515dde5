//! The blog post on AWS credentials: policy documents, policy ARNs and IAM groups end up on the
//! user that is issued, in the region that is named.

use anyhow::{Context, Result, ensure};
use e2e::servers::aws::values;
use e2e::world::scenes::{role, secret_of};
use e2e::{OwnStand, Stand, World, on_both_stands};
use serde_json::{Value, json};

on_both_stands! {
    documents_arns_and_groups_are_on_the_issued_user,
}

async fn documents_arns_and_groups_are_on_the_issued_user<S: OwnStand>() -> Result<()> {
    post(World::prepare(S::start().await?).await?).await
}

async fn post<S: Stand>(world: World<S>) -> Result<()> {
    let mut operator = world.operator(&[]).await?;
    world.apply(&world.token_binding("demo")).await?;
    let [secret, mut engine] = world.seed_engine()?;
    engine["spec"]["aws"]["region"] = json!("us-west-2");
    world.apply(&[secret, engine]).await?;
    world
        .phase("SecretEngine", "aws-secret-engine", "Success")
        .await?;
    let root = world.vault_read("aws/config/root").await?;
    assert_eq!(root.context("config/root")?["region"], "us-west-2");

    let arn = in_aws(&world).await?;
    let document = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]});
    let all = json!({
        "credentialType": "iam_user",
        "policyDocument": document.to_string(),
        "policyARNs": [arn],
        "iamGroups": ["developers"],
        "iamTags": {"team": "payments"},
        "userPath": "/vault/",
    });
    let one = |field: &str, value: Value| {
        let mut spec = json!({"credentialType": "iam_user"});
        spec[field] = value;
        spec
    };
    world
        .apply(&[
            role("all", all),
            role(
                "document",
                one("policyDocument", document.to_string().into()),
            ),
            role("arns", one("policyARNs", json!([arn]))),
            role("groups", one("iamGroups", json!(["developers"]))),
        ])
        .await?;
    let inline = |role: &str| format!("k8s.-.demo.{role}");
    for (role, wanted) in [
        (
            "all",
            [
                vec![inline("all")],
                vec!["reader".into()],
                vec!["developers".into()],
            ],
        ),
        ("document", [vec![inline("document")], vec![], vec![]]),
        ("arns", [vec![], vec!["reader".into()], vec![]]),
        ("groups", [vec![], vec![], vec!["developers".into()]]),
    ] {
        world.issue(role, role).await?;
        let user = user_of(&world, role).await?;
        assert_eq!(on_user(&world, &user).await?, wanted, "{role}");
    }
    details(&world).await?;

    for role in ["all", "document", "arns", "groups"] {
        world.delete("AWSAccessKeyRequest", role).await?;
    }
    world.users_become(0).await?;
    operator.stop().await
}

/// A managed policy and a group with one of its own.
async fn in_aws<S: Stand>(world: &World<S>) -> Result<String> {
    let allow = |action: &str| {
        json!({"Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]})
        .to_string()
    };
    let read = allow("iam:ListRoles");
    let policy = [("PolicyName", "reader"), ("PolicyDocument", &read)];
    let xml = world.iam("CreatePolicy", &policy).await?;
    let arn = values(&xml, "Arn").into_iter().next().context("an ARN")?;
    let group = [("GroupName", "developers")];
    world.iam("CreateGroup", &group).await?;
    let list = allow("iam:ListGroups");
    let policy = [group[0], ("PolicyName", "list"), ("PolicyDocument", &list)];
    world.iam("PutGroupPolicy", &policy).await?;
    Ok(arn)
}

/// The user of a request: its name says namespace and request.
async fn user_of<S: Stand>(world: &World<S>, request: &str) -> Result<String> {
    let users = world.users().await?;
    let found = users
        .iter()
        .find(|u| u.starts_with(&format!("vault-token-demo-{request}-")));
    found.cloned().with_context(|| format!("{users:?}"))
}

/// Inline policies, attached policies and groups of a user.
async fn on_user<S: Stand>(world: &World<S>, user: &str) -> Result<[Vec<String>; 3]> {
    let user = [("UserName", user)];
    let inline = world.iam("ListUserPolicies", &user).await?;
    let attached = world.iam("ListAttachedUserPolicies", &user).await?;
    let groups = world.iam("ListGroupsForUser", &user).await?;
    Ok([
        values(&inline, "member"),
        values(&attached, "PolicyName"),
        values(&groups, "GroupName"),
    ])
}

/// What the key of everything at once may do, and what its user looks like.
async fn details<S: Stand>(world: &World<S>) -> Result<()> {
    let request = world.get("AWSAccessKeyRequest", "demo", "all").await?;
    let key = world.key_in(&secret_of(&request.context("it")?)).await?;
    let aws = world.stand.aws(key)?;
    aws.call("ec2", "DescribeInstances", &[]).await?;
    aws.call("iam", "ListRoles", &[]).await?;
    aws.call("iam", "ListGroups", &[]).await?;
    let users = aws.call("iam", "ListUsers", &[]).await;
    ensure!(users.is_err_and(|e| e.is_denied()), "beyond its policies");

    let user = user_of(world, "all").await?;
    let found = world.iam("GetUser", &[("UserName", &user)]).await?;
    assert_eq!(values(&found, "Path"), ["/vault/"]);
    let tags = world.iam("ListUserTags", &[("UserName", &user)]).await?;
    ensure!(
        values(&tags, "Value").contains(&"payments".to_owned()),
        "{tags}"
    );
    Ok(())
}
