//! AWSRole: a role in Vault's AWS engine that is as the spec says, and gone when it goes.

mod action;
mod decide;
mod desired;
mod observed;
mod status;

pub use action::Action;
pub use desired::{desired, same};
pub use observed::{Observed, RoleMount};

use jiff::Timestamp;
use leasehold_api_types::AwsRoleStatus;

use crate::{Failure, Machine, Note, Plan};

/// The decisions of the kind.
#[derive(Debug)]
pub enum AwsRoleMachine {}

impl Machine for AwsRoleMachine {
    type Observed = Observed;
    type Action = Action;
    type Outcome = ();
    type Status = AwsRoleStatus;

    fn decide(observed: &Observed, now: Timestamp) -> Plan<Action> {
        decide::decide(observed, now)
    }

    fn absorb(o: &mut Observed, action: &Action, outcome: Result<(), Failure>, _now: Timestamp) {
        observed::absorb(o, action, outcome);
    }

    fn status(observed: &Observed, now: Timestamp) -> Option<AwsRoleStatus> {
        status::status(observed, now)
    }

    fn records(_: &Action) -> Option<()> {
        None
    }

    fn unrepeatable(_: &Action) -> bool {
        false
    }

    fn failure(o: &Observed, now: Timestamp) -> Option<Failure> {
        // Never while there is something to do: letting go is, although Vault is away.
        let gone = o.object.deleting.is_some() && !o.object.finalizer;
        if gone || (o.failure.is_none() && !decide::decide(o, now).actions.is_empty()) {
            return None;
        }
        if o.object.deleting.is_some() {
            decide::end_trouble(o)
        } else {
            decide::trouble(o)
        }
    }

    fn notes(observed: &Observed) -> &[Note] {
        &observed.notes
    }
}
