//! The laws of the core, over observations of every kind, sensible or not.
//!
//! Law 7 (no key outlives its request) is a law over histories: see the explorer.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "helpers of tests"
)]

mod common;

use std::fmt::Debug;

use common::{any, now};
use leasehold_api_types::aws_access_key_request::VaultPlace;
use leasehold_reconcile_core::{
    Failure, Known, Machine, Next, Note, SignedDuration, Timestamp,
    aws_access_key_request::{
        self as request, Approval, Binding, KeeperSeen, LeaseSeen, Outcome, RequestMachine,
        approval,
    },
    aws_role::{self, AwsRoleMachine},
    explain::{MAX_ROUNDS, request_succeeds},
    secret_engine::{self, SecretEngineMachine},
};
use leasehold_vault_client::Accessor;
use proptest::prelude::*;

/// One step of a drive: what was known, and what was done.
struct Step<M: Machine> {
    before: M::Observed,
    action: M::Action,
}

struct Drive<M: Machine> {
    steps: Vec<Step<M>>,
    after: M::Observed,
    next: Next,
}

/// As the shell drives: a plan ends at the first error or failure. Laws 2, 9 and 11 hold on the way.
fn drive<M: Machine>(
    mut o: M::Observed,
    mut outcome: impl FnMut(&M::Observed, &M::Action) -> Result<M::Outcome, Failure>,
) -> Result<Drive<M>, TestCaseError> {
    let mut steps = Vec::new();
    for _ in 0..MAX_ROUNDS {
        let plan = M::decide(&o, now());
        let unrepeatable = plan.actions.iter().filter(|a| M::unrepeatable(a)).count();
        prop_assert!(unrepeatable <= 1, "law 9: {plan}");
        prop_assert!(
            unrepeatable == 0 || plan.actions.last().is_some_and(M::unrepeatable),
            "law 9: {plan}"
        );
        if let Next::At(t) = plan.next {
            let wait = t.duration_since(now());
            let fits =
                wait >= SignedDuration::from_secs(1) && wait <= SignedDuration::from_hours(1);
            prop_assert!(fits, "law 11: {wait:#}");
        }
        for action in &plan.actions {
            let before = o.clone();
            let result = M::records(action).map_or_else(|| outcome(&o, action), Ok);
            let failed = result.is_err();
            M::absorb(&mut o, action, result, now());
            steps.push(Step {
                before,
                action: action.clone(),
            });
            if failed || M::failure(&o, now()).is_some() {
                break;
            }
        }
        if plan.next != Next::Again {
            return Ok(Drive {
                steps,
                after: o,
                next: plan.next,
            });
        }
    }
    Err(TestCaseError::fail("law 2: does not settle"))
}

/// Law 1, and law 10: what was said is said again.
fn rests<M: Machine>(drive: &Drive<M>) -> Result<(), TestCaseError>
where
    M::Status: Debug,
{
    let again = M::decide(&drive.after, now());
    prop_assert!(again.actions.is_empty(), "law 1: {again}");
    prop_assert_eq!(again.next, drive.next);
    let status = M::status(&drive.after, now());
    prop_assert_eq!(&status, &M::status(&drive.after.clone(), now()), "law 10");
    Ok(())
}

fn let_go<'a>(notes: impl IntoIterator<Item = &'a Note>) -> bool {
    notes.into_iter().any(Note::is_let_go)
}

/// Whether the removal of the finalizer succeeded: only then something was let go.
fn removed(object: &leasehold_reconcile_core::Object) -> bool {
    !object.finalizer
}

