//! The inside of a host: an operator or a sink without its record types.

use std::rc::Rc;

use crate::consumer::{Flush, Next};
use crate::dataflow::parcel::{Decode, Parcel};
use crate::limits::Limits;
use crate::operator::{EpochEnd, Holdings, Operator, Output, Turn, TwoInput};
use crate::pool::{Pool, Pools};
use crate::run::Run;
use crate::sink::{Finish, Writer};
use crate::state_parts::StateParts;
use crate::{CheckpointId, Error, ErrorKind, EventTime, ProcessingTime};

/// What a host drives. The host sees to the order of epochs; the logic to the records.
pub(crate) trait Logic {
    /// Takes the records of a parcel that came in at `port`.
    fn parcel(&mut self, port: Port, parcel: Parcel, run: &mut Run) -> Result<(), Error>;

    /// The waker may have been called.
    fn wake(&mut self, run: &mut Run) -> Result<(), Error> {
        let _ = run;
        Ok(())
    }

    /// Whether a parcel can be taken now; if not, the waker is called when it can.
    fn ready(&mut self) -> Result<bool, Error> {
        Ok(true)
    }

    /// The epoch is complete.
    fn epoch_end(&mut self, end: EpochEnd, run: &mut Run) -> Result<Turn, Error>;

    /// The input has ended.
    fn input_end(&mut self, run: &mut Run) -> Result<Turn, Error>;

    /// Hands on what the run behind the logic has buffered.
    fn flush(&mut self, flush: Flush, run: &mut Run);

    /// Tells the run behind the logic the watermark of what comes, and says what that is, where
    /// the input has `watermark`.
    fn watermark(&mut self, watermark: EventTime, run: &mut Run) -> EventTime {
        let _ = run;
        watermark
    }

    /// The processing time at which an epoch should end, if the logic waits for one.
    fn deadline(&self) -> Option<ProcessingTime> {
        None
    }

    /// What the logic holds.
    fn holdings(&self) -> Holdings {
        Holdings::default()
    }

    /// Hands every part of the logic's state to `parts`.
    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        let _ = parts;
        Ok(())
    }

    /// The state was restored.
    fn restored(&mut self) {}

    /// Tells the run behind the logic that the input has ended.
    fn end(&mut self, run: &mut Run);

    /// Makes everything up to the cut that was written to the outside complete; asked again until
    /// it gives what is needed to commit it. See [`Writer::prepare`].
    fn prepare(&mut self, cut: CheckpointId, run: &mut Run) -> Result<Option<Vec<u8>>, Error> {
        let _ = (cut, run);
        Ok(Some(Vec::new()))
    }

    /// Makes visible what was prepared up to the cut. See [`Writer::commit`].
    fn commit(&mut self, cut: CheckpointId) -> Result<(), Error> {
        let _ = cut;
        Ok(())
    }

    /// What was prepared at the end of the input and is not committed yet, once
    /// [`input_end`](Logic::input_end) is done; empty where nothing is. None while that is not
    /// durable yet: the waker is called when to ask again.
    fn prepared_at_end(&mut self) -> Result<Option<Vec<u8>>, Error> {
        Ok(Some(Vec::new()))
    }

    /// Commits or flushes what was written to the outside.
    fn finish(&mut self, how: Finish) -> Result<(), Error> {
        let _ = how;
        Ok(())
    }
}

/// An input of a step: which of its inputs, and how batches from other processes are decoded.
#[derive(Clone, Copy)]
pub(crate) struct Port {
    pub(crate) input: usize,
    pub(crate) decode: Option<Decode>,
    /// Whether its records have event time, so that its watermarks count.
    pub(crate) is_timed: bool,
    /// Whether it must have ended before anything is read for the step's other inputs.
    pub(crate) is_read_first: bool,
    /// The place of its first sender among the senders to the host.
    pub(crate) lane: usize,
}

/// The output side that operators of every shape share.
struct Emitter<T> {
    next: Next<T>,
    buffer: Vec<T>,
    target: usize,
    /// What has been promised to the next step, and whether that waits for more.
    watermark: EventTime,
    is_idle: bool,
}

