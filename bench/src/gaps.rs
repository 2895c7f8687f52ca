//! How long workers did not come by: the longest time between two batches on the same worker.

use std::cell::Cell;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Gaps below this are how a worker breathes, and are not kept.
const WORTH_KEEPING: Duration = Duration::from_millis(10);

thread_local! {
    /// When this worker came by last, in the measurement with this number.
    static LAST: Cell<Option<(u64, Passed)>> = const { Cell::new(None) };
}

/// So many measurements were begun.
static MEASUREMENTS: AtomicU64 = AtomicU64::new(0);

/// A moment at which a worker came by.
#[derive(Clone, Copy)]
struct Passed {
    at: Instant,
    /// How long the thread has waited for a core so far.
    waited: Duration,
}

/// A time in which a worker did not come by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gap {
    /// By the clock.
    pub(crate) wall: Duration,
    /// The same without the time in which the worker could have run and another thread of the
    /// machine, of this job or not, had its core.
    pub(crate) own: Duration,
}

/// Measures the gaps of all workers of a job in this process.
#[derive(Debug)]
pub(crate) struct Gaps {
    number: u64,
    longest: Mutex<Vec<Gap>>,
}

impl Gaps {
    pub(crate) fn new() -> Self {
        let number = MEASUREMENTS.fetch_add(1, Ordering::Relaxed);
        Self { number, longest: Mutex::default() }
    }

    /// A worker comes by, with a batch.
    pub(crate) fn pass(&self) {
        let now = Passed { at: Instant::now(), waited: waited_for_a_core() };
        let last = LAST.replace(Some((self.number, now)));
        let Some((_, last)) = last.filter(|(number, _)| *number == self.number) else { return };
        let wall = now.at - last.at;
        if wall >= WORTH_KEEPING
            && let Ok(mut longest) = self.longest.lock()
        {
            let own = wall.saturating_sub(now.waited.saturating_sub(last.waited));
            longest.push(Gap { wall, own });
        }
    }

    /// The longest by the clock, and the longest of the workers' own making.
    pub(crate) fn longest(&self) -> Gap {
        let gaps = self.longest.lock().map_or_else(|_| Vec::new(), |gaps| gaps.clone());
        Gap {
            wall: gaps.iter().map(|gap| gap.wall).max().unwrap_or_default(),
            own: gaps.iter().map(|gap| gap.own).max().unwrap_or_default(),
        }
    }
}

/// How long this thread has waited for a core, as the kernel counts it; nothing where it does not.
fn waited_for_a_core() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').nth(1).and_then(|number| number.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
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
        let Gap { wall, own } = gaps.longest();
        assert!(wall >= WORTH_KEEPING && own <= wall, "{wall:?}, {own:?}");
        // The next measurement begins anew.
        wait(WORTH_KEEPING);
        let next = Gaps::new();
        next.pass();
        assert_eq!(next.longest(), Gap::default());
    }
}
