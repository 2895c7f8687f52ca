//! The source that reads a list.
//!
//! Used by programs through [`Collection`]. Its splits are contiguous ranges of the list, so a
//! position is an index. It never changes the list and never waits.

use std::ops::Range;
use std::sync::Arc;

use rheos_engine::{
    Error, Position, ReadBuffer, ReadStatus, Reader, ReaderContext, Replay, Source, Split,
    SplitContext,
};

use crate::ordinal;

/// A bounded source of the records of a list.
///
/// The list is dealt in contiguous ranges, by default one a worker: each worker reads its range in
/// order, and nothing is promised about the order between ranges. Use
/// [`in_order`](Collection::in_order) where the order of the whole list matters.
/// Several processes must each be given the same list.
///
/// ```
/// use rheos_connectors::Collection;
/// use rheos_engine::{Source, SplitContext};
///
/// let words = Collection::new(vec!["to", "be", "or", "not"]);
/// let splits = Source::splits(&words, &SplitContext { workers: 2 })?;
/// assert_eq!(splits.len(), 2);
///
/// let numbers: Collection<u64> = (0..1_000).collect();
/// let splits = Source::splits(&numbers.in_order(), &SplitContext { workers: 2 })?;
/// assert_eq!(splits.len(), 1);
/// # Ok::<(), rheos_engine::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Collection<T> {
    records: Arc<Vec<T>>,
    splits: SplitCount,
}

#[derive(Clone, Copy, Debug)]
enum SplitCount {
    PerWorker,
    Fixed(usize),
}

impl<T: Clone + Send + Sync + 'static> Collection<T> {
    /// A source of these records, with one split a worker.
    pub fn new(records: Vec<T>) -> Self {
        Self { records: Arc::new(records), splits: SplitCount::PerWorker }
    }

    /// Deals the list over exactly `count` ranges, some of them empty if there are fewer records.
    ///
    /// # Panics
    /// When `count` is zero.
    pub fn splits(mut self, count: usize) -> Self {
        assert!(count > 0, "a collection has at least one split");
        self.splits = SplitCount::Fixed(count);
        self
    }

    /// Reads the whole list in order, as one split of one worker.
    pub fn in_order(self) -> Self {
        self.splits(1)
    }
}

impl<T: Clone + Send + Sync + 'static> FromIterator<T> for Collection<T> {
    fn from_iter<I: IntoIterator<Item = T>>(records: I) -> Self {
        Self::new(records.into_iter().collect())
    }
}

impl<T: Clone + Send + Sync + 'static> Source for Collection<T> {
    type Record = T;

    fn splits(&self, context: &SplitContext) -> Result<Vec<Split>, Error> {
        let length = self.records.len();
        let count = match self.splits {
            SplitCount::Fixed(count) => count,
            SplitCount::PerWorker => context.workers.min(length).max(1),
        };
        Ok((0..count).map(|split| describe::<T>(range_of(split, count, length))).collect())
    }

    fn open(
        &self,
        split: &Split,
        position: Option<&Position>,
        _context: ReaderContext,
    ) -> Result<Box<dyn Reader<T>>, Error> {
        let [start, end] = ordinal::payload(split)?;
        let next = ordinal::index(split, position, start)?;
        if next < start || next > end {
            return Err(ordinal::outside(split, next));
        }
        if end > self.records.len() as u64 {
            return Err(Error::usage(
                format!("open {}", split.name),
                format!("the list holds only {} records here", self.records.len()),
            )
            .advise("give every process of the job the same list"));
        }
        // Both fit: they are at most the length of the list.
        let range = next as usize..end as usize;
        Ok(Box::new(CollectionReader { records: Arc::clone(&self.records), range }))
    }

    fn replay(&self) -> Replay {
        Replay::FromPosition
    }

    fn identity(&self) -> String {
        format!("a list of {} records", self.records.len())
    }
}

/// The part of a list of `length` that the split numbered `split` of `count` reads; all parts
/// together are the list, and their sizes differ by one at the most.
fn range_of(split: usize, count: usize, length: usize) -> Range<usize> {
    let (size, larger) = (length / count, length % count);
    let start = split * size + split.min(larger);
    start..start + size + usize::from(split < larger)
}

fn describe<T>(range: Range<usize>) -> Split {
    Split {
        name: format!("records {}..{}", range.start, range.end),
        payload: ordinal::encode([range.start as u64, range.end as u64]),
        bytes: Some((range.len() * size_of::<T>()) as u64),
        at_origin: false,
    }
}

struct CollectionReader<T> {
    records: Arc<Vec<T>>,
    range: Range<usize>,
}

impl<T: Clone + Send + Sync + 'static> Reader<T> for CollectionReader<T> {
    fn read(&mut self, buffer: &mut ReadBuffer<T>) -> Result<ReadStatus, Error> {
        let count = buffer.room().min(self.range.len());
        let batch = self.range.start..self.range.start + count;
        self.range.start = batch.end;
        buffer.records_mut().extend_from_slice(&self.records[batch]);
        buffer.count_bytes((count * size_of::<T>()) as u64);
        Ok(if self.range.is_empty() { ReadStatus::End } else { ReadStatus::More })
    }

    fn position(&self) -> Position {
        Position(ordinal::encode([self.range.start as u64]))
    }
}
