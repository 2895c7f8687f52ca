//! `for_each_epoch`: the program's own function as a sink, an epoch at a time.

use std::error::Error as StdError;
use std::marker::PhantomData;

use rheos_engine::{
    Delivery, Epoch, Error, ErrorKind, ExchangeData, Finish, Sink, Writer, WriterContext,
};

use crate::{SinkStep, Stream};

impl<T: ExchangeData> Stream<T> {
    /// Hands all records of an epoch on a worker to a function, once the epoch is complete: what
    /// Spark calls `foreachBatch`. An error fails the job.
    ///
    /// The function runs in the worker's thread: while it waits, the worker does. An epoch without
    /// records on the worker is not handed over.
    ///
    /// # Semantics
    /// * **Order**: epochs come in order; within one, records come in the order in which they
    ///   reached the worker.
    /// * **State**: the records of the current epoch, which the limit of what may be in flight
    ///   bounds.
    /// * **End of the input**: the last epoch is handed over like any other. A job that is stopped
    ///   does not hand over an epoch that is not complete.
    /// * **Workers**: each hands over its own records. How records are cut into epochs depends on
    ///   timing.
    /// * **Delivery**: immediate: a job that fails has handed over what it had.
    ///
    /// ```
    /// # use rheos_operators::{Job, examples::given};
    /// let job = Job::new("notes");
    /// job.source(given(0..10u64)).for_each_epoch(|numbers, epoch| {
    ///     std::fs::write(format!("epoch-{}", epoch.0), format!("{numbers:?}"))
    /// });
    /// assert!(job.explain().to_string().contains("publishes at once"));
    /// ```
    pub fn for_each_epoch<E>(
        self,
        work: impl Fn(Vec<T>, Epoch) -> Result<(), E> + Clone + Send + Sync + 'static,
    ) -> SinkStep
    where
        E: Into<Box<dyn StdError + Send + Sync>> + 'static,
    {
        self.sink(EpochSink { work, types: PhantomData })
    }
}

/// Hands epochs to `work`.
struct EpochSink<T, F, E> {
    work: F,
    types: PhantomData<fn(T, E)>,
}

impl<T, F, E> Sink for EpochSink<T, F, E>
where
    T: Send + 'static,
    F: Fn(Vec<T>, Epoch) -> Result<(), E> + Clone + Send + Sync + 'static,
    E: Into<Box<dyn StdError + Send + Sync>> + 'static,
{
    type Record = T;

    fn delivery(&self) -> Delivery {
        Delivery::Immediate
    }

    fn open(&self, _context: WriterContext) -> Result<Box<dyn Writer<T>>, Error> {
        Ok(Box::new(EpochWriter { work: self.work.clone(), records: Vec::new() }))
    }
}

struct EpochWriter<T, F> {
    work: F,
    records: Vec<T>,
}

impl<T, F, E> Writer<T> for EpochWriter<T, F>
where
    T: 'static,
    F: Fn(Vec<T>, Epoch) -> Result<(), E> + 'static,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    fn write(&mut self, batch: &mut Vec<T>) -> Result<(), Error> {
        self.records.append(batch);
        Ok(())
    }

    fn end_epoch(&mut self, epoch: Epoch) -> Result<(), Error> {
        if self.records.is_empty() {
            return Ok(());
        }
        let records = std::mem::take(&mut self.records);
        (self.work)(records, epoch).map_err(|cause| {
            let cause = cause.into();
            let attempted = format!("hand over epoch {}", epoch.0);
            Error::new(ErrorKind::UserCode, attempted, cause.to_string()).caused_by(cause)
        })
    }

    fn finish(self: Box<Self>, _how: Finish) -> Result<(), Error> {
        Ok(())
    }
}
