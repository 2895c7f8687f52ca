//! Several workers without a job, for tests: a stage on each, an exchange, an operator on each.

use rheos_engine::harness::{Collected, Harness, run};
use rheos_engine::{EventTime, Flush, Keyed, Next, Operator, Run, Stamped, owner};

/// Stages in front of an exchange and operators behind it, one of each on every worker.
pub(crate) struct Workers<T, M, O: Operator> {
    stages: Vec<(Next<T>, Collected<M>)>,
    operators: Vec<Harness<O>>,
    route: fn(&M, usize) -> usize,
    run: Run,
}

impl<T: 'static, K: Send + 'static, V: Send + 'static, O> Workers<T, Keyed<K, V>, O>
where
    O: Operator<In = Keyed<K, V>>,
{
    /// Workers with an exchange by key between stages and operators.
    pub(crate) fn by_key(
        workers: usize,
        stage: impl Fn(Next<Keyed<K, V>>) -> Next<T>,
        operator: impl Fn() -> O,
    ) -> Self {
        Self::new(workers, stage, |_| operator(), |keyed, workers| owner(keyed.hash, workers))
    }
}

impl<T: 'static, K: Send + 'static, V: Send + 'static, O> Workers<T, Stamped<Keyed<K, V>>, O>
where
    O: Operator<In = Stamped<Keyed<K, V>>>,
{
    /// As [`by_key`](Workers::by_key), for records with event time.
    pub(crate) fn timed_by_key(
        workers: usize,
        stage: impl Fn(Next<Stamped<Keyed<K, V>>>) -> Next<T>,
        operator: impl Fn() -> O,
    ) -> Self {
        let route = |record: &Stamped<Keyed<K, V>>, workers| owner(record.value.hash, workers);
        Self::new(workers, stage, |_| operator(), route)
    }
}

impl<T: 'static, M: Send + 'static, O: Operator<In = M>> Workers<T, M, O> {
    /// Workers whose stages send everything to worker 0.
    pub(crate) fn gathered(
        workers: usize,
        stage: impl Fn(Next<M>) -> Next<T>,
        operator: impl Fn(usize) -> O,
    ) -> Self {
        Self::new(workers, stage, operator, |_, _| 0)
    }

    fn new(
        workers: usize,
        stage: impl Fn(Next<M>) -> Next<T>,
        operator: impl Fn(usize) -> O,
        route: fn(&M, usize) -> usize,
    ) -> Self {
        let stages = (0..workers).map(|_| {
            let (next, sent) = Collected::consumer();
            (stage(next), sent)
        });
        let operators = (0..workers).map(|worker| Harness::new(operator(worker)));
        Self { stages: stages.collect(), operators: operators.collect(), route, run: run() }
    }

    /// Hands a batch to the stage of a worker; gives what the operators say at once.
    pub(crate) fn batch(&mut self, worker: usize, mut batch: Vec<T>) -> Vec<O::Out> {
        self.stages[worker].0.batch(&mut batch, &mut self.run);
        assert!(batch.is_empty(), "a stage takes every record of a batch");
        self.exchange()
    }

    /// As [`end_epoch`](Self::end_epoch), after which each worker's records have the watermark in
    /// its place of `promised`, and the operators the least of them.
    pub(crate) fn end_epoch_at(&mut self, promised: &[EventTime]) -> Vec<O::Out> {
        for ((stage, sent), promised) in self.stages.iter_mut().zip(promised) {
            stage.flush(Flush::EpochEnd, &mut self.run);
            if *promised > sent.watermark() {
                stage.watermark(*promised, &mut self.run);
            }
        }
        let mut out = self.exchange();
        let least = promised.iter().min().copied().unwrap_or(EventTime::MIN);
        for operator in &mut self.operators {
            operator.set_watermark(least);
            out.extend(operator.end_epoch().unwrap());
        }
        out
    }

    /// The operators.
    pub(crate) fn operators(&mut self) -> &mut [Harness<O>] {
        &mut self.operators
    }

    /// Ends the epoch everywhere; gives what the operators say about it.
    pub(crate) fn end_epoch(&mut self) -> Vec<O::Out> {
        self.stages.iter_mut().for_each(|(stage, _)| stage.flush(Flush::EpochEnd, &mut self.run));
        let mut out = self.exchange();
        for operator in &mut self.operators {
            out.extend(operator.end_epoch().unwrap());
        }
        out
    }

    /// Ends the input, after an epoch; gives what the operators say about that.
    pub(crate) fn end_input(&mut self) -> Vec<O::Out> {
        let mut out = self.end_epoch();
        for operator in &mut self.operators {
            out.extend(operator.end_input().unwrap());
        }
        out
    }

    /// Brings what the stages have sent to the operators.
    fn exchange(&mut self) -> Vec<O::Out> {
        let mut out = Vec::new();
        let workers = self.operators.len();
        for (_, sent) in &self.stages {
            for message in sent.take() {
                let to = (self.route)(&message, workers);
                out.extend(self.operators[to].batch(vec![message]).unwrap());
            }
        }
        out
    }
}
