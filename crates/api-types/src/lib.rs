#![doc = include_str!("../README.md")]
#![allow(
    unreachable_pub,
    reason = "false alarm: the KubeSchema derive repeats each struct in a block"
)]

pub mod app_binding;
pub mod aws_access_key_request;
pub mod aws_role;
pub mod condition;
pub mod crds;
pub mod secret_engine;
pub mod vault_server_configuration;

pub use app_binding::{AppBinding, AppBindingSpec};
pub use aws_access_key_request::{
    AWSAccessKeyRequest, AwsAccessKeyRequestSpec, AwsAccessKeyRequestStatus, RequestPhase,
};
pub use aws_role::{AWSRole, AllowedNamespaces, AwsRoleSpec, AwsRoleStatus, CredentialType};
pub use condition::Condition;
pub use secret_engine::{SecretEngine, SecretEngineSpec, SecretEngineStatus};
pub use vault_server_configuration::VaultServerConfiguration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The one finalizer of all kinds (KubeVault's own since 2021).
pub const FINALIZER: &str = "kubevault.com";

/// Finalizers of KubeVault before 2021: taken off with ours, since nobody else is left to do it.
pub const LEGACY_FINALIZERS: [&str; 3] = [
    "secretengine.engine.kubevault.com",
    "awsrole.engine.kubevault.com",
    "awsaccesskeyrequest.engine.kubevault.com",
];

/// Set to `"true"`, lets an object go at once although its Vault side could not be cleaned up.
pub const ABANDON_ANNOTATION: &str = "engine.kubevault.com/abandon";

/// The label by which the operator lists and watches its own Secrets, Roles and RoleBindings.
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";
/// The value of [`MANAGED_BY_LABEL`], and the field manager of every write.
pub const MANAGER: &str = "leasehold";

/// The AppBinding of the same namespace that tells where Vault is.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
pub struct VaultRef {
    /// Name of an AppBinding in the object's own namespace.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Phase of a SecretEngine or an AWSRole.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum Phase {
    /// Not there yet, and being worked on or waited for.
    Processing,
    /// Vault holds what the spec says.
    Success,
    /// A person must act; the Ready condition says how.
    Failed,
}

impl Phase {
    /// The word users see in `kubectl get`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "Processing",
            Self::Success => "Success",
            Self::Failed => "Failed",
        }
    }
}

/// A Go duration as KubeVault writes it: `1h`, `1h30m`, `90s`.
pub const DURATION_PATTERN: &str = r"^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$";

/// What a mount's path is: Vault would clean `..` and `//` away, and mount somewhere else.
const PATH_RULE: &str =
    "self.matches('^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$') && !self.matches('(^|/)[.][.]?(/|$)')";
const PATH_MESSAGE: &str = "spec.path is a path in Vault, such as aws or team-a/aws: letters, digits, _, - and . in parts with one / between them, no / at the beginning or the end, and no part that is . or ..";

/// `bool` fields whose false is not worth printing.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde's skip_serializing_if passes a reference"
)]
pub(crate) fn is_false(b: &bool) -> bool {
    !*b
}

/// A moment as the API server stores it: whole seconds, so that what was written compares equal to
/// what is read back.
pub fn time(at: jiff::Timestamp) -> k8s_openapi::apimachinery::pkg::apis::meta::v1::Time {
    let seconds = jiff::Timestamp::from_second(at.as_second()).unwrap_or(at);
    k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(seconds)
}
