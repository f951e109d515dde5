//! The driver alone, on a toy kind.

use std::fmt;
use std::sync::{Arc, Mutex};

use kube::runtime::{reflector, watcher};
use leasehold_api_types::{AWSRole, AwsRoleStatus};
use leasehold_controller::clock::Clock;
use leasehold_controller::cluster::{Events, Target};
use leasehold_controller::driver::{Context, DriveError, drive, error_policy};
use leasehold_controller::hands::Hands;
use leasehold_controller::lanes::Lanes;
use leasehold_controller::memory::Memory;
use leasehold_controller::metrics::Metrics;
use leasehold_reconcile_core::aws_access_key_request::Binding;
use leasehold_reconcile_core::{Failure, Machine, Next, Note, Plan, Timestamp};

use crate::world::{NS, World};

/// One step, and rest.
enum Toy {}

#[derive(Clone, Debug, PartialEq)]
struct Step;

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a step")
    }
}

impl Machine for Toy {
    type Observed = bool;
    type Action = Step;
    type Outcome = ();
    type Status = AwsRoleStatus;

    fn decide(done: &bool, _: Timestamp) -> Plan<Step> {
        if *done {
            return Plan::rest(Next::OnChange);
        }
        Plan::act(Step)
    }

    fn absorb(done: &mut bool, _: &Step, _: Result<(), Failure>, _: Timestamp) {
        *done = true;
    }

    fn status(_: &bool, _: Timestamp) -> Option<AwsRoleStatus> {
        None
    }

    fn records(_: &Step) -> Option<()> {
        None
    }

    fn unrepeatable(_: &Step) -> bool {
        false
    }

    fn failure(_: &bool, _: Timestamp) -> Option<Failure> {
        None
    }

    fn notes(_: &bool) -> &[Note] {
        &[]
    }
}

/// Whose object goes while the step is taken.
struct ToyHands {
    cache: Mutex<reflector::store::Writer<AWSRole>>,
    panics: bool,
    forgotten: Mutex<Vec<String>>,
}

impl Hands for ToyHands {
    type Grip = ();
    type Machine = Toy;
    type Object = AWSRole;

    fn asks(&self, _: &AWSRole) -> Option<Binding> {
        None
    }

    async fn observe(&self, _: &AWSRole, _: u32, _: Timestamp) -> (bool, ()) {
        (false, ())
    }

    async fn perform(
        &self,
        target: &mut Target<AWSRole>,
        (): &(),
        _: &Step,
    ) -> Result<(), Failure> {
        let gone = watcher::Event::Delete((*target.object).clone());
        self.cache.lock().unwrap().apply_watcher_event(&gone);
        assert!(!self.panics, "as told");
        Ok(())
    }

    fn forget(&self, uid: &str) {
        self.forgotten.lock().unwrap().push(uid.into());
    }

    fn status_of(role: &AWSRole) -> Option<AwsRoleStatus> {
        role.status.clone()
    }
}

async fn context(panics: bool) -> (Arc<AWSRole>, Arc<Context<ToyHands, Arc<dyn Clock>>>) {
    let world = World::new().await;
    let role = world.kube.object("awsroles", NS, "reader").unwrap();
    let role: AWSRole = serde_json::from_value(role).unwrap();
    let (store, mut cache) = reflector::store();
    cache.apply_watcher_event(&watcher::Event::Apply(role.clone()));
    let hands = ToyHands {
        cache: Mutex::new(cache),
        panics,
        forgotten: Mutex::default(),
    };
    let context = Context {
        client: world.kube.operators_client(),
        store,
        hands,
        clock: world.time(0),
        memory: Memory::default(),
        lanes: Lanes::default(),
        unreadable: Arc::default(),
        events: Events::new(world.kube.operators_client(), "one", None),
        metrics: Metrics::default(),
    };
    (Arc::new(role), Arc::new(context))
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_of_an_object_that_goes_while_it_is_driven() {
    let (role, context) = context(false).await;
    drive(Arc::clone(&role), Arc::clone(&context))
        .await
        .unwrap();
    assert!(context.memory.is_empty());
    assert_eq!(context.hands.forgotten.lock().unwrap().len(), 1);

    drive(role, Arc::clone(&context)).await.unwrap();
    assert!(
        context.memory.is_empty(),
        "and one that was due is not done"
    );
}

#[tokio::test(start_paused = true)]
async fn nor_if_the_drive_panics() {
    let (role, context) = context(true).await;
    let error = drive(Arc::clone(&role), Arc::clone(&context))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, DriveError::Panic(name, words) if name == "demo/reader" && words.contains("as told")),
        "{error}"
    );
    error_policy(role, &error, Arc::clone(&context));
    assert!(context.memory.is_empty());
    assert_eq!(context.metrics.panics.get(), 1);
}
