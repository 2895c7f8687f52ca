//! `aggregate`: by an [`Aggregate`] of the program's own.

use rheos_engine::Key;

use super::{Aggregate, KeyedAggregate, StreamAggregate};
use crate::{KeyedStream, Stream, Timeline};

impl<T: 'static, M: Timeline> Stream<T, M> {
    /// Aggregates the records as `aggregate` says.
    ///
    /// # Semantics
    /// * **Order**: does not matter.
    /// * **State**: one accumulator.
    /// * **End of the input**: see [`StreamAggregate`].
    /// * **Workers**: each aggregates its own records and sends one accumulator an epoch.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// use rheos_operators::Aggregate;
    ///
    /// /// The length of the longest line.
    /// #[derive(Clone)]
    /// struct Longest;
    ///
    /// impl Aggregate for Longest {
    ///     type In = &'static str;
    ///     type Acc = usize;
    ///     type Out = usize;
    ///     fn create(&self) -> usize { 0 }
    ///     fn add(&self, longest: &mut usize, line: &'static str) {
    ///         *longest = (*longest).max(line.len());
    ///     }
    ///     fn merge(&self, longest: &mut usize, other: usize) {
    ///         *longest = (*longest).max(other);
    ///     }
    ///     fn finish(&self, longest: &usize) -> usize { *longest }
    /// }
    ///
    /// let longest = results(["to be", "or not"], |lines| lines.aggregate(Longest).at_end());
    /// assert_eq!(longest, [6]);
    /// ```
    pub fn aggregate<A: Aggregate<In = T>>(self, aggregate: A) -> StreamAggregate<A::Out> {
        StreamAggregate::combined("aggregate", self, aggregate)
    }
}

impl<K: Key, V: 'static, M: Timeline> KeyedStream<K, V, M> {
    /// Aggregates the values of each key as `aggregate` says.
    ///
    /// # Semantics
    /// * **Order**: does not matter.
    /// * **State**: a key and an accumulator for each key ever seen, until the job ends.
    /// * **End of the input**: see [`KeyedAggregate`].
    /// * **Workers**: each combines its own records first and sends accumulators.
    ///
    /// ```
    /// # use rheos_operators::{Aggregate, examples::results};
    /// # #[derive(Clone)]
    /// # struct Longest;
    /// # impl Aggregate for Longest {
    /// #     type In = &'static str;
    /// #     type Acc = usize;
    /// #     type Out = usize;
    /// #     fn create(&self) -> usize { 0 }
    /// #     fn add(&self, longest: &mut usize, line: &'static str) {
    /// #         *longest = (*longest).max(line.len());
    /// #     }
    /// #     fn merge(&self, longest: &mut usize, other: usize) {
    /// #         *longest = (*longest).max(other);
    /// #     }
    /// #     fn finish(&self, longest: &usize) -> usize { *longest }
    /// # }
    /// let lines = [(1u32, "to be"), (2, "or not"), (1, "that is")];
    /// let longest = results(lines, |lines| lines.keyed().aggregate(Longest).at_end());
    /// assert_eq!(longest, [(1, 7), (2, 6)]);
    /// ```
    pub fn aggregate<A: Aggregate<In = V>>(self, aggregate: A) -> KeyedAggregate<K, A::Out> {
        KeyedAggregate::combined("aggregate", self, aggregate)
    }
}
