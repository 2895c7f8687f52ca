//! The contract of a sink: where records go.
//!
//! A [`Sink`] is a description, made once. Each worker that writes opens a [`Writer`].
//!
//! # Rules
//!
//! * [`Sink::prepare_target`] runs once, in one process, before any writer is opened, when a job
//!   begins. When one is restored from a checkpoint, [`Sink::recover`] runs in its place.
//! * [`Writer::write`] never blocks for long. A writer whose other side is slow queues a bounded
//!   amount, says `false` from [`Writer::ready`] when that is used up, and calls the [`Waker`] of
//!   its context when there is room again: so a slow reader slows the job and never grows it.
//! * Epochs come in order: all records of an epoch, then [`Writer::end_epoch`], then the next.
//! * An [immediate](Delivery::Immediate) writer makes records visible as they come. A
//!   [staged](Delivery::Staged) one makes nothing visible before it is told to commit.
//!
//! # Transactions
//!
//! Without checkpoints there is one: at the end of the input every writer
//! [prepares](Writer::prepare) for [`CheckpointId::END`], and when all writers of all workers have,
//! [`Writer::finish`] is called with [`Finish::Commit`]. A writer that is dropped without `finish`
//! belongs to a job that failed: what it staged is removed, nothing becomes visible. (A roll limit
//! that the program sets publishes earlier.)
//!
//! With checkpoints ([`WriterContext::checkpoints`]) there is one for each, in two phases:
//!
//! 1. Between two epochs the job asks for [`Writer::prepare`] with the number of the checkpoint,
//!    and again, while it writes on, until the answer is there. What was written before the first
//!    of these calls is then complete and durable and still visible to nobody. The answer says in
//!    the sink's own bytes what is prepared and not yet committed, also by earlier checkpoints that
//!    never became durable.
//! 2. When the answers of all writers are part of a durable checkpoint, [`Writer::commit`] makes
//!    visible what was prepared for it and for all before it.
//!
//! A number is asked for until it is answered or until a later one takes its place; numbers grow.
//! Which checkpoints become durable is not the writer's decision, and it may never be told. So what
//! it has handed out by `prepare` it removes no more, also when it is dropped; only `recover` does,
//! which is given the answers of the checkpoint that counts. A job may die between any two calls,
//! and `recover` may itself be interrupted and run again.

use std::sync::Arc;

use crate::{CheckpointId, Clock, Epoch, Error, Limits, Waker};

/// When what is written becomes visible outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// At once; after a failure some records may have been written that a restart writes again.
    Immediate,
    /// When the job commits: with checkpoints at each of them, else at its end. What a job that
    /// fails has not committed, nobody sees.
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
    /// waits for the end. With checkpoints, what was written after the last one is not needed: the
    /// restored job writes it again.
    Stop,
}

/// What a sink is told when a job is restored from a checkpoint.
#[derive(Clone, Copy, Debug)]
pub struct Recovery<'a> {
    /// What the writers of all workers answered to [`Writer::prepare`] for the checkpoint; empty
    /// ones say that nothing was prepared.
    pub prepared: &'a [Vec<u8>],
    /// The run that begins; its writers are given the same number.
    pub run: u32,
}

/// What a writer is given when it is opened.
#[derive(Clone)]
#[non_exhaustive]
pub struct WriterContext {
    /// The worker that writes, counted over all processes.
    pub worker: usize,
    /// The workers of the job over all its processes.
    pub workers: usize,
    /// The run of the job: counts its starts on this checkpoint folder, from 1; 0 without
    /// checkpoints.
    pub run: u32,
    /// Whether the job takes checkpoints, so that the writer commits at each of them.
    pub checkpoints: bool,
    /// Wakes the worker when a writer that was not ready is, or one that prepares should be asked
    /// again; may be called from any thread.
    pub waker: Waker,
    /// Processing time.
    pub clock: Arc<dyn Clock>,
    /// The bounds of the job.
    pub limits: Arc<Limits>,
}

impl WriterContext {
    /// A context for driving a writer by hand: worker 0 of 1, without checkpoints, the machine's
    /// clock.
    #[must_use]
    pub fn for_test(waker: Waker) -> Self {
        Self {
            worker: 0,
            workers: 1,
            run: 0,
            checkpoints: false,
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

    /// Checks and makes the target of a job that begins; runs once, in one process, before any
    /// writer is opened.
    ///
    /// # Errors
    /// When the target cannot be written or must not be.
    fn prepare_target(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Brings the target to where the checkpoint left it from which a job is restored; runs once,
    /// in one process, before any writer is opened.
    ///
    /// Commits everything that is prepared in the checkpoint and aborts everything else that this
    /// job staged, whatever number of workers it had. It can be repeated: after it was interrupted,
    /// and also when the job is restored from the same checkpoint again.
    ///
    /// # Errors
    /// When something prepared is gone or cannot be committed; the job does not start.
    fn recover(&self, recovery: &Recovery<'_>) -> Result<(), Error> {
        let _ = recovery;
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

    /// Begins, or goes on, to make everything that was written before the first call for `cut`
    /// complete: durable and visible to nobody where the sink is staged, out of this process where
    /// it is immediate. `None` until that is so: the waker is called when it is worth asking again.
    ///
    /// The answer is what [`Sink::recover`] needs in order to commit, or to find out whether it was
    /// committed, everything that is prepared and not yet committed. Records of later epochs may be
    /// written between the calls, except after [`CheckpointId::END`], the last number there is.
    /// For that it may be asked again when it has been committed, by a job that goes on with other
    /// sinks: the answer then says that what was published is durable.
    ///
    /// # Errors
    /// When it cannot be made complete; the job fails.
    fn prepare(&mut self, cut: CheckpointId) -> Result<Option<Vec<u8>>, Error> {
        let _ = cut;
        Ok(Some(Vec::new()))
    }

    /// The checkpoint is durable: makes visible what was prepared for it and for all before it.
    /// Calling it again changes nothing.
    ///
    /// # Errors
    /// When that fails; the job fails, and commits it when it is restored.
    fn commit(&mut self, cut: CheckpointId) -> Result<(), Error> {
        let _ = cut;
        Ok(())
    }

    /// The last call: commits what is prepared or flushes, and waits until that is done.
    ///
    /// # Errors
    /// When it could not be done.
    fn finish(self: Box<Self>, how: Finish) -> Result<(), Error>;
}
