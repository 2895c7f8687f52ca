//! `sort_by_event_time`: records in order.

use rheos_engine::{EventTime, ExchangeData, Key, WorkerContext};

use super::sorter::{Release, Sorter};
use crate::apply::by_key;
use crate::with_late::{Emitted, Lateness};
use crate::{HasEventTime, KeyedStream, Stream, Timed, Timeline, WithLate};

impl<T: ExchangeData, M: Timeline> Stream<T, M> {
    /// Puts the records of the whole stream in order of event time. What stands behind it runs on
    /// one worker.
    ///
    /// # Semantics
    /// * **Order**: by event time; records with the same time stay as they came. A record is
    ///   released at the end of the epoch in which the watermark passes it.
    /// * **Watermarks**: passed on as they come: everything before them has been released.
    /// * **Late records**: those that come behind the watermark.
    /// * **State**: the records that wait, up to the limit
    ///   [`sorted_records`](rheos_engine::Limits::sorted_records), beyond which the job fails.
    /// * **End of the input**: releases everything.
    /// * **Workers**: one sorts. Between records with the same time that come through several
    ///   workers the order is not fixed.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// use std::time::Duration;
    /// use rheos_engine::EventTime;
    /// use rheos_operators::Watermarks;
    ///
    /// let sorted = results([3_000, 1_000, 2_000], |times| {
    ///     times
    ///         .event_time(
    ///             |millis| EventTime::from_millis(*millis),
    ///             Watermarks::bounded(Duration::from_secs(2)),
    ///         )
    ///         .sort_by_event_time()
    ///         .drop_late()
    ///         .without_event_time()
    /// });
    /// assert_eq!(sorted, [1_000, 2_000, 3_000]);
    /// ```
    pub fn sort_by_event_time(self) -> WithLate<T, T>
    where
        M: HasEventTime,
    {
        let one_key = M::timed(self).map(|record| ((), record)).keyed();
        attach(one_key, Sorted { out: |(): &(), record| record, late: |(), record| record })
    }
}

impl<K: Key, V: ExchangeData, M: Timeline> KeyedStream<K, V, M> {
    /// Puts the records of each key in order of event time, and gives them with their keys. So do
    /// the records of all keys of a worker come.
    ///
    /// # Semantics
    /// As for [`sort_by_event_time`](Stream::sort_by_event_time) on a whole stream, and:
    /// * **State**: the records that wait and their keys.
    /// * **Workers**: each sorts the records of its keys. Keyed steps behind see each key in order.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// use std::time::Duration;
    /// use rheos_engine::EventTime;
    /// use rheos_operators::Watermarks;
    ///
    /// let readings = [(2_000, 'a'), (1_000, 'b'), (1_500, 'a')];
    /// let sorted = results(readings, |readings| {
    ///     readings
    ///         .event_time(
    ///             |(millis, _)| EventTime::from_millis(*millis),
    ///             Watermarks::bounded(Duration::from_secs(1)),
    ///         )
    ///         .key_by(|(_, sensor)| *sensor)
    ///         .sort_by_event_time()
    ///         .drop_late()
    ///         .without_event_time()
    ///         .map(|(sensor, (millis, _))| (sensor, millis))
    /// });
    /// assert_eq!(sorted, [('b', 1_000), ('a', 1_500), ('a', 2_000)]);
    /// ```
    pub fn sort_by_event_time(self) -> WithLate<(K, V), (K, V)>
    where
        M: HasEventTime,
    {
        let out = |key: &K, value| (key.clone(), value);
        attach(self.timed(), Sorted { out, late: |key, value| (key, value) })
    }
}

/// Adds a sorter when it is known what becomes of late records.
fn attach<K: Key, V: ExchangeData, O: Send + 'static>(
    records: KeyedStream<K, V, Timed>,
    release: Sorted<K, V, O>,
) -> WithLate<O, O> {
    attach_sorter("sort", records, release)
}

/// As [`attach`], for sorters of every kind.
pub(super) fn attach_sorter<K, V, R>(
    kind: &'static str,
    records: KeyedStream<K, V, Timed>,
    release: R,
) -> WithLate<R::Out, R::Late>
where
    K: Key,
    V: ExchangeData,
    R: Release<K, V> + Clone + Send + Sync,
{
    WithLate::new(move |lateness: Lateness| -> Stream<Emitted<R::Out, R::Late>, Timed> {
        let records = records.into_keyed();
        let make = move |context: &WorkerContext| {
            Sorter::new(release.clone(), lateness, context.limits().sorted_records)
        };
        let route = by_key::<K, V, Timed>();
        Stream::new(records.port().graph().operator(records.port(), route, kind, make))
    })
}

/// Releases records as they are.
pub(super) struct Sorted<K, V, O> {
    out: fn(&K, V) -> O,
    late: fn(K, V) -> O,
}

impl<K, V, O> Clone for Sorted<K, V, O> {
    fn clone(&self) -> Self {
        Self { out: self.out, late: self.late }
    }
}

impl<K: 'static, V: 'static, O: Send + 'static> Release<K, V> for Sorted<K, V, O> {
    type State = ();
    type Out = O;
    type Late = O;

    fn release(&self, (): &mut (), key: &K, _time: EventTime, value: V) -> (O, Option<EventTime>) {
        ((self.out)(key, value), None)
    }

    fn late(&self, key: K, value: V) -> O {
        (self.late)(key, value)
    }
}

#[cfg(test)]
impl Sorted<u64, i64, (u64, i64)> {
    /// Releases values with their keys.
    pub(super) fn with_keys() -> Self {
        Self { out: |key, value| (*key, value), late: |key, value| (key, value) }
    }
}
