//! What stands behind a step within one fused run.
//!
//! Stateless steps are not operators of their own: each is a [`Consumer`] that owns the next one
//! and is called with a whole batch, while that batch is in cache. A run begins in a source or an
//! operator and ends where records go to another worker, to an operator with state, or to a sink.

use std::any::Any;

use crate::EventTime;
use crate::metrics::StepCounters;
use crate::run::{Run, StepId};

/// Why buffered records should be handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// Nothing more comes for the moment: hand on what is ready to go.
    Idle,
    /// The epoch ends: keep nothing back.
    EpochEnd,
}

/// Takes batches of records; the next step of a fused run.
///
/// # Rules
/// * [`batch`](Consumer::batch) takes every record and leaves the vector empty. It may keep the
///   vector's allocation or leave it for the caller to fill again.
/// * At [`Flush::EpochEnd`] a consumer hands on everything it holds, and passes the call on.
/// * [`watermark`](Consumer::watermark) comes at the end of an epoch, after the flush, and is
///   passed on; a consumer that gives records new times passes on its own instead. It goes
///   forward, but for one thing: a sender that nobody waited for, because it was idle, may come
///   back with less.
/// * [`end`](Consumer::end) comes once, after the last flush, when the input has ended; never
///   when the job was stopped.
pub trait Consumer<T>: 'static {
    /// Takes a batch.
    fn batch(&mut self, batch: &mut Vec<T>, run: &mut Run);

    /// Looks at records that stay where they are, and says whether that is enough: a consumer that
    /// needs records of its own has done nothing then, and is given a batch with copies.
    fn lent(&mut self, records: &[T], run: &mut Run) -> bool {
        let _ = (records, run);
        false
    }

    /// Hands on what is buffered and passes the call on.
    fn flush(&mut self, flush: Flush, run: &mut Run);

    /// No later epoch has a record with an earlier time, unless that is late; passes the call on.
    fn watermark(&mut self, watermark: EventTime, run: &mut Run);

    /// The input has ended; passes the call on.
    fn end(&mut self, run: &mut Run);
}

impl<T: 'static> Consumer<T> for Box<dyn Consumer<T>> {
    fn batch(&mut self, batch: &mut Vec<T>, run: &mut Run) {
        (**self).batch(batch, run);
    }

    fn lent(&mut self, records: &[T], run: &mut Run) -> bool {
        (**self).lent(records, run)
    }

    fn flush(&mut self, flush: Flush, run: &mut Run) {
        (**self).flush(flush, run);
    }

    fn watermark(&mut self, watermark: EventTime, run: &mut Run) {
        (**self).watermark(watermark, run);
    }

    fn end(&mut self, run: &mut Run) {
        (**self).end(run);
    }
}

/// The consumer that stands behind a step: boxed, so that a step's type does not grow with what
/// follows it. The indirection is paid once a batch.
pub type Next<T> = Box<dyn Consumer<T>>;

/// A [`Next`] whose record type only the plan knows.
pub struct AnyNext(Box<dyn Any>);

impl AnyNext {
    /// Hides the record type.
    pub fn new<T: 'static>(next: Next<T>) -> Self {
        Self(Box::new(next))
    }

    /// Gives the consumer back.
    ///
    /// # Panics
    /// When it takes records of another type: the typed handles of a plan exclude that.
    #[must_use]
    pub fn take<T: 'static>(self) -> Next<T> {
        *self.0.downcast::<Next<T>>().expect("handles of a plan connect steps of one record type")
    }
}

/// Counts what passes from one step to the next, and lets the next one run under its own name.
pub(crate) struct Meter<T> {
    pub(crate) to: StepId,
    pub(crate) next: Next<T>,
}

impl<T> Meter<T> {
    fn count(&self, records: usize, run: &Run) {
        let to: &StepCounters = &run.counters()[self.to.0];
        to.records_in.add(records as u64);
        to.batches.add(1);
    }
}

impl<T: 'static> Consumer<T> for Meter<T> {
    fn batch(&mut self, batch: &mut Vec<T>, run: &mut Run) {
        self.count(batch.len(), run);
        run.within(self.to, |run| self.next.batch(batch, run));
    }

    fn lent(&mut self, records: &[T], run: &mut Run) -> bool {
        let mut is_enough = false;
        run.within(self.to, |run| is_enough = self.next.lent(records, run));
        if is_enough {
            self.count(records.len(), run);
        }
        is_enough
    }

    fn flush(&mut self, flush: Flush, run: &mut Run) {
        run.within(self.to, |run| self.next.flush(flush, run));
    }

    fn watermark(&mut self, watermark: EventTime, run: &mut Run) {
        run.within(self.to, |run| self.next.watermark(watermark, run));
    }

    fn end(&mut self, run: &mut Run) {
        run.within(self.to, |run| self.next.end(run));
    }
}

/// Copies the records of a batch behind those of another.
pub(crate) type CopyBatch<T> = fn(&[T], &mut Vec<T>);

/// Records of a lent block that are copied for a step before it takes them.
const COPIED_AT_ONCE: usize = 1024;

/// The output of a step: counts, and hands on to whoever listens.
pub(crate) struct Fan<T> {
    pub(crate) from: StepId,
    pub(crate) next: Vec<Next<T>>,
    /// Copies a batch into another; absent where the program never cloned the stream.
    pub(crate) copy: Option<CopyBatch<T>>,
    pub(crate) spare: Vec<T>,
}

impl<T: 'static> Consumer<T> for Fan<T> {
    fn batch(&mut self, batch: &mut Vec<T>, run: &mut Run) {
        if batch.is_empty() {
            return;
        }
        run.counters()[self.from.0].records_out.add(batch.len() as u64);
        match (self.next.split_last_mut(), self.copy) {
            (None, _) => batch.clear(),
            (Some((last, [])), _) => last.batch(batch, run),
            (Some((last, others)), Some(copy)) => {
                for other in others {
                    if !other.lent(batch, run) {
                        copy(batch, &mut self.spare);
                        other.batch(&mut self.spare, run);
                    }
                }
                last.batch(batch, run);
            }
            (Some(_), None) => unreachable!("a stream with two readers was cloned, which says how"),
        }
    }

    fn lent(&mut self, records: &[T], run: &mut Run) -> bool {
        let is_enough = match (self.next.as_mut_slice(), self.copy) {
            ([], _) => true,
            ([only], _) => only.lent(records, run),
            // One that needs its own is given them here: the others have had theirs.
            (several, Some(copy)) => {
                for next in several {
                    if !next.lent(records, run) {
                        for piece in records.chunks(COPIED_AT_ONCE) {
                            copy(piece, &mut self.spare);
                            next.batch(&mut self.spare, run);
                        }
                    }
                }
                true
            }
            (_, None) => unreachable!("a stream with two readers was cloned, which says how"),
        };
        if is_enough {
            run.counters()[self.from.0].records_out.add(records.len() as u64);
        }
        is_enough
    }

    fn flush(&mut self, flush: Flush, run: &mut Run) {
        for next in &mut self.next {
            next.flush(flush, run);
        }
    }

    fn watermark(&mut self, watermark: EventTime, run: &mut Run) {
        for next in &mut self.next {
            next.watermark(watermark, run);
        }
    }

    fn end(&mut self, run: &mut Run) {
        for next in &mut self.next {
            next.end(run);
        }
    }
}
