//! `interval_join`: records of two streams that are close to each other in event time.

use rheos_engine::{ExchangeData, Key};

use super::interval::Interval;
use super::interval_step::IntervalStep;
use super::kind::{Anti, Full, Inner, JoinKind, Left, Right, Semi};
use super::side::Rows;
use crate::apply::by_key;
use crate::{HasEventTime, KeyedStream, Stream, Timed, Timeline, WithLate};

/// A row of a full join.
type FullRow<K, L, R> = (K, Option<L>, Option<R>);

impl<K: Key, L: ExchangeData + Clone, M: Timeline> KeyedStream<K, L, M> {
    /// Brings together records of the same key whose times are no further apart than `interval`
    /// says. Which of them become rows is said next: `.inner()`, `.left()`, `.right()`,
    /// `.full()`, `.semi()` or `.anti()`.
    ///
    /// # Semantics
    /// * **Matches**: a right record at `u` matches a left record at `t` when `u` is in the
    ///   interval seen from `t`; both of its bounds belong to it. A record has as many matches as
    ///   there are, so duplicates match each for itself.
    /// * **Order**: a pair comes at once when the second of the two has come; a record without a
    ///   match comes when the watermark proves that it will have none. Between rows no order is
    ///   promised.
    /// * **Event time**: of a pair the later of the two times; of a row of one record its own.
    /// * **Watermarks**: the earlier of the two inputs. Where records without a match, or left
    ///   records with one, are rows, these come later than their time by as much as the interval
    ///   reaches beyond it: the watermark is behind that of the inputs by so much.
    /// * **Late records**: those with a time before the watermark, of both inputs.
    /// * **State**: a left record is dropped when the watermark has passed the last right time
    ///   that it could match, a right record likewise; a key with its last record. A left record
    ///   that needs one match only (`.semi()`, `.anti()`) is dropped with its first.
    /// * **End of the input**: the end of time: what is without a match comes out.
    /// * **Workers**: the rows do not depend on them, except for late records.
    ///
    /// # Panics
    /// When the streams belong to different jobs.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// use std::time::Duration;
    /// use rheos_engine::EventTime;
    /// use rheos_operators::{Interval, Offset, Watermarks};
    ///
    /// // Whether a right record at a time matches a left one at 0.
    /// let matches = |interval: Interval, right: i64| {
    ///     let pairs = results([('l', 0), ('r', right)], |records| {
    ///         let records = records
    ///             .event_time(|r| EventTime::from_millis(r.1), Watermarks::monotone());
    ///         let (left, right) = records.branch(|r| r.0 == 'l');
    ///         let (left, right) = (left.key_by(|_| 'k'), right.key_by(|_| 'k'));
    ///         left.interval_join(right, interval).inner().drop_late()
    ///     });
    ///     pairs.len() == 1
    /// };
    /// let (five, ten) = (Duration::from_millis(5), Duration::from_millis(10));
    /// let interval = Interval::between(Offset::Before(five), Offset::After(ten));
    /// for (right, expected) in [
    ///     (-6, false), // earlier than the interval
    ///     (-5, true),  // exactly at its lower bound
    ///     (0, true),   // at the same time
    ///     (10, true),  // exactly at its upper bound
    ///     (11, false), // later than the interval
    /// ] {
    ///     assert_eq!(matches(interval, right), expected, "{right}");
    /// }
    /// ```
    pub fn interval_join<R: ExchangeData + Clone, N: HasEventTime>(
        self,
        right: KeyedStream<K, R, N>,
        interval: Interval,
    ) -> IntervalJoin<K, L, R>
    where
        M: HasEventTime,
    {
        IntervalJoin { left: self.timed(), right: right.timed(), interval }
    }
}

/// A join of records that are close in event time, before it is said which records become rows;
/// see [`KeyedStream::interval_join`].
#[must_use = "say which records become rows, with .inner() for example"]
pub struct IntervalJoin<K: 'static, L: 'static, R: 'static> {
    left: KeyedStream<K, L, Timed>,
    right: KeyedStream<K, R, Timed>,
    interval: Interval,
}

