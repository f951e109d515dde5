//! The time the servers go by.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// A clock that servers share: it may be ahead of the machine's, and run faster.
///
/// Faster, so that a lease's hour passes while somebody watches. It never goes back unless
/// it is set back.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Shown>);

#[derive(Debug)]
struct Shown {
    hands: Mutex<Hands>,
    /// Told when the clock is set or its rate changes: timers that go by it are wrong then.
    #[cfg(feature = "http")]
    moved: tokio::sync::watch::Sender<()>,
}

struct Hands {
    /// What it follows.
    source: Box<dyn Fn() -> Timestamp + Send + Sync>,
    /// What the clock showed at `since`.
    then: Timestamp,
    /// By the source.
    since: Timestamp,
    /// What it showed last.
    last: Timestamp,
    rate: f64,
}

impl std::fmt::Debug for Hands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hands")
            .field("last", &self.last)
            .field("rate", &self.rate)
            .finish_non_exhaustive()
    }
}

impl Default for Clock {
    /// The machine's time.
    fn default() -> Self {
        Self::starting_at(machine())
    }
}

impl Clock {
    /// A clock that shows this now, and goes on from there.
    ///
    /// It goes by the machine's wall clock, which goes on while a laptop sleeps: whoever signs
    /// with the time of day would be refused by a clock that stood still meanwhile.
    pub fn starting_at(then: Timestamp) -> Self {
        Self::new(Box::new(machine), then)
    }

    /// A clock that shows what another one does, until it is set or its rate changes.
    pub fn following(source: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        let then = source();
        Self::new(Box::new(source), then)
    }

    /// A clock that goes by tokio's from the present time on: in a test with paused time
    /// (`#[tokio::test(start_paused = true)]`) an hour passes in the servers when it passes in
    /// the test, which is at once.
    #[cfg(feature = "http")]
    pub fn of_tokio() -> Self {
        let (then, from) = (machine(), tokio::time::Instant::now());
        Self::following(move || then + from.elapsed())
    }

    fn new(source: Box<dyn Fn() -> Timestamp + Send + Sync>, then: Timestamp) -> Self {
        Self(Arc::new(Shown {
            hands: Mutex::new(Hands {
                since: source(),
                source,
                then,
                last: then,
                rate: 1.0,
            }),
            #[cfg(feature = "http")]
            moved: tokio::sync::watch::Sender::new(()),
        }))
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.lock().now()
    }

    /// Sets the clock forward, or back.
    pub fn advance(&self, by: SignedDuration) {
        self.change(|hands| {
            let now = hands.now();
            hands.set(now.checked_add(by).unwrap_or(now));
        });
    }

    /// Sets how far the clock is ahead of the machine's, whatever it shows now.
    pub fn set_ahead(&self, by: SignedDuration) {
        self.change(|hands| {
            let now = (hands.source)();
            hands.set(now.checked_add(by).unwrap_or(now));
        });
    }

    /// Lets the clock run that many times as fast as the machine's; 0 stops it.
    pub fn set_rate(&self, rate: f64) {
        self.change(|hands| {
            let now = hands.now();
            hands.set(now);
            hands.rate = rate.max(0.0);
        });
    }

    /// How fast it runs.
    pub fn rate(&self) -> f64 {
        self.lock().rate
    }

    /// How long a machine's timer has to wait until the clock shows that time: nothing if it
    /// is past, at most an hour, which is also what a clock that stands still gives.
    pub fn until(&self, time: Timestamp) -> Duration {
        const MOST: Duration = Duration::from_secs(3600);
        let mut hands = self.lock();
        let left = time.duration_since(hands.now()).as_secs_f64();
        if left <= 0.0 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(left / hands.rate).map_or(MOST, |left| left.min(MOST))
    }

    /// Waits until the clock shows a time, also if it is set or its rate changes meanwhile.
    /// Without a time it waits forever.
    #[cfg(feature = "http")]
    pub async fn reaches(&self, time: Option<Timestamp>) {
        let Some(time) = time else {
            return std::future::pending().await;
        };
        let mut moved = self.0.moved.subscribe();
        while self.now() < time {
            // A timer's grain is a millisecond: one that is shorter would spin.
            let wait = self.until(time).max(Duration::from_millis(1));
            // An error would mean that the clock is gone, and it is here.
            let _ = tokio::time::timeout(wait, moved.changed()).await;
        }
    }

    fn change(&self, change: impl FnOnce(&mut Hands)) {
        change(&mut self.lock());
        #[cfg(feature = "http")]
        self.0.moved.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, Hands> {
        self.0.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hands {
    fn now(&mut self) -> Timestamp {
        let passed = (self.source)().duration_since(self.since).as_secs_f64() * self.rate;
        let now = SignedDuration::try_from_secs_f64(passed)
            .ok()
            .and_then(|passed| self.then.checked_add(passed).ok())
            .unwrap_or(self.then);
        // The machine's own clock may be set back under it.
        self.last = self.last.max(now);
        self.last
    }

    fn set(&mut self, then: Timestamp) {
        self.then = then;
        self.since = (self.source)();
        self.last = then;
    }
}

#[expect(clippy::disallowed_methods, reason = "here time comes in")]
fn machine() -> Timestamp {
    Timestamp::now()
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

    #[test]
    fn how_far_it_is_ahead_does_not_add_up() {
        let clock = Clock::default();
        for _ in 0..2 {
            clock.set_ahead(SignedDuration::from_hours(1));
        }
        let ahead = clock.now().duration_since(machine());
        assert!(ahead <= SignedDuration::from_hours(1), "{ahead}");
        assert!(ahead > SignedDuration::from_mins(59), "{ahead}");
    }

    #[cfg(feature = "http")]
    #[tokio::test(start_paused = true)]
    async fn a_clock_of_tokio_stands_still_with_it_and_passes_an_hour_at_once() {
        let clock = Clock::of_tokio();
        let start = clock.now();
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(clock.now(), start);
        let hour = start + SignedDuration::from_hours(1);
        clock.reaches(Some(hour)).await;
        assert!((hour..hour + SignedDuration::from_millis(2)).contains(&clock.now()));
    }

    #[cfg(feature = "http")]
    #[tokio::test]
    async fn whoever_waits_for_a_time_sees_that_the_clock_is_set() {
        let clock = Clock::default();
        let hour = clock.now() + SignedDuration::from_hours(1);
        let wait = clock.reaches(Some(hour));
        let set = async { clock.advance(SignedDuration::from_hours(2)) };
        tokio::join!(wait, set);
        assert!(clock.now() >= hour);
    }
}
