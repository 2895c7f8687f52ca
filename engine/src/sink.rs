//! The contract of a sink: where records go.
//!
//! A [`Sink`] is a description, made once. Each worker that writes opens a [`Writer`].
//!
//! # Rules
//!
//! * [`Sink::prepare_target`] runs once, in one process, before any writer is opened.
//! * [`Writer::write`] never blocks for long. A writer whose other side is slow queues a bounded
//!   amount, says `false` from [`Writer::ready`] when that is used up, and calls the [`Waker`] of
//!   its context when there is room again: so a slow reader slows the job and never grows it.
//! * Epochs come in order: all records of an epoch, then [`Writer::end_epoch`], then the next.
//! * An [immediate](Delivery::Immediate) writer makes records visible as they come. A
//!   [staged](Delivery::Staged) one makes nothing visible before [`Writer::finish`] is called with
//!   [`Finish::Commit`], which happens only after every writer of every worker has said that it is
//!   [prepared](Writer::prepare), except where the program set a roll limit.
//! * A writer that is dropped without `finish` belongs to a job that failed: what it staged is
//!   removed, nothing becomes visible.

use std::sync::Arc;

use crate::{Clock, Epoch, Error, Limits, Waker};

/// When what is written becomes visible outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// At once; after a failure some records may have been written that a restart writes again.
    Immediate,
    /// When the job commits; a job that fails has published nothing.
    Staged,
}

/// Which workers write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Every worker writes what it has.
    EveryWorker,
    /// The records of all workers are brought to worker 0, which writes alone.
    OneWorker,
}

/// How a job leaves a writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The input has ended and every writer is prepared: make everything visible.
    Commit,
    /// The job was stopped before its input ended: flush what is immediate, publish nothing that
    /// waits for the end.
    Stop,
}

/// What a writer is given when it is opened.
#[derive(Clone)]
#[non_exhaustive]
pub struct WriterContext {
    /// The worker that writes, counted over all processes.
    pub worker: usize,
    /// The workers of the job over all its processes.
    pub workers: usize,
    /// Wakes the worker when a writer that was not ready is; may be called from any thread.
    pub waker: Waker,
    /// Processing time.
    pub clock: Arc<dyn Clock>,
    /// The bounds of the job.
    pub limits: Arc<Limits>,
}

impl WriterContext {
    /// A context for driving a writer by hand: worker 0 of 1, the machine's clock.
    #[must_use]
    pub fn for_test(waker: Waker) -> Self {
        Self {
            worker: 0,
            workers: 1,
            waker,
            clock: Arc::new(crate::SystemClock),
            limits: Arc::new(Limits::default()),
        }
    }
}

/// Where records go. See the [module documentation](self) for the rules.
pub trait Sink: Send + Sync + 'static {
    /// The type of its records.
    type Record: Send + 'static;

    /// When what is written becomes visible.
    fn delivery(&self) -> Delivery;

    /// Which workers write.
    fn placement(&self) -> Placement {
        Placement::EveryWorker
    }

    /// Checks and makes the target; runs once, in one process, before any writer is opened.
    ///
    /// # Errors
    /// When the target cannot be written or must not be.
    fn prepare_target(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Opens the writer of one worker.
    ///
    /// # Errors
    /// When the target cannot be opened.
    fn open(&self, context: WriterContext) -> Result<Box<dyn Writer<Self::Record>>, Error>;
}

/// Writes the records of one worker. See the [module documentation](self) for the rules.
pub trait Writer<T>: 'static {
    /// Whether [`write`](Writer::write) may be called now.
    ///
    /// # Errors
    /// When the writer has failed meanwhile; the job fails.
    fn ready(&mut self) -> Result<bool, Error> {
        Ok(true)
    }

    /// Takes all records of the batch and leaves it empty.
    ///
    /// # Errors
    /// When they cannot be written; the job fails.
    fn write(&mut self, batch: &mut Vec<T>) -> Result<(), Error>;

    /// Everything of this epoch has been written.
    ///
    /// # Errors
    /// When what is due cannot be flushed or rolled; the job fails.
    fn end_epoch(&mut self, epoch: Epoch) -> Result<(), Error> {
        let _ = epoch;
        Ok(())
    }

    /// The input has ended: makes everything that was staged complete and durable, visible to
    /// nobody. Called once, before [`Finish::Commit`].
    ///
    /// # Errors
    /// When that fails; the job fails and nothing is published.
    fn prepare(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// The last call: commits or flushes, and waits until that is done.
    ///
    /// # Errors
    /// When it could not be done.
    fn finish(self: Box<Self>, how: Finish) -> Result<(), Error>;
}
