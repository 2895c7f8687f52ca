//! `branch` and `branch_by`: one stream as several.

use rheos_engine::{Consumer, Error, ErrorKind, EventTime, Flush, Next, Run, WorkerContext};

use crate::{Stream, Timeline};

impl<T: 'static, M: Timeline> Stream<T, M> {
    /// Parts the records into those for which `test` holds, and the others.
    ///
    /// # Semantics
    /// * **Order**: kept within each part; between them it is not fixed.
    /// * **State**: none.
    /// * **End of the input**: passed on to both.
    /// * **Workers**: the result does not depend on them.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let numbers = results(0..6u64, |numbers| {
    ///     let (even, odd) = numbers.branch(|n| n % 2 == 0);
    ///     even.map(|n| n * 100).union(odd)
    /// });
    /// assert_eq!(numbers, [0, 200, 400, 1, 3, 5]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn branch(self, test: impl Fn(&T) -> bool + Clone + Send + Sync + 'static) -> (Self, Self) {
        let make = move |_: &WorkerContext, yes, no| -> Next<M::Record<T>> {
            let test = test.clone();
            Box::new(Branch::new(move |record: &M::Record<T>| test(M::value(record)), yes, no))
        };
        let (yes, no) = self.port().graph().stage_with_two(self.port(), "branch", make);
        (Stream::new(yes), Stream::new(no))
    }

    /// Deals the records over `branches` streams: each goes to the one whose number `choose` says.
    ///
    /// The job fails when `choose` gives a number that is not below `branches`.
    ///
    /// # Semantics
    /// * **Order**: kept within each branch; between them it is not fixed.
    /// * **State**: none.
    /// * **End of the input**: passed on to all.
    /// * **Workers**: the result does not depend on them.
    ///
    /// # Panics
    /// When `branches` is zero.
    ///
    /// ```
    /// # use rheos_operators::{Job, examples::given};
    /// let job = Job::new("by remainder");
    /// let by_remainder = job.source(given(0..10usize)).branch_by(3, |n| n % 3);
    /// assert_eq!(by_remainder.len(), 3);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn branch_by(
        self,
        branches: usize,
        choose: impl Fn(&T) -> usize + Clone + Send + Sync + 'static,
    ) -> Vec<Self> {
        assert!(branches > 0, "a stream parts into at least one branch");
        let make = move |_: &WorkerContext, next: Vec<Next<M::Record<T>>>| -> Next<M::Record<T>> {
            let choose = choose.clone();
            Box::new(BranchBy::new(move |record: &M::Record<T>| choose(M::value(record)), next))
        };
        let graph = self.port().graph();
        let ports = graph.stage_with_many(self.port(), "branch by", branches, make);
        ports.into_iter().map(Stream::new).collect()
    }
}

struct Branch<F, T> {
    test: F,
    yes: Next<T>,
    no: Next<T>,
    /// What is on its way to `no`; empty between batches.
    spare: Vec<T>,
}

impl<F, T> Branch<F, T> {
    fn new(test: F, yes: Next<T>, no: Next<T>) -> Self {
        Self { test, yes, no, spare: Vec::new() }
    }
}

impl<T: 'static, F: Fn(&T) -> bool + 'static> Consumer<T> for Branch<F, T> {
    fn batch(&mut self, batch: &mut Vec<T>, run: &mut Run) {
        self.spare.extend(batch.extract_if(.., |record| !(self.test)(record)));
        if !batch.is_empty() {
            self.yes.batch(batch, run);
        }
        if !self.spare.is_empty() {
            self.no.batch(&mut self.spare, run);
        }
    }

    fn flush(&mut self, flush: Flush, run: &mut Run) {
        self.yes.flush(flush, run);
        self.no.flush(flush, run);
    }

    fn watermark(&mut self, watermark: EventTime, run: &mut Run) {
        self.yes.watermark(watermark, run);
        self.no.watermark(watermark, run);
    }

    fn end(&mut self, run: &mut Run) {
        self.yes.end(run);
        self.no.end(run);
    }
}

struct BranchBy<F, T> {
    choose: F,
    /// Each with what is on its way there; empty between batches.
    branches: Vec<(Vec<T>, Next<T>)>,
}

impl<F, T> BranchBy<F, T> {
    fn new(choose: F, next: Vec<Next<T>>) -> Self {
        Self { choose, branches: next.into_iter().map(|next| (Vec::new(), next)).collect() }
    }
}

impl<T: 'static, F: Fn(&T) -> usize + 'static> Consumer<T> for BranchBy<F, T> {
    fn batch(&mut self, batch: &mut Vec<T>, run: &mut Run) {
        let branches = self.branches.len();
        for record in batch.drain(..) {
            let chosen = (self.choose)(&record);
            match self.branches.get_mut(chosen) {
                Some((records, _)) => records.push(record),
                None => run.fail(no_such_branch(chosen, branches)),
            }
        }
        for (records, next) in &mut self.branches {
            if !records.is_empty() {
                next.batch(records, run);
            }
        }
    }

    fn flush(&mut self, flush: Flush, run: &mut Run) {
        self.branches.iter_mut().for_each(|(_, next)| next.flush(flush, run));
    }

    fn watermark(&mut self, watermark: EventTime, run: &mut Run) {
        self.branches.iter_mut().for_each(|(_, next)| next.watermark(watermark, run));
    }

    fn end(&mut self, run: &mut Run) {
        self.branches.iter_mut().for_each(|(_, next)| next.end(run));
    }
}

fn no_such_branch(chosen: usize, branches: usize) -> Error {
    let attempted = format!("send a record to branch {chosen}");
    let reason = format!("there are {branches}, counted from 0");
    Error::new(ErrorKind::UserCode, attempted, reason)
}

#[cfg(test)]
mod tests {
    use rheos_engine::harness::{self, Collected};

    use super::*;

    #[test]
    fn every_record_is_in_one_of_the_two_branches() {
        let ((yes, small), (no, large)) = (Collected::consumer(), Collected::consumer());
        let mut step = Branch::new(|n: &u64| *n < 3, yes, no);
        let mut run = harness::run();
        for mut batch in [vec![1, 2, 3], vec![4], vec![5], vec![]] {
            step.batch(&mut batch, &mut run);
            assert!(batch.is_empty());
        }
        step.end(&mut run);
        assert_eq!((small.take(), large.take()), (vec![1, 2], vec![3, 4, 5]));
        assert!(small.has_ended() && large.has_ended());
    }

    #[test]
    fn every_record_is_in_the_branch_that_was_chosen() {
        let (next, branches): (Vec<_>, Vec<_>) = (0..3).map(|_| Collected::consumer()).unzip();
        let mut step = BranchBy::new(|n: &usize| n % 3, next);
        let mut run = harness::run();
        step.batch(&mut (0..7).collect(), &mut run);
        let got: Vec<_> = branches.iter().map(Collected::take).collect();
        assert_eq!(got, [vec![0, 3, 6], vec![1, 4], vec![2, 5]]);
    }

    #[test]
    fn a_branch_that_is_none_fails_the_job() {
        let make =
            |_: &_, next| -> Next<usize> { Box::new(BranchBy::new(|n: &usize| *n, vec![next])) };
        assert_eq!(harness::through(make, [vec![0, 0]]).unwrap(), [0, 0]);
        let error = harness::through(make, [vec![0, 1]]).unwrap_err();
        assert!(error.to_string().contains("branch 1"), "{error}");
    }
}
