//! Drives sources by hand and checks what holds for all of them.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use rheos_engine::{
    DeadLetter, Error, Position, ReadBuffer, ReadStatus, Reader, ReaderContext, Replay, Source,
    Split, SplitContext, Waker,
};

use super::wait;

/// How long a source may take to come up with what a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a source gave.
#[derive(Debug)]
pub(crate) struct Driven<T> {
    pub(crate) records: Vec<T>,
    pub(crate) dead: Vec<DeadLetter>,
    pub(crate) skipped: u64,
}

/// Reads all splits to their ends, one after the other.
pub(crate) fn drive_source<S: Source>(
    source: &S,
    workers: usize,
) -> Result<Driven<S::Record>, Error> {
    let mut driven = Driven { records: Vec::new(), dead: Vec::new(), skipped: 0 };
    for split in source.splits(&SplitContext { workers })? {
        let mut buffer = ReadBuffer::new(1024, source.bad_records());
        let mut reader = open_reader(source, &split, None)?;
        loop {
            let status = reader.read(&mut buffer)?;
            let batch = buffer.take();
            driven.records.extend(batch.records);
            driven.dead.extend(batch.dead);
            driven.skipped += batch.skipped;
            match status {
                ReadStatus::More => {}
                ReadStatus::Pending => wait(),
                ReadStatus::End => break,
            }
        }
    }
    Ok(driven)
}

/// Opens a split for the thread that calls.
pub(crate) fn open_reader<S: Source>(
    source: &S,
    split: &Split,
    position: Option<&Position>,
) -> Result<Box<dyn Reader<S::Record>>, Error> {
    source.open(split, position, ReaderContext::for_test(Waker::current_thread()))
}

/// Reads until there are `count` records in all, or the end; for sources that never end.
pub(crate) fn read_until<T: 'static>(
    reader: &mut dyn Reader<T>,
    records: &mut Vec<T>,
    count: usize,
) -> Result<(), Error> {
    let patience = Instant::now();
    let mut buffer = ReadBuffer::new(1, rheos_engine::BadRecords::Fail);
    while records.len() < count {
        assert!(patience.elapsed() < PATIENCE, "{} of {count} records came", records.len());
        let status = reader.read(&mut buffer)?;
        records.append(&mut buffer.take().records);
        match status {
            ReadStatus::More => {}
            ReadStatus::Pending => wait(),
            ReadStatus::End => return Ok(()),
        }
    }
    Ok(())
}

/// Rule: reading from any position gives exactly the records behind it.
pub(crate) fn check_continues<S>(source: &S, workers: usize)
where
    S: Source<Record: Clone + Debug + PartialEq>,
{
    assert_eq!(source.replay(), Replay::FromPosition);
    for split in source.splits(&SplitContext { workers }).unwrap() {
        let (records, positions) = read_with_positions(source, &split, None);
        for (taken, position) in &positions {
            let (rest, _) = read_with_positions(source, &split, Some(position));
            assert_eq!(rest, records[*taken..], "{} from {position:?}", split.name);
        }
    }
}

/// Positions come with the number of records before them.
fn read_with_positions<S: Source>(
    source: &S,
    split: &Split,
    position: Option<&Position>,
) -> (Vec<S::Record>, Vec<(usize, Position)>) {
    let mut reader = open_reader(source, split, position).unwrap();
    let mut buffer = ReadBuffer::new(1, source.bad_records());
    let (mut records, mut positions) = (Vec::new(), vec![(0, reader.position())]);
    loop {
        let status = reader.read(&mut buffer).unwrap();
        records.append(&mut buffer.take().records);
        positions.push((records.len(), reader.position()));
        match status {
            ReadStatus::More => {}
            ReadStatus::Pending => wait(),
            ReadStatus::End => return (records, positions),
        }
    }
}

/// Rule: a reader that is dropped in the middle lets go of what it reads; `has_let_go` looks.
pub(crate) fn check_drop<S: Source>(source: &S, has_let_go: impl Fn() -> bool) {
    for split in source.splits(&SplitContext { workers: 1 }).unwrap() {
        let mut reader = open_reader(source, &split, None).unwrap();
        read_until(&mut *reader, &mut Vec::new(), 1).unwrap();
        drop(reader);
        let patience = Instant::now();
        while !has_let_go() {
            assert!(patience.elapsed() < PATIENCE, "a thread still reads {}", split.name);
            wait();
        }
    }
}
