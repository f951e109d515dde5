//! How Vault is served.

use std::convert::Infallible;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::call::Error;
use super::{Fault, FaultPlan, Request, Response, Upstream, Vault, http};
use crate::face::{Answer, Course, Next, Served};

/// A Vault and whom it calls: what is put on a port.
#[derive(Debug)]
pub struct Wired<U> {
    /// The server.
    pub vault: Vault,
    /// Whom it calls; `()` is nobody.
    pub upstream: U,
}

impl<U: Upstream + Send + 'static> Served for Wired<U> {
    type Fault = Fault;
    type Plan = FaultPlan;
    type Watch = Infallible;
    type Topic = ();

    const MAX_BODY: usize = 32 << 20;

    const CALLS: &'static [&'static str] = &["seal", "unseal"];

    fn set_faults(&mut self, plan: FaultPlan) {
        self.vault.set_faults(plan);
    }

    fn fault(&mut self, request: &Request, now: Timestamp) -> Fault {
        self.vault.fault(request, now)
    }

    fn course(fault: &Fault) -> Course {
        fault.into()
    }

    fn answer(&mut self, request: &Request, fault: &Fault, now: Timestamp) -> Answer<Infallible> {
        // What is due anyway is nothing that this request has to wait for.
        self.advance(now);
        let response = self.vault.answer(request, fault, now, &mut self.upstream);
        Answer::Late(response, self.upstream.late())
    }

    fn too_large(&self) -> Response {
        http::refusal(&Error::said(413, "http: request body too large"))
    }

    fn state(&self) -> Value {
        json!({"sealed": self.vault.is_sealed()})
    }

    fn call(&mut self, name: &str, _body: &[u8], _now: Timestamp) -> Result<(), String> {
        match name {
            "seal" => self.vault.seal(),
            _ => self.vault.unseal(),
        }
        Ok(())
    }

    fn advance(&mut self, now: Timestamp) -> Option<Timestamp> {
        let due = self.vault.advance(now, &mut self.upstream);
        // Nobody waits for it.
        self.upstream.late();
        due
    }

    fn topic(watch: &Infallible) {
        match *watch {}
    }

    fn next(&mut self, watch: &mut Infallible, _now: Timestamp) -> Next {
        match *watch {}
    }
}
