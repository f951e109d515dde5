//! The concept page of AWSAccessKeyRequest: what `roleARN`, `ttl`, `useSTS` and `subjects` say is
//! what Vault is asked for, what AWS gives, and who may read it.

use std::sync::Arc;

use anyhow::{Result, ensure};
use e2e::proxy::{Open, Proxy};
use e2e::servers::eventually;
use e2e::stand::Server;
use e2e::world::scenes::{life, request, role, secret_of, simple_role, text};
use e2e::{OwnStand, Stand, World, on_both_stands};
use serde_json::{Value, json};

on_both_stands! {
    what_a_request_says_reaches_vault_and_aws,
}

const READER: &str = "arn:aws:iam::123456789012:role/reader";
const WRITER: &str = "arn:aws:iam::123456789012:role/writer";
const OTHER: &str = "arn:aws:iam::123456789012:role/hello.world";
const REQUEST: &str = "AWSAccessKeyRequest";

async fn what_a_request_says_reaches_vault_and_aws<S: OwnStand>() -> Result<()> {
    let world = World::prepare(S::start().await?).await?;
    let vault = Proxy::start(&Server::plain(world.stand.vault_address()), Arc::new(Open)).await?;
    let mut operator = world.operator(&[]).await?;
    let [mut binding, token] = world.token_binding("demo");
    binding["spec"]["clientConfig"]["url"] = json!(vault.url);
    world.apply(&[binding, token]).await?;
    world.apply(&world.seed_engine()?).await?;
    let page = Page { world, vault };
    page.roles().await?;
    page.one_arn().await?;
    page.two_arns().await?;
    page.an_arn_that_is_not_allowed().await?;
    page.federation_token().await?;
    page.session_token().await?;
    page.users_groups_and_service_accounts().await?;
    operator.stop().await
}

struct Page<S> {
    world: World<S>,
    vault: Proxy,
}