impl<T: Send + 'static> Emitter<T> {
    fn new(next: Next<T>, limits: &Limits) -> Self {
        let target = limits.records_per_batch::<T>();
        Self { next, buffer: Vec::new(), target, watermark: EventTime::MIN, is_idle: false }
    }

    /// Passes a watermark on unless as much has been promised, and says what is promised now.
    fn watermark(&mut self, watermark: EventTime, run: &mut Run) -> EventTime {
        if watermark > self.watermark || run.is_idle != self.is_idle {
            self.watermark = watermark.max(self.watermark);
            self.is_idle = run.is_idle;
            self.next.watermark(self.watermark, run);
        }
        self.watermark
    }

    /// Calls `work` with an output, and hands on what it emitted.
    fn emit<R>(
        &mut self,
        run: &mut Run,
        work: impl FnOnce(&mut Output<'_, T>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let mut output = Output::new(&mut self.buffer, self.target, &mut self.next, run);
        let result = work(&mut output);
        output.hand_on();
        result
    }
}

/// A step with one input.
pub(crate) struct OneInputLogic<O: Operator> {
    operator: O,
    pool: Rc<Pool<O::In>>,
    out: Emitter<O::Out>,
}

impl<O: Operator> OneInputLogic<O> {
    pub(crate) fn new(operator: O, next: Next<O::Out>, pools: &Pools, limits: &Limits) -> Self {
        Self { operator, pool: pools.of(), out: Emitter::new(next, limits) }
    }
}

impl<O: Operator> Logic for OneInputLogic<O> {
    fn wake(&mut self, run: &mut Run) -> Result<(), Error> {
        self.out.emit(run, |out| self.operator.on_wake(out))
    }

    fn ready(&mut self) -> Result<bool, Error> {
        Ok(self.operator.ready())
    }

    fn parcel(&mut self, port: Port, parcel: Parcel, run: &mut Run) -> Result<(), Error> {
        let mut batch = parcel.into_records::<O::In>(port.decode)?;
        self.out.emit(run, |out| self.operator.on_batch(&mut batch, out))?;
        self.pool.put(batch);
        Ok(())
    }

    fn epoch_end(&mut self, end: EpochEnd, run: &mut Run) -> Result<Turn, Error> {
        self.out.emit(run, |out| self.operator.on_epoch_end(end, out))
    }

    fn input_end(&mut self, run: &mut Run) -> Result<Turn, Error> {
        self.out.emit(run, |out| self.operator.on_input_end(out))
    }

    fn flush(&mut self, flush: Flush, run: &mut Run) {
        self.out.next.flush(flush, run);
    }

    fn watermark(&mut self, watermark: EventTime, run: &mut Run) -> EventTime {
        let watermark = self.operator.watermark(watermark);
        self.out.watermark(watermark, run)
    }

    fn deadline(&self) -> Option<ProcessingTime> {
        self.operator.deadline()
    }

    fn holdings(&self) -> Holdings {
        self.operator.holdings()
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        self.operator.state(parts)
    }

    fn restored(&mut self) {
        self.operator.restored();
    }

    fn end(&mut self, run: &mut Run) {
        self.out.next.end(run);
    }
}

/// A step with two inputs.
pub(crate) struct TwoInputLogic<O: TwoInput> {
    operator: O,
    left: Rc<Pool<O::Left>>,
    right: Rc<Pool<O::Right>>,
    out: Emitter<O::Out>,
}

impl<O: TwoInput> TwoInputLogic<O> {
    pub(crate) fn new(operator: O, next: Next<O::Out>, pools: &Pools, limits: &Limits) -> Self {
        let (left, right) = (pools.of(), pools.of());
        Self { operator, left, right, out: Emitter::new(next, limits) }
    }
}

impl<O: TwoInput> Logic for TwoInputLogic<O> {
    fn parcel(&mut self, port: Port, parcel: Parcel, run: &mut Run) -> Result<(), Error> {
        if port.input == 0 {
            let mut batch = parcel.into_records::<O::Left>(port.decode)?;
            self.out.emit(run, |out| self.operator.on_left(&mut batch, out))?;
            self.left.put(batch);
        } else {
            let mut batch = parcel.into_records::<O::Right>(port.decode)?;
            self.out.emit(run, |out| self.operator.on_right(&mut batch, out))?;
            self.right.put(batch);
        }
        Ok(())
    }

    fn epoch_end(&mut self, end: EpochEnd, run: &mut Run) -> Result<Turn, Error> {
        self.out.emit(run, |out| self.operator.on_epoch_end(end, out))
    }

