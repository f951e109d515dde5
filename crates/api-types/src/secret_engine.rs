//! SecretEngine: mounts and configures Vault's AWS secrets engine.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Condition, DURATION_PATTERN, PATH_MESSAGE, PATH_RULE, Phase, VaultRef, is_false};

/// What to mount and how to configure it.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[kube(
    group = "engine.kubevault.com",
    version = "v1alpha1",
    kind = "SecretEngine",
    plural = "secretengines",
    singular = "secretengine",
    namespaced,
    doc = "SecretEngine mounts Vault's AWS secrets engine and keeps its configuration as the spec says.",
    status = "SecretEngineStatus",
    derive = "PartialEq",
    label("app.kubernetes.io/part-of", "leasehold"),
    category = "vault",
    category = "appscode",
    printcolumn(name = "Status", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Path", type_ = "string", json_path = ".spec.path"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.spec.path == oldSelf.spec.path && self.spec.vaultRef.name == oldSelf.spec.vaultRef.name").message("spec.path and spec.vaultRef say which mount this is and cannot change: create another SecretEngine for the new place, move the roles, then delete this one").reason(Reason::FieldValueForbidden).field_path(".spec"),
)]
#[serde(rename_all = "camelCase")]
pub struct SecretEngineSpec {
    /// The AppBinding (same namespace) of the Vault.
    pub vault_ref: VaultRef,
    /// Where to mount the engine.
    #[serde(default = "default_path")]
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = Rule::new(PATH_RULE).message(PATH_MESSAGE))]
    pub path: String,
    /// The AWS secrets engine's configuration.
    pub aws: AwsConfiguration,
    /// Configure an `aws` mount that somebody else made. An adopted mount is never unmounted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub adopt: bool,
    /// What happens to the mount when this object is deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// `config/root` and `config/lease` of the AWS secrets engine.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsConfiguration {
    /// Secret (same namespace) with `access_key` and `secret_key`: Vault's own AWS credentials.
    #[schemars(length(min = 1, max = 253))]
    pub credential_secret: String,
    /// AWS region of Vault's calls.
    #[schemars(length(min = 1, max = 64))]
    pub region: String,
    /// IAM endpoint, if not AWS's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iam_endpoint: Option<String>,
    /// STS endpoint, if not AWS's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sts_endpoint: Option<String>,
    /// How often Vault retries an AWS call; -1 is the AWS SDK's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1, max = 100))]
    pub max_retries: Option<i64>,
    /// How long iam_user keys live; absent, the mount's own (768 h unless tuned).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_config: Option<LeaseConfig>,
}

/// `config/lease`: the life of iam_user keys.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeaseConfig {
    /// Life of a key, renewals aside. A Go duration.
    #[schemars(length(max = 32), regex(pattern = DURATION_PATTERN))]
    pub lease: String,
    /// Life of a key, renewals included. A Go duration.
    #[schemars(length(max = 32), regex(pattern = DURATION_PATTERN))]
    pub lease_max: String,
}

/// What happens to the mount when the SecretEngine is deleted.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum DeletionPolicy {
    /// Unmount it, which ends every key issued from it.
    #[default]
    Delete,
    /// Leave it as it is.
    Retain,
}

/// What the operator saw and did.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretEngineStatus {
    /// In one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// The generation of the spec that `phase` and `conditions` speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// In detail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The root Secret last written to Vault, which never gives it back to compare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_secret: Option<RootSecretVersion>,
    /// Vault's accessor of the mount made for this object: by it the mount is known again when
    /// somebody changed its description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub mount_accessor: Option<String>,
}

/// Which version of the root Secret Vault has.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RootSecretVersion {
    /// `metadata.uid` of the Secret.
    #[schemars(length(max = 64))]
    pub uid: String,
    /// `metadata.resourceVersion` of the Secret.
    #[schemars(length(max = 64))]
    pub resource_version: String,
}

fn default_path() -> String {
    "aws".into()
}
