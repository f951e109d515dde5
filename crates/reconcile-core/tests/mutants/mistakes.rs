//! Machines with one mistake each: the explorer must find them all.

use leasehold_api_types::{AwsAccessKeyRequestStatus, AwsRoleStatus, SecretEngineStatus};
use leasehold_reconcile_core::{
    Failure, Known, Machine, Note, Plan, SignedDuration, Timestamp,
    aws_access_key_request::{Action, Observed, Outcome, RequestMachine, UNANSWERED_READ},
    aws_role::{self, AwsRoleMachine},
    secret_engine::{self, SecretEngineMachine},
};

use crate::provision::{Bits, Effect, Engine, Kind, Role};

/// A mistake.
pub(crate) trait Mistake: 'static {
    fn decide(o: &Observed, now: Timestamp) -> Plan<Action> {
        RequestMachine::decide(o, now)
    }
    fn absorb(o: &mut Observed, a: &Action, outcome: Result<Outcome, Failure>, now: Timestamp) {
        RequestMachine::absorb(o, a, outcome, now);
    }
}

/// The machine with that mistake.
#[derive(Debug)]
pub(crate) struct Mutant<X>(std::marker::PhantomData<X>);

impl<X: Mistake> Machine for Mutant<X> {
    type Observed = Observed;
    type Action = Action;
    type Outcome = Outcome;
    type Status = AwsAccessKeyRequestStatus;

    fn decide(o: &Observed, now: Timestamp) -> Plan<Action> {
        X::decide(o, now)
    }
    fn absorb(o: &mut Observed, a: &Action, outcome: Result<Outcome, Failure>, now: Timestamp) {
        X::absorb(o, a, outcome, now);
    }
    fn status(o: &Observed, now: Timestamp) -> Option<AwsAccessKeyRequestStatus> {
        RequestMachine::status(o, now)
    }
    fn records(action: &Action) -> Option<Outcome> {
        RequestMachine::records(action)
    }
    fn unrepeatable(action: &Action) -> bool {
        RequestMachine::unrepeatable(action)
    }
    fn failure(o: &Observed, now: Timestamp) -> Option<Failure> {
        RequestMachine::failure(o, now)
    }
    fn notes(o: &Observed) -> &[Note] {
        RequestMachine::notes(o)
    }
}

/// Asks for the key without having written down under which keeper.
pub(crate) struct SkipsIntent;
impl Mistake for SkipsIntent {
    fn decide(o: &Observed, now: Timestamp) -> Plan<Action> {
        let plan = RequestMachine::decide(o, now);
        let [action @ Action::RecordIntent { .. }] = plan.actions.as_slice() else {
            return plan;
        };
        let mut after = o.clone();
        RequestMachine::absorb(&mut after, action, Ok(Outcome::Done), now);
        RequestMachine::decide(&after, now)
    }
    fn absorb(o: &mut Observed, a: &Action, outcome: Result<Outcome, Failure>, now: Timestamp) {
        if let Action::Issue { .. } = a {
            let plan = RequestMachine::decide(o, now);
            if let [intent @ Action::RecordIntent { .. }] = plan.actions.as_slice() {
                RequestMachine::absorb(o, intent, Ok(Outcome::Done), now);
            }
        }
        RequestMachine::absorb(o, a, outcome, now);
    }
}

/// Ends an unanswered intent at once.
pub(crate) struct EndsIntentAtOnce;
impl Mistake for EndsIntentAtOnce {
    fn decide(o: &Observed, now: Timestamp) -> Plan<Action> {
        let mut o = o.clone();
        let idle = o.held.key.is_none() && o.held.keeper.as_ref().is_none_or(|k| k.asked);
        if idle {
            let long_ago = now - SignedDuration::from_secs(200);
            o.seen.values_mut().for_each(|seen| *seen = long_ago);
        }
        RequestMachine::decide(&o, now)
    }
}

/// Takes a failed look for "not there".
pub(crate) struct UnknownIsAbsent;
impl Mistake for UnknownIsAbsent {
    fn decide(o: &Observed, now: Timestamp) -> Plan<Action> {
        let mut o = o.clone();
        for seen in o.keepers.values_mut().filter(|k| k.failure().is_some()) {
            *seen = Known::Absent;
        }
        for seen in o.leases.values_mut().filter(|k| k.failure().is_some()) {
            *seen = Known::Absent;
        }
        RequestMachine::decide(&o, now)
    }
}

/// Lets the object go before its keys have ended.
pub(crate) struct FinalizerFirst;
impl Mistake for FinalizerFirst {
    fn decide(o: &Observed, now: Timestamp) -> Plan<Action> {
        if o.object.deleting.is_some() && o.object.finalizer {
            return Plan::act(Action::RemoveFinalizer);
        }
        RequestMachine::decide(o, now)
    }
}

