//! Windows in whole jobs, against references written for clarity, in every topology, with short
//! and long epochs, small and large batches.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::time::Duration;

use rheos::engine::{EventTime, ExchangeData};
use rheos::prelude::*;

use crate::everywhere::everywhere_as;
use crate::random::Random;

/// A record: its key, its time in milliseconds, and a number.
type Event = (u64, i64, u64);

/// By how much records come out of order at the most, in milliseconds.
const DISORDER: i64 = 300;

fn ms(millis: i64) -> Duration {
    Duration::from_millis(millis as u64)
}

/// Events with disorder, ties and gaps.
fn events(seed: u64, count: u64, keys: u64) -> Vec<Event> {
    let mut random = Random::new(seed);
    let mut base = -1_000;
    let event = |number| {
        base += random.below(3) as i64;
        if random.below(500) == 0 {
            base += random.below(2_000) as i64;
        }
        (random.below(keys), base - random.below(DISORDER as u64) as i64, number)
    };
    (0..count).map(event).collect()
}

/// Inputs of different shapes: many keys, few, one, none.
fn inputs() -> Vec<(u64, Vec<Event>)> {
    let shapes = [(1, 6_000, 500), (2, 4_000, 5), (3, 1_000, 1), (4, 0, 1), (5, 1, 1)];
    shapes.map(|(seed, count, keys)| (seed, events(seed, count, keys))).into()
}

