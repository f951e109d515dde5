//! AWSRole: a role of Vault's AWS secrets engine.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Condition, DURATION_PATTERN, PATH_MESSAGE, PATH_RULE, Phase, VaultRef};

/// What Vault may hand out under this role.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[kube(
    group = "engine.kubevault.com",
    version = "v1alpha1",
    kind = "AWSRole",
    plural = "awsroles",
    singular = "awsrole",
    namespaced,
    doc = "AWSRole is a role of Vault's AWS secrets engine, named k8s.{cluster or -}.{namespace}.{name} in Vault.",
    status = "AwsRoleStatus",
    derive = "PartialEq",
    label("app.kubernetes.io/part-of", "leasehold"),
    category = "vault",
    category = "appscode",
    printcolumn(name = "Status", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Type", type_ = "string", json_path = ".spec.credentialType"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.spec.path == oldSelf.spec.path && self.spec.vaultRef.name == oldSelf.spec.vaultRef.name").message("spec.path and spec.vaultRef say which Vault role this is and cannot change: create another AWSRole for the new place").reason(Reason::FieldValueForbidden).field_path(".spec"),
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.credentialType == 'assumed_role' || !has(self.roleARNs) || size(self.roleARNs) == 0").message("roleARNs are only for credentialType assumed_role"))]
#[x_kube(validation = Rule::new("self.credentialType != 'assumed_role' || (has(self.roleARNs) && size(self.roleARNs) > 0)").message("credentialType assumed_role needs at least one of roleARNs"))]
#[x_kube(validation = Rule::new("self.credentialType == 'assumed_role' || (!has(self.externalID) && (!has(self.sessionTags) || size(self.sessionTags) == 0))").message("externalID and sessionTags are only for credentialType assumed_role"))]
#[x_kube(validation = Rule::new("self.credentialType != 'iam_user' || (!has(self.defaultSTSTTL) && !has(self.maxSTSTTL))").message("defaultSTSTTL and maxSTSTTL are only for assumed_role, federation_token and session_token; the life of iam_user keys is the SecretEngine's leaseConfig"))]
#[x_kube(validation = Rule::new("self.credentialType == 'iam_user' || (!has(self.userPath) && !has(self.permissionsBoundaryARN) && (!has(self.iamTags) || size(self.iamTags) == 0))").message("userPath, permissionsBoundaryARN and iamTags are only for credentialType iam_user"))]
#[x_kube(validation = Rule::new("self.credentialType == 'session_token' || !has(self.mfaSerialNumber)").message("mfaSerialNumber is only for credentialType session_token"))]
#[x_kube(validation = Rule::new("self.credentialType != 'session_token' || (!has(self.policyDocument) && !has(self.policy) && (!has(self.policyARNs) || size(self.policyARNs) == 0) && (!has(self.iamGroups) || size(self.iamGroups) == 0))").message("credentialType session_token takes no policies and no groups: its keys have the rights of Vault's own user"))]
#[x_kube(validation = Rule::new("!(has(self.policy) && has(self.policyDocument))").message("policy is the older form of policyDocument: give one of them"))]
pub struct AwsRoleSpec {
    /// The AppBinding (same namespace) of the Vault.
    pub vault_ref: VaultRef,
    /// Where the AWS secrets engine is mounted: `spec.path` of its SecretEngine.
    #[serde(default = "default_path")]
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = Rule::new(PATH_RULE).message(PATH_MESSAGE))]
    pub path: String,
    /// What kind of credentials Vault issues.
    pub credential_type: CredentialType,
    /// ARNs of the AWS roles that may be assumed (assumed_role).
    #[serde(default, rename = "roleARNs", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(max = 2048)))]
    pub role_arns: Vec<String>,
    /// Managed policies: attached to the user (iam_user), or the session's (STS types).
    #[serde(default, rename = "policyARNs", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(max = 2048)))]
    pub policy_arns: Vec<String>,
    /// A policy as JSON text: inline on the user (iam_user), or the session's (STS types).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 131_072))]
    pub policy_document: Option<String>,
    /// A policy as an object: KubeVault's older form of `policyDocument`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "policy_schema")]
    pub policy: Option<Value>,
    /// IAM groups: the user joins them (iam_user), or their policies bound the session (STS types).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), inner(length(max = 128)))]
    pub iam_groups: Vec<String>,
    /// Tags of the IAM user (iam_user).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 50))]
    pub iam_tags: BTreeMap<String, String>,
    /// Permissions boundary of the IAM user (iam_user).
    #[serde(
        default,
        rename = "permissionsBoundaryARN",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(length(max = 2048))]
    pub permissions_boundary_arn: Option<String>,
    /// Path of the IAM user (iam_user), for example `/vault/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512), regex(pattern = r"^/([\x21-\x7F]{0,510}/)?$"))]
    pub user_path: Option<String>,
    /// Tags of the session (assumed_role; Vault 1.17 or newer).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 50))]
    pub session_tags: BTreeMap<String, String>,
    /// External id passed to AssumeRole (assumed_role; Vault 1.17 or newer).
    #[serde(
        default,
        rename = "externalID",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(length(max = 1224))]
    pub external_id: Option<String>,
    /// Serial number or ARN of the MFA device (session_token).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub mfa_serial_number: Option<String>,
    /// Life of STS credentials when the request names none. A Go duration.
    #[serde(
        default,
        rename = "defaultSTSTTL",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(length(max = 32), regex(pattern = DURATION_PATTERN))]
    pub default_sts_ttl: Option<String>,
    /// Longest life of STS credentials. A Go duration.
    #[serde(default, rename = "maxSTSTTL", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = DURATION_PATTERN))]
    pub max_sts_ttl: Option<String>,
    /// From which namespaces keys may be requested; absent, from the role's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_namespaces: Option<AllowedNamespaces>,
}

