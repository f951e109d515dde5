//! AWSAccessKeyRequest: who may get a key, and that no key outlives its reason.
//!
//! Everything hangs on Vault's rule that a token's end ends every lease made with it: each iam_user
//! key is read under a keeper token of its own, whose accessor stands in the status before Vault is
//! asked for the key.

mod absorb;
mod action;
mod approval;
mod credential;
mod decide;
mod end;
mod grant;
mod issue;
mod observed;
mod status;

pub use action::{Action, Outcome};
pub use approval::{Approval, approval};
pub use credential::{KeyFacts, renew_at};
pub use end::{Claim, UNANSWERED_READ};
pub use grant::{asks_labels, matches};
pub use issue::{ISSUE_WITHIN, OFTEN, SELDOM, STORE_WITHIN};
pub use observed::{
    Binding, Held, HeldKeeper, KeeperSeen, LeaseSeen, Observed, RoleSeen, SecretSeen, State,
};

use jiff::Timestamp;
use leasehold_api_types::AwsAccessKeyRequestStatus;

use crate::{Failure, Machine, Note, Plan};

/// The decisions of the kind.
#[derive(Debug)]
pub enum RequestMachine {}

impl Machine for RequestMachine {
    type Observed = Observed;
    type Action = Action;
    type Outcome = Outcome;
    type Status = AwsAccessKeyRequestStatus;

    fn decide(observed: &Observed, now: Timestamp) -> Plan<Action> {
        decide::decide(observed, now)
    }

    fn absorb(
        o: &mut Observed,
        action: &Action,
        outcome: Result<Outcome, Failure>,
        now: Timestamp,
    ) {
        absorb::absorb(o, action, outcome, now);
    }

    fn status(observed: &Observed, now: Timestamp) -> Option<AwsAccessKeyRequestStatus> {
        status::status(observed, now)
    }

    fn records(action: &Action) -> Option<Outcome> {
        match action {
            Action::RecordIntent { .. }
            | Action::RecordCredential { .. }
            | Action::SetIntentAside { .. } => Some(Outcome::Done),
            _ => None,
        }
    }

    fn unrepeatable(action: &Action) -> bool {
        matches!(action, Action::Issue { .. })
    }

    fn failure(o: &Observed, now: Timestamp) -> Option<Failure> {
        decide::failure(o, now)
    }

    fn notes(observed: &Observed) -> &[Note] {
        &observed.notes
    }
}
