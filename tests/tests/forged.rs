//! A status that somebody wrote who may: what it names and is not the request's own is neither
//! revoked nor deleted nor overwritten, it is said, and the request goes on or ends properly.

use anyhow::{Context, Result, ensure};
use e2e::servers::eventually;
use e2e::world::scenes::{request, secret_of, text};
use e2e::{OwnStand, Stand, World, on_both_stands};
use serde_json::{Value, json};

on_both_stands! {
    a_forged_status_ends_and_overwrites_nothing_foreign,
}

const REQUEST: &str = "AWSAccessKeyRequest";

async fn a_forged_status_ends_and_overwrites_nothing_foreign<S: OwnStand>() -> Result<()> {
    let world = World::prepare(S::start().await?).await?;
    let mut operator = world.operator(&[]).await?;
    world.ready_role().await?;
    let victim = world.issue("victim", "aws-role").await?;
    let scene = Scene {
        secret: secret_of(&victim),
        key: world.key_in(&secret_of(&victim)).await?.access_key,
        victim,
        world,
    };
    scene.on_an_unapproved_request().await?;
    scene.on_an_issued_request().await?;
    scene.as_a_former_key().await?;
    scene.as_an_intent_before_the_approval().await?;
    scene.with_the_operators_own_login().await?;
    scene.with_another_vault().await?;
    scene.world.delete(REQUEST, "victim").await?;
    scene.world.users_become(0).await?;
    operator.stop().await
}

struct Scene<S> {
    world: World<S>,
    victim: Value,
    secret: String,
    key: String,
}

impl<S: Stand> Scene<S> {
    /// The victim's key, Secret and record, exactly as they were.
    async fn unharmed(&self) -> Result<()> {
        self.world.works(&self.secret).await?;
        let key = self.world.key_in(&self.secret).await?;
        assert_eq!(key.access_key, self.key, "the Secret holds another key");
        let lease = text(&self.victim, "/status/lease/id");
        ensure!(self.world.lease_lives(&lease).await?, "the lease is gone");
        let now = self.world.get(REQUEST, "demo", "victim").await?;
        assert_eq!(now.context("the victim")?["status"], self.victim["status"]);
        Ok(())
    }

    /// What the victim's status says of its key.
    fn stolen(&self) -> Value {
        let status = &self.victim["status"];
        json!({
            "lease": status["lease"], "secret": status["secret"],
            "credential": status["credential"],
        })
    }

    /// A keeper and a lease of the victim, as a former key of somebody else.
    fn retiring(&self, keeper: &Value) -> Value {
        let credential = &self.victim["status"]["credential"];
        json!({"retiring": [{
            "keeper": keeper, "leaseId": self.victim["status"]["lease"]["id"],
            "notBefore": credential["issuedAt"], "vault": credential["vault"],
        }]})
    }

    async fn on_an_unapproved_request(&self) -> Result<()> {
        let world = &self.world;
        world.apply(&[request("waiting", "aws-role")]).await?;
        world
            .phase(REQUEST, "waiting", "WaitingForApproval")
            .await?;
        world.patch_status("waiting", &self.stolen()).await?;
        world.deny("waiting").await?;
        world.phase(REQUEST, "waiting", "Denied").await?;
        let words = world.told("waiting", "Foreign").await?;
        ensure!(words.contains(&self.keeper()), "{words}");
        self.unharmed().await?;
        world.delete(REQUEST, "waiting").await?;
        self.unharmed().await?;

        // The same without an answer from anybody, and deleted at once.
        world.apply(&[request("never", "aws-role")]).await?;
        world.phase(REQUEST, "never", "WaitingForApproval").await?;
        world.patch_status("never", &self.stolen()).await?;
        world.delete(REQUEST, "never").await?;
        self.unharmed().await
    }

    fn keeper(&self) -> String {
        text(&self.victim, "/status/credential/keeper")
    }

