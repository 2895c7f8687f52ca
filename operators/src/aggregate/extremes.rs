//! `min`, `max`, `min_by` and `max_by`: the record that is first or last in some order.

use std::marker::PhantomData;

use rheos_engine::{ExchangeData, Key};

use super::{Aggregate, KeyedAggregate, StreamAggregate};
use crate::{KeyedStream, Stream, Timeline};

/// Keeps the record that no other beats; of equal ones the one that came first.
pub(crate) struct Extreme<V, F> {
    /// Whether the first record replaces the second.
    beats: F,
    records: PhantomData<fn(V)>,
}

impl<V, F: Fn(&V, &V) -> bool> Extreme<V, F> {
    pub(crate) fn new(beats: F) -> Self {
        Self { beats, records: PhantomData }
    }
}

impl<V, F: Clone> Clone for Extreme<V, F> {
    fn clone(&self) -> Self {
        Self { beats: self.beats.clone(), records: PhantomData }
    }
}

impl<V, F> Aggregate for Extreme<V, F>
where
    V: Clone + ExchangeData,
    F: Fn(&V, &V) -> bool + Clone + Send + Sync + 'static,
{
    type In = V;
    type Acc = Option<V>;
    type Out = V;

    fn create(&self) -> Option<V> {
        None
    }

    #[inline]
    fn add(&self, best: &mut Option<V>, record: V) {
        if best.as_ref().is_none_or(|best| (self.beats)(&record, best)) {
            *best = Some(record);
        }
    }

    #[inline]
    fn merge(&self, best: &mut Option<V>, other: Option<V>) {
        if let Some(other) = other {
            self.add(best, other);
        }
    }

    fn finish(&self, best: &Option<V>) -> V {
        best.clone().expect("an accumulator is finished only after it has had a record")
    }
}

impl<T: Clone + ExchangeData, M: Timeline> Stream<T, M> {
    /// The smallest record.
    ///
    /// # Semantics
    /// * **Order**: does not matter.
    /// * **State**: one record.
    /// * **End of the input**: see [`StreamAggregate`]; nothing has no smallest record.
    /// * **Workers**: each keeps the smallest of its own records and sends one an epoch.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let smallest = results([3u64, 1, 2], |numbers| numbers.min().at_end());
    /// assert_eq!(smallest, [1]);
    /// ```
    pub fn min(self) -> StreamAggregate<T>
    where
        T: Ord,
    {
        StreamAggregate::combined("min", self, Extreme::new(|a: &T, b: &T| a < b))
    }

    /// The largest record. Its semantics are those of [`min`](Stream::min).
    ///
    /// # Semantics
    /// As for [`min`](Stream::min).
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let largest = results([3u64, 1, 2], |numbers| numbers.max().at_end());
    /// assert_eq!(largest, [3]);
    /// ```
    pub fn max(self) -> StreamAggregate<T>
    where
        T: Ord,
    {
        StreamAggregate::combined("max", self, Extreme::new(|a: &T, b: &T| a > b))
    }

    /// The record whose `field` is smallest. `field` is called twice a record, so it should be
    /// cheap. Floating-point numbers have no total order: use a [`reduce`](Stream::reduce) with
    /// `total_cmp`.
    ///
    /// # Semantics
    /// * **Order**: matters only among records with equal fields, of which the first stays.
    /// * **State**: one record.
    /// * **End of the input**: see [`StreamAggregate`]; nothing has no smallest record.
    /// * **Workers**: which of several records with the smallest field is kept depends on them.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let words = ["not", "to", "be"].map(String::from);
    /// let shortest = results(words, |words| words.min_by(|word| word.len()).at_end());
    /// assert_eq!(shortest, ["to"]);
    /// ```
    pub fn min_by<F: Ord>(
        self,
        field: impl Fn(&T) -> F + Clone + Send + Sync + 'static,
    ) -> StreamAggregate<T> {
        let beats = move |a: &T, b: &T| field(a) < field(b);
        StreamAggregate::combined("min by", self, Extreme::new(beats))
    }

