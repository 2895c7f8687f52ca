//! `dedup`: the first of several records of a key within a time.

use std::time::Duration;

use rheos_engine::{
    EpochEnd, Error, EventTime, ExchangeData, Holdings, Key, Keyed, KeyedState, Operator, Output,
    ProcessingTime, Stamped, StateParts, Timers, Turn,
};

use crate::apply::by_key;
use crate::with_late::{Emitted, Lateness};
use crate::{KeyedStream, Stream, Timed, WithLate};

impl<K: Key, V: ExchangeData> KeyedStream<K, V, Timed> {
    /// Leaves out the repetitions of each key: records whose event time is less than `within` away
    /// from that of a record of the key that was passed on.
    ///
    /// # Semantics
    /// * **Order**: kept; a record is passed on at once. Of records that repeat each other the one
    ///   that comes first is passed on, which need not be the earliest.
    /// * **Watermarks**: passed on as they come.
    /// * **Late records**: those that come behind the watermark, because what they repeat may be
    ///   forgotten.
    /// * **State**: for each key the times of the records that were passed on, until the watermark
    ///   is `within` later.
    /// * **End of the input**: passed on; nothing more is said.
    /// * **Workers**: where records of one key come through several workers, which of them is
    ///   first is not fixed.
    ///
    /// # Panics
    /// When `within` is shorter than a millisecond.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// use std::time::Duration;
    /// use rheos_engine::EventTime;
    /// use rheos_operators::Watermarks;
    ///
    /// let alarms = [(0, 7), (2, 8), (5, 7), (60, 7)];
    /// let once = results(alarms, |alarms| {
    ///     alarms
    ///         .event_time(|alarm| EventTime::from_millis(1_000 * alarm.0), Watermarks::monotone())
    ///         .map(|(second, machine)| (machine, second))
    ///         .keyed()
    ///         .dedup(Duration::from_secs(60))
    ///         .drop_late()
    ///         .without_event_time()
    /// });
    /// assert_eq!(once, [(7, 0), (8, 2), (7, 60)]);
    /// ```
    pub fn dedup(self, within: Duration) -> WithLate<(K, V), (K, V)> {
        assert!(within >= Duration::from_millis(1), "nothing repeats within no time");
        WithLate::new(move |lateness| {
            let records = self.into_keyed();
            let make = move |_: &_| DedupByEventTime::new(within, lateness);
            let route = by_key::<K, V, Timed>();
            Stream::new(records.port().graph().operator(records.port(), route, "dedup", make))
        })
    }
}

impl<K: Key, V: ExchangeData> KeyedStream<K, V> {
    /// Leaves out the repetitions of each key: records that come less than `within` after a record
    /// of the key that was passed on, in processing time. On a stream with event time that decides
    /// instead.
    ///
    /// # Semantics
    /// * **Order**: kept; a record is passed on at once.
    /// * **State**: each key that was passed on, until the end of the first epoch that is left
    ///   `within` later.
    /// * **End of the input**: passed on; nothing more is said.
    /// * **Workers**: where records of one key come through several workers, which of them is
    ///   first is not fixed. When records come, and so which are repetitions, is not fixed either.
    ///
    /// # Panics
    /// When `within` is shorter than a millisecond.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// use std::time::Duration;
    /// let alarms = [(7u32, "hot"), (8, "cold"), (7, "hot")];
    /// let once = results(alarms.map(|(machine, alarm)| (machine, alarm.to_owned())), |alarms| {
    ///     alarms.keyed().dedup(Duration::from_secs(60)).entries().map(|(machine, _)| machine)
    /// });
    /// assert_eq!(once, [7, 8]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn dedup(self, within: Duration) -> Self {
        assert!(within >= Duration::from_millis(1), "nothing repeats within no time");
        let records = self.into_keyed();
        let make = move |_: &_| DedupByProcessingTime::<K, V>::new(within);
        let route = by_key::<K, V, crate::Untimed>();
        let port = records.port().graph().operator(records.port(), route, "dedup", make);
        Self::new(Stream::new(port))
    }
}

/// Passes on the first record of each key within a time, by event time.
struct DedupByEventTime<K, V> {
    within: Duration,
    lateness: Lateness,
    /// The times that were passed on and may still be repeated, as they came.
    passed: KeyedState<K, Vec<EventTime>>,
    timers: Timers,
    /// The watermark at the beginning of the epoch.
    watermark: EventTime,
    values: std::marker::PhantomData<fn(V)>,
}

impl<K: Key, V> DedupByEventTime<K, V> {
    fn new(within: Duration, lateness: Lateness) -> Self {
        let (passed, timers, values) = Default::default();
        Self { within, lateness, passed, timers, watermark: EventTime::MIN, values }
    }

    /// Whether a record of a time is the first one; it is remembered then.
    fn is_first(&mut self, hash: u64, key: &K, time: EventTime) -> bool {
        let at = match self.passed.find(hash, key) {
            Some(at) => at,
            None => self.passed.find_or_insert(hash, key.clone(), Vec::new),
        };
        let times = &mut self.passed.entry_mut(at).state;
        let within = self.within;
        if times.iter().any(|passed| passed.since(time).max(time.since(*passed)) < within) {
            return false;
        }
        times.push(time);
        self.timers.set(time.plus(within).as_millis(), at);
        true
    }
}

