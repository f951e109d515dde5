//! The seed's tutorial from top to bottom, with the real kubectl, vault and our plugin: every key,
//! value and column that it prints is there.

use anyhow::{Context, Result, ensure};
use e2e::servers::{Cli, eventually};
use e2e::{RealStand, Stand, World, manifests};
use serde_json::Value;

#[tokio::test]
async fn the_tutorial_of_the_seed_runs_as_it_is_printed() -> Result<()> {
    let world = World::<RealStand>::with_tls().await?;
    world.kubernetes_login().await?;
    world
        .apply(&[world.seed_binding(&world.vault_authority())?])
        .await?;
    let mut operator = world.operator(&[&world.resolve()?]).await?;
    let tutorial = Tutorial {
        kubectl: world.stand.kubectl()?,
        world,
    };
    tutorial.engine().await?;
    tutorial.role().await?;
    tutorial.request().await?;
    tutorial.denied().await?;
    operator.stop().await
}

struct Tutorial {
    world: World<RealStand>,
    kubectl: Cli,
}

impl Tutorial {
    async fn engine(&self) -> Result<()> {
        let bindings = self.table("get appbinding -n demo").await?;
        ensure!(
            bindings[0][0] == "NAME" && bindings[1][0] == "vault",
            "{bindings:?}"
        );
        let [secret, engine] = self.world.seed_engine()?;
        let created = self.apply(&secret).await?;
        assert_eq!(created, "secret/aws-cred created");
        let created = self.apply(&engine).await?;
        assert_eq!(
            created,
            "secretengine.engine.kubevault.com/aws-secret-engine created"
        );
        self.shows(
            "get secretengines -n demo",
            "aws-secret-engine",
            "STATUS",
            "Success",
        )
        .await
    }

    async fn role(&self) -> Result<()> {
        let role = manifests::seed("000-awsrole.yaml", &[])?;
        let created = self.apply(&role).await?;
        assert_eq!(created, "awsrole.engine.kubevault.com/aws-role created");
        self.shows("get awsrole -n demo", "aws-role", "STATUS", "Success")
            .await?;

        let list = self.vault(&["list", "aws/roles"]).await?;
        assert_eq!(list.trim(), "Keys\n----\nk8s.-.demo.aws-role");
        let read = self
            .vault(&["read", "aws/roles/k8s.-.demo.aws-role"])
            .await?;
        for line in [
            "credential_type iam_user",
            "default_sts_ttl 0s",
            "max_sts_ttl 0s",
            "policy_arns <nil>",
            r#"policy_document {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"}]}"#,
            "role_arns <nil>",
            "user_path n/a",
        ] {
            let has = read
                .lines()
                .any(|l| l.split_whitespace().collect::<Vec<_>>().join(" ") == line);
            ensure!(has, "no line \"{line}\" in:\n{read}");
        }

        let deleted = self.run("delete awsrole -n demo aws-role").await?;
        ensure!(
            deleted.starts_with("awsrole.engine.kubevault.com \"aws-role\" deleted"),
            "{deleted}"
        );
        let read = self
            .world
            .stand
            .vault
            .cli(&["read", "aws/roles/k8s.-.demo.aws-role"])
            .await?;
        assert_eq!(
            read.stderr.trim(),
            "No value found at aws/roles/k8s.-.demo.aws-role"
        );
        let list = self.world.stand.vault.cli(&["list", "aws/roles"]).await?;
        assert_eq!(list.stderr.trim(), "No value found at aws/roles");

        self.apply(&role).await?;
        self.shows("get awsrole -n demo", "aws-role", "STATUS", "Success")
            .await
    }

    async fn request(&self) -> Result<()> {
        let request = manifests::seed("000-awsaccesskeyrequest.yaml", &[])?;
        let created = self.apply(&request).await?;
        assert_eq!(
            created,
            "awsaccesskeyrequest.engine.kubevault.com/aws-cred-rqst created"
        );
        let get = "get awsaccesskeyrequest -n demo";
        self.shows(get, "aws-cred-rqst", "STATUS", "WaitingForApproval")
            .await?;
        ensure!(
            self.world.users().await?.is_empty(),
            "issued before it was approved"
        );

        let approved = self
            .run("vault approve awsaccesskeyrequest aws-cred-rqst -n demo")
            .await?;
        assert_eq!(approved.trim(), "approved");
        self.shows(get, "aws-cred-rqst", "STATUS", "Issued").await?;

        let json = self
            .run("get awsaccesskeyrequest aws-cred-rqst -n demo -o json")
            .await?;
        let object: Value = serde_json::from_str(&json)?;
        let status = &object["status"];
        let approval = e2e::world::condition(&object, "Approved");
        assert_eq!(
            approval["message"],
            "This was approved by kubectl vault approve awsaccesskeyrequest"
        );
        assert_eq!(approval["reason"], "KubectlApprove");
        ensure!(approval["lastUpdateTime"].is_string(), "{approval}");
        assert_eq!(status["lease"]["duration"], "1h0m0s");
        assert_eq!(status["lease"]["renewable"], true);
        let lease = status["lease"]["id"].as_str().context("a lease id")?;
        let random = lease
            .strip_prefix("aws/creds/k8s.-.demo.aws-role/")
            .context("its role")?;
        assert_eq!(random.len(), 24);
        let secret = status["secret"]["name"].as_str().context("a Secret")?;
        let six = secret
            .strip_prefix("aws-cred-rqst-")
            .context("the request's name")?;
        ensure!(six.len() == 6, "{secret}");
        self.secret(secret).await?;

        // The spec is frozen: an approval is an approval of this.
        let mut other = request.clone();
        other["spec"]["subjects"][0]["name"] = "somebody-else".into();
        let refused = self
            .kubectl
            .clone()
            .stdin(other.to_string())
            .run(&["apply", "-f", "-"])
            .await?;
        ensure!(refused.stderr.contains("cannot change"), "{refused:?}");

        let key = self.world.key_in(secret).await?;
        let aws = self.world.stand.aws(key)?;
        aws.caller_arn().await?;
        let deleted = self
            .run("delete awsaccesskeyrequest -n demo aws-cred-rqst")
            .await?;
        ensure!(
            deleted
                .starts_with("awsaccesskeyrequest.engine.kubevault.com \"aws-cred-rqst\" deleted"),
            "{deleted}"
        );
        ensure!(
            aws.caller_arn().await.is_err_and(|e| e.is_dead_key()),
            "the key lives on"
        );
        self.world.users_become(0).await
    }

