//! Whether the records of a stream have event time: a mark on its handle.
//!
//! A stream is `Untimed` until [`Stream::event_time`] says when its records happened, and `Timed`
//! from then on. Steps that need event time exist on timed streams only, so that a program that
//! forgot to say when its records happened does not compile.

use rheos_engine::{EventTime, ExchangeData, Next, Output, Stamped};

use crate::Stream;
use crate::expand::{expand_timed, expand_untimed};
use crate::mapping::mapping;

/// Whether a stream has event time: [`Untimed`] or [`Timed`].
///
/// A function over streams of either kind is generic over it:
///
/// ```
/// use rheos_operators::{Stream, Timeline};
/// fn even<M: Timeline>(numbers: Stream<u64, M>) -> Stream<u64, M> {
///     numbers.filter(|n| n % 2 == 0)
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say whether a stream has event time",
    note = "it is `Untimed` or `Timed`; leave it out for `Untimed`"
)]
pub trait Timeline: sealed::Sealed + Sized + 'static {
    /// How a record travels.
    type Record<T: 'static>: 'static;

    /// What travels beside it; of two records that become one it is the greater one.
    type Stamp: ExchangeData + Copy + Ord;

    /// Whether there is event time.
    const IS_TIMED: bool;

    /// Takes a record and what travels beside it apart.
    fn split<T: 'static>(record: Self::Record<T>) -> (Self::Stamp, T);

    /// Puts a record and what travels beside it together.
    fn join<T: 'static>(stamp: Self::Stamp, value: T) -> Self::Record<T>;

    /// The record itself.
    fn value<T: 'static>(record: &Self::Record<T>) -> &T;

    /// What travels beside a record.
    fn stamp_of<T: 'static>(record: &Self::Record<T>) -> Self::Stamp;

    /// What travels beside a record that happened at `time`.
    fn stamp(time: EventTime) -> Self::Stamp;

    /// When a record happened; the beginning of time where there is no event time.
    fn time(stamp: Self::Stamp) -> EventTime;

    /// The stream without event time.
    fn forget<T: 'static>(stream: Stream<T, Self>) -> Stream<T>;

    /// See [`Stream::expand`].
    fn expand<T: 'static, U: 'static>(
        stream: Stream<T, Self>,
        expand: impl Fn(T, &mut Output<'_, U>) + Clone + Send + Sync + 'static,
    ) -> Stream<U, Self>;
}

/// A stream that has event time: [`Timed`]. Steps that need event time ask for it, so that a
/// program which did not say when its records happened is told so by the compiler.
#[diagnostic::on_unimplemented(
    message = "this needs event time, and the stream has none",
    label = "the records before this step have no event time",
    note = "say when records happened, best right behind the source: `.event_time(|record| .., Watermarks::bounded(..))`",
    note = "a process function for such a stream implements `ProcessFunction<Timed>`, and takes a `ProcessContext<'_, Timed, ..>`",
    note = "windows of the time at which records are seen need none: `.processing_time_window(..)`"
)]
pub trait HasEventTime: Timeline {
    #[doc(hidden)]
    fn timed<T: 'static>(stream: Stream<T, Self>) -> Stream<T, Timed>;
}

impl HasEventTime for Timed {
    fn timed<T: 'static>(stream: Stream<T, Timed>) -> Stream<T, Timed> {
        stream
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Untimed {}
    impl Sealed for super::Timed {}
}

/// A batch of records of a stream.
pub(crate) type Batch<M, T> = Vec<<M as Timeline>::Record<T>>;

/// What takes the records of a stream.
pub(crate) type NextOf<M, T> = Next<<M as Timeline>::Record<T>>;

/// Marks a stream whose records have no event time.
#[derive(Clone, Copy, Debug)]
pub enum Untimed {}

/// Marks a stream whose records have event time.
#[derive(Clone, Copy, Debug)]
pub enum Timed {}

