//! A machine that its server and its tests share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

use super::Served;
use crate::clock::Clock;

/// A machine that a server and its tests share, and the clock it goes by.
pub struct Shared<S: Served>(Arc<Parts<S>>);

struct Parts<S: Served> {
    held: Mutex<Held<S>>,
    clock: Clock,
    /// Somebody was at the machine: what is due next may have changed.
    touched: Notify,
    begun: AtomicU64,
    ended: AtomicU64,
}

/// How many calls came over the wire so far. A watch has ended once its answer began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    /// Those that arrived whole or in part.
    pub begun: u64,
    /// Those that were answered or cut.
    pub ended: u64,
}

struct Held<S: Served> {
    machine: S,
    /// By topic, what its watches wait for. A topic that nobody watches has none.
    bells: HashMap<S::Topic, Arc<Notify>>,
}

impl<S: Served> Clone for Shared<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Served> std::fmt::Debug for Shared<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl<S: Served> Shared<S> {
    /// Shares a machine.
    pub fn new(machine: S, clock: Clock) -> Self {
        Self(Arc::new(Parts {
            held: Mutex::new(Held {
                machine,
                bells: HashMap::new(),
            }),
            clock,
            touched: Notify::new(),
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
        }))
    }

    /// How many calls came over the wire so far.
    pub fn calls(&self) -> Calls {
        // The ended ones first: none of them is then missing among the begun.
        let ended = self.0.ended.load(Ordering::SeqCst);
        let begun = self.0.begun.load(Ordering::SeqCst);
        Calls { begun, ended }
    }

    /// Counts a call; it has ended when this is dropped.
    pub(super) fn begin(&self) -> UnderWay<S> {
        self.0.begun.fetch_add(1, Ordering::SeqCst);
        UnderWay(self.clone())
    }

    /// Looks at the machine, or changes it, between two requests. It must not be called from
    /// within itself.
    pub fn with<T>(&self, act: impl FnOnce(&mut S) -> T) -> T {
        self.at(|machine, _| act(machine))
    }

    /// The clock the machine goes by.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The time the machine goes by.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Does something with the machine at its present time.
    pub fn at<T>(&self, act: impl FnOnce(&mut S, Timestamp) -> T) -> T {
        let done = self.quietly(act);
        self.0.touched.notify_one();
        done
    }

    /// The same without a look at what is due: for what cannot have changed that.
    fn quietly<T>(&self, act: impl FnOnce(&mut S, Timestamp) -> T) -> T {
        let (done, bells) = {
            let held = &mut *self.lock();
            let done = act(&mut held.machine, self.0.clock.now());
            let bells = held
                .machine
                .changed()
                .into_iter()
                .filter_map(|topic| held.bells.get(&topic).cloned());
            (done, bells.collect::<Vec<_>>())
        };
        for bell in bells {
            bell.notify_waiters();
        }
        done
    }

    /// Lets the clock's time pass in the machine, for as long as it is polled.
    pub(super) async fn drive(&self) {
        /// Many calls in a row cost one look.
        const REST: Duration = Duration::from_millis(1);
        loop {
            let due = self.quietly(Served::advance);
            tokio::select! {
                () = self.0.touched.notified() => tokio::time::sleep(REST).await,
                () = self.0.clock.reaches(due) => {}
            }
        }
    }

    pub(super) fn watching(&self, watch: S::Watch) -> Watching<S> {
        let topic = S::topic(&watch);
        let bell = Arc::clone(self.lock().bells.entry(topic.clone()).or_default());
        Watching {
            shared: self.clone(),
            watch,
            topic,
            bell,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held<S>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that has begun.
pub(super) struct UnderWay<S: Served>(Shared<S>);

impl<S: Served> Drop for UnderWay<S> {
    fn drop(&mut self) {
        self.0.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

/// A watch that somebody has open.
pub(super) struct Watching<S: Served> {
    shared: Shared<S>,
    watch: S::Watch,
    topic: S::Topic,
    bell: Arc<Notify>,
}

impl<S: Served> Watching<S> {
    /// The next bytes; `None` when it has ended. Without news it waits for its topic's bell.
    pub(super) async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let mut rung = std::pin::pin!(self.bell.notified());
            // Before the look, so that no change between the look and the wait is missed.
            rung.as_mut().enable();
            let watch = &mut self.watch;
            let next = self.shared.quietly(|machine, now| machine.next(watch, now));
            if !next.bytes.is_empty() {
                return Some(next.bytes);
            }
            if next.is_last {
                return None;
            }
            tokio::select! {
                () = rung => {}
                () = self.shared.0.clock.reaches(next.again) => {}
            }
        }
    }
}

impl<S: Served> Drop for Watching<S> {
    fn drop(&mut self) {
        let mut held = self.shared.lock();
        // This one and the map's: nobody else listens.
        if Arc::strong_count(&self.bell) == 2 {
            held.bells.remove(&self.topic);
        }
    }
}
