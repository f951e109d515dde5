//! VaultServerConfiguration: what stands in an AppBinding's `parameters`. It has no CRD of its own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How to log in to the Vault of an AppBinding. Unknown keys are ignored.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VaultServerConfiguration {
    /// Where the auth method is mounted; by default its own name (`kubernetes`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The role to log in as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_role: Option<String>,
    /// Log in as a Kubernetes ServiceAccount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<KubernetesAuth>,
    /// Vault Enterprise or OpenBao namespace, sent as `X-Vault-Namespace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// A token role that mints the keeper tokens, where the login itself may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_role: Option<String>,
}

/// Login of a Kubernetes ServiceAccount.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubernetesAuth {
    /// The ServiceAccount (AppBinding's namespace) to log in as, through a TokenRequest.
    #[serde(default)]
    pub service_account_name: String,
}
