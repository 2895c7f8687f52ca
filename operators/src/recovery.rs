//! Whether an operator survives: interrupted runs, restored onto other numbers of workers, against
//! an undisturbed one. For tests of operators with state.
//!
//! A test gives [`check_recovery`] its input epoch by epoch, a function that makes the operator
//! within a harness, and where each record goes. What is compared is what every epoch says (in any
//! order between workers), what was late, what is held in the end, and that the watermark is not
//! ahead of the undisturbed one.

use std::fmt::Debug;

use rheos_engine::harness::{Harness, TwoInputHarness};
use rheos_engine::{EventTime, Holdings, Keyed, Operator, ProcessingTime, Snapshot, TwoInput};

use crate::Timeline;

/// An epoch of input by hand.
#[derive(Clone, Debug)]
pub(crate) struct Step<T> {
    pub(crate) records: Vec<T>,
    /// The watermark after it.
    pub(crate) watermark: EventTime,
    /// The processing time at its end.
    pub(crate) now: ProcessingTime,
}

/// A record of one of two inputs.
#[derive(Clone, Debug)]
pub(crate) enum Either<L, R> {
    Left(L),
    Right(R),
}

/// Who gets a record.
pub(crate) enum To {
    Worker(usize),
    Everyone,
}

/// Each record to the worker that owns its key: for keyed streams with or without event time.
pub(crate) fn to_owner<K: 'static, V: 'static, M: Timeline>(
    record: &M::Record<Keyed<K, V>>,
    workers: usize,
) -> To {
    To::Worker(rheos_engine::owner(M::value(record).hash, workers))
}

/// An operator of any shape within its harness.
pub(crate) trait Driven {
    type In;
    type Out;
    fn take(&mut self, record: Self::In) -> Vec<Self::Out>;
    fn end_epoch(&mut self, watermark: EventTime, now: ProcessingTime) -> Vec<Self::Out>;
    fn end_input(&mut self) -> Vec<Self::Out>;
    fn passed(&self) -> EventTime;
    fn late(&self) -> u64;
    fn holdings(&self) -> Holdings;
    fn snapshot(&mut self, worker: usize, into: &mut Snapshot);
    fn restore(&mut self, worker: usize, workers: usize, from: &Snapshot);
}

impl<O: Operator> Driven for Harness<O> {
    type In = O::In;
    type Out = O::Out;

    fn take(&mut self, record: O::In) -> Vec<O::Out> {
        self.batch(vec![record]).unwrap()
    }

    fn end_epoch(&mut self, watermark: EventTime, now: ProcessingTime) -> Vec<O::Out> {
        self.set_watermark(watermark);
        self.set_time(now);
        self.end_epoch().unwrap()
    }

    fn end_input(&mut self) -> Vec<O::Out> {
        self.end_input().unwrap()
    }

    fn passed(&self) -> EventTime {
        self.watermark()
    }

    fn late(&self) -> u64 {
        self.late()
    }

    fn holdings(&self) -> Holdings {
        self.holdings()
    }

    fn snapshot(&mut self, worker: usize, into: &mut Snapshot) {
        self.snapshot(worker, into).unwrap();
    }

    fn restore(&mut self, worker: usize, workers: usize, from: &Snapshot) {
        self.restore(worker, workers, from).unwrap();
    }
}

impl<O: TwoInput> Driven for TwoInputHarness<O> {
    type In = Either<O::Left, O::Right>;
    type Out = O::Out;

    fn take(&mut self, record: Self::In) -> Vec<O::Out> {
        match record {
            Either::Left(record) => self.left(vec![record]).unwrap(),
            Either::Right(record) => self.right(vec![record]).unwrap(),
        }
    }

    fn end_epoch(&mut self, watermark: EventTime, now: ProcessingTime) -> Vec<O::Out> {
        self.set_watermark(watermark);
        self.set_time(now);
        self.end_epoch().unwrap()
    }

    fn end_input(&mut self) -> Vec<O::Out> {
        self.end_input().unwrap()
    }

    fn passed(&self) -> EventTime {
        self.watermark()
    }

    fn late(&self) -> u64 {
        self.late()
    }

    fn holdings(&self) -> Holdings {
        self.holdings()
    }

    fn snapshot(&mut self, worker: usize, into: &mut Snapshot) {
        self.snapshot(worker, into).unwrap();
    }

