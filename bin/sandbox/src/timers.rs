//! The operator's timers, kept abreast of the servers' clock.
//!
//! What the operator waits for (a requeue, a login's renewal, a backoff) waits by tokio's clock.
//! Stopped for a moment, that clock can be set forward: all timers that are due by then fire, in
//! order, as if the time had passed. ADR 0011 says why this way.

use std::time::Duration;

use jiff::SignedDuration;
use leasehold_sandbox::Sandbox;
use tokio::time::{Instant, advance, pause, resume, sleep};

/// How often the two clocks are compared.
const LOOK: Duration = Duration::from_millis(10);
/// The most that passes at once: less than any limit of a call, so that none is over which has
/// only just been sent.
const MOST: Duration = Duration::from_secs(5);

/// Sets the timers of this runtime forward. Only a runtime of one thread can do that.
pub async fn leap(by: Duration) {
    pause();
    advance(by).await;
    resume();
}

/// Lets both clocks pass that much, at a moment when nobody is asked anything.
pub async fn pass(sandbox: &Sandbox, time: Duration) {
    sandbox.clock().advance(signed(time));
    leap(time).await;
}

/// Has the timers follow the servers' clock, for as long as it is polled. They stand while a call
/// is under way: its limit is in real seconds, as its work is.
pub async fn follow(sandbox: &Sandbox) {
    let (shown, began) = (sandbox.clock().now(), Instant::now());
    loop {
        sleep(LOOK).await;
        let passed = sandbox.clock().now().duration_since(shown);
        let behind = passed - signed(began.elapsed());
        let calls = sandbox.calls();
        if calls.begun == calls.ended && behind.is_positive() {
            leap(behind.unsigned_abs().min(MOST)).await;
        }
    }
}

fn signed(time: Duration) -> SignedDuration {
    SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use leasehold_sandbox::Config;

    #[tokio::test]
    async fn a_timer_fires_when_its_time_has_passed_by_the_other_clock() {
        let began = std::time::Instant::now();
        let timer = tokio::spawn(sleep(Duration::from_secs(3600)));
        tokio::task::yield_now().await;
        leap(Duration::from_secs(3599)).await;
        assert!(!timer.is_finished());
        leap(Duration::from_secs(2)).await;
        timer.await.expect("it fired");
        // Real time has not been set: clients' limits are in seconds of it.
        assert!(began.elapsed() < Duration::from_secs(3600));
    }

    #[tokio::test]
    async fn timers_follow_a_faster_clock() {
        let sandbox = Sandbox::start(Config::default()).await.expect("servers");
        sandbox.clock().set_rate(10_000.0);
        tokio::select! {
            () = follow(&sandbox) => {}
            // Were it not set forward, this would take ten minutes.
            () = sleep(Duration::from_secs(10 * 60)) => {}
        }
        sandbox.stop().await;
    }
}
