//! How far the splits of every worker have come, as the threads of a process know it.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::EventTime;
use crate::run::StepId;

/// How far every worker's split that is furthest behind has come, for each step that aligns them.
///
/// Whoever waits says first for what and looks then; whoever moves says first where it is and looks
/// then who waits. One total order of all that, and none misses the other.
pub(crate) struct Reached {
    steps: Vec<ReachedInStep>,
    /// How often somebody who waited was to look again.
    turns: AtomicU64,
}

struct ReachedInStep {
    /// By worker of the job; the end of time where no split is waited for.
    workers: Box<[AtomicI64]>,
    /// What all must have reached for the first of those who wait to go on.
    awaited: AtomicI64,
}

impl Reached {
    /// For the workers of all processes.
    pub(crate) fn new(steps: usize, workers: usize) -> Self {
        let nobody = || AtomicI64::new(EventTime::MAX.as_millis());
        let step = |_| ReachedInStep {
            workers: (0..workers).map(|_| nobody()).collect(),
            awaited: nobody(),
        };
        Self { steps: (0..steps).map(step).collect(), turns: AtomicU64::new(0) }
    }

    /// Where the split is that is furthest behind on any worker, as far as is known here.
    pub(crate) fn least(&self, step: StepId) -> EventTime {
        let workers = self.steps[step.0].workers.iter();
        let least = workers.map(|reached| reached.load(Ordering::SeqCst)).min();
        least.map_or(EventTime::MAX, EventTime::from_millis)
    }

    /// The splits of a worker have all come to `time`. Says whether somebody who waits is to look
    /// again, and to be woken for it.
    pub(crate) fn set(&self, step: StepId, worker: usize, time: EventTime) -> bool {
        let ReachedInStep { workers, awaited } = &self.steps[step.0];
        workers[worker].store(time.as_millis(), Ordering::SeqCst);
        if self.least(step).as_millis() < awaited.load(Ordering::SeqCst) {
            return false;
        }
        // All who wait look again, and say anew for what if they have to go on waiting.
        awaited.store(EventTime::MAX.as_millis(), Ordering::SeqCst);
        self.turns.fetch_add(1, Ordering::SeqCst);
        true
    }

    /// Somebody waits until all have come to `time`, and has to look once more whether they have.
    pub(crate) fn wait_for(&self, step: StepId, time: EventTime) {
        self.steps[step.0].awaited.fetch_min(time.as_millis(), Ordering::SeqCst);
    }

    /// How often somebody who waited was to look again.
    pub(crate) fn turns(&self) -> u64 {
        self.turns.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> EventTime {
        EventTime::from_millis(millis)
    }

    #[test]
    fn the_least_is_that_of_those_who_are_waited_for_in_the_step() {
        let reached = Reached::new(2, 3);
        let (first, second) = (StepId(0), StepId(1));
        assert_eq!(reached.least(first), EventTime::MAX);
        reached.set(first, 1, at(5));
        reached.set(first, 2, EventTime::MIN);
        assert_eq!((reached.least(first), reached.least(second)), (EventTime::MIN, EventTime::MAX));
        reached.set(first, 2, EventTime::MAX);
        assert_eq!(reached.least(first), at(5));
    }

    #[test]
    fn who_waits_is_told_once_all_are_there() {
        let (reached, step) = (Reached::new(1, 2), StepId(0));
        assert!(!reached.set(step, 0, at(0)) && !reached.set(step, 1, at(100)));
        reached.wait_for(step, at(50));
        reached.wait_for(step, at(90));
        assert!(!reached.set(step, 0, at(49)));
        assert!(reached.set(step, 0, at(50)), "the first of them");
        assert!(!reached.set(step, 0, at(99)), "nobody has said that he goes on waiting");
        assert_eq!(reached.turns(), 1);
        reached.wait_for(step, EventTime::MAX);
        reached.set(step, 0, EventTime::MAX);
        assert!(reached.set(step, 1, EventTime::MAX), "who waits for all to end is told of that");
    }
}