    fn restore(&mut self, worker: usize, workers: usize, from: &Snapshot) {
        self.restore(worker, workers, from).unwrap();
    }
}

/// Workers before and after the interruption.
const RESCALED: [(usize, usize); 6] = [(1, 1), (1, 2), (1, 3), (2, 1), (2, 3), (3, 2)];

/// Runs `steps` on one worker without a break; then, for every place between two epochs, runs
/// them up to there, takes a snapshot, restores it onto another number of workers and goes on.
///
/// `make` makes the operator of a worker, given its number and how many there are.
///
/// # Panics
/// When an interrupted run differs from the undisturbed one; the message names `seed`.
pub(crate) fn check_recovery<H>(
    seed: u64,
    steps: &[Step<H::In>],
    make: impl Fn(usize, usize) -> H,
    route: impl Fn(&H::In, usize) -> To,
) where
    H: Driven,
    H::In: Clone,
    H::Out: Debug,
{
    let mut undisturbed = Job::new(1, &make, &route);
    let mut expected: Vec<_> = steps.iter().map(|step| undisturbed.step(step)).collect();
    expected.push(undisturbed.end_input());
    for cut in 0..=steps.len() {
        for (before, after) in RESCALED {
            let context = format!("seed {seed}, cut after {cut} epochs, {before} to {after}");
            let mut job = Job::new(before, &make, &route);
            for (step, expected) in steps[..cut].iter().zip(&expected) {
                assert_eq!(job.step(step), *expected, "{context}");
            }
            let mut job = job.restored(after, &context);
            job.hear_again(steps[..cut].last(), &context);
            for (step, expected) in steps[cut..].iter().zip(&expected[cut..]) {
                assert_eq!(job.step(step), *expected, "{context}");
            }
            assert_eq!(Some(&job.end_input()), expected.last(), "{context}, at the end");
            assert_eq!(job.late, undisturbed.late, "late records, {context}");
            assert_eq!(job.held(), undisturbed.held(), "held in the end, {context}");
        }
    }
}

/// What an epoch said, in an order of its own, and the watermark after it.
#[derive(Debug)]
struct Said {
    rows: Vec<String>,
    watermark: EventTime,
}

impl Said {
    fn new<T: Debug>(out: Vec<T>, watermark: EventTime) -> Self {
        let mut rows: Vec<_> = out.iter().map(|row| format!("{row:?}")).collect();
        rows.sort();
        Self { rows, watermark }
    }
}

impl PartialEq for Said {
    /// A watermark that the undisturbed run had promised may come later in another one, and not
    /// earlier.
    fn eq(&self, expected: &Self) -> bool {
        self.rows == expected.rows && self.watermark <= expected.watermark
    }
}

/// An operator on several workers.
struct Job<'a, H: Driven, F, R> {
    make: &'a F,
    route: &'a R,
    workers: Vec<H>,
    /// Records found late, also before a restore.
    late: u64,
}

