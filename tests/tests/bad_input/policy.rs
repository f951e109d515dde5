//! The operator's policy in Vault without one of its lines: what needs it names it, and goes on
//! once it is there.

use anyhow::{Context, Result, ensure};
use e2e::servers::{StandIn, eventually};
use e2e::world::base64;
use e2e::world::scenes::simple_role;
use e2e::{OwnStand, Stand, World, manifests, on_both_stands};
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

on_both_stands! {
    whichever_line_of_the_policy_is_missing_is_named,
    lines_that_are_missed_later_are_named_as_well,
}

/// A line of deploy/vault/leasehold.hcl, what shows that it is missing, and how.
struct Line {
    path: &'static str,
    /// The object that says so.
    kind: &'static str,
    /// Whether that is needed to end what was issued only.
    at_the_end: bool,
}

const ENGINE: &str = "SecretEngine";
const ROLE: &str = "AWSRole";
const REQUEST: &str = "AWSAccessKeyRequest";

const fn line(path: &'static str, kind: &'static str, at_the_end: bool) -> Line {
    Line {
        path,
        kind,
        at_the_end,
    }
}

const LINES: [Line; 10] = [
    line("sys/mounts/aws", ENGINE, false),
    line("sys/mounts/aws/tune", REQUEST, false),
    line("aws/config/root", ENGINE, false),
    line("aws/config/lease", ENGINE, false),
    line("aws/roles/k8s.*", ROLE, false),
    line("aws/sts/k8s.*", REQUEST, false),
    line("auth/token/create-orphan", REQUEST, false),
    line("auth/token/lookup-accessor", REQUEST, true),
    line("auth/token/revoke-accessor", REQUEST, true),
    line("sys/leases/lookup", REQUEST, true),
];

/// Lines that show only when something else fails first, or of the login itself: see the other test.
const LATER: [&str; 3] = [REVOKE, LOOKUP_SELF, RENEW_SELF];
const REVOKE: &str = "sys/leases/revoke";
const LOOKUP_SELF: &str = "auth/token/lookup-self";
const RENEW_SELF: &str = "auth/token/renew-self";

async fn whichever_line_of_the_policy_is_missing_is_named<S: OwnStand>() -> Result<()> {
    let mut world = World::prepare(S::start().await?).await?;
    let text = std::fs::read_to_string(manifests::root().join("deploy/vault/leasehold.hcl"))?;
    for path in blocks(&text).keys() {
        let known = LINES.iter().any(|l| l.path == path) || LATER.contains(&path.as_str());
        ensure!(known, "a new line of the policy, {path}, is not tried here");
    }
    let keeper = r#"path "+/creds/k8s.*" { capabilities = ["read"] }"#;
    world
        .vault_write(
            "sys/policies/acl/leasehold-keeper",
            &json!({ "policy": keeper }),
        )
        .await?;
    let mut operator = world.operator(&[]).await?;
    for (n, line) in LINES.iter().enumerate() {
        write_policy(&world, n, &text, Some(line.path)).await?;
        everything(&mut world, n, line).await.context(line.path)?;
    }
    for (n, line) in LINES.iter().enumerate() {
        let name = format!("ns-{n}");
        if line.at_the_end {
            let what = |o: &Value| o["status"]["phase"] == "Issued";
            world.until(REQUEST, &name, "app", line.path, what).await?;
            delete(&world, &name).await?;
        }
        is_named(&world, n, line).await.context(line.path)?;
        write_policy(&world, n, &text, None).await?;
    }
    for (n, line) in LINES.iter().enumerate() {
        let name = format!("ns-{n}");
        if !line.at_the_end {
            let what = |o: &Value| o["status"]["phase"] == "Issued";
            let mended = format!("mended: {}", line.path);
            world.until(REQUEST, &name, "app", &mended, what).await?;
            delete(&world, &name).await?;
        }
        eventually("it is gone", || async {
            let left = world.get(REQUEST, &name, "app").await?;
            ensure!(left.is_none(), "{left:?}");
            Ok(())
        })
        .await
        .context(line.path)?;
    }
    world.users_become(0).await?;
    operator.stop().await
}

