//! A Vault that does not answer takes no more than a few drives at once: the others are for the
//! objects of other Vaults. One that answers takes as many as there are.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use leasehold_reconcile_core::aws_access_key_request::Binding;
use tokio::time::Instant;

/// A drive that took so long waited for its Vault: such are rare where it answers.
const SLOW: Duration = Duration::from_secs(10);
/// So many drives at once try whether a slow Vault answers again.
const NARROW: usize = 4;
/// A Vault counts as slow for so long after the last slow drive, unless it answers one quickly before.
const MEMORY: Duration = Duration::from_secs(300);

/// Drives under way, by AppBinding; of those with none, only what is slow is kept, and not for long.
#[derive(Debug, Default)]
pub struct Lanes(Mutex<BTreeMap<Binding, Lane>>);

#[derive(Debug, Default)]
struct Lane {
    under_way: usize,
    slow_until: Option<Instant>,
}

impl Lane {
    fn is_slow(&self) -> bool {
        self.slow_until.is_some_and(|until| Instant::now() < until)
    }
}

/// A drive that is under way; it is over when this is dropped.
#[derive(Debug)]
pub struct Pass<'a> {
    lanes: &'a Lanes,
    binding: Option<Binding>,
    from: Instant,
    answered: AtomicBool,
}

impl Lanes {
    /// A drive that asks the Vault behind that AppBinding, or none; `None` if it has to wait.
    pub fn enter(&self, binding: Option<Binding>) -> Option<Pass<'_>> {
        if let Some(binding) = &binding {
            let mut all = self.lock();
            let lane = all.entry(binding.clone()).or_default();
            if lane.is_slow() && lane.under_way >= NARROW {
                return None;
            }
            lane.under_way += 1;
        }
        Some(Pass {
            lanes: self,
            binding,
            from: Instant::now(),
            answered: AtomicBool::new(false),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Binding, Lane>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// Whatever came of it, it did not fail for want of an answer.
    pub fn answered(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let Some(binding) = &self.binding else { return };
        let mut all = self.lanes.lock();
        let Some(lane) = all.get_mut(binding) else {
            return;
        };
        lane.under_way = lane.under_way.saturating_sub(1);
        if self.from.elapsed() >= SLOW {
            lane.slow_until = Instant::now().checked_add(MEMORY);
        } else if self.answered.load(Ordering::Relaxed) {
            lane.slow_until = None;
        }
        all.retain(|_, lane| lane.under_way > 0 || lane.is_slow());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter<'l>(lanes: &'l Lanes, name: &str) -> Option<Pass<'l>> {
        lanes.enter(Some(Binding {
            namespace: "demo".into(),
            name: name.into(),
        }))
    }

    async fn slow_drive(lanes: &Lanes) {
        let pass = enter(lanes, "hung");
        tokio::time::advance(SLOW).await;
        drop(pass);
    }

    #[tokio::test(start_paused = true)]
    async fn a_vault_that_answers_takes_all() {
        let lanes = Lanes::default();
        let all: Vec<_> = (0..100).map(|_| enter(&lanes, "vault")).collect();
        assert!(all.iter().all(Option::is_some));
        drop(all);
        assert!(lanes.lock().is_empty(), "nothing is kept of it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_one_takes_a_few_until_it_answers() {
        let lanes = Lanes::default();
        slow_drive(&lanes).await;
        let few: Vec<_> = (0..NARROW).map(|_| enter(&lanes, "hung")).collect();
        assert!(few.iter().all(Option::is_some));
        assert!(enter(&lanes, "hung").is_none());
        assert!(enter(&lanes, "other").is_some());
        assert!(lanes.enter(None).is_some());
        drop(few);
        let failed = enter(&lanes, "hung");
        drop(failed);
        assert!(
            lanes.lock().values().all(Lane::is_slow),
            "a quick failure proves nothing"
        );
        let pass = enter(&lanes, "hung").unwrap();
        pass.answered();
        drop(pass);
        assert!(lanes.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_one_that_nobody_asks_is_forgotten() {
        let lanes = Lanes::default();
        slow_drive(&lanes).await;
        tokio::time::advance(MEMORY).await;
        drop(enter(&lanes, "other"));
        assert!(lanes.lock().is_empty());
    }
}
