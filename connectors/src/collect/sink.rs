//! The sink that keeps records in memory until the job commits.
//!
//! Used by programs through [`collect`](super::collect). Staged and on one worker; it never grows
//! past its limit and never hands out anything before the commit.

use std::fmt;

use rheos_engine::{Delivery, Error, ErrorKind, Finish, Placement, Sink, Writer, WriterContext};

use super::Collected;

/// How many records a [`CollectSink`] takes unless told otherwise.
pub const DEFAULT_COLLECT_LIMIT: usize = 10_000_000;

/// Keeps the records in memory; see [`collect`](super::collect).
#[must_use]
pub struct CollectSink<T> {
    collected: Collected<T>,
    limit: usize,
}

impl<T> CollectSink<T> {
    pub(super) fn new(collected: Collected<T>) -> Self {
        Self { collected, limit: DEFAULT_COLLECT_LIMIT }
    }

    /// Fails the job when there are more records than this; [`DEFAULT_COLLECT_LIMIT`] without it.
    pub fn limit(mut self, records: usize) -> Self {
        self.limit = records;
        self
    }
}

impl<T: Send + 'static> Sink for CollectSink<T> {
    type Record = T;

    fn delivery(&self) -> Delivery {
        Delivery::Staged
    }

    fn placement(&self) -> Placement {
        Placement::OneWorker
    }

    fn open(&self, _context: WriterContext) -> Result<Box<dyn Writer<T>>, Error> {
        let collected = self.collected.clone();
        Ok(Box::new(CollectWriter { collected, staged: Vec::new(), limit: self.limit }))
    }
}

impl<T> fmt::Debug for CollectSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CollectSink").field("limit", &self.limit).finish_non_exhaustive()
    }
}

struct CollectWriter<T> {
    collected: Collected<T>,
    staged: Vec<T>,
    limit: usize,
}

impl<T: Send + 'static> Writer<T> for CollectWriter<T> {
    fn write(&mut self, batch: &mut Vec<T>) -> Result<(), Error> {
        if batch.len() > self.limit - self.staged.len() {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("collect more than {} records", self.limit),
                "that is the limit of this sink, which keeps them in memory",
            )
            .advise("write to a file, or raise the limit with CollectSink::limit"));
        }
        self.staged.append(batch);
        Ok(())
    }

    fn finish(self: Box<Self>, how: Finish) -> Result<(), Error> {
        match how {
            Finish::Commit => self.collected.commit(self.staged),
            Finish::Stop => {}
        }
        Ok(())
    }
}