    fn input_end(&mut self, run: &mut Run) -> Result<Turn, Error> {
        self.out.emit(run, |out| self.operator.on_input_end(out))
    }

    fn flush(&mut self, flush: Flush, run: &mut Run) {
        self.out.next.flush(flush, run);
    }

    fn watermark(&mut self, watermark: EventTime, run: &mut Run) -> EventTime {
        let watermark = self.operator.watermark(watermark);
        self.out.watermark(watermark, run)
    }

    fn deadline(&self) -> Option<ProcessingTime> {
        self.operator.deadline()
    }

    fn holdings(&self) -> Holdings {
        self.operator.holdings()
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        self.operator.state(parts)
    }

    fn restored(&mut self) {
        self.operator.restored();
    }

    fn end(&mut self, run: &mut Run) {
        self.out.next.end(run);
    }
}

/// A sink, which has no output.
pub(crate) struct SinkLogic<T> {
    /// Absent where another worker writes, and once it has finished.
    writer: Option<Box<dyn Writer<T>>>,
    /// Whether it was asked to prepare for a cut before the end of the input and has not done so.
    is_preparing: bool,
    /// What the writer prepared at the end of the input, until it is committed.
    prepared_at_end: Option<Vec<u8>>,
    /// The first checkpoint that holds it.
    end_is_in: Option<CheckpointId>,
    /// Whether it was told to commit that, while the job goes on.
    is_end_committed: bool,
    pool: Rc<Pool<T>>,
}

impl<T: 'static> SinkLogic<T> {
    pub(crate) fn new(writer: Option<Box<dyn Writer<T>>>, pools: &Pools) -> Self {
        let (prepared_at_end, end_is_in) = (None, None);
        Self {
            writer,
            is_preparing: false,
            prepared_at_end,
            end_is_in,
            is_end_committed: false,
            pool: pools.of(),
        }
    }
}

