//! The contract of a source: where records come from.
//!
//! A [`Source`] is a description, made once. Before the job starts, one process asks it for its
//! [`Split`]s: parts that are each read in order, by one worker. The worker that owns a split
//! opens a [`Reader`] for it and asks that for records, a batch at a time.
//!
//! # Rules
//!
//! * [`Source::splits`] runs once, in one process; what it returns reaches the workers of every
//!   process as it is, so it must not depend on the machine it is opened on.
//! * [`Reader::read`] never blocks. When nothing can be read now it returns
//!   [`ReadStatus::Pending`] and calls the [`Waker`] of its context when that changes, or
//!   [`ReadStatus::PendingUntil`] if it knows when that will be. Files and
//!   sockets are read by threads of the connector, which hand blocks over through bounded queues.
//! * The end of a split is said, never guessed: only [`ReadStatus::End`] ends it. A job that is
//!   stopped drops its readers without having seen the end.
//! * A record that cannot be understood goes to [`ReadBuffer::bad`], which follows the program's
//!   policy. `Err` is for a source that cannot go on at all: it fails the job.
//! * A reader that is dropped stops its threads.
//! * [`Reader::position`] may be asked for at any time between two reads, also before the first. It
//!   is cheap, and lies exactly behind the last record that was handed out, records that were not
//!   understood included.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::consumer::CopyBatch;
use crate::{Clock, Error, ErrorKind, Limits, Waker};

/// The number of a split within its source.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct SplitId(pub u32);

/// A part of a source that is read in order, by one worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// What a person calls it: a path, an address.
    pub name: String,
    /// What the source needs to open it, in the source's own encoding.
    pub payload: Vec<u8>,
    /// How many bytes it holds, where that is known: for progress and for an even distribution.
    pub bytes: Option<u64>,
    /// Whether it can be opened only in the process that listed it: standard input, a channel.
    pub at_origin: bool,
}

impl Split {
    /// A split of unknown size without a payload that any worker can open.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), payload: Vec::new(), bytes: None, at_origin: false }
    }
}

/// Where a reader is in its split, in the source's own encoding: reading from here continues
/// behind the last record that was handed out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position(pub Vec<u8>);

/// What is known when the splits of a source are listed.
#[derive(Clone, Copy, Debug)]
pub struct SplitContext {
    /// The workers of the job over all its processes.
    pub workers: usize,
}

/// What a reader is given when it is opened.
#[derive(Clone)]
#[non_exhaustive]
pub struct ReaderContext {
    /// The number of the split within its source.
    pub split: SplitId,
    /// The worker that reads it, counted over all processes.
    pub worker: usize,
    /// The workers of the job over all its processes.
    pub workers: usize,
    /// Wakes the worker when a pending reader can be read again; may be called from any thread.
    pub waker: Waker,
    /// Processing time.
    pub clock: Arc<dyn Clock>,
    /// The bounds of the job.
    pub limits: Arc<Limits>,
}

impl ReaderContext {
    /// A context for driving a reader by hand: worker 0 of 1, the machine's clock.
    #[must_use]
    pub fn for_test(waker: Waker) -> Self {
        Self {
            split: SplitId(0),
            worker: 0,
            workers: 1,
            waker,
            clock: Arc::new(crate::SystemClock),
            limits: Arc::new(Limits::default()),
        }
    }
}

/// Whether reading the same split again gives the same records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// The source continues at any [`Position`] it has given out.
    FromPosition,
    /// What was read is gone: sockets, standard input, channels.
    None,
}

/// What becomes of a record that cannot be understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BadRecords {
    /// The job fails, naming the split, the place and the reason.
    #[default]
    Fail,
    /// It is left out and counted in the report.
    Skip,
    /// It goes to the stream of dead letters.
    DeadLetter,
}

/// A record that could not be understood, as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The bytes as they were read; cut at the source's limit for one record.
    pub raw: Vec<u8>,
    /// Why it was not understood.
    pub reason: String,
    /// The split it was read from: a path, an address.
    pub origin: String,
    /// Where in the split: "line 17", "byte 4096".
    pub place: String,
}

