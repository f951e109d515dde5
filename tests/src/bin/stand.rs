//! The real servers with an operator at work, to try things by hand: `make stand`.
//!
//! Prints the lines to paste into another shell, and stays up until Ctrl-C. Everything it started
//! ends with it.

use std::io::Write as _;

use anyhow::{Context, Result};
use e2e::servers::Binaries;
use e2e::{OwnStand as _, RealStand, Stand, World, manifests, real};

#[tokio::main]
async fn main() -> Result<()> {
    let world = World::prepare(RealStand::start().await?).await?;
    let mut operator = world.operator(&[]).await?;
    world.apply(&world.token_binding("demo")).await?;
    world.apply(&world.seed_engine()?).await?;
    world
        .apply(&[manifests::seed("000-awsrole.yaml", &[])?])
        .await?;
    world.phase("AWSRole", "aws-role", "Success").await?;
    tell(&world)?;
    tokio::signal::ctrl_c().await.context("wait for Ctrl-C")?;
    operator.stop().await
}

fn tell(world: &World<RealStand>) -> Result<()> {
    let binaries = Binaries::locate()?;
    let servers = binaries.bin();
    let ours = real::binary("leasehold")?;
    let ours = ours.parent().context("it is in a folder")?;
    let root = world.stand.aws_root();
    writeln!(
        std::io::stdout(),
        "# namespace demo has the seed's AppBinding, SecretEngine and AWSRole; paste this:\n\
         export PATH={}:{}:$PATH\n\
         export KUBECONFIG={}\n\
         export VAULT_ADDR={} VAULT_TOKEN={}\n\
         # AWS stand-in at {}, Vault's own key there: {}\n\
         # then, for example:\n\
         kubectl apply -f examples/seeds/000-awsaccesskeyrequest.yaml\n\
         kubectl vault approve awsaccesskeyrequest aws-cred-rqst -n demo\n\
         kubectl get vault -n demo\n\
         # Ctrl-C here ends it all",
        servers.display(),
        ours.display(),
        world.stand.cluster.kubeconfig_admin().display(),
        world.stand.vault_address(),
        world.stand.vault.root_token,
        world.stand.aws_address(),
        root.access_key,
    )?;
    Ok(())
}
