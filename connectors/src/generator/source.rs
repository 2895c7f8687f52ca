//! The source that makes its records.
//!
//! Used by programs through [`Generator`]. Split `w` of `W` makes the records whose index leaves
//! the remainder `w` divided by `W`, so a position is an index. It never blocks a worker to keep a
//! rate: it says when the next record is due, and is asked again then.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rheos_engine::{
    Error, Position, ReadBuffer, ReadStatus, Reader, ReaderContext, Replay, Source, Split,
    SplitContext,
};

use super::Random;
use super::schedule::Schedule;
use crate::ordinal;

/// How late a record may be let go because it is made together with later ones; a rate far above
/// one record in this time would otherwise wake the worker for each record.
const LONGEST_COALESCING: Duration = Duration::from_micros(200);

/// A source of records that are made from their index.
///
/// Unbounded and as fast as the job takes them, unless [`count`](Generator::count) and
/// [`rate_per_second`](Generator::rate_per_second) say otherwise. Each worker makes its share, in
/// the order of the indices.
///
/// ```
/// use rheos_connectors::Generator;
///
/// #[derive(Clone, Debug)]
/// struct Click { user: u64, at: u64 }
///
/// let clicks = Generator::seeded(42, |random, index| Click {
///     user: random.below(1_000),
///     at: 1_700_000_000_000 + 10 * index,
/// })
/// .count(1_000_000)
/// .rate_per_second(50_000.0);
/// ```
#[must_use]
pub struct Generator<T> {
    /// Erased for a whole batch, so that the loop over the records is compiled for the closure.
    make: Arc<MakeBatch<T>>,
    count: Option<u64>,
    per_second: Option<f64>,
}

type MakeBatch<T> = dyn Fn(Indices, &mut Vec<T>) + Send + Sync;

/// The indices of one batch: every `stride`-th from `next` on.
struct Indices {
    next: u64,
    stride: u64,
    count: u64,
}

impl<T: Send + 'static> Generator<T> {
    /// Makes record `i` as `make(i)`; the indices start at 0.
    pub fn new<F>(make: F) -> Self
    where
        F: Fn(u64) -> T + Send + Sync + 'static,
    {
        let make = move |indices: Indices, records: &mut Vec<T>| {
            let Indices { next, stride, count } = indices;
            // Does not overflow: the reader has checked that the last index exists.
            records.extend((0..count).map(|step| make(next + step * stride)));
        };
        Self { make: Arc::new(make), count: None, per_second: None }
    }

    /// Makes record `i` as `make(random, i)`, where the random numbers depend on `seed` and `i`
    /// alone.
    pub fn seeded<F>(seed: u64, make: F) -> Self
    where
        F: Fn(&mut Random, u64) -> T + Send + Sync + 'static,
    {
        Self::new(move |index| make(&mut Random::for_record(seed, index), index))
    }

    /// Ends after this many records; without it the source never ends.
    pub fn count(mut self, records: u64) -> Self {
        self.count = Some(records);
        self
    }

    /// Makes this many records a second over all workers; without it, as many as the job takes.
    ///
    /// The load is open: record `i` is due `i / rate` seconds after the start by a monotonic
    /// clock, and one that is late still comes. A job that falls behind gets the backlog as fast
    /// as it can take it. A reader that continues from a checkpoint starts its time anew. Records
    /// may come up to 0.2 ms late because they are made together.
    ///
    /// # Panics
    /// When the rate is not a positive, finite number.
    pub fn rate_per_second(mut self, records: f64) -> Self {
        assert!(
            records.is_finite() && records > 0.0,
            "a rate is a positive number of records a second, not {records}"
        );
        self.per_second = Some(records);
        self
    }
}

