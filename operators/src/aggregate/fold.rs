//! `fold`: record by record into a state of the program's own.

use std::marker::PhantomData;

use rheos_engine::{ExchangeData, Key};

use super::{Absorb, KeyedAggregate, StreamAggregate};
use crate::{KeyedStream, Stream, Timeline};

/// Brings records into a state, one after the other.
pub(crate) struct Fold<V, S, F> {
    initial: S,
    step: F,
    records: PhantomData<fn(V)>,
}

impl<V, S, F: Fn(&mut S, V)> Fold<V, S, F> {
    pub(crate) fn new(initial: S, step: F) -> Self {
        Self { initial, step, records: PhantomData }
    }
}

impl<V, S: Clone, F: Clone> Clone for Fold<V, S, F> {
    fn clone(&self) -> Self {
        Self { initial: self.initial.clone(), step: self.step.clone(), records: PhantomData }
    }
}

impl<V, S, F> Absorb for Fold<V, S, F>
where
    V: ExchangeData,
    S: ExchangeData + Clone + Sync,
    F: Fn(&mut S, V) + Clone + Send + Sync + 'static,
{
    type In = V;
    type Acc = S;
    type Out = S;

    fn start(&self, first: V) -> S {
        let mut state = self.initial.clone();
        (self.step)(&mut state, first);
        state
    }

    #[inline]
    fn absorb(&self, state: &mut S, next: V) {
        (self.step)(state, next);
    }

    fn finish(&self, state: &S) -> S {
        state.clone()
    }

    fn of_nothing(&self) -> Option<S> {
        Some(self.initial.clone())
    }
}

impl<T: ExchangeData, M: Timeline> Stream<T, M> {
    /// Brings all records into one state, one after the other, on one worker.
    ///
    /// Nothing is combined on the way, so every record travels: prefer
    /// [`aggregate`](Stream::aggregate) where parts can be merged.
    ///
    /// # Semantics
    /// * **Order**: records are folded as they come; the order of one worker's records is kept.
    /// * **State**: what `step` makes of it, on one worker.
    /// * **End of the input**: see [`StreamAggregate`]; nothing folds to `initial`.
    /// * **Workers**: the order between their records, and a result that depends on it, is not
    ///   fixed.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let letters = results(['a', 'b'], |letters| {
    ///     letters.fold(String::new(), |all, letter| all.push(letter)).at_end()
    /// });
    /// assert_eq!(letters, ["ab"]);
    /// ```
    pub fn fold<S: ExchangeData + Clone + Sync>(
        self,
        initial: S,
        step: impl Fn(&mut S, T) + Clone + Send + Sync + 'static,
    ) -> StreamAggregate<S> {
        StreamAggregate::direct("fold", self, Fold::new(initial, step))
    }
}

impl<K: Key, V: ExchangeData, M: Timeline> KeyedStream<K, V, M> {
    /// Brings the values of each key into a state, one after the other.
    ///
    /// Nothing is combined on the way, so every record travels: prefer
    /// [`aggregate`](KeyedStream::aggregate) where parts can be merged.
    ///
    /// # Semantics
    /// * **Order**: values are folded as they come; the order of one worker's values is kept.
    /// * **State**: a key and what `step` makes of its state for each key ever seen, until the job
    ///   ends.
    /// * **End of the input**: see [`KeyedAggregate`].
    /// * **Workers**: the order between values of several workers, and a result that depends on
    ///   it, is not fixed.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let visits = [(1u32, 'a'), (2, 'b'), (1, 'c')];
    /// let paths = results(visits, |visits| {
    ///     visits.keyed().fold(String::new(), |path, page| path.push(page)).at_end()
    /// });
    /// assert_eq!(paths, [(1, "ac".to_owned()), (2, "b".to_owned())]);
    /// ```
    pub fn fold<S: ExchangeData + Clone + Sync>(
        self,
        initial: S,
        step: impl Fn(&mut S, V) + Clone + Send + Sync + 'static,
    ) -> KeyedAggregate<K, S> {
        KeyedAggregate::direct("fold", self, Fold::new(initial, step))
    }
}
