//! `reduce`: two records become one until one is left.

use std::marker::PhantomData;

use rheos_engine::{ExchangeData, Key};

use super::{Aggregate, KeyedAggregate, StreamAggregate};
use crate::{KeyedStream, Stream, Timeline};

/// Joins records two at a time.
pub(crate) struct Reduce<V, F> {
    join: F,
    records: PhantomData<fn(V)>,
}

impl<V, F: Fn(V, V) -> V> Reduce<V, F> {
    pub(crate) fn new(join: F) -> Self {
        Self { join, records: PhantomData }
    }
}

impl<V, F: Clone> Clone for Reduce<V, F> {
    fn clone(&self) -> Self {
        Self { join: self.join.clone(), records: PhantomData }
    }
}

impl<V, F> Aggregate for Reduce<V, F>
where
    V: Clone + ExchangeData,
    F: Fn(V, V) -> V + Clone + Send + Sync + 'static,
{
    type In = V;
    type Acc = Option<V>;
    type Out = V;

    fn create(&self) -> Option<V> {
        None
    }

    #[inline]
    fn add(&self, acc: &mut Option<V>, record: V) {
        *acc = Some(match acc.take() {
            Some(before) => (self.join)(before, record),
            None => record,
        });
    }

    #[inline]
    fn merge(&self, acc: &mut Option<V>, other: Option<V>) {
        if let Some(other) = other {
            self.add(acc, other);
        }
    }

    fn finish(&self, acc: &Option<V>) -> V {
        acc.clone().expect("an accumulator is finished only after it has had a record")
    }
}

impl<T: Clone + ExchangeData, M: Timeline> Stream<T, M> {
    /// Joins records two at a time until one is left. `join` must be associative and commutative:
    /// it is handed records and earlier results in any order. Where order matters, use
    /// [`fold`](Stream::fold).
    ///
    /// # Semantics
    /// * **Order**: does not matter, if `join` is as it must be.
    /// * **State**: one record.
    /// * **End of the input**: see [`StreamAggregate`]; nothing is reduced to nothing.
    /// * **Workers**: each reduces its own records and sends one an epoch.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let bits = results([1u64, 4, 6], |flags| flags.reduce(|a, b| a | b).at_end());
    /// assert_eq!(bits, [7]);
    /// ```
    pub fn reduce(
        self,
        join: impl Fn(T, T) -> T + Clone + Send + Sync + 'static,
    ) -> StreamAggregate<T> {
        StreamAggregate::combined("reduce", self, Reduce::new(join))
    }
}

impl<K: Key, V: Clone + ExchangeData, M: Timeline> KeyedStream<K, V, M> {
    /// Joins the values of each key two at a time until one is left. `join` must be associative
    /// and commutative; see [`Stream::reduce`].
    ///
    /// # Semantics
    /// * **Order**: does not matter, if `join` is as it must be.
    /// * **State**: a key and a value for each key ever seen, until the job ends.
    /// * **End of the input**: see [`KeyedAggregate`].
    /// * **Workers**: each reduces its own values first.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let grants = [(1u32, 0b01u8), (2, 0b01), (1, 0b10)];
    /// let rights = results(grants, |grants| grants.keyed().reduce(|a, b| a | b).at_end());
    /// assert_eq!(rights, [(1, 0b11), (2, 0b01)]);
    /// ```
    pub fn reduce(
        self,
        join: impl Fn(V, V) -> V + Clone + Send + Sync + 'static,
    ) -> KeyedAggregate<K, V> {
        KeyedAggregate::combined("reduce", self, Reduce::new(join))
    }
}
