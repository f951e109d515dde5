//! The service account's own token, shown to Vault's Kubernetes auth method.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use vaultrs::api::auth::kubernetes::requests::LoginWithKubernetesRequest;

use super::{Login, LoginToken, RawVault};
use crate::Redacted;
use crate::error::{ErrorKind, Result, VaultError};

/// Where a service account token comes from: asked for at each login, since they are short-lived.
#[async_trait]
pub trait JwtSource: Send + Sync {
    /// A token.
    async fn jwt(&self) -> Result<Redacted>;
}

/// Logs in with a service account token.
#[derive(Clone)]
pub struct KubernetesLogin {
    /// Path of the auth method, without `auth/`; `kubernetes` by default.
    pub mount_path: String,
    /// Role of the auth method.
    pub role: String,
    /// Source of the token.
    pub jwt: Arc<dyn JwtSource>,
}

impl KubernetesLogin {
    /// A login at `auth/kubernetes`.
    pub fn new(role: impl Into<String>, jwt: Arc<dyn JwtSource>) -> Self {
        Self {
            mount_path: "kubernetes".to_owned(),
            role: role.into(),
            jwt,
        }
    }
}

impl fmt::Debug for KubernetesLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KubernetesLogin")
            .field("mount_path", &self.mount_path)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Login for KubernetesLogin {
    async fn login(&self, raw: &RawVault) -> Result<LoginToken> {
        let mount = self.mount_path.trim_matches('/');
        let mount = mount.strip_prefix("auth/").unwrap_or(mount);
        if self.role.is_empty() {
            return Err(VaultError::new(
                ErrorKind::Login,
                "login",
                format!("auth/{mount}/login"),
                "no role of the auth method is given",
            ));
        }
        let jwt = self.jwt.jwt().await?;
        let endpoint = LoginWithKubernetesRequest {
            mount: mount.to_owned(),
            role: self.role.clone(),
            jwt: jwt.expose().to_owned(),
        };
        raw.log_in_with(&endpoint, &[jwt]).await
    }
}
