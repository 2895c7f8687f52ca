//! A journal makes a source replayable, whenever it was left and however it was cut off.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rheos_engine::{
    BadRecords, DeadLetter, Error, Position, ReadBuffer, ReadStatus, Reader, ReaderContext, Source,
    Split, SplitContext,
};

use super::segment::{FIRST, path_of};
use super::*;
use crate::Random;
use crate::contract::{read_until, wait};
use crate::drive::{open, read_to_end};
use crate::ordinal;

/// Numbers that are gone once they were read.
#[derive(Clone)]
struct Once {
    next: Arc<AtomicU64>,
    end: u64,
    /// Multiples of this are bad records.
    bad: u64,
}

impl Once {
    fn up_to(end: u64) -> Self {
        Self { next: Arc::default(), end, bad: u64::MAX }
    }

    fn with_bad(self, bad: u64) -> Self {
        Self { bad, ..self }
    }
}

impl Source for Once {
    type Record = u64;

    fn splits(&self, _context: &SplitContext) -> Result<Vec<Split>, Error> {
        Ok(vec![Split::named("once")])
    }

    fn open(
        &self,
        _split: &Split,
        _position: Option<&Position>,
        _context: ReaderContext,
    ) -> Result<Box<dyn Reader<u64>>, Error> {
        Ok(Box::new(self.clone()))
    }

    fn bad_records(&self) -> BadRecords {
        BadRecords::DeadLetter
    }
}

impl Reader<u64> for Once {
    fn read(&mut self, buffer: &mut ReadBuffer<u64>) -> Result<ReadStatus, Error> {
        while !buffer.is_full() {
            let number = self.next.load(Ordering::SeqCst);
            if number == self.end {
                return Ok(ReadStatus::End);
            }
            self.next.store(number + 1, Ordering::SeqCst);
            if number.is_multiple_of(self.bad) && number > 0 {
                let raw = number.to_string().into_bytes();
                let (reason, origin, place) = ("bad".to_owned(), "once".to_owned(), String::new());
                buffer.bad(DeadLetter { raw, reason, origin, place })?;
            } else {
                buffer.push(number);
            }
        }
        Ok(ReadStatus::More)
    }
}

fn split_of(source: &Journal<Once>) -> Split {
    source.splits(&SplitContext { workers: 3 }).unwrap().remove(0)
}

/// Reads so many times; adds good and bad numbers in the order in which they came.
fn read(
    reader: &mut dyn Reader<u64>,
    reads: u64,
    size: usize,
    numbers: &mut Vec<u64>,
) -> Result<ReadStatus, Error> {
    let mut left = reads;
    while left > 0 {
        let mut buffer = ReadBuffer::new(size, BadRecords::DeadLetter);
        let status = reader.read(&mut buffer)?;
        let batch = buffer.take();
        numbers.extend(batch.records);
        for letter in batch.dead {
            numbers.push(String::from_utf8(letter.raw).unwrap().parse().unwrap());
        }
        match status {
            ReadStatus::End => return Ok(status),
            ReadStatus::Pending | ReadStatus::PendingUntil(_) => wait(),
            ReadStatus::More => left -= 1,
        }
    }
    Ok(ReadStatus::More)
}

#[test]
fn nothing_is_lost_or_doubled_over_restarts_wherever_they_come() {
    for seed in 0..15 {
        let folder = tempfile::tempdir().unwrap();
        let source = journal(Once::up_to(200).with_bad(10), folder.path());
        let mut random = Random::new(seed);
        let mut numbers = Vec::new();
        let mut position = None;
        loop {
            let mut reader = open(&source, &split_of(&source), position.as_ref()).unwrap();
            assert!(position.as_ref().is_none_or(|position| reader.position() == *position));
            let size = 1 + usize::try_from(random.below(20)).unwrap();
            let before = numbers.len();
            let status = read(&mut *reader, random.below(6), size, &mut numbers).unwrap();
            if status == ReadStatus::End {
                break;
            }
            // Without a checkpoint since, all of it comes again.
            match random.below(3) {
                0 => numbers.truncate(before),
                _ => {
                    position = Some(reader.position());
                    reader.completed(&reader.position()).unwrap();
                }
            }
        }
        numbers.sort_unstable();
        assert!(numbers.iter().copied().eq(0..200), "seed {seed}: {numbers:?}");
    }
}