impl<T: Send + 'static> Source for Generator<T> {
    type Record = T;

    fn splits(&self, context: &SplitContext) -> Result<Vec<Split>, Error> {
        let workers = context.workers.max(1) as u64;
        let splits = self.count.map_or(workers, |count| workers.min(count).max(1));
        Ok((0..splits)
            .map(|split| Split {
                name: format!("generator {split} of {splits}"),
                payload: ordinal::encode([split, splits]),
                bytes: self.count.map(|count| {
                    count
                        .saturating_sub(split)
                        .div_ceil(splits)
                        .saturating_mul(size_of_record::<T>())
                }),
                at_origin: false,
            })
            .collect())
    }

    fn open(
        &self,
        split: &Split,
        position: Option<&Position>,
        _context: ReaderContext,
    ) -> Result<Box<dyn Reader<T>>, Error> {
        let [remainder, stride] = ordinal::payload(split)?;
        let next = ordinal::index(split, position, remainder)?;
        if stride == 0 || next % stride != remainder {
            return Err(ordinal::outside(split, next));
        }
        let pace = self.per_second.map(|per_second| Pace {
            opened: Instant::now(),
            // All splits count from the same index, so that they share the rate in turn.
            schedule: Schedule::starting_at(next - remainder, per_second),
        });
        Ok(Box::new(GeneratorReader {
            make: Arc::clone(&self.make),
            next,
            stride,
            end: self.count.unwrap_or(u64::MAX),
            pace,
        }))
    }

    fn replay(&self) -> Replay {
        Replay::FromPosition
    }

    fn identity(&self) -> String {
        self.count
            .map_or("a generator".to_owned(), |count| format!("a generator of {count} records"))
    }
}

impl<T> Clone for Generator<T> {
    fn clone(&self) -> Self {
        Self { make: Arc::clone(&self.make), count: self.count, per_second: self.per_second }
    }
}

impl<T> fmt::Debug for Generator<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generator")
            .field("count", &self.count)
            .field("per_second", &self.per_second)
            .finish_non_exhaustive()
    }
}

struct GeneratorReader<T> {
    make: Arc<MakeBatch<T>>,
    next: u64,
    stride: u64,
    /// The first index that is not made.
    end: u64,
    pace: Option<Pace>,
}

/// Keeps a rate.
struct Pace {
    opened: Instant,
    schedule: Schedule,
}

impl<T: Send + 'static> Reader<T> for GeneratorReader<T> {
    fn read(&mut self, buffer: &mut ReadBuffer<T>) -> Result<ReadStatus, Error> {
        if self.next >= self.end {
            return Ok(ReadStatus::End);
        }
        let due = match &self.pace {
            Some(pace) => pace.schedule.due_until(pace.opened.elapsed()).min(self.end),
            None => self.end,
        };
        let ready = due.saturating_sub(self.next).div_ceil(self.stride);
        let count = ready.min(buffer.room() as u64);
        let indices = Indices { next: self.next, stride: self.stride, count };
        (self.make)(indices, buffer.records_mut());
        buffer.count_bytes(count.saturating_mul(size_of_record::<T>()));
        self.next = self.next.saturating_add(count * self.stride);
        Ok(self.status(due))
    }

    fn position(&self) -> Position {
        Position(ordinal::encode([self.next]))
    }
}

impl<T> GeneratorReader<T> {
    /// Where the reader stands now that everything below `due` may be made.
    fn status(&self, due: u64) -> ReadStatus {
        match &self.pace {
            _ if self.next >= self.end => ReadStatus::End,
            Some(pace) if self.next >= due => pace.pending(self.next),
            _ => ReadStatus::More,
        }
    }
}

impl Pace {
    /// Nothing more before the record with this index is due.
    fn pending(&self, index: u64) -> ReadStatus {
        let soonest = Instant::now() + LONGEST_COALESCING;
        match self.opened.checked_add(self.schedule.due_after(index)) {
            Some(due) => ReadStatus::PendingUntil(due.max(soonest)),
            // Due beyond the end of the clock is due never.
            None => ReadStatus::Pending,
        }
    }
}

/// The bytes that flow control counts for a record: one at the least.
fn size_of_record<T>() -> u64 {
    size_of::<T>().max(1) as u64
}
