//! The sink that calls a closure.
//!
//! Used by programs through [`ForEach`]. It writes nothing itself and keeps no record.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use rheos_engine::{Delivery, Error, ErrorKind, Finish, Placement, Sink, Writer, WriterContext};

/// Gives every record to a closure, at once.
///
/// The closure runs on the worker: it must not block for long. It is called by every worker at the
/// same time, each with the records it has; [`in_order`](ForEach::in_order) brings them to one.
/// After a failure it may have seen records that a restarted job gives it again: those that came
/// after the last checkpoint.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use std::sync::Arc;
/// use rheos_connectors::ForEach;
///
/// let total = Arc::new(AtomicU64::new(0));
/// let sum = Arc::clone(&total);
/// let sink = ForEach::new(move |amount: u64| {
///     sum.fetch_add(amount, Ordering::Relaxed);
/// });
/// // job.source(...).sink(sink)
/// # drop(sink);
/// ```
#[must_use]
pub struct ForEach<T> {
    /// Erased for a whole batch, so that the loop over the records is compiled for the closure.
    call: Arc<CallBatch<T>>,
    placement: Placement,
}

type CallBatch<T> = dyn Fn(&mut Vec<T>) -> Result<(), Error> + Send + Sync;

impl<T: Send + 'static> ForEach<T> {
    /// Calls `call` with every record, on every worker.
    pub fn new<F>(call: F) -> Self
    where
        F: Fn(T) + Send + Sync + 'static,
    {
        Self::of(move |batch| {
            batch.drain(..).for_each(&call);
            Ok(())
        })
    }

    /// Calls `call` with every record, on every worker; the first error fails the job.
    pub fn fallible<F, E>(call: F) -> Self
    where
        F: Fn(T) -> Result<(), E> + Send + Sync + 'static,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        Self::of(move |batch| {
            batch.drain(..).try_for_each(&call).map_err(|cause| {
                let cause = cause.into();
                Error::new(ErrorKind::UserCode, "handle a record", cause.to_string())
                    .caused_by(cause)
            })
        })
    }

    /// Brings the records of all workers to worker 0, whose calls come one after the other; the
    /// records of an ordered stream keep their order.
    pub fn in_order(mut self) -> Self {
        self.placement = Placement::OneWorker;
        self
    }

    fn of(call: impl Fn(&mut Vec<T>) -> Result<(), Error> + Send + Sync + 'static) -> Self {
        Self { call: Arc::new(call), placement: Placement::EveryWorker }
    }
}

impl<T: Send + 'static> Sink for ForEach<T> {
    type Record = T;

    fn delivery(&self) -> Delivery {
        Delivery::Immediate
    }

    fn placement(&self) -> Placement {
        self.placement
    }

    fn open(&self, _context: WriterContext) -> Result<Box<dyn Writer<T>>, Error> {
        Ok(Box::new(ForEachWriter { call: Arc::clone(&self.call) }))
    }
}

impl<T> fmt::Debug for ForEach<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForEach").field("placement", &self.placement).finish_non_exhaustive()
    }
}

struct ForEachWriter<T> {
    call: Arc<CallBatch<T>>,
}

impl<T: 'static> Writer<T> for ForEachWriter<T> {
    fn write(&mut self, batch: &mut Vec<T>) -> Result<(), Error> {
        (self.call)(batch)
    }

    fn finish(self: Box<Self>, _how: Finish) -> Result<(), Error> {
        Ok(())
    }
}
