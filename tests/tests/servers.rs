//! The servers of the other tests start, work together and stop.

use anyhow::{Context, Result, bail};
use e2e::servers::{
    AwsKey, Binaries, Cluster, Moto, Process, Storage, Vault, VaultOptions, eventually, http, tls,
};
use serde_json::{Value, json};

#[tokio::test]
async fn a_cluster_serves_and_its_controllers_work() -> Result<()> {
    let mut cluster = Cluster::start(&Binaries::locate()?).await?;

    let version: Value =
        serde_json::from_str(&cluster.kubectl(&["version", "-o=json"]).await?.ok()?)?;
    assert_eq!(version["serverVersion"]["gitVersion"], "v1.36.3");

    cluster
        .kubectl(&["create", "namespace", "demo"])
        .await?
        .ok()?;
    let account = ["--namespace=demo", "create", "serviceaccount", "app"];
    cluster.kubectl(&account).await?.ok()?;

    // A token from TokenRequest is somebody else, with no rights of its own.
    let token = cluster
        .kubectl(&["--namespace=demo", "create", "token", "app"])
        .await?
        .ok()?;
    let kubeconfig = cluster.kubeconfig_with_token("app", token.trim())?;
    let app = cluster.kubectl_as(&kubeconfig);
    let whoami = app.run(&["auth", "whoami", "-o=json"]).await?.ok()?;
    let whoami: Value = serde_json::from_str(&whoami)?;
    assert_eq!(
        whoami["status"]["userInfo"]["username"],
        "system:serviceaccount:demo:app"
    );
    let refused = app.run(&["get", "secrets", "--namespace=demo"]).await?;
    assert!(refused.stderr.contains("Forbidden"), "{refused:?}");

    // Garbage collection: the dependent goes after its owner.
    let manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: owner, namespace: demo}\n";
    let apply = cluster
        .kubectl_as(cluster.kubeconfig_admin())
        .stdin(manifest);
    let owner = apply
        .run(&["apply", "--filename=-", "-o=jsonpath={.metadata.uid}"])
        .await?
        .ok()?;
    let dependent = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "name": "dependent", "namespace": "demo", "ownerReferences": [
            {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner},
        ],
    }});
    let dependent = cluster
        .kubectl_as(cluster.kubeconfig_admin())
        .stdin(dependent.to_string());
    dependent.run(&["apply", "--filename=-"]).await?.ok()?;
    cluster
        .kubectl(&["--namespace=demo", "delete", "configmap", "owner"])
        .await?
        .ok()?;
    eventually("garbage collection", || async {
        let get = [
            "--namespace=demo",
            "get",
            "configmap",
            "dependent",
            "--ignore-not-found",
        ];
        match cluster.kubectl(&get).await?.ok()?.as_str() {
            "" => Ok(()),
            left => bail!("still there: {left}"),
        }
    })
    .await?;

    // kubectl waits for the namespace controller to finish.
    cluster
        .kubectl(&["delete", "namespace", "demo"])
        .await?
        .ok()?;

    cluster.apiserver.process.kill().await?;
    cluster.apiserver.start_again().await?;
    let namespaces = cluster
        .kubectl(&["get", "namespaces", "-o=name"])
        .await?
        .ok()?;
    assert!(namespaces.contains("namespace/default"), "{namespaces}");
    assert!(!namespaces.contains("demo"), "{namespaces}");
    Ok(())
}

