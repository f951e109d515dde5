//! Small stand-ins for an API server and a Vault, in memory, on tokio's clock: paused time passes
//! in them as well.
#![allow(dead_code, reason = "each test uses what it needs")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a stand-in that is used wrongly fails its test"
)]

pub(crate) mod kube;
pub(crate) mod vault;
pub(crate) mod world;

use std::time::Duration;

use jiff::Timestamp;
use leasehold_controller::clock::Clock;
use tokio::time::Instant;

/// What goes wrong with a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fault {
    /// Answered with an error; nothing happens.
    Refuse(u16, &'static str),
    /// It happens, and nobody learns of it.
    LoseAnswer,
    /// It never reaches the server, and nobody learns of that.
    LoseCall,
    /// It happens and is answered, so much later.
    Lag(Duration),
    /// Nothing happens, and that is known so much later.
    LagThenFail(Duration),
    /// No answer, ever; nothing happens.
    Hang,
    /// A bug.
    Panic,
}

/// The present, as tokio has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time {
    start: Timestamp,
    from: Instant,
}

impl Time {
    pub(crate) fn new() -> Self {
        Self {
            start: Timestamp::from_second(1_790_000_000).unwrap(),
            from: Instant::now(),
        }
    }

    /// A clock that is so many seconds ahead.
    pub(crate) fn ahead(self, seconds: i64) -> Self {
        let by = jiff::SignedDuration::from_secs(seconds);
        Self {
            start: self.start + by,
            ..self
        }
    }
}

impl Clock for Time {
    fn now(&self) -> Timestamp {
        self.start + self.from.elapsed()
    }
}
