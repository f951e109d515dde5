//! Mistakes planted in a server of the sandbox. A differential test that does not catch each of
//! them would not catch such a mistake of ours either.
//!
//! A lie stands between the sandbox's machine and its port: it may change what the machine is
//! asked, when it is asked, and what it answers. The cases and the comparison are the test's own.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Result, bail, ensure};
use futures::future::{try_join, try_join_all};
use jiff::Timestamp;
use leasehold_sandbox::clock::Clock;
use leasehold_sandbox::face::{Answer, Course, Next, Served, Server, Settings, Shared};
use leasehold_sandbox::wire::{Request, Response};
use serde_json::Value;

/// A mistake.
pub struct Lie<S: Served> {
    /// What is wrong with the sandbox then.
    pub name: &'static str,
    answer: fn(&mut Asked<'_, S>) -> Answer<S::Watch>,
    tell: fn(String) -> String,
}

impl<S: Served> Clone for Lie<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Served> Copy for Lie<S> {}

impl<S: Served> std::fmt::Debug for Lie<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lie")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<S: Served> Lie<S> {
    /// None: whatever is found then, the wrapping around the machine did.
    pub const NONE: Self = Self::about_answers("nothing", honestly);

    /// A mistake in answers.
    pub const fn about_answers(
        name: &'static str,
        answer: fn(&mut Asked<'_, S>) -> Answer<S::Watch>,
    ) -> Self {
        Self {
            name,
            answer,
            tell: |line| line,
        }
    }

    /// A mistake in the lines a watch tells; an empty one is not told.
    pub const fn about_watches(name: &'static str, tell: fn(String) -> String) -> Self {
        Self {
            name,
            answer: honestly,
            tell,
        }
    }

    /// Serves a machine that makes this mistake, on a free port of the loopback.
    pub async fn serve(self, machine: S, clock: Clock) -> io::Result<Server> {
        let lying = Lying {
            machine,
            lie: self,
            notes: BTreeMap::new(),
        };
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Server::bind(Shared::new(lying, clock), free, Settings::default()).await
    }
}

fn honestly<S: Served>(asked: &mut Asked<'_, S>) -> Answer<S::Watch> {
    asked.honestly()
}

/// Has each lie told, and prints what caught it. `tell` runs the cases against a server that lies
/// so, and gives the first complaint. An error names the lies that nobody complained about.
#[expect(clippy::print_stdout, reason = "what `make mutants` shows")]
pub async fn all_caught<S, F>(lies: &[Lie<S>], tell: impl Fn(Lie<S>) -> F) -> Result<()>
where
    S: Served,
    F: Future<Output = Result<Option<String>>>,
{
    let complaints = try_join_all(lies.iter().map(|lie| tell(*lie)));
    let (honest, complaints) = try_join(tell(Lie::NONE), complaints).await?;
    if let Some(complaint) = honest {
        bail!("without a lie there is this: {complaint}");
    }
    let mut uncaught = Vec::new();
    for (lie, complaint) in lies.iter().zip(complaints) {
        match complaint {
            Some(complaint) => println!("{}: caught by\n{}", lie.name, beginning(&complaint)),
            None => uncaught.push(lie.name),
        }
    }
    ensure!(uncaught.is_empty(), "nothing caught: {uncaught:#?}");
    Ok(())
}

/// As much of a complaint as tells which case it is about, and what was said instead of what.
fn beginning(complaint: &str) -> String {
    const WIDTH: usize = 200;
    let line = |line: &str| match line.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("  {} …\n", &line[..end]),
        None => format!("  {line}\n"),
    };
    complaint.lines().take(4).map(line).collect()
}

/// A request on its way to the machine.
pub struct Asked<'a, S: Served> {
    /// What is asked; it may be changed.
    pub request: Request,
    /// When it is asked; it may be changed.
    pub now: Timestamp,
    /// What the lie remembers from one request to the next.
    pub notes: &'a mut BTreeMap<String, String>,
    machine: &'a mut S,
    fault: &'a S::Fault,
}

