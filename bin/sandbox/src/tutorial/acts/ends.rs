//! Deletion while Vault is away, a denial, and the end of everything.

use std::time::Duration;

use leasehold_sandbox::vault::Vault;

use super::super::manifests::REQUEST;
use super::super::stage::{Stage, message};
use super::hour::never_dead;
use crate::prepare::DEMO;

/// A request goes while Vault is sealed.
pub(super) async fn sealed(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.act("Vault is sealed when a request is deleted", "trouble");
    let key = stage.key_of("aws-cred-rqst")?;
    stage.command("vault operator seal");
    stage.sandbox().with_vault(Vault::seal);
    stage.delete("awsaccesskeyrequests", "aws-cred-rqst");
    stage
        .until("the request waits, and says for what", |stage| {
            let object = stage.get("awsaccesskeyrequests", "aws-cred-rqst");
            let words = message(&object);
            if words.to_lowercase().contains("sealed") {
                Ok(())
            } else {
                Err(words.to_owned())
            }
        })
        .await?;
    let words = message(&stage.get("awsaccesskeyrequests", "aws-cred-rqst")).to_owned();
    stage.answer(&words);
    let caller = key.caller(stage.sandbox());
    stage.check(
        "its key works: it is not forgotten",
        caller.is_ok(),
        &format!("{caller:?}"),
    )?;
    stage.command("vault operator unseal");
    stage.sandbox().with_vault(Vault::unseal);
    stage.gone("awsaccesskeyrequests", "aws-cred-rqst").await?;
    let dead = key.caller(stage.sandbox()).is_err();
    stage.check("its key is dead", dead, &"it works")
}

/// A denial; then the namespace goes, and all that was in it.
pub(super) async fn all(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.act("A denial, and the end of it all", "seed 000");
    stage.apply(REQUEST)?;
    stage.decide("deny", "aws-cred-rqst").await?;
    stage
        .phase("awsaccesskeyrequests", "aws-cred-rqst", "Denied")
        .await?;
    let users = stage.users();
    let issued = users.iter().any(|user| user.contains("-aws-cred-rqst-"));
    stage.check("nothing is issued", !issued, &format!("{users:?}"))?;

    stage.command(&format!("kubectl delete namespace {DEMO}"));
    let path = format!("/api/v1/namespaces/{DEMO}");
    stage.sandbox().ask_kube("DELETE", &path, None);
    stage
        .until(
            "the namespace is gone, and every request, role and engine in it",
            |stage| {
                let (status, object) = stage.sandbox().ask_kube("GET", &path, None);
                if status == 404 {
                    Ok(())
                } else {
                    Err(object["status"].to_string())
                }
            },
        )
        .await?;
    let users = stage.users();
    stage.check(
        "AWS has no user left that Vault made",
        users.is_empty(),
        &format!("{users:?}"),
    )?;
    let mounts = stage.vault_read("sys/mounts");
    stage.check(
        "Vault has no AWS engine left",
        mounts["aws/"].is_null(),
        &mounts["aws/"],
    )?;
    let leases = stage.leases();
    stage.check("and no lease of one", leases == 0, &leases)?;
    stage.aside("What cannot be revoked ends by itself: the last session, within its 30 minutes.");
    stage.lapse(Duration::from_secs(31 * 60)).await?;
    let alive = stage
        .ledger
        .lives()
        .filter(|life| life.died.is_none())
        .count();
    stage.check(
        "no key that was ever handed out works any more",
        alive == 0,
        &alive,
    )?;
    never_dead(stage)
}
