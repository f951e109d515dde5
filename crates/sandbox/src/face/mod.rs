//! The HTTP face of the servers.
//!
//! A machine is given a request and the time and gives an answer; [`Served`] says so. A
//! [`Server`] puts one on a port: it reads whole requests, holds the machine's lock only while
//! the machine answers, waits and cuts as its fault plan says, streams watches, and lets
//! [`Clock`](crate::clock::Clock) time pass in the machine. ADR 0010 says why it stands on hyper.

mod admin;
mod body;
mod exchange;
mod in_process;
mod server;
mod shared;
#[cfg(feature = "tls")]
mod tls;

use std::hash::Hash;
use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::faults::{Cut, Fault};
use crate::wire::{Request, Response};

pub use admin::ADMIN_PATH;
pub use in_process::{AnswerBody, InProcess};
pub use server::{Limits, Server, Settings};
pub use shared::{Calls, Shared};
#[cfg(feature = "tls")]
pub use tls::{Identity, TlsError};

/// A machine that can be put on a port.
pub trait Served: Send + 'static {
    /// What happens on purpose to one call.
    type Fault: Send + Sync + 'static;
    /// What shall happen to which calls.
    type Plan: DeserializeOwned;
    /// An answer that goes on; [`std::convert::Infallible`] if there is none.
    type Watch: Send + 'static;
    /// What a watch is about: only a change of it wakes the watch.
    type Topic: Clone + Eq + Hash + Send + 'static;

    /// The largest body of a request.
    const MAX_BODY: usize;

    /// The machine's own calls below [`ADMIN_PATH`], beside those that all have.
    const CALLS: &'static [&'static str] = &[];

    /// Says anew what shall go wrong.
    fn set_faults(&mut self, plan: Self::Plan);

    /// Takes from the plan what happens to a request; it counts as having happened.
    fn fault(&mut self, request: &Request, now: Timestamp) -> Self::Fault;

    /// The part of a fault that is done with the connection.
    fn course(fault: &Self::Fault) -> Course;

    /// Answers a request to which a fault happens.
    fn answer(
        &mut self,
        request: &Request,
        fault: &Self::Fault,
        now: Timestamp,
    ) -> Answer<Self::Watch>;

    /// What a body gets that is larger than [`Self::MAX_BODY`].
    fn too_large(&self) -> Response;

    /// What tests see without being clients; no secrets.
    fn state(&self) -> Value;

    /// Does one of [`Self::CALLS`].
    fn call(&mut self, _name: &str, _body: &[u8], _now: Timestamp) -> Result<(), String> {
        Err("not one of its calls".to_owned())
    }

    /// Does what is due, and says when to ask again.
    fn advance(&mut self, _now: Timestamp) -> Option<Timestamp> {
        None
    }

    /// What a watch is about.
    fn topic(watch: &Self::Watch) -> Self::Topic;

    /// What a watch has to tell that it has not told yet.
    fn next(&mut self, watch: &mut Self::Watch, now: Timestamp) -> Next;

    /// What changed since this was asked last.
    fn changed(&mut self) -> Vec<Self::Topic> {
        Vec::new()
    }
}

/// What a fault does to the connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Course {
    /// How long to wait before the request is handled.
    pub delay: Duration,
    /// How long to wait with the answer.
    pub answer_delay: Duration,
    /// Whether to cut the connection, and when.
    pub cut: Option<Cut>,
}

impl From<&Fault> for Course {
    fn from(fault: &Fault) -> Self {
        Self {
            delay: fault.delay,
            answer_delay: fault.answer_delay,
            cut: fault.cut,
        }
    }
}

/// What a machine says to a request.
#[derive(Debug)]
pub enum Answer<W> {
    /// All of it, now.
    Whole(Response),
    /// All of it, after a while: whomever the machine asked took that long.
    Late(Response, Duration),
    /// The start of something that goes on, with its `Content-Type`.
    Watch(W, &'static str),
}

/// What a watch has to tell.
#[derive(Debug, Default)]
pub struct Next {
    /// The next bytes, if there are any.
    pub bytes: Vec<u8>,
    /// Nothing comes after these.
    pub is_last: bool,
    /// When to ask again if nothing changes until then.
    pub again: Option<Timestamp>,
}
