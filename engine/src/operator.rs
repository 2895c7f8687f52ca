//! The contract of an operator: a step that keeps state or needs to know when an epoch is complete.
//!
//! # Rules
//!
//! * Epochs come in order, and each is whole: all batches of an epoch from all workers, then
//!   [`Operator::on_epoch_end`], then the next. The state at the end of an epoch is therefore a
//!   consistent cut of the whole job.
//! * Within an epoch the order of batches from different workers is not fixed.
//! * [`Operator::on_epoch_end`] and [`Operator::on_input_end`] may have much to say: they emit a
//!   bounded amount, return [`Turn::More`], and are called again when what they said has moved on.
//!   One that waits for something outside of the worker returns [`Turn::Wait`]; the epoch, or the
//!   input, does not end before.
//! * Whoever waits for something outside has it call the waker of the
//!   [context](crate::WorkerContext::waker). [`Operator::on_wake`] then says what has come of it,
//!   and [`Operator::ready`] whether the next batch can be taken.
//! * Watermarks belong to epochs too: [`EpochEnd::watermark`] is the watermark after an epoch, the
//!   minimum over all workers that send to the operator. What an operator still holds back and may
//!   say later with an earlier time lowers the watermark that it passes on,
//!   [`Operator::watermark`].
//! * [`Operator::on_input_end`] comes once, after the end of the last epoch, when the whole input
//!   has ended. A job that is stopped never calls it.
//! * An operator starts no threads, reads no clock and does no input or output.

use crate::clock::ProcessingTime;
use crate::consumer::Consumer;
use crate::run::Run;
use crate::state_parts::StateParts;
use crate::{Epoch, Error, EventTime};

/// An epoch that is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EpochEnd {
    /// Its number.
    pub epoch: Epoch,
    /// The processing time at which the job left it: the same on every worker, and not before
    /// any of its records was read.
    pub processing_time: ProcessingTime,
    /// The watermark of the input after it: no later epoch has a record with an earlier time,
    /// unless that is late. [`EventTime::MIN`] where the input has no event time.
    pub watermark: EventTime,
}

impl EpochEnd {
    /// The end of an epoch, for driving operators by hand.
    #[must_use]
    pub fn new(epoch: Epoch, processing_time: ProcessingTime, watermark: EventTime) -> Self {
        Self { epoch, processing_time, watermark }
    }
}

/// What an operator holds on a worker, for reports and for finding out why nothing comes out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Holdings {
    /// Keys it remembers something for.
    pub keys: usize,
    /// Windows that have not fired for the last time, over all keys.
    pub windows: usize,
    /// Timers that are set.
    pub timers: usize,
    /// Records and accumulators it keeps.
    pub records: usize,
    /// Bytes of its state, without what keys and records own on the heap.
    pub bytes: usize,
}

impl Holdings {
    /// Adds what another worker holds.
    pub(crate) fn add(&mut self, other: &Holdings) {
        self.keys += other.keys;
        self.windows += other.windows;
        self.timers += other.timers;
        self.records += other.records;
        self.bytes += other.bytes;
    }
}

/// Whether an operator has said everything it had to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Everything.
    Done,
    /// Call again.
    More,
    /// Call again when the waker was called; calls for other reasons may come before.
    Wait,
}

/// A step with one input. See the [module documentation](self) for the rules.
pub trait Operator: 'static {
    /// The records that come in.
    type In: Send + 'static;
    /// The records that go out.
    type Out: Send + 'static;

    /// Takes all records of a batch and leaves it empty.
    ///
    /// # Errors
    /// When the operator cannot go on; the job fails with the step's name.
    fn on_batch(
        &mut self,
        batch: &mut Vec<Self::In>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error>;

    /// Whether a batch can be taken now. An operator that says no calls the waker of its context
    /// when it can; until then batches wait, and in the end the sources do.
    fn ready(&self) -> bool {
        true
    }

    /// The waker may have been called: emits what has become ready. Comes without need, too, and
    /// only while batches may come: at the end of an epoch
    /// [`on_epoch_end`](Operator::on_epoch_end) is called instead.
    ///
    /// # Errors
    /// As for [`on_batch`](Operator::on_batch).
    fn on_wake(&mut self, out: &mut Output<'_, Self::Out>) -> Result<(), Error> {
        let _ = out;
        Ok(())
    }

    /// The epoch is complete on all inputs and all workers.
    ///
    /// # Errors
    /// As for [`on_batch`](Operator::on_batch).
    fn on_epoch_end(
        &mut self,
        end: EpochEnd,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<Turn, Error> {
        let _ = (end, out);
        Ok(Turn::Done)
    }

    /// The whole input has ended.
    ///
    /// # Errors
    /// As for [`on_batch`](Operator::on_batch).
    fn on_input_end(&mut self, out: &mut Output<'_, Self::Out>) -> Result<Turn, Error> {
        let _ = out;
        Ok(Turn::Done)
    }

    /// The watermark that is passed on when the operator has said everything about an epoch after
    /// which its input has the watermark `input`: earlier if the operator may still say something
    /// with an earlier time.
    fn watermark(&self, input: EventTime) -> EventTime {
        input
    }

    /// The processing time at which the operator wants an epoch to end, if it waits for one.
    fn deadline(&self) -> Option<ProcessingTime> {
        None
    }

    /// Hands every part of the operator's state to `parts`, which writes or restores it.
    ///
    /// # Errors
    /// What `parts` failed with.
    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        let _ = parts;
        Ok(())
    }

    /// The state was restored: sets up what follows from it, such as timers.
    fn restored(&mut self) {}

    /// What the operator holds.
    fn holdings(&self) -> Holdings {
        Holdings::default()
    }
}

