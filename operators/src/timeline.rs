//! Whether the records of a stream have event time: a mark on its handle.
//!
//! A stream is `Untimed` until [`Stream::event_time`] says when its records happened, and `Timed`
//! from then on. Steps that need event time exist on timed streams only, so that a program that
//! forgot to say when its records happened does not compile.

use rheos_engine::{EventTime, Stamped};

use crate::Stream;
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

    /// What travels beside it.
    type Stamp: Copy + 'static;

    /// Whether there is event time.
    const IS_TIMED: bool;

    /// Takes a record and what travels beside it apart.
    fn split<T: 'static>(record: Self::Record<T>) -> (Self::Stamp, T);

    /// Puts a record and what travels beside it together.
    fn join<T: 'static>(stamp: Self::Stamp, value: T) -> Self::Record<T>;

    /// The record itself.
    fn value<T: 'static>(record: &Self::Record<T>) -> &T;

    /// The record with its event time; at the beginning of time where it has none.
    fn stamp<T: 'static>(record: Self::Record<T>) -> Stamped<T>;

    /// The stream without event time.
    fn forget<T: 'static>(stream: Stream<T, Self>) -> Stream<T>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Untimed {}
    impl Sealed for super::Timed {}
}

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
    fn stamp<T: 'static>(record: T) -> Stamped<T> {
        Stamped { time: EventTime::MIN, value: record }
    }

    fn forget<T: 'static>(stream: Stream<T>) -> Stream<T> {
        stream
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
    fn stamp<T: 'static>(record: Stamped<T>) -> Stamped<T> {
        record
    }

    fn forget<T: 'static>(stream: Stream<T, Timed>) -> Stream<T> {
        stream.batchwise("without event time", |_| mapping(|stamped: Stamped<T>| stamped.value))
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
}

impl<T: 'static> Stream<T, Timed> {
    /// The records with their event time, on a stream without.
    ///
    /// # Semantics
    /// As for [`without_event_time`](Stream::without_event_time).
    ///
    /// ```
    /// # use rheos_operators::{Watermarks, examples::results};
    /// # use rheos_engine::{EventTime, Stamped};
    /// let stamped = results([3u64, 1], |numbers| {
    ///     let time = |n: &u64| EventTime::from_millis(*n as i64);
    ///     numbers.event_time(time, Watermarks::monotone()).stamped()
    /// });
    /// assert_eq!(stamped[0], Stamped { time: EventTime::from_millis(3), value: 3 });
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn stamped(self) -> Stream<Stamped<T>> {
        self.batchwise("stamped", |_| mapping(|stamped: Stamped<T>| stamped))
    }
}
