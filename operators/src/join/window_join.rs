//! `window_join` and its co-group: records of two streams that are in the same window.
//!
//! Both inputs become one stream of sides, which is cut into windows like any other: what windows
//! can do (lateness, early panes, sessions over both sides) joins can do too.

use std::marker::PhantomData;
use std::rc::Rc;

use rheos_engine::{ExchangeData, Key};

use super::kind::{Anti, Full, Inner, JoinKind, Left, Right, Semi};
use super::side::Side;
use crate::{
    Aggregate, ByEventTime, HasEventTime, KeyedStream, Pane, Timeline, WindowedStream, Windows,
    WithLate,
};

/// The records of a window by side.
struct Sides<L, R>(PhantomData<fn(L, R)>);

impl<L, R> Clone for Sides<L, R> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<L: ExchangeData + Clone, R: ExchangeData + Clone> Aggregate for Sides<L, R> {
    type In = Side<L, R>;
    type Acc = (Vec<L>, Vec<R>);
    type Out = (Vec<L>, Vec<R>);

    fn create(&self) -> Self::Acc {
        (Vec::new(), Vec::new())
    }

    #[inline]
    fn add(&self, (left, right): &mut Self::Acc, record: Side<L, R>) {
        match record {
            Side::Left(record) => left.push(record),
            Side::Right(record) => right.push(record),
        }
    }

    fn merge(&self, (left, right): &mut Self::Acc, (mut more_left, mut more_right): Self::Acc) {
        left.append(&mut more_left);
        right.append(&mut more_right);
    }

    fn finish(&self, sides: &Self::Acc) -> Self::Out {
        sides.clone()
    }
}

/// A late record of either input, with its key.
type LateOf<K, L, R> = Side<(K, L), (K, R)>;

/// A row of a full join.
type FullRow<K, L, R> = (K, Option<L>, Option<R>);

/// All records of a window.
type Group<K, L, R> = Pane<K, (Vec<L>, Vec<R>)>;

/// Rows of a join of `L` and `R`, with late records of both sides.
type Rows<T, K, L, R> = WithLate<T, LateOf<K, L, R>>;

fn late<K, L, R>((key, record): (K, Side<L, R>)) -> LateOf<K, L, R> {
    match record {
        Side::Left(record) => Side::Left((key, record)),
        Side::Right(record) => Side::Right((key, record)),
    }
}

impl<K: Key, L: ExchangeData + Clone, M: Timeline> KeyedStream<K, L, M> {
    /// Brings together the records of the same key in the same window. Which of them become rows
    /// is said next: `.inner()`, `.left()`, `.right()`, `.full()`, `.semi()`, `.anti()`, or all
    /// of a window at once with `.co_group()`.
    ///
    /// # Semantics
    /// * **Matches**: every left with every right record of a key and window. In overlapping
    ///   windows two records match once for each window that holds both. A session is made by the
    ///   records of both sides.
    /// * **Order**: rows come when their window answers; between rows no order is promised.
    /// * **Event time**, **Watermarks**, **Late records**: as for windows, see
    ///   [`WindowedStream::aggregate`]; the watermark is the earlier of the two inputs.
    /// * **State**: all records of windows that are not over.
    /// * **End of the input**: all windows answer.
    /// * **Workers**: the rows do not depend on them, except for late records.
    ///
    /// # Panics
    /// When the streams belong to different jobs.
    ///
    /// ```
    /// # use rheos_operators::examples::timed;
    /// use std::time::Duration;
    /// use rheos_operators::Windows;
    ///
    /// // Clicks and views of pages, in the same ten seconds.
    /// let events = [(1_000, ("view", 7)), (9_999, ("click", 7)), (10_000, ("click", 7))];
    /// let rows = timed(events, |events| {
    ///     let (views, clicks) = events.branch(|event| event.0 == "view");
    ///     let (views, clicks) = (views.map(|e| e.1).key_by_self(), clicks.map(|e| e.1).key_by_self());
    ///     let tens = Windows::tumbling(Duration::from_secs(10));
    ///     views.window_join(clicks, tens).inner().drop_late().map(|(page, _, _)| page)
    /// });
    /// assert_eq!(rows, [7]); // the click at exactly 10 s is in the next window
    /// ```
    pub fn window_join<R: ExchangeData + Clone, N: HasEventTime>(
        self,
        right: KeyedStream<K, R, N>,
        windows: Windows,
    ) -> WindowJoin<K, L, R>
    where
        M: HasEventTime,
    {
        let left = self.timed().map_values(Side::Left).into_keyed();
        let right = right.timed().map_values(Side::Right).into_keyed();
        let sides = KeyedStream::new(left.union(right));
        WindowJoin { sides: WindowedStream::new(sides, windows, late) }
    }
}