/// How a job is run, in words and as a change of its configuration.
type Shape = (&'static str, fn(Config) -> Config);

/// Long epochs with large batches, short ones with small batches.
fn shapes() -> [Shape; 2] {
    let small = |mut config: Config| {
        config.limits.batch_records = 64;
        config.limits.combiner_keys = 16;
        config.epoch(Duration::from_micros(200))
    };
    [("long epochs", |config| config), ("short epochs", small)]
}

/// Checks a job on all inputs in all topologies against a function of the whole input.
fn check<T: ExchangeData + Ord + Debug>(
    build: impl Fn(Stream<Event, Timed>) -> Stream<T, Timed> + Sync,
    reference: impl Fn(&[Event]) -> Vec<T>,
) {
    for (seed, input) in inputs() {
        let mut expected = reference(&input);
        expected.sort();
        for (shape, configure) in shapes() {
            everywhere_as(
                configure,
                |job| {
                    let events = job.source(Collection::new(input.clone()));
                    let watermarks = Watermarks::bounded(ms(DISORDER));
                    let time = |event: &Event| EventTime::from_millis(event.1);
                    build(events.event_time(time, watermarks)).without_event_time()
                },
                |topology, rows| assert_eq!(rows, expected, "seed {seed}, {topology}, {shape}"),
            );
        }
    }
}

/// A pane as a row: key, start, end, value.
fn row<K, R>(pane: Pane<K, R>) -> (K, i64, i64, R) {
    assert_eq!(pane.timing, PaneTiming::OnTime);
    (pane.key, pane.window.start.as_millis(), pane.window.end.as_millis(), pane.value)
}

/// All windows of a size and slide that hold a time, as starts.
fn starts(time: i64, size: i64, slide: i64) -> impl Iterator<Item = i64> {
    let last = time.div_euclid(slide) * slide;
    (0..=size / slide).map(move |n| last - n * slide).filter(move |start| time < start + size)
}

/// The numbers of each key and window.
fn by_window(input: &[Event], size: i64, slide: i64) -> BTreeMap<(u64, i64), Vec<Event>> {
    let mut windows: BTreeMap<(u64, i64), Vec<Event>> = BTreeMap::new();
    for event in input {
        for start in starts(event.1, size, slide) {
            windows.entry((event.0, start)).or_default().push(*event);
        }
    }
    windows
}

#[test]
fn tumbling_windows_of_each_key() {
    check(
        |events| {
            events.key_by(|e| e.0).window(Windows::tumbling(ms(500))).count().drop_late().map(row)
        },
        |input| {
            let windows = by_window(input, 500, 500).into_iter();
            windows.map(|((k, s), events)| (k, s, s + 500, events.len() as u64)).collect()
        },
    );
}

#[test]
fn sliding_windows_of_each_key_with_and_without_an_inverse() {
    check(
        |events| {
            let windows = Windows::sliding(ms(1_000), ms(100));
            events.key_by(|e| e.0).window(windows).count().drop_late().map(row)
        },
        |input| {
            let windows = by_window(input, 1_000, 100).into_iter();
            windows.map(|((k, s), events)| (k, s, s + 1_000, events.len() as u64)).collect()
        },
    );
    check(
        |events| {
            let numbers = events.key_by(|e| e.0).map_values(|e| e.2);
            numbers.window(Windows::sliding(ms(1_000), ms(100))).max().drop_late().map(row)
        },
        |input| {
            let windows = by_window(input, 1_000, 100).into_iter();
            let most = |events: Vec<Event>| events.iter().map(|e| e.2).max().unwrap();
            windows.map(|((k, s), events)| (k, s, s + 1_000, most(events))).collect()
        },
    );
}

#[test]
fn windows_over_the_whole_stream() {
    check(
        |events| {
            let numbers = events.map(|e| e.2);
            let sums = numbers.window(Windows::tumbling(ms(700))).sum().drop_late();
            sums.map(row).map(|((), start, end, sum)| (start, end, sum))
        },
        |input| {
            let mut sums: BTreeMap<i64, u64> = BTreeMap::new();
            for (_, time, number) in input {
                *sums.entry(time.div_euclid(700) * 700).or_default() += number;
            }
            sums.into_iter().map(|(start, sum)| (start, start + 700, sum)).collect()
        },
    );
}

#[test]
fn sessions_of_each_key() {
    let gap = 40;
    check(
        move |events| {
            let numbers = events.key_by(|e| e.0).map_values(|e| e.2);
            numbers.window(Windows::session(ms(gap))).sum().drop_late().map(row)
        },
        |input| {
            let mut keys: BTreeMap<u64, Vec<Event>> = BTreeMap::new();
            input.iter().for_each(|event| keys.entry(event.0).or_default().push(*event));
            let mut rows = Vec::new();
            for (key, mut events) in keys {
                events.sort_by_key(|event| event.1);
                for session in events.chunk_by(|a, b| b.1 - a.1 <= gap) {
                    let (first, last) = (session[0].1, session[session.len() - 1].1);
                    rows.push((key, first, last + gap, session.iter().map(|e| e.2).sum::<u64>()));
                }
            }
            rows
        },
    );
}

#[test]
fn the_global_window_answers_at_the_end() {
    check(
        |events| {
            let counts = events.key_by(|e| e.0).window(Windows::global()).count().drop_late();
            counts.map(|pane| (pane.key, pane.value))
        },
        |input| {
            let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
            input.iter().for_each(|event| *counts.entry(event.0).or_default() += 1);
            counts.into_iter().collect()
        },
    );
}

#[test]
fn records_of_a_window_come_in_order_of_event_time() {
    check(
        |events| {
            let windows = Windows::sliding(ms(600), ms(300));
            events.key_by(|e| e.0 % 3).window(windows).collect().drop_late().map(|pane| {
                let times: Vec<i64> = pane.value.iter().map(|event| event.1).collect();
                assert!(times.is_sorted(), "{times:?}");
                let mut numbers: Vec<u64> = pane.value.iter().map(|event| event.2).collect();
                numbers.sort_unstable();
                (pane.key, pane.window.start.as_millis(), numbers)
            })
        },
        |input| {
            let input: Vec<Event> = input.iter().map(|e| (e.0 % 3, e.1, e.2)).collect();
            let numbers = |events: Vec<Event>| {
                let mut numbers: Vec<u64> = events.iter().map(|event| event.2).collect();
                numbers.sort_unstable();
                numbers
            };
            let windows = by_window(&input, 600, 300).into_iter();
            windows.map(|((k, s), events)| (k, s, numbers(events))).collect()
        },
    );
}

#[test]
fn windows_of_windows() {
    // The busiest key of each second, of counts by key: a chain of event time.
    check(
        |events| {
            let counts = events.key_by(|e| e.0).window(Windows::tumbling(ms(250))).count();
            let counts = counts.drop_late().map(|pane| (pane.value, pane.key));
            counts.window(Windows::tumbling(ms(1_000))).max().drop_late().map(row)
        },
        |input| {
            let mut best: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
            for ((key, start), events) in by_window(input, 250, 250) {
                let best = best.entry(start.div_euclid(1_000) * 1_000).or_default();
                *best = (*best).max((events.len() as u64, key));
            }
            best.into_iter().map(|(start, best)| ((), start, start + 1_000, best)).collect()
        },
    );
}

#[test]
fn unions_have_the_watermark_of_the_slower_stream() {
    check(
        |events| {
            let (even, odd) = events.branch(|event| event.2 % 2 == 0);
            // One of the two comes a long way round.
            let odd = odd.rebalance().map(|event| event).rebalance();
            let both = even.union(odd).key_by(|e| e.0);
            both.window(Windows::tumbling(ms(500))).count().drop_late().map(row)
        },
        |input| {
            let windows = by_window(input, 500, 500).into_iter();
            windows.map(|((k, s), events)| (k, s, s + 500, events.len() as u64)).collect()
        },
    );
}

/// Pairs of a window join, by key and start of the window.
fn sides(input: &[Event], size: i64) -> BTreeMap<(u64, i64), (Vec<u64>, Vec<u64>)> {
    let mut windows: BTreeMap<(u64, i64), (Vec<u64>, Vec<u64>)> = BTreeMap::new();
    for (key, time, number) in input {
        let sides = windows.entry((*key, time.div_euclid(size) * size)).or_default();
        match number % 3 {
            0 => sides.0.push(*number),
            1 => sides.1.push(*number),
            _ => {}
        }
    }
    windows
}

type Row = (u64, Option<u64>, Option<u64>);

/// The two sides of a row.
type Pair = (Option<u64>, Option<u64>);

/// The rows that `of` makes of the left and right numbers of each window.
fn rows_of(input: &[Event], of: impl Fn(&[u64], &[u64]) -> Vec<Pair>) -> Vec<Row> {
    let windows = sides(input, 200).into_iter();
    let rows = windows.flat_map(|((key, _), (left, right))| {
        of(&left, &right).into_iter().map(move |(left, right)| (key, left, right))
    });
    rows.collect()
}

#[test]
fn window_joins() {
    let inputs = |events: Stream<Event, Timed>| {
        let mut parts = events.branch_by(3, |event| (event.2 % 3) as usize).into_iter();
        let mut next = || parts.next().unwrap().key_by(|e| e.0).map_values(|e| e.2);
        (next(), next())
    };
    let tumbling = || Windows::tumbling(ms(200));
    let pairs = |left: &[u64], right: &[u64]| {
        let pair = |l: &u64| right.iter().map(|r| (Some(*l), Some(*r))).collect::<Vec<_>>();
        left.iter().flat_map(pair).collect::<Vec<_>>()
    };
    let left_alone = |left: &[u64], right: &[u64]| match right {
        [] => left.iter().map(|l| (Some(*l), None)).collect(),
        _ => Vec::new(),
    };
    let right_alone = |left: &[u64], right: &[u64]| match left {
        [] => right.iter().map(|r| (None, Some(*r))).collect(),
        _ => Vec::new(),
    };
    check(
        |events| {
            let (left, right) = inputs(events);
            let rows = left.window_join(right, tumbling()).inner().drop_late();
            rows.map(|(key, l, r)| (key, Some(l), Some(r)))
        },
        |input| rows_of(input, pairs),
    );
    check(
        |events| {
            let (left, right) = inputs(events);
            let rows = left.window_join(right, tumbling()).left().drop_late();
            rows.map(|(key, l, r)| (key, Some(l), r))
        },
        |input| rows_of(input, |l, r| [pairs(l, r), left_alone(l, r)].concat()),
    );
    check(
        |events| {
            let (left, right) = inputs(events);
            let rows = left.window_join(right, tumbling()).right().drop_late();
            rows.map(|(key, l, r)| (key, l, Some(r)))
        },
        |input| rows_of(input, |l, r| [pairs(l, r), right_alone(l, r)].concat()),
    );
    check(
        |events| {
            let (left, right) = inputs(events);
            left.window_join(right, tumbling()).full().drop_late()
        },
        |input| rows_of(input, |l, r| [pairs(l, r), left_alone(l, r), right_alone(l, r)].concat()),
    );
    check(
        |events| {
            let (left, right) = inputs(events);
            let rows = left.window_join(right, tumbling()).anti().drop_late();
            rows.map(|(key, l)| (key, Some(l), None))
        },
        |input| rows_of(input, left_alone),
    );
}

#[test]
fn count_windows_take_every_record_once() {
    check(
        |events| {
            let numbers = events.key_by(|e| e.0).map_values(|e| e.2);
            let windows = numbers.count_window(7).collect();
            // Which records meet depends on the order between workers; that each comes once not.
            let numbers = windows.flat_map(|pane| {
                assert!(pane.value.len() <= 7);
                pane.value
            });
            numbers.event_time(|_| EventTime::MIN, Watermarks::monotone())
        },
        |input| input.iter().map(|event| event.2).collect(),
    );
}

#[test]
fn what_falls_between_windows_belongs_to_none() {
    check(
        |events| {
            let windows = Windows::sliding(ms(100), ms(250));
            let (counts, late) = events.key_by(|e| e.0).window(windows).count().late();
            counts.map(row).union(late.map(|(key, event)| (key, event.1, event.1, 0)))
        },
        |input| {
            let within = |event: &&Event| event.1.rem_euclid(250) < 100;
            let input: Vec<Event> = input.iter().filter(within).copied().collect();
            let windows = by_window(&input, 250, 250).into_iter();
            windows.map(|((k, s), events)| (k, s, s + 100, events.len() as u64)).collect()
        },
    );
}

#[test]
fn processing_time_windows_count_every_record() {
    for (seed, input) in inputs() {
        let keys: BTreeSet<u64> = input.iter().map(|event| event.0).collect();
        everywhere_as(
            |config| config.epoch(Duration::from_micros(200)),
            |job| {
                let events = job.source(Collection::new(input.clone()));
                let windows = Windows::tumbling(ms(5));
                events.key_by(|e| e.0).processing_time_window(windows).count().map(row)
            },
            |topology, rows| {
                let counted: u64 = rows.iter().map(|(_, _, _, count)| count).sum();
                assert_eq!(counted, input.len() as u64, "seed {seed}, {topology}");
                let seen: BTreeSet<u64> = rows.iter().map(|row| row.0).collect();
                assert_eq!(seen, keys, "seed {seed}, {topology}");
                let windows: BTreeSet<(u64, i64)> = rows.iter().map(|r| (r.0, r.1)).collect();
                assert_eq!(windows.len(), rows.len(), "no window answers twice, {topology}");
            },
        );
    }
}
