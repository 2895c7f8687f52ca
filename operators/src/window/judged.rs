//! What the windows of a worker know of the watermark, for the combiner in front of them.
//!
//! A combiner knows what its own worker promises, and the watermark is behind that, unless the
//! worker was idle: then the others went on without it. From the first epoch after which it is
//! waited for again, the watermark is behind what the windows had reached by then or behind what
//! the worker promises since. Both are told each other here, on one worker.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rheos_engine::Epoch;

/// The watermark of the windows of one worker.
#[derive(Debug)]
pub(crate) struct Judged {
    /// One more than the last epoch that has ended for them.
    epochs: AtomicU64,
    watermark: AtomicI64,
}

impl Default for Judged {
    fn default() -> Self {
        Self { epochs: AtomicU64::new(0), watermark: AtomicI64::new(i64::MIN) }
    }
}

impl Judged {
    /// The windows have this watermark after an epoch.
    pub(crate) fn reach(&self, epoch: Epoch, watermark: i64) {
        self.watermark.store(watermark, Ordering::Relaxed);
        self.epochs.store(epoch.0.saturating_add(1), Ordering::Release);
    }

    /// What they have reached, if that epoch has ended for them.
    pub(crate) fn reached(&self, epoch: Epoch) -> Option<i64> {
        let ended = self.epochs.load(Ordering::Acquire);
        (ended > epoch.0).then(|| self.watermark.load(Ordering::Relaxed))
    }
}

/// The same for all workers of a process.
#[derive(Clone, Default)]
pub(crate) struct JudgedByWorker {
    workers: Arc<Mutex<HashMap<usize, Arc<Judged>>>>,
}

impl JudgedByWorker {
    /// What a worker's windows know; the same for all that ask.
    pub(crate) fn of(&self, worker: usize) -> Arc<Judged> {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(workers.entry(worker).or_default())
    }
}
