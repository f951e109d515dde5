//! Bad input of every kind: each gets a condition and an event that say what is wrong, where, and
//! what to do; nothing spins, nothing is lost, and what is mended goes on by itself.

mod names;
mod policy;
mod skew;
mod strangers;
mod table;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::proxy::{Open, Passing, Proxy};
use e2e::stand::Server;
use e2e::world::scenes::simple_role;
use e2e::{OwnStand, Stand, Start, World, on_both_stands};
use serde_json::{Value, json};

use table::Case;

on_both_stands! {
    whatever_is_wrong_is_said_without_spinning_and_goes_on_when_mended,
}

async fn whatever_is_wrong_is_said_without_spinning_and_goes_on_when_mended<S: OwnStand>()
-> Result<()> {
    let mut world = World::prepare(S::start().await?).await?;
    // These cases are not about rights: engines at many paths.
    world.login_token = rights_for_all(&world).await?;
    let kube = Proxy::start(&world.stand.kube_server(), Arc::new(Open)).await?;
    let vault = Proxy::start(&Server::plain(world.stand.vault_address()), Arc::new(Open)).await?;
    let mut operator = world
        .stand
        .start_operator(Start {
            api_server: Some(&kube.url),
            ..Start::default()
        })
        .await?;
    let [mut binding, token] = world.token_binding("demo");
    binding["spec"]["clientConfig"]["url"] = json!(vault.url);
    world.apply(&[binding, token]).await?;
    world.apply(&world.seed_engine()?).await?;
    world.apply(&[simple_role("good")]).await?;
    world.phase("AWSRole", "good", "Success").await?;

    let strangers = strangers::start().await?;
    let cases = table::cases(&world, &strangers)?;
    world.namespace("other").await?;
    for case in &cases {
        for manifest in &case.bad {
            apply(&world, manifest).await.context(case.object)?;
        }
        if case.kind == "AWSAccessKeyRequest" {
            world.approve(case.object).await?;
        }
    }
    for case in &cases {
        case.is_said(&world).await.context(case.object)?;
    }
    rests(&kube, &vault, cases.len()).await?;
    table::refused_by_the_api_server(&world).await?;
    names::of_253_characters(&world).await?;

    for case in &cases {
        for manifest in &case.mended {
            apply(&world, manifest).await.context(case.object)?;
        }
    }
    for case in &cases {
        case.goes_on(&world).await.context(case.object)?;
    }
    operator.stop().await
}

/// A manifest, or what is to be written in Vault: `{"vault": path, "body": …}`.
async fn apply<S: Stand>(world: &World<S>, manifest: &Value) -> Result<()> {
    if let Some(path) = manifest["vault"].as_str() {
        world.vault_write(path, &manifest["body"]).await?;
        return Ok(());
    }
    world.apply(std::slice::from_ref(manifest)).await
}

async fn rights_for_all<S: Stand>(world: &World<S>) -> Result<String> {
    let all =
        r#"path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }"#;
    world
        .vault_write("sys/policies/acl/all", &json!({ "policy": all }))
        .await?;
    let keeper = r#"path "+/creds/k8s.*" { capabilities = ["read"] }"#;
    let policy = json!({ "policy": keeper });
    world
        .vault_write("sys/policies/acl/leasehold-keeper", &policy)
        .await?;
    let body = json!({"policies": ["all", "leasehold-keeper"], "period": "1h"});
    let token = world.vault_write("auth/token/create-orphan", &body).await?;
    let token = token["auth"]["client_token"].as_str().context("a token")?;
    Ok(token.to_owned())
}

/// No hot loop: what was said is not said again, and looks become rare.
async fn rests(kube: &Proxy, vault: &Proxy, cases: usize) -> Result<()> {
    const WINDOW: Duration = Duration::from_secs(6);
    kube.forget();
    vault.forget();
    tokio::time::sleep(WINDOW).await;
    let line = |p: &Passing| format!("{} {}", p.method, p.path);
    let writes: Vec<String> = kube
        .seen()
        .iter()
        .filter(|p| p.method != "GET" && !p.path.contains("/selfsubject"))
        .map(line)
        .collect();
    ensure!(writes.is_empty(), "it goes on saying: {writes:#?}");
    let looks: Vec<String> = kube.seen().iter().chain(&vault.seen()).map(line).collect();
    let most = cases * 3;
    ensure!(looks.len() <= most, "{} requests: {looks:#?}", looks.len());
    Ok(())
}

impl Case {
    async fn is_said<S: Stand>(&self, world: &World<S>) -> Result<()> {
        world
            .says(self.kind, self.object, self.reason, self.words)
            .await?;
        Ok(())
    }

    async fn goes_on<S: Stand>(&self, world: &World<S>) -> Result<()> {
        if self.mended.is_empty() {
            return world.delete(self.kind, self.object).await;
        }
        let phase = match self.kind {
            "AWSAccessKeyRequest" => "Issued",
            _ => "Success",
        };
        world.phase(self.kind, self.object, phase).await?;
        Ok(())
    }
}
