//! An operator on several workers, driven by hand, and what it says.

use std::fmt::Debug;

use rheos_engine::{EventTime, Extent, Snapshot};

use super::driven::{Driven, Step, To};

/// What an epoch said, in an order of its own, and the watermark after it.
#[derive(Debug)]
pub(super) struct Said {
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
pub(super) struct Job<'a, H: Driven, R> {
    route: &'a R,
    workers: Vec<H>,
    /// Where a capture that is under way goes to.
    capturing: Option<Snapshot>,
}

impl<'a, H, R> Job<'a, H, R>
where
    H: Driven,
    H::In: Clone,
    H::Out: Debug,
    R: Fn(&H::In, usize) -> To,
{
    pub(super) fn new(workers: usize, make: impl Fn(usize, usize) -> H, route: &'a R) -> Self {
        let harnesses = (0..workers).map(|worker| make(worker, workers)).collect();
        Self { route, workers: harnesses, capturing: None }
    }

    pub(super) fn step(&mut self, step: &Step<H::In>) -> Said {
        let mut out = Vec::new();
        for record in &step.records {
            match (self.route)(record, self.workers.len()) {
                To::Worker(worker) => out.extend(self.workers[worker].take(record.clone())),
                To::Everyone => {
                    let each = self.workers.iter_mut();
                    each.for_each(|worker| out.extend(worker.take(record.clone())));
                }
            }
            self.go_on_with_capture();
        }
        for worker in &mut self.workers {
            out.extend(worker.end_epoch(step.watermark, step.now));
        }
        Said::new(out, self.passed())
    }

    /// The next of `steps`, or the end of the input behind the last one.
    pub(super) fn next(&mut self, steps: &[Step<H::In>], number: usize) -> Said {
        match steps.get(number) {
            Some(step) => self.step(step),
            None => self.end_input(),
        }
    }

    pub(super) fn end_input(&mut self) -> Said {
        let out = self.workers.iter_mut().flat_map(Driven::end_input).collect();
        Said::new(out, self.passed())
    }

    /// Records that were found late.
    pub(super) fn late(&self) -> u64 {
        self.workers.iter().map(Driven::late).sum()
    }

    /// The watermark of the step: the earliest over its workers.
    fn passed(&self) -> EventTime {
        self.workers.iter().map(Driven::passed).min().expect("a job has a worker")
    }

    /// Keys, windows and records of all workers.
    pub(super) fn held(&self) -> (usize, usize, usize) {
        let held = self.workers.iter().map(Driven::holdings);
        held.fold((0, 0, 0), |sum, held| {
            (sum.0 + held.keys, sum.1 + held.windows, sum.2 + held.records)
        })
    }

    /// The whole state of all workers at once.
    pub(super) fn snapshot(&mut self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for (number, worker) in self.workers.iter_mut().enumerate() {
            worker.snapshot(number, &mut snapshot);
        }
        snapshot
    }

    /// Begins to capture the state of all workers, to be captured in the smallest slices between
    /// records and completed by [`complete_capture`](Self::complete_capture).
    pub(super) fn begin_capture(&mut self, extent: Extent, into: Snapshot) {
        for (number, worker) in self.workers.iter_mut().enumerate() {
            worker.begin_capture(number, extent);
        }
        self.capturing = Some(into);
    }

    fn go_on_with_capture(&mut self) {
        if let Some(into) = &mut self.capturing {
            for worker in &mut self.workers {
                worker.capture(1, into);
            }
        }
    }

    /// Captures what is left.
    pub(super) fn complete_capture(&mut self) -> Snapshot {
        let mut into = self.capturing.take().expect("a capture was begun");
        for worker in &mut self.workers {
            while !worker.capture(1, &mut into) {}
        }
        into
    }

    /// A job on a number of workers, from what was captured of another one.
    pub(super) fn restored(
        workers: usize,
        make: impl Fn(usize, usize) -> H,
        route: &'a R,
        from: &Snapshot,
    ) -> Self {
        let mut job = Self::new(workers, make, route);
        for (number, worker) in job.workers.iter_mut().enumerate() {
            worker.restore(number, workers, from);
        }
        job
    }

    /// An epoch without records: watermark and time come again after a restore, and nothing is
    /// said twice for it.
    pub(super) fn hear_again(&mut self, last: Option<&Step<H::In>>, context: &str) {
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
