//! State and time in a program's own code: whole programs against naive references, in every
//! topology.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rheos::engine::checkpoint::Checkpoints;
use rheos::engine::{EventTime, ExchangeData, Limits, ProcessingTime, Stamped, TestClock};
use rheos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::everywhere::everywhere;
use crate::random::Random;

/// How far records are out of order, in milliseconds.
const DISORDER: u64 = 500;

pub(crate) fn at(millis: i64) -> EventTime {
    EventTime::from_millis(millis)
}

/// An event at a time, of a key.
pub(crate) type Event<T> = (i64, u64, T);

/// Random events with ties, gaps and disorder; `make` makes what happened.
pub(crate) fn events<T>(
    seed: u64,
    count: usize,
    keys: u64,
    mut make: impl FnMut(&mut Random) -> T,
) -> Vec<Event<T>> {
    let mut random = Random::new(seed);
    let mut time = 0;
    let mut events: Vec<(i64, Event<T>)> = (0..count)
        .map(|_| {
            time += match random.below(20) {
                0 => 5_000,
                1..5 => 0,
                _ => random.below(100) as i64,
            };
            let read = time + random.below(DISORDER) as i64;
            (read, (time, random.below(keys), make(&mut random)))
        })
        .collect();
    events.sort_by_key(|(read, _)| *read);
    events.into_iter().map(|(_, event)| event).collect()
}

/// Many keys, few, one, one event, none.
pub(crate) const SHAPES: [(u64, usize, u64); 5] =
    [(1, 5_000, 800), (2, 5_000, 7), (3, 1_000, 1), (4, 1, 1), (5, 0, 1)];

/// The events with their event time, by key.
pub(crate) fn timed<T: ExchangeData + Clone + Sync>(
    job: &Job,
    events: &[Event<T>],
) -> KeyedStream<u64, T, Timed> {
    job.source(Collection::new(events.to_vec()))
        .event_time(|(time, ..)| at(*time), Watermarks::bounded(Duration::from_millis(DISORDER)))
        .map(|(_, key, event)| (key, event))
        .keyed()
}

/// A configuration in which nearly every batch is an epoch.
pub(crate) fn many_epochs() -> Config {
    Config::default().limits(Limits {
        batch_records: 32,
        batches_per_turn: 1,
        epoch_interval: Duration::ZERO,
        epochs_in_flight: 1_000,
        ..Limits::default()
    })
}

