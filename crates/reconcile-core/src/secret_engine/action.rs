//! What can be done for a SecretEngine.

use std::fmt;

use leasehold_api_types::secret_engine::RootSecretVersion;
use leasehold_vault_client::{EngineLease, MountPath, RootConfig, go_duration};

use crate::ownership::Owner;

/// One effect each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Put our finalizer on.
    AddFinalizer,
    /// Mount the engine.
    EnableMount {
        /// Where.
        path: MountPath,
        /// Whose it is, for the description.
        owner: Owner,
    },
    /// Write into the mount's description whose it is.
    DescribeMount {
        /// Where.
        path: MountPath,
        /// Whose.
        owner: Owner,
    },
    /// Write Vault's AWS credentials and endpoints.
    WriteRootConfig {
        /// Where.
        path: MountPath,
        /// What, the secret key aside.
        config: RootConfig,
        /// From which version of the root Secret.
        version: RootSecretVersion,
    },
    /// Write the life of keys.
    WriteEngineLease {
        /// Where.
        path: MountPath,
        /// What.
        lease: EngineLease,
    },
    /// Unmount the engine.
    DisableMount {
        /// Where.
        path: MountPath,
    },
    /// Say, count and log that something is let go without proof.
    LetGo {
        /// What, and why.
        message: String,
    },
    /// Take our finalizer off.
    RemoveFinalizer,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddFinalizer => f.write_str("kube: add our finalizer"),
            Self::EnableMount { path, .. } => write!(f, "vault: mount aws at {path}/"),
            Self::DescribeMount { path, .. } => {
                write!(
                    f,
                    "vault: write into the description of {path}/ whose it is"
                )
            }
            Self::WriteRootConfig { path, config, .. } => {
                write!(
                    f,
                    "vault: write {path}/config/root (region {}, secret redacted)",
                    config.region
                )
            }
            Self::WriteEngineLease { path, lease } => write!(
                f,
                "vault: write {path}/config/lease (lease {}, lease_max {})",
                go_duration::format(lease.lease),
                go_duration::format(lease.lease_max)
            ),
            Self::DisableMount { path } => write!(f, "vault: unmount {path}/ (revokes its keys)"),
            Self::LetGo { message } => write!(f, "say: {message}"),
            Self::RemoveFinalizer => f.write_str("kube: remove our finalizer"),
        }
    }
}