impl<'a, H, F, R> Job<'a, H, F, R>
where
    H: Driven,
    H::In: Clone,
    H::Out: Debug,
    F: Fn(usize, usize) -> H,
    R: Fn(&H::In, usize) -> To,
{
    fn new(workers: usize, make: &'a F, route: &'a R) -> Self {
        let harnesses = (0..workers).map(|worker| make(worker, workers)).collect();
        Self { make, route, workers: harnesses, late: 0 }
    }

    fn step(&mut self, step: &Step<H::In>) -> Said {
        let mut out = Vec::new();
        for record in &step.records {
            match (self.route)(record, self.workers.len()) {
                To::Worker(worker) => out.extend(self.workers[worker].take(record.clone())),
                To::Everyone => {
                    let each = self.workers.iter_mut();
                    each.for_each(|worker| out.extend(worker.take(record.clone())));
                }
            }
        }
        for worker in &mut self.workers {
            out.extend(worker.end_epoch(step.watermark, step.now));
        }
        Said::new(out, self.passed())
    }

    fn end_input(&mut self) -> Said {
        let out = self.workers.iter_mut().flat_map(Driven::end_input).collect();
        self.late += self.workers.iter().map(Driven::late).sum::<u64>();
        Said::new(out, self.passed())
    }

    /// The watermark of the step: the earliest over its workers.
    fn passed(&self) -> EventTime {
        self.workers.iter().map(Driven::passed).min().expect("a job has a worker")
    }

    /// Keys, windows and records of all workers.
    fn held(&self) -> (usize, usize, usize) {
        let held = self.workers.iter().map(Driven::holdings);
        held.fold((0, 0, 0), |sum, held| {
            (sum.0 + held.keys, sum.1 + held.windows, sum.2 + held.records)
        })
    }

    /// The job on another number of workers, from a snapshot of this one.
    fn restored(mut self, workers: usize, context: &str) -> Self {
        let mut snapshot = Snapshot::default();
        for (number, worker) in self.workers.iter_mut().enumerate() {
            worker.snapshot(number, &mut snapshot);
        }
        let mut job = Self::new(workers, self.make, self.route);
        for (number, worker) in job.workers.iter_mut().enumerate() {
            worker.restore(number, workers, &snapshot);
        }
        let mut again = Snapshot::default();
        for (number, worker) in job.workers.iter_mut().enumerate() {
            worker.snapshot(number, &mut again);
        }
        assert_eq!(again.parts(), snapshot.parts(), "parts of the state, {context}");
        job.late = self.late + self.workers.iter().map(Driven::late).sum::<u64>();
        job
    }

    /// An epoch without records: watermark and time come again after a restore, and nothing is
    /// said twice for it.
    fn hear_again(&mut self, last: Option<&Step<H::In>>, context: &str) {
        if let Some(Step { watermark, now, .. }) = last {
            let said = self.workers.iter_mut().flat_map(|w| w.end_epoch(*watermark, *now));
            assert_eq!(
                said.count(),
                0,
                "what was said before the cut is not said again, {context}"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use rheos_engine::{EpochEnd, Error, KeyedState, Output, StateParts, Timers, Turn};

    use super::*;
    use crate::Untimed;
    use crate::random::Random;

    /// Says each key once more when the watermark has passed ten times its number of records.
    #[derive(Default)]
    struct Echo {
        keys: KeyedState<u64, i64>,
        timers: Timers,
        forgets_timers: bool,
    }

    impl Operator for Echo {
        type In = Keyed<u64, i64>;
        type Out = u64;

        fn on_batch(
            &mut self,
            batch: &mut Vec<Self::In>,
            _out: &mut Output<'_, u64>,
        ) -> Result<(), Error> {
            for Keyed { hash, key, .. } in batch.drain(..) {
                let at = self.keys.find_or_insert(hash, key, || 0);
                self.keys.entry_mut(at).state += 10;
                self.timers.set(self.keys.entry(at).state, at);
            }
            Ok(())
        }

        fn on_epoch_end(
            &mut self,
            end: EpochEnd,
            out: &mut Output<'_, u64>,
        ) -> Result<Turn, Error> {
            while let Some((time, at)) = self.timers.pop(end.watermark.as_millis()) {
                if self.keys.at(at).is_some_and(|entry| entry.state == time) {
                    out.push(self.keys.remove_at(at).key);
                }
            }
            Ok(Turn::Done)
        }

        fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
            parts.keyed("keys", &mut self.keys)
        }

        fn restored(&mut self) {
            for at in (0..self.keys.positions()).filter(|_| !self.forgets_timers) {
                self.keys.at(at).into_iter().for_each(|entry| self.timers.set(entry.state, at));
            }
        }
    }

    fn check(seed: u64, forgets_timers: bool) {
        let mut random = Random::new(seed);
        let mut watermark = 0;
        let epochs = random.epochs().into_iter().take(4).enumerate();
        let steps: Vec<_> = epochs
            .map(|(epoch, records)| {
                watermark += random.below(50) as i64;
                Step {
                    records: records.into_iter().map(|(k, v)| Keyed::new(k, v)).collect(),
                    watermark: EventTime::from_millis(watermark),
                    now: ProcessingTime(epoch as u64),
                }
            })
            .collect();
        let make = |_, _| Harness::new(Echo { forgets_timers, ..Echo::default() });
        check_recovery(seed, &steps, make, to_owner::<_, _, Untimed>);
    }

    #[test]
    fn an_operator_that_restores_all_passes() {
        (0..5).for_each(|seed| check(seed, false));
    }

    #[test]
    #[should_panic(expected = "seed 1")]
    fn one_that_forgets_its_timers_is_found() {
        check(1, true);
    }
}