impl Timeline for Untimed {
    type Record<T: 'static> = T;
    type Stamp = ();
    const IS_TIMED: bool = false;

    #[inline]
    fn split<T: 'static>(record: T) -> ((), T) {
        ((), record)
    }

    #[inline]
    fn join<T: 'static>((): (), value: T) -> T {
        value
    }

    #[inline]
    fn value<T: 'static>(record: &T) -> &T {
        record
    }

    #[inline]
    fn stamp_of<T: 'static>(_record: &T) {}

    #[inline]
    fn stamp(_time: EventTime) {}

    #[inline]
    fn time((): ()) -> EventTime {
        EventTime::MIN
    }

    fn forget<T: 'static>(stream: Stream<T>) -> Stream<T> {
        stream
    }

    fn expand<T: 'static, U: 'static>(
        stream: Stream<T>,
        expand: impl Fn(T, &mut Output<'_, U>) + Clone + Send + Sync + 'static,
    ) -> Stream<U> {
        expand_untimed(stream, expand)
    }
}

impl Timeline for Timed {
    type Record<T: 'static> = Stamped<T>;
    type Stamp = EventTime;
    const IS_TIMED: bool = true;

    #[inline]
    fn split<T: 'static>(record: Stamped<T>) -> (EventTime, T) {
        (record.time, record.value)
    }

    #[inline]
    fn join<T: 'static>(time: EventTime, value: T) -> Stamped<T> {
        Stamped { time, value }
    }

    #[inline]
    fn value<T: 'static>(record: &Stamped<T>) -> &T {
        &record.value
    }

    #[inline]
    fn stamp_of<T: 'static>(record: &Stamped<T>) -> EventTime {
        record.time
    }

    #[inline]
    fn stamp(time: EventTime) -> EventTime {
        time
    }

    #[inline]
    fn time(stamp: EventTime) -> EventTime {
        stamp
    }

    fn forget<T: 'static>(stream: Stream<T, Timed>) -> Stream<T> {
        stream.batchwise("without event time", |_| mapping(|stamped: Stamped<T>| stamped.value))
    }

    fn expand<T: 'static, U: 'static>(
        stream: Stream<T, Timed>,
        expand: impl Fn(T, &mut Output<'_, U>) + Clone + Send + Sync + 'static,
    ) -> Stream<U, Timed> {
        expand_timed(stream, expand)
    }
}

impl<T: 'static, M: Timeline> Stream<T, M> {
    /// The records without their event time.
    ///
    /// # Semantics
    /// * **Order**: kept.
    /// * **State**: none.
    /// * **End of the input**: passed on.
    /// * **Workers**: records stay where they are.
    ///
    /// ```
    /// # use rheos_operators::{Watermarks, examples::results};
    /// # use rheos_engine::EventTime;
    /// let plain = results([3u64, 1], |numbers| {
    ///     numbers
    ///         .event_time(|n| EventTime::from_millis(*n as i64), Watermarks::monotone())
    ///         .without_event_time()
    /// });
    /// assert_eq!(plain, [3, 1]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn without_event_time(self) -> Stream<T> {
        M::forget(self)
    }

    /// The records with their event time, on a stream without.
    ///
    /// # Semantics
    /// As for [`without_event_time`](Stream::without_event_time).
    ///
    /// ```
    /// # use rheos_operators::{Watermarks, examples::results};
    /// # use rheos_engine::{EventTime, ExchangeData, Stamped};
    /// let stamped = results([3u64, 1], |numbers| {
    ///     let time = |n: &u64| EventTime::from_millis(*n as i64);
    ///     numbers.event_time(time, Watermarks::monotone()).stamped()
    /// });
    /// assert_eq!(stamped[0], Stamped { time: EventTime::from_millis(3), value: 3 });
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn stamped(self) -> Stream<Stamped<T>>
    where
        M: HasEventTime,
    {
        M::timed(self).batchwise("stamped", |_| mapping(|stamped: Stamped<T>| stamped))
    }
}
