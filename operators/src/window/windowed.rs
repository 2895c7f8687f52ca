//! The handle of a stream that is cut into windows, and what can be asked of the windows.

use std::marker::PhantomData;
use std::ops::AddAssign;

use rheos_engine::{EventTime, ExchangeData, Key};

use super::attach::{Attached, CutStream, WindowDomain, attach};
use super::evict::folded;
use super::pane::Pane;
use super::records::{Collect, Top};
use super::windows::Windows;
use crate::aggregate::{Average, Count, Extreme, Reduce, Sum};
use crate::{Aggregate, KeyedStream, Number, Timed, WithLate};

/// Makes what an aggregate takes of a record and its time.
pub(crate) trait Prepare<V, A: Aggregate>:
    Fn(EventTime, V) -> A::In + Clone + Send + Sync + 'static
{
}

impl<V, A: Aggregate, P> Prepare<V, A> for P where
    P: Fn(EventTime, V) -> A::In + Clone + Send + Sync + 'static
{
}

/// For aggregates that take the record itself.
fn value<V>(_time: EventTime, value: V) -> V {
    value
}

/// A stream that is cut into windows, waiting to be asked what is wanted of each window.
///
/// `D` is the clock that the windows go by: [`ByEventTime`](crate::ByEventTime), whose results
/// come with late records, or [`ByProcessingTime`](crate::ByProcessingTime), for which nothing is
/// late.
#[must_use = "ask for something, .count() for example"]
///
/// `L` is what late records are: with their key, or without where the whole stream is cut.
pub struct WindowedStream<K: 'static, V: 'static, D, L = (K, V)> {
    cut: CutStream<K, V, L>,
    domain: PhantomData<D>,
}