    /// The record whose `field` is largest; see [`min_by`](Stream::min_by).
    ///
    /// # Semantics
    /// As for [`min_by`](Stream::min_by).
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let words = ["to", "be", "not"].map(String::from);
    /// let longest = results(words, |words| words.max_by(|word| word.len()).at_end());
    /// assert_eq!(longest, ["not"]);
    /// ```
    pub fn max_by<F: Ord>(
        self,
        field: impl Fn(&T) -> F + Clone + Send + Sync + 'static,
    ) -> StreamAggregate<T> {
        let beats = move |a: &T, b: &T| field(a) > field(b);
        StreamAggregate::combined("max by", self, Extreme::new(beats))
    }
}

impl<K: Key, V: Clone + ExchangeData, M: Timeline> KeyedStream<K, V, M> {
    /// The smallest value of each key.
    ///
    /// # Semantics
    /// * **Order**: does not matter.
    /// * **State**: a key and a value for each key ever seen, until the job ends.
    /// * **End of the input**: see [`KeyedAggregate`].
    /// * **Workers**: each keeps the smallest of its own values first.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let prices = [(1u32, 50u64), (2, 80), (1, 40)];
    /// let lowest = results(prices, |prices| prices.keyed().min().at_end());
    /// assert_eq!(lowest, [(1, 40), (2, 80)]);
    /// ```
    pub fn min(self) -> KeyedAggregate<K, V>
    where
        V: Ord,
    {
        KeyedAggregate::combined("min", self, Extreme::new(|a: &V, b: &V| a < b))
    }

    /// The largest value of each key. Its semantics are those of [`min`](KeyedStream::min).
    ///
    /// # Semantics
    /// As for [`min`](KeyedStream::min).
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let prices = [(1u32, 50u64), (2, 80), (1, 40)];
    /// let highest = results(prices, |prices| prices.keyed().max().at_end());
    /// assert_eq!(highest, [(1, 50), (2, 80)]);
    /// ```
    pub fn max(self) -> KeyedAggregate<K, V>
    where
        V: Ord,
    {
        KeyedAggregate::combined("max", self, Extreme::new(|a: &V, b: &V| a > b))
    }

    /// The value of each key whose `field` is smallest; see [`Stream::min_by`].
    ///
    /// # Semantics
    /// * **Order**: matters only among values with equal fields, of which the first stays.
    /// * **State**: a key and a value for each key ever seen, until the job ends.
    /// * **End of the input**: see [`KeyedAggregate`].
    /// * **Workers**: which of several values with the smallest field is kept depends on them.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let words = ["tea", "to", "be"].map(String::from);
    /// let shortest = results(words, |words| {
    ///     words.key_by(|word| word.chars().next()).min_by(|word| word.len()).at_end()
    /// });
    /// assert_eq!(shortest, [(Some('t'), "to".to_owned()), (Some('b'), "be".to_owned())]);
    /// ```
    pub fn min_by<F: Ord>(
        self,
        field: impl Fn(&V) -> F + Clone + Send + Sync + 'static,
    ) -> KeyedAggregate<K, V> {
        let beats = move |a: &V, b: &V| field(a) < field(b);
        KeyedAggregate::combined("min by", self, Extreme::new(beats))
    }

    /// The value of each key whose `field` is largest; see [`min_by`](KeyedStream::min_by).
    ///
    /// # Semantics
    /// As for [`min_by`](KeyedStream::min_by).
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let words = ["to", "tea", "be"].map(String::from);
    /// let longest = results(words, |words| {
    ///     words.key_by(|word| word.chars().next()).max_by(|word| word.len()).at_end()
    /// });
    /// assert_eq!(longest, [(Some('t'), "tea".to_owned()), (Some('b'), "be".to_owned())]);
    /// ```
    pub fn max_by<F: Ord>(
        self,
        field: impl Fn(&V) -> F + Clone + Send + Sync + 'static,
    ) -> KeyedAggregate<K, V> {
        let beats = move |a: &V, b: &V| field(a) > field(b);
        KeyedAggregate::combined("max by", self, Extreme::new(beats))
    }
}
