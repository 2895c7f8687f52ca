//! `scan`: a state for each key, and records made while it changes.

use std::marker::PhantomData;

use rheos_engine::{
    Entry, Error, ExchangeData, Holdings, Key, Keyed, KeyedState, Operator, Output, StateParts,
};

use crate::apply::by_key;
use crate::{KeyedStream, Stream, Timeline};

impl<K: Key, V: 'static, M: Timeline> KeyedStream<K, V, M> {
    /// Keeps a state for each key, hands each value to `step` together with its key's state, and
    /// gives the records that `step` returns, at once.
    ///
    /// # Semantics
    /// * **Order**: values are taken as they come; the order of one worker's values is kept, and
    ///   what `step` returns for one stands together.
    /// * **State**: a key and its state for each key ever seen, until the job ends.
    /// * **End of the input**: passed on; nothing more is said.
    /// * **Workers**: the order between values of several workers, and what depends on it, is not
    ///   fixed. The result is that of one such order; no value is lost or taken twice.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let readings = [(1u32, 20i64), (1, 35), (2, 18), (1, 30)];
    /// // By how much a reading is above the last one of its sensor, if it is.
    /// let jumps = results(readings, |readings| {
    ///     readings.keyed().scan(i64::MAX, |last, sensor, reading| {
    ///         let before = std::mem::replace(last, reading);
    ///         (reading > before).then(|| (*sensor, reading - before))
    ///     })
    /// });
    /// assert_eq!(jumps, [(1, 15)]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn scan<S, I>(
        self,
        initial: S,
        step: impl Fn(&mut S, &K, V) -> I + Clone + Send + Sync + 'static,
    ) -> Stream<I::Item, M>
    where
        M::Record<Keyed<K, V>>: ExchangeData,
        S: ExchangeData + Clone + Sync,
        I: IntoIterator + 'static,
        I::Item: 'static,
        M::Record<I::Item>: Send,
    {
        let records = self.into_keyed();
        let make = move |_: &_| Scan::<K, V, S, _, M>::new(initial.clone(), step.clone());
        Stream::new(records.port().graph().operator(
            records.port(),
            by_key::<K, V, M>(),
            "scan",
            make,
        ))
    }
}

/// Steps the states of keys.
struct Scan<K, V, S, F, M> {
    initial: S,
    step: F,
    keys: KeyedState<K, S>,
    values: PhantomData<fn(V, M)>,
}

impl<K, V, S, F, M> Scan<K, V, S, F, M> {
    fn new<I>(initial: S, step: F) -> Self
    where
        F: Fn(&mut S, &K, V) -> I,
    {
        Self { initial, step, keys: KeyedState::default(), values: PhantomData }
    }
}

impl<K, V, S, F, I, M> Operator for Scan<K, V, S, F, M>
where
    K: Key,
    V: 'static,
    M: Timeline,
    M::Record<Keyed<K, V>>: Send,
    M::Record<I::Item>: Send,
    S: ExchangeData + Clone,
    F: Fn(&mut S, &K, V) -> I + 'static,
    I: IntoIterator + 'static,
    I::Item: 'static,
{
    type In = M::Record<Keyed<K, V>>;
    type Out = M::Record<I::Item>;

    fn on_batch(
        &mut self,
        batch: &mut Vec<Self::In>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        for record in batch.drain(..) {
            let (stamp, Keyed { hash, key, value }) = M::split(record);
            let at = self.keys.find_or_insert(hash, key, || self.initial.clone());
            let Entry { key, state, .. } = self.keys.entry_mut(at);
            let made = (self.step)(state, key, value).into_iter();
            out.extend(made.map(|record| M::join(stamp, record)));
        }
        Ok(())
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        parts.keyed("keys", &mut self.keys)
    }

    fn holdings(&self) -> Holdings {
        Holdings { keys: self.keys.len(), bytes: self.keys.bytes(), ..Holdings::default() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use rheos_engine::harness::Harness;

    use super::*;
    use crate::Untimed;
    use crate::random::Random;
    use crate::recovery::{check_recovery, keyed_steps, to_owner};

    #[test]
    fn each_value_meets_the_state_that_the_one_before_it_left() {
        for seed in 0..10 {
            let step = |sum: &mut i64, key: &u64, value: i64| {
                *sum += value;
                (*sum % 2 == 0).then_some((*key, *sum))
            };
            let mut harness = Harness::new(Scan::<_, _, _, _, Untimed>::new(100, step));
            let mut sums = HashMap::<u64, i64>::new();
            let mut random = Random::new(seed);
            for epoch in random.epochs() {
                for batch in random.batches(epoch) {
                    let mut wanted = Vec::new();
                    for (key, value) in &batch {
                        let sum = sums.entry(*key).or_insert(100);
                        *sum += value;
                        wanted.extend((*sum % 2 == 0).then_some((*key, *sum)));
                    }
                    let batch = batch.into_iter().map(|(k, v)| Keyed::new(k, v)).collect();
                    assert_eq!(harness.batch(batch).unwrap(), wanted, "seed {seed}");
                }
                assert_eq!(harness.end_epoch().unwrap(), [], "seed {seed}");
            }
            assert_eq!(harness.end_input().unwrap(), [], "seed {seed}");
        }
    }

    #[test]
    fn states_survive_on_other_workers() {
        for seed in 0..6 {
            let step = |sum: &mut i64, key: &u64, value: i64| {
                *sum += value;
                Some((*key, *sum))
            };
            let make = |_, _| Harness::new(Scan::<_, _, _, _, Untimed>::new(100, step));
            check_recovery(seed, &keyed_steps(seed), make, to_owner::<_, _, Untimed>);
        }
    }
}