async fn lines_that_are_missed_later_are_named_as_well<S: OwnStand>() -> Result<()> {
    let mut world = World::<S>::with_faults().await?;
    let aws = world.stand.stand_in()?.clone();

    let text = std::fs::read_to_string(manifests::root().join("deploy/vault/leasehold.hcl"))?;
    let keeper = json!({"policy": r#"path "+/creds/k8s.*" { capabilities = ["read"] }"#});
    world
        .vault_write("sys/policies/acl/leasehold-keeper", &keeper)
        .await?;
    let mut operator = world.operator(&[]).await?;
    a_key_that_aws_keeps(&mut world, &aws, &text).await?;
    a_login_that_may_not_look_itself_up(&mut world, &text).await?;
    a_login_that_may_not_extend_itself(&mut world, &text).await?;
    operator.stop().await
}

/// Only whom AWS refuses to delete a user needs to hear why.
async fn a_key_that_aws_keeps<S: Stand>(
    world: &mut World<S>,
    aws: &StandIn,
    text: &str,
) -> Result<()> {
    let whole = |without| policy_of(text, without);
    world
        .vault_write("sys/policies/acl/leasehold-0", &whole(Some(REVOKE)))
        .await?;
    world.login_token = token(world, 0, "1h").await?;
    world.apply(&world.token_binding("demo")).await?;
    world.apply(&world.seed_engine()?).await?;
    world.apply(&[simple_role("deploy")]).await?;
    world.issue("app", "deploy").await?;
    let refuse = json!({"rules": [{"action": "DeleteUser", "error": "AccessDenied"}]});
    aws.set_faults(&refuse).await?;
    world.delete_later(REQUEST, "app").await?;
    says(world, REQUEST, "demo", "app", REVOKE).await?;
    world
        .vault_write("sys/policies/acl/leasehold-0", &whole(None))
        .await?;
    aws.set_faults(&json!({})).await?;
    world.gone(REQUEST, "app").await?;
    ensure!(aws.users().await?.is_empty());
    Ok(())
}

async fn a_login_that_may_not_look_itself_up<S: Stand>(
    world: &mut World<S>,
    text: &str,
) -> Result<()> {
    world.namespace("ns-1").await?;
    let policy = policy_of(text, Some(LOOKUP_SELF));
    world
        .vault_write("sys/policies/acl/leasehold-1", &policy)
        .await?;
    world.login_token = token(world, 1, "1h").await?;
    world.apply(&world.token_binding("ns-1")).await?;
    world.apply(&[role_in("ns-1", "one")]).await?;
    says(world, ROLE, "ns-1", "one", LOOKUP_SELF).await
}

/// It shows when the login has ended, and there is no other.
async fn a_login_that_may_not_extend_itself<S: Stand>(
    world: &mut World<S>,
    text: &str,
) -> Result<()> {
    world.namespace("ns-2").await?;
    let policy = policy_of(text, Some(RENEW_SELF));
    world
        .vault_write("sys/policies/acl/leasehold-2", &policy)
        .await?;
    world.login_token = token(world, 2, "15s").await?;
    world.apply(&world.token_binding("ns-2")).await?;
    world.apply(&[role_in("ns-2", "one")]).await?;
    let ready = |o: &Value| o["status"]["phase"] == "Success";
    world.until(ROLE, "ns-2", "one", "before", ready).await?;
    let ended = json!({"token": world.login_token});
    eventually("the login has ended", || async {
        let looked = world.vault_write("auth/token/lookup", &ended).await;
        ensure!(looked.is_err(), "it lives");
        Ok(())
    })
    .await?;
    world.apply(&[role_in("ns-2", "two")]).await?;
    says(world, ROLE, "ns-2", "two", RENEW_SELF).await
}

async fn says<S: Stand>(
    world: &World<S>,
    kind: &str,
    namespace: &str,
    name: &str,
    path: &str,
) -> Result<()> {
    world
        .until(kind, namespace, name, path, |o| {
            let ready = e2e::world::ready(o);
            let message = ready["message"].as_str().unwrap_or_default();
            message.contains(&format!("path \"{path}\"")) && message.contains("capabilities")
        })
        .await?;
    Ok(())
}

/// In the mount of another namespace's engine.
fn role_in(namespace: &str, name: &str) -> Value {
    json!({"apiVersion": "engine.kubevault.com/v1alpha1", "kind": ROLE,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"vaultRef": {"name": "vault"}, "path": "aws", "credentialType": "session_token"}})
}

fn policy_of(text: &str, without: Option<&str>) -> Value {
    let kept: Vec<String> = blocks(text)
        .into_iter()
        .filter(|(path, _)| Some(path.as_str()) != without)
        .map(|(path, rest)| format!("path \"{path}\" {rest}"))
        .collect();
    json!({"policy": kept.join("\n")})
}

/// A login with the policy of that number, and without the default one, which has some of its lines.
async fn token<S: Stand>(world: &World<S>, n: usize, period: &str) -> Result<String> {
    let body = json!({"policies": [format!("leasehold-{n}"), "leasehold-keeper"],
        "no_default_policy": true, "period": period});
    let token = world.vault_write("auth/token/create-orphan", &body).await?;
    let token = token["auth"]["client_token"].as_str().context("a token")?;
    Ok(token.to_owned())
}

/// The blocks of a policy by path.
fn blocks(text: &str) -> std::collections::BTreeMap<String, String> {
    let code: Vec<&str> = text
        .lines()
        .filter(|l| !l.trim_start().starts_with('#'))
        .collect();
    code.join("\n")
        .split("path \"")
        .skip(1)
        .filter_map(|block| block.split_once('"'))
        .map(|(path, rest)| (path.to_owned(), rest.trim().to_owned()))
        .collect()
}

/// The path as the namespace's own mount has it.
fn own(path: &str, n: usize) -> String {
    path.replace("sys/mounts/aws", &format!("sys/mounts/aws-{n}"))
        .replacen(
            "aws/",
            &format!("aws-{n}/"),
            usize::from(path.starts_with("aws/")),
        )
}

async fn write_policy<S: Stand>(
    world: &World<S>,
    n: usize,
    text: &str,
    without: Option<&str>,
) -> Result<()> {
    let kept: Vec<String> = blocks(text)
        .into_iter()
        .filter(|(path, _)| Some(path.as_str()) != without)
        .map(|(path, rest)| format!("path \"{}\" {rest}", own(&path, n)))
        .collect();
    let policy = json!({"policy": kept.join("\n")});
    let path = format!("sys/policies/acl/leasehold-{n}");
    world.vault_write(&path, &policy).await?;
    Ok(())
}

/// A namespace with a mount of its own, under a login with the policy of that number.
async fn everything<S: Stand>(world: &mut World<S>, n: usize, line: &Line) -> Result<()> {
    let namespace = format!("ns-{n}");
    world.namespace(&namespace).await?;
    world.login_token = token(world, n, "1h").await?;
    let root = world.stand.aws_root();
    let secret = json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "root", "namespace": namespace},
        "data": {"access_key": base64(root.access_key.as_bytes()),
            "secret_key": base64(root.secret_key.as_bytes())}});
    let mut aws = json!({"credentialSecret": "root", "region": "us-east-1",
        "iamEndpoint": world.stand.aws_address(), "stsEndpoint": world.stand.aws_address()});
    if !line.path.ends_with("/tune") {
        aws["leaseConfig"] = json!({"lease": "1h", "leaseMax": "1h"});
    }
    let sts = line.path.starts_with("aws/sts/");
    let kind = if sts { "session_token" } else { "iam_user" };
    let mut role = json!({"vaultRef": {"name": "vault"}, "path": format!("aws-{n}"),
        "credentialType": kind});
    if !sts {
        let allow = json!({"Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]});
        role["policyDocument"] = allow.to_string().into();
    }
    let object = |kind: &str, name: &str, spec: Value| {
        json!({"apiVersion": "engine.kubevault.com/v1alpha1", "kind": kind,
            "metadata": {"name": name, "namespace": namespace}, "spec": spec})
    };
    let engine = json!({"vaultRef": {"name": "vault"}, "path": format!("aws-{n}"), "aws": aws});
    let request = json!({"roleRef": {"name": "role", "namespace": namespace}, "useSTS": sts,
        "subjects": [{"kind": "ServiceAccount", "name": "sa", "namespace": namespace}]});
    world.apply(&world.token_binding(&namespace)).await?;
    world
        .apply(&[
            secret,
            object(ENGINE, "engine", engine),
            object(ROLE, "role", role),
            object(REQUEST, "app", request),
        ])
        .await?;
    let approval = json!({"status": {"conditions": [{"type": "Approved", "status": "True"}]}});
    api(world, &namespace)
        .patch_status("app", &PatchParams::default(), &Patch::Merge(approval))
        .await?;
    Ok(())
}

fn api<S: Stand>(world: &World<S>, namespace: &str) -> Api<DynamicObject> {
    let gvk = GroupVersionKind::gvk("engine.kubevault.com", "v1alpha1", REQUEST);
    Api::namespaced_with(world.stand.kube(), namespace, &ApiResource::from_gvk(&gvk))
}

async fn delete<S: Stand>(world: &World<S>, namespace: &str) -> Result<()> {
    let api = api(world, namespace);
    api.delete("app", &DeleteParams::default()).await?;
    Ok(())
}

/// The condition names the path, so that it can be pasted into the policy.
async fn is_named<S: Stand>(world: &World<S>, n: usize, line: &Line) -> Result<()> {
    let name = match line.kind {
        ENGINE => "engine",
        ROLE => "role",
        _ => "app",
    };
    let path = own(line.path, n);
    let path = path.trim_end_matches('*');
    let what = format!("path \"{path} …");
    let namespace = format!("ns-{n}");
    world
        .until(line.kind, &namespace, name, &what, |o| {
            let ready = e2e::world::ready(o);
            let message = ready["message"].as_str().unwrap_or_default();
            let known = ["VaultDenied", "KeeperRefused"]
                .contains(&ready["reason"].as_str().unwrap_or_default());
            known && message.contains(&format!("path \"{path}")) && message.contains("capabilities")
        })
        .await?;
    Ok(())
}
