//! Another cluster at the same Vault and AWS.

use anyhow::Result;
use async_trait::async_trait;
use kube::Client;
use reqwest::Method;
use serde_json::Value;

use crate::real;
use crate::servers::{Aws, AwsKey, Stand as Folder, StandIn};
use crate::stand::{ControlPlane, Operator, OwnStand, Server, Stand, Start};

/// A control plane of its own, of the other stand's kind; the Vault and the AWS are that one's.
pub struct Neighbour<'a, S> {
    plane: ControlPlane,
    folder: Folder,
    beside: &'a S,
}

impl<S> std::fmt::Debug for Neighbour<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Neighbour").finish_non_exhaustive()
    }
}

impl<'a, S: OwnStand> Neighbour<'a, S> {
    /// Starts the control plane.
    pub async fn start(beside: &'a S) -> Result<Self> {
        Ok(Self {
            plane: S::control_plane().await?,
            folder: Folder::new("operator")?,
            beside,
        })
    }
}

#[async_trait]
impl<S: Stand> Stand for Neighbour<'_, S> {
    fn kube(&self) -> Client {
        self.plane.client.clone()
    }

    fn kube_server(&self) -> Server {
        self.plane.server.clone()
    }

    fn vault_server(&self) -> Server {
        self.beside.vault_server()
    }

    async fn vault(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, Value)> {
        self.beside.vault(method, path, body).await
    }

    fn vault_requests(&self) -> Result<Vec<(String, String)>> {
        self.beside.vault_requests()
    }

    async fn seal(&self) -> Result<()> {
        self.beside.seal().await
    }

    async fn unseal(&self) -> Result<()> {
        self.beside.unseal().await
    }

    fn aws_address(&self) -> String {
        self.beside.aws_address()
    }

    fn aws_root(&self) -> AwsKey {
        self.beside.aws_root()
    }

    fn aws(&self, key: AwsKey) -> Result<Aws> {
        self.beside.aws(key)
    }

    fn stand_in(&self) -> Result<&StandIn> {
        self.beside.stand_in()
    }

    async fn start_operator(&self, how: Start<'_>) -> Result<Box<dyn Operator>> {
        real::run_operator(&self.folder, &self.plane.client, &self.kube_server(), how).await
    }
}
