//! The calls that no real server has: what tests see and change from outside the process.

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Served, Shared};
use crate::clock::Clock;
use crate::wire::{Request, Response};

/// Where the calls of the stand-in itself are, answered to this machine only: `state`,
/// `faults`, `clock`, and what each server has beside these.
pub const ADMIN_PATH: &str = "/_stand_in/";

/// What is asked of the clock; at least one of these.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    /// How far it is ahead of the machine's.
    offset_seconds: Option<f64>,
    /// How far it is set forward.
    advance_seconds: Option<f64>,
    /// How many times as fast as the machine's it runs.
    rate: Option<f64>,
}

pub(super) fn answer<S: Served>(shared: &Shared<S>, request: &Request) -> Response {
    let name = request.route().trim_start_matches(ADMIN_PATH);
    let result = match (request.method.as_str(), name) {
        ("GET", "state") => Ok(shared.with(|machine| machine.state())),
        ("GET", "clock") => Ok(shown(shared.clock())),
        ("POST", "clock") => turn(shared.clock(), &request.body).map(|()| json!({})),
        ("POST", "faults") => serde_json::from_slice(&request.body)
            .map(|plan| shared.with(|machine| machine.set_faults(plan)))
            .map_err(|error| error.to_string())
            .map(|()| json!({})),
        ("POST", name) if S::CALLS.contains(&name) => shared
            .at(|machine, now| machine.call(name, &request.body, now))
            .map(|()| json!({})),
        _ => {
            let known = [&["state", "faults", "clock"], S::CALLS].concat();
            return Response::json(404, &json!({ "error": known.join(", ") }));
        }
    };
    match result {
        Ok(value) => Response::json(200, &value),
        Err(error) => Response::json(400, &json!({ "error": error })),
    }
}

fn shown(clock: &Clock) -> Value {
    json!({"now": clock.now().to_string(), "rate": clock.rate()})
}

fn turn(clock: &Clock, body: &[u8]) -> Result<(), String> {
    let turn: Turn = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let duration = |seconds: Option<f64>| {
        let duration = seconds.map(SignedDuration::try_from_secs_f64);
        duration.transpose().map_err(|error| error.to_string())
    };
    let (ahead, by) = (
        duration(turn.offset_seconds)?,
        duration(turn.advance_seconds)?,
    );
    if ahead.is_none() && by.is_none() && turn.rate.is_none() {
        return Err("one of offset_seconds, advance_seconds, rate: a number".to_owned());
    }
    if let Some(ahead) = ahead {
        clock.set_ahead(ahead);
    }
    if let Some(by) = by {
        clock.advance(by);
    }
    if let Some(rate) = turn.rate {
        clock.set_rate(rate);
    }
    Ok(())
}
