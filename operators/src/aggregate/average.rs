//! `average`: the arithmetic mean of numbers.

use std::marker::PhantomData;

use rheos_engine::Key;
use serde::{Deserialize, Serialize};

use super::{Aggregate, KeyedAggregate, StreamAggregate};
use crate::{KeyedStream, Number, Stream, Timeline};

/// A sum and how many numbers are in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mean {
    sum: f64,
    count: u64,
}

/// Averages, in double precision.
pub(crate) struct Average<V>(PhantomData<fn(V)>);

impl<V> Default for Average<V> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<V> Clone for Average<V> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<V: Number> Aggregate for Average<V> {
    type In = V;
    type Acc = Mean;
    type Out = f64;

    fn create(&self) -> Mean {
        Mean::default()
    }

    #[inline]
    fn add(&self, mean: &mut Mean, value: V) {
        mean.sum += value.to_f64();
        mean.count += 1;
    }

    #[inline]
    fn merge(&self, mean: &mut Mean, other: Mean) {
        mean.sum += other.sum;
        mean.count += other.count;
    }

    fn finish(&self, mean: &Mean) -> f64 {
        mean.sum / mean.count as f64
    }
}

impl<T: Number, M: Timeline> Stream<T, M> {
    /// The average of the records, in double precision: whole numbers above 2^53 are rounded.
    ///
    /// # Semantics
    /// * **Order**: matters only for rounding.
    /// * **State**: one sum and one count.
    /// * **End of the input**: see [`StreamAggregate`]; nothing has no average.
    /// * **Workers**: each averages its own records and sends one sum and count an epoch.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let average = results(0..10u64, |numbers| numbers.average().at_end());
    /// assert_eq!(average, [4.5]);
    /// ```
    pub fn average(self) -> StreamAggregate<f64> {
        StreamAggregate::combined("average", self, Average::default())
    }
}

impl<K: Key, V: Number, M: Timeline> KeyedStream<K, V, M> {
    /// The average of the values of each key, in double precision: whole numbers above 2^53 are
    /// rounded.
    ///
    /// # Semantics
    /// * **Order**: matters only for rounding.
    /// * **State**: a key, a sum and a count for each key ever seen, until the job ends.
    /// * **End of the input**: see [`KeyedAggregate`].
    /// * **Workers**: each averages its own records first.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let readings = [(1u32, 20.5), (2, 18.0), (1, 21.5)];
    /// let means = results(readings, |readings| readings.keyed().average().at_end());
    /// assert_eq!(means, [(1, 21.0), (2, 18.0)]);
    /// ```
    pub fn average(self) -> KeyedAggregate<K, f64> {
        KeyedAggregate::combined("average", self, Average::default())
    }
}
