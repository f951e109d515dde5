//! What can be done for an AWSRole.

use std::fmt;

use leasehold_vault_client::{AwsVaultRole, MountPath, RoleName};

/// One effect each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Put our finalizer on.
    AddFinalizer,
    /// Write the role.
    WriteRole {
        /// Mount.
        path: MountPath,
        /// Name in Vault.
        name: RoleName,
        /// What it shall say.
        role: Box<AwsVaultRole>,
        /// What it says now, so that what is no longer wanted is emptied.
        previous: Option<Box<AwsVaultRole>>,
    },
    /// Delete the role; issued keys live on.
    DeleteRole {
        /// Mount.
        path: MountPath,
        /// Name in Vault.
        name: RoleName,
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
            Self::WriteRole {
                path, name, role, ..
            } => {
                write!(
                    f,
                    "vault: write {path}/roles/{name} ({})",
                    role.credential_type
                )
            }
            Self::DeleteRole { path, name } => write!(f, "vault: delete {path}/roles/{name}"),
            Self::LetGo { message } => write!(f, "say: {message}"),
            Self::RemoveFinalizer => f.write_str("kube: remove our finalizer"),
        }
    }
}
