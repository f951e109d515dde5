//! AWSAccessKeyRequest: an application's request for AWS keys.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Condition, DURATION_PATTERN};

/// Type of the condition by which a person approves; the operator never writes it.
pub const APPROVED: &str = "Approved";
/// Type of the condition by which a person denies; final, and the operator never writes it.
pub const DENIED: &str = "Denied";

/// Who asks for keys of which role, and who may read them.
#[derive(
    CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema,
)]
#[kube(
    group = "engine.kubevault.com",
    version = "v1alpha1",
    kind = "AWSAccessKeyRequest",
    plural = "awsaccesskeyrequests",
    singular = "awsaccesskeyrequest",
    namespaced,
    doc = "AWSAccessKeyRequest asks for AWS keys. Once a person approved it, the keys stand in a Secret that only the subjects may read, until the request is deleted.",
    status = "AwsAccessKeyRequestStatus",
    derive = "PartialEq",
    label("app.kubernetes.io/part-of", "leasehold"),
    category = "vault",
    category = "appscode",
    printcolumn(name = "Status", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Role", type_ = "string", json_path = ".spec.roleRef.name"),
    printcolumn(name = "Secret", type_ = "string", json_path = ".status.secret.name"),
    // A column of type date shows <invalid> for a time in the future.
    printcolumn(name = "Expires", type_ = "string", json_path = ".status.credential.expiresAt"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    // Written without ?field forms: those go over the API server's cost limit (64 subjects, 32 conditions).
    validation = Rule::new("!(has(oldSelf.status) && has(oldSelf.status.conditions) && oldSelf.status.conditions.exists(c, c.type == 'Approved' || c.type == 'Denied')) || (self.spec.roleRef == oldSelf.spec.roleRef && self.spec.subjects == oldSelf.spec.subjects && has(self.spec.roleARN) == has(oldSelf.spec.roleARN) && (!has(self.spec.roleARN) || self.spec.roleARN == oldSelf.spec.roleARN) && has(self.spec.ttl) == has(oldSelf.spec.ttl) && (!has(self.spec.ttl) || self.spec.ttl == oldSelf.spec.ttl) && has(self.spec.useSTS) == has(oldSelf.spec.useSTS) && (!has(self.spec.useSTS) || self.spec.useSTS == oldSelf.spec.useSTS))").message("once a request is Approved or Denied, spec.roleRef, subjects, roleARN, ttl and useSTS cannot change: create another request and have that approved").reason(Reason::FieldValueForbidden).field_path(".spec"),
    validation = Rule::new("!(has(oldSelf.status) && has(oldSelf.status.conditions)) || oldSelf.status.conditions.all(o, (o.type != 'Approved' && o.type != 'Denied') || (has(self.status) && has(self.status.conditions) && self.status.conditions.exists(c, c.type == o.type && (!has(c.status) || c.status == 'True' || (has(o.status) && c.status == o.status)))))").message("an approval or a denial cannot be taken back: deny an approved request, or delete it").reason(Reason::FieldValueForbidden).field_path(".status.conditions"),
)]
#[serde(rename_all = "camelCase")]
pub struct AwsAccessKeyRequestSpec {
    /// The AWSRole to issue from.
    pub role_ref: RoleRef,
    /// Who may read the Secret with the keys.
    #[schemars(length(min = 1, max = 64))]
    pub subjects: Vec<Subject>,
    /// Which of the role's ARNs to assume (assumed_role); needed if the role allows several.
    #[serde(default, rename = "roleARN", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 20, max = 2048))]
    pub role_arn: Option<String>,
    /// Life of the STS credentials. A Go duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = DURATION_PATTERN))]
    pub ttl: Option<String>,
    /// Read `<path>/sts/<role>` instead of `<path>/creds/<role>`; they differ only for legacy roles.
    #[serde(default, rename = "useSTS", skip_serializing_if = "Option::is_none")]
    pub use_sts: Option<bool>,
}

/// The AWSRole to issue from.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoleRef {
    /// Group of the role; `engine.kubevault.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub api_group: Option<String>,
    /// Kind of the role; `AWSRole`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub kind: Option<String>,
    /// Name of the role.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of the role.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
}

