//! What would be done, as text: golden tests, and a dry run.

mod kinds;
mod yaml;

pub use kinds::{for_aws_access_key_request, for_aws_role, for_secret_engine, request_succeeds};
pub use yaml::render;

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::{Failure, Machine, Next};

/// Rounds after which a drive gives up. Ending a key that AWS first refused to delete, setting an
/// intent aside and issuing anew takes 17.
pub const MAX_ROUNDS: usize = 32;

/// Folds `decide` and `absorb` over assumed outcomes and tells the story. `outcome` says what each
/// action brings back; actions that only record something need none.
pub fn explain<M: Machine>(
    mut observed: M::Observed,
    now: Timestamp,
    mut outcome: impl FnMut(&M::Action) -> Result<M::Outcome, Failure>,
    say: impl Fn(&M::Status) -> String,
) -> String {
    let mut story = String::new();
    for round in 1..=MAX_ROUNDS {
        let plan = M::decide(&observed, now);
        let _ = writeln!(story, "round {round}:");
        for line in plan.to_string().lines() {
            let _ = writeln!(story, "  {line}");
        }
        for action in &plan.actions {
            let result = M::records(action).map_or_else(|| outcome(action), Ok);
            let failed = result.is_err();
            if let Err(failure) = &result {
                let _ = writeln!(story, "  ! {failure}");
            }
            M::absorb(&mut observed, action, result, now);
            if failed || M::failure(&observed, now).is_some() {
                break;
            }
        }
        if plan.next != Next::Again {
            break;
        }
    }
    for note in M::notes(&observed) {
        let _ = writeln!(
            story,
            "event: {:?} {}: {}",
            note.type_, note.reason, note.message
        );
    }
    match M::status(&observed, now) {
        Some(status) => story.push_str(&say(&status)),
        None => story.push_str("status: none, the object is gone\n"),
    }
    story
}