/// A step with two inputs. See the [module documentation](self) for the rules.
pub trait TwoInput: 'static {
    /// The records of the first input.
    type Left: Send + 'static;
    /// The records of the second input.
    type Right: Send + 'static;
    /// The records that go out.
    type Out: Send + 'static;

    /// Takes all records of a batch of the first input and leaves it empty.
    ///
    /// # Errors
    /// When the operator cannot go on; the job fails with the step's name.
    fn on_left(
        &mut self,
        batch: &mut Vec<Self::Left>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error>;

    /// Takes all records of a batch of the second input and leaves it empty.
    ///
    /// # Errors
    /// As for [`on_left`](TwoInput::on_left).
    fn on_right(
        &mut self,
        batch: &mut Vec<Self::Right>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error>;

    /// The epoch is complete on both inputs and all workers.
    ///
    /// # Errors
    /// As for [`on_left`](TwoInput::on_left).
    fn on_epoch_end(
        &mut self,
        end: EpochEnd,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<Turn, Error> {
        let _ = (end, out);
        Ok(Turn::Done)
    }

    /// Both inputs have ended.
    ///
    /// # Errors
    /// As for [`on_left`](TwoInput::on_left).
    fn on_input_end(&mut self, out: &mut Output<'_, Self::Out>) -> Result<Turn, Error> {
        let _ = out;
        Ok(Turn::Done)
    }

    /// The watermark that is passed on when the operator has said everything about an epoch after
    /// which its input has the watermark `input`: earlier if the operator may still say something
    /// with an earlier time.
    fn watermark(&self, input: EventTime) -> EventTime {
        input
    }

    /// The processing time at which the operator wants an epoch to end, if it waits for one.
    fn deadline(&self) -> Option<ProcessingTime> {
        None
    }

    /// Hands every part of the operator's state to `parts`, which writes or restores it.
    ///
    /// # Errors
    /// What `parts` failed with.
    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        let _ = parts;
        Ok(())
    }

    /// The state was restored: sets up what follows from it, such as timers.
    fn restored(&mut self) {}

    /// What the operator holds.
    fn holdings(&self) -> Holdings {
        Holdings::default()
    }
}

/// Takes what a step emits and hands it on in batches.
pub struct Output<'a, T> {
    buffer: &'a mut Vec<T>,
    target: usize,
    next: &'a mut dyn Consumer<T>,
    run: &'a mut Run,
    batches: usize,
}

impl<'a, T: 'static> Output<'a, T> {
    /// An output that fills `buffer` to `target` records and then hands it to `next`.
    ///
    /// # Panics
    /// When `target` is zero.
    pub fn new(
        buffer: &'a mut Vec<T>,
        target: usize,
        next: &'a mut dyn Consumer<T>,
        run: &'a mut Run,
    ) -> Self {
        assert!(target > 0, "a batch holds at least one record");
        Self { buffer, target, next, run, batches: 0 }
    }

    /// Emits a record.
    #[inline]
    pub fn push(&mut self, record: T) {
        self.buffer.push(record);
        if self.buffer.len() >= self.target {
            self.hand_on();
        }
    }

    /// Emits a whole batch, in order behind what was pushed before, and leaves it empty.
    pub fn push_batch(&mut self, batch: &mut Vec<T>) {
        self.hand_on();
        self.batches += 1;
        self.next.batch(batch, self.run);
    }

    /// Whether this call has emitted what it should in one turn; return [`Turn::More`] then.
    #[must_use]
    pub fn is_full(&self) -> bool {
        /// Batches an operator emits at the end of an epoch before others get their turn.
        const BATCHES_A_TURN: usize = 16;
        self.batches >= BATCHES_A_TURN
    }

    /// The epoch of what is emitted.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.run.epoch
    }

    /// The processing time now, as this worker's process sees it.
    #[must_use]
    pub fn now(&self) -> ProcessingTime {
        self.run.now
    }

    /// Counts records that were late; the report of the job shows them.
    pub fn count_late(&mut self, records: u64) {
        self.run.count_late(records);
    }

    /// Hands on what is buffered.
    pub fn hand_on(&mut self) {
        if !self.buffer.is_empty() {
            self.batches += 1;
            self.next.batch(self.buffer, self.run);
            debug_assert!(self.buffer.is_empty(), "a consumer takes every record of a batch");
        }
    }
}

impl<T> Extend<T> for Output<'_, T>
where
    T: 'static,
{
    fn extend<I: IntoIterator<Item = T>>(&mut self, records: I) {
        for record in records {
            self.push(record);
        }
    }
}
