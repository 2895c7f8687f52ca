//! Finds who holds the watermark of a step: from the step back over its inputs, always to whoever
//! has promised least, until that is a split, or a step that promises less than it was promised.

use std::time::Duration;

use super::facts::{Facts, Runs};
use super::{Holder, Why};
use crate::status::{Assigned, Promise, SplitTime};
use crate::{EventTime, Holdings, ProcessingTime};

/// A way on which records come to a step: from a step with a run of its own through the steps
/// that are fused into it.
struct Way {
    from: usize,
    /// The fused steps between, and the step itself if it is fused.
    through: Vec<usize>,
    is_timed: bool,
    crosses: bool,
}

impl Facts {
    /// Why a step has said no more than it has.
    pub(crate) fn why(&self, step: usize) -> Why {
        let mut holdings = Holdings::default();
        self.everywhere(step).for_each(|said| holdings.add(&said.status.holdings));
        let worst = self
            .local
            .clone()
            .filter_map(|worker| Some((self.watermark(step, worker)?, worker)))
            .min_by_key(|(watermark, worker)| (*watermark, self.is_idle(step, *worker)));
        let since = worst.and_then(|(_, worker)| self.on(worker, step)?.status.since);
        let is_hosted = self.steps[step].runs == Runs::Hosted;
        Why {
            step: self.steps[step].name.clone(),
            watermark: worst.map(|(watermark, _)| watermark),
            unchanged_for: since.filter(|_| is_hosted).map(|since| passed(since, self.now)),
            holder: worst.and_then(|(watermark, worker)| {
                if watermark == EventTime::MAX { None } else { self.holder(step, worker) }
            }),
            holdings,
            late_records: self.everywhere(step).map(|said| said.late).sum(),
            future_records: self.future_before(step),
        }
    }

    /// Why the steps that have event time, or hold something, have said no more than they have.
    pub(crate) fn why_all(&self) -> Vec<Why> {
        let says_much = |why: &Why| why.watermark.is_some() || why.holdings != Holdings::default();
        (0..self.steps.len()).map(|step| self.why(step)).filter(says_much).collect()
    }

    /// The watermark that a step has come to on a worker, where it has event time.
    pub(crate) fn watermark(&self, step: usize, worker: usize) -> Option<EventTime> {
        let said = self.on(worker, step)?;
        match self.steps[step].runs {
            Runs::AsSource => None,
            Runs::Hosted => self.hears_event_time(step).then_some(said.status.input),
            Runs::Fused => {
                let ways = self.ways_into(step);
                ways.iter().filter_map(|way| self.promise(way, worker)).min()
            }
        }
    }

    /// Whether a step waits for the watermarks of any of its inputs.
    pub(crate) fn hears_event_time(&self, step: usize) -> bool {
        self.edges.iter().any(|edge| edge.to == step && edge.is_timed)
    }

    fn is_idle(&self, step: usize, worker: usize) -> bool {
        let assigned = self.on(worker, step).and_then(|said| said.status.assigned.as_ref());
        assigned.is_some_and(|assigned| assigned.is_idle)
    }

    /// Who holds the watermark of a step on a worker.
    fn holder(&self, step: usize, worker: usize) -> Option<Holder> {
        let ways = self.ways_into(step);
        if self.steps[step].runs != Runs::Hosted {
            let least = ways.iter().min_by_key(|way| self.promise(way, worker))?;
            return self.behind(least, worker);
        }
        let (way, sender) = self.slowest_sender(step, worker, &ways)?;
        if !self.local.contains(&sender) {
            return Some(Holder::Elsewhere { worker: sender });
        }
        self.behind(way, sender)
    }