impl<S: Served> std::fmt::Debug for Asked<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked").finish_non_exhaustive()
    }
}

impl<S: Served> Asked<'_, S> {
    /// The machine's answer.
    pub fn honestly(&mut self) -> Answer<S::Watch> {
        self.machine.answer(&self.request, self.fault, self.now)
    }

    /// The machine's answer, changed if it is whole.
    pub fn changed(&mut self, change: impl FnOnce(&mut Response)) -> Answer<S::Watch> {
        match self.honestly() {
            Answer::Whole(mut response) => {
                change(&mut response);
                Answer::Whole(response)
            }
            Answer::Late(mut response, late) => {
                change(&mut response);
                Answer::Late(response, late)
            }
            watch @ Answer::Watch(..) => watch,
        }
    }

    /// The machine's answer to another request, if it is whole.
    pub fn ask(&mut self, request: &Request) -> Option<Response> {
        match self.machine.answer(request, self.fault, self.now) {
            Answer::Whole(response) | Answer::Late(response, _) => Some(response),
            Answer::Watch(..) => None,
        }
    }

    /// Whether it is this that is asked: a method, and the beginning of a path.
    pub fn is(&self, method: &str, path: &str) -> bool {
        self.request.method == method && self.request.path.starts_with(path)
    }

    /// Sets a header.
    pub fn set_header(&mut self, name: &str, value: &str) {
        let headers = &mut self.request.headers;
        headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        headers.push((name.to_owned(), value.to_owned()));
    }

    /// Changes the body, if it is JSON.
    pub fn change_body(&mut self, change: impl FnOnce(&mut Value)) {
        if let Ok(mut body) = serde_json::from_slice(&self.request.body) {
            change(&mut body);
            self.request.body = body.to_string().into_bytes();
        }
    }
}

/// Changes a body of an answer, if it is JSON.
pub fn change_json(response: &mut Response, change: impl FnOnce(&mut Value)) {
    if let Ok(mut body) = serde_json::from_str(&response.body) {
        change(&mut body);
        response.body = body.to_string();
    }
}

/// A machine that makes a mistake, and is otherwise what it was.
struct Lying<S: Served> {
    machine: S,
    lie: Lie<S>,
    notes: BTreeMap<String, String>,
}

impl<S: Served> Served for Lying<S> {
    type Fault = S::Fault;
    type Plan = S::Plan;
    type Watch = S::Watch;
    type Topic = S::Topic;

    const MAX_BODY: usize = S::MAX_BODY;
    const CALLS: &'static [&'static str] = S::CALLS;

    fn set_faults(&mut self, plan: S::Plan) {
        self.machine.set_faults(plan);
    }

    fn fault(&mut self, request: &Request, now: Timestamp) -> S::Fault {
        self.machine.fault(request, now)
    }

    fn course(fault: &S::Fault) -> Course {
        S::course(fault)
    }

    fn answer(&mut self, request: &Request, fault: &S::Fault, now: Timestamp) -> Answer<S::Watch> {
        (self.lie.answer)(&mut Asked {
            request: request.clone(),
            now,
            notes: &mut self.notes,
            machine: &mut self.machine,
            fault,
        })
    }

    fn too_large(&self) -> Response {
        self.machine.too_large()
    }

    fn state(&self) -> Value {
        self.machine.state()
    }

    fn call(&mut self, name: &str, body: &[u8], now: Timestamp) -> Result<(), String> {
        self.machine.call(name, body, now)
    }

    fn advance(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.machine.advance(now)
    }

    fn topic(watch: &S::Watch) -> S::Topic {
        S::topic(watch)
    }

    fn next(&mut self, watch: &mut S::Watch, now: Timestamp) -> Next {
        let mut next = self.machine.next(watch, now);
        let text = String::from_utf8_lossy(&next.bytes).into_owned();
        let lines = text.split_inclusive('\n').map(str::to_owned);
        next.bytes = lines.map(self.lie.tell).collect::<String>().into_bytes();
        next
    }

    fn changed(&mut self) -> Vec<S::Topic> {
        self.machine.changed()
    }
}
