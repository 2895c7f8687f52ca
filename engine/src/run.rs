//! The state of one pass through a run of fused steps: which epoch, which split, which step.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::alignment::Drift;
use crate::clock::ProcessingTime;
use crate::metrics::WorkerCounters;
use crate::splits::SplitsView;
use crate::status::Assigned;
use crate::{Disorder, Epoch, Error, EventTime, SplitId, StageState};

/// One batch in so many is timed; the others are counted only.
const TIMED_ONE_IN: u64 = 32;

/// The number of a step in its plan.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct StepId(pub usize);

/// What every consumer of a fused run can see, and where it reports to.
pub struct Run {
    /// The epoch of the records on their way.
    pub epoch: Epoch,
    /// The split of the source that the records on their way come from.
    pub split: SplitId,
    /// Processing time as this process sees it: read once a turn.
    pub now: ProcessingTime,
    /// The splits of the source that the run begins in, up to date whenever it is flushed; none
    /// where the run begins behind an exchange.
    pub(crate) splits: Option<SplitsView>,
    /// How far these splits are apart, where a step of the run bounds that.
    pub(crate) drift: Drift,
    deadline: Option<ProcessingTime>,
    /// Whether the watermark on its way is that of somebody for whom nobody needs to wait.
    pub(crate) is_idle: bool,
    /// What the stages of the run kept when the job was left that it goes on from; none where it
    /// began anew.
    pub(crate) restored: Option<StageState>,
    /// What they have kept at the end of an epoch, if somebody wants to know.
    kept: Option<(Epoch, StageState)>,
    step: StepId,
    emitted_bytes: usize,
    error: Option<Error>,
    names: Arc<[String]>,
    counters: WorkerCounters,
    passes: u64,
    timing: bool,
    /// Nanoseconds spent in the steps called by the current one, while timing.
    inner_nanos: u64,
}

impl Run {
    /// A run that begins in `step`.
    pub(crate) fn new(step: StepId, names: Arc<[String]>, counters: WorkerCounters) -> Self {
        Self {
            epoch: Epoch(0),
            split: SplitId(0),
            now: ProcessingTime(0),
            splits: None,
            drift: Drift::default(),
            deadline: None,
            is_idle: false,
            restored: None,
            kept: None,
            step,
            emitted_bytes: 0,
            error: None,
            names,
            counters,
            passes: 0,
            timing: false,
            inner_nanos: 0,
        }
    }

    /// Reports an error of the current step; the job fails once control is back in the engine.
    /// The first one counts.
    pub fn fail(&mut self, error: Error) {
        if self.error.is_none() {
            self.error = Some(error.in_step(self.step_name()));
        }
    }

    /// The splits that the run reads, up to date whenever it is flushed; none where it begins
    /// behind an exchange, where records of many splits are mixed.
    #[must_use]
    pub fn splits(&self) -> Option<&SplitsView> {
        self.splits.as_ref()
    }

    /// The current step wants no split of its stream to be read that is more than `max_drift` ahead
    /// of any of these, on all workers: the splits that are read here and that it waits for, and
    /// how far they have come. To be called when the run is flushed.
    pub fn align(
        &mut self,
        max_drift: Duration,
        splits: impl Iterator<Item = (SplitId, EventTime)>,
    ) {
        self.drift.follow(self.step, max_drift, splits);
    }

    /// The split whose records are on their way has come to `time`: what a step says for each batch
    /// that [aligns](Self::align) its splits.
    pub fn align_current(&mut self, max_drift: Duration, time: EventTime) {
        self.drift.reach(self.step, max_drift, self.split, time);
    }