/// Checks a program on events of all shapes in all topologies against a function of the events of
/// a key, in order of time.
pub(crate) fn check<T, R>(
    make: impl Fn(&mut Random) -> T,
    program: impl Fn(KeyedStream<u64, T, Timed>) -> Stream<R> + Sync,
    reference: impl Fn(u64, &[(i64, T)]) -> Vec<R>,
) where
    T: ExchangeData + Clone + Sync + Ord,
    R: ExchangeData + Ord + std::fmt::Debug,
{
    for (seed, count, keys) in SHAPES {
        let input = events(seed, count, keys, &make);
        let mut by_key = BTreeMap::<u64, Vec<(i64, T)>>::new();
        for (time, key, event) in &input {
            by_key.entry(*key).or_default().push((*time, event.clone()));
        }
        let mut expected = Vec::new();
        for (key, mut events) in by_key {
            events.sort();
            expected.extend(reference(key, &events));
        }
        expected.sort();
        everywhere(
            |job| program(timed(job, &input)),
            |topology, rows| assert_eq!(rows, expected, "seed {seed}, {topology}"),
        );
        for workers in [1, 3] {
            let job = Job::new("many epochs");
            let (sink, rows) = collect();
            program(timed(&job, &input)).sink(sink);
            job.run(many_epochs().workers(workers)).unwrap();
            let mut rows = rows.into_vec().unwrap();
            rows.sort();
            assert_eq!(rows, expected, "seed {seed}, many epochs on {workers} workers");
        }
    }
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A time-out: says when a sensor has been silent for a second. There is a timer for each time at
/// which it was heard, named by that time.
#[derive(Clone)]
struct Silent;

impl ProcessFunction<Timed> for Silent {
    type Key = u64;
    type In = ();
    type State = BTreeSet<EventTime>;
    type Timer = EventTime;
    type Out = (u64, EventTime);
    type Side = Infallible;

    fn on_record(
        &self,
        heard: &mut BTreeSet<EventTime>,
        (): (),
        context: &mut ProcessContext<'_, Timed, u64, (u64, EventTime), EventTime>,
    ) {
        let now = context.event_time();
        heard.insert(now);
        context.set_timer(now, now.plus(SECOND));
    }

    fn on_timer(
        &self,
        heard: &mut BTreeSet<EventTime>,
        then: EventTime,
        context: &mut ProcessContext<'_, Timed, u64, (u64, EventTime), EventTime>,
    ) {
        heard.remove(&then);
        if heard.first().is_none_or(|next| *next >= context.event_time()) {
            context.emit((*context.key(), context.event_time()));
        }
    }
}

#[test]
fn silence_is_noticed_by_timers() {
    check(
        |_| (),
        |sensors| sensors.process(Silent).stamped().map(|alert| (alert.time, alert.value)),
        |sensor, heard| {
            let next = heard.iter().skip(1).map(|(next, ())| *next).chain([i64::MAX]);
            let gaps = heard.iter().zip(next).filter(|((time, ()), next)| next - time >= 1_000);
            gaps.map(|((time, ()), _)| (at(time + 1_000), (sensor, at(time + 1_000)))).collect()
        },
    );
}

/// Fraud: a large payment less than a second after a small one. Payments wait for their turn in
/// event time; what is suspicious is emitted on the side.
#[derive(Clone)]
struct Fraud;

#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
struct Card {
    waiting: BTreeMap<EventTime, Vec<u32>>,
    small: ValueState<u32>,
}

type OfCard<'a> = ProcessContext<'a, Timed, u64, (u64, u32), EventTime, (u64, u32)>;

impl ProcessFunction<Timed> for Fraud {
    type Key = u64;
    type In = u32;
    type State = Card;
    type Timer = EventTime;
    type Out = (u64, u32);
    type Side = (u64, u32);

    fn on_record(&self, card: &mut Card, amount: u32, context: &mut OfCard<'_>) {
        let now = context.event_time();
        card.waiting.entry(now).or_default().push(amount);
        context.set_timer(now, now);
    }

    fn on_timer(&self, card: &mut Card, now: EventTime, context: &mut OfCard<'_>) {
        let mut amounts = card.waiting.remove(&now).unwrap_or_default();
        amounts.sort_unstable();
        for amount in amounts {
            if amount < 10 {
                card.small.set(amount);
            }
            match card.small.get() {
                Some(_) if amount >= 90 => context.emit_side((*context.key(), amount)),
                _ => context.emit((*context.key(), amount)),
            }
        }
    }

    fn time_to_live(&self, card: &mut Card, ttl: &mut TimeToLive<Timed>) {
        ttl.in_event_time(&mut card.small, SECOND);
    }
}

#[test]
fn fraud_is_found_in_order_of_event_time() {
    check(
        |random| random.below(100) as u32,
        |payments| {
            let (good, bad) = payments.process_with_side(Fraud);
            let (good, bad) = (good.stamped(), bad.stamped());
            let row = |is_bad| {
                move |row: Stamped<(u64, u32)>| (row.time, row.value.0, row.value.1, is_bad)
            };
            good.map(row(false)).union(bad.map(row(true)))
        },
        |card, payments| {
            let is_bad = |time: i64, amount: u32| {
                let small = payments
                    .iter()
                    .any(|(before, small)| *small < 10 && *before <= time && time - before < 1_000);
                amount >= 90 && small
            };
            let row =
                |(time, amount): &(i64, u32)| (at(*time), card, *amount, is_bad(*time, *amount));
            payments.iter().map(row).collect()
        },
    );
}

#[test]
fn closures_count_until_nothing_comes() {
    // The timer is set to the end of the second that the record is in, so the order of records
    // does not matter.
    check(
        |random| random.below(100),
        |amounts| {
            amounts
                .map_values(|amount| (1u64, amount))
                .process_with(
                    BTreeMap::<i64, (u64, u64)>::new(),
                    |seconds, (count, amount), context| {
                        let second = context.event_time().as_millis().div_euclid(1_000);
                        let total = seconds.entry(second).or_default();
                        *total = (total.0 + count, total.1 + amount);
                        let first = *seconds.keys().next().unwrap_or(&second);
                        context.set_timer((), at((first + 1) * 1_000));
                    },
                    |seconds, context| {
                        if let Some((second, total)) = seconds.pop_first() {
                            context.emit((second, *context.key(), total));
                        }
                        if let Some(next) = seconds.keys().next() {
                            context.set_timer((), at((next + 1) * 1_000));
                        }
                    },
                )
                .without_event_time()
        },
        |key, amounts| {
            let mut seconds = BTreeMap::<i64, (u64, u64)>::new();
            for (time, amount) in amounts {
                let total = seconds.entry(time.div_euclid(1_000)).or_default();
                *total = (total.0 + 1, total.1 + amount);
            }
            seconds.into_iter().map(|(second, total)| (second, key, total)).collect()
        },
    );
}

#[test]
fn timers_in_processing_time_fire_in_a_job_that_is_idle() {
    for workers in [1, 4] {
        let clock = Arc::new(TestClock::at(ProcessingTime(1_000)));
        let (sender, records) = channel::<u64>(1);
        let (seen, fired) = mpsc::channel();
        let job = Job::new("alarm");
        let alarms = job.source(records).key_by_self().process_with(
            0u64,
            |set, (), context| {
                *set = context.processing_time().0;
                context.set_processing_timer((), ProcessingTime(*set).plus(SECOND));
                context.emit(0);
            },
            |set, context| {
                context.emit(context.processing_time().0 - std::mem::take(set));
            },
        );
        alarms.sink(ForEach::new(move |after: u64| {
            // The test may have seen enough.
            let _ = seen.send(after);
        }));
        let config = Config::default().workers(workers).clock(Arc::clone(&clock) as Arc<dyn Clock>);
        let handle = job.start(config).unwrap();
        let next = || fired.recv_timeout(Duration::from_secs(30)).unwrap();
        for number in [7, 8] {
            sender.send(number).unwrap();
            assert_eq!(next(), 0, "the record is seen at once, {workers} workers");
            // The alarm is set once the engine knows of it at the end of the epoch; time that
            // passes before is noticed then.
            clock.advance(SECOND);
            assert_eq!(next(), 1_000, "{workers} workers");
        }
        sender.finish();
        handle.wait().unwrap();
    }
}

#[test]
fn a_timer_in_processing_time_that_was_restored_fires_though_no_record_comes() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(TestClock::at(ProcessingTime(1_000)));
    let (seen, fired) = mpsc::channel();
    let start = || {
        let (sender, records) = channel::<u64>(1);
        let seen = seen.clone();
        let job = Job::new("alarm");
        let alarms = job.source(records).key_by_self().process_with(
            (),
            |_, (), context| {
                let after = context.processing_time().plus(SECOND);
                context.set_processing_timer((), after);
                context.emit("set");
            },
            |_, context| context.emit("fired"),
        );
        let alarms = alarms.inspect(move |what| {
            // The test may have seen enough.
            let _ = seen.send(*what);
        });
        alarms.map(str::to_owned).sink(FileSink::folder(folder.path().join("out"), Text));
        // Only at the end is a checkpoint taken: none may end the epoch that the timer waits for.
        let checkpoints = Checkpoints::to(folder.path().join("checkpoints"));
        // One worker: another, without a split, would end its source and with that the epoch.
        let config = Config::default().workers(1).clock(Arc::clone(&clock) as Arc<dyn Clock>);
        let config = config.checkpoint_to(checkpoints.every(Duration::MAX));
        (sender, job.start(config).unwrap())
    };
    let next = || fired.recv_timeout(Duration::from_secs(30)).unwrap();
    let (sender, job) = start();
    sender.send(7).unwrap();
    assert_eq!(next(), "set");
    job.stop();
    assert!(job.wait().unwrap().stopped);
    drop(sender);
    let (sender, job) = start();
    clock.advance(SECOND);
    assert_eq!(next(), "fired");
    sender.finish();
    job.wait().unwrap();
}

