//! Drives sources by hand in tests, as a worker would. It never sleeps without a deadline.

use std::time::{Duration, Instant};

use rheos_engine::{
    BadRecords, Error, Position, ReadBuffer, ReadStatus, Reader, ReaderContext, Source, Split,
    SplitContext, Waker,
};

use crate::Random;

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Opens a split for this thread.
pub(crate) fn open<S: Source>(
    source: &S,
    split: &Split,
    position: Option<&Position>,
) -> Result<Box<dyn Reader<S::Record>>, Error> {
    source.open(split, position, ReaderContext::for_test(Waker::current_thread()))
}

/// Waits until `done` gives something; parked between looks, so that a waker can end the wait.
pub(crate) fn wait_for<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Parks until a reader that waits is to be asked again.
fn park(status: ReadStatus) {
    let now = Instant::now();
    std::thread::park_timeout(match status {
        ReadStatus::PendingUntil(moment) => moment.saturating_duration_since(now).min(PATIENCE),
        _ => PATIENCE,
    });
}

/// Reads until the end; trusts the waker alone to be told that there is more.
pub(crate) fn read_to_end<T: 'static>(
    reader: &mut dyn Reader<T>,
    batch: usize,
) -> Result<Vec<T>, Error> {
    read_on(reader, &mut ReadBuffer::new(batch, BadRecords::Fail))
}

fn read_on<T: 'static>(
    reader: &mut dyn Reader<T>,
    buffer: &mut ReadBuffer<T>,
) -> Result<Vec<T>, Error> {
    let mut records = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = reader.read(buffer)?;
        records.append(&mut buffer.take().records);
        match status {
            ReadStatus::End => return Ok(records),
            ReadStatus::More => {}
            status => park(status),
        }
        assert!(Instant::now() < deadline, "the split does not end");
    }
}

/// All records of every split, for so many workers.
pub(crate) fn read_all<S: Source>(
    source: &S,
    workers: usize,
    batch: usize,
) -> Result<Vec<Vec<S::Record>>, Error> {
    let splits = source.splits(&SplitContext { workers })?;
    splits.iter().map(|split| read_to_end(&mut *open(source, split, None)?, batch)).collect()
}

/// Checks that a source continues behind every position it gives out: for each split, the records
/// read before a position and those read from it by a new reader are together all records.
pub(crate) fn check_replay<S: Source>(source: &S, workers: usize, batch: usize)
where
    S::Record: PartialEq + std::fmt::Debug,
{
    for split in source.splits(&SplitContext { workers }).unwrap() {
        let expected = read_to_end(&mut *open(source, &split, None).unwrap(), batch).unwrap();
        let mut reader = open(source, &split, None).unwrap();
        let mut buffer = ReadBuffer::new(batch, BadRecords::Fail);
        let mut before = Vec::new();
        loop {
            let position = reader.position();
            let mut rest = open(source, &split, Some(&position)).unwrap();
            let rest = read_to_end(&mut *rest, batch).unwrap();
            assert_eq!(before.len() + rest.len(), expected.len(), "{}", split.name);
            assert_eq!(rest, expected[before.len()..], "{}", split.name);
            let status = reader.read(&mut buffer).unwrap();
            before.append(&mut buffer.take().records);
            if status == ReadStatus::End {
                break;
            }
        }
    }
}

/// Checks that a source can be left and continued again and again, wherever: after any number of
/// reads of any sizes, and before the first. Bad records count as records.
pub(crate) fn check_restarts<S: Source>(source: &S, workers: usize, seed: u64)
where
    S::Record: PartialEq + std::fmt::Debug,
{
    let mut random = Random::new(seed);
    for split in source.splits(&SplitContext { workers }).unwrap() {
        let expected = read_some(source, &split, None, usize::MAX, &mut || 64).0;
        let mut given = Seen::default();
        let mut position = None;
        loop {
            let reads = usize::try_from(random.below(4)).unwrap();
            let size = &mut || 1 + usize::try_from(random.below(5)).unwrap();
            let (seen, at, has_ended) = read_some(source, &split, position.as_ref(), reads, size);
            given.records.extend(seen.records);
            given.dead.extend(seen.dead);
            if has_ended {
                break;
            }
            position = Some(at);
        }
        assert_eq!(given.records, expected.records, "{}, seed {seed}", split.name);
        assert_eq!(given.dead, expected.dead, "{}, seed {seed}", split.name);
    }
}

/// Records, and bad ones as they were read.
struct Seen<T> {
    records: Vec<T>,
    dead: Vec<Vec<u8>>,
}

impl<T> Default for Seen<T> {
    fn default() -> Self {
        Self { records: Vec::new(), dead: Vec::new() }
    }
}

/// Reads so many times from a position; says where that leads and whether it is the end.
fn read_some<S: Source>(
    source: &S,
    split: &Split,
    position: Option<&Position>,
    reads: usize,
    size: &mut dyn FnMut() -> usize,
) -> (Seen<S::Record>, Position, bool) {
    let mut reader = open(source, split, position).unwrap();
    let mut seen = Seen::default();
    let mut left = reads;
    while left > 0 {
        let mut buffer = ReadBuffer::new(size(), BadRecords::DeadLetter);
        let status = reader.read(&mut buffer).unwrap();
        let batch = buffer.take();
        seen.records.extend(batch.records);
        seen.dead.extend(batch.dead.into_iter().map(|letter| letter.raw));
        match status {
            ReadStatus::End => return (seen, reader.position(), true),
            // Of a reader that waits, the next read counts.
            ReadStatus::More => left -= 1,
            status => park(status),
        }
    }
    (seen, reader.position(), false)
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
        let reader = open(source, &splits[0], None).unwrap();
        let buffer = ReadBuffer::new(16, source.bad_records());
        Self { reader, buffer, records: Vec::new(), has_ended: false }
    }

    /// Reads what can be had now.
    pub(crate) fn turn(&mut self) -> Result<(), Error> {
        loop {
            let status = self.reader.read(&mut self.buffer)?;
            self.records.append(&mut self.buffer.take().records);
            match status {
                ReadStatus::More => {}
                ReadStatus::Pending | ReadStatus::PendingUntil(_) => return Ok(()),
                ReadStatus::End => {
                    self.has_ended = true;
                    return Ok(());
                }
            }
        }
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

    /// Reads until its end, and trusts the waker alone to be told that there is more.
    pub(crate) fn finish(mut self) -> Vec<T> {
        self.records.append(&mut read_on(&mut *self.reader, &mut self.buffer).unwrap());
        self.records
    }
}
