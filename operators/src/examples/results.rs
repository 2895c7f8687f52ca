//! Runs the program of an example.

use std::sync::{Arc, Mutex};

use rheos_engine::{
    Config, Delivery, Error, ExchangeData, Finish, Placement, Sink, Writer, WriterContext,
};

use super::given;
use crate::{Job, Stream, Timeline};

/// Runs a program over the given records, on one worker, and gives its results.
///
/// # Panics
/// When the job fails.
pub fn results<T, R, M: Timeline>(
    records: impl IntoIterator<Item = T>,
    program: impl FnOnce(Stream<T>) -> Stream<R, M>,
) -> Vec<R>
where
    T: Send + 'static,
    R: ExchangeData,
{
    let job = Job::new("example");
    let kept = Arc::new(Mutex::new(Vec::new()));
    program(job.source(given(records))).sink(Keep { kept: Arc::clone(&kept) });
    job.run(Config::default().workers(1)).unwrap_or_else(|error| panic!("{error}"));
    let mut kept = kept.lock().expect("nothing panics while holding the lock");
    std::mem::take(&mut *kept)
}

/// A sink that keeps what it is given.
struct Keep<R> {
    kept: Arc<Mutex<Vec<R>>>,
}

impl<R: Send + 'static> Sink for Keep<R> {
    type Record = R;

    fn delivery(&self) -> Delivery {
        Delivery::Immediate
    }

    fn placement(&self) -> Placement {
        Placement::OneWorker
    }

    fn open(&self, _context: WriterContext) -> Result<Box<dyn Writer<R>>, Error> {
        Ok(Box::new(Keep { kept: Arc::clone(&self.kept) }))
    }
}

impl<R: 'static> Writer<R> for Keep<R> {
    fn write(&mut self, batch: &mut Vec<R>) -> Result<(), Error> {
        self.kept.lock().expect("nothing panics while holding the lock").append(batch);
        Ok(())
    }

    fn finish(self: Box<Self>, _how: Finish) -> Result<(), Error> {
        Ok(())
    }
}