fn engine_laws(d: &Drive<SecretEngineMachine>) -> Result<(), TestCaseError> {
    use secret_engine::Action;
    rests(d)?;
    for Step { before: o, action } in &d.steps {
        let ours = o.mount.is().is_some_and(|m| o.ours(m));
        let vault = matches!(o.vault, Known::Is(()));
        match action {
            Action::EnableMount { .. } => prop_assert_eq!(&o.mount, &Known::Absent, "law 6"),
            Action::DescribeMount { .. } => prop_assert!(ours, "law 5: {action}"),
            Action::WriteRootConfig { .. } | Action::WriteEngineLease { .. } => {
                prop_assert!(ours || o.spec.adopt, "law 5: {action}");
            }
            Action::DisableMount { .. } => {
                prop_assert!(ours && !o.spec.adopt, "law 5: {action}");
                prop_assert!(o.users.is_empty(), "law 5: in use");
            }
            Action::RemoveFinalizer => {
                let retained = o.spec.adopt
                    || o.spec.deletion_policy
                        == leasehold_api_types::secret_engine::DeletionPolicy::Retain;
                let known = vault && o.mount.failure().is_none() && !ours;
                prop_assert!(
                    known || retained || let_go(&d.after.notes) || !removed(&d.after.object),
                    "law 4"
                );
            }
            Action::AddFinalizer | Action::LetGo { .. } => {}
        }
        let writes = !matches!(
            action,
            Action::AddFinalizer | Action::LetGo { .. } | Action::RemoveFinalizer
        );
        if writes {
            prop_assert!(o.object.finalizer, "law 3: {action}");
            prop_assert!(vault, "law 6: {action}");
        }
    }
    Ok(())
}

fn role_laws(d: &Drive<AwsRoleMachine>) -> Result<(), TestCaseError> {
    use aws_role::Action;
    rests(d)?;
    for Step { before: o, action } in &d.steps {
        let vault = matches!(o.vault, Known::Is(()));
        match action {
            Action::WriteRole { .. } => {
                prop_assert!(o.object.finalizer, "law 3");
                prop_assert!(vault && o.role.failure().is_none(), "law 6");
                prop_assert!(o.mount.failure().is_none(), "law 6: whose is the mount?");
                prop_assert!(o.foreign().is_none(), "law 5: {action}");
            }
            Action::DeleteRole { .. } => {
                prop_assert!(
                    o.object.deleting.is_some() && o.role.is().is_some(),
                    "law 5"
                );
                prop_assert!(vault && o.mount.failure().is_none(), "law 6");
                prop_assert!(o.foreign().is_none(), "law 5: {action}");
            }
            Action::RemoveFinalizer => {
                let known = vault && o.mount.failure().is_none();
                let gone = known && (o.role.is().is_none() || o.foreign().is_some());
                prop_assert!(
                    gone || let_go(&d.after.notes) || !removed(&d.after.object),
                    "law 4"
                );
            }
            Action::AddFinalizer | Action::LetGo { .. } => {}
        }
    }
    Ok(())
}

/// Every keeper that the status names, with the place it belongs to.
fn keepers(o: &request::Observed) -> Vec<(Accessor, VaultPlace)> {
    let mut all = Vec::new();
    if let Some(c) = &o.state.credential {
        all.extend(c.keeper.clone().map(|k| (Accessor(k), c.vault.clone())));
    }
    if let Some(i) = &o.state.intent {
        all.extend(i.keeper.clone().map(|k| (Accessor(k), i.vault.clone())));
    }
    all.extend(
        o.state
            .retiring
            .iter()
            .map(|r| (Accessor(r.keeper.clone()), r.vault.clone())),
    );
    all
}

/// Said once more, in other words than the core's.
fn granted(o: &request::Observed) -> bool {
    use leasehold_api_types::aws_role::NamespacesFrom;
    let Known::Is(role) = &o.role else {
        return false;
    };
    let from = role.allowed.as_ref().map(|a| a.from);
    o.spec.role_ref.namespace == o.object.namespace
        || from == Some(NamespacesFrom::All)
        || role.labels.is() == Some(&common::team("a"))
}

