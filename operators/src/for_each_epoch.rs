//! `for_each_epoch`: the program's own function as a sink, an epoch at a time.

use std::error::Error as StdError;
use std::marker::PhantomData;

use rheos_engine::{
    Delivery, Epoch, Error, ErrorKind, ExchangeData, Finish, Sink, Writer, WriterContext,
};

use crate::{SinkStep, Stream, Timeline};

impl<T: ExchangeData, M: Timeline> Stream<T, M> {
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
    /// * **Delivery**: immediate: a job that fails has handed over what it had. All epochs before a
    ///   checkpoint have been handed over when it counts; those after it are handed over again, cut
    ///   otherwise, when the job is restored.
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use rheos_engine::Waker;

    use super::*;

    fn writer<E>(
        work: impl Fn(Vec<u64>, Epoch) -> Result<(), E> + Clone + Send + Sync + 'static,
    ) -> Box<dyn Writer<u64>>
    where
        E: Into<Box<dyn StdError + Send + Sync>> + 'static,
    {
        let context = WriterContext::for_test(Waker::new(|| {}));
        EpochSink { work, types: PhantomData }.open(context).unwrap()
    }

    #[test]
    fn each_epoch_with_records_is_handed_over_once_and_whole() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let epochs = Arc::clone(&seen);
        let mut writer = writer(move |records, epoch| {
            epochs.lock().unwrap().push((epoch.0, records));
            Ok::<_, Error>(())
        });
        writer.write(&mut vec![1, 2]).unwrap();
        writer.write(&mut vec![3]).unwrap();
        writer.end_epoch(Epoch(0)).unwrap();
        writer.end_epoch(Epoch(1)).unwrap();
        writer.write(&mut vec![4]).unwrap();
        writer.end_epoch(Epoch(2)).unwrap();
        writer.write(&mut vec![5]).unwrap();
        writer.finish(Finish::Stop).unwrap();
        assert_eq!(*seen.lock().unwrap(), [(0, vec![1, 2, 3]), (2, vec![4])]);
    }

    #[test]
    fn an_error_names_the_epoch() {
        let mut writer = writer(|_, _| Err("the database is away"));
        writer.write(&mut vec![1]).unwrap();
        let error = writer.end_epoch(Epoch(7)).unwrap_err();
        assert!(error.to_string().contains("epoch 7: the database is away"), "{error}");
    }
}