#[test]
fn a_torn_tail_is_cut_off_wherever_it_was_torn() {
    let folder = tempfile::tempdir().unwrap();
    let source = journal(Once::up_to(9), folder.path());
    let mut reader = open(&source, &split_of(&source), None).unwrap();
    read_until(&mut *reader, &mut Vec::new(), 3).unwrap();
    let position = reader.position();
    read_to_end(&mut *reader, 1).unwrap();
    drop(reader);
    let path = path_of(&folder.path().join("split-0000"), 0);
    let whole = fs::read(&path).unwrap();
    let [_, offset] = ordinal::decode(&position.0).unwrap();
    // A record of one byte takes 10: length, checksum, kind and number.
    assert_eq!(offset, FIRST + 3 * 10);
    for length in 0..=whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        // What the source gives after the kill.
        let once = Once { next: Arc::new(AtomicU64::new(100)), ..Once::up_to(102) };
        let source = journal(once, folder.path());
        let opened = open(&source, &split_of(&source), Some(&position));
        let outcome = opened.and_then(|mut reader| read_to_end(&mut *reader, 2));
        if (length as u64) < offset {
            let error = outcome.unwrap_err().to_string();
            assert!(error.contains("segment-00000000"), "{length}: {error}");
            assert_eq!(fs::read(&path).unwrap(), whole[..length], "nothing is cut then");
        } else {
            let saved = (length as u64 - FIRST) / 10;
            let mut expected: Vec<_> = (3..saved.min(9)).collect();
            if length < whole.len() {
                expected.extend([100, 101]);
            }
            assert_eq!(outcome.unwrap(), expected, "torn at {length}");
        }
        forget_other_segments(&path);
    }
}

fn forget_other_segments(path: &Path) {
    let others: Vec<PathBuf> = fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|other| other != path)
        .collect();
    others.iter().for_each(|other| fs::remove_file(other).unwrap());
}

#[test]
fn damage_is_cut_off_only_where_nothing_whole_lies_behind_it() {
    const ENTRIES: usize = 6;
    let folder = tempfile::tempdir().unwrap();
    let source = journal(Once::up_to(ENTRIES as u64 - 1), folder.path());
    let split = split_of(&source);
    read_to_end(&mut *open(&source, &split, None).unwrap(), 1).unwrap();
    let path = path_of(&folder.path().join("split-0000"), 0);
    let whole = fs::read(&path).unwrap();
    let first = FIRST as usize;
    let position = Position(ordinal::encode([0, FIRST + 20]));
    let check = |bytes: &[u8], position: Option<&Position>, cut: Option<usize>| {
        fs::write(&path, bytes).unwrap();
        let opened = open(&source, &split, position).map(drop);
        let left = fs::read(&path).unwrap();
        match cut {
            Some(cut) => {
                opened.unwrap();
                assert_eq!(left, bytes[..cut]);
            }
            None => {
                let error = opened.unwrap_err().to_string();
                assert!(error.contains("segment-00000000") && error.contains("whole"), "{error}");
                assert_eq!(left, bytes, "nothing was changed");
            }
        }
    };
    for at in first..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        // The end takes 9 bytes, and each record 10.
        let entry = (at - first) / 10;
        let is_last = entry == ENTRIES - 1;
        check(&flipped, None, is_last.then_some(first + entry * 10));
        // What lies before a position is not read any more.
        let is_behind = (entry < 2).then_some(whole.len());
        check(&flipped, Some(&position), is_last.then_some(first + entry * 10).or(is_behind));
    }
    let zeros = [whole.as_slice(), &[0; 100]].concat();
    check(&zeros, None, Some(whole.len()));
}

#[test]
fn what_a_job_that_has_ended_had_read_is_not_read_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let read = |first: u64, end: u64| {
        let next = Arc::new(AtomicU64::new(first));
        let source = journal(Once { next, ..Once::up_to(end) }, folder.path());
        let mut reader = open(&source, &split_of(&source), None).unwrap();
        read_to_end(&mut *reader, 4).unwrap()
    };
    assert_eq!(read(0, 3), [0, 1, 2]);
    assert_eq!(read(3, 5), [3, 4]);
    // A job that did not come to its end leaves its records to the next.
    let source = journal(Once::up_to(u64::MAX), folder.path());
    let mut reader = open(&source, &split_of(&source), None).unwrap();
    let mut numbers = Vec::new();
    read_until(&mut *reader, &mut numbers, 3).unwrap();
    drop(reader);
    let again = read(100, 101);
    assert_eq!((&again[..3], again.last()), (&[0, 1, 2][..], Some(&100)));
    assert_eq!(read(5, 6), [5]);
}