/// Where records come from. See the [module documentation](self) for the rules.
pub trait Source: Send + Sync + 'static {
    /// The type of its records.
    type Record: Send + 'static;

    /// Lists the splits; runs once, in one process, before anything is opened.
    ///
    /// # Errors
    /// When the source does not exist or cannot be listed.
    fn splits(&self, context: &SplitContext) -> Result<Vec<Split>, Error>;

    /// Opens a split, from its beginning or behind a position that an earlier reader gave out.
    ///
    /// # Errors
    /// When the split cannot be opened or does not hold the position any more.
    fn open(
        &self,
        split: &Split,
        position: Option<&Position>,
        context: ReaderContext,
    ) -> Result<Box<dyn Reader<Self::Record>>, Error>;

    /// Whether reading again gives the same records.
    fn replay(&self) -> Replay {
        Replay::None
    }

    /// What becomes of records that cannot be understood.
    fn bad_records(&self) -> BadRecords {
        BadRecords::default()
    }

    /// What the program reads, as a person calls it: "files that match /data/*.csv". A job is not
    /// restored from a checkpoint whose source was another one. Empty where that does not tell.
    fn identity(&self) -> String {
        String::new()
    }
}

/// What a call of [`Reader::read`] ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadStatus {
    /// There may be more at once.
    More,
    /// Nothing more now; the waker is called when there is.
    Pending,
    /// Nothing more before this moment, at which the reader is asked again; sooner if the waker is
    /// called. For readers that wait for time: no thread has to wake the worker.
    PendingUntil(Instant),
    /// The split has ended; the reader is not asked again.
    End,
}

impl ReadStatus {
    /// Whether there is nothing now, and the reader is asked again when it wakes the worker or at a
    /// moment that it has said.
    #[must_use]
    pub fn is_pending(self) -> bool {
        matches!(self, Self::Pending | Self::PendingUntil(_))
    }
}

/// Reads one split in order. See the [module documentation](self) for the rules.
pub trait Reader<T>: 'static {
    /// Adds records until the buffer [is full](ReadBuffer::is_full) or nothing more can be had
    /// now. It may overshoot by what one block holds.
    ///
    /// # Errors
    /// When the split cannot be read on; the job fails.
    fn read(&mut self, buffer: &mut ReadBuffer<T>) -> Result<ReadStatus, Error>;

    /// The position behind the last record handed out.
    fn position(&self) -> Position {
        Position(Vec::new())
    }

    /// A checkpoint that holds this position, which the reader gave out, is durable, and so are
    /// all that may be restored from now on: what lies before it is not asked for again.
    ///
    /// # Errors
    /// When what that allows cannot be done; the job fails.
    fn completed(&mut self, position: &Position) -> Result<(), Error> {
        let _ = position;
        Ok(())
    }
}

/// Takes what a reader reads: records, records that were not understood, and byte counts.
#[derive(Debug)]
pub struct ReadBuffer<T> {
    records: Vec<T>,
    lent: Option<Lent<T>>,
    dead: Vec<DeadLetter>,
    target: usize,
    bytes: u64,
    skipped: u64,
    policy: BadRecords,
}

impl<T> ReadBuffer<T> {
    /// A buffer that is full at `target` records.
    ///
    /// # Panics
    /// When `target` is zero.
    #[must_use]
    pub fn new(target: usize, policy: BadRecords) -> Self {
        assert!(target > 0, "a read buffer holds at least one record");
        let (records, dead) = (Vec::new(), Vec::new());
        Self { records, lent: None, dead, target, bytes: 0, skipped: 0, policy }
    }

    /// Adds a record.
    #[inline]
    pub fn push(&mut self, record: T) {
        self.records.push(record);
    }

    /// The records so far, for readers that fill it themselves.
    pub fn records_mut(&mut self) -> &mut Vec<T> {
        &mut self.records
    }

