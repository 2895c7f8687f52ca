//! `join_broadcast`: each record with its key's row of a small table that every worker has.

use std::marker::PhantomData;

use rheos_engine::plan::Route;
use rheos_engine::{
    EpochEnd, Error, ExchangeData, Holdings, Key, Keyed, Output, StateParts, Turn, TwoInput,
};

use super::table::Table;
use crate::apply::by_key;
use crate::{KeyedStream, Stream, Timeline};

impl<K: Key, V: 'static, M: Timeline> KeyedStream<K, V, M>
where
    M::Record<Keyed<K, V>>: Send,
{
    /// Brings each record together with what a small table holds for its key. The table is on
    /// every worker, so that the records stay where they are; it changes with the stream
    /// `changes`: `Some` sets the value of a key, `None` removes the key.
    ///
    /// # Semantics
    /// * **Matches**: a record meets the table as it was when the record's epoch began, so that
    ///   all workers agree; a change counts from the next epoch on. Of several changes of a key in
    ///   an epoch the last one counts; which one that is between several workers is not fixed, but
    ///   the same for all.
    /// * **Order**: kept; a row comes at once.
    /// * **Event time**: that of the record. **Watermarks**: that of the records; the changes do
    ///   not hold it. **Late records**: as others.
    /// * **State**: the table, on every worker; a key is dropped when a change removes it.
    /// * **End of the input**: when both have ended.
    /// * **Workers**: where epochs are cut decides which changes a record meets; the rows are those
    ///   of one such run.
    ///
    /// # Panics
    /// When the streams belong to different jobs.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let rows = results([("rate", "EUR", 1.1), ("sale", "EUR", 20.0)], |records| {
    ///     let (rates, sales) = records.branch(|record| record.0 == "rate");
    ///     let rates = rates.map(|rate| (rate.1.to_owned(), Some(rate.2))).keyed();
    ///     let sales = sales.map(|sale| (sale.1.to_owned(), sale.2)).keyed();
    ///     sales.join_broadcast(rates, |currency, sum, rate: Option<&f64>| {
    ///         (currency.clone(), sum * rate.unwrap_or(&1.0))
    ///     })
    /// });
    /// // The rate came in the same epoch: it counts from the next one on.
    /// assert_eq!(rows, [("EUR".to_owned(), 20.0)]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn join_broadcast<W, N, U>(
        self,
        changes: KeyedStream<K, Option<W>, N>,
        row: impl Fn(&K, V, Option<&W>) -> U + Clone + Send + Sync + 'static,
    ) -> Stream<U, M>
    where
        W: ExchangeData,
        N: Timeline,
        N::Record<Keyed<K, Option<W>>>: ExchangeData + Clone,
        U: 'static,
        M::Record<U>: Send,
    {
        // The worker that owns a key puts its changes in an order before all workers hear of them.
        let by_key = by_key::<K, Option<W>, N>();
        let changes = changes.into_keyed().redistribute("changes in order", by_key);
        let records = self.into_keyed();
        let left = (records.port(), Route::local().timed(M::IS_TIMED));
        let right = (changes.port(), Route::broadcast());
        let make = move |_: &_| Broadcast::<K, V, W, _, M, N>::new(row.clone());
        Stream::new(records.port().graph().two_input(left, right, "join broadcast", make))
    }
}

/// Holds the table of a worker.
struct Broadcast<K, V, W, F, M, N> {
    row: F,
    table: Table<K, W>,
    /// Changes of this epoch; empty between epochs.
    changes: Vec<Keyed<K, Option<W>>>,
    records: PhantomData<fn(V, M, N)>,
}

impl<K: Key, V, W, F, M, N> Broadcast<K, V, W, F, M, N> {
    fn new<U>(row: F) -> Self
    where
        F: Fn(&K, V, Option<&W>) -> U,
    {
        Self { row, table: Table::default(), changes: Vec::new(), records: PhantomData }
    }
}

