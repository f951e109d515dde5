//! ServiceAccount tokens for Vault's kubernetes login.

use async_trait::async_trait;
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{Api, Client, api::PostParams};
use leasehold_vault_client::{ErrorKind, Redacted, Result, VaultError, login::JwtSource};

use crate::failures;

/// Vault only needs it for the login itself.
const SECONDS: i64 = 600;

/// A fresh token of a ServiceAccount for each login, from the API server's TokenRequest.
pub(super) struct TokenRequestJwt {
    api: Api<ServiceAccount>,
    path: String,
    account: String,
}

impl TokenRequestJwt {
    pub(super) fn new(client: Client, namespace: &str, account: &str) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            path: format!("ServiceAccount {namespace}/{account}"),
            account: account.to_owned(),
        }
    }
}

#[async_trait]
impl JwtSource for TokenRequestJwt {
    async fn jwt(&self) -> Result<Redacted> {
        let request = TokenRequest {
            spec: TokenRequestSpec {
                expiration_seconds: Some(SECONDS),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let answer = self
            .api
            .create_token_request(&self.account, &PostParams::default(), &request)
            .await
            .map_err(|e| {
                let why = failures::kubernetes(&e).message;
                VaultError::new(ErrorKind::Login, "login", &self.path, why)
            })?;
        answer
            .status
            .map(|s| Redacted::new(s.token))
            .ok_or_else(|| {
                VaultError::new(
                    ErrorKind::Login,
                    "login",
                    &self.path,
                    "the API server gave no token",
                )
            })
    }
}

/// The token of a service-account-token Secret.
pub(super) struct FixedJwt(pub(super) Redacted);

#[async_trait]
impl JwtSource for FixedJwt {
    async fn jwt(&self) -> Result<Redacted> {
        Ok(self.0.clone())
    }
}