#[test]
fn what_is_read_again_counts_as_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let source = journal(Once::up_to(9), folder.path());
    read_to_end(&mut *open(&source, &split_of(&source), None).unwrap(), 1).unwrap();
    let position = Position(ordinal::encode([0, FIRST]));
    let mut reader = open(&source, &split_of(&source), Some(&position)).unwrap();
    let (mut buffer, mut bytes) = (ReadBuffer::new(2, BadRecords::Fail), 0);
    loop {
        let status = reader.read(&mut buffer).unwrap();
        let batch = buffer.take();
        assert!(batch.records.is_empty() || batch.bytes >= 10 * batch.records.len() as u64);
        bytes += batch.bytes;
        match status {
            ReadStatus::End => break,
            ReadStatus::Pending | ReadStatus::PendingUntil(_) => wait(),
            ReadStatus::More => {}
        }
    }
    assert_eq!(bytes, 9 * 10 + 9, "nine records and the end");
}

#[test]
fn damage_before_the_tail_and_missing_segments_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let once = Once::up_to(u64::MAX);
    let source = journal(once, folder.path());
    let split = split_of(&source);
    let mut positions = Vec::new();
    for _ in 0..3 {
        let mut reader = open(&source, &split, positions.last()).unwrap();
        read_a_segment(&mut *reader);
        positions.push(reader.position());
    }
    let inside = folder.path().join("split-0000");
    let failure = |position: Option<&Position>| {
        let opened = open(&source, &split, position);
        let read =
            opened.and_then(|mut reader| read_until(&mut *reader, &mut Vec::new(), usize::MAX));
        read.unwrap_err().to_string()
    };
    let first = path_of(&inside, 0);
    let whole = fs::read(&first).unwrap();
    let mut flipped = whole.clone();
    flipped[FIRST as usize + 9] ^= 1;
    fs::write(&first, flipped).unwrap();
    let error = failure(None);
    assert!(error.contains("segment-00000000: an entry does not match"), "{error}");
    fs::write(&first, &whole[..whole.len() - 1]).unwrap();
    let error = failure(None);
    assert!(error.contains("segment-00000000: it ends within an entry"), "{error}");
    fs::remove_file(&first).unwrap();
    let error = failure(Some(&positions[0]));
    assert!(error.contains("segment-00000000"), "{error}");
    let error = failure(Some(&Position(vec![1])));
    assert!(error.contains("another kind of source"), "{error}");
}

#[test]
fn segments_are_removed_when_no_checkpoint_needs_them() {
    let folder = tempfile::tempdir().unwrap();
    let source = journal(Once::up_to(u64::MAX), folder.path());
    let split = split_of(&source);
    let mut position = None;
    for _ in 0..4 {
        let mut reader = open(&source, &split, position.as_ref()).unwrap();
        read_a_segment(&mut *reader);
        position = Some(reader.position());
        reader.completed(&reader.position()).unwrap();
    }
    let needed = segment_of(&position.unwrap());
    assert!(needed > 0, "each run writes a segment of its own");
    let there = super::segment::list(&folder.path().join("split-0000")).unwrap();
    assert_eq!(there.first(), Some(&needed));
}

/// Reads on until what is read was journaled by this run: what an earlier one had read ahead comes
/// first.
fn read_a_segment(reader: &mut dyn Reader<u64>) {
    let began = segment_of(&reader.position());
    let is_first = reader.position() == Position(ordinal::encode([0, FIRST]));
    while !is_first && segment_of(&reader.position()) == began {
        read_until(reader, &mut Vec::new(), 1).unwrap();
    }
    read_until(reader, &mut Vec::new(), 5).unwrap();
}

fn segment_of(position: &Position) -> u64 {
    let [segment, _] = ordinal::decode(&position.0).unwrap();
    segment
}