impl<K, V, W, F, U, M, N> TwoInput for Broadcast<K, V, W, F, M, N>
where
    K: Key,
    V: 'static,
    W: ExchangeData,
    F: Fn(&K, V, Option<&W>) -> U + 'static,
    U: 'static,
    M: Timeline,
    N: Timeline,
    M::Record<Keyed<K, V>>: Send,
    N::Record<Keyed<K, Option<W>>>: Send,
    M::Record<U>: Send,
{
    type Left = M::Record<Keyed<K, V>>;
    type Right = N::Record<Keyed<K, Option<W>>>;
    type Out = M::Record<U>;

    fn on_left(
        &mut self,
        batch: &mut Vec<Self::Left>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        for record in batch.drain(..) {
            let (stamp, Keyed { hash, key, value }) = M::split(record);
            let row = (self.row)(&key, value, self.table.get(hash, &key));
            out.push(M::join(stamp, row));
        }
        Ok(())
    }

    fn on_right(
        &mut self,
        batch: &mut Vec<Self::Right>,
        _out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        self.changes.extend(batch.drain(..).map(|change| N::split(change).1));
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        _end: EpochEnd,
        _out: &mut Output<'_, Self::Out>,
    ) -> Result<Turn, Error> {
        self.changes.drain(..).for_each(|change| self.table.change(change));
        Ok(Turn::Done)
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        parts.broadcast("table", &mut self.table)
    }

    fn holdings(&self) -> Holdings {
        let (keys, bytes) = (self.table.len(), self.table.bytes());
        Holdings { keys, records: keys, bytes, ..Holdings::default() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rheos_engine::harness::TwoInputHarness;
    use rheos_engine::{EventTime, ProcessingTime, Snapshot};

    use super::*;
    use crate::Untimed;
    use crate::random::Random;
    use crate::recovery::{Either, Step, To, check_recovery, keyed_steps, sided, to_owner};

    type Row = (u64, i64, Option<i64>);

    fn harness() -> TwoInputHarness<
        impl TwoInput<Left = Keyed<u64, i64>, Right = Keyed<u64, Option<i64>>, Out = Row>,
    > {
        let row = |key: &u64, value: i64, found: Option<&i64>| (*key, value, found.copied());
        TwoInputHarness::new(Broadcast::<u64, i64, i64, _, Untimed, Untimed>::new(row))
    }

    #[test]
    fn records_meet_the_table_as_their_epoch_found_it() {
        for seed in 0..20 {
            let mut random = Random::new(seed);
            let mut harness = harness();
            let mut table = BTreeMap::new();
            for epoch in random.epochs() {
                let mut changes = Vec::new();
                for (key, value) in epoch {
                    if random.below(2) == 0 {
                        let change = (value % 3 != 0).then_some(value);
                        harness.right(vec![Keyed::new(key, change)]).unwrap();
                        changes.push((key, change));
                    } else {
                        let rows = harness.left(vec![Keyed::new(key, value)]).unwrap();
                        assert_eq!(rows, [(key, value, table.get(&key).copied())], "seed {seed}");
                    }
                }
                assert!(harness.end_epoch().unwrap().is_empty());
                for (key, change) in changes {
                    match change {
                        Some(value) => table.insert(key, value),
                        None => table.remove(&key),
                    };
                }
                assert_eq!(harness.holdings().keys, table.len(), "seed {seed}");
            }
        }
    }

    #[test]
    fn every_restored_worker_has_the_whole_table() {
        let mut before = harness();
        before.right((0..100).map(|key| Keyed::new(key, Some(1))).collect()).unwrap();
        before.end_epoch().unwrap();
        let mut snapshot = Snapshot::default();
        before.snapshot(0, &mut snapshot).unwrap();
        for worker in 0..3 {
            let mut after = harness();
            after.restore(worker, 3, &snapshot).unwrap();
            assert_eq!(after.left(vec![Keyed::new(7, 5)]).unwrap(), [(7, 5, Some(1))]);
            assert_eq!(after.holdings().keys, 100);
        }
    }

    #[test]
    fn the_table_survives_on_every_worker() {
        for seed in 0..6 {
            let random = &mut Random::new(seed);
            let side = |Keyed { hash, key, value }: Keyed<u64, i64>| match random.below(2) {
                0 => Either::Left(Keyed { hash, key, value }),
                _ => {
                    let value = (value % 3 != 0).then_some(value);
                    Either::Right(Keyed { hash, key, value })
                }
            };
            let mut steps = sided(keyed_steps(seed), side);
            // In the end nothing is left, on however many workers it was.
            let forget = (0..20).map(|key| Either::Right(Keyed::new(key, None))).collect();
            let last = steps.last().map_or(ProcessingTime(0), |step| step.now);
            steps.push(Step { records: forget, watermark: EventTime::MIN, now: last });
            let row = |key: &u64, value: i64, found: Option<&i64>| (*key, value, found.copied());
            let make = |_, _| {
                TwoInputHarness::new(Broadcast::<u64, i64, i64, _, Untimed, Untimed>::new(row))
            };
            check_recovery(seed, &steps, make, |record, workers| match record {
                Either::Left(record) => to_owner::<_, _, Untimed>(record, workers),
                Either::Right(_) => To::Everyone,
            });
        }
    }
}
