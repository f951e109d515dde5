//! A machine for tests: a board with notes by topic, which can be watched.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use leasehold_sandbox::clock::Clock;
use leasehold_sandbox::face::{Answer, Course, Limits, Next, Served, Server, Shared};
use leasehold_sandbox::faults::{Fault, FaultPlan, Faults};
use leasehold_sandbox::wire::{Request, Response};
use serde_json::{Value, json};

/// `POST /topic` pins a note, `GET /topic?watch` streams them, `GET /topic?watch=hour` for an
/// hour; all else tells what was asked.
#[derive(Default)]
pub(crate) struct Board {
    pub(crate) notes: BTreeMap<String, Vec<String>>,
    /// By topic, how often a watch was asked what is new.
    pub(crate) asked: BTreeMap<String, usize>,
    /// When to pin a note by itself.
    pub(crate) due: Option<Timestamp>,
    changed: Vec<String>,
    faults: Faults,
}

pub(crate) struct Reader {
    topic: String,
    read: usize,
    until: Option<Timestamp>,
}

impl Board {
    pub(crate) fn pin(&mut self, topic: &str, note: String) {
        self.notes.entry(topic.to_owned()).or_default().push(note);
        self.changed.push(topic.to_owned());
    }
}

impl Served for Board {
    type Fault = Fault;
    type Plan = FaultPlan;
    type Watch = Reader;
    type Topic = String;
    const MAX_BODY: usize = 100_000;
    const CALLS: &'static [&'static str] = &["wipe"];

    fn set_faults(&mut self, plan: FaultPlan) {
        self.faults = Faults::new(plan);
    }

    fn fault(&mut self, request: &Request, _now: Timestamp) -> Fault {
        self.faults.take(request)
    }

    fn course(fault: &Fault) -> Course {
        fault.into()
    }

    fn answer(&mut self, request: &Request, fault: &Fault, now: Timestamp) -> Answer<Reader> {
        if let Some((status, _)) = fault.error {
            return Answer::Whole(Response::json(status, &json!({"error": "a fault"})));
        }
        let topic = request.route().trim_start_matches('/').to_owned();
        if request.method == "GET" && request.query().starts_with("watch") {
            let hour = SignedDuration::from_hours(1);
            let until = request.query().ends_with("hour").then(|| now + hour);
            let reader = Reader {
                topic,
                read: 0,
                until,
            };
            return Answer::Watch(reader, "application/json");
        }
        if request.method == "POST" {
            self.pin(&topic, String::from_utf8_lossy(&request.body).into_owned());
        }
        let hosts: Vec<_> = request.header_values("host").collect();
        let told = json!({
            "method": request.method, "path": request.path, "hosts": hosts, "length": request.body.len(),
        });
        Answer::Whole(Response::json(200, &told))
    }

    fn too_large(&self) -> Response {
        Response::json(413, &json!({"error": "too large for a board"}))
    }

    fn state(&self) -> Value {
        json!({"notes": self.notes})
    }

    fn call(&mut self, _name: &str, _body: &[u8], _now: Timestamp) -> Result<(), String> {
        self.notes.clear();
        Ok(())
    }

    fn advance(&mut self, now: Timestamp) -> Option<Timestamp> {
        if self.due.is_some_and(|due| due <= now) {
            self.due = None;
            self.pin("due", "due".to_owned());
        }
        self.due
    }

    fn topic(watch: &Reader) -> String {
        watch.topic.clone()
    }

    fn next(&mut self, watch: &mut Reader, now: Timestamp) -> Next {
        *self.asked.entry(watch.topic.clone()).or_default() += 1;
        let notes = self.notes.get(&watch.topic);
        let new = notes.map_or(&[][..], |notes| &notes[watch.read..]);
        watch.read += new.len();
        Next {
            bytes: new.concat().into_bytes(),
            is_last: watch.until.is_some_and(|until| until <= now),
            again: watch.until,
        }
    }

    fn changed(&mut self) -> Vec<String> {
        std::mem::take(&mut self.changed)
    }
}

/// A board on a port.
pub(crate) async fn served() -> (Shared<Board>, Server) {
    served_with(Limits::default()).await
}

/// The same with other limits.
pub(crate) async fn served_with(limits: Limits) -> (Shared<Board>, Server) {
    let shared = Shared::new(Board::default(), Clock::default());
    let address = ([127, 0, 0, 1], 0).into();
    let server = Server::bind(shared.clone(), address, limits.into()).await;
    (shared, server.unwrap())
}
