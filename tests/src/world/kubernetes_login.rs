//! Vault's kubernetes auth method, asking the real API server who a token belongs to.

use anyhow::{Context, Result};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};

use super::World;
use crate::manifests;
use crate::stand::{OwnStand, Wants};

/// The role of the seed's AppBinding.
pub const ROLE: &str = "vault-policy-controller";
/// The name in the certificate, and in the seed's AppBinding: Service `vault` of namespace `demo`.
pub const HOST: &str = "vault.demo.svc";

impl<S: OwnStand> World<S> {
    /// A stand whose Vault speaks TLS under the name of the seed's Service.
    pub async fn with_tls() -> Result<Self> {
        let wants = Wants {
            tls: Some(HOST),
            ..Wants::default()
        };
        Self::prepare(S::start_with(wants).await?).await
    }

    /// Sets Vault's kubernetes login up for the seed's ServiceAccount `vault`.
    pub async fn kubernetes_login(&self) -> Result<()> {
        let account = |name: &str| {
            json!({"apiVersion": "v1", "kind": "ServiceAccount",
                "metadata": {"name": name, "namespace": "demo"}})
        };
        let reviewer = "vault-k8s-token-reviewer";
        let delegator = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": reviewer},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                "name": "system:auth-delegator"},
            "subjects": [{"kind": "ServiceAccount", "name": reviewer, "namespace": "demo"}],
        });
        self.apply(&[account("vault"), account(reviewer), delegator])
            .await?;
        let jwt = self.token_of(reviewer).await?;
        self.vault_write("sys/auth/kubernetes", &json!({"type": "kubernetes"}))
            .await?;
        let server = self.stand.kube_server();
        self.vault_write(
            "auth/kubernetes/config",
            &json!({
                "kubernetes_host": server.url,
                "kubernetes_ca_cert": server.ca_pem,
                "token_reviewer_jwt": jwt,
            }),
        )
        .await?;
        self.bind_login("vault").await
    }

    /// Which ServiceAccount of `demo` the seed's role lets in.
    pub async fn bind_login(&self, account: &str) -> Result<()> {
        self.vault_write(
            &format!("auth/kubernetes/role/{ROLE}"),
            &json!({
                "bound_service_account_names": [account],
                "bound_service_account_namespaces": ["demo"],
                "token_policies": ["leasehold", "leasehold-keeper"],
                "token_period": "1h",
            }),
        )
        .await?;
        Ok(())
    }

    /// The authority of Vault's certificate.
    pub fn vault_authority(&self) -> String {
        self.stand.vault_server().ca_pem.unwrap_or_default()
    }

    /// The seed's AppBinding, with that certificate authority.
    pub fn seed_binding(&self, ca_pem: &str) -> Result<Value> {
        let bundle = super::base64(ca_pem.as_bytes());
        manifests::seed(
            "000-appbinding.yaml",
            &[("/spec/clientConfig/caBundle", bundle.into())],
        )
    }

    /// The flag by which the operator finds the seed's Service where no cluster DNS is.
    pub fn resolve(&self) -> Result<String> {
        let address = self.stand.vault_address();
        let at = address.split_once("://").context("a URL")?.1;
        Ok(format!("--resolve={HOST}={at}"))
    }

    async fn token_of(&self, account: &str) -> Result<String> {
        let api: Api<ServiceAccount> = Api::namespaced(self.stand.kube(), "demo");
        let spec = TokenRequestSpec {
            expiration_seconds: Some(4 * 3600),
            ..TokenRequestSpec::default()
        };
        let request = TokenRequest {
            spec,
            ..TokenRequest::default()
        };
        let answer = api
            .create_token_request(account, &PostParams::default(), &request)
            .await?;
        Ok(answer.status.context("a token")?.token)
    }
}
