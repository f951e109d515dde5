//! The lives of the keys, as a picture of lines.

use jiff::{SignedDuration, Timestamp};

use super::ledger::{Ledger, Life};
use super::screen::{Line, Tone};

/// Columns before the picture.
const NAMES: usize = 18;
/// Columns between two times of the scale, at least.
const APART: usize = 10;

/// What the signs mean.
pub const LEGEND: &str =
    "● issued   ━ in the Secret, works   ─ replaced, still works   ✕ revoked   ◌ expired by itself";

/// A picture of what there is from `from` on until `now`, in that many columns.
pub fn drawn(ledger: &Ledger, from: Timestamp, now: Timestamp, width: usize) -> Vec<Line> {
    let scale = Scale::new(from, now, width.saturating_sub(NAMES).max(APART));
    let mut lines = vec![scale.line()];
    lines.extend(ledger.lives().map(|life| scale.life(life)));
    lines
}

/// Hours and minutes, as they passed.
pub fn elapsed(from: Timestamp, now: Timestamp) -> String {
    let minutes = now.duration_since(from).as_mins();
    format!("{}:{:02}", minutes / 60, minutes % 60)
}

struct Scale {
    from: Timestamp,
    now: Timestamp,
    columns: usize,
    /// Minutes from one column to the next.
    step: i64,
}

impl Scale {
    fn new(from: Timestamp, now: Timestamp, columns: usize) -> Self {
        // Not before: else the first minutes fill the line, and the next look like a jump back.
        const LEAST: i64 = 120;
        let minutes = now.duration_since(from).as_mins().max(LEAST) + 1;
        let columns_of = |step: i64| minutes.unsigned_abs().div_ceil(step.unsigned_abs());
        let most = u64::try_from(columns).unwrap_or(u64::MAX);
        let fits = |step: &i64| columns_of(*step) <= most;
        let steps = [1, 2, 3, 5, 10, 15, 30, 60];
        let step = steps.into_iter().find(fits).unwrap_or(240);
        Self {
            from,
            now,
            columns,
            step,
        }
    }

    fn column(&self, time: Timestamp) -> usize {
        let minutes = time.duration_since(self.from).as_mins().max(0);
        let column = usize::try_from(minutes / self.step).unwrap_or(usize::MAX);
        column.min(self.columns.saturating_sub(1))
    }

    fn line(&self) -> Line {
        let mut text = String::new();
        let every = (1..=8)
            .map(|hours| hours * 15)
            .find(|minutes| usize::try_from(minutes / self.step).is_ok_and(|gap| gap >= APART))
            .unwrap_or(120);
        let mut at = self.from;
        for count in 0..self.columns {
            let column = self.column(at);
            if column + 5 > self.columns || column < count {
                break;
            }
            text = format!("{text:column$}{}", elapsed(self.from, at));
            at += SignedDuration::from_mins(every);
        }
        vec![(Tone::Aside, format!("{:NAMES$}{text}", ""))]
    }

    fn life(&self, life: &Life) -> Line {
        let name = if life.number == 1 { &*life.request } else { "" };
        let label = format!("{name:<0$.1$} #{2:<2}", NAMES - 4, NAMES - 4, life.number);
        let born = self.column(life.born);
        let end = self.column(life.died.unwrap_or(self.now));
        let held = life.replaced.map_or(end, |time| self.column(time)).min(end);
        let mut drawn = vec![(Tone::Plain, format!("{label}{:born$}", ""))];
        drawn.push((Tone::Good, "●".to_owned()));
        drawn.push((Tone::Good, "━".repeat(held.saturating_sub(born + 1))));
        let left = end.saturating_sub(held.max(born + 1));
        drawn.push((Tone::News, "─".repeat(left)));
        match life.died {
            Some(_) if life.key.is_session() => drawn.push((Tone::Aside, "◌".to_owned())),
            Some(_) => drawn.push((Tone::Bad, "✕".to_owned())),
            None if life.replaced.is_some() => drawn.push((Tone::News, "─".to_owned())),
            None => drawn.push((Tone::Good, "━".to_owned())),
        }
        drawn
    }
}