impl<T: Send + 'static> Logic for SinkLogic<T> {
    fn parcel(&mut self, port: Port, parcel: Parcel, run: &mut Run) -> Result<(), Error> {
        let mut batch = parcel.into_records::<T>(port.decode)?;
        let Some(writer) = &mut self.writer else {
            let reason = "records came to a worker that does not write";
            return Err(Error::new(ErrorKind::Internal, "write a batch", reason));
        };
        let written = batch.len() as u64;
        writer.write(&mut batch)?;
        run.counters()[run.step().0].records_out.add(written);
        self.pool.put(batch);
        Ok(())
    }

    fn ready(&mut self) -> Result<bool, Error> {
        self.writer.as_mut().map_or(Ok(true), |writer| writer.ready())
    }

    fn epoch_end(&mut self, end: EpochEnd, _run: &mut Run) -> Result<Turn, Error> {
        if let Some(writer) = &mut self.writer {
            writer.end_epoch(end.epoch)?;
        }
        Ok(Turn::Done)
    }

    fn input_end(&mut self, _run: &mut Run) -> Result<Turn, Error> {
        let Some(writer) = &mut self.writer else {
            return Ok(Turn::Done);
        };
        // What is behind a cut must not be in what is prepared for it.
        if self.is_preparing {
            return Ok(Turn::Wait);
        }
        self.prepared_at_end = writer.prepare(CheckpointId::END)?;
        Ok(if self.prepared_at_end.is_some() { Turn::Done } else { Turn::Wait })
    }

    fn prepare(&mut self, cut: CheckpointId, _run: &mut Run) -> Result<Option<Vec<u8>>, Error> {
        if self.prepared_at_end.is_some() {
            self.end_is_in.get_or_insert(cut);
            return self.prepared_at_end();
        }
        let Some(writer) = &mut self.writer else { return Ok(Some(Vec::new())) };
        let prepared = writer.prepare(cut)?;
        self.is_preparing = prepared.is_none();
        Ok(prepared)
    }

    fn commit(&mut self, cut: CheckpointId) -> Result<(), Error> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        if self.end_is_in.is_none_or(|first| first > cut) {
            return writer.commit(cut);
        }
        // The input of this sink has ended while the job goes on.
        match std::mem::replace(&mut self.is_end_committed, true) {
            true => Ok(()),
            false => writer.commit(CheckpointId::END),
        }
    }

    fn prepared_at_end(&mut self) -> Result<Option<Vec<u8>>, Error> {
        match &mut self.writer {
            // What it has published counts when that is durable, too: it is asked once more.
            Some(writer) if self.is_end_committed => writer.prepare(CheckpointId::END),
            _ => Ok(Some(self.prepared_at_end.clone().unwrap_or_default())),
        }
    }

    fn flush(&mut self, _flush: Flush, _run: &mut Run) {}

    fn end(&mut self, _run: &mut Run) {}

    fn finish(&mut self, how: Finish) -> Result<(), Error> {
        self.writer.take().map_or(Ok(()), |writer| writer.finish(how))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::metrics::worker_counters;
    use crate::run::StepId;

    /// Says for which checkpoint it is prepared, when it has been asked for it a second time.
    #[derive(Default)]
    struct Slow {
        asked: Option<CheckpointId>,
    }

    impl Writer<u64> for Slow {
        fn write(&mut self, _batch: &mut Vec<u64>) -> Result<(), Error> {
            Ok(())
        }

        fn prepare(&mut self, cut: CheckpointId) -> Result<Option<Vec<u8>>, Error> {
            let is_asked_again = self.asked.replace(cut) == Some(cut);
            Ok(is_asked_again.then(|| cut.0.to_le_bytes().to_vec()))
        }

        fn finish(self: Box<Self>, _how: Finish) -> Result<(), Error> {
            Ok(())
        }
    }

    #[test]
    fn the_end_of_the_input_waits_until_a_cut_before_it_is_prepared() {
        let names = Arc::from(["write".to_owned()]);
        let mut run = Run::new(StepId(0), names, worker_counters(1));
        let mut sink = SinkLogic::<u64>::new(Some(Box::<Slow>::default()), &Pools::default());
        let of = |cut: CheckpointId| Some(cut.0.to_le_bytes().to_vec());
        let cut = CheckpointId(7);
        assert_eq!(sink.prepare(cut, &mut run).unwrap(), None);
        assert_eq!(sink.input_end(&mut run).unwrap(), Turn::Wait);
        assert_eq!(sink.prepare(cut, &mut run).unwrap(), of(cut), "what is behind it is not in it");
        assert_eq!(sink.input_end(&mut run).unwrap(), Turn::Wait);
        assert_eq!(sink.input_end(&mut run).unwrap(), Turn::Done);
        // A cut behind the end holds what was prepared there.
        assert_eq!(sink.prepare(CheckpointId(8), &mut run).unwrap(), of(CheckpointId::END));
        assert_eq!(sink.prepared_at_end().unwrap(), of(CheckpointId::END));
    }

    /// Has published something once it was told to, which is durable when it was asked for it.
    #[derive(Default)]
    struct Publishing {
        is_told: bool,
        is_durable: bool,
    }

    impl Writer<u64> for Publishing {
        fn write(&mut self, _batch: &mut Vec<u64>) -> Result<(), Error> {
            Ok(())
        }

        fn prepare(&mut self, _cut: CheckpointId) -> Result<Option<Vec<u8>>, Error> {
            let is_durable = std::mem::replace(&mut self.is_durable, true);
            Ok((!self.is_told || is_durable).then(Vec::new))
        }

        fn commit(&mut self, _cut: CheckpointId) -> Result<(), Error> {
            (self.is_told, self.is_durable) = (true, false);
            Ok(())
        }

        fn finish(self: Box<Self>, _how: Finish) -> Result<(), Error> {
            Ok(())
        }
    }

    #[test]
    fn what_a_sink_has_published_at_its_end_is_durable_in_later_checkpoints() {
        let names = Arc::from(["write".to_owned()]);
        let mut run = Run::new(StepId(0), names, worker_counters(1));
        let writer = Box::<Publishing>::default();
        let mut sink = SinkLogic::<u64>::new(Some(writer), &Pools::default());
        assert_eq!(sink.input_end(&mut run).unwrap(), Turn::Done);
        assert!(sink.prepare(CheckpointId(3), &mut run).unwrap().is_some());
        sink.commit(CheckpointId(3)).unwrap();
        assert_eq!(sink.prepare(CheckpointId(4), &mut run).unwrap(), None, "not durable yet");
        assert_eq!(sink.prepared_at_end().unwrap(), Some(Vec::new()));
        sink.commit(CheckpointId(4)).unwrap();
        assert!(sink.prepare(CheckpointId(5), &mut run).unwrap().is_some(), "published once");
    }
}