/// Who may read the Secret: a subject of a RoleBinding.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.kind in ['ServiceAccount', 'User', 'Group']").message("kind of a subject is ServiceAccount, User or Group"))]
#[x_kube(validation = Rule::new("self.kind != 'ServiceAccount' || (has(self.__namespace__) && size(self.__namespace__) > 0)").message("a ServiceAccount subject needs its namespace"))]
#[x_kube(validation = Rule::new("!has(self.apiGroup) || self.apiGroup == '' || (self.kind != 'ServiceAccount' && self.apiGroup == 'rbac.authorization.k8s.io')").message("leave apiGroup of a subject out: it is rbac.authorization.k8s.io for User and Group and empty for ServiceAccount, and RBAC takes no other"))]
pub struct Subject {
    /// `ServiceAccount`, `User` or `Group`.
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// Group of the subject; by default the one RBAC has for the kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub api_group: Option<String>,
    /// Name of the subject.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of a ServiceAccount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub namespace: Option<String>,
}

/// Where a request stands, in one word.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum RequestPhase {
    /// Nobody has approved or denied it yet.
    WaitingForApproval,
    /// Approved, and the keys are on their way.
    Approved,
    /// The Secret holds live keys.
    Issued,
    /// Denied: no keys are issued, and issued ones are revoked.
    Denied,
    /// The keys have ended and no new ones could be issued yet.
    Expired,
    /// A person must act; the Ready condition says how.
    Failed,
}

/// What the operator saw and did, and what it needs to know after a restart.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsAccessKeyRequestStatus {
    /// In one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<RequestPhase>,
    /// The generation of the spec that `phase` and the operator's conditions speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The generation of the spec that was approved, judged once before the first issue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_generation: Option<i64>,
    /// In detail. `Approved` and `Denied` are a person's, the others the operator's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Vault's lease on the keys in the Secret. Only ever looked up, never revoked by this id alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// The Secret with the keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretName>,
    /// The keys in the Secret: how to end them, and when they end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<Credential>,
    /// An issue under way: written before Vault is asked for keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
    /// Former keys that are still to be ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub retiring: Vec<Retiring>,
}

/// Vault's lease on a credential.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// `<path>/creds/<role>/<24 characters>`.
    #[schemars(length(max = 1024))]
    pub id: String,
    /// As Go prints it: `1h0m0s`.
    #[schemars(length(max = 64))]
    pub duration: String,
    /// Whether Vault can extend it.
    #[serde(default)]
    pub renewable: bool,
}

/// Name of a Secret in the request's namespace.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
pub struct SecretName {
    /// Name of the Secret.
    #[schemars(length(max = 253))]
    pub name: String,
}

/// Which Vault, through which AppBinding: an answer of another Vault proves nothing.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct VaultPlace {
    /// `cluster_id` of the Vault, from its health.
    #[serde(rename = "clusterID")]
    #[schemars(length(max = 128))]
    pub cluster_id: String,
    /// Mount path of the engine.
    #[schemars(length(max = 128))]
    pub mount: String,
    /// Namespace of the AppBinding.
    #[schemars(length(max = 63))]
    pub namespace: String,
    /// Name of the AppBinding.
    #[schemars(length(max = 253))]
    pub app_binding: String,
}

/// The keys in the Secret.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Credential {
    /// Accessor of the keeper token: ending it ends the keys. Absent for STS credentials, which
    /// end by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub keeper: Option<String>,
    /// When Vault issued them.
    pub issued_at: Time,
    /// When they end unless extended.
    pub expires_at: Time,
    /// When the operator acts next to keep the Secret alive.
    pub renew_at: Time,
    /// Where they were issued.
    pub vault: VaultPlace,
    /// Generation of the AWSRole they were issued under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_generation: Option<i64>,
}

/// An issue under way.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// Accessor of the keeper token opened for it; absent for STS credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub keeper: Option<String>,
    /// Which run of which replica has the keeper token.
    #[schemars(length(max = 128))]
    pub by: String,
    /// When it was written.
    pub at: Time,
    /// Where it is issued.
    pub vault: VaultPlace,
}

/// Former keys, still to be ended.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Retiring {
    /// Accessor of their keeper token.
    #[schemars(length(max = 128))]
    pub keeper: String,
    /// Their lease, where it became known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub lease_id: Option<String>,
    /// Not ended before: an unanswered read may still be running in Vault, or an application may
    /// still hold the old keys.
    pub not_before: Time,
    /// Where they were issued.
    pub vault: VaultPlace,
}
