//! A list of what a job wrote, for after the run.
//!
//! For examples, tests and jobs whose result is small. Nothing of a job that failed is ever seen.

mod sink;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rheos_engine::{Error, ErrorKind};

pub use sink::{CollectSink, DEFAULT_COLLECT_LIMIT};

/// A sink that keeps the records in memory, and the handle that has them after the run.
///
/// The records of all workers are brought to worker 0; in a job of several processes they are in
/// the first process, and the handles of the others have nothing.
/// Their order is that in which they reach worker 0.
///
/// ```
/// use rheos_connectors::collect;
/// use rheos_engine::{CheckpointId, Epoch, Finish, Sink, Waker, WriterContext};
///
/// let (sink, collected) = collect::<u32>();
/// // A job does this:
/// let mut writer = sink.open(WriterContext::for_test(Waker::current_thread()))?;
/// writer.write(&mut vec![1, 2])?;
/// writer.end_epoch(Epoch(0))?;
/// writer.prepare(CheckpointId::END)?;
/// writer.finish(Finish::Commit)?;
///
/// assert_eq!(collected.into_vec()?, [1, 2]);
/// # Ok::<(), rheos_engine::Error>(())
/// ```
pub fn collect<T: Send + 'static>() -> (CollectSink<T>, Collected<T>) {
    let collected = Collected { committed: Arc::new(Mutex::new(None)) };
    (CollectSink::new(collected.clone()), collected)
}

/// What a job wrote into a [`CollectSink`], once it has committed.
pub struct Collected<T> {
    /// `None` until a job has committed, and after the records were taken.
    committed: Arc<Mutex<Option<Vec<T>>>>,
}

impl<T> Collected<T> {
    /// Takes all the records of a job that has committed; `None` if none has, or they were taken.
    #[must_use]
    pub fn take(&self) -> Option<Vec<T>> {
        self.lock().take()
    }

    /// All the records of a job that has committed.
    ///
    /// # Errors
    /// When no job has committed here: it failed, was stopped, has not run yet, or this is not the
    /// first process of the job.
    pub fn into_vec(self) -> Result<Vec<T>, Error> {
        self.take().ok_or_else(|| {
            Error::new(
                ErrorKind::Usage,
                "take the collected records",
                "no job has committed any in this process",
            )
            .advise("look at the job's result first; with several processes, ask the first one")
        })
    }

    fn commit(&self, records: Vec<T>) {
        *self.lock() = Some(records);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<T>>> {
        self.committed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Collected<T> {
    fn clone(&self) -> Self {
        Self { committed: Arc::clone(&self.committed) }
    }
}

impl<T> fmt::Debug for Collected<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records = self.lock().as_ref().map(Vec::len);
        f.debug_struct("Collected").field("committed_records", &records).finish()
    }
}
