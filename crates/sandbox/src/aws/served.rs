//! How AWS is served.

use std::convert::Infallible;

use jiff::Timestamp;
use serde_json::Value;

use super::{Aws, Fault, FaultPlan, Request, Response};
use crate::face::{Answer, Course, Next, Served};

impl Served for Aws {
    type Fault = Fault;
    type Plan = FaultPlan;
    type Watch = Infallible;
    type Topic = ();

    /// Larger than any request AWS would take.
    const MAX_BODY: usize = 1 << 20;

    const CALLS: &'static [&'static str] = &["root-policy"];

    fn set_faults(&mut self, plan: FaultPlan) {
        self.set_faults(plan);
    }

    fn fault(&mut self, request: &Request, now: Timestamp) -> Fault {
        self.fault(request, now)
    }

    fn course(fault: &Fault) -> Course {
        Course {
            delay: fault.delay,
            answer_delay: fault.answer_delay,
            cut: fault.cut,
        }
    }

    fn answer(&mut self, request: &Request, fault: &Fault, now: Timestamp) -> Answer<Infallible> {
        Answer::Whole(self.answer(request, now, fault))
    }

    fn too_large(&self) -> Response {
        Response::new(413, "text/plain", "Request Entity Too Large")
    }

    fn state(&self) -> Value {
        self.state()
    }

    fn call(&mut self, name: &str, body: &[u8], _now: Timestamp) -> Result<(), String> {
        match name {
            "root-policy" => {
                let policy: Value =
                    serde_json::from_slice(body).map_err(|error| error.to_string())?;
                self.set_root_policy(&policy.to_string())
            }
            other => Err(format!("{other} is not one of AWS's calls")),
        }
    }

    fn topic(watch: &Infallible) {
        match *watch {}
    }

    fn next(&mut self, watch: &mut Infallible, _now: Timestamp) -> Next {
        match *watch {}
    }
}