impl<S: Stand> Page<S> {
    async fn roles(&self) -> Result<()> {
        let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
            "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]})
        .to_string();
        for name in ["reader", "writer", "hello.world"] {
            let params = [("RoleName", name), ("AssumeRolePolicyDocument", &trust)];
            self.world.iam("CreateRole", &params).await?;
        }
        let document = json!({"Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})
        .to_string();
        let assumed = |arns: &[&str]| json!({"credentialType": "assumed_role", "roleARNs": arns});
        self.world
            .apply(&[
                role("one", assumed(&[READER])),
                role("two", assumed(&[READER, WRITER])),
                role(
                    "federation",
                    json!({"credentialType": "federation_token", "policyDocument": document,
                        "defaultSTSTTL": "40m"}),
                ),
                role(
                    "session",
                    json!({"credentialType": "session_token", "maxSTSTTL": "2h"}),
                ),
                simple_role("user"),
            ])
            .await?;
        for name in ["one", "two", "federation", "session", "user"] {
            self.world.phase("AWSRole", name, "Success").await?;
        }
        Ok(())
    }

    /// A request with more in its spec than a role and a subject, approved.
    async fn ask(&self, name: &str, role: &str, more: &Value) -> Result<()> {
        let mut wanted = request(name, role);
        for (field, value) in more.as_object().into_iter().flatten() {
            wanted["spec"][field] = value.clone();
        }
        self.world.apply(&[wanted]).await?;
        self.world.approve(name).await
    }

    /// Query of the one read that Vault saw for that role.
    fn read(&self, kind: &str, role: &str) -> Result<String> {
        let path = format!("/v1/aws/{kind}/k8s.-.demo.{role}");
        let seen = self.vault.seen();
        let mut reads = seen
            .iter()
            .map(|r| r.path.split_once('?').unwrap_or((&r.path, "")))
            .filter(|(at, _)| *at == path);
        let Some((_, query)) = reads.next() else {
            anyhow::bail!("nothing was read at {path}");
        };
        ensure!(reads.next().is_none(), "{path} was read more than once");
        Ok(query.replace("%3A", ":").replace("%2F", "/"))
    }

    async fn one_arn(&self) -> Result<()> {
        // Optional where the role allows a single one; without useSTS it is read at creds/.
        self.ask("one", "one", &json!({})).await?;
        let issued = self.world.phase(REQUEST, "one", "Issued").await?;
        assert_eq!(self.read("creds", "one")?, "");
        let key = self.world.key_in(&secret_of(&issued)).await?;
        ensure!(key.session_token.is_some(), "no session token");
        let who = self.world.stand.aws(key)?.caller_arn().await?;
        ensure!(who.contains(":assumed-role/reader/"), "{who}");
        ensure!((3590..=3600).contains(&life(&issued)?), "{issued}");
        Ok(())
    }

    async fn two_arns(&self) -> Result<()> {
        let more = json!({"roleARN": WRITER, "ttl": "30m", "useSTS": true});
        self.ask("two", "two", &more).await?;
        let issued = self.world.phase(REQUEST, "two", "Issued").await?;
        let query = self.read("sts", "two")?;
        ensure!(query.contains(&format!("role_arn={WRITER}")), "{query}");
        ensure!(query.contains("ttl=1800s"), "{query}");
        ensure!((1790..=1800).contains(&life(&issued)?), "{issued}");
        let key = self.world.key_in(&secret_of(&issued)).await?;
        let who = self.world.stand.aws(key)?.caller_arn().await?;
        ensure!(who.contains(":assumed-role/writer/"), "{who}");

        // Required where the role allows several: Vault says so.
        self.ask("undecided", "two", &json!({})).await?;
        let words = ["role_arn", "unable to determine one"];
        self.world
            .says(REQUEST, "undecided", "IssueFailed", &words)
            .await?;
        self.world.delete(REQUEST, "undecided").await
    }

    async fn an_arn_that_is_not_allowed(&self) -> Result<()> {
        let more = json!({"roleARN": OTHER, "useSTS": true});
        self.ask("not-allowed", "one", &more).await?;
        let words = [OTHER, "not in allowed role arns"];
        self.world
            .says(REQUEST, "not-allowed", "IssueFailed", &words)
            .await?;
        let secret = self.world.get(REQUEST, "demo", "not-allowed").await?;
        ensure!(secret_of(&secret.unwrap_or_default()).is_empty());

        // Allowed later: the request goes on by itself.
        let wider = json!({"credentialType": "assumed_role", "roleARNs": [READER, OTHER]});
        self.world.apply(&[role("one", wider)]).await?;
        let issued = self.world.phase(REQUEST, "not-allowed", "Issued").await?;
        let key = self.world.key_in(&secret_of(&issued)).await?;
        let who = self.world.stand.aws(key)?.caller_arn().await?;
        ensure!(who.contains(":assumed-role/hello.world/"), "{who}");
        Ok(())
    }

    async fn federation_token(&self) -> Result<()> {
        // The role's own ttl where the request names none.
        self.ask("federation", "federation", &json!({"useSTS": true}))
            .await?;
        let issued = self.world.phase(REQUEST, "federation", "Issued").await?;
        assert_eq!(self.read("sts", "federation")?, "");
        ensure!((2390..=2400).contains(&life(&issued)?), "{issued}");
        let key = self.world.key_in(&secret_of(&issued)).await?;
        ensure!(key.session_token.is_some(), "no session token");
        Ok(())
    }

    async fn session_token(&self) -> Result<()> {
        self.ask(
            "session",
            "session",
            &json!({"ttl": "1h30m", "useSTS": true}),
        )
        .await?;
        let issued = self.world.phase(REQUEST, "session", "Issued").await?;
        assert_eq!(self.read("sts", "session")?, "ttl=5400s");
        ensure!((5390..=5400).contains(&life(&issued)?), "{issued}");
        // AWS tells the end in whole seconds: the same reads of a real Vault give one or the other.
        let duration = text(&issued, "/status/lease/duration");
        ensure!(["1h30m0s", "1h29m59s"].contains(&&*duration), "{duration}");
        let words = text(&e2e::world::ready(&issued), "/message");
        ensure!(words.contains("cannot be revoked"), "{words}");
        Ok(())
    }

    async fn users_groups_and_service_accounts(&self) -> Result<()> {
        let subjects = json!({"subjects": [
            {"kind": "User", "name": "jane", "apiGroup": "rbac.authorization.k8s.io"},
            {"kind": "Group", "name": "deployers"},
            {"kind": "ServiceAccount", "name": "sa", "namespace": "demo"},
        ]});
        self.ask("subjects", "user", &subjects).await?;
        let issued = self.world.phase(REQUEST, "subjects", "Issued").await?;
        let secret = secret_of(&issued);
        let world = &self.world;
        for (user, groups, may) in [
            ("jane", &[][..], true),
            ("joe", &[], false),
            ("joe", &["deployers"], true),
            ("deployers", &[], false),
            ("joe", &["jane"], false),
            ("system:serviceaccount:demo:sa", &[], true),
            ("system:serviceaccount:other:sa", &[], false),
            ("system:serviceaccount:demo:demo-sa", &[], false),
            ("sa", &[], false),
        ] {
            let allowed = world.may_get(user, groups, &secret).await?;
            ensure!(allowed == may, "{user} of {groups:?}: {allowed}");
        }
        ensure!(!world.may_get("jane", &[], "aws-cred").await?);
        let expires = text(&issued, "/status/credential/expiresAt");
        ensure!(!expires.is_empty(), "{issued}");
        assert_eq!(text(&issued, "/status/lease/duration"), "1h0m0s");
        ensure!((3590..=3600).contains(&life(&issued)?), "{issued}");

        world.delete(REQUEST, "subjects").await?;
        // Role and RoleBinding go with their owner: the garbage collector's work.
        eventually("nobody may read it any more", || async {
            ensure!(!world.may_get("jane", &[], &secret).await?, "jane may");
            Ok(())
        })
        .await?;
        world.users_become(0).await
    }
}
