//! The time the servers go by.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// A clock that servers share: it may be ahead of the machine's, and run faster.
///
/// Faster, so that a lease's hour passes while somebody watches. It never goes back unless
/// it is set back.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Mutex<Hands>>);

#[derive(Debug)]
struct Hands {
    /// What the clock showed at `since`.
    then: Timestamp,
    since: Instant,
    rate: f64,
}

impl Default for Clock {
    /// The machine's time.
    #[expect(clippy::disallowed_methods, reason = "here time comes in")]
    fn default() -> Self {
        Self::starting_at(Timestamp::now())
    }
}

impl Clock {
    /// A clock that shows this now, and goes on from there.
    #[expect(clippy::disallowed_methods, reason = "here time comes in")]
    pub fn starting_at(then: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Hands {
            then,
            since: Instant::now(),
            rate: 1.0,
        })))
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.lock().now()
    }

    /// Sets the clock forward, or back.
    pub fn advance(&self, by: SignedDuration) {
        let mut hands = self.lock();
        let now = hands.now();
        hands.set(now.checked_add(by).unwrap_or(now));
    }

    /// Lets the clock run that many times as fast as the machine's; 0 stops it.
    pub fn set_rate(&self, rate: f64) {
        let mut hands = self.lock();
        let now = hands.now();
        hands.set(now);
        hands.rate = rate.max(0.0);
    }

    /// How fast it runs.
    pub fn rate(&self) -> f64 {
        self.lock().rate
    }

    /// How long a machine's timer has to wait until the clock shows that time: nothing if it
    /// is past, at most an hour, which is also what a clock that stands still gives.
    pub fn until(&self, time: Timestamp) -> Duration {
        const MOST: Duration = Duration::from_secs(3600);
        let hands = self.lock();
        let left = time.duration_since(hands.now()).as_secs_f64();
        if left <= 0.0 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(left / hands.rate).map_or(MOST, |left| left.min(MOST))
    }

    fn lock(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hands {
    fn now(&self) -> Timestamp {
        let passed = self.since.elapsed().as_secs_f64() * self.rate;
        SignedDuration::try_from_secs_f64(passed)
            .ok()
            .and_then(|passed| self.then.checked_add(passed).ok())
            .unwrap_or(self.then)
    }

    #[expect(clippy::disallowed_methods, reason = "here time comes in")]
    fn set(&mut self, then: Timestamp) {
        self.then = then;
        self.since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_clock_shows_what_it_is_set_to() {
        let start: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a time");
        let clock = Clock::starting_at(start);
        clock.set_rate(0.0);
        let stopped = clock.now();
        clock.advance(SignedDuration::from_hours(2));
        assert_eq!(clock.now(), stopped + SignedDuration::from_hours(2));
        assert_eq!(clock.until(stopped), Duration::ZERO);
        assert_eq!(
            clock.until(clock.now() + SignedDuration::from_secs(1)),
            Duration::from_secs(3600)
        );
    }

    #[test]
    fn a_faster_clock_makes_timers_shorter() {
        let clock = Clock::default();
        clock.set_rate(60.0);
        let hour = clock.now() + SignedDuration::from_hours(1);
        assert!(clock.until(hour) <= Duration::from_secs(60));
    }
}