    async fn on_an_issued_request(&self) -> Result<()> {
        let world = &self.world;
        let own = world.issue("issued", "aws-role").await?;
        let old = world.key_in(&secret_of(&own)).await?;
        world.patch_status("issued", &self.stolen()).await?;
        // It goes on with a key of its own, in its own Secret, and the former one ends.
        let now = world
            .until(REQUEST, "demo", "issued", "a keeper of its own", |o| {
                let keeper = text(o, "/status/credential/keeper");
                !keeper.is_empty() && keeper != self.keeper() && o["status"]["phase"] == "Issued"
            })
            .await?;
        assert_eq!(secret_of(&now), secret_of(&own));
        world.works(&secret_of(&now)).await?;
        self.unharmed().await?;
        world.delete(REQUEST, "issued").await?;
        let old = world.stand.aws(old)?;
        eventually("no key of it is left", || async {
            let dead = old.caller_arn().await.is_err_and(|e| e.is_dead_key());
            ensure!(dead, "its first key works still");
            Ok(())
        })
        .await?;
        world.users_become(1).await?;
        self.unharmed().await
    }

    async fn as_a_former_key(&self) -> Result<()> {
        let world = &self.world;
        world.issue("former", "aws-role").await?;
        let keeper = json!(self.keeper());
        world
            .patch_status("former", &self.retiring(&keeper))
            .await?;
        let words = world.told("former", "Foreign").await?;
        ensure!(words.contains(&self.keeper()), "{words}");
        let none = |o: &Value| o["status"]["retiring"].as_array().is_none_or(Vec::is_empty);
        let now = world
            .until(REQUEST, "demo", "former", "it is forgotten", none)
            .await?;
        assert_eq!(now["status"]["phase"], "Issued");
        world.works(&secret_of(&now)).await?;
        self.unharmed().await?;
        world.delete(REQUEST, "former").await?;
        world.users_become(1).await?;
        self.unharmed().await
    }

    async fn as_an_intent_before_the_approval(&self) -> Result<()> {
        let world = &self.world;
        world.apply(&[request("intent", "aws-role")]).await?;
        world.phase(REQUEST, "intent", "WaitingForApproval").await?;
        let credential = &self.victim["status"]["credential"];
        let forged = json!({"intent": {
            "keeper": credential["keeper"], "by": "somebody",
            // Old enough for nobody to wait for it.
            "at": "2020-01-01T00:00:00Z", "vault": credential["vault"],
        }});
        world.patch_status("intent", &forged).await?;
        world.approve("intent").await?;
        let issued = world.phase(REQUEST, "intent", "Issued").await?;
        world.works(&secret_of(&issued)).await?;
        world.told("intent", "Foreign").await?;
        self.unharmed().await?;
        world.delete(REQUEST, "intent").await?;
        world.users_become(1).await?;
        self.unharmed().await
    }

    /// The accessor of the operator's own login is no secret to whoever reads Vault's audit log.
    async fn with_the_operators_own_login(&self) -> Result<()> {
        let world = &self.world;
        let token = json!({"token": world.login_token});
        let login = world.vault_write("auth/token/lookup", &token).await?;
        let accessor = &login["data"]["accessor"];
        world.issue("login", "aws-role").await?;
        world
            .patch_status("login", &self.retiring(accessor))
            .await?;
        world.told("login", "Foreign").await?;
        world.delete(REQUEST, "login").await?;
        world.vault_write("auth/token/lookup", &token).await?;
        self.unharmed().await
    }

    /// A status that says the key was issued by another Vault: only that one could say that it
    /// ended, so a person has to say that nobody needs to know.
    async fn with_another_vault(&self) -> Result<()> {
        let world = &self.world;
        let own = world.issue("elsewhere", "aws-role").await?;
        let key = world.stand.aws(world.key_in(&secret_of(&own)).await?)?;
        let forged = json!({"credential": {"vault": {"clusterID": "another"}}});
        world.patch_status("elsewhere", &forged).await?;
        world.delete_later(REQUEST, "elsewhere").await?;
        let words = ["another", "point it back"];
        world
            .says(REQUEST, "elsewhere", "VaultChanged", &words)
            .await?;
        key.caller_arn().await?;
        // Put right, it ends as ever.
        let right = json!({"credential": {"vault": own["status"]["credential"]["vault"]}});
        world.patch_status("elsewhere", &right).await?;
        world.gone(REQUEST, "elsewhere").await?;
        ensure!(key.caller_arn().await.is_err_and(|e| e.is_dead_key()));
        self.unharmed().await
    }
}