impl<K: Key, V: Send + 'static> Operator for DedupByEventTime<K, V> {
    type In = Stamped<Keyed<K, V>>;
    type Out = Stamped<Emitted<(K, V), (K, V)>>;

    fn on_batch(
        &mut self,
        batch: &mut Vec<Self::In>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        let mut late = 0;
        for Stamped { time, value: Keyed { hash, key, value } } in batch.drain(..) {
            if time < self.watermark {
                late += 1;
                if self.lateness == Lateness::Emit {
                    out.push(Stamped { time, value: Emitted::Late((key, value)) });
                }
            } else if self.is_first(hash, &key, time) {
                out.push(Stamped { time, value: Emitted::Result((key, value)) });
            }
        }
        out.count_late(late);
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        end: EpochEnd,
        _out: &mut Output<'_, Self::Out>,
    ) -> Result<Turn, Error> {
        while let Some((time, at)) = self.timers.pop(end.watermark.as_millis()) {
            if self.passed.at(at).is_none() {
                continue;
            }
            let times = &mut self.passed.entry_mut(at).state;
            times.retain(|passed| passed.plus(self.within).as_millis() > time);
            if times.is_empty() {
                self.passed.remove_at(at);
            }
        }
        self.watermark = end.watermark;
        Ok(Turn::Done)
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        parts.keyed("passed", &mut self.passed)
    }

    fn restored(&mut self) {
        for at in 0..self.passed.positions() {
            let times = self.passed.at(at).into_iter().flat_map(|entry| &entry.state);
            times.for_each(|time| self.timers.set(time.plus(self.within).as_millis(), at));
        }
    }

    fn holdings(&self) -> Holdings {
        let (keys, timers) = (self.passed.len(), self.timers.len());
        let bytes = self.passed.bytes() + timers * size_of::<EventTime>();
        Holdings { keys, timers, bytes, ..Holdings::default() }
    }
}

/// Passes on the first record of each key within a time, by processing time.
struct DedupByProcessingTime<K, V> {
    within: Duration,
    /// Until when a key is remembered.
    passed: KeyedState<K, ProcessingTime>,
    timers: Timers,
    values: std::marker::PhantomData<fn(V)>,
}

impl<K: Key, V> DedupByProcessingTime<K, V> {
    fn new(within: Duration) -> Self {
        let (passed, timers, values) = Default::default();
        Self { within, passed, timers, values }
    }

    fn remind(&mut self, until: ProcessingTime, at: usize) {
        self.timers.set(i64::try_from(until.0).unwrap_or(i64::MAX), at);
    }
}

