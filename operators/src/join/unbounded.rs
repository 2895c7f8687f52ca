//! `join_unbounded`: every pair of records with one key, however far apart, at once.

use std::time::Duration;

use rheos_engine::{ExchangeData, Key, Keyed};

use super::unbounded_step::Everything;
use crate::apply::by_key;
use crate::{KeyedStream, Stream, Timeline};

impl<K: Key, L: ExchangeData + Clone, M: Timeline> KeyedStream<K, L, M>
where
    M::Record<Keyed<K, L>>: ExchangeData,
{
    /// Brings together all records of the same key, whenever they come. Everything that has come
    /// is kept, so the state grows for as long as the job runs, as the name says: use
    /// [`interval_join`](KeyedStream::interval_join) where records have event time and matches
    /// are not far apart, or give the state an end with [`ttl`](UnboundedJoin::ttl).
    ///
    /// There are only inner rows: of no record it is ever certain that it will have no match.
    ///
    /// # Semantics
    /// * **Matches**: every pair of a left and a right record with one key; duplicates match each
    ///   for itself.
    /// * **Order**: a pair comes at once when the second of the two has come.
    /// * **Event time**, where the streams have it: the later of the two times.
    /// * **Watermarks**: the earlier of the two inputs. **Late records** match like others; a pair
    ///   of two of them is late.
    /// * **State**: all records of both sides; with a time to live those that are younger.
    /// * **End of the input**: when both have ended; nothing more is said.
    /// * **Workers**: without a time to live the rows do not depend on them.
    ///
    /// # Panics
    /// When the streams belong to different jobs.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let records = [(1u32, 'l'), (1, 'r'), (1, 'r'), (2, 'l'), (3, 'r')];
    /// let rows = results(records, |records| {
    ///     let (left, right) = records.branch(|record| record.1 == 'l');
    ///     left.keyed().join_unbounded(right.keyed()).inner()
    /// });
    /// assert_eq!(rows, [(1, 'l', 'r'), (1, 'l', 'r')]); // duplicates match each for itself
    /// ```
    pub fn join_unbounded<R: ExchangeData + Clone>(
        self,
        right: KeyedStream<K, R, M>,
    ) -> UnboundedJoin<K, L, R, M> {
        UnboundedJoin { left: self, right, ttl: None }
    }
}

/// A join of everything with everything of the same key; see [`KeyedStream::join_unbounded`].
#[must_use = "ask for its rows with .inner()"]
pub struct UnboundedJoin<K: 'static, L: 'static, R: 'static, M: Timeline> {
    left: KeyedStream<K, L, M>,
    right: KeyedStream<K, R, M>,
    ttl: Option<Duration>,
}

impl<K: Key, L, R, M: Timeline> UnboundedJoin<K, L, R, M>
where
    L: ExchangeData + Clone,
    R: ExchangeData + Clone,
    M::Record<Keyed<K, L>>: ExchangeData,
    M::Record<Keyed<K, R>>: ExchangeData,
    M::Record<(K, L, R)>: Send,
{
    /// A record matches those that come less than `ttl` after it, in processing time, and is
    /// dropped soon after that: within another thirty-second part of `ttl`.
    ///
    /// # Panics
    /// When `ttl` is shorter than a millisecond.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// # use std::time::Duration;
    /// let records = [(1u32, 'l'), (1, 'r')];
    /// let rows = results(records, |records| {
    ///     let (left, right) = records.branch(|record| record.1 == 'l');
    ///     left.keyed().join_unbounded(right.keyed()).ttl(Duration::from_secs(3600)).inner()
    /// });
    /// assert_eq!(rows.len(), 1);
    /// ```
    pub fn ttl(mut self, ttl: Duration) -> Self {
        assert!(ttl.as_millis() > 0, "a record lives for a millisecond at least");
        self.ttl = Some(ttl);
        self
    }

    /// Every pair of records with one key.
    ///
    /// # Semantics
    /// As for [`join_unbounded`](KeyedStream::join_unbounded).
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let rows = results([('l', 7u32), ('r', 7), ('r', 8)], |records| {
    ///     let (left, right) = records.branch(|record| record.0 == 'l');
    ///     let (left, right) = (left.key_by(|r| r.1), right.key_by(|r| r.1));
    ///     left.join_unbounded(right).inner()
    /// });
    /// assert_eq!(rows, [(7, ('l', 7), ('r', 7))]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn inner(self) -> Stream<(K, L, R), M> {
        let (left, right, ttl) = (self.left.into_keyed(), self.right.into_keyed(), self.ttl);
        let inputs = ((left.port(), by_key::<K, L, M>()), (right.port(), by_key::<K, R, M>()));
        let make = move |_: &_| Everything::<K, L, R, M>::new(ttl);
        let graph = left.port().graph();
        Stream::new(graph.two_input(inputs.0, inputs.1, "join unbounded", make))
    }
}
