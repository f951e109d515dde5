//! AppBinding: where a Vault is and how to log in. Only read, never written, by the operator.

use k8s_openapi::ByteString;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{VaultServerConfiguration, is_false};

/// Where an application outside or inside the cluster is, and how to reach it.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq, KubeSchema)]
#[kube(
    group = "appcatalog.appscode.com",
    version = "v1alpha1",
    kind = "AppBinding",
    plural = "appbindings",
    singular = "appbinding",
    namespaced,
    doc = "AppBinding says where a Vault is and how to log in to it. The operator only reads it; what is wrong with it is said on each object that needs it.",
    derive = "PartialEq",
    label("app.kubernetes.io/part-of", "leasehold"),
    category = "catalog",
    category = "appscode",
    category = "vault",
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
// KubeVault's AppBinding serves other operators too: what we do not know is kept, not pruned.
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct AppBindingSpec {
    /// How to reach the Vault.
    pub client_config: ClientConfig,
    /// The Secret (same namespace) with the login: its type says which method it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretRef>,
    /// A VaultServerConfiguration: the login method and its role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "parameters_schema")]
    pub parameters: Option<Value>,
}

/// How to reach a Vault.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct ClientConfig {
    /// Address of the Vault; wins over `service`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// A Service of the AppBinding's namespace in front of the Vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceReference>,
    /// PEM of the certificate authorities to trust, and no others (base64 in YAML).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "ca_bundle_schema")]
    pub ca_bundle: Option<ByteString>,
    /// Trust any certificate. For trying out only.
    #[serde(
        default,
        rename = "insecureSkipTLSVerify",
        skip_serializing_if = "is_false"
    )]
    pub insecure_skip_tls_verify: bool,
    /// The name to expect in the certificate, if it is not the host of the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
}

/// A Service in front of the Vault.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct ServiceReference {
    /// `http` or `https`, in either case; https when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// Name of the Service.
    pub name: String,
    /// Port of the Service.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// Path in front of `/v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Query appended to the address (kept for KubeVault's manifests; Vault knows none).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
}

/// A Secret in the AppBinding's namespace.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct SecretRef {
    /// Name of the Secret.
    pub name: String,
}

impl AppBindingSpec {
    /// The parameters as a VaultServerConfiguration; the default one when there are none.
    ///
    /// # Errors
    /// Serde's words, when a known key holds a value of the wrong type.
    pub fn configuration(&self) -> Result<VaultServerConfiguration, serde_json::Error> {
        self.parameters.clone().map_or_else(
            || Ok(VaultServerConfiguration::default()),
            serde_json::from_value,
        )
    }
}

// An embedded resource (the API server asks for apiVersion and kind), as KubeVault's CRD has it.
fn parameters_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "nullable": true,
        "description": "A VaultServerConfiguration (config.kubevault.com/v1alpha1): the login method and its role. Unknown keys are kept and ignored.",
        "x-kubernetes-embedded-resource": true,
        "x-kubernetes-preserve-unknown-fields": true
    })
}

fn ca_bundle_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "string",
        "format": "byte",
        "nullable": true,
        "description": "PEM of the certificate authorities to trust, and no others (base64 in YAML)."
    })
}
