//! Drives operators and stateless steps by hand: batches in, epoch ends, outputs out.
//!
//! For tests, of the built-in operators and of a program's own. Nothing of the dataflow runs.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use crate::capture::Capture;
use crate::clock::ProcessingTime;
use crate::consumer::{Consumer, Flush, Next};
use crate::context::WorkerContext;
use crate::job::shared::Shared;
use crate::metrics::worker_counters;
use crate::operator::{EpochEnd, Holdings, Operator, Output, Turn};
use crate::restore::restore;
use crate::run::{Run, StepId};
use crate::snapshot::Snapshot;
use crate::state_parts::StateParts;
use crate::{
    Assigned, Disorder, Epoch, Error, EventTime, Extent, Limits, SplitsView, StageState,
    SystemClock, Waker,
};

mod two_input;

pub use two_input::TwoInputHarness;

/// The context of the only worker of a job that does not run.
#[must_use]
pub fn context() -> WorkerContext {
    let limits = Arc::new(Limits::default());
    WorkerContext {
        worker: 0,
        workers: 1,
        local: 0..1,
        shared: Arc::new(Shared::new(limits, Arc::new(SystemClock), 1, 1, 1)),
        pools: Default::default(),
        waker: Waker::current_thread(),
    }
}

/// Keeps what it is handed.
struct Collect<T> {
    records: Rc<RefCell<Vec<T>>>,
    watermark: Rc<Cell<EventTime>>,
    is_idle: Rc<Cell<bool>>,
    ended: Rc<RefCell<bool>>,
}

impl<T: 'static> Consumer<T> for Collect<T> {
    fn batch(&mut self, batch: &mut Vec<T>, _run: &mut Run) {
        self.records.borrow_mut().append(batch);
    }

    fn flush(&mut self, _flush: Flush, _run: &mut Run) {}

    fn watermark(&mut self, watermark: EventTime, run: &mut Run) {
        self.watermark.set(watermark);
        self.is_idle.set(run.is_idle);
    }

    fn end(&mut self, _run: &mut Run) {
        *self.ended.borrow_mut() = true;
    }
}

/// What came out of a step since it was last asked for.
pub struct Collected<T> {
    records: Rc<RefCell<Vec<T>>>,
    watermark: Rc<Cell<EventTime>>,
    is_idle: Rc<Cell<bool>>,
    ended: Rc<RefCell<bool>>,
}

impl<T: 'static> Collected<T> {
    /// A consumer and the place where what it is handed can be taken from.
    #[must_use]
    pub fn consumer() -> (Next<T>, Self) {
        let (records, ended): (Rc<RefCell<Vec<T>>>, Rc<RefCell<bool>>) = Default::default();
        let watermark = Rc::new(Cell::new(EventTime::MIN));
        let there = Self { records, watermark, is_idle: Rc::default(), ended };
        let next = Collect {
            records: Rc::clone(&there.records),
            watermark: Rc::clone(&there.watermark),
            is_idle: Rc::clone(&there.is_idle),
            ended: Rc::clone(&there.ended),
        };
        (Box::new(next), there)
    }

    /// Takes the records.
    #[must_use]
    pub fn take(&self) -> Vec<T> {
        self.records.take()
    }

    /// The last watermark that was passed on.
    #[must_use]
    pub fn watermark(&self) -> EventTime {
        self.watermark.get()
    }

    /// Whether that was the watermark of somebody who is idle.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.is_idle.get()
    }

    /// Whether the end of the input was passed on.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }
}

/// A run for calling consumers by hand.
#[must_use]
pub fn run() -> Run {
    Run::new(StepId(0), Arc::from(["step under test".to_owned()]), worker_counters(1))
}

/// Lets the steps of a run see these splits; see [`Run::splits`].
pub fn show_splits(run: &mut Run, view: SplitsView) {
    run.splits = Some(view);
}

/// Lets the steps of a run keep what they need to go on, to be [taken](take_stages) after each end
/// of an epoch.
pub fn want_stages(run: &mut Run) {
    run.want_stages();
}

/// Takes what the steps of a run have kept at the last end of an epoch.
#[must_use]
pub fn take_stages(run: &mut Run) -> StageState {
    run.take_stages()
}

/// Lets the steps of a run go on from what they, or steps of the same names elsewhere, have kept.
/// To be called before the first batch.
pub fn restore_stages(run: &mut Run, kept: StageState) {
    run.restored = Some(kept);
}

/// The processing time at which the steps of a run have asked for an epoch to end, since the last
/// call.
pub fn asked_deadline(run: &mut Run) -> Option<ProcessingTime> {
    run.take_deadline()
}

/// What the step under test last said about its splits.
#[must_use]
pub fn assigned(run: &Run) -> Option<Assigned> {
    run.counters()[0].status().assigned.clone()
}

/// By how much the records of the step under test came out of order.
#[must_use]
pub fn disorder(run: &Run) -> Disorder {
    run.counters()[0].status().disorder.clone()
}

/// How many records the step under test has counted as being from the future.
#[must_use]
pub fn future_records(run: &Run) -> u64 {
    run.counters()[0].future.get()
}

