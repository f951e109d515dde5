//! What Vault says and is told, in plain values.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Redacted;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);
        impl $name {
            /// The text of it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl From<&str> for $name {
            fn from(s: &str) -> Self {
                Self(s.to_owned())
            }
        }
        impl From<String> for $name {
            fn from(s: String) -> Self {
                Self(s)
            }
        }
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

id! {
    /// Path of a mount, without slashes at its ends: `aws`, `teams/a/aws`.
    MountPath
}
id! {
    /// Name of a role in an AWS secrets engine: `k8s.-.demo.aws-role`.
    RoleName
}
id! {
    /// Id of a lease: `aws/creds/k8s.-.demo.aws-role/<24 characters>`.
    LeaseId
}
id! {
    /// Accessor of a token: ends and looks up the token, cannot be used as one.
    Accessor
}
id! {
    /// `cluster_id` of a Vault.
    ClusterId
}

/// `sys/health`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct HealthReport {
    /// Whether it was ever initialised.
    pub initialized: bool,
    /// Whether it is sealed.
    pub sealed: bool,
    /// Whether it is a standby (which forwards).
    pub standby: bool,
    /// Which Vault this is; absent while sealed.
    pub cluster_id: Option<ClusterId>,
    /// Its version.
    pub version: String,
}

/// A secrets engine's mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// `aws`, `kv`, …
    pub kind: String,
    /// Free text; Leasehold keeps its ownership in it.
    pub description: String,
    /// Vault's id of this mount: another mount at the same path has another one. Empty if Vault
    /// told none.
    pub accessor: String,
    /// Tuned default lease; zero inherits the system's.
    pub default_lease: Duration,
    /// Tuned longest lease; zero inherits the system's.
    pub max_lease: Duration,
}

/// `config/root` of the AWS engine, as it can be read: the secret key never can.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RootConfig {
    /// Vault's AWS access key id.
    pub access_key: String,
    /// Region.
    pub region: String,
    /// IAM endpoint; empty is AWS's own.
    pub iam_endpoint: String,
    /// STS endpoint; empty is AWS's own.
    pub sts_endpoint: String,
    /// Retries; -1 is the SDK's default.
    pub max_retries: i64,
}

/// `config/lease` of the AWS engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineLease {
    /// Life of a key.
    pub lease: Duration,
    /// Life of a key, renewals included.
    pub lease_max: Duration,
}

/// A role of the AWS engine. Empty and `None` mean "not set".
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct AwsVaultRole {
    /// `iam_user`, …; legacy roles show several, joined by commas.
    pub credential_type: String,
    /// ARNs that may be assumed.
    pub role_arns: Vec<String>,
    /// Managed policies.
    pub policy_arns: Vec<String>,
    /// Policy as JSON text, compacted by Vault.
    pub policy_document: String,
    /// IAM groups.
    pub iam_groups: Vec<String>,
    /// Tags of the IAM user.
    pub iam_tags: BTreeMap<String, String>,
    /// Tags of the session.
    pub session_tags: BTreeMap<String, String>,
    /// External id for AssumeRole.
    pub external_id: String,
    /// MFA device.
    pub mfa_serial_number: String,
    /// Path of the IAM user.
    pub user_path: String,
    /// Permissions boundary of the IAM user.
    pub permissions_boundary_arn: String,
    /// Default life of STS credentials; zero is "not set".
    pub default_sts_ttl: Duration,
    /// Longest life of STS credentials; zero is "not set".
    pub max_sts_ttl: Duration,
}

/// Which credentials to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueRequest {
    /// Mount of the engine.
    pub mount: MountPath,
    /// Role.
    pub role: RoleName,
    /// Read `sts/` instead of `creds/`.
    pub use_sts: bool,
    /// ARN to assume.
    pub role_arn: Option<String>,
    /// Life asked for (STS).
    pub ttl: Option<Duration>,
}

/// Issued credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedCredential {
    /// The lease; absent in Vault 1.13.0 and 1.13.1 for STS.
    pub lease_id: Option<LeaseId>,
    /// How long it lasts: the lease's duration, else `data.ttl`.
    pub lease_duration: Duration,
    /// Whether Vault can extend it.
    pub renewable: bool,
    /// AWS access key id.
    pub access_key: Redacted,
    /// AWS secret access key.
    pub secret_key: Redacted,
    /// AWS session token (STS): `session_token`, else `security_token`.
    pub session_token: Option<Redacted>,
    /// Vault's warnings.
    pub warnings: Vec<String>,
}

/// Which keeper token to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeeperRequest {
    /// Its only policy.
    pub policy: String,
    /// How long it lives: the dead man's switch of the key issued under it.
    pub ttl: Duration,
    /// Becomes part of the IAM user's name.
    pub display_name: String,
    /// Whose it is; checked before it is ended.
    pub meta: BTreeMap<String, String>,
    /// Token role to mint it with; absent: `auth/token/create-orphan`.
    pub token_role: Option<String>,
}

/// An opened keeper token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keeper {
    /// The token: lives in memory only.
    pub token: Redacted,
    /// Its handle.
    pub accessor: Accessor,
    /// How long it lives, as Vault granted.
    pub ttl: Duration,
    /// Must be true: it outlives the login that opened it.
    pub orphan: bool,
    /// Whether it can be extended.
    pub renewable: bool,
    /// The policies it really has.
    pub policies: Vec<String>,
}

/// A token, looked up by its accessor or by itself.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TokenInfo {
    /// Its accessor.
    pub accessor: String,
    /// Whose it is.
    pub meta: BTreeMap<String, String>,
    /// Time left; zero for a root token, which does not end.
    pub ttl: Duration,
    /// Whether it can be extended.
    pub renewable: bool,
    /// Whether it has no parent.
    pub orphan: bool,
    /// Its policies.
    pub policies: Vec<String>,
    /// `service` or `batch`.
    pub kind: String,
}

/// A lease, looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseInfo {
    /// Seconds left; zero or less while a revocation is under way or has failed.
    pub ttl: i64,
    /// Whether it can be extended.
    pub renewable: bool,
}