fn request_laws(d: &Drive<RequestMachine>) -> Result<(), TestCaseError> {
    use request::Action;
    rests(d)?;
    for Step { before: o, action } in &d.steps {
        let judged = approval(
            &o.previous.conditions,
            o.object.generation,
            o.state.approved_generation,
        );
        let usable = |b: &Binding| o.vault(b).is().is_some();
        match action {
            Action::OpenKeeper { .. } | Action::Issue { .. } | Action::RecordIntent { .. } => {
                prop_assert_eq!(judged, Approval::Approved, "law 8: {}", action);
                prop_assert!(
                    o.object.finalizer && o.object.deleting.is_none(),
                    "law 3: {action}"
                );
                // An intent of a key in hand is only written anew.
                if o.held.key.is_none() {
                    prop_assert!(granted(o), "law 8: {action}");
                }
            }
            Action::RevokeKeeper { accessor, binding } => {
                prop_assert!(o.object.finalizer, "law 3");
                prop_assert!(usable(binding), "law 6");
                let unnamed = o
                    .held
                    .keeper
                    .as_ref()
                    .is_some_and(|k| k.accessor == *accessor && !k.asked)
                    && keepers(o).iter().all(|(k, _)| k != accessor);
                let ours = matches!(o.keepers.get(accessor), Some(Known::Is(k)) if k.ours);
                prop_assert!(ours || unnamed, "law 5: {action}");
                for (keeper, place) in keepers(o) {
                    let here = o.vault(&Binding::of(&place));
                    prop_assert!(
                        keeper != *accessor
                            || here.is().is_some_and(|c| c.as_str() == place.cluster_id),
                        "law 6: another Vault"
                    );
                }
            }
            Action::RevokeLease { lease, binding } => {
                prop_assert!(o.object.finalizer && usable(binding), "law 3");
                let ending = matches!(o.leases.get(lease), Some(Known::Is(l)) if l.ttl <= 0);
                prop_assert!(ending, "law 5: {action}");
            }
            Action::CountEnded { accessor, foreign } => match o.keepers.get(accessor) {
                Some(Known::Absent) => {}
                Some(Known::Is(k)) => prop_assert!(*foreign && !k.ours, "law 4: it lives"),
                other => prop_assert!(false, "law 6: {other:?}"),
            },
            Action::DeleteSecret { .. } => {
                prop_assert!(o.secret.is().is_some_and(|s| s.ours), "law 5, law 6");
            }
            Action::RemoveFinalizer => {
                let left = keepers(o);
                prop_assert!(
                    left.is_empty() || let_go(&d.after.notes) || !removed(&d.after.object),
                    "law 4: {left:?}"
                );
            }
            _ => {}
        }
    }
    Ok(())
}

/// What an action brings back in a world that does as it likes.
fn whim(dice: &mut impl Iterator<Item = u8>, action: &request::Action) -> Result<Outcome, Failure> {
    use request::Action;
    let n = dice.next().unwrap_or(0);
    let memory = matches!(
        action,
        Action::LetGo { .. }
            | Action::CountEnded { .. }
            | Action::ForgetHeld { .. }
            | Action::ForgetCredential
    );
    if n % 5 == 4 && !memory {
        return Err(if n.is_multiple_of(2) {
            common::unanswered()
        } else {
            common::denied()
        });
    }
    Ok(match (action, n % 5) {
        (Action::Issue { .. }, 1) => Outcome::NoKey {
            answered: true,
            failure: common::denied(),
        },
        (Action::Issue { .. }, 2) => Outcome::NoKey {
            answered: false,
            failure: common::unanswered(),
        },
        (Action::LookUpKeeper { .. }, 1) => Outcome::KeeperSeen(Known::Absent),
        (Action::LookUpKeeper { .. }, 2) => {
            Outcome::KeeperSeen(Known::Is(KeeperSeen { ours: false }))
        }
        (Action::LookUpKeeper { .. }, 3) => Outcome::KeeperSeen(Known::Unknown(common::sealed())),
        (Action::LookUpLease { .. }, 1) => Outcome::LeaseSeen(Known::Is(LeaseSeen { ttl: 100 })),
        (Action::LookUpLease { .. }, 2) => Outcome::LeaseSeen(Known::Is(LeaseSeen { ttl: 0 })),
        (Action::LookUpLease { .. }, 3) => Outcome::LeaseSeen(Known::Unknown(common::sealed())),
        (Action::LookAtSecret, 1) => Outcome::Secret(Known::Unknown(common::unanswered())),
        _ => return request_succeeds(action),
    })
}

