//! A source and sinks small enough for the examples in this documentation. Real ones live in the
//! connectors.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use rheos_engine::{
    Config, Delivery, Error, ExchangeData, Finish, Placement, Position, ReadBuffer, ReadStatus,
    Reader, ReaderContext, Sink, Source, Split, SplitContext, Writer, WriterContext,
};

use crate::{Job, Stream};

/// Runs a program over the given records, on one worker, and gives its results.
///
/// # Panics
/// When the job fails.
pub fn results<T, U>(
    records: impl IntoIterator<Item = T>,
    program: impl FnOnce(Stream<T>) -> Stream<U>,
) -> Vec<U>
where
    T: Send + 'static,
    U: ExchangeData,
{
    let job = Job::new("example");
    let kept = Arc::new(Mutex::new(Vec::new()));
    program(job.source(given(records))).sink(Keep { kept: Arc::clone(&kept) });
    job.run(Config::default().workers(1)).unwrap_or_else(|error| panic!("{error}"));
    let mut kept = kept.lock().expect("nothing panics while holding the lock");
    std::mem::take(&mut *kept)
}

/// The records of an example.
pub struct Given<T> {
    records: Mutex<Vec<T>>,
}

/// A source of the given records.
pub fn given<T>(records: impl IntoIterator<Item = T>) -> Given<T> {
    Given { records: Mutex::new(records.into_iter().collect()) }
}

impl<T: Send + 'static> Source for Given<T> {
    type Record = T;

    fn splits(&self, _context: &SplitContext) -> Result<Vec<Split>, Error> {
        Ok(vec![Split { at_origin: true, ..Split::named("given") }])
    }

    fn open(
        &self,
        _split: &Split,
        _position: Option<&Position>,
        _context: ReaderContext,
    ) -> Result<Box<dyn Reader<T>>, Error> {
        let mut records = self.records.lock().expect("nothing panics while holding the lock");
        Ok(Box::new(GivenReader { records: std::mem::take(&mut *records) }))
    }
}

struct GivenReader<T> {
    records: Vec<T>,
}

impl<T: 'static> Reader<T> for GivenReader<T> {
    fn read(&mut self, buffer: &mut ReadBuffer<T>) -> Result<ReadStatus, Error> {
        buffer.records_mut().append(&mut self.records);
        Ok(ReadStatus::End)
    }
}

/// A sink that forgets what it is given.
pub struct Nowhere<T>(PhantomData<fn(T)>);

impl<T> Nowhere<T> {
    /// The sink.
    #[allow(clippy::new_without_default, reason = "examples call it by name")]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: Send + 'static> Sink for Nowhere<T> {
    type Record = T;

    fn delivery(&self) -> Delivery {
        Delivery::Immediate
    }

    fn open(&self, _context: WriterContext) -> Result<Box<dyn Writer<T>>, Error> {
        Ok(Box::new(Forget))
    }
}

struct Forget;

impl<T> Writer<T> for Forget {
    fn write(&mut self, batch: &mut Vec<T>) -> Result<(), Error> {
        batch.clear();
        Ok(())
    }

    fn finish(self: Box<Self>, _how: Finish) -> Result<(), Error> {
        Ok(())
    }
}

/// A sink that keeps what it is given.
struct Keep<T> {
    kept: Arc<Mutex<Vec<T>>>,
}

impl<T: Send + 'static> Sink for Keep<T> {
    type Record = T;

    fn delivery(&self) -> Delivery {
        Delivery::Immediate
    }

    fn placement(&self) -> Placement {
        Placement::OneWorker
    }

    fn open(&self, _context: WriterContext) -> Result<Box<dyn Writer<T>>, Error> {
        Ok(Box::new(Keep { kept: Arc::clone(&self.kept) }))
    }
}

impl<T: 'static> Writer<T> for Keep<T> {
    fn write(&mut self, batch: &mut Vec<T>) -> Result<(), Error> {
        self.kept.lock().expect("nothing panics while holding the lock").append(batch);
        Ok(())
    }

    fn finish(self: Box<Self>, _how: Finish) -> Result<(), Error> {
        Ok(())
    }
}
