//! `count`: how many records.

use std::marker::PhantomData;

use rheos_engine::Key;

use super::{Aggregate, KeyedAggregate, StreamAggregate};
use crate::{KeyedStream, Stream, Timeline};

/// Counts. It looks at no record: what travels between workers is numbers.
pub(crate) struct Count<V>(PhantomData<fn(V)>);

impl<V> Default for Count<V> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<V> Clone for Count<V> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<V: 'static> Aggregate for Count<V> {
    type In = V;
    type Acc = u64;
    type Out = u64;

    fn create(&self) -> u64 {
        0
    }

    #[inline]
    fn add(&self, count: &mut u64, _record: V) {
        *count += 1;
    }

    #[inline]
    fn merge(&self, count: &mut u64, other: u64) {
        *count += other;
    }

    fn finish(&self, count: &u64) -> u64 {
        *count
    }

    fn of_nothing(&self) -> Option<u64> {
        Some(0)
    }

    fn unmerge(&self, count: &mut u64, other: &u64) -> bool {
        *count -= other;
        true
    }
}

impl<T: 'static, M: Timeline> Stream<T, M> {
    /// Counts the records.
    ///
    /// # Semantics
    /// * **Order**: does not matter.
    /// * **State**: one number.
    /// * **End of the input**: see [`StreamAggregate`]; the count of nothing is 0.
    /// * **Workers**: each counts its own records and sends one number an epoch.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let count = results(["a", "b"], |letters| letters.count().at_end());
    /// assert_eq!(count, [2]);
    /// ```
    pub fn count(self) -> StreamAggregate<u64> {
        StreamAggregate::combined("count", self, Count::default())
    }
}

impl<K: Key, V: 'static, M: Timeline> KeyedStream<K, V, M> {
    /// Counts the records of each key.
    ///
    /// # Semantics
    /// * **Order**: does not matter.
    /// * **State**: a key and a number for each key ever seen, until the job ends.
    /// * **End of the input**: see [`KeyedAggregate`].
    /// * **Workers**: each counts its own records first; the values are not sent.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let counts = results(["to be or", "not to be"], |lines| {
    ///     lines
    ///         .flat_map(|line| line.split(' ').map(String::from))
    ///         .key_by(|word| word.clone())
    ///         .count()
    ///         .at_end()
    /// });
    /// assert_eq!(counts[0], ("to".to_owned(), 2));
    /// ```
    pub fn count(self) -> KeyedAggregate<K, u64> {
        KeyedAggregate::combined("count", self, Count::default())
    }
}