    /// The way and the worker at its beginning that have promised least to a step on a worker.
    fn slowest_sender<'a>(
        &self,
        step: usize,
        worker: usize,
        ways: &'a [Way],
    ) -> Option<(&'a Way, usize)> {
        let lanes = &self.on(worker, step)?.status.lanes;
        let nothing = Promise { time: EventTime::MIN, is_idle: false };
        let mut senders = Vec::new();
        let mut place = 0;
        for way in ways {
            for sender in 0..if way.crosses { self.workers } else { 1 } {
                let promise = lanes.get(place).copied().unwrap_or(nothing);
                let sender = if way.crosses { sender } else { worker };
                place += 1;
                if way.is_timed && promise.time < EventTime::MAX {
                    senders.push((promise, way, sender));
                }
            }
        }
        // Who is idle holds only if all are; of equals, one that is known here says more.
        let slowest = senders.into_iter().min_by_key(|(promise, _, sender)| {
            (promise.is_idle, promise.time, !self.local.contains(sender))
        });
        slowest.map(|(_, way, sender)| (way, sender))
    }

    /// Who holds what comes along a way from a worker.
    fn behind(&self, way: &Way, worker: usize) -> Option<Holder> {
        if let Some((step, assigned)) = self.assigner(way, worker) {
            return Some(self.furthest_behind(step, way.from, worker, assigned));
        }
        let name = || self.steps[way.from].name.clone();
        if self.steps[way.from].runs == Runs::AsSource {
            return Some(Holder::Silent { step: name(), worker });
        }
        let status = &self.on(worker, way.from)?.status;
        if status.output < status.input {
            let (input, output) = (status.input, status.output);
            return Some(Holder::Operator { step: name(), worker, input, output });
        }
        self.holder(way.from, worker).or_else(|| Some(Holder::Silent { step: name(), worker }))
    }

    /// Who is furthest behind of those whose event time a step assigns.
    fn furthest_behind(
        &self,
        step: usize,
        source: usize,
        worker: usize,
        assigned: &Assigned,
    ) -> Holder {
        let source = &self.steps[source];
        if assigned.unopened > 0 {
            let splits = assigned.unopened;
            return Holder::Unopened { source: source.name.clone(), splits, worker };
        }
        let step = self.steps[step].name.clone();
        let least = assigned.splits.iter().min_by_key(|split| (split.is_idle, split.watermark));
        let Some(&SplitTime { split, watermark, active, is_idle }) = least else {
            return Holder::Silent { step, worker };
        };
        let silent_for = passed(active, self.now);
        match split {
            None => Holder::Mixed { step, worker, watermark, silent_for, is_idle },
            Some(split) => {
                let unknown = || format!("number {}", split.0);
                let name = source.splits.get(&split).cloned().unwrap_or_else(unknown);
                let source = source.name.clone();
                Holder::Split { source, split: name, worker, watermark, silent_for, is_idle }
            }
        }
    }

    /// What has been promised about the records that come along a way from a worker.
    fn promise(&self, way: &Way, worker: usize) -> Option<EventTime> {
        if let Some((_, assigned)) = self.assigner(way, worker) {
            return Some(assigned.watermark);
        }
        let is_timed = self.hears_event_time(way.from);
        is_timed.then(|| self.on(worker, way.from).map(|said| said.status.output)).flatten()
    }

    /// The last step on a way that gives records their event time, and what it says on a worker.
    fn assigner(&self, way: &Way, worker: usize) -> Option<(usize, &Assigned)> {
        way.through.iter().rev().find_map(|&step| {
            let assigned = self.on(worker, step)?.status.assigned.as_ref();
            assigned.map(|assigned| (step, assigned))
        })
    }

    /// Records from the future that were set aside in a step or on the way to it.
    fn future_before(&self, step: usize) -> u64 {
        let mut before = vec![false; self.steps.len()];
        before[step] = true;
        // Every edge leads from an earlier step to a later one.
        for to in (0..=step).rev() {
            if before[to] {
                let into = self.edges.iter().filter(|edge| edge.to == to);
                into.for_each(|edge| before[edge.from] = true);
            }
        }
        let steps = (0..self.steps.len()).filter(|step| before[*step]);
        steps.flat_map(|step| self.everywhere(step)).map(|said| said.future).sum()
    }

    /// The ways into a step, in the order in which a worker connects them.
    fn ways_into(&self, target: usize) -> Vec<Way> {
        let mut ways = Vec::new();
        for from in 0..self.steps.len() {
            if self.steps[from].runs != Runs::Fused {
                self.follow(from, from, &mut Vec::new(), target, &mut ways);
            }
        }
        ways
    }

    /// Follows the outputs of `step`, in the run that begins in `from`, to the target.
    fn follow(
        &self,
        from: usize,
        step: usize,
        through: &mut Vec<usize>,
        target: usize,
        ways: &mut Vec<Way>,
    ) {
        let outputs = self.edges.iter().filter(|edge| edge.from == step).map(|edge| edge.output);
        for output in 0..=outputs.max().unwrap_or(0) {
            let leaving =
                self.edges.iter().filter(|edge| edge.from == step && edge.output == output);
            for edge in leaving {
                if !edge.is_fused {
                    if edge.to == target {
                        let (is_timed, crosses) = (edge.is_timed, edge.crosses);
                        ways.push(Way { from, through: through.clone(), is_timed, crosses });
                    }
                    continue;
                }
                through.push(edge.to);
                if edge.to == target {
                    let through = through.clone();
                    ways.push(Way { from, through, is_timed: true, crosses: false });
                } else {
                    self.follow(from, edge.to, through, target, ways);
                }
                through.pop();
            }
        }
    }
}

/// How long it has been since `since`.
fn passed(since: ProcessingTime, now: ProcessingTime) -> Duration {
    Duration::from_millis(now.0.saturating_sub(since.0))
}
