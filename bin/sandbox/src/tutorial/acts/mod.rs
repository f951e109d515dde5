//! The acts, in the order they are played.

mod ends;
mod first_key;
mod hour;
mod login;
mod sessions;
mod vaults_pages;

use super::stage::Stage;

/// What a person wants to see: engine, role, key; other kinds of keys; time; trouble; the end.
pub(super) async fn all(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    first_key::engine(stage).await?;
    first_key::role(stage).await?;
    first_key::request(stage).await?;
    sessions::requests(stage).await?;
    vaults_pages::commands(stage)?;
    vaults_pages::refused(stage).await?;
    vaults_pages::documents_and_groups(stage).await?;
    login::aws(stage)?;
    hour::passes(stage).await?;
    ends::sealed(stage).await?;
    ends::all(stage).await
}