/// A join of records in the same window, before it is said which become rows; see
/// [`KeyedStream::window_join`].
#[must_use = "say which records become rows, with .inner() for example"]
pub struct WindowJoin<K: 'static, L: 'static, R: 'static> {
    sides: WindowedStream<K, Side<L, R>, ByEventTime, LateOf<K, L, R>>,
}

impl<K: Key, L: ExchangeData + Clone, R: ExchangeData + Clone> WindowJoin<K, L, R> {
    /// Every pair of records of a window.
    ///
    /// # Semantics
    /// As for [`window_join`](KeyedStream::window_join).
    ///
    /// ```
    /// # use rheos_operators::examples::timed;
    /// # use std::time::Duration;
    /// # use rheos_operators::Windows;
    /// let numbers = timed([(1, -1i64), (2, 5), (3, 6), (12, -7)], |numbers| {
    ///     let (minus, plus) = numbers.branch(|n| *n < 0);
    ///     let tens = Windows::tumbling(Duration::from_millis(10));
    ///     let rows = minus.key_by(|_| ()).window_join(plus.key_by(|_| ()), tens).inner();
    ///     rows.drop_late().map(|((), minus, plus)| (minus, plus))
    /// });
    /// assert_eq!(numbers, [(-1, 5), (-1, 6)]);
    /// ```
    pub fn inner(self) -> Rows<(K, L, R), K, L, R> {
        self.rows::<Inner>("window join")
    }

    /// Every pair of records of a window, and the left records without a right one.
    ///
    /// # Semantics
    /// As for [`window_join`](KeyedStream::window_join).
    ///
    /// ```
    /// # use rheos_operators::examples::timed;
    /// # use std::time::Duration;
    /// # use rheos_operators::Windows;
    /// let numbers = timed([(1, -1i64), (2, 5), (12, -7)], |numbers| {
    ///     let (minus, plus) = numbers.branch(|n| *n < 0);
    ///     let tens = Windows::tumbling(Duration::from_millis(10));
    ///     let rows = minus.key_by(|_| ()).window_join(plus.key_by(|_| ()), tens).left();
    ///     rows.drop_late().map(|((), minus, plus)| (minus, plus))
    /// });
    /// assert_eq!(numbers, [(-1, Some(5)), (-7, None)]);
    /// ```
    pub fn left(self) -> Rows<(K, L, Option<R>), K, L, R> {
        self.rows::<Left>("window join left")
    }

    /// Every pair of records of a window, and the right records without a left one.
    ///
    /// # Semantics
    /// As for [`window_join`](KeyedStream::window_join).
    ///
    /// ```
    /// # use rheos_operators::examples::timed;
    /// # use std::time::Duration;
    /// # use rheos_operators::Windows;
    /// let numbers = timed([(1, -1i64), (2, 5), (12, 7)], |numbers| {
    ///     let (minus, plus) = numbers.branch(|n| *n < 0);
    ///     let tens = Windows::tumbling(Duration::from_millis(10));
    ///     let rows = minus.key_by(|_| ()).window_join(plus.key_by(|_| ()), tens).right();
    ///     rows.drop_late().map(|((), minus, plus)| (minus, plus))
    /// });
    /// assert_eq!(numbers, [(Some(-1), 5), (None, 7)]);
    /// ```
    pub fn right(self) -> Rows<(K, Option<L>, R), K, L, R> {
        self.rows::<Right>("window join right")
    }

    /// Every pair of records of a window, and all records without one of the other side.
    ///
    /// # Semantics
    /// As for [`window_join`](KeyedStream::window_join).
    ///
    /// ```
    /// # use rheos_operators::examples::timed;
    /// # use std::time::Duration;
    /// # use rheos_operators::Windows;
    /// let numbers = timed([(1, -1i64), (12, 7)], |numbers| {
    ///     let (minus, plus) = numbers.branch(|n| *n < 0);
    ///     let tens = Windows::tumbling(Duration::from_millis(10));
    ///     let rows = minus.key_by(|_| ()).window_join(plus.key_by(|_| ()), tens).full();
    ///     rows.drop_late().map(|((), minus, plus)| (minus, plus))
    /// });
    /// assert_eq!(numbers, [(Some(-1), None), (None, Some(7))]);
    /// ```
    pub fn full(self) -> Rows<FullRow<K, L, R>, K, L, R> {
        self.rows::<Full>("window join full")
    }