/// Reads again under a keeper it has already asked under.
pub(crate) struct AsksAgain;
impl Mistake for AsksAgain {
    fn decide(o: &Observed, now: Timestamp) -> Plan<Action> {
        let mut o = o.clone();
        if o.held.key.is_none()
            && let Some(keeper) = &mut o.held.keeper
        {
            keeper.asked = false;
        }
        RequestMachine::decide(&o, now)
    }
}

/// Believes the status that a keeper is ours.
pub(crate) struct TrustsStatus;
impl Mistake for TrustsStatus {
    fn decide(o: &Observed, now: Timestamp) -> Plan<Action> {
        let mut o = o.clone();
        for seen in o.keepers.values_mut() {
            if let Known::Is(keeper) = seen {
                keeper.ours = true;
            }
        }
        RequestMachine::decide(&o, now)
    }
}

/// Counts a key as ended when its keeper is: AWS may still refuse.
pub(crate) struct NeverLooksAtLeases;
impl Mistake for NeverLooksAtLeases {
    fn decide(o: &Observed, now: Timestamp) -> Plan<Action> {
        let plan = RequestMachine::decide(o, now);
        for action in &plan.actions {
            if let Action::LookUpLease { lease, .. } = action
                && matches!(o.keepers.values().next(), Some(Known::Absent))
            {
                let mut after = o.clone();
                after.leases.insert(lease.clone(), Known::Absent);
                return RequestMachine::decide(&after, now);
            }
        }
        plan
    }
}

/// Takes over what another replica wrote a moment ago.
pub(crate) struct TakesFreshIntents;
impl Mistake for TakesFreshIntents {
    fn decide(o: &Observed, now: Timestamp) -> Plan<Action> {
        let mut o = o.clone();
        let me = o.settings.instance.clone();
        if o.state.intent.as_ref().is_some_and(|i| i.by != me) {
            let long_ago = now - SignedDuration::from_secs(200);
            o.seen.values_mut().for_each(|seen| *seen = long_ago);
        }
        RequestMachine::decide(&o, now)
    }
}

/// Counts an intent's age from when its writer says that it was.
pub(crate) struct BelievesOtherClocks;
impl Mistake for BelievesOtherClocks {
    fn decide(o: &Observed, now: Timestamp) -> Plan<Action> {
        let mut o = o.clone();
        if let Some(intent) = &o.state.intent
            && let Some(keeper) = &intent.keeper
        {
            o.seen.insert(keeper.as_str().into(), intent.at.0);
        }
        for former in &o.state.retiring {
            let since = former.not_before.0 - UNANSWERED_READ;
            o.seen.insert(former.keeper.as_str().into(), since);
        }
        RequestMachine::decide(&o, now)
    }
}

/// Forgets what it set aside.
pub(crate) struct ForgetsRetiring;
impl Mistake for ForgetsRetiring {
    fn absorb(o: &mut Observed, a: &Action, outcome: Result<Outcome, Failure>, now: Timestamp) {
        RequestMachine::absorb(o, a, outcome, now);
        if let Action::SetIntentAside { .. } = a {
            o.state.retiring.clear();
        }
    }
}

/// Forgets the former key when it records the next.
pub(crate) struct ForgetsFormerKey;
impl Mistake for ForgetsFormerKey {
    fn absorb(o: &mut Observed, a: &Action, outcome: Result<Outcome, Failure>, now: Timestamp) {
        let before = o.state.retiring.clone();
        RequestMachine::absorb(o, a, outcome, now);
        if let Action::RecordCredential { .. } = a {
            o.state.retiring = before;
        }
    }
}

/// Takes any approval for one of this spec.
pub(crate) struct TakesStaleApprovals;
impl Mistake for TakesStaleApprovals {
    fn decide(o: &Observed, now: Timestamp) -> Plan<Action> {
        let mut o = o.clone();
        for condition in &mut o.previous.conditions {
            condition.observed_generation = None;
        }
        RequestMachine::decide(&o, now)
    }
}

/// Does not see that somebody wrote over the key.
pub(crate) struct OverlooksEdits;
impl Mistake for OverlooksEdits {
    fn decide(o: &Observed, now: Timestamp) -> Plan<Action> {
        let mut o = o.clone();
        if let Known::Is(secret) = &mut o.secret {
            secret.edited = false;
        }
        RequestMachine::decide(&o, now)
    }
}

/// Writes a new key over one that only its Secret names, and forgets that.
pub(crate) struct OverwritesStray;
impl Mistake for OverwritesStray {
    fn absorb(o: &mut Observed, a: &Action, outcome: Result<Outcome, Failure>, now: Timestamp) {
        let before = o.state.retiring.clone();
        RequestMachine::absorb(o, a, outcome, now);
        if let Action::RecordIntent { .. } = a {
            o.state.retiring = before;
        }
    }
}

/// Looks for keys in the status alone when the request goes.
pub(crate) struct DropsStray;
impl Mistake for DropsStray {
    fn decide(o: &Observed, now: Timestamp) -> Plan<Action> {
        let mut o = o.clone();
        if let Known::Is(secret) = &mut o.secret
            && o.object.deleting.is_some()
        {
            secret.facts = None;
        }
        RequestMachine::decide(&o, now)
    }
}