/// Rides that began and did not end within a second: two streams.
#[derive(Clone)]
struct Lost;

type OfRide<'a> = ProcessContext<'a, Timed, u64, (u64, EventTime), EventTime>;

impl TwoInputProcessFunction<Timed> for Lost {
    type Key = u64;
    type Left = ();
    type Right = ();
    /// The ends that have been seen.
    type State = BTreeSet<EventTime>;
    type Timer = EventTime;
    type Out = (u64, EventTime);

    fn on_left(&self, _ends: &mut Self::State, (): (), context: &mut OfRide<'_>) {
        let began = context.event_time();
        context.set_timer_holding(began, began.plus(SECOND), began);
    }

    fn on_right(&self, ends: &mut Self::State, (): (), context: &mut OfRide<'_>) {
        ends.insert(context.event_time());
    }

    fn on_timer(&self, ends: &mut Self::State, began: EventTime, context: &mut OfRide<'_>) {
        if ends.range(began..context.event_time()).next().is_none() {
            context.emit_at(began, (*context.key(), began));
        }
    }
}

/// Says of each record whether it is late for the step that sees it.
fn judged(records: Stream<(u64, EventTime), Timed>) -> Stream<(u64, EventTime, bool)> {
    let judged = records.keyed().process_with(
        (),
        |(), began, context| context.emit((*context.key(), began, context.is_late())),
        |(), _| (),
    );
    judged.without_event_time()
}

