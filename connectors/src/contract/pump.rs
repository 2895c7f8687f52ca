//! Drives readers whose other side the test plays itself, step by step.
//!
//! What is said to be strict trusts the waker alone, as a worker that sleeps does: a wake-up that
//! is lost fails the test.

use std::time::{Duration, Instant};

use rheos_engine::{Error, ReadBuffer, ReadStatus, Reader, Source, Split, SplitContext};

use super::{open_reader, wait};

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `done` gives something.
pub(crate) fn wait_for<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        wait();
    }
}

/// The records of every split by itself, read strictly in batches of this size.
pub(crate) fn read_splits<S: Source>(
    source: &S,
    workers: usize,
    batch: usize,
) -> Vec<Vec<S::Record>> {
    let splits = source.splits(&SplitContext { workers }).unwrap();
    splits.iter().map(|split| Pump::open_split(source, split, batch).finish()).collect()
}

/// A reader and what it has given so far.
pub(crate) struct Pump<T> {
    reader: Box<dyn Reader<T>>,
    buffer: ReadBuffer<T>,
    pub(crate) records: Vec<T>,
    pub(crate) has_ended: bool,
}

impl<T: 'static> Pump<T> {
    /// Opens the only split of a source.
    pub(crate) fn open<S: Source<Record = T>>(source: &S) -> Self {
        let splits = source.splits(&SplitContext { workers: 2 }).unwrap();
        assert_eq!(splits.len(), 1);
        Self::open_split(source, &splits[0], 16)
    }

    fn open_split<S: Source<Record = T>>(source: &S, split: &Split, batch: usize) -> Self {
        let reader = open_reader(source, split, None).unwrap();
        let buffer = ReadBuffer::new(batch, source.bad_records());
        Self { reader, buffer, records: Vec::new(), has_ended: false }
    }

    /// Reads what can be had now.
    pub(crate) fn turn(&mut self) -> Result<(), Error> {
        while self.step()? == ReadStatus::More {}
        Ok(())
    }

    /// Reads until there are this many records.
    pub(crate) fn until(&mut self, records: usize) -> &[T] {
        wait_for(&format!("{records} records"), || {
            self.turn().unwrap();
            (self.records.len() >= records).then_some(())
        });
        &self.records
    }

    /// Reads until it fails.
    pub(crate) fn until_failure(&mut self) -> Error {
        wait_for("a failure", || self.turn().err())
    }

    /// All records up to the end, read strictly.
    pub(crate) fn finish(mut self) -> Vec<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.step().unwrap() {
                ReadStatus::End => return self.records,
                ReadStatus::More => {}
                ReadStatus::Pending => std::thread::park_timeout(PATIENCE),
            }
            assert!(Instant::now() < deadline, "the split does not end");
        }
    }

    fn step(&mut self) -> Result<ReadStatus, Error> {
        assert!(!self.has_ended, "a split that has ended is not read again");
        let status = self.reader.read(&mut self.buffer)?;
        self.records.append(&mut self.buffer.take().records);
        self.has_ended = status == ReadStatus::End;
        Ok(status)
    }
}
