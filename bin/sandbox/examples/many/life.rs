//! Many keys in one process: servers and operator, from the requests to the end of the last key.

use std::time::{Duration, Instant};

use anyhow::ensure;
use leasehold_sandbox::aws::Aws;
use leasehold_sandbox::{Config, Sandbox};
use leasehold_sandbox_bin::operator::Work;
use leasehold_sandbox_bin::prepare::{self, DEMO, apply};
use serde_json::{Value, json};

const GROUP: &str = "engine.kubevault.com";
const ENGINE: &str = include_str!("../../../../examples/seeds/000-secretengine.yaml");
const ROLE: &str = include_str!("../../../../examples/seeds/000-awsrole.yaml");
/// Objects in Kubernetes: the request, its Secret, and who may read that; its key's lease and its
/// keeper token's; a user at AWS.
const EACH: usize = 7;
/// Between two looks at what has become of them.
const PAUSE: Duration = Duration::from_millis(5);

/// What became of so many requests.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Life {
    /// Until the servers were up.
    pub(crate) up_seconds: f64,
    /// From the first request made until all had their keys.
    pub(crate) issue_seconds: f64,
    /// From then on until the last was gone.
    pub(crate) end_seconds: f64,
    /// IAM users made, ever.
    pub(crate) users_made: u64,
    /// Keys, leases and objects that are left.
    pub(crate) left: usize,
}

/// Makes and approves so many requests, waits until all have keys, deletes them, and waits until
/// nothing is left of them.
pub(crate) async fn live(count: usize) -> anyhow::Result<Life> {
    let start = Instant::now();
    let many = Many::start(count).await?;
    let up_seconds = start.elapsed().as_secs_f64();
    let work = many.prepare().await?;
    let before = many.held();

    let start = Instant::now();
    for n in 0..count {
        many.make(n)?;
        tokio::task::yield_now().await;
    }
    for n in 0..count {
        many.phase(&format!("awsaccesskeyrequests/{}", name(n)), "Issued")
            .await;
    }
    let issue_seconds = start.elapsed().as_secs_f64();
    ensure!(
        many.held() - before == count * EACH,
        "not all is there that {count} requests have: {} of {EACH} each",
        many.held() - before
    );

    let start = Instant::now();
    for n in 0..count {
        many.delete(n)?;
        tokio::task::yield_now().await;
    }
    while many.held() > before {
        tokio::time::sleep(PAUSE).await;
    }
    let life = Life {
        up_seconds,
        issue_seconds,
        end_seconds: start.elapsed().as_secs_f64(),
        users_made: many.users_made(),
        left: many.held() - before,
    };
    work.stop().await;
    many.sandbox.stop().await;
    Ok(life)
}

fn name(n: usize) -> String {
    format!("request-{n:05}")
}

struct Many {
    sandbox: Sandbox,
}

impl Many {
    async fn start(count: usize) -> anyhow::Result<Self> {
        let mut config = Config {
            kube_tls: true,
            ..Config::default()
        };
        // A key each, and Vault's own: more than an account has by itself.
        config.aws.max_users += count;
        let sandbox = Sandbox::start(config).await?;
        Ok(Self { sandbox })
    }

    /// Definitions, rights, an operator, an engine and a role.
    async fn prepare(&self) -> anyhow::Result<Work> {
        prepare::all(&self.sandbox)?;
        let work = Work::start(&self.sandbox).await?;
        for (manifest, object) in [
            (ENGINE, "secretengines/aws-secret-engine"),
            (ROLE, "awsroles/aws-role"),
        ] {
            apply(&self.sandbox, &serde_saphyr::from_str(manifest)?)?;
            self.phase(object, "Success").await;
        }
        Ok(work)
    }

    /// A request, and its approval as `kubectl vault approve` writes it.
    fn make(&self, n: usize) -> anyhow::Result<()> {
        let account = json!({"kind": "ServiceAccount", "name": "app", "namespace": DEMO});
        let mut request = json!({
            "apiVersion": format!("{GROUP}/v1alpha1"), "kind": "AWSAccessKeyRequest",
            "metadata": {"name": name(n)},
            "spec": {"roleRef": {"name": "aws-role", "namespace": DEMO}, "subjects": [account]},
        });
        self.ask("POST", "awsaccesskeyrequests", Some(&request))?;
        let now = self.sandbox.clock().now().strftime("%Y-%m-%dT%H:%M:%SZ");
        request["status"]["conditions"] = json!([{
            "type": "Approved", "status": "True", "reason": "KubectlApprove", "message": "approved",
            "lastTransitionTime": now.to_string(),
        }]);
        let path = format!(
            "awsaccesskeyrequests/{}/status?fieldManager=a-person&force=true",
            name(n)
        );
        self.ask("PATCH", &path, Some(&request))
    }

    fn delete(&self, n: usize) -> anyhow::Result<()> {
        self.ask("DELETE", &format!("awsaccesskeyrequests/{}", name(n)), None)
    }

    fn ask(&self, method: &str, object: &str, body: Option<&Value>) -> anyhow::Result<()> {
        let path = format!("/apis/{GROUP}/v1alpha1/namespaces/{DEMO}/{object}");
        let (status, answer) = self.sandbox.ask_kube(method, &path, body);
        let message = &answer["message"];
        ensure!(status < 300, "{method} {object}: {status} {message}");
        Ok(())
    }

    /// Waits until an object is in a phase.
    async fn phase(&self, object: &str, wanted: &str) {
        let path = format!("/apis/{GROUP}/v1alpha1/namespaces/{DEMO}/{object}");
        loop {
            let (_, answer) = self.sandbox.ask_kube("GET", &path, None);
            if answer["status"]["phase"] == wanted {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// All that requests bring into being and that is to go with them: [`EACH`].
    fn held(&self) -> usize {
        let rbac = "rbac.authorization.k8s.io";
        let objects = [
            (GROUP, "awsaccesskeyrequests"),
            ("", "secrets"),
            (rbac, "roles"),
            (rbac, "rolebindings"),
        ];
        let objects = self.sandbox.with_kube(|kube| {
            let counts = objects.map(|(group, plural)| kube.count(group, plural));
            counts.iter().sum::<usize>()
        });
        let leases = self.sandbox.with_vault(|vault| vault.lease_count());
        objects + leases + self.sandbox.with_aws(|aws| aws.user_count())
    }

    fn users_made(&self) -> u64 {
        let count = |aws: &mut Aws| aws.counts().get("CreateUser").copied();
        let count = self.sandbox.with_aws(count).unwrap_or_default();
        count.calls - count.errors
    }
}
