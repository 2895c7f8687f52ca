//! The sink that drops.
//!
//! Used by programs through [`Null`]. It writes nothing; it touches one counter a batch.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rheos_engine::{Delivery, Error, Finish, Sink, Writer, WriterContext};

/// Drops every record and counts them.
///
/// ```
/// use rheos_connectors::Null;
/// let sink = Null::<String>::new();
/// let dropped = sink.dropped();
/// // after job.source(...).sink(sink) has run:
/// assert_eq!(dropped.count(), 0);
/// # drop(sink);
/// ```
#[must_use]
pub struct Null<T> {
    dropped: DroppedRecords,
    record: PhantomData<fn(T)>,
}

/// How many records the [`Null`] sink has dropped so far, over all workers of this process.
#[derive(Clone, Debug, Default)]
pub struct DroppedRecords {
    count: Arc<AtomicU64>,
}

impl<T> Null<T> {
    /// A sink that has dropped nothing yet.
    pub fn new() -> Self {
        Self { dropped: DroppedRecords::default(), record: PhantomData }
    }

    /// The counter of this sink, also for after the run.
    #[must_use]
    pub fn dropped(&self) -> DroppedRecords {
        self.dropped.clone()
    }
}

impl DroppedRecords {
    /// The records dropped so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

impl<T> Default for Null<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Null<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Null").field("dropped", &self.dropped.count()).finish()
    }
}

impl<T: Send + 'static> Sink for Null<T> {
    type Record = T;

    fn delivery(&self) -> Delivery {
        Delivery::Immediate
    }

    fn open(&self, _context: WriterContext) -> Result<Box<dyn Writer<T>>, Error> {
        Ok(Box::new(NullWriter { dropped: self.dropped.clone() }))
    }
}

struct NullWriter {
    dropped: DroppedRecords,
}

impl<T> Writer<T> for NullWriter {
    fn write(&mut self, batch: &mut Vec<T>) -> Result<(), Error> {
        self.dropped.count.fetch_add(batch.len() as u64, Ordering::Relaxed);
        batch.clear();
        Ok(())
    }

    fn finish(self: Box<Self>, _how: Finish) -> Result<(), Error> {
        Ok(())
    }
}