/// Issues whatever people have said.
pub(crate) struct NeedsNoApproval;
impl Mistake for NeedsNoApproval {
    fn decide(o: &Observed, now: Timestamp) -> Plan<Action> {
        let mut o = o.clone();
        if o.object.deleting.is_none() {
            o.previous.conditions.retain(|c| c.type_ != "Denied");
        }
        RequestMachine::decide(&o, now)
    }
}

/// An engine that takes every mount for its own.
#[derive(Debug)]
pub(crate) struct TakesAnyMount;

impl TakesAnyMount {
    fn mistaken(o: &secret_engine::Observed) -> secret_engine::Observed {
        let mut o = o.clone();
        let owner = o.owner();
        if let Known::Is(mount) = &mut o.mount {
            mount.owner = Some(owner);
        }
        o
    }
}

impl Machine for TakesAnyMount {
    type Observed = secret_engine::Observed;
    type Action = secret_engine::Action;
    type Outcome = ();
    type Status = SecretEngineStatus;

    fn decide(o: &Self::Observed, now: Timestamp) -> Plan<Self::Action> {
        SecretEngineMachine::decide(&Self::mistaken(o), now)
    }
    fn absorb(
        o: &mut Self::Observed,
        a: &Self::Action,
        outcome: Result<(), Failure>,
        now: Timestamp,
    ) {
        SecretEngineMachine::absorb(o, a, outcome, now);
    }
    fn status(o: &Self::Observed, now: Timestamp) -> Option<SecretEngineStatus> {
        SecretEngineMachine::status(o, now)
    }
    fn records(_: &Self::Action) -> Option<()> {
        None
    }
    fn unrepeatable(_: &Self::Action) -> bool {
        false
    }
    fn failure(o: &Self::Observed, now: Timestamp) -> Option<Failure> {
        SecretEngineMachine::failure(&Self::mistaken(o), now)
    }
    fn notes(o: &Self::Observed) -> &[Note] {
        SecretEngineMachine::notes(o)
    }
}

impl Kind for TakesAnyMount {
    type Machine = Self;
    const REPLACES: bool = Engine::REPLACES;
    fn observed(bits: &Bits) -> secret_engine::Observed {
        Engine::observed(bits)
    }
    fn effect(action: &secret_engine::Action) -> Effect {
        Engine::effect(action)
    }
    fn written(status: &SecretEngineStatus) -> bool {
        Engine::written(status)
    }
    fn bits(o: &secret_engine::Observed) -> Bits {
        Engine::bits(o)
    }
    fn failed(o: &secret_engine::Observed) -> bool {
        Engine::failed(o)
    }
}

/// A role that does not ask whose the mount is.
#[derive(Debug)]
pub(crate) struct WritesAnywhere;

impl WritesAnywhere {
    fn mistaken(o: &aws_role::Observed) -> aws_role::Observed {
        let mut o = o.clone();
        o.mount = Known::Is(aws_role::RoleMount::default());
        o
    }
}

impl Machine for WritesAnywhere {
    type Observed = aws_role::Observed;
    type Action = aws_role::Action;
    type Outcome = ();
    type Status = AwsRoleStatus;

    fn decide(o: &Self::Observed, now: Timestamp) -> Plan<Self::Action> {
        AwsRoleMachine::decide(&Self::mistaken(o), now)
    }
    fn absorb(
        o: &mut Self::Observed,
        a: &Self::Action,
        outcome: Result<(), Failure>,
        now: Timestamp,
    ) {
        AwsRoleMachine::absorb(o, a, outcome, now);
    }
    fn status(o: &Self::Observed, now: Timestamp) -> Option<AwsRoleStatus> {
        AwsRoleMachine::status(o, now)
    }
    fn records(_: &Self::Action) -> Option<()> {
        None
    }
    fn unrepeatable(_: &Self::Action) -> bool {
        false
    }
    fn failure(o: &Self::Observed, now: Timestamp) -> Option<Failure> {
        AwsRoleMachine::failure(&Self::mistaken(o), now)
    }
    fn notes(o: &Self::Observed) -> &[Note] {
        AwsRoleMachine::notes(o)
    }
}

impl Kind for WritesAnywhere {
    type Machine = Self;
    const REPLACES: bool = Role::REPLACES;
    fn observed(bits: &Bits) -> aws_role::Observed {
        Role::observed(bits)
    }
    fn effect(action: &aws_role::Action) -> Effect {
        Role::effect(action)
    }
    fn written(status: &AwsRoleStatus) -> bool {
        Role::written(status)
    }
    fn bits(o: &aws_role::Observed) -> Bits {
        Role::bits(o)
    }
    fn failed(o: &aws_role::Observed) -> bool {
        Role::failed(o)
    }
}
