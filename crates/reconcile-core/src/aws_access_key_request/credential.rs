//! What is known of a key, the key itself left out.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use leasehold_api_types::{
    aws_access_key_request::{Credential, Lease, VaultPlace},
    time,
};
use leasehold_vault_client::{Accessor, LeaseId, go_duration};

use crate::{backoff::later, names};

/// What is known of an issued key: stands in the Secret's annotations, so that a Secret alone
/// tells whose key it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    /// Keeper it was read under; none for STS credentials.
    pub keeper: Option<Accessor>,
    /// Its lease.
    pub lease: Option<LeaseId>,
    /// The lease's duration, as Vault granted.
    pub duration: SignedDuration,
    /// Whether Vault can extend it.
    pub renewable: bool,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends: the earlier of its lease and its keeper.
    pub expires_at: Timestamp,
    /// Generation of the AWSRole it was issued under.
    pub role_generation: Option<i64>,
}

impl KeyFacts {
    /// The status's record of it.
    pub fn credential(&self, vault: VaultPlace, uid: &str) -> Credential {
        Credential {
            keeper: self.keeper.as_ref().map(ToString::to_string),
            issued_at: time(self.issued_at),
            expires_at: time(self.expires_at),
            renew_at: time(renew_at(self.issued_at, self.expires_at, uid)),
            vault,
            role_generation: self.role_generation,
        }
    }

    /// The status's record of its lease.
    pub fn lease(&self) -> Option<Lease> {
        let seconds = u64::try_from(self.duration.as_secs()).unwrap_or(0);
        self.lease.as_ref().map(|id| Lease {
            id: id.to_string(),
            duration: go_duration::format(Duration::from_secs(seconds)),
            renewable: self.renewable,
        })
    }
}

/// When the next key is issued into the same Secret: between 80 and 90 % of this one's life,
/// spread by the request's uid so that what was approved together is not renewed together.
pub fn renew_at(issued_at: Timestamp, expires_at: Timestamp, uid: &str) -> Timestamp {
    let life = expires_at.duration_since(issued_at).as_secs().max(0) as f64;
    let share = 0.8 + 0.1 * names::spread(uid);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a lease in seconds is far below 2^63"
    )]
    let wait = (life * share) as i64;
    later(issued_at, SignedDuration::from_secs(wait))
}
