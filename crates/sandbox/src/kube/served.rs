//! How Kubernetes is served.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::errors::Failure;
use super::{Answer, Fault, FaultPlan, Kube, Request, Response, Topic, Watch, body};
use crate::face::{Answer as Said, Course, Next, Served};

impl Served for Kube {
    type Fault = Fault;
    type Plan = FaultPlan;
    type Watch = Box<Watch>;
    type Topic = Topic;

    const MAX_BODY: usize = body::LIMIT;

    const CALLS: &'static [&'static str] = &["compact"];

    fn set_faults(&mut self, plan: FaultPlan) {
        self.set_faults(plan);
    }

    fn fault(&mut self, request: &Request, now: Timestamp) -> Fault {
        self.fault(request, now)
    }

    fn course(fault: &Fault) -> Course {
        fault.into()
    }

    fn answer(&mut self, request: &Request, fault: &Fault, now: Timestamp) -> Said<Box<Watch>> {
        match self.answer(request, fault, now) {
            Answer::Whole(response) => Said::Whole(response),
            Answer::Watch(watch) => Said::Watch(watch, Watch::CONTENT_TYPE),
        }
    }

    fn too_large(&self) -> Response {
        Failure::too_large().response()
    }

    /// How many objects there are of each resource that has any.
    fn state(&self) -> Value {
        let counts = self.resources.all().filter_map(|resource| {
            let count = self.store.count(resource.topic);
            let name = [resource.plural.as_str(), resource.group.as_str()].join(".");
            (count > 0).then(|| (name.trim_end_matches('.').to_owned(), count.into()))
        });
        json!({
            "resourceVersion": self.store.version().to_string(),
            "objects": counts.collect::<Map<_, _>>(),
        })
    }

    fn call(&mut self, _name: &str, _body: &[u8], _now: Timestamp) -> Result<(), String> {
        self.compact();
        Ok(())
    }

    fn advance(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.advance(now)
    }

    fn topic(watch: &Box<Watch>) -> Topic {
        watch.topic()
    }

    fn next(&mut self, watch: &mut Box<Watch>, now: Timestamp) -> Next {
        let next = self.next(watch, now);
        Next {
            bytes: next.bytes,
            is_last: next.has_ended,
            again: Some(watch.due()),
        }
    }

    fn changed(&mut self) -> Vec<Topic> {
        self.changed()
    }
}
