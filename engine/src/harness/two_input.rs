//! Drives an operator with two inputs by hand.

use super::Bench;
use crate::capture::Capture;
use crate::operator::{Holdings, Turn, TwoInput};
use crate::restore::restore;
use crate::snapshot::Snapshot;
use crate::state_parts::StateParts;
use crate::{Error, EventTime, Extent, ProcessingTime};

/// Drives a [`TwoInput`].
pub struct TwoInputHarness<O: TwoInput> {
    operator: O,
    bench: Bench<O::Out>,
}

impl<O: TwoInput> TwoInputHarness<O> {
    /// Takes an operator at the beginning of epoch 0 and processing time 0.
    pub fn new(operator: O) -> Self {
        Self { operator, bench: Bench::new() }
    }

    /// Sets the processing time of the epochs from the current one on.
    pub fn set_time(&mut self, now: ProcessingTime) {
        self.bench.set_time(now);
    }

    /// Sets the watermark of the input after the current epoch; [`EventTime::MIN`] at first.
    pub fn set_watermark(&mut self, watermark: EventTime) {
        self.bench.set_watermark(watermark);
    }

    /// The watermark that the operator has passed on.
    #[must_use]
    pub fn watermark(&self) -> EventTime {
        self.bench.watermark
    }

    /// The processing time for which the operator waits.
    #[must_use]
    pub fn deadline(&self) -> Option<ProcessingTime> {
        self.operator.deadline()
    }

    /// What the operator holds.
    #[must_use]
    pub fn holdings(&self) -> Holdings {
        self.operator.holdings()
    }

    /// How many records the operator has found late.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.bench.run.counters()[0].late.get()
    }

    /// Adds the operator's state, as that of one worker, to a snapshot. To be called between
    /// epochs, as a checkpoint does.
    ///
    /// # Errors
    /// When the state cannot be written.
    pub fn snapshot(&mut self, worker: usize, into: &mut Snapshot) -> Result<(), Error> {
        self.begin_capture(worker, Extent::Whole)?;
        while !self.capture(usize::MAX, into)? {}
        Ok(())
    }

    /// Begins to capture the operator's state, as that of one worker. To be called between epochs;
    /// the operator may go on before everything is captured.
    ///
    /// # Errors
    /// When the state cannot be written.
    pub fn begin_capture(&mut self, worker: usize, extent: Extent) -> Result<(), Error> {
        let walk = &mut |parts: &mut dyn StateParts| self.operator.state(parts);
        self.bench.capture = Some((worker, Capture::begin(worker, extent, walk)?));
        Ok(())
    }

    /// Captures about `bytes` bytes more and adds what is ready to a snapshot; says whether
    /// everything is captured.
    ///
    /// # Errors
    /// When the state cannot be written.
    pub fn capture(&mut self, bytes: usize, into: &mut Snapshot) -> Result<bool, Error> {
        let Some((worker, capture)) = &mut self.bench.capture else { return Ok(true) };
        let walk = &mut |parts: &mut dyn StateParts| self.operator.state(parts);
        let is_complete = capture.advance(bytes, walk)?;
        into.add(*worker, capture.take());
        Ok(is_complete)
    }

    /// Restores what one of `workers` workers owns of a snapshot into an operator without state.
    ///
    /// # Errors
    /// When the snapshot does not hold what the operator expects.
    pub fn restore(&mut self, worker: usize, workers: usize, from: &Snapshot) -> Result<(), Error> {
        restore(from, worker, workers, &mut |parts| self.operator.state(parts))?;
        self.operator.restored();
        Ok(())
    }

    /// Hands a batch to the first input; gives what came out.
    ///
    /// # Errors
    /// What the operator failed with.
    pub fn left(&mut self, mut batch: Vec<O::Left>) -> Result<Vec<O::Out>, Error> {
        self.bench.call(|out| self.operator.on_left(&mut batch, out))?;
        assert!(batch.is_empty(), "an operator takes every record of a batch");
        Ok(self.bench.out.take())
    }

    /// Hands a batch to the second input; gives what came out.
    ///
    /// # Errors
    /// What the operator failed with.
    pub fn right(&mut self, mut batch: Vec<O::Right>) -> Result<Vec<O::Out>, Error> {
        self.bench.call(|out| self.operator.on_right(&mut batch, out))?;
        assert!(batch.is_empty(), "an operator takes every record of a batch");
        Ok(self.bench.out.take())
    }

    /// Ends the epoch; gives everything that came out.
    ///
    /// # Errors
    /// What the operator failed with.
    pub fn end_epoch(&mut self) -> Result<Vec<O::Out>, Error> {
        let end = self.bench.epoch_end();
        let (out, turn) = self.bench.speak(|out| self.operator.on_epoch_end(end, out))?;
        assert_eq!(turn, Turn::Done, "an operator that waits for something outside");
        self.bench.next_epoch(self.operator.watermark(end.watermark));
        Ok(out)
    }

    /// Ends both inputs, after the end of the current epoch.
    ///
    /// # Errors
    /// What the operator failed with.
    pub fn end_input(&mut self) -> Result<Vec<O::Out>, Error> {
        self.bench.set_watermark(EventTime::MAX);
        let mut out = self.end_epoch()?;
        out.extend(self.bench.speak(|out| self.operator.on_input_end(out))?.0);
        Ok(out)
    }
}