impl<K: Key, L: ExchangeData + Clone, R: ExchangeData + Clone> IntervalJoin<K, L, R> {
    /// Every pair of records that match.
    ///
    /// # Semantics
    /// As for [`interval_join`](KeyedStream::interval_join).
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// # use std::time::Duration;
    /// # use rheos_engine::EventTime;
    /// # use rheos_operators::{Interval, Watermarks};
    /// let records = [('o', 1, 0), ('p', 1, 40), ('p', 1, 40), ('p', 2, 40)];
    /// let rows = results(records, |records| {
    ///     let records = records.event_time(|r| EventTime::from_millis(r.2), Watermarks::monotone());
    ///     let (orders, paid) = records.branch(|r| r.0 == 'o');
    ///     let (orders, paid) = (orders.key_by(|r| r.1), paid.key_by(|r| r.1));
    ///     let soon = Interval::after(Duration::from_millis(50));
    ///     let rows = orders.interval_join(paid, soon).inner().drop_late();
    ///     rows.map(|(number, order, paid)| (number, order.0, paid.0))
    /// });
    /// assert_eq!(rows, [(1, 'o', 'p'), (1, 'o', 'p')]); // duplicates match each
    /// ```
    pub fn inner(self) -> Rows<(K, L, R), K, L, R> {
        self.rows::<Inner>("interval join")
    }

    /// Every pair of records that match, and the left records without a match.
    ///
    /// # Semantics
    /// As for [`interval_join`](KeyedStream::interval_join).
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// # use std::time::Duration;
    /// # use rheos_engine::EventTime;
    /// # use rheos_operators::{Interval, Watermarks};
    /// let records = [('o', 1, 0), ('o', 2, 0), ('p', 1, 40)];
    /// let rows = results(records, |records| {
    ///     let records = records.event_time(|r| EventTime::from_millis(r.2), Watermarks::monotone());
    ///     let (orders, paid) = records.branch(|r| r.0 == 'o');
    ///     let (orders, paid) = (orders.key_by(|r| r.1), paid.key_by(|r| r.1));
    ///     let soon = Interval::after(Duration::from_millis(50));
    ///     let rows = orders.interval_join(paid, soon).left().drop_late();
    ///     rows.map(|(number, _, paid)| (number, paid.is_some()))
    /// });
    /// assert_eq!(rows, [(1, true), (2, false)]);
    /// ```
    pub fn left(self) -> Rows<(K, L, Option<R>), K, L, R> {
        self.rows::<Left>("interval join left")
    }

    /// Every pair of records that match, and the right records without a match.
    ///
    /// # Semantics
    /// As for [`interval_join`](KeyedStream::interval_join).
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// # use std::time::Duration;
    /// # use rheos_engine::EventTime;
    /// # use rheos_operators::{Interval, Watermarks};
    /// let records = [('o', 1, 0), ('p', 1, 40), ('p', 2, 40)];
    /// let rows = results(records, |records| {
    ///     let records = records.event_time(|r| EventTime::from_millis(r.2), Watermarks::monotone());
    ///     let (orders, paid) = records.branch(|r| r.0 == 'o');
    ///     let (orders, paid) = (orders.key_by(|r| r.1), paid.key_by(|r| r.1));
    ///     let soon = Interval::after(Duration::from_millis(50));
    ///     let rows = orders.interval_join(paid, soon).right().drop_late();
    ///     rows.map(|(number, order, _)| (number, order.is_some()))
    /// });
    /// assert_eq!(rows, [(1, true), (2, false)]);
    /// ```
    pub fn right(self) -> Rows<(K, Option<L>, R), K, L, R> {
        self.rows::<Right>("interval join right")
    }

