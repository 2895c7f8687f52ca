//! A list of what a job wrote, for after the run.
//!
//! For examples, tests and jobs whose result is small. Nothing of a job that failed is ever seen.
//! A job that is restored from a checkpoint in the same process goes on with the list; in another
//! process the beginning of the list is lost, and the job is refused.

mod sink;
#[cfg(test)]
mod tests;

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rheos_engine::{Error, ErrorKind};

pub use sink::{CollectSink, DEFAULT_COLLECT_LIMIT};

/// A sink that keeps the records in memory, and the handle that has them after the run.
///
/// The records of all workers are brought to worker 0; in a job of several processes they are in
/// the first process, and the handles of the others have nothing.
/// Their order is that in which they reach worker 0.
///
/// The list is complete when the job has ended, also in a job that takes checkpoints. Such a job can
/// be restored as long as this handle lives; after a restart of the program what was collected
/// before the checkpoint is gone, and the job does not start.
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
    let id = RandomState::new().build_hasher().finish();
    let kept = Kept { turn: 0, prepared: Vec::new(), is_delivered: false, committed: None };
    let collected = Collected { id, kept: Arc::new(Mutex::new(kept)) };
    (CollectSink::new(collected.clone()), collected)
}

/// What a job wrote into a [`CollectSink`], once it has committed.
pub struct Collected<T> {
    /// Tells it from the lists of other processes.
    id: u64,
    kept: Arc<Mutex<Kept<T>>>,
}

/// What is kept between writers.
struct Kept<T> {
    /// Counts the jobs that began or went on with the list: only the writer of the last one counts.
    turn: u64,
    /// Records that belong to checkpoints of a job that has not ended.
    prepared: Vec<T>,
    /// Whether that job has ended.
    is_delivered: bool,
    /// `None` until a job has committed, and after the records were taken.
    committed: Option<Vec<T>>,
}

impl<T> Collected<T> {
    /// Takes all the records of a job that has committed; `None` if none has, or they were taken.
    #[must_use]
    pub fn take(&self) -> Option<Vec<T>> {
        self.lock().committed.take()
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

    fn lock(&self) -> MutexGuard<'_, Kept<T>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the writer of a turn: an error when a later one has begun.
    fn lock_for(&self, turn: u64) -> Result<MutexGuard<'_, Kept<T>>, Error> {
        let kept = self.lock();
        if kept.turn != turn {
            let reason = "a later run of the job, or another job, has taken the list over";
            return Err(Error::usage("collect records", reason));
        }
        Ok(kept)
    }
}

impl<T> Kept<T> {
    /// What is prepared is the list of a job that has ended.
    fn deliver(&mut self) {
        if !self.is_delivered {
            self.committed = Some(std::mem::take(&mut self.prepared));
            self.is_delivered = true;
        }
    }
}

impl<T> Clone for Collected<T> {
    fn clone(&self) -> Self {
        Self { id: self.id, kept: Arc::clone(&self.kept) }
    }
}

impl<T> fmt::Debug for Collected<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records = self.lock().committed.as_ref().map(Vec::len);
        f.debug_struct("Collected").field("committed_records", &records).finish()
    }
}
