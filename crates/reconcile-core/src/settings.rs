//! What the operator's flags say, as far as decisions need it.

use jiff::SignedDuration;

/// Name of the one static policy a keeper has.
pub const KEEPER_POLICY: &str = "leasehold-keeper";

/// Settings of one operator process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `--cluster-name`; `-` stands for none, as in KubeVault's Vault names.
    pub cluster: String,
    /// Which run of which replica this is: an intent written by another run is not ours to use.
    pub instance: String,
    /// `--keeper-max`: longest life of a keeper, so of a key nobody looks after.
    pub keeper_max: SignedDuration,
    /// `--revocation-deadline`: how long after the keepers' end an object under deletion waits.
    pub revocation_deadline: SignedDuration,
    /// `--resync`: how often drift is looked for.
    pub resync: SignedDuration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cluster: "-".into(),
            instance: "leasehold".into(),
            keeper_max: SignedDuration::from_hours(24),
            revocation_deadline: SignedDuration::from_hours(24),
            resync: SignedDuration::from_mins(10),
        }
    }
}