    /// Every pair of records that match, and all records without a match.
    ///
    /// # Semantics
    /// As for [`interval_join`](KeyedStream::interval_join).
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// # use std::time::Duration;
    /// # use rheos_engine::EventTime;
    /// # use rheos_operators::{Interval, Watermarks};
    /// let records = [('o', 1, 0), ('o', 2, 0), ('p', 1, 40), ('p', 3, 40)];
    /// let mut rows = results(records, |records| {
    ///     let records = records.event_time(|r| EventTime::from_millis(r.2), Watermarks::monotone());
    ///     let (orders, paid) = records.branch(|r| r.0 == 'o');
    ///     let (orders, paid) = (orders.key_by(|r| r.1), paid.key_by(|r| r.1));
    ///     let soon = Interval::after(Duration::from_millis(50));
    ///     let rows = orders.interval_join(paid, soon).full().drop_late();
    ///     rows.map(|(number, order, paid)| (number, order.is_some(), paid.is_some()))
    /// });
    /// rows.sort();
    /// assert_eq!(rows, [(1, true, true), (2, true, false), (3, false, true)]);
    /// ```
    pub fn full(self) -> Rows<FullRow<K, L, R>, K, L, R> {
        self.rows::<Full>("interval join full")
    }

    /// The left records with a match, each once, however many matches it has.
    ///
    /// # Semantics
    /// As for [`interval_join`](KeyedStream::interval_join).
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// # use std::time::Duration;
    /// # use rheos_engine::EventTime;
    /// # use rheos_operators::{Interval, Watermarks};
    /// let records = [('o', 1, 0), ('o', 2, 0), ('p', 1, 40), ('p', 1, 40)];
    /// let rows = results(records, |records| {
    ///     let records = records.event_time(|r| EventTime::from_millis(r.2), Watermarks::monotone());
    ///     let (orders, paid) = records.branch(|r| r.0 == 'o');
    ///     let (orders, paid) = (orders.key_by(|r| r.1), paid.key_by(|r| r.1));
    ///     let soon = Interval::after(Duration::from_millis(50));
    ///     orders.interval_join(paid, soon).semi().drop_late().map(|(number, _)| number)
    /// });
    /// assert_eq!(rows, [1]);
    /// ```
    pub fn semi(self) -> Rows<(K, L), K, L, R> {
        self.rows::<Semi>("interval join semi")
    }

    /// The left records without a match.
    ///
    /// # Semantics
    /// As for [`interval_join`](KeyedStream::interval_join).
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// # use std::time::Duration;
    /// # use rheos_engine::EventTime;
    /// # use rheos_operators::{Interval, Watermarks};
    /// let records = [('o', 1, 0), ('o', 2, 0), ('p', 1, 40)];
    /// let rows = results(records, |records| {
    ///     let records = records.event_time(|r| EventTime::from_millis(r.2), Watermarks::monotone());
    ///     let (orders, paid) = records.branch(|r| r.0 == 'o');
    ///     let (orders, paid) = (orders.key_by(|r| r.1), paid.key_by(|r| r.1));
    ///     let soon = Interval::after(Duration::from_millis(50));
    ///     orders.interval_join(paid, soon).anti().drop_late().map(|(number, _)| number)
    /// });
    /// assert_eq!(rows, [2]); // order 2 was not paid in time
    /// ```
    pub fn anti(self) -> Rows<(K, L), K, L, R> {
        self.rows::<Anti>("interval join anti")
    }

    fn rows<J: JoinKind<K, L, R>>(self, kind: &'static str) -> Rows<J::Row, K, L, R> {
        let Self { left, right, interval } = self;
        WithLate::new(move |lateness| {
            let (left, right) = (left.into_keyed(), right.into_keyed());
            let inputs =
                ((left.port(), by_key::<K, L, Timed>()), (right.port(), by_key::<K, R, Timed>()));
            let make = move |_: &_| IntervalStep::<K, L, R, J>::new(interval, lateness);
            let rows = left.port().graph().two_input(inputs.0, inputs.1, kind, make);
            rows.step().note(format!("a right record {interval} its left one"));
            Stream::new(rows)
        })
    }
}
