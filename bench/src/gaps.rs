//! How long workers did not come by: the longest time between two batches on the same worker.

use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Gaps below this are how a worker breathes, and are not kept.
const WORTH_KEEPING: Duration = Duration::from_millis(10);

thread_local! {
    /// When this worker came by last, in the measurement with this number.
    static LAST: Cell<Option<(u64, Instant)>> = const { Cell::new(None) };
}

/// So many measurements were begun.
static MEASUREMENTS: AtomicU64 = AtomicU64::new(0);

/// Measures the gaps of all workers of a job in this process.
#[derive(Debug)]
pub(crate) struct Gaps {
    number: u64,
    longest: Mutex<Vec<Duration>>,
}

impl Gaps {
    pub(crate) fn new() -> Self {
        let number = MEASUREMENTS.fetch_add(1, Ordering::Relaxed);
        Self { number, longest: Mutex::default() }
    }

    /// A worker comes by, with a batch.
    pub(crate) fn pass(&self) {
        let now = Instant::now();
        let last = LAST.replace(Some((self.number, now)));
        let Some((_, last)) = last.filter(|(number, _)| *number == self.number) else { return };
        let gap = now - last;
        if gap >= WORTH_KEEPING
            && let Ok(mut longest) = self.longest.lock()
        {
            longest.push(gap);
        }
    }

    /// All gaps that are worth to be kept, the longest first.
    pub(crate) fn longest(&self) -> Vec<Duration> {
        let mut gaps = self.longest.lock().map_or_else(|_| Vec::new(), |gaps| gaps.clone());
        gaps.sort_by(|a, b| b.cmp(a));
        gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_measured_on_each_worker_for_itself() {
        let wait = |length: Duration| {
            let due = Instant::now() + length;
            while Instant::now() < due {
                std::thread::park_timeout(length);
            }
        };
        let gaps = Gaps::new();
        gaps.pass();
        std::thread::scope(|scope| {
            // The first time on a worker is no gap.
            scope.spawn(|| gaps.pass());
        });
        wait(WORTH_KEEPING);
        gaps.pass();
        gaps.pass();
        assert_eq!(gaps.longest().len(), 1);
        // The next measurement begins anew.
        wait(WORTH_KEEPING);
        let next = Gaps::new();
        next.pass();
        assert!(next.longest().is_empty());
    }
}
