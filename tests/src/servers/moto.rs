//! moto, the stand-in for AWS.

use anyhow::{Context, Result};

use super::aws::{Aws, AwsKey, values};
use super::ports::{Port, Tries};
use super::process::{Process, Spec};
use super::{Binaries, Stand, http};

/// What differs from one moto to the next.
#[derive(Debug, Clone, Copy, Default)]
pub struct MotoOptions {
    /// How many calls are let through before moto checks signatures and
    /// policies as AWS does. `None`: all of them, until
    /// [`Moto::bootstrap_root`].
    pub initial_no_auth_action_count: Option<u32>,
}

/// IAM, STS and EC2 on one port, all in memory.
///
/// Once it enforces IAM it takes nothing on trust: an unknown key gets
/// `InvalidClientTokenId`, a wrong signature `SignatureDoesNotMatch`, a key
/// without the policy `AccessDenied`.
#[derive(Debug)]
pub struct Moto {
    /// The server.
    pub process: Process,
    /// The endpoint of all services.
    pub url: String,
    client: reqwest::Client,
    _port: Port,
    _stand: Stand,
}

/// May do whatever Vault's AWS engine needs, and create nothing else.
const ROOT_POLICY: &str = r#"{
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["iam:*", "sts:*"], "Resource": "*"}]
}"#;

impl Moto {
    /// Starts moto without enforcement.
    pub async fn start(binaries: &Binaries) -> Result<Self> {
        Self::start_with(binaries, MotoOptions::default()).await
    }

    /// Starts a moto that differs from the usual one.
    pub async fn start_with(binaries: &Binaries, options: MotoOptions) -> Result<Self> {
        let mut tries = Tries::default();
        loop {
            match Self::start_once(binaries, options).await {
                Err(error) if tries.again(&error) => {}
                result => return result.context("moto"),
            }
        }
    }

    async fn start_once(binaries: &Binaries, options: MotoOptions) -> Result<Self> {
        let port = Port::reserve()?;
        let stand = Stand::new("moto")?;
        let mut spec = Spec::new("moto", &binaries.program("moto_server"), &stand.path("")).args([
            "-H",
            "127.0.0.1",
            "-p",
            &port.number().to_string(),
        ]);
        if let Some(count) = options.initial_no_auth_action_count {
            spec = spec.env("INITIAL_NO_AUTH_ACTION_COUNT", count.to_string());
        }
        let mut moto = Self {
            process: Process::spawn(spec)?,
            url: format!("http://{}", port.address()),
            client: http::client(None)?,
            _port: port,
            _stand: stand,
        };
        moto.ready().await?;
        Ok(moto)
    }

    /// Waits until moto answers.
    pub async fn ready(&mut self) -> Result<()> {
        let Self {
            process,
            client,
            url,
            ..
        } = self;
        process
            .ready(|| async {
                client
                    .get(format!("{url}/moto-api/"))
                    .send()
                    .await?
                    .error_for_status()?;
                Ok(())
            })
            .await
    }

    /// Starts the stopped moto again on the same port. It has forgotten all.
    pub async fn start_again(&mut self) -> Result<()> {
        self.process.start_again()?;
        self.ready().await
    }

    /// Makes the key that Vault is configured with and, from then on, has moto
    /// check every call. Works once: later calls would be checked themselves.
    pub async fn bootstrap_root(&self) -> Result<AwsKey> {
        let nobody = AwsKey {
            access_key: "AKIANOBODY".into(),
            secret_key: "nothing".into(),
            session_token: None,
        };
        let aws = self.aws(nobody)?;
        let user = [("UserName", "vault-root")];
        let policy = [
            user[0],
            ("PolicyName", "root"),
            ("PolicyDocument", ROOT_POLICY),
        ];
        aws.call("iam", "CreateUser", &user).await?;
        aws.call("iam", "PutUserPolicy", &policy).await?;
        let xml = aws.call("iam", "CreateAccessKey", &user).await?;
        self.enforce_after(0).await?;
        let field = |tag| {
            values(&xml, tag)
                .into_iter()
                .next()
                .with_context(|| format!("no {tag}"))
        };
        Ok(AwsKey {
            access_key: field("AccessKeyId")?,
            secret_key: field("SecretAccessKey")?,
            session_token: None,
        })
    }

    /// Lets `calls` more calls through before they are checked.
    pub async fn enforce_after(&self, calls: u32) -> Result<()> {
        self.client
            .post(format!("{}/moto-api/reset-auth", self.url))
            .body(calls.to_string())
            .send()
            .await?
            .error_for_status()
            .context("turn enforcement on")?;
        Ok(())
    }

    /// AWS as the holder of a key sees it.
    pub fn aws(&self, key: AwsKey) -> Result<Aws> {
        Aws::new(&self.url, key)
    }
}
