//! The dry run of each kind: what would be done for an object nobody has worked on yet, if all went
//! well.

use jiff::{SignedDuration, Timestamp};
use leasehold_api_types::{
    AwsAccessKeyRequestSpec, AwsAccessKeyRequestStatus, AwsRoleSpec, SecretEngineSpec,
};

use super::{explain, yaml};
use crate::{
    Failure, Known, Object, Settings,
    aws_access_key_request::{self as request, RequestMachine},
    aws_role::{self, AwsRoleMachine},
    secret_engine::{self, SecretEngineMachine},
};

/// What would be done for a SecretEngine before an empty Vault.
///
/// ```
/// use leasehold_reconcile_core::{Object, Settings, Timestamp, explain};
/// # use leasehold_api_types::{SecretEngineSpec, VaultRef};
/// # let spec = SecretEngineSpec {
/// #     vault_ref: VaultRef { name: "vault".into() },
/// #     path: "aws".into(),
/// #     aws: Default::default(),
/// #     adopt: false,
/// #     deletion_policy: Default::default(),
/// # };
/// let object = Object { namespace: "demo".into(), name: "engine".into(), ..Object::default() };
/// let story = explain::for_secret_engine(object, spec, Settings::default(), Timestamp::UNIX_EPOCH);
/// assert!(story.contains("vault: mount aws at aws/"));
/// assert!(story.contains("phase: Success"));
/// ```
pub fn for_secret_engine(
    object: Object,
    spec: SecretEngineSpec,
    settings: Settings,
    now: Timestamp,
) -> String {
    let observed = secret_engine::Observed::fresh(object, spec, settings);
    explain::<SecretEngineMachine>(observed, now, |_| Ok(()), yaml::render)
}

/// What would be done for an AWSRole whose engine is mounted.
pub fn for_aws_role(
    object: Object,
    spec: AwsRoleSpec,
    settings: Settings,
    now: Timestamp,
) -> String {
    let observed = aws_role::Observed::fresh(object, spec, settings);
    explain::<AwsRoleMachine>(observed, now, |_| Ok(()), yaml::render)
}

/// What would be done for an AWSAccessKeyRequest whose AWSRole is ready; `status` says whether it
/// is approved.
pub fn for_aws_access_key_request(
    object: Object,
    spec: AwsAccessKeyRequestSpec,
    status: AwsAccessKeyRequestStatus,
    settings: Settings,
    now: Timestamp,
) -> String {
    let observed = request::Observed::fresh(object, spec, status, settings);
    explain::<RequestMachine>(observed, now, request_succeeds, yaml::render)
}

/// What each action for a request brings back if all goes well, with made-up ids.
///
/// # Errors
/// None; the type is what [`explain`] takes.
pub fn request_succeeds(action: &request::Action) -> Result<request::Outcome, Failure> {
    use request::{Action, KeeperSeen, Outcome};
    Ok(match action {
        Action::OpenKeeper { ttl, .. } => Outcome::Keeper {
            accessor: "accessor-1".into(),
            ttl: *ttl,
        },
        Action::Issue { role, .. } => Outcome::Key {
            lease: Some(format!("{}/creds/{}/lease-1", role.mount, role.name).into()),
            duration: SignedDuration::from_hours(1),
            renewable: true,
        },
        Action::LookAtSecret => Outcome::Secret(Known::Absent),
        Action::LookUpKeeper { .. } => Outcome::KeeperSeen(Known::Is(KeeperSeen { ours: true })),
        Action::LookUpLease { .. } => Outcome::LeaseSeen(Known::Absent),
        _ => Outcome::Done,
    })
}
