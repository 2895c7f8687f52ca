//! What a worker knows about itself and its job while a plan is instantiated.

use std::ops::Range;
use std::sync::Arc;

use crate::job::shared::Shared;
use crate::pool::Pools;
use crate::{Clock, IoPool, Limits, Waker};

/// One worker's view of the job; given to everything that a worker instantiates.
#[derive(Clone)]
pub struct WorkerContext {
    pub(crate) worker: usize,
    pub(crate) workers: usize,
    /// The workers of this process.
    pub(crate) local: Range<usize>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) pools: Pools,
    /// Wakes what is being instantiated.
    pub(crate) waker: Waker,
}

impl WorkerContext {
    /// This worker, counted over all processes.
    #[must_use]
    pub fn worker(&self) -> usize {
        self.worker
    }

    /// The workers of the job over all processes.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// The bounds of the job.
    #[must_use]
    pub fn limits(&self) -> &Arc<Limits> {
        &self.shared.limits
    }

    /// Wakes the step that is being made, or for a stateless one the step that it is fused to; may
    /// be called from any thread.
    #[must_use]
    pub fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Where asynchronous calls run.
    #[must_use]
    pub fn io_pool(&self) -> Arc<dyn IoPool> {
        Arc::clone(&self.shared.io_pool) as Arc<dyn IoPool>
    }

    /// Processing time.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }
}