impl<K: Key, V: ExchangeData, D: WindowDomain, L: Send + 'static> WindowedStream<K, V, D, L> {
    pub(crate) fn new(
        records: KeyedStream<K, V, Timed>,
        windows: Windows,
        late: fn((K, V)) -> L,
    ) -> Self {
        let cut = CutStream { records, windows, late, domain: D::DOMAIN };
        Self { cut, domain: PhantomData }
    }

    fn attach<A: Aggregate>(
        self,
        kind: &'static str,
        aggregate: A,
        prepare: impl Prepare<V, A>,
    ) -> Attached<D, K, A::Out, L> {
        D::results(self.panes(kind, aggregate, prepare))
    }

    /// The panes of an aggregate, with late records.
    pub(crate) fn panes<A: Aggregate>(
        self,
        kind: &'static str,
        aggregate: A,
        prepare: impl Prepare<V, A>,
    ) -> WithLate<Pane<K, A::Out>, L> {
        attach(kind, self.cut, aggregate, prepare)
    }

    /// All values of each window, in order of event time.
    pub(crate) fn collected(self, kind: &'static str) -> WithLate<Pane<K, Vec<V>>, L>
    where
        V: Clone,
    {
        self.panes(kind, Collect::new(), |time, value| (time, value))
    }

    /// How many records each window has.
    ///
    /// # Semantics
    /// As for [`aggregate`](Self::aggregate).
    ///
    /// ```
    /// # use rheos_operators::examples::timed;
    /// # use std::time::Duration;
    /// # use rheos_operators::Windows;
    /// let counts = timed([(1_000, "a"), (2_000, "b"), (2_500, "a"), (11_000, "a")], |letters| {
    ///     let tens = Windows::tumbling(Duration::from_secs(10));
    ///     letters.map(String::from).key_by_self().window(tens).count().drop_late()
    ///         .map(|pane| (pane.key, pane.window.start.as_millis(), pane.value))
    /// });
    /// let row = |key: &str, start, count| (key.to_owned(), start, count);
    /// assert_eq!(counts, [row("a", 0, 2), row("b", 0, 1), row("a", 10_000, 1)]);
    /// ```
    pub fn count(self) -> Attached<D, K, u64, L> {
        self.attach("window count", Count::default(), value)
    }

    /// The values of each window added up, beginning with the type's default.
    ///
    /// # Semantics
    /// As for [`aggregate`](Self::aggregate).
    ///
    /// ```
    /// # use rheos_operators::examples::timed;
    /// # use std::time::Duration;
    /// # use rheos_operators::Windows;
    /// let sums = timed([(1_000, 5u64), (2_000, 7), (11_000, 9)], |numbers| {
    ///     let tens = Windows::tumbling(Duration::from_secs(10));
    ///     numbers.window(tens).sum().drop_late().map(|pane| pane.value)
    /// });
    /// assert_eq!(sums, [12, 9]);
    /// ```
    pub fn sum(self) -> Attached<D, K, V, L>
    where
        V: AddAssign + Default + Clone,
    {
        self.attach("window sum", Sum::default(), value)
    }

    /// The average of the values of each window, in double precision.
    ///
    /// # Semantics
    /// As for [`aggregate`](Self::aggregate).
    ///
    /// ```
    /// # use rheos_operators::examples::timed;
    /// # use std::time::Duration;
    /// # use rheos_operators::Windows;
    /// let means = timed([(1_000, 5u64), (2_000, 8), (11_000, 9)], |numbers| {
    ///     let tens = Windows::tumbling(Duration::from_secs(10));
    ///     numbers.window(tens).average().drop_late().map(|pane| pane.value)
    /// });
    /// assert_eq!(means, [6.5, 9.0]);
    /// ```
    pub fn average(self) -> Attached<D, K, f64, L>
    where
        V: Number,
    {
        self.attach("window average", Average::default(), value)
    }

    /// The smallest value of each window.
    ///
    /// # Semantics
    /// As for [`aggregate`](Self::aggregate).
    ///
    /// ```
    /// # use rheos_operators::examples::timed;
    /// # use std::time::Duration;
    /// # use rheos_operators::Windows;
    /// let least = timed([(1_000, 5u64), (2_000, 8), (11_000, 9)], |numbers| {
    ///     let tens = Windows::tumbling(Duration::from_secs(10));
    ///     numbers.window(tens).min().drop_late().map(|pane| pane.value)
    /// });
    /// assert_eq!(least, [5, 9]);
    /// ```
    pub fn min(self) -> Attached<D, K, V, L>
    where
        V: Ord + Clone,
    {
        self.attach("window min", Extreme::new(|a: &V, b: &V| a < b), value)
    }

    /// The largest value of each window.
    ///
    /// # Semantics
    /// As for [`aggregate`](Self::aggregate).
    ///
    /// ```
    /// # use rheos_operators::examples::timed;
    /// # use std::time::Duration;
    /// # use rheos_operators::Windows;
    /// let most = timed([(1_000, 5u64), (2_000, 8), (11_000, 9)], |numbers| {
    ///     let tens = Windows::tumbling(Duration::from_secs(10));
    ///     numbers.window(tens).max().drop_late().map(|pane| pane.value)
    /// });
    /// assert_eq!(most, [8, 9]);
    /// ```
    pub fn max(self) -> Attached<D, K, V, L>
    where
        V: Ord + Clone,
    {
        self.attach("window max", Extreme::new(|a: &V, b: &V| a > b), value)
    }

    /// The values of each window joined two at a time until one is left. `join` must be
    /// associative and commutative; where order matters, use [`fold`](Self::fold).
    ///
    /// # Semantics
    /// As for [`aggregate`](Self::aggregate).
    ///
    /// ```
    /// # use rheos_operators::examples::timed;
    /// # use std::time::Duration;
    /// # use rheos_operators::Windows;
    /// let flags = timed([(1_000, 0b01u8), (2_000, 0b10), (11_000, 0b01)], |flags| {
    ///     let tens = Windows::tumbling(Duration::from_secs(10));
    ///     flags.window(tens).reduce(|a, b| a | b).drop_late().map(|pane| pane.value)
    /// });
    /// assert_eq!(flags, [0b11, 0b01]);
    /// ```
    pub fn reduce(
        self,
        join: impl Fn(V, V) -> V + Clone + Send + Sync + 'static,
    ) -> Attached<D, K, V, L>
    where
        V: Clone,
    {
        self.attach("window reduce", Reduce::new(join), value)
    }

    /// Aggregates the values of each window as `aggregate` says.
    ///
    /// # Semantics
    /// * **Order**: panes of a window come in order; windows of a key answer in the order of
    ///   their ends. Between keys the order is not fixed.
    /// * **Watermarks**: passed on; a result has the event time of its window's last millisecond.
    /// * **Late records**: those whose windows are all over, by the watermark as it was when their
    ///   epoch began; see [`WithLate`](crate::WithLate). A late pane is itself behind the
    ///   watermark, and may be late in a window further on.
    /// * **State**: an accumulator for each key and window (each key and slice, where windows
    ///   overlap), until the watermark has passed the window's end and the allowed lateness. An
    ///   aggregate with an [inverse](Aggregate::unmerge) is cheaper in sliding windows.
    /// * **End of the input**: all windows answer.
    /// * **Workers**: each combines its own records first where windows are tumbling or sliding.
    ///   The results on time do not depend on them, as long as no record is late.
    ///
    /// ```
    /// # use rheos_operators::{Aggregate, examples::timed};
    /// # use std::time::Duration;
    /// # use rheos_operators::Windows;
    /// # #[derive(Clone)]
    /// # struct Longest;
    /// # impl Aggregate for Longest {
    /// #     type In = String;
    /// #     type Acc = usize;
    /// #     type Out = usize;
    /// #     fn create(&self) -> usize { 0 }
    /// #     fn add(&self, longest: &mut usize, line: String) { *longest = (*longest).max(line.len()); }
    /// #     fn merge(&self, longest: &mut usize, other: usize) { *longest = (*longest).max(other); }
    /// #     fn finish(&self, longest: &usize) -> usize { *longest }
    /// # }
    /// let lines = [(1_000, "to be"), (2_000, "or not"), (11_000, "to")];
    /// let longest = timed(lines, |lines| {
    ///     let tens = Windows::tumbling(Duration::from_secs(10));
    ///     let lines = lines.map(String::from);
    ///     lines.window(tens).aggregate(Longest).drop_late().map(|pane| pane.value)
    /// });
    /// assert_eq!(longest, [6, 2]);
    /// ```
    pub fn aggregate<A: Aggregate<In = V>>(self, aggregate: A) -> Attached<D, K, A::Out, L> {
        self.attach("window aggregate", aggregate, value)
    }

    /// The `records` largest values of each window, the largest first.
    ///
    /// # Semantics
    /// As for [`aggregate`](Self::aggregate).
    ///
    /// # Panics
    /// When `records` is zero.
    ///
    /// ```
    /// # use rheos_operators::examples::timed;
    /// # use std::time::Duration;
    /// # use rheos_operators::Windows;
    /// let top = timed([(1_000, 5u64), (2_000, 8), (3_000, 6), (11_000, 9)], |numbers| {
    ///     let tens = Windows::tumbling(Duration::from_secs(10));
    ///     numbers.window(tens).top(2).drop_late().map(|pane| pane.value)
    /// });
    /// assert_eq!(top, [vec![8, 6], vec![9]]);
    /// ```
    pub fn top(self, records: usize) -> Attached<D, K, Vec<V>, L>
    where
        V: Ord + Clone,
    {
        self.attach("window top", Top::new(records), value)
    }

    /// All values of each window, in order of event time.
    ///
    /// # Semantics
    /// As for [`aggregate`](Self::aggregate), but the state is all records of the open windows.
    ///
    /// ```
    /// # use rheos_operators::examples::timed;
    /// # use std::time::Duration;
    /// # use rheos_operators::Windows;
    /// let all = timed([(2_000, 'b'), (1_000, 'a'), (11_000, 'c')], |letters| {
    ///     let tens = Windows::tumbling(Duration::from_secs(10));
    ///     letters.window(tens).collect().drop_late().map(|pane| pane.value)
    /// });
    /// assert_eq!(all, [vec!['a', 'b'], vec!['c']]);
    /// ```
    pub fn collect(self) -> Attached<D, K, Vec<V>, L>
    where
        V: Clone,
    {
        D::results(self.collected("window collect"))
    }

    /// Folds the values of each window, in order of event time, into a state of the program's own.
    /// The records are kept until the window answers: an aggregate needs less memory.
    ///
    /// # Semantics
    /// As for [`collect`](Self::collect).
    ///
    /// ```
    /// # use rheos_operators::examples::timed;
    /// # use std::time::Duration;
    /// # use rheos_operators::Windows;
    /// let texts = timed([(2_000, 'b'), (1_000, 'a'), (11_000, 'c')], |letters| {
    ///     let tens = Windows::tumbling(Duration::from_secs(10));
    ///     let text = letters.window(tens).fold(String::new(), |text, letter| text.push(letter));
    ///     text.drop_late().map(|pane| pane.value)
    /// });
    /// assert_eq!(texts, ["ab", "c"]);
    /// ```
    pub fn fold<S>(
        self,
        initial: S,
        step: impl Fn(&mut S, V) + Clone + Send + Sync + 'static,
    ) -> Attached<D, K, S, L>
    where
        V: Clone,
        S: Clone + Send + Sync + 'static,
    {
        D::results(folded(self.collected("window fold"), initial, step))
    }

    /// Hands each pane, with the values of its window in order of event time, to a function that
    /// gives any number of records.
    ///
    /// # Semantics
    /// As for [`collect`](Self::collect).
    ///
    /// ```
    /// # use rheos_operators::examples::timed;
    /// # use std::time::Duration;
    /// # use rheos_operators::Windows;
    /// // By how much the values of a window rise from the first to the last.
    /// let rises = timed([(1_000, 5i64), (2_000, 9), (3_000, 7), (11_000, 1)], |numbers| {
    ///     let tens = Windows::tumbling(Duration::from_secs(10));
    ///     let rises = numbers.window(tens).process(|pane| {
    ///         let rise = pane.value.last()? - pane.value.first()?;
    ///         Some((pane.window.start.as_millis(), rise))
    ///     });
    ///     rises.drop_late()
    /// });
    /// assert_eq!(rises, [(0, 2), (10_000, 0)]);
    /// ```
    pub fn process<I>(
        self,
        function: impl Fn(Pane<K, Vec<V>>) -> I + Clone + Send + Sync + 'static,
    ) -> D::Rows<I::Item, L>
    where
        V: Clone,
        I: IntoIterator + 'static,
        I::Item: 'static,
    {
        D::results(self.collected("window process").flat_map_results(function))
    }
}