    /// Calls `pass`, which passes on the watermark of somebody who has been silent for so long
    /// that nobody waits for it: others may go on without it until it passes on another one.
    pub fn while_idle(&mut self, pass: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.is_idle, true);
        pass(self);
        self.is_idle = before;
    }

    /// Whether the watermark that is being passed on is that of somebody who is
    /// [not waited for](Self::while_idle).
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.is_idle
    }

    /// Asks for an epoch to end at `time` or soon after, whether or not records come.
    pub fn end_epoch_at(&mut self, time: ProcessingTime) {
        self.deadline = Some(self.deadline.map_or(time, |earlier| earlier.min(time)));
    }

    /// Takes what was asked for since the last call.
    pub(crate) fn take_deadline(&mut self) -> Option<ProcessingTime> {
        self.deadline.take()
    }

    /// Whether the job goes on from a checkpoint, so that operators may know more than a stage that
    /// begins anew.
    #[must_use]
    pub fn is_restored(&self) -> bool {
        self.restored.is_some()
    }

    /// What the current step kept as `part` on all workers, in the job that this one goes on from;
    /// of what belongs to splits, only that of the splits that are read here. A step may have kept
    /// it more than once for a split, if it stands behind several streams of one source.
    #[must_use]
    pub fn restored_stage<T: DeserializeOwned>(&mut self, part: &str) -> Vec<(Option<SplitId>, T)> {
        let restored = self.restored.as_ref();
        match restored.map(|restored| restored.kept(self.step_name(), part)) {
            Some(Ok(pieces)) => pieces,
            Some(Err(error)) => {
                self.fail(error);
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// Keeps what the current step will need to go on from the end of this epoch, piece by piece,
    /// if a checkpoint may be taken there. To be called when the epoch is flushed.
    pub fn keep_stage<T: Serialize>(
        &mut self,
        part: &str,
        pieces: impl Iterator<Item = (Option<SplitId>, T)>,
    ) {
        let Some((epoch, kept)) = &mut self.kept else { return };
        if *epoch != self.epoch {
            // Not every epoch ends at a checkpoint: what nobody has taken is out of date.
            (*epoch, *kept) = (self.epoch, StageState::default());
        }
        if let Err(error) = kept.keep(&self.names[self.step.0], part, pieces) {
            self.fail(error);
        }
    }

    /// From now on what stages keep is wanted at the end of each epoch.
    pub(crate) fn want_stages(&mut self) {
        self.kept = Some((self.epoch, StageState::default()));
    }

    /// Takes what the stages have kept at the end of the epoch that was flushed last.
    pub(crate) fn take_stages(&mut self) -> StageState {
        self.kept.as_mut().map(|(_, kept)| std::mem::take(kept)).unwrap_or_default()
    }

    /// Counts records that came after what they belong to was closed.
    pub fn count_late(&mut self, records: u64) {
        self.counters[self.step.0].late.add(records);
    }

    /// Counts records that claim to come from the future and were set aside.
    pub fn count_future(&mut self, records: u64) {
        self.counters[self.step.0].future.add(records);
    }

    /// Says how far the splits of the current step have come.
    pub fn report_assigned(&mut self, assigned: Assigned, disorder: &Disorder) {
        let mut status = self.counters[self.step.0].status();
        status.assigned = Some(assigned);
        status.disorder.clone_from(disorder);
    }

    /// The step that is running, for naming it after a panic.
    pub(crate) fn step(&self) -> StepId {
        self.step
    }

    /// The name of the step that is running.
    pub(crate) fn step_name(&self) -> &str {
        &self.names[self.step.0]
    }

    /// Gives out the error that was reported, if any was.
    pub(crate) fn result(&mut self) -> Result<(), Error> {
        self.error.take().map_or(Ok(()), Err)
    }

    /// Counts bytes that left the run.
    pub(crate) fn count_emitted(&mut self, bytes: usize) {
        self.emitted_bytes += bytes;
    }

    /// Takes the bytes that left the run since the last call.
    pub(crate) fn take_emitted(&mut self) -> usize {
        std::mem::take(&mut self.emitted_bytes)
    }

    /// The counters of the worker.
    pub(crate) fn counters(&self) -> &WorkerCounters {
        &self.counters
    }

    /// Begins a pass of one batch; now and then one that is timed.
    pub(crate) fn begin_pass(&mut self) {
        self.passes += 1;
        self.timing = self.passes % TIMED_ONE_IN == 1;
    }

    /// Runs `work` as `step`, on behalf of the step that is current, and times it if this pass is
    /// timed. A panic leaves the step that caused it as the current one.
    #[inline]
    pub(crate) fn within(&mut self, step: StepId, work: impl FnOnce(&mut Self)) {
        let weight = TIMED_ONE_IN;
        self.within_weighted(step, weight, work);
    }

    /// As [`within`](Self::within), for work that is always timed.
    pub(crate) fn within_timed(&mut self, step: StepId, work: impl FnOnce(&mut Self)) {
        let timing = std::mem::replace(&mut self.timing, true);
        self.within_weighted(step, 1, work);
        self.timing = timing;
    }

    #[inline]
    fn within_weighted(&mut self, step: StepId, weight: u64, work: impl FnOnce(&mut Self)) {
        let caller = std::mem::replace(&mut self.step, step);
        if self.timing {
            let outer = std::mem::take(&mut self.inner_nanos);
            let began = Instant::now();
            work(self);
            let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            let own = nanos.saturating_sub(self.inner_nanos);
            self.counters[step.0].busy.add(own.saturating_mul(weight));
            self.inner_nanos = outer.saturating_add(nanos);
        } else {
            work(self);
        }
        self.step = caller;
    }
}
