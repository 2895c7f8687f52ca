//! Counters of a running job: one set a worker and step, written by that worker alone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::status::StepStatus;

/// A number that one thread adds to and any thread reads.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds; only the owning worker may call this, which is why no locked instruction is needed.
    #[inline]
    pub(crate) fn add(&self, amount: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
    }

    /// The sum so far.
    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one worker has done in one step.
#[derive(Debug, Default)]
pub(crate) struct StepCounters {
    pub(crate) records_in: Counter,
    pub(crate) records_out: Counter,
    pub(crate) batches: Counter,
    /// Nanoseconds spent in the step itself, without the steps fused behind it.
    pub(crate) busy: Counter,
    /// Bytes a source took from the outside.
    pub(crate) bytes: Counter,
    /// Records that a source could not understand.
    pub(crate) bad: Counter,
    /// Records that came after what they belong to was closed.
    pub(crate) late: Counter,
    /// Records that were set aside because they claim to come from the future.
    pub(crate) future: Counter,
    status: Mutex<StepStatus>,
}

impl StepCounters {
    /// What the step last said about its watermark and what it holds; locked once an epoch.
    pub(crate) fn status(&self) -> MutexGuard<'_, StepStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The counters of one worker, by step.
pub(crate) type WorkerCounters = Arc<[StepCounters]>;

/// Makes the counters of one worker for a plan of `steps` steps.
pub(crate) fn worker_counters(steps: usize) -> WorkerCounters {
    (0..steps).map(|_| StepCounters::default()).collect()
}
