//! `as_of_join`: each left record with what the right side said last at its time.

use std::time::Duration;

use rheos_engine::{ExchangeData, Key};

use super::as_of_step::AsOfStep;
use super::side::Rows;
use crate::apply::by_key;
use crate::{HasEventTime, KeyedStream, Stream, Timed, Timeline, WithLate};

impl<K: Key, L: ExchangeData, M: Timeline> KeyedStream<K, L, M> {
    /// Brings each record together with the latest record of `right` that has its key and is not
    /// later than it: a trade with the price of its moment. What becomes of records that find
    /// none is said next: `.left()` or `.inner()`.
    ///
    /// # Semantics
    /// * **Matches**: a left record at `t` matches the one right record with the greatest time of
    ///   at most `t`. Of right records with the same time it is the one that came last.
    /// * **Order**: a left record waits until the watermark has passed its time, so that right
    ///   records that come later and are earlier are respected. The rows of a key come in order of
    ///   time; between keys no order is promised.
    /// * **Event time**: that of the left record.
    /// * **Watermarks**: the earlier of the two inputs. Left records that wait are not behind it.
    /// * **Late records**: left records with a time before the watermark; right records with a
    ///   time before the watermark that no coming left record could match, because a later one
    ///   has taken their place or they are too old.
    /// * **State**: for each key the left records that wait, the latest right record that is not
    ///   behind the watermark's moment, and newer ones. The last right record of a key stays until
    ///   the job ends, unless [`within`](AsOfJoin::within) says how old a match may be.
    /// * **End of the input**: the end of time: all left records that wait come out.
    /// * **Workers**: the rows do not depend on them, except for late records and right records
    ///   with the same key and time.
    ///
    /// # Panics
    /// When the streams belong to different jobs.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// use rheos_engine::EventTime;
    /// use rheos_operators::Watermarks;
    ///
    /// // Prices of 'a' and the times of two trades, as they come.
    /// let records = [("price", 10, 1.5), ("price", 20, 1.6), ("trade", 9, 0.0), ("trade", 20, 0.0)];
    /// let records = records.map(|(kind, time, price)| (kind.to_owned(), time, price));
    /// let rows = results(records, |records| {
    ///     let records = records.event_time(
    ///         |record| EventTime::from_millis(record.1),
    ///         Watermarks::bounded(std::time::Duration::from_millis(20)),
    ///     );
    ///     let (trades, prices) = records.branch(|record| record.0 == "trade");
    ///     let trades = trades.map(|trade| trade.1).key_by(|_| 'a');
    ///     let prices = prices.map(|price| price.2).key_by(|_| 'a');
    ///     trades.as_of_join(prices).left().drop_late()
    /// });
    /// assert_eq!(rows, [
    ///     ('a', 9, None),       // earlier than every price
    ///     ('a', 20, Some(1.6)), // exactly at the time of one
    /// ]);
    /// ```
    pub fn as_of_join<R: ExchangeData + Clone, N: HasEventTime>(
        self,
        right: KeyedStream<K, R, N>,
    ) -> AsOfJoin<K, L, R>
    where
        M: HasEventTime,
    {
        AsOfJoin { left: self.timed(), right: right.timed(), max_age: None }
    }
}

/// A join with the latest earlier record, before it is said what becomes of records without one;
/// see [`KeyedStream::as_of_join`].
#[must_use = "say which records become rows, with .left() or .inner()"]
pub struct AsOfJoin<K: 'static, L: 'static, R: 'static> {
    left: KeyedStream<K, L, Timed>,
    right: KeyedStream<K, R, Timed>,
    max_age: Option<Duration>,
}

impl<K: Key, L: ExchangeData, R: ExchangeData + Clone> AsOfJoin<K, L, R> {
    /// A right record that is older than the left one by more than `age` is no match, so that the
    /// state of keys about which nothing new is said can be dropped. Without this a match may be
    /// of any age.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// # use std::time::Duration;
    /// # use rheos_engine::EventTime;
    /// # use rheos_operators::Watermarks;
    /// // What a left record at a time finds of a right one at 0.
    /// let find = |time: i64| {
    ///     results([('r', 0), ('l', time)], |records| {
    ///         let records = records.event_time(|r| EventTime::from_millis(r.1), Watermarks::monotone());
    ///         let (left, right) = records.branch(|r| r.0 == 'l');
    ///         let (left, right) = (left.key_by(|_| 'k'), right.key_by(|_| 'k'));
    ///         let joined = left.as_of_join(right).within(Duration::from_millis(10)).inner();
    ///         joined.drop_late()
    ///     })
    /// };
    /// assert_eq!(find(10).len(), 1); // exactly as old as a match may be
    /// assert_eq!(find(11).len(), 0);
    /// ```
    pub fn within(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Every left record, with its match if it has one.
    ///
    /// # Semantics
    /// As for [`as_of_join`](KeyedStream::as_of_join).
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// # use rheos_engine::EventTime;
    /// # use rheos_operators::Watermarks;
    /// let rows = results([('l', 9), ('r', 10), ('l', 10)], |records| {
    ///     let records = records.event_time(|r| EventTime::from_millis(r.1), Watermarks::monotone());
    ///     let (left, right) = records.branch(|r| r.0 == 'l');
    ///     let (left, right) = (left.key_by(|_| 'k'), right.key_by(|_| 'k'));
    ///     left.as_of_join(right).left().drop_late()
    /// });
    /// assert_eq!(rows, [('k', ('l', 9), None), ('k', ('l', 10), Some(('r', 10)))]);
    /// ```
    pub fn left(self) -> Rows<(K, L, Option<R>), K, L, R> {
        self.rows("as-of join left", |key: &K, left, right: Option<&R>| {
            Some((key.clone(), left, right.cloned()))
        })
    }

    /// The left records that have a match, with it.
    ///
    /// # Semantics
    /// As for [`as_of_join`](KeyedStream::as_of_join).
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// # use rheos_engine::EventTime;
    /// # use rheos_operators::Watermarks;
    /// let records = [('l', 9), ('r', 10), ('r', 10), ('l', 10)];
    /// let rows = results(records, |records| {
    ///     let records = records.event_time(|r| EventTime::from_millis(r.1), Watermarks::monotone());
    ///     let (left, right) = records.branch(|r| r.0 == 'l');
    ///     let (left, right) = (left.key_by(|_| 'k'), right.key_by(|_| 'k'));
    ///     left.as_of_join(right).inner().drop_late()
    /// });
    /// assert_eq!(rows, [('k', ('l', 10), ('r', 10))]); // one match, however many there are
    /// ```
    pub fn inner(self) -> Rows<(K, L, R), K, L, R> {
        self.rows("as-of join", |key: &K, left, right: Option<&R>| {
            right.map(|right| (key.clone(), left, right.clone()))
        })
    }

    fn rows<T: Send + 'static>(
        self,
        kind: &'static str,
        row: impl Fn(&K, L, Option<&R>) -> Option<T> + Copy + Send + Sync + 'static,
    ) -> Rows<T, K, L, R> {
        let Self { left, right, max_age } = self;
        WithLate::new(move |lateness| {
            let (left, right) = (left.into_keyed(), right.into_keyed());
            let inputs =
                ((left.port(), by_key::<K, L, Timed>()), (right.port(), by_key::<K, R, Timed>()));
            let make = move |_: &_| AsOfStep::new(row, max_age, lateness);
            let graph = left.port().graph();
            Stream::new(graph.two_input(inputs.0, inputs.1, kind, make))
        })
    }
}
