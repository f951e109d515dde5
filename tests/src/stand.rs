//! What a scenario needs of the servers it runs on: it speaks API only, so that it runs unchanged
//! on real servers and on in-process ones.

use anyhow::{Result, bail};
use async_trait::async_trait;
use kube::Client;
use reqwest::Method;
use serde_json::Value;

use crate::servers::{Aws, AwsKey};

/// A Kubernetes, a Vault and an AWS, and operators to run on them.
#[async_trait]
pub trait Stand: Send + Sync {
    /// The API server, as a cluster administrator.
    fn kube(&self) -> Client;

    /// Address of the Vault.
    fn vault_address(&self) -> String;

    /// A call to Vault as its root: status and body.
    async fn vault(&self, method: Method, path: &str, body: Option<&Value>)
    -> Result<(u16, Value)>;

    /// Seals the Vault.
    async fn seal(&self) -> Result<()>;

    /// Unseals it.
    async fn unseal(&self) -> Result<()>;

    /// Address of the AWS that Vault calls.
    fn aws_address(&self) -> String;

    /// The AWS credentials Vault shall use.
    fn aws_root(&self) -> AwsKey;

    /// AWS, with a key.
    fn aws(&self, key: AwsKey) -> Result<Aws>;

    /// Starts an operator as the ServiceAccount it is deployed with, with these flags.
    async fn operator(&self, flags: &[&str]) -> Result<Box<dyn Operator>>;
}

/// An operator under test. It ends when dropped.
#[async_trait]
pub trait Operator: Send {
    /// Ends it as Kubernetes does: told to, then waited for. That it had to be killed is an error.
    async fn stop(&mut self) -> Result<()>;

    /// Ends it at once.
    async fn kill(&mut self) -> Result<()>;

    /// Freezes it (SIGSTOP).
    fn pause(&mut self) -> Result<()> {
        bail!("this operator cannot be frozen")
    }

    /// Lets it go on.
    fn resume(&mut self) -> Result<()> {
        bail!("this operator cannot be frozen")
    }

    /// What it logged last.
    fn log(&self) -> String;
}