/// The namespaces from which keys of a role may be requested. Its own is always among them.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(has(self.from) && self.from == 'Selector') == has(self.selector)").message("give a selector with from: Selector, and with no other"))]
pub struct AllowedNamespaces {
    /// Which ones.
    #[serde(default)]
    pub from: NamespacesFrom,
    /// By the labels of the namespaces (from: Selector).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<NamespaceSelector>,
}

/// How namespaces are chosen.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum NamespacesFrom {
    /// The role's own namespace only.
    #[default]
    Same,
    /// Every namespace.
    All,
    /// Those whose labels the selector matches.
    Selector,
}

/// Which labels a namespace must have: all of these.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)").message("a selector needs matchLabels or matchExpressions; for every namespace write from: All"))]
pub struct NamespaceSelector {
    /// Labels with exactly these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub match_labels: BTreeMap<String, String>,
    /// Further demands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub match_expressions: Vec<LabelDemand>,
}

/// What is demanded of one label.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)").message("In and NotIn need values, Exists and DoesNotExist take none"))]
pub struct LabelDemand {
    /// The label.
    #[schemars(length(min = 1, max = 317))]
    pub key: String,
    /// What is demanded of it.
    pub operator: LabelOperator,
    /// Its values (In, NotIn).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 63)))]
    pub values: Vec<String>,
}

/// What can be demanded of a label.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum LabelOperator {
    /// It is there, with one of the values.
    In,
    /// It is not there, or has none of the values.
    NotIn,
    /// It is there.
    Exists,
    /// It is not there.
    DoesNotExist,
}

impl Default for AwsRoleSpec {
    fn default() -> Self {
        Self {
            vault_ref: VaultRef::default(),
            path: default_path(),
            credential_type: CredentialType::IamUser,
            role_arns: Vec::new(),
            policy_arns: Vec::new(),
            policy_document: None,
            policy: None,
            iam_groups: Vec::new(),
            iam_tags: BTreeMap::new(),
            permissions_boundary_arn: None,
            user_path: None,
            session_tags: BTreeMap::new(),
            external_id: None,
            mfa_serial_number: None,
            default_sts_ttl: None,
            max_sts_ttl: None,
            allowed_namespaces: None,
        }
    }
}

/// The kinds of credentials Vault's AWS secrets engine issues.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CredentialType {
    /// A new IAM user for each key; gone from AWS when the lease ends.
    IamUser,
    /// A session of an AWS role; ends by itself, cannot be revoked.
    AssumedRole,
    /// A federation token; ends by itself, cannot be revoked.
    FederationToken,
    /// A session of Vault's own user; ends by itself, cannot be revoked.
    SessionToken,
}

impl CredentialType {
    /// Vault's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IamUser => "iam_user",
            Self::AssumedRole => "assumed_role",
            Self::FederationToken => "federation_token",
            Self::SessionToken => "session_token",
        }
    }
}

/// What the operator saw and did.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsRoleStatus {
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
    /// Vault's accessor of the mount that the role was written into: by it that mount is known
    /// again when its SecretEngine is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub mount_accessor: Option<String>,
}

fn default_path() -> String {
    "aws".into()
}

// KubeVault's CRD calls this an embedded resource, so that its own documented form could not be
// stored; here any object is taken.
fn policy_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "nullable": true,
        "description": "A policy as an object: KubeVault's older form of policyDocument.",
        "x-kubernetes-preserve-unknown-fields": true
    })
}
