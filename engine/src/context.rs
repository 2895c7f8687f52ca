//! What a worker knows about itself and its job while a plan is instantiated.

use std::ops::Range;
use std::sync::Arc;

use crate::job::shared::Shared;
use crate::pool::Pools;
use crate::{Clock, Limits};

/// One worker's view of the job; given to everything that a worker instantiates.
#[derive(Clone)]
pub struct WorkerContext {
    pub(crate) worker: usize,
    pub(crate) workers: usize,
    /// The workers of this process.
    pub(crate) local: Range<usize>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) pools: Pools,
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

    /// Processing time.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }
}