    /// Lends records of a block that stays in memory: steps that only look at them see them
    /// there, others get copies. They are all that is read this time;
    /// [`room_to_lend`](Self::room_to_lend) says how many suit best.
    ///
    /// # Panics
    /// When something was added before, or the block has no such records.
    pub fn lend(&mut self, block: &Arc<[T]>, range: Range<usize>)
    where
        T: Clone,
    {
        assert!(self.room() == self.target, "records that are lent come alone");
        assert!(range.start <= range.end && range.end <= block.len(), "a block lends what it has");
        let copy: CopyBatch<T> = |from, to| to.extend_from_slice(from);
        self.lent = Some(Lent { block: Arc::clone(block), range, copy });
    }

    /// Whether the reader should stop adding.
    #[inline]
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.room() == 0
    }

    /// How many more records fit before it is full.
    #[must_use]
    pub fn room(&self) -> usize {
        match &self.lent {
            Some(_) => 0,
            None => self.target.saturating_sub(self.records.len() + self.dead.len()),
        }
    }

    /// How many records are best [lent](Self::lend) at once: more than fit, because a step that
    /// keeps few of many should still hand on whole batches.
    #[must_use]
    pub fn room_to_lend(&self) -> usize {
        self.room() * LENT_BATCHES
    }

    /// Counts bytes that were taken from the outside for the records added since the last call.
    #[inline]
    pub fn count_bytes(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// Hands over a record that could not be understood.
    ///
    /// # Errors
    /// Under [`BadRecords::Fail`], an error that names the origin, the place and the reason.
    pub fn bad(&mut self, letter: DeadLetter) -> Result<(), Error> {
        match self.policy {
            BadRecords::Fail => Err(Error::new(
                ErrorKind::Data,
                format!("read {} of {}", letter.place, letter.origin),
                letter.reason,
            )
            .advise("skip such records or send them to a dead-letter stream")),
            BadRecords::Skip => {
                self.skipped += 1;
                Ok(())
            }
            BadRecords::DeadLetter => {
                self.dead.push(letter);
                Ok(())
            }
        }
    }

    /// Records in a full batch.
    pub(crate) fn target(&self) -> usize {
        self.target
    }

    /// Takes the records that were lent since the last call.
    pub(crate) fn take_lent(&mut self) -> Option<Lent<T>> {
        self.lent.take()
    }

    /// Takes everything that was added since the last call; copies of what was lent.
    pub fn take(&mut self) -> ReadBatch<T> {
        if let Some(lent) = self.lent.take() {
            lent.copy_to(lent.records(), &mut self.records);
        }
        ReadBatch {
            records: std::mem::take(&mut self.records),
            dead: std::mem::take(&mut self.dead),
            bytes: std::mem::take(&mut self.bytes),
            skipped: std::mem::take(&mut self.skipped),
        }
    }

    /// Gives an emptied allocation back, to be filled again.
    pub fn recycle(&mut self, mut records: Vec<T>) {
        if self.records.capacity() == 0 {
            records.clear();
            self.records = records;
        }
    }
}

/// Batches' worth of records that are lent at once.
const LENT_BATCHES: usize = 8;

/// Records that are read where they are.
#[derive(Debug)]
pub(crate) struct Lent<T> {
    block: Arc<[T]>,
    range: Range<usize>,
    copy: CopyBatch<T>,
}

impl<T> Lent<T> {
    pub(crate) fn records(&self) -> &[T] {
        &self.block[self.range.clone()]
    }

    /// Copies some of its records.
    pub(crate) fn copy_to(&self, records: &[T], copies: &mut Vec<T>) {
        (self.copy)(records, copies);
    }
}

/// What a [`ReadBuffer`] held.
#[derive(Debug)]
pub struct ReadBatch<T> {
    /// The records, in order.
    pub records: Vec<T>,
    /// Records that were not understood, in order.
    pub dead: Vec<DeadLetter>,
    /// Bytes taken from the outside.
    pub bytes: u64,
    /// Records that were left out because the program said so.
    pub skipped: u64,
}
