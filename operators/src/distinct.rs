//! `distinct`: the first record of each key, or of each value.

use std::marker::PhantomData;

use rheos_engine::{
    Consumer, Error, EventTime, ExchangeData, Flush, Holdings, Key, Keyed, KeyedState, Limits,
    Next, Operator, Output, Run, StateParts,
};

use crate::aggregate::Reduction;
use crate::apply::by_key;
use crate::{KeyedStream, Stream, Timeline};

impl<T: Key, M: Timeline> Stream<T, M>
where
    M::Record<Keyed<T, ()>>: ExchangeData,
{
    /// Leaves out every record that has been there before.
    ///
    /// # Semantics
    /// * **Order**: a record is passed on at once when it comes for the first time.
    /// * **State**: every different record ever seen, until the job ends: it grows with them.
    /// * **End of the input**: passed on; nothing more is said.
    /// * **Workers**: the result does not depend on them, its order does. Each leaves out what it
    ///   has lately sent itself, so that repetitions hardly travel.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let words = ["to", "be", "to"].map(String::from);
    /// let vocabulary = results(words, |words| words.distinct());
    /// assert_eq!(vocabulary, ["to", "be"]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn distinct(self) -> Self {
        self.key_by_self().distinct().keys()
    }
}

impl<K: Key, V: 'static, M: Timeline> KeyedStream<K, V, M> {
    /// Keeps the first record of each key.
    ///
    /// # Semantics
    /// * **Order**: a record is passed on at once when it is the first of its key.
    /// * **State**: every key ever seen, until the job ends: it grows with them.
    /// * **End of the input**: passed on; nothing more is said.
    /// * **Workers**: where several have records of a key, which of them is the first is not fixed.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let words = ["to", "be", "not"].map(String::from);
    /// let first = results(words, |words| words.key_by(|word| word.len()).distinct().values());
    /// assert_eq!(first, ["to", "not"]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn distinct(self) -> Self
    where
        M::Record<Keyed<K, V>>: ExchangeData,
    {
        let records = self.into_keyed();
        let graph = records.port().graph();
        let fresh = graph.stage(records.port(), "combine", |context, next| {
            Box::new(Repetitions::<K, V, M>::new(context.limits(), next))
        });
        let make = |_: &_| First::<K, V, M>::default();
        KeyedStream::new(Stream::new(graph.operator(&fresh, by_key::<K, V, M>(), "distinct", make)))
    }
}

/// Drops, before records travel, those whose keys its worker has sent lately.
///
/// It remembers a bounded number of keys, and begins anew when that is reached; it steps aside
/// where that drops too little (see [`Reduction`]).
struct Repetitions<K: 'static, V: 'static, M: Timeline> {
    sent: KeyedState<K, ()>,
    /// Keys that are remembered at most.
    keys: usize,
    reduction: Reduction,
    next: Next<M::Record<Keyed<K, V>>>,
}

impl<K: Key, V: 'static, M: Timeline> Repetitions<K, V, M> {
    fn new(limits: &Limits, next: Next<M::Record<Keyed<K, V>>>) -> Self {
        let (keys, reduction) = (limits.combiner_keys, Reduction::default());
        Self { sent: KeyedState::default(), keys, reduction, next }
    }

    /// Remembers a key; says whether it was not remembered before.
    fn is_new(&mut self, hash: u64, key: &K) -> bool {
        if self.sent.find(hash, key).is_some() {
            return false;
        }
        if self.sent.len() >= self.keys {
            self.forget();
        }
        self.sent.find_or_insert(hash, key.clone(), || ());
        true
    }

    fn forget(&mut self) {
        let entries = self.sent.take_entries();
        self.sent.recycle(entries);
    }
}

impl<K: Key, V: 'static, M: Timeline> Consumer<M::Record<Keyed<K, V>>> for Repetitions<K, V, M> {
    fn batch(&mut self, batch: &mut Vec<M::Record<Keyed<K, V>>>, run: &mut Run) {
        let records = batch.len();
        if self.reduction.combines() {
            batch.retain(|record| {
                let keyed = M::value(record);
                self.is_new(keyed.hash, &keyed.key)
            });
            self.reduction = self.reduction.combined(records, batch.len());
            if !self.reduction.combines() {
                self.forget();
            }
        } else {
            self.reduction = self.reduction.passed(records);
        }
        if !batch.is_empty() {
            self.next.batch(batch, run);
        }
    }

    fn flush(&mut self, flush: Flush, run: &mut Run) {
        self.next.flush(flush, run);
    }

    fn watermark(&mut self, watermark: EventTime, run: &mut Run) {
        self.next.watermark(watermark, run);
    }

    fn end(&mut self, run: &mut Run) {
        self.next.end(run);
    }
}

/// Passes on the first record of each key.
struct First<K, V, M> {
    seen: KeyedState<K, ()>,
    values: PhantomData<fn(V, M)>,
}

