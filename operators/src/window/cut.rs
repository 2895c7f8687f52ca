//! `window` and its kin: cuts a stream, or each key of one, into windows.

use rheos_engine::{ExchangeData, Key, Keyed, Stamped};

use super::attach::{ByCount, ByEventTime, ByProcessingTime, stamp_now};
use super::windowed::WindowedStream;
use super::windows::Windows;
use crate::mapping::mapping;
use crate::{HasEventTime, KeyedStream, Stream, Timeline};

impl<K: Key, V: ExchangeData, M: Timeline> KeyedStream<K, V, M> {
    /// Cuts the records of each key into windows of event time.
    ///
    /// # Semantics
    /// As for [`WindowedStream::aggregate`].
    ///
    /// ```
    /// # use rheos_operators::examples::timed;
    /// # use std::time::Duration;
    /// use rheos_operators::Windows;
    /// let visits = [(0, "ann"), (4_000, "bob"), (9_000, "ann"), (60_000, "ann")];
    /// let mut sessions = timed(visits, |visits| {
    ///     visits
    ///         .map(String::from)
    ///         .key_by_self()
    ///         .window(Windows::session(Duration::from_secs(30)))
    ///         .count()
    ///         .drop_late()
    ///         .map(|pane| (pane.key, pane.value))
    /// });
    /// let row = |who: &str, visits| (who.to_owned(), visits);
    /// sessions.sort();
    /// assert_eq!(sessions, [row("ann", 1), row("ann", 2), row("bob", 1)]);
    /// ```
    pub fn window(self, windows: Windows) -> WindowedStream<K, V, ByEventTime>
    where
        M: HasEventTime,
    {
        WindowedStream::new(self.timed(), windows, |late| late)
    }
}

impl<T: ExchangeData, M: Timeline> Stream<T, M> {
    /// Cuts the whole stream into windows of event time. Each worker combines its own records
    /// where windows are tumbling or sliding; one worker keeps the windows.
    ///
    /// # Semantics
    /// As for [`WindowedStream::aggregate`].
    ///
    /// ```
    /// # use rheos_operators::examples::timed;
    /// # use std::time::Duration;
    /// use rheos_operators::Windows;
    /// let counts = timed([(0, 'a'), (4_000, 'b'), (9_000, 'c')], |letters| {
    ///     let windows = Windows::sliding(Duration::from_secs(10), Duration::from_secs(5));
    ///     letters.window(windows).count().drop_late().map(|pane| pane.value)
    /// });
    /// assert_eq!(counts, [2, 3, 1]);
    /// ```
    pub fn window(self, windows: Windows) -> WindowedStream<(), T, ByEventTime, T>
    where
        M: HasEventTime,
    {
        WindowedStream::new(self.whole().timed(), windows, |((), late)| late)
    }
}

impl<T: 'static, M: Timeline> Stream<T, M> {
    /// All records under one key.
    pub(crate) fn whole(self) -> KeyedStream<(), T, M> {
        let hash = rheos_engine::hash_key(&());
        KeyedStream::new(self.map(move |value| Keyed { hash, key: (), value }))
    }
}

impl<K: Key, V: ExchangeData, M: Timeline> KeyedStream<K, V, M> {
    /// Cuts the records of each key into windows of processing time: of the moments at which they
    /// are seen. Results depend on how fast the job runs.
    ///
    /// # Semantics
    /// As for [`WindowedStream::aggregate`], with the machine's clock in the place of event time
    /// and of the watermark. Nothing is late. A window answers when its time is over, whether or
    /// not records come.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// # use std::time::Duration;
    /// use rheos_operators::Windows;
    /// let counts = results([1u64, 2, 3], |numbers| {
    ///     let minutes = Windows::tumbling(Duration::from_secs(60));
    ///     numbers.key_by(|n| n % 2).processing_time_window(minutes).count()
    /// });
    /// assert_eq!(counts.iter().map(|pane| pane.value).sum::<u64>(), 3);
    /// ```
    pub fn processing_time_window(
        self,
        windows: Windows,
    ) -> WindowedStream<K, V, ByProcessingTime> {
        let stamped = KeyedStream::new(stamp_now(self.into_keyed()));
        WindowedStream::new(stamped, windows, |late| late)
    }
}

impl<K: Key, V: ExchangeData, M: Timeline> KeyedStream<K, V, M> {
    /// Cuts the records of each key into windows of `size` records, in the order in which they
    /// come. The bounds of such a window are the numbers of its first record and of the one
    /// behind its last, from 0 for each key, instead of times.
    ///
    /// # Semantics
    /// * **Order**: windows of a key answer one after the other, each at once when it is full.
    /// * **State**: an accumulator for each key ever seen, until the job ends.
    /// * **End of the input**: windows that are not full answer.
    /// * **Workers**: which records a window has depends on the order between workers.
    ///
    /// # Panics
    /// When `size` is zero.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let sums = results(1..=5u64, |numbers| {
    ///     numbers.key_by(|_| ()).count_window(2).sum().map(|pane| pane.value)
    /// });
    /// assert_eq!(sums, [3, 7, 5]);
    /// ```
    pub fn count_window(self, size: u64) -> WindowedStream<K, V, ByCount> {
        self.count_window_sliding(size, size)
    }

    /// Cuts the records of each key into windows that answer after every `slide` records, over the
    /// last `size` of them (over all, while there are fewer).
    ///
    /// # Semantics
    /// As for [`count_window`](KeyedStream::count_window), with an accumulator for each slice of
    /// as many records as the greatest common divisor of `size` and `slide`.
    ///
    /// # Panics
    /// When `size` or `slide` is zero.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let sums = results(1..=6u64, |numbers| {
    ///     numbers.key_by(|_| ()).count_window_sliding(4, 2).sum().map(|pane| pane.value)
    /// });
    /// assert_eq!(sums, [1 + 2, 1 + 2 + 3 + 4, 3 + 4 + 5 + 6]);
    /// ```
    pub fn count_window_sliding(self, size: u64, slide: u64) -> WindowedStream<K, V, ByCount> {
        let stamped = self.into_keyed().batchwise("in order", |_| {
            mapping(|record| {
                let (stamp, value) = M::split(record);
                Stamped { time: M::time(stamp), value }
            })
        });
        let windows = Windows::of_records(size, slide);
        WindowedStream::new(KeyedStream::new(stamped), windows, |late| late)
    }
}

impl<T: ExchangeData, M: Timeline> Stream<T, M> {
    /// Cuts the whole stream into windows of processing time; see
    /// [`KeyedStream::processing_time_window`].
    ///
    /// # Semantics
    /// As for [`KeyedStream::processing_time_window`].
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// # use std::time::Duration;
    /// use rheos_operators::Windows;
    /// let counts = results([1u64, 2, 3], |numbers| {
    ///     numbers.processing_time_window(Windows::tumbling(Duration::from_secs(60))).count()
    /// });
    /// assert_eq!(counts.iter().map(|pane| pane.value).sum::<u64>(), 3);
    /// ```
    pub fn processing_time_window(
        self,
        windows: Windows,
    ) -> WindowedStream<(), T, ByProcessingTime> {
        self.whole().processing_time_window(windows)
    }
}
