//! The seed's AppBinding over TLS, with the kubernetes login, and what can be wrong with it: each
//! its own clear condition on the object that needs it, and each mended without touching that.

use anyhow::{Result, ensure};
use e2e::servers::tls;
use e2e::world::kubernetes_login::HOST;
use e2e::{OwnStand, World, on_both_stands};
use serde_json::json;

on_both_stands! {
    what_is_wrong_with_the_login_is_said_and_mended_without_recreating_anything,
}

async fn what_is_wrong_with_the_login_is_said_and_mended_without_recreating_anything<
    S: OwnStand,
>() -> Result<()> {
    let world = World::<S>::with_tls().await?;
    world.kubernetes_login().await?;
    let mut operator = world.operator(&[&world.resolve()?]).await?;

    // Another authority.
    let stranger = tls::Authority::new()?;
    world
        .apply(&[world.seed_binding(stranger.ca_pem())?])
        .await?;
    world.apply(&world.seed_engine()?).await?;
    let words = world
        .reason(
            "SecretEngine",
            "aws-secret-engine",
            "VaultCertificateInvalid",
        )
        .await?;
    ensure!(words.contains("caBundle"), "{words}");

    // The right authority, another name.
    let mut misnamed = world.seed_binding(&world.vault_authority())?;
    misnamed["spec"]["clientConfig"]["serverName"] = json!("vault.example.com");
    world.apply(&[misnamed]).await?;
    let named = |words: &str| words.contains("vault.example.com") && words.contains(HOST);
    world
        .until(
            "SecretEngine",
            "demo",
            "aws-secret-engine",
            "the name is said",
            |engine| {
                let ready = e2e::world::ready(engine);
                ready["reason"] == "VaultCertificateInvalid"
                    && ready["message"].as_str().is_some_and(named)
            },
        )
        .await?;

    // The right name, a role that binds another ServiceAccount.
    world.bind_login("somebody-else").await?;
    world
        .apply(&[world.seed_binding(&world.vault_authority())?])
        .await?;
    let words = world
        .reason("SecretEngine", "aws-secret-engine", "LoginRefused")
        .await?;
    ensure!(
        words.contains("service account name not authorized"),
        "{words}"
    );

    // All right at last: nothing but the cause was touched.
    world.bind_login("vault").await?;
    world
        .phase("SecretEngine", "aws-secret-engine", "Success")
        .await?;
    operator.stop().await
}
