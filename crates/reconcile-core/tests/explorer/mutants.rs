//! Machines with one mistake each: the explorer must find them all.

use leasehold_api_types::{AwsAccessKeyRequestStatus, time};
use leasehold_reconcile_core::{
    Failure, Known, Machine, Note, Plan, SignedDuration, Timestamp,
    aws_access_key_request::{Action, Observed, Outcome, RequestMachine},
};

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
        if let Some(intent) = o.state.intent.as_mut().filter(|_| idle) {
            intent.at = time(now - SignedDuration::from_secs(200));
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
        let mut plan = RequestMachine::decide(o, now);
        for action in &mut plan.actions {
            if let Action::LookUpLease { lease, .. } = action {
                let mut after = o.clone();
                after.leases.insert(lease.clone(), Known::Absent);
                return RequestMachine::decide(&after, now);
            }
        }
        plan
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