    /// The left records with a right one in their window.
    ///
    /// # Semantics
    /// As for [`window_join`](KeyedStream::window_join).
    ///
    /// ```
    /// # use rheos_operators::examples::timed;
    /// # use std::time::Duration;
    /// # use rheos_operators::Windows;
    /// let answered = timed([(1, -1i64), (2, 5), (3, 6), (12, -7)], |numbers| {
    ///     let (minus, plus) = numbers.branch(|n| *n < 0);
    ///     let tens = Windows::tumbling(Duration::from_millis(10));
    ///     let rows = minus.key_by(|_| ()).window_join(plus.key_by(|_| ()), tens).semi();
    ///     rows.drop_late().map(|((), minus)| minus)
    /// });
    /// assert_eq!(answered, [-1]);
    /// ```
    pub fn semi(self) -> Rows<(K, L), K, L, R> {
        self.rows::<Semi>("window semi join")
    }

    /// The left records without a right one in their window.
    ///
    /// # Semantics
    /// As for [`window_join`](KeyedStream::window_join).
    ///
    /// ```
    /// # use rheos_operators::examples::timed;
    /// # use std::time::Duration;
    /// # use rheos_operators::Windows;
    /// let unanswered = timed([(1, -1i64), (2, 5), (12, -7)], |numbers| {
    ///     let (minus, plus) = numbers.branch(|n| *n < 0);
    ///     let tens = Windows::tumbling(Duration::from_millis(10));
    ///     let rows = minus.key_by(|_| ()).window_join(plus.key_by(|_| ()), tens).anti();
    ///     rows.drop_late().map(|((), minus)| minus)
    /// });
    /// assert_eq!(unanswered, [-7]);
    /// ```
    pub fn anti(self) -> Rows<(K, L), K, L, R> {
        self.rows::<Anti>("window anti join")
    }

    /// All left and all right records of each window as one pane: for joins of the program's own.
    ///
    /// # Semantics
    /// As for [`window_join`](KeyedStream::window_join).
    ///
    /// ```
    /// # use rheos_operators::examples::timed;
    /// # use std::time::Duration;
    /// # use rheos_operators::Windows;
    /// // Whether more came than went.
    /// let grew = timed([(1, -1i64), (2, 5), (3, 6), (12, -7)], |numbers| {
    ///     let (minus, plus) = numbers.branch(|n| *n < 0);
    ///     let tens = Windows::tumbling(Duration::from_millis(10));
    ///     let groups = minus.key_by(|_| ()).window_join(plus.key_by(|_| ()), tens).co_group();
    ///     groups.drop_late().map(|pane| pane.value.1.len() > pane.value.0.len())
    /// });
    /// assert_eq!(grew, [true, false]);
    /// ```
    pub fn co_group(self) -> Rows<Group<K, L, R>, K, L, R> {
        self.sides.panes("co-group", Sides(PhantomData), |_, record| record)
    }

    fn rows<J: JoinKind<K, L, R>>(self, kind: &'static str) -> Rows<J::Row, K, L, R> {
        let panes = self.sides.panes(kind, Sides(PhantomData), |_, record| record);
        panes.flat_map_results(|pane: Pane<K, (Vec<L>, Vec<R>)>| {
            let (left, right) = pane.value;
            rows::<K, L, R, J>(pane.key, left, right)
        })
    }
}

/// The rows of one key and window, made one by one: a window with many records of both sides has
/// far more rows than memory has room for.
fn rows<K, L, R, J>(key: K, left: Vec<L>, right: Vec<R>) -> Box<dyn Iterator<Item = J::Row>>
where
    K: Key,
    L: ExchangeData,
    R: 'static,
    J: JoinKind<K, L, R>,
{
    let right: Vec<J::Right> = right.into_iter().map(J::keep).collect();
    if left.is_empty() {
        return Box::new(right.into_iter().filter_map(move |record| J::right_alone(&key, record)));
    }
    let left = left.into_iter();
    if right.is_empty() {
        return Box::new(left.filter_map(move |record| J::left_alone(&key, record)));
    }
    if !J::PAIRS {
        return Box::new(left.filter_map(move |record| J::met(&key, record)));
    }
    let (key, right) = (Rc::new(key), Rc::<[J::Right]>::from(right));
    Box::new(left.flat_map(move |record| {
        let (key, right) = (Rc::clone(&key), Rc::clone(&right));
        (0..right.len()).filter_map(move |at| J::pair(&key, &record, &right[at]))
    }))
}