fn simple(dice: &[u8]) -> impl FnMut() -> Result<(), Failure> + use<'_> {
    let mut dice = dice.iter().copied();
    move || match dice.next().unwrap_or(0) % 4 {
        3 => Err(common::denied()),
        _ => Ok(()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_engines(o in any::engine(), dice in prop::collection::vec(any::<u8>(), 0..12)) {
        engine_laws(&drive::<SecretEngineMachine>(o.clone(), |_, _| Ok(()))?)?;
        let mut outcome = simple(&dice);
        engine_laws(&drive::<SecretEngineMachine>(o, |_, a| {
            let said = matches!(a, secret_engine::Action::LetGo { .. });
            if said { Ok(()) } else { outcome() }
        })?)?;
    }

    #[test]
    fn of_roles(o in any::role(), dice in prop::collection::vec(any::<u8>(), 0..12)) {
        role_laws(&drive::<AwsRoleMachine>(o.clone(), |_, _| Ok(()))?)?;
        let mut outcome = simple(&dice);
        role_laws(&drive::<AwsRoleMachine>(o, |_, a| {
            let said = matches!(a, aws_role::Action::LetGo { .. });
            if said { Ok(()) } else { outcome() }
        })?)?;
    }

    #[test]
    fn of_requests(o in any::request(), dice in prop::collection::vec(any::<u8>(), 0..24)) {
        request_laws(&drive::<RequestMachine>(o.clone(), |_, a| request_succeeds(a))?)?;
        let mut dice = dice.into_iter();
        request_laws(&drive::<RequestMachine>(o, |_, a| whim(&mut dice, a))?)?;
    }

    /// Law 10: what is read back after it was written is said again, word for word, later too.
    #[test]
    fn a_status_read_back_is_no_news(o in any::request(), later in 0..3600_i64) {
        let mut o = drive::<RequestMachine>(o, |_, a| request_succeeds(a))?.after;
        let Some(said) = RequestMachine::status(&o, now()) else { return Ok(()) };
        let people = o.previous.conditions.clone();
        o.previous = said.clone();
        let words = ["Approved", "Denied"];
        o.previous.conditions.extend(people.into_iter().filter(|c| words.contains(&c.type_.as_str())));
        prop_assert_eq!(RequestMachine::status(&o, now()), Some(said.clone()));
        // The conditions' times change only with what they say.
        let then: Timestamp = now() + SignedDuration::from_secs(later);
        let again = RequestMachine::status(&o, then).unwrap();
        for (before, after) in said.conditions.iter().zip(&again.conditions) {
            if before.type_ == after.type_ && before.status == after.status {
                prop_assert_eq!(&before.last_transition_time, &after.last_transition_time);
            }
        }
    }
}

/// Law 12: there is no place for a secret. A new field here is a question to its author: what may
/// stand in it, and who prints it?
#[test]
fn nothing_in_the_core_can_hold_a_secret() {
    let engine = common::engine("e");
    let secret_engine::RootSecretSeen {
        version: _,
        access_key: _,
    } = engine.root_secret.is().unwrap();
    let request::KeyFacts {
        keeper: _,
        lease: _,
        duration: _,
        renewable: _,
        issued_at: _,
        expires_at: _,
        role_generation: _,
    } = common::key(1);
    let request::Held {
        keeper: _,
        key: _,
        stored: _,
        role_granted: _,
        binding_granted: _,
        unstored_since: _,
        not_before: _,
        looks: _,
        at_rest: _,
    } = request::Held::default();
    if let Outcome::Key {
        lease: _,
        duration: _,
        renewable: _,
    } = (Outcome::Key {
        lease: None,
        duration: SignedDuration::ZERO,
        renewable: false,
    }) {}
    if let Outcome::Keeper {
        accessor: _,
        ttl: _,
    } = (Outcome::Keeper {
        accessor: "a".into(),
        ttl: SignedDuration::ZERO,
    }) {}
    // Vault's own access key id is no secret, and is shown nowhere all the same.
    let plan = SecretEngineMachine::decide(
        &common::EngineExt::with(common::EngineExt::provided(engine), |o| o.written = None),
        now(),
    );
    assert!(plan.to_string().contains("config/root"), "{plan}");
    assert!(!plan.to_string().contains("AKIAROOT"), "{plan}");
}