#[test]
fn two_streams_meet_in_one_state() {
    check(
        |random| random.below(3) == 0,
        |rides| {
            let (ends, begins) = (rides.clone(), rides);
            let begins = begins.entries().filter(|(_, is_end)| !is_end).map(|(key, _)| (key, ()));
            let ends = ends.entries().filter(|(_, is_end)| *is_end).map(|(key, _)| (key, ()));
            // The timers hold the watermark, so no result is late.
            judged(begins.keyed().process_with_other(ends.keyed(), Lost))
        },
        |key, rides| {
            let ended = |began: i64| {
                rides.iter().any(|(time, is_end)| *is_end && (began..began + 1_000).contains(time))
            };
            let begins: BTreeSet<i64> =
                rides.iter().filter(|(_, is_end)| !is_end).map(|(time, _)| *time).collect();
            let lost = begins.into_iter().filter(|began| !ended(*began));
            lost.map(|began| (key, at(began), false)).collect()
        },
    );
}

/// Prices with all the rates that the control stream has named.
#[derive(Clone)]
struct Rated;

impl BroadcastProcessFunction for Rated {
    type Key = u64;
    type In = i64;
    type Control = i64;
    type Shared = BTreeSet<i64>;
    type State = ();
    type Timer = ();
    type Out = (u64, i64, BTreeSet<i64>);

    fn on_control(&self, rates: &mut BTreeSet<i64>, rate: i64) {
        rates.insert(rate);
    }

    fn on_record(
        &self,
        rates: &BTreeSet<i64>,
        (): &mut (),
        price: i64,
        context: &mut ProcessContext<'_, Untimed, u64, Self::Out>,
    ) {
        context.emit((*context.key(), price, rates.clone()));
    }
}

#[test]
fn every_worker_hears_every_control_record() {
    for workers in [1, 4] {
        let (prices, price_source) = channel::<(u64, i64)>(1_000);
        let (rates, rate_source) = channel::<i64>(1);
        let (seen, results) = mpsc::channel();
        let job = Job::new("rates");
        let rated = job.source(price_source).keyed();
        let rated = rated.process_with_broadcast(job.source(rate_source), Rated);
        rated.sink(ForEach::new(move |row: (u64, i64, BTreeSet<i64>)| {
            // The test may have seen enough.
            let _ = seen.send(row);
        }));
        let handle = job.start(Config::default().workers(workers)).unwrap();
        (0..20).for_each(|rate| rates.send(rate).unwrap());
        rates.finish();
        // Keys of all workers: each is asked until its worker has heard every rate.
        let wanted: BTreeSet<i64> = (0..20).collect();
        for key in 0..50 {
            for price in 0.. {
                prices.send((key, price)).unwrap();
                let row = results.recv_timeout(Duration::from_secs(30)).unwrap();
                assert_eq!((row.0, row.1), (key, price));
                if row.2 == wanted {
                    break;
                }
            }
        }
        prices.finish();
        handle.wait().unwrap();
    }
}
