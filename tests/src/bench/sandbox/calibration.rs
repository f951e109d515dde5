//! A fixed piece of work: what the machine gives at the moment.

use std::time::Instant;

use anyhow::Result;
use ring::digest::{SHA256, digest};

use crate::bench::usage::{Usage, load};

/// So many digests, each of the one before.
const ROUNDS: u32 = 1_000_000;

/// What the machine gave.
#[derive(Clone, Debug, Default)]
pub struct Calibration {
    /// Seconds that a fixed number of digests took.
    pub seconds: f64,
    /// Seconds of CPU time of them.
    pub cpu: f64,
    /// The load average.
    pub load: String,
}

impl Calibration {
    /// Does the work.
    pub fn measure() -> Result<Self> {
        let (start, before) = (Instant::now(), Usage::of_this()?);
        let mut last = digest(&SHA256, b"");
        for _ in 0..ROUNDS {
            last = digest(&SHA256, last.as_ref());
        }
        std::hint::black_box(last);
        Ok(Self {
            seconds: start.elapsed().as_secs_f64(),
            cpu: Usage::of_this()?.cpu - before.cpu,
            load: load(),
        })
    }

    /// For people.
    pub fn words(&self) -> String {
        format!(
            "load {}, {:.2} s ({:.2} s of CPU) for a million SHA-256",
            self.load, self.seconds, self.cpu
        )
    }
}
