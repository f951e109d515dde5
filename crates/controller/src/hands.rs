//! The two places where a kind touches the world.

pub mod aws_access_key_request;
pub mod aws_role;
pub mod secret_engine;

use std::fmt::Debug;
use std::future::Future;

use jiff::Timestamp;
use kube::{Resource, core::NamespaceResourceScope};
use leasehold_api_types::{
    AwsAccessKeyRequestStatus, AwsRoleStatus, Condition, SecretEngineStatus,
};
use leasehold_reconcile_core::{Failure, Machine, aws_access_key_request::Binding};
use serde::{Serialize, de::DeserializeOwned};

use crate::cluster::Target;

/// How one kind sees and touches the world. No decisions here: an `if` on state in `perform` is a
/// missing line in `decide`.
pub trait Hands: Send + Sync + 'static {
    /// What one drive holds from its look to its end: the logins it looked through, above all. Its
    /// actions go through the same, so that what was decided on one Vault is not done to another.
    type Grip: Send + Sync;
    /// Decides for it.
    type Machine: Machine<Status: HasConditions>;
    /// The custom resource.
    type Object: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Serialize
        + Send
        + Sync
        + 'static;

    /// The AppBinding whose Vault a drive of that object asks, if it asks one.
    fn asks(&self, object: &Self::Object) -> Option<Binding>;

    /// Gathers everything `decide` may look at. Total: a failed look is a `Failure` in there.
    fn observe(
        &self,
        object: &Self::Object,
        attempts: u32,
        now: Timestamp,
    ) -> impl Future<Output = (ObservedOf<Self>, Self::Grip)> + Send;

    /// Carries out one action.
    fn perform(
        &self,
        target: &mut Target<Self::Object>,
        grip: &Self::Grip,
        action: &ActionOf<Self>,
    ) -> impl Future<Output = Result<OutcomeOf<Self>, Failure>> + Send;

    /// Keeps what must outlive this drive, after each absorbed action.
    fn remember(&self, _uid: &str, _observed: &ObservedOf<Self>) {}

    /// The object is gone: nothing of it is kept.
    fn forget(&self, _uid: &str) {}

    /// The status as it was read.
    fn status_of(object: &Self::Object) -> Option<StatusOf<Self>>;
}

/// What a kind's decisions rest on.
pub type ObservedOf<H> = <<H as Hands>::Machine as Machine>::Observed;
/// What can be done for a kind.
pub type ActionOf<H> = <<H as Hands>::Machine as Machine>::Action;
/// What an action brings back.
pub type OutcomeOf<H> = <<H as Hands>::Machine as Machine>::Outcome;
/// What people see of a kind.
pub type StatusOf<H> = <<H as Hands>::Machine as Machine>::Status;

/// A status with conditions.
pub trait HasConditions: Serialize {
    /// All of them.
    fn conditions(&self) -> &[Condition];
    /// All of them, to change.
    fn conditions_mut(&mut self) -> &mut Vec<Condition>;
}

macro_rules! has_conditions {
    ($($status:ty),*) => {$(
        impl HasConditions for $status {
            fn conditions(&self) -> &[Condition] {
                &self.conditions
            }
            fn conditions_mut(&mut self) -> &mut Vec<Condition> {
                &mut self.conditions
            }
        }
    )*};
}
has_conditions!(SecretEngineStatus, AwsRoleStatus, AwsAccessKeyRequestStatus);
