//! AWSAccessKeyRequest: what is seen, and how it is touched.

mod held;
mod observe;
mod perform;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use kube::Client;
use leasehold_api_types::{AWSAccessKeyRequest, AwsAccessKeyRequestStatus};
use leasehold_reconcile_core::{
    Failure, Known, Settings,
    aws_access_key_request::{Action, Binding, Observed, Outcome, RequestMachine},
};

use self::held::{InHand, Part};
use super::Hands;
use crate::cluster::Target;
use crate::sessions::{Session, Sessions};
use crate::stores::Stores;

/// Sees and touches AWSAccessKeyRequests.
pub struct RequestHands {
    client: Client,
    stores: Stores,
    sessions: Arc<Sessions>,
    settings: Settings,
    in_hand: InHand,
}

impl std::fmt::Debug for RequestHands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestHands").finish_non_exhaustive()
    }
}

impl RequestHands {
    /// Hands over these caches and logins, empty as yet.
    pub fn new(
        client: Client,
        stores: Stores,
        sessions: Arc<Sessions>,
        settings: Settings,
    ) -> Self {
        Self {
            client,
            stores,
            sessions,
            settings,
            in_hand: InHand::default(),
        }
    }
}

impl RequestHands {
    /// The watch told that an object of the request of that uid was deleted, at that version:
    /// what we wrote before is no longer newer than the cache.
    pub fn part_deleted(&self, uid: &str, kind: &str, version: &str) {
        if let Some(part) = Part::of(kind) {
            self.in_hand
                .deleted(uid, part, crate::memory::number(version));
        }
    }

    /// Whether that version of an object of the request is our own write: its event is no news.
    pub fn wrote_part(&self, uid: &str, kind: &str, version: &str) -> bool {
        Part::of(kind).is_some_and(|part| {
            self.in_hand
                .is_own(uid, part, crate::memory::number(version))
        })
    }
}

/// What a drive of a request holds: the login to each Vault that matters to it.
pub type Grip = BTreeMap<Binding, Known<Session>>;

impl Hands for RequestHands {
    type Grip = Grip;
    type Machine = RequestMachine;
    type Object = AWSAccessKeyRequest;

    /// Its role's: former keys may be in another one, and do not hold up the next.
    fn asks(&self, request: &AWSAccessKeyRequest) -> Option<Binding> {
        self.asked(request)
    }

    async fn observe(
        &self,
        request: &AWSAccessKeyRequest,
        attempts: u32,
        now: Timestamp,
    ) -> (Observed, Grip) {
        self.look(request, attempts, now).await
    }

    async fn perform(
        &self,
        target: &mut Target<AWSAccessKeyRequest>,
        grip: &Grip,
        action: &Action,
    ) -> Result<Outcome, Failure> {
        self.touch(target, grip, action).await
    }

    fn remember(&self, uid: &str, observed: &Observed) {
        self.in_hand.remember(uid, &observed.held, &observed.state);
    }

    fn forget(&self, uid: &str) {
        self.in_hand.forget(uid);
    }

    fn status_of(request: &AWSAccessKeyRequest) -> Option<AwsAccessKeyRequestStatus> {
        request.status.clone()
    }
}
