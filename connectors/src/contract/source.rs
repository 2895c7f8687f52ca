//! Drives sources by hand and checks what holds for all of them.

use std::time::Instant;

use rheos_engine::{
    BadRecords, DeadLetter, Error, ReadBuffer, ReadStatus, Reader, Source, SplitContext,
};

use super::{wait, wait_until};
use crate::drive::{PATIENCE, open, wait_for};

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
        let mut reader = open(source, &split, None)?;
        loop {
            let status = reader.read(&mut buffer)?;
            let batch = buffer.take();
            driven.records.extend(batch.records);
            driven.dead.extend(batch.dead);
            driven.skipped += batch.skipped;
            match status {
                ReadStatus::More => {}
                ReadStatus::Pending => wait(),
                ReadStatus::PendingUntil(moment) => wait_until(moment),
                ReadStatus::End => break,
            }
        }
    }
    Ok(driven)
}

/// Reads until there are `count` records in all, or the end; for sources that never end.
pub(crate) fn read_until<T: 'static>(
    reader: &mut dyn Reader<T>,
    records: &mut Vec<T>,
    count: usize,
) -> Result<(), Error> {
    let patience = Instant::now();
    let mut buffer = ReadBuffer::new(1, BadRecords::Fail);
    while records.len() < count {
        assert!(patience.elapsed() < PATIENCE, "{} of {count} records came", records.len());
        let status = reader.read(&mut buffer)?;
        records.append(&mut buffer.take().records);
        match status {
            ReadStatus::More => {}
            ReadStatus::Pending => wait(),
            ReadStatus::PendingUntil(moment) => wait_until(moment),
            ReadStatus::End => return Ok(()),
        }
    }
    Ok(())
}

/// Rule: a reader that is dropped in the middle lets go of what it reads; `has_let_go` looks.
pub(crate) fn check_drop<S: Source>(source: &S, has_let_go: impl Fn() -> bool) {
    for split in source.splits(&SplitContext { workers: 1 }).unwrap() {
        let mut reader = open(source, &split, None).unwrap();
        read_until(&mut *reader, &mut Vec::new(), 1).unwrap();
        drop(reader);
        wait_for("a dropped reader to let go", || has_let_go().then_some(()));
    }
}
