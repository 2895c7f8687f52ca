//! `join_at_end`: two bounded inputs, joined by key when both have ended.

use rheos_engine::{ExchangeData, Key, Keyed};

use super::at_end_step::AtEnd;
use super::kind::{Anti, Full, Inner, JoinKind, Left, Right, Semi};
use crate::apply::by_key;
use crate::{KeyedStream, Stream, Timeline};

impl<K: Key, L: ExchangeData + Clone, M: Timeline> KeyedStream<K, L, M>
where
    M::Record<Keyed<K, L>>: ExchangeData,
{
    /// Brings together the records of two bounded inputs by key, when both have ended. Which of
    /// them become rows is said next: `.inner()`, `.left()`, `.right()`, `.full()`, `.semi()` or
    /// `.anti()`.
    ///
    /// # Semantics
    /// * **Matches**: every pair of a left and a right record with one key, whenever they came;
    ///   duplicates match each for itself.
    /// * **Order**: none; the rows of a key stand together.
    /// * **Event time**: the inputs may have it; rows have none.
    /// * **State**: all records of both inputs, until they have ended.
    /// * **End of the input**: all rows come when both inputs have ended, none before. A job that
    ///   is stopped gives none.
    /// * **Workers**: the rows do not depend on them.
    ///
    /// # Panics
    /// When the streams belong to different jobs.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let records = [('l', 1u32, "one"), ('l', 2, "two"), ('r', 1, "un"), ('r', 1, "eins")];
    /// let records = records.map(|(side, number, word)| (side, number, word.to_owned()));
    /// let rows = results(records, |records| {
    ///     let (english, others) = records.branch(|record| record.0 == 'l');
    ///     let words = |record: &(char, u32, String)| (record.1, record.2.clone());
    ///     let english = english.map(move |record| words(&record)).keyed();
    ///     let others = others.map(move |record| words(&record)).keyed();
    ///     english.join_at_end(others).left()
    /// });
    /// let row = |number, word: &str, other: Option<&str>| (number, word.into(), other.map(Into::into));
    /// assert_eq!(rows, [
    ///     row(1, "one", Some("un")),
    ///     row(1, "one", Some("eins")), // duplicates match each for itself
    ///     row(2, "two", None),
    /// ]);
    /// ```
    pub fn join_at_end<R, N>(self, right: KeyedStream<K, R, N>) -> JoinAtEnd<K, L, R, M, N>
    where
        R: ExchangeData + Clone,
        N: Timeline,
        N::Record<Keyed<K, R>>: ExchangeData,
    {
        JoinAtEnd { left: self, right }
    }
}

/// A join of two bounded inputs, before it is said which records become rows; see
/// [`KeyedStream::join_at_end`].
#[must_use = "say which records become rows, with .inner() for example"]
pub struct JoinAtEnd<K: 'static, L: 'static, R: 'static, M: Timeline, N: Timeline> {
    left: KeyedStream<K, L, M>,
    right: KeyedStream<K, R, N>,
}

impl<K: Key, L, R, M: Timeline, N: Timeline> JoinAtEnd<K, L, R, M, N>
where
    L: ExchangeData + Clone,
    R: ExchangeData + Clone,
    M::Record<Keyed<K, L>>: ExchangeData,
    N::Record<Keyed<K, R>>: ExchangeData,
{
    /// Every pair of records with one key.
    ///
    /// # Semantics
    /// As for [`join_at_end`](KeyedStream::join_at_end).
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let rows = results([('l', 1u32), ('l', 2), ('r', 2), ('r', 3)], |records| {
    ///     let (left, right) = records.branch(|record| record.0 == 'l');
    ///     left.key_by(|record| record.1).join_at_end(right.key_by(|record| record.1)).inner()
    /// });
    /// assert_eq!(rows, [(2, ('l', 2), ('r', 2))]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn inner(self) -> Stream<(K, L, R)> {
        self.rows::<Inner>("join at end")
    }

    /// Every pair of records with one key, and the left records without a match.
    ///
    /// # Semantics
    /// As for [`join_at_end`](KeyedStream::join_at_end).
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let rows = results([('l', 1u32), ('l', 2), ('r', 2), ('r', 3)], |records| {
    ///     let (left, right) = records.branch(|record| record.0 == 'l');
    ///     left.key_by(|record| record.1).join_at_end(right.key_by(|record| record.1)).left()
    /// });
    /// assert_eq!(rows, [(1, ('l', 1), None), (2, ('l', 2), Some(('r', 2)))]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn left(self) -> Stream<(K, L, Option<R>)> {
        self.rows::<Left>("join at end left")
    }

    /// Every pair of records with one key, and the right records without a match.
    ///
    /// # Semantics
    /// As for [`join_at_end`](KeyedStream::join_at_end).
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let rows = results([('l', 1u32), ('l', 2), ('r', 2), ('r', 3)], |records| {
    ///     let (left, right) = records.branch(|record| record.0 == 'l');
    ///     left.key_by(|record| record.1).join_at_end(right.key_by(|record| record.1)).right()
    /// });
    /// assert_eq!(rows, [(2, Some(('l', 2)), ('r', 2)), (3, None, ('r', 3))]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn right(self) -> Stream<(K, Option<L>, R)> {
        self.rows::<Right>("join at end right")
    }

    /// Every pair of records with one key, and all records without a match.
    ///
    /// # Semantics
    /// As for [`join_at_end`](KeyedStream::join_at_end).
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let rows = results([('l', 1u32), ('l', 2), ('r', 2), ('r', 3)], |records| {
    ///     let (left, right) = records.branch(|record| record.0 == 'l');
    ///     left.key_by(|record| record.1).join_at_end(right.key_by(|record| record.1)).full()
    /// });
    /// assert_eq!(rows.len(), 3);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn full(self) -> Stream<(K, Option<L>, Option<R>)> {
        self.rows::<Full>("join at end full")
    }

    /// The left records with a match, each once.
    ///
    /// # Semantics
    /// As for [`join_at_end`](KeyedStream::join_at_end).
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let rows = results([('l', 1u32), ('l', 2), ('r', 2), ('r', 2)], |records| {
    ///     let (left, right) = records.branch(|record| record.0 == 'l');
    ///     left.key_by(|record| record.1).join_at_end(right.key_by(|record| record.1)).semi()
    /// });
    /// assert_eq!(rows, [(2, ('l', 2))]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn semi(self) -> Stream<(K, L)> {
        self.rows::<Semi>("join at end semi")
    }

    /// The left records without a match.
    ///
    /// # Semantics
    /// As for [`join_at_end`](KeyedStream::join_at_end).
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let rows = results([('l', 1u32), ('l', 2), ('r', 2), ('r', 3)], |records| {
    ///     let (left, right) = records.branch(|record| record.0 == 'l');
    ///     left.key_by(|record| record.1).join_at_end(right.key_by(|record| record.1)).anti()
    /// });
    /// assert_eq!(rows, [(1, ('l', 1))]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn anti(self) -> Stream<(K, L)> {
        self.rows::<Anti>("join at end anti")
    }

    fn rows<J: JoinKind<K, L, R>>(self, kind: &'static str) -> Stream<J::Row> {
        let (left, right) = (self.left.into_keyed(), self.right.into_keyed());
        let inputs = (
            (left.port(), by_key::<K, L, M>().timed(false)),
            (right.port(), by_key::<K, R, N>().timed(false)),
        );
        let make = |_: &_| AtEnd::<K, L, R, J, M, N>::new();
        Stream::new(left.port().graph().two_input(inputs.0, inputs.1, kind, make))
    }
}
