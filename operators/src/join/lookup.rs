//! `lookup`: each record with its key's row of a table that is read completely first.

use std::marker::PhantomData;

use rheos_engine::{
    Error, ExchangeData, Holdings, Key, Keyed, KeyedState, Output, StateParts, TwoInput,
};

use crate::apply::by_key;
use crate::{KeyedStream, Stream, Timeline};

impl<K: Key, V: ExchangeData, M: Timeline> KeyedStream<K, V, M>
where
    M::Record<Keyed<K, V>>: ExchangeData,
{
    /// Brings each record together with what a bounded input holds for its key: that input, the
    /// table, is read completely before anything else is. The sources of the records are not
    /// opened before the table has ended on all workers, so a table without an end keeps them
    /// waiting for ever; for one that changes there is
    /// [`join_broadcast`](KeyedStream::join_broadcast).
    ///
    /// # Semantics
    /// * **Matches**: the record of the table with the same key; of several the last, which is not
    ///   fixed where several workers read them. A record without one comes with nothing.
    /// * **Order**: a row comes at once; of one worker's records of a key the order is kept.
    /// * **Event time**: that of the record. **Watermarks**: those of the records.
    ///   **Late records**: as others.
    /// * **State**: the table, each key on the worker that owns it, until the job ends.
    /// * **End of the input**: passed on.
    /// * **Workers**: the rows do not depend on them.
    ///
    /// A job in which one source feeds both the table and the records cannot start, and says so:
    /// it would wait for itself. Give the table a source of its own.
    ///
    /// # Panics
    /// When the streams belong to different jobs.
    ///
    /// ```
    /// # use rheos_operators::{Job, examples::{Nowhere, given}};
    /// # use rheos_engine::Config;
    /// let job = Job::new("orders with names");
    /// let names = job.source(given([(1u32, "Ada".to_owned()), (2, "Grace".to_owned())]));
    /// let orders = job.source(given([(2u32, 20u64), (3, 30)]));
    /// let named = orders.keyed().lookup(names.keyed());
    /// // (2, 20, Some("Grace")) and (3, 30, None)
    /// named.inspect(|(customer, _, name)| assert_eq!(name.is_some(), *customer == 2))
    ///     .sink(Nowhere::new());
    /// job.run(Config::default().workers(1)).unwrap();
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn lookup<W, N>(self, table: KeyedStream<K, W, N>) -> Stream<(K, V, Option<W>), M>
    where
        W: ExchangeData + Clone,
        N: Timeline,
        N::Record<Keyed<K, W>>: ExchangeData,
        M::Record<(K, V, Option<W>)>: Send,
    {
        let (records, table) = (self.into_keyed(), table.into_keyed());
        let left = (records.port(), by_key::<K, V, M>());
        let right = (table.port(), by_key::<K, W, N>().timed(false).read_first());
        let make = |_: &_| Lookup::<K, V, W, M, N>::default();
        let rows = records.port().graph().two_input(left, right, "lookup", make);
        rows.step().note("its table is read completely before the sources of its records are");
        Stream::new(rows)
    }
}

/// Holds the part of the table that a worker owns.
struct Lookup<K, V, W, M, N> {
    table: KeyedState<K, W>,
    records: PhantomData<fn(V, M, N)>,
}

impl<K, V, W, M, N> Default for Lookup<K, V, W, M, N> {
    fn default() -> Self {
        Self { table: KeyedState::default(), records: PhantomData }
    }
}

impl<K, V, W, M, N> TwoInput for Lookup<K, V, W, M, N>
where
    K: Key,
    V: 'static,
    W: ExchangeData + Clone,
    M: Timeline,
    N: Timeline,
    M::Record<Keyed<K, V>>: Send,
    N::Record<Keyed<K, W>>: Send,
    M::Record<(K, V, Option<W>)>: Send,
{
    type Left = M::Record<Keyed<K, V>>;
    type Right = N::Record<Keyed<K, W>>;
    type Out = M::Record<(K, V, Option<W>)>;

    fn on_left(
        &mut self,
        batch: &mut Vec<Self::Left>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        for record in batch.drain(..) {
            let (stamp, Keyed { hash, key, value }) = M::split(record);
            let found = self.table.get(hash, &key).cloned();
            out.push(M::join(stamp, (key, value, found)));
        }
        Ok(())
    }

    fn on_right(
        &mut self,
        batch: &mut Vec<Self::Right>,
        _out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        for record in batch.drain(..) {
            let (_, Keyed { hash, key, value }) = N::split(record);
            match self.table.find(hash, &key) {
                Some(at) => self.table.entry_mut(at).state = value,
                None => drop(self.table.find_or_insert(hash, key, || value)),
            }
        }
        Ok(())
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        parts.keyed("table", &mut self.table)
    }

    fn holdings(&self) -> Holdings {
        let (keys, bytes) = (self.table.len(), self.table.bytes());
        Holdings { keys, records: keys, bytes, ..Holdings::default() }
    }
}

#[cfg(test)]
mod tests {
    use rheos_engine::harness::TwoInputHarness;
    use rheos_engine::{Snapshot, hash_key, owner};

    use super::*;
    use crate::Untimed;
    use crate::random::Random;
    use crate::recovery::{Either, check_recovery, keyed_steps, sided, to_owner};

    type Step = Lookup<u64, u32, u32, Untimed, Untimed>;

    #[test]
    fn records_find_the_last_row_of_their_key() {
        let mut harness = TwoInputHarness::new(Step::default());
        let table = vec![Keyed::new(1, 10), Keyed::new(2, 20), Keyed::new(1, 11)];
        assert!(harness.right(table).unwrap().is_empty());
        let rows = harness.left(vec![Keyed::new(1, 5), Keyed::new(3, 6)]).unwrap();
        assert_eq!(rows, [(1, 5, Some(11)), (3, 6, None)]);
        assert_eq!(harness.holdings().keys, 2);
    }

    #[test]
    fn each_restored_worker_has_its_part_of_the_table() {
        let mut before = TwoInputHarness::new(Step::default());
        before.right((0..100).map(|key| Keyed::new(key, 7)).collect()).unwrap();
        let mut snapshot = Snapshot::default();
        before.snapshot(0, &mut snapshot).unwrap();
        let mut keys = 0;
        for worker in 0..3 {
            let mut after = TwoInputHarness::new(Step::default());
            after.restore(worker, 3, &snapshot).unwrap();
            keys += after.holdings().keys;
            for key in (0..100).filter(|key| owner(hash_key(key), 3) == worker) {
                assert_eq!(after.left(vec![Keyed::new(key, 1)]).unwrap(), [(key, 1, Some(7))]);
            }
        }
        assert_eq!(keys, 100);
    }

    #[test]
    fn the_table_survives_on_other_workers() {
        for seed in 0..6 {
            let random = &mut Random::new(seed);
            let side = |Keyed { hash, key, value }: Keyed<u64, i64>| {
                let keyed = Keyed { hash, key, value: value.unsigned_abs() as u32 };
                if random.below(2) == 0 { Either::Left(keyed) } else { Either::Right(keyed) }
            };
            let steps = sided(keyed_steps(seed), side);
            let make = |_, _| TwoInputHarness::new(Lookup::<_, _, _, Untimed, Untimed>::default());
            check_recovery(seed, &steps, make, |either, workers| {
                let (Either::Left(record) | Either::Right(record)) = either;
                to_owner::<u64, u32, Untimed>(record, workers)
            });
        }
    }
}