#[tokio::test]
async fn vault_issues_and_revokes_a_key_that_moto_believes_in() -> Result<()> {
    let binaries = Binaries::locate()?;
    let (moto, vault) = tokio::join!(Moto::start(&binaries), Vault::start_dev(&binaries));
    let (moto, vault) = (moto?, vault?);

    let version = vault.cli(&["version"]).await?.ok()?;
    assert!(version.starts_with("Vault v1.21.0"), "{version}");

    let root = moto.bootstrap_root().await?;
    let aws = moto.aws(root.clone())?;
    assert_eq!(aws.list_users().await?, ["vault-root"]);

    let wrong = AwsKey {
        secret_key: "wrong".into(),
        ..root.clone()
    };
    let wrong = moto.aws(wrong)?.list_users().await.unwrap_err();
    assert_eq!(wrong.code, "SignatureDoesNotMatch", "{wrong}");

    vault.cli(&["secrets", "enable", "aws"]).await?.ok()?;
    let config = json!({
        "access_key": root.access_key,
        "secret_key": root.secret_key,
        "iam_endpoint": moto.url,
        "sts_endpoint": moto.url,
        "region": "us-east-1",
    });
    vault.write("aws/config/root", &config).await?;
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "ec2:DescribeInstances", "Resource": "*"},
    ]});
    let role = json!({"credential_type": "iam_user", "policy_document": policy.to_string()});
    vault.write("aws/roles/demo", &role).await?;

    let issued = vault
        .cli(&["read", "-format=json", "aws/creds/demo"])
        .await?
        .ok()?;
    let issued: Value = serde_json::from_str(&issued)?;
    let field = |name: &str| {
        issued["data"][name]
            .as_str()
            .map(str::to_owned)
            .context("no key")
    };
    let key = AwsKey {
        access_key: field("access_key")?,
        secret_key: field("secret_key")?,
        session_token: None,
    };

    // The key works, and for what its policy says only.
    let holder = moto.aws(key)?;
    let arn = holder.caller_arn().await?;
    assert!(arn.contains(":user/vault-"), "{arn}");
    holder.call("ec2", "DescribeInstances", &[]).await?;
    let denied = holder.list_users().await.unwrap_err();
    assert!(denied.is_denied(), "{denied}");
    assert_eq!(aws.list_users().await?.len(), 2);

    let lease = issued["lease_id"].as_str().context("no lease")?;
    assert_eq!(
        vault.list("sys/leases/lookup/aws/creds/demo").await?.len(),
        1
    );
    vault
        .cli(&["lease", "revoke", "-sync", lease])
        .await?
        .ok()?;
    assert_eq!(
        vault.list("sys/leases/lookup/aws/creds/demo").await?,
        [""; 0]
    );

    let dead = holder.caller_arn().await.unwrap_err();
    assert!(dead.is_dead_key(), "{dead}");
    let dead = holder
        .call("ec2", "DescribeInstances", &[])
        .await
        .unwrap_err();
    assert!(dead.is_dead_key(), "{dead}");
    assert_eq!(aws.list_users().await?, ["vault-root"]);
    Ok(())
}

#[tokio::test]
async fn a_real_vault_keeps_its_data_through_seal_and_restart() -> Result<()> {
    let binaries = Binaries::locate()?;
    for storage in [Storage::File, Storage::Raft] {
        let certificate = tls::Authority::new()?.issue(&["127.0.0.1", "localhost"])?;
        let options = VaultOptions {
            storage,
            tls: Some(certificate),
            audit: true,
        };
        let mut vault = Vault::start_server(&binaries, &options).await?;
        assert!(vault.address.starts_with("https://"));

        vault
            .cli(&["secrets", "enable", "-path=kept", "kv"])
            .await?
            .ok()?;
        vault
            .cli(&["kv", "put", "kept/it", "is=here"])
            .await?
            .ok()?;

        vault.seal().await?;
        assert!(vault.is_sealed().await?);
        let sealed = vault.cli(&["kv", "get", "kept/it"]).await?;
        assert!(sealed.stderr.contains("sealed"), "{sealed:?}");
        vault.unseal().await?;
        assert_eq!(vault.read("kept/it").await?["data"]["is"], "here");

        vault.stop().await?;
        vault.start_again().await?;
        assert!(vault.is_sealed().await?);
        vault.unseal().await?;
        assert_eq!(vault.read("kept/it").await?["data"]["is"], "here");

        let reads = vault.audited_requests()?;
        let is_read = |entry: &&Value| {
            entry["request"]["path"] == "kept/it" && entry["request"]["operation"] == "read"
        };
        // The refused one while sealed never got as far as the audit.
        assert_eq!(reads.iter().filter(is_read).count(), 2, "{storage:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_paused_server_is_silent_until_resumed() -> Result<()> {
    let mut vault = Vault::start_dev(&Binaries::locate()?).await?;
    let client = http::client(None)?;
    let url = format!("{}/v1/sys/health", vault.address);
    vault.process.pause()?;
    let silent = client
        .get(&url)
        .timeout(std::time::Duration::from_millis(300))
        .send()
        .await;
    assert!(silent.is_err_and(|error| error.is_timeout()));
    vault.process.resume()?;
    client.get(&url).send().await?.error_for_status()?;

    vault.process.kill().await?;
    assert!(vault.process.exited().is_some());
    vault.start_again().await?;
    assert!(!vault.is_sealed().await?);
    Ok(())
}

#[tokio::test]
async fn a_server_that_cannot_start_shows_its_log() -> Result<()> {
    use e2e::servers::{Stand, process::Spec};

    let stand = Stand::new("broken")?;
    let spec = Spec::new(
        "vault",
        &Binaries::locate()?.program("vault"),
        &stand.path(""),
    );
    let mut process = Process::spawn(spec.args(["server", "-config=/nowhere.json"]))?;
    let error = process
        .ready(|| async { bail!("not yet") })
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("vault ended early"), "{error}");
    assert!(error.contains("/nowhere.json"), "{error}");
    Ok(())
}
