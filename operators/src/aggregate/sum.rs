//! `sum`: all values added up.

use std::marker::PhantomData;
use std::ops::AddAssign;

use rheos_engine::{ExchangeData, Key};

use super::{Aggregate, KeyedAggregate, StreamAggregate};
use crate::{KeyedStream, Stream, Timeline};

/// Adds up, beginning with the type's default.
pub(crate) struct Sum<V>(PhantomData<fn(V)>);

impl<V> Default for Sum<V> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<V> Clone for Sum<V> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<V: AddAssign + Default + Clone + ExchangeData> Aggregate for Sum<V> {
    type In = V;
    type Acc = V;
    type Out = V;

    fn create(&self) -> V {
        V::default()
    }

    #[inline]
    fn add(&self, sum: &mut V, value: V) {
        *sum += value;
    }

    #[inline]
    fn merge(&self, sum: &mut V, other: V) {
        *sum += other;
    }

    fn finish(&self, sum: &V) -> V {
        sum.clone()
    }

    fn of_nothing(&self) -> Option<V> {
        Some(V::default())
    }
}

impl<T: AddAssign + Default + Clone + ExchangeData, M: Timeline> Stream<T, M> {
    /// Adds up the records, beginning with the type's default, which must be its zero.
    ///
    /// Integers overflow as `+=` does: with a panic in debug builds, around the corner in release
    /// builds. Map to a wider type first where that can happen.
    ///
    /// # Semantics
    /// * **Order**: does not matter, except that sums of floating-point numbers are rounded as
    ///   the records come.
    /// * **State**: one value.
    /// * **End of the input**: see [`StreamAggregate`]; the sum of nothing is the default.
    /// * **Workers**: each adds up its own records and sends one value an epoch.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let sum = results(0..10u64, |numbers| numbers.sum().at_end());
    /// assert_eq!(sum, [45]);
    /// ```
    pub fn sum(self) -> StreamAggregate<T> {
        StreamAggregate::combined("sum", self, Sum::default())
    }
}

impl<K: Key, V: AddAssign + Default + Clone + ExchangeData, M: Timeline> KeyedStream<K, V, M> {
    /// Adds up the values of each key, beginning with the type's default, which must be its zero.
    /// For overflow see [`Stream::sum`].
    ///
    /// # Semantics
    /// * **Order**: does not matter, except that sums of floating-point numbers are rounded as
    ///   the records come.
    /// * **State**: a key and a value for each key ever seen, until the job ends.
    /// * **End of the input**: see [`KeyedAggregate`].
    /// * **Workers**: each adds up its own records first.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// struct Order { customer: u32, price: u64 }
    /// let orders = [(1, 5), (2, 9), (1, 3)].map(|(customer, price)| Order { customer, price });
    /// let turnover = results(orders, |orders| {
    ///     orders.key_by(|order| order.customer).map_values(|order| order.price).sum().at_end()
    /// });
    /// assert_eq!(turnover, [(1, 8), (2, 9)]);
    /// ```
    pub fn sum(self) -> KeyedAggregate<K, V> {
        KeyedAggregate::combined("sum", self, Sum::default())
    }
}