    async fn secret(&self, name: &str) -> Result<()> {
        let json = self
            .run(&format!("get secret -n demo {name} -o json"))
            .await?;
        let secret: Value = serde_json::from_str(&json)?;
        for key in ["access_key", "secret_key", "security_token"] {
            ensure!(
                secret["data"][key].is_string(),
                "no key {key} in the Secret"
            );
        }
        assert_eq!(secret["data"]["security_token"], "");
        assert_eq!(secret["type"], "Opaque");
        let owner = &secret["metadata"]["ownerReferences"][0];
        assert_eq!(owner["apiVersion"], "engine.kubevault.com/v1alpha1");
        assert_eq!(owner["kind"], "AWSAccessKeyRequest");
        assert_eq!(owner["name"], "aws-cred-rqst");
        assert_eq!(owner["controller"], true);

        let sa = "--as=system:serviceaccount:demo:demo-sa";
        self.run(&format!("get secret -n demo {name} {sa} -o name"))
            .await?;
        let other = self
            .kubectl
            .run(&["get", "secret", "-n", "demo", "aws-cred", sa])
            .await?;
        ensure!(other.stderr.contains("Forbidden"), "{other:?}");
        let list = self
            .kubectl
            .run(&["get", "secrets", "-n", "demo", sa])
            .await?;
        ensure!(list.stderr.contains("Forbidden"), "{list:?}");
        Ok(())
    }

    async fn denied(&self) -> Result<()> {
        self.apply(&manifests::seed("000-awsaccesskeyrequest.yaml", &[])?)
            .await?;
        let denied = self
            .run("vault deny awsaccesskeyrequest aws-cred-rqst -n demo")
            .await?;
        assert_eq!(denied.trim(), "Denied");
        let get = "get awsaccesskeyrequest -n demo";
        self.shows(get, "aws-cred-rqst", "STATUS", "Denied").await?;
        let world = &self.world;
        world
            .stays("nothing is issued", || async {
                Ok(world.users().await?.is_empty())
            })
            .await?;
        let approve = [
            "vault",
            "approve",
            "awsaccesskeyrequest",
            "aws-cred-rqst",
            "-n",
            "demo",
        ];
        let late = self.kubectl.run(&approve).await?;
        ensure!(
            !late.success() && late.stderr.contains("denied"),
            "{late:?}"
        );
        Ok(())
    }

    async fn apply(&self, manifest: &Value) -> Result<String> {
        let kubectl = self.kubectl.clone().stdin(manifest.to_string());
        Ok(kubectl
            .run(&["apply", "-f", "-"])
            .await?
            .ok()?
            .trim()
            .to_owned())
    }

    async fn run(&self, command: &str) -> Result<String> {
        let args: Vec<&str> = command.split(' ').collect();
        self.kubectl.run(&args).await?.ok()
    }

    async fn vault(&self, args: &[&str]) -> Result<String> {
        self.world.stand.vault.cli(args).await?.ok()
    }

    async fn table(&self, command: &str) -> Result<Vec<Vec<String>>> {
        let text = self.run(command).await?;
        let cells = |line: &str| line.split_whitespace().map(str::to_owned).collect();
        Ok(text.lines().map(cells).collect())
    }

    /// Waits until a row of a table shows that value in that column.
    async fn shows(&self, command: &str, name: &str, column: &str, value: &str) -> Result<()> {
        eventually(&format!("{command}: {name} {column} {value}"), || async {
            let table = self.table(command).await?;
            let header = table.first().context("a header")?;
            let at = header
                .iter()
                .position(|c| c == column)
                .context("the column")?;
            let row = table.iter().find(|row| row[0] == name).context("the row")?;
            ensure!(row.get(at).is_some_and(|cell| cell == value), "{table:?}");
            Ok(())
        })
        .await
    }
}
