//! Reasons of conditions and events: users match on these words, so they stand in one place.

/// Ready condition: the object is as its spec says.
pub const READY: &str = "Ready";
/// Condition by the conventions of kstatus: being worked on or waited for.
pub const RECONCILING: &str = "Reconciling";
/// Condition by the conventions of kstatus: a person must act.
pub const STALLED: &str = "Stalled";

/// The AppBinding does not exist.
pub const APP_BINDING_NOT_FOUND: &str = "AppBindingNotFound";
/// The AppBinding cannot be used as it is written.
pub const APP_BINDING_INVALID: &str = "AppBindingInvalid";
/// The login Secret or ServiceAccount is missing or unusable.
pub const LOGIN_MISSING: &str = "LoginMissing";
/// Vault refuses the login.
pub const LOGIN_REFUSED: &str = "LoginRefused";
/// No connection to Vault.
pub const VAULT_UNREACHABLE: &str = "VaultUnreachable";
/// Vault's certificate is not trusted, or is for another name.
pub const VAULT_CERTIFICATE: &str = "VaultCertificateInvalid";
/// Vault is sealed or has no active node.
pub const VAULT_SEALED: &str = "VaultSealed";
/// Vault or AWS throttles.
pub const VAULT_THROTTLED: &str = "VaultThrottled";
/// Vault's policies do not allow it.
pub const VAULT_DENIED: &str = "VaultDenied";
/// Vault refuses it as written.
pub const VAULT_REFUSED: &str = "VaultRefused";
/// Something answered, but not as a Vault does.
pub const VAULT_UNEXPECTED: &str = "VaultUnexpected";
/// The Vault reached is not the one the keys were issued by.
pub const VAULT_CHANGED: &str = "VaultChanged";
/// The API server refuses or fails.
pub const KUBERNETES: &str = "KubernetesError";
/// The operator's own error.
pub const INTERNAL: &str = "InternalError";

/// Vault holds what the spec says.
pub const PROVISIONED: &str = "Provisioned";
/// On the way.
pub const PROGRESSING: &str = "Progressing";
/// Under deletion.
pub const DELETING: &str = "Deleting";
/// Let go without proof that nothing of it lives on.
pub const ABANDONED: &str = "Abandoned";
/// Something was changed behind our back and set right.
pub const DRIFT_REPAIRED: &str = "DriftRepaired";

/// The Secret with Vault's AWS credentials is missing.
pub const ROOT_SECRET_MISSING: &str = "RootSecretMissing";
/// The Secret with Vault's AWS credentials cannot be used.
pub const ROOT_SECRET_INVALID: &str = "RootSecretInvalid";
/// Another kind of engine is mounted at the path.
pub const PATH_TAKEN: &str = "PathTaken";
/// The mount belongs to somebody else, perhaps in another cluster of the same name.
pub const NOT_OURS: &str = "NotOurs";
/// AWSRoles still use the engine.
pub const IN_USE: &str = "InUse";

/// No secrets engine is mounted at the role's path.
pub const MOUNT_MISSING: &str = "MountMissing";
/// The policy is not JSON.
pub const POLICY_INVALID: &str = "PolicyInvalid";
/// The role's name is too long for Vault or IAM.
pub const NAME_TOO_LONG: &str = "NameTooLong";
/// A duration cannot be read.
pub const DURATION_INVALID: &str = "DurationInvalid";

/// Nobody has approved or denied the request.
pub const WAITING_FOR_APPROVAL: &str = "WaitingForApproval";
/// The approval was given to an older spec.
pub const STALE_APPROVAL: &str = "StaleApproval";
/// The request is denied.
pub const DENIED: &str = "Denied";
/// The AWSRole does not exist.
pub const ROLE_NOT_FOUND: &str = "RoleNotFound";
/// The AWSRole is not in Vault yet.
pub const ROLE_NOT_READY: &str = "RoleNotReady";
/// The AWSRole of live keys is gone: they last until they end, and no new ones can be issued.
pub const ROLE_GONE: &str = "RoleGone";
/// The AWSRole was changed after the key was issued: the key keeps its rights.
pub const ROLE_CHANGED: &str = "RoleChanged";
/// The AWSRole is in another namespace and does not allow this one.
pub const ROLE_NOT_GRANTED: &str = "RoleNotGranted";
/// The login may not open keeper tokens.
pub const KEEPER_REFUSED: &str = "KeeperRefused";
/// Vault or AWS refused to issue.
pub const ISSUE_FAILED: &str = "IssueFailed";
/// The read of the keys was not answered: they may or may not exist, and will be ended.
pub const ISSUE_UNANSWERED: &str = "IssueUnanswered";
/// The Secret cannot be stored.
pub const SECRET_NOT_STORED: &str = "SecretNotStored";
/// A Secret, Role or RoleBinding of that name is somebody else's.
pub const NAME_TAKEN: &str = "NameTaken";
/// The keys are in the Secret.
pub const ISSUED: &str = "Issued";
/// New keys are in the same Secret.
pub const REISSUED: &str = "Reissued";
/// The keys ended.
pub const REVOKED: &str = "Revoked";
/// The keys ended, and no new ones could be issued.
pub const EXPIRED: &str = "Expired";
/// Vault could not end the keys yet.
pub const REVOCATION_PENDING: &str = "RevocationPending";
/// AWS refuses to end the keys.
pub const REVOCATION_FAILED: &str = "RevocationFailed";
/// What the status names is not ours: left alone.
pub const FOREIGN: &str = "Foreign";

/// Every reason.
pub const ALL: &[&str] = &[
    READY,
    RECONCILING,
    STALLED,
    APP_BINDING_NOT_FOUND,
    APP_BINDING_INVALID,
    LOGIN_MISSING,
    LOGIN_REFUSED,
    VAULT_UNREACHABLE,
    VAULT_CERTIFICATE,
    VAULT_SEALED,
    VAULT_THROTTLED,
    VAULT_DENIED,
    VAULT_REFUSED,
    VAULT_UNEXPECTED,
    VAULT_CHANGED,
    KUBERNETES,
    INTERNAL,
    PROVISIONED,
    PROGRESSING,
    DELETING,
    ABANDONED,
    DRIFT_REPAIRED,
    ROOT_SECRET_MISSING,
    ROOT_SECRET_INVALID,
    PATH_TAKEN,
    NOT_OURS,
    IN_USE,
    MOUNT_MISSING,
    POLICY_INVALID,
    NAME_TOO_LONG,
    DURATION_INVALID,
    WAITING_FOR_APPROVAL,
    STALE_APPROVAL,
    DENIED,
    ROLE_NOT_FOUND,
    ROLE_NOT_READY,
    ROLE_GONE,
    ROLE_CHANGED,
    ROLE_NOT_GRANTED,
    KEEPER_REFUSED,
    ISSUE_FAILED,
    ISSUE_UNANSWERED,
    SECRET_NOT_STORED,
    NAME_TAKEN,
    ISSUED,
    REISSUED,
    REVOKED,
    EXPIRED,
    REVOCATION_PENDING,
    REVOCATION_FAILED,
    FOREIGN,
];
