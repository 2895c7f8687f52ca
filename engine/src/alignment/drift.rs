//! How far the splits of a source on one worker have come, and which of them are too far ahead.

use std::time::{Duration, Instant};

use super::Reached;
use crate::job::shared::{News, Shared};
use crate::run::StepId;
use crate::{EventTime, SplitId};

/// How often other processes are told how far this one has come, at the most.
const TELL_EVERY: Duration = Duration::from_millis(2);

/// The splits of a source on one worker, as the steps see them that align them.
///
/// A split waits only if it is too far ahead for all of these steps: two of them may have splits in
/// opposite orders.
#[derive(Default)]
pub(crate) struct Drift {
    worker: usize,
    steps: Vec<DriftInStep>,
    /// Whether a split was let go since that was asked last.
    has_let_go: bool,
}

struct DriftInStep {
    step: StepId,
    max_drift: Duration,
    splits: Vec<SplitDrift>,
    /// What the workers of this process know, and what the other processes do, since when.
    said: EventTime,
    told: EventTime,
    told_at: Option<Instant>,
}

struct SplitDrift {
    split: SplitId,
    reached: EventTime,
    is_ahead: bool,
}

impl Drift {
    /// That of a source on a worker of the job.
    pub(crate) fn on(worker: usize) -> Self {
        Self { worker, ..Self::default() }
    }

    /// Whether any step aligns its splits.
    pub(crate) fn is_bounded(&self) -> bool {
        !self.steps.is_empty()
    }

    /// A split has come to `time`, as a step sees it.
    pub(crate) fn reach(
        &mut self,
        step: StepId,
        max_drift: Duration,
        split: SplitId,
        time: EventTime,
    ) {
        let splits = &mut self.step(step, max_drift).splits;
        match splits.iter_mut().find(|other| other.split == split) {
            Some(known) => known.reached = time,
            None => splits.push(SplitDrift { split, reached: time, is_ahead: false }),
        }
    }

    /// These are the splits that a step waits for, and no others.
    pub(crate) fn follow(
        &mut self,
        step: StepId,
        max_drift: Duration,
        splits: impl Iterator<Item = (SplitId, EventTime)>,
    ) {
        let known = &mut self.step(step, max_drift).splits;
        let mut place = 0;
        for (split, reached) in splits {
            // Mostly they are the same ones in the same order.
            match known[place..].iter().position(|other| other.split == split) {
                Some(at) => known.swap(place, place + at),
                None => known.insert(place, SplitDrift { split, reached, is_ahead: false }),
            }
            known[place].reached = reached;
            place += 1;
        }
        known.truncate(place);
    }

    fn step(&mut self, step: StepId, max_drift: Duration) -> &mut DriftInStep {
        let place = self.steps.iter().position(|known| known.step == step);
        let place = place.unwrap_or_else(|| {
            let nobody = EventTime::MAX;
            let splits = Vec::new();
            let (said, told, told_at) = (nobody, nobody, None);
            self.steps.push(DriftInStep { step, max_drift, splits, said, told, told_at });
            self.steps.len() - 1
        });
        &mut self.steps[place]
    }

    /// Nobody waits for a split that has ended.
    pub(crate) fn end(&mut self, split: SplitId) {
        self.steps.iter_mut().for_each(|step| step.splits.retain(|other| other.split != split));
    }

    /// All splits have ended, or are read no more.
    pub(crate) fn end_all(&mut self) {
        self.steps.iter_mut().for_each(|step| step.splits.clear());
    }

    /// Whether a split must not be read until others have come after it.
    pub(crate) fn is_ahead(&self, split: SplitId) -> bool {
        self.is_bounded() && self.steps.iter().all(|step| step.is_ahead(split))
    }

    /// The splits that must not be read.
    pub(crate) fn ahead(&self) -> impl Iterator<Item = SplitId> {
        let first = self.steps.first().into_iter().flat_map(|step| &step.splits);
        first.map(|known| known.split).filter(|split| self.is_ahead(*split))
    }

    /// Says to the workers of the process where the splits are, and finds which are too far ahead
    /// of what all workers have said. Says whether somebody else is to be woken.
    pub(crate) fn look(&mut self, reached: &Reached) -> bool {
        let mut wakes = false;
        for step in &mut self.steps {
            let least = step.splits.iter().map(|split| split.reached).min();
            let least = least.unwrap_or(EventTime::MAX);
            if std::mem::replace(&mut step.said, least) != least {
                wakes |= reached.set(step.step, self.worker, least);
            }
            let least = reached.least(step.step);
            for split in &mut step.splits {
                // Who was too far ahead goes on when there is some way to go, not at every step of
                // the others.
                let may_be_ahead = if split.is_ahead { step.max_drift / 2 } else { step.max_drift };
                let is_ahead = split.reached > least.plus(may_be_ahead);
                self.has_let_go |= split.is_ahead && !is_ahead;
                split.is_ahead = is_ahead;
            }
        }
        wakes
    }

    /// As [`look`](Self::look), for somebody who is not going to look again before it is woken.
    pub(crate) fn look_and_wait(&mut self, reached: &Reached) -> bool {
        for step in &self.steps {
            let go_on_at =
                |split: &SplitDrift| split.reached.as_millis().saturating_sub(half(step));
            let ahead = step.splits.iter().filter(|split| split.is_ahead);
            if let Some(awaited) = ahead.map(go_on_at).min() {
                reached.wait_for(step.step, EventTime::from_millis(awaited));
            }
        }
        self.look(reached)
    }

    /// Whether a split was let go since this was asked last.
    pub(crate) fn take_let_go(&mut self) -> bool {
        std::mem::take(&mut self.has_let_go)
    }

    /// Tells the other processes what the workers of this one know; gives how long it takes until
    /// they are to be told, if it is not time yet.
    pub(crate) fn tell(&mut self, shared: &Shared) -> Option<Duration> {
        let mut next = None::<Duration>;
        for known in &mut self.steps {
            let DriftInStep { step, said, told, told_at, .. } = known;
            if said == told {
                continue;
            }
            let passed = told_at.map_or(TELL_EVERY, |at| at.elapsed());
            // The end may be the last thing that is said here at all.
            if passed >= TELL_EVERY || *said == EventTime::MAX {
                let (step, worker, time) = (step.0, self.worker, *said);
                shared.tell(News::Reached { step, worker, time });
                (*told, *told_at) = (*said, Some(Instant::now()));
            } else {
                let left = TELL_EVERY - passed;
                next = Some(next.map_or(left, |next| next.min(left)));
            }
        }
        next
    }
}

impl DriftInStep {
    fn is_ahead(&self, split: SplitId) -> bool {
        self.splits.iter().any(|known| known.split == split && known.is_ahead)
    }
}

/// Half of what a split may be ahead, in milliseconds.
fn half(step: &DriftInStep) -> i64 {
    i64::try_from((step.max_drift / 2).as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