impl<K: Key, V: Send + 'static> Operator for DedupByProcessingTime<K, V> {
    type In = Keyed<K, V>;
    type Out = Keyed<K, V>;

    fn on_batch(
        &mut self,
        batch: &mut Vec<Self::In>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        let now = out.now();
        let until = now.plus(self.within);
        for record in batch.drain(..) {
            let at = match self.passed.find(record.hash, &record.key) {
                Some(at) if self.passed.entry(at).state > now => continue,
                Some(at) => at,
                None => self.passed.find_or_insert(record.hash, record.key.clone(), || until),
            };
            self.passed.entry_mut(at).state = until;
            self.remind(until, at);
            out.push(record);
        }
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        end: EpochEnd,
        _out: &mut Output<'_, Self::Out>,
    ) -> Result<Turn, Error> {
        let now = end.processing_time;
        while let Some((_, at)) = self.timers.pop(i64::try_from(now.0).unwrap_or(i64::MAX)) {
            if self.passed.at(at).is_some_and(|entry| entry.state <= now) {
                self.passed.remove_at(at);
            }
        }
        Ok(Turn::Done)
    }

    fn deadline(&self) -> Option<ProcessingTime> {
        self.timers.next().map(|time| ProcessingTime(u64::try_from(time).unwrap_or(0)))
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        parts.keyed("passed", &mut self.passed)
    }

    fn restored(&mut self) {
        for at in 0..self.passed.positions() {
            if let Some(until) = self.passed.at(at).map(|entry| entry.state) {
                self.remind(until, at);
            }
        }
    }

    fn holdings(&self) -> Holdings {
        let (keys, timers) = (self.passed.len(), self.timers.len());
        Holdings { keys, timers, bytes: self.passed.bytes(), ..Holdings::default() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rheos_engine::harness::Harness;

    use super::*;
    use crate::Untimed;
    use crate::random::Random;
    use crate::recovery::{Step, check_recovery, to_owner};

    const WITHIN: Duration = Duration::from_millis(10);

    fn at(millis: i64) -> EventTime {
        EventTime::from_millis(millis)
    }

    fn record(time: i64, key: u64) -> Stamped<Keyed<u64, i64>> {
        Stamped { time: at(time), value: Keyed::new(key, time) }
    }

    fn by_event_time() -> Harness<DedupByEventTime<u64, i64>> {
        Harness::new(DedupByEventTime::new(WITHIN, Lateness::Emit))
    }

    #[test]
    fn repetitions_are_left_out_on_both_sides_of_a_record() {
        let mut harness = by_event_time();
        let came = [20, 20, 29, 30, 11, 10, 39, 0];
        let out = harness.batch(came.map(|time| record(time, 7)).into()).unwrap();
        let passed: Vec<_> = out.into_iter().map(|row| row.time.as_millis()).collect();
        assert_eq!(passed, [20, 30, 10, 0]);
        harness.set_watermark(at(39));
        harness.end_epoch().unwrap();
        let holdings = harness.holdings();
        assert_eq!((holdings.keys, holdings.timers), (1, 1), "what 30 repeats may still come");
        let late = harness.batch(vec![record(38, 7)]).unwrap();
        assert!(matches!(late[0].value, Emitted::Late((7, 38))), "{late:?}");
        assert_eq!(harness.late(), 1);
        harness.set_watermark(at(40));
        harness.end_epoch().unwrap();
        assert_eq!((harness.holdings().keys, harness.holdings().timers), (0, 0));
    }

    /// Of the records as they come, those that are not near one that is taken.
    fn reference(records: &[(i64, u64)]) -> Vec<(i64, u64)> {
        let mut taken = BTreeMap::<u64, Vec<i64>>::new();
        let mut out = Vec::new();
        for (time, key) in records {
            let taken = taken.entry(*key).or_default();
            if taken.iter().all(|other| (other - time).abs() >= 10) {
                taken.push(*time);
                out.push((*time, *key));
            }
        }
        out
    }

    #[test]
    fn forgetting_changes_nothing() {
        for seed in 0..50 {
            let mut random = Random::new(seed);
            let keys = [1, 3, 20][random.below(3) as usize];
            let (mut records, mut passed, mut late) = (Vec::new(), Vec::new(), 0);
            let mut harness = by_event_time();
            let mut watermark = 0;
            for _ in 0..random.below(20) {
                for _ in 0..random.below(20) {
                    let (time, key) = (watermark + random.below(60) as i64 - 3, random.below(keys));
                    match time < watermark && harness.watermark() > EventTime::MIN {
                        true => late += 1,
                        false => records.push((time, key)),
                    }
                    let out = harness.batch(vec![record(time, key)]).unwrap().into_iter();
                    passed.extend(out.filter_map(|row| match row.value {
                        Emitted::Result((key, time)) => Some((time, key)),
                        Emitted::Late(_) => None,
                    }));
                }
                watermark += random.below(40) as i64;
                harness.set_watermark(at(watermark));
                harness.end_epoch().unwrap();
            }
            assert_eq!(passed, reference(&records), "seed {seed}");
            assert_eq!(harness.late(), late, "seed {seed}");
            harness.end_input().unwrap();
            assert_eq!(harness.holdings().keys, 0, "seed {seed}");
        }
    }

    #[test]
    fn in_processing_time_a_key_is_forgotten_without_a_record() {
        let mut harness = Harness::new(DedupByProcessingTime::new(WITHIN));
        for (now, passes) in [(0, true), (9, false), (10, true), (19, false)] {
            harness.set_time(ProcessingTime(now));
            let out = harness.batch(vec![Keyed::new(7u64, ())]).unwrap();
            assert_eq!(out.len(), usize::from(passes), "at {now}");
        }
        harness.end_epoch().unwrap();
        assert_eq!((harness.deadline(), harness.holdings().keys), (Some(ProcessingTime(20)), 1));
        harness.set_time(ProcessingTime(20));
        harness.end_epoch().unwrap();
        assert_eq!((harness.deadline(), harness.holdings().keys), (None, 0));
    }

    #[test]
    fn what_was_passed_on_is_remembered_on_other_workers() {
        for seed in 0..10 {
            let mut random = Random::new(seed);
            let mut time = 0;
            let epochs: Vec<_> = (0..5)
                .map(|_| {
                    let records = (0..random.below(20))
                        .map(|_| record(time + random.below(30) as i64 - 3, random.below(6)));
                    let records: Vec<_> = records.collect();
                    time += random.below(20) as i64;
                    let now = ProcessingTime(time as u64);
                    Step { records, watermark: at(time), now }
                })
                .collect();
            let make = |_, _| by_event_time();
            check_recovery(seed, &epochs, make, to_owner::<_, _, Timed>);
            let plain = epochs.into_iter().map(|Step { records, now, .. }| {
                let records = records.into_iter().map(|record| record.value).collect();
                Step { records, watermark: EventTime::MIN, now }
            });
            let plain: Vec<_> = plain.collect();
            let make = |_, _| Harness::new(DedupByProcessingTime::new(WITHIN));
            check_recovery(seed, &plain, make, to_owner::<_, _, Untimed>);
        }
    }
}