impl<K, V, M> Default for First<K, V, M> {
    fn default() -> Self {
        Self { seen: KeyedState::default(), values: PhantomData }
    }
}

impl<K: Key, V: 'static, M: Timeline> Operator for First<K, V, M>
where
    M::Record<Keyed<K, V>>: Send,
{
    type In = M::Record<Keyed<K, V>>;
    type Out = M::Record<Keyed<K, V>>;

    fn on_batch(
        &mut self,
        batch: &mut Vec<Self::In>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        for record in batch.drain(..) {
            let keyed = M::value(&record);
            if self.seen.find(keyed.hash, &keyed.key).is_none() {
                self.seen.find_or_insert(keyed.hash, keyed.key.clone(), || ());
                out.push(record);
            }
        }
        Ok(())
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        parts.keyed("seen", &mut self.seen)
    }

    fn holdings(&self) -> Holdings {
        Holdings { keys: self.seen.len(), bytes: self.seen.bytes(), ..Holdings::default() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rheos_engine::harness::{Collected, Harness, run};

    use super::*;
    use crate::Untimed;
    use crate::aggregate::{ASIDE_RECORDS, TRIAL_RECORDS};
    use crate::random::Random;
    use crate::recovery::{check_recovery, keyed_steps, to_owner};
    use crate::workers::Workers;

    #[test]
    fn each_key_comes_once_and_at_once() {
        for (seed, workers, combiner_keys) in
            (0..10).flat_map(|seed| [(seed, 1, 100), (seed, 4, 100), (seed, 4, 1), (seed, 1, 3)])
        {
            let limits = Limits { combiner_keys, ..Limits::default() };
            let stage = |next| Box::new(Repetitions::<_, _, Untimed>::new(&limits, next)) as _;
            let mut distinct = Workers::by_key(workers, stage, First::<_, _, Untimed>::default);
            let mut random = Random::new(seed);
            let mut seen = HashSet::new();
            for epoch in random.epochs() {
                for (worker, records) in random.deal(epoch, workers).into_iter().enumerate() {
                    for batch in random.batches(records) {
                        let wanted: Vec<_> = batch
                            .iter()
                            .filter(|(key, _)| seen.insert(*key))
                            .map(|(key, value)| Keyed::new(*key, *value))
                            .collect();
                        let batch = batch.into_iter().map(|(k, v)| Keyed::new(k, v)).collect();
                        assert_eq!(distinct.batch(worker, batch), wanted, "seed {seed}");
                    }
                }
                assert_eq!(distinct.end_epoch(), [], "seed {seed}");
            }
            assert_eq!(distinct.end_input(), [], "seed {seed}");
        }
    }

    fn repetitions(
        combiner_keys: usize,
    ) -> (Repetitions<u64, (), Untimed>, Collected<Keyed<u64, ()>>) {
        let (next, sent) = Collected::consumer();
        let limits = Limits { combiner_keys, ..Limits::default() };
        (Repetitions::new(&limits, next), sent)
    }

    fn keyed(keys: impl IntoIterator<Item = u64>) -> Vec<Keyed<u64, ()>> {
        keys.into_iter().map(|key| Keyed::new(key, ())).collect()
    }

    #[test]
    fn repetitions_do_not_travel_even_in_later_epochs() {
        let (mut step, sent) = repetitions(100);
        let mut run = run();
        step.batch(&mut keyed([1, 2, 1]), &mut run);
        step.flush(Flush::EpochEnd, &mut run);
        step.batch(&mut keyed([2, 3]), &mut run);
        assert_eq!(sent.take(), keyed([1, 2, 3]));
    }

    #[test]
    fn it_remembers_no_more_keys_than_its_limit() {
        let (mut step, sent) = repetitions(10);
        let mut run = run();
        for _ in 0..3 {
            step.batch(&mut keyed(0..15), &mut run);
            assert!(step.sent.len() <= 10);
        }
        assert!(sent.take().len() >= 15);
    }

    #[test]
    fn it_steps_aside_where_nothing_repeats_and_tries_again() {
        let (mut step, sent) = repetitions(1 << 16);
        let mut run = run();
        step.batch(&mut keyed(0..TRIAL_RECORDS), &mut run);
        assert!(step.sent.is_empty() && sent.take().len() as u64 == TRIAL_RECORDS);
        step.batch(&mut keyed([1; 2]), &mut run);
        assert_eq!(sent.take(), keyed([1; 2]), "everything passes");
        step.batch(&mut keyed((0..ASIDE_RECORDS).map(|_| 1)), &mut run);
        drop(sent.take());
        step.batch(&mut keyed([1; 2]), &mut run);
        assert_eq!(sent.take(), keyed([1]), "it drops again");
    }

    #[test]
    fn what_was_seen_is_remembered_on_other_workers() {
        for seed in 0..6 {
            let make = |_, _| Harness::new(First::<u64, i64, Untimed>::default());
            check_recovery(seed, &keyed_steps(seed), make, to_owner::<_, _, Untimed>);
        }
    }
}