/// Passes batches through a stateless step, each followed by the end of an epoch.
///
/// # Errors
/// What the step reported first.
pub fn through<T: 'static, U: 'static>(
    make: impl FnOnce(&WorkerContext, Next<U>) -> Next<T>,
    batches: impl IntoIterator<Item = Vec<T>>,
) -> Result<Vec<U>, Error> {
    let (next, collected) = Collected::consumer();
    let mut step = make(&context(), next);
    let mut run = run();
    for mut batch in batches {
        step.batch(&mut batch, &mut run);
        assert!(batch.is_empty(), "a consumer takes every record");
        step.flush(Flush::EpochEnd, &mut run);
        run.epoch = run.epoch.next();
    }
    step.end(&mut run);
    run.result()?;
    Ok(collected.take())
}

/// Emits at most this many records in a batch, so that tests see outputs in pieces.
const BATCH_RECORDS: usize = 8;

/// The part of a harness that operators of every shape share.
struct Bench<T> {
    next: Next<T>,
    out: Collected<T>,
    run: Run,
    now: ProcessingTime,
    /// The watermark of the input, and what was passed on of it.
    input_watermark: EventTime,
    watermark: EventTime,
    /// The capture that was begun last, and of which worker.
    capture: Option<(usize, Capture)>,
}

impl<T: Send + 'static> Bench<T> {
    fn new() -> Self {
        let (next, out) = Collected::consumer();
        let (input_watermark, watermark) = (EventTime::MIN, EventTime::MIN);
        let (now, capture) = (ProcessingTime(0), None);
        Self { next, out, run: run(), now, input_watermark, watermark, capture }
    }

    fn call<R>(
        &mut self,
        work: impl FnOnce(&mut Output<'_, T>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let mut buffer = Vec::new();
        let mut output = Output::new(&mut buffer, BATCH_RECORDS, &mut self.next, &mut self.run);
        let result = work(&mut output)?;
        output.hand_on();
        self.run.result()?;
        Ok(result)
    }

    /// Calls until everything is said that can be said now; says whether that is everything.
    fn speak(
        &mut self,
        mut work: impl FnMut(&mut Output<'_, T>) -> Result<Turn, Error>,
    ) -> Result<(Vec<T>, Turn), Error> {
        loop {
            let turn = self.call(&mut work)?;
            if turn != Turn::More {
                return Ok((self.out.take(), turn));
            }
        }
    }

    fn epoch_end(&self) -> EpochEnd {
        EpochEnd::new(self.run.epoch, self.now, self.input_watermark)
    }

    fn set_time(&mut self, now: ProcessingTime) {
        assert!(now >= self.now, "processing time does not go back");
        self.now = now;
        self.run.now = now;
    }

    fn set_watermark(&mut self, watermark: EventTime) {
        assert!(watermark >= self.input_watermark, "a watermark does not go back");
        self.input_watermark = watermark;
    }

    fn next_epoch(&mut self, watermark: EventTime) {
        self.watermark = watermark.max(self.watermark);
        self.run.epoch = self.run.epoch.next();
    }
}

/// Drives an [`Operator`].
///
/// ```
/// use rheos_engine::{Error, Operator, Output, harness::Harness};
///
/// struct Doubled;
/// impl Operator for Doubled {
///     type In = u32;
///     type Out = u32;
///     fn on_batch(&mut self, batch: &mut Vec<u32>, out: &mut Output<'_, u32>) -> Result<(), Error> {
///         out.extend(batch.drain(..).map(|n| 2 * n));
///         Ok(())
///     }
/// }
///
/// let mut harness = Harness::new(Doubled);
/// assert_eq!(harness.batch(vec![1, 2]).unwrap(), [2, 4]);
/// assert!(harness.end_epoch().unwrap().is_empty());
/// ```
pub struct Harness<O: Operator> {
    operator: O,
    bench: Bench<O::Out>,
}

impl<O: Operator> Harness<O> {
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

    /// The current epoch.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.bench.run.epoch
    }

    /// Hands a batch over; gives what came out.
    ///
    /// # Errors
    /// What the operator failed with.
    pub fn batch(&mut self, mut batch: Vec<O::In>) -> Result<Vec<O::Out>, Error> {
        self.bench.call(|out| self.operator.on_batch(&mut batch, out))?;
        assert!(batch.is_empty(), "an operator takes every record of a batch");
        Ok(self.bench.out.take())
    }

    /// Whether the operator takes a batch.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.operator.ready()
    }

    /// Wakes the operator; gives what came out.
    ///
    /// # Errors
    /// What the operator failed with.
    pub fn wake(&mut self) -> Result<Vec<O::Out>, Error> {
        self.bench.call(|out| self.operator.on_wake(out))?;
        Ok(self.bench.out.take())
    }

    /// Ends the epoch; gives everything that came out, over as many turns as it took. When the
    /// operator waits for something outside, the epoch stays the [current](Self::epoch) one, to be
    /// ended by a further call.
    ///
    /// # Errors
    /// What the operator failed with.
    pub fn end_epoch(&mut self) -> Result<Vec<O::Out>, Error> {
        let end = self.bench.epoch_end();
        let (out, turn) = self.bench.speak(|out| self.operator.on_epoch_end(end, out))?;
        if turn == Turn::Done {
            self.bench.next_epoch(self.operator.watermark(end.watermark));
        }
        Ok(out)
    }

    /// Ends the input, after the end of the current epoch, whose watermark is the end of time.
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
