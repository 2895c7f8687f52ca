//! Joins, against references written for clarity, in every topology; and when tables are read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc;
use std::time::Duration;

use rheos::engine::{EventTime, ExchangeData, Limits};
use rheos::prelude::*;

use crate::everywhere::everywhere;
use crate::random::{Random, pairs};

/// A record: whether it is one of the left side, its key, its time and its number.
type Record = (bool, u64, i64, u32);

/// By how much records come out of order.
const DISORDER: i64 = 40;

/// Records that come in order of time but for the disorder.
fn records(seed: u64, count: u32, keys: u64) -> Vec<Record> {
    let mut random = Random::new(seed);
    let mut now = 0;
    let mut record = |number| {
        now += random.below(4) as i64;
        let time = now + random.below(DISORDER as u64) as i64;
        (random.below(2) == 0, random.below(keys), time, number)
    };
    (0..count).map(&mut record).collect()
}

/// Inputs of different shapes: many keys, few, one, none.
fn inputs() -> Vec<(u64, Vec<Record>)> {
    let shapes = [(1, 6_000, 900), (2, 4_000, 5), (3, 400, 1), (4, 0, 1), (5, 1, 1)];
    shapes.map(|(seed, count, keys)| (seed, records(seed, count, keys))).into()
}

type Side = KeyedStream<u64, u32, Timed>;

/// The two sides of an input, with event time.
fn sides(records: Stream<Record>) -> (Side, Side) {
    let watermarks = Watermarks::bounded(Duration::from_millis(DISORDER as u64));
    let timed = records.event_time(|record| EventTime::from_millis(record.2), watermarks);
    let (left, right) = timed.branch(|record| record.0);
    let keyed = |side: Stream<Record, Timed>| side.map(|(_, key, _, number)| (key, number)).keyed();
    (keyed(left), keyed(right))
}

/// Checks a join of both sides on all inputs in all topologies.
fn check<T: ExchangeData + Ord + std::fmt::Debug>(
    join: impl Fn(Side, Side) -> Stream<T> + Sync,
    reference: impl Fn(&[Record], &[Record]) -> Vec<T>,
) {
    for (seed, input) in inputs() {
        let (left, right): (Vec<Record>, Vec<Record>) = input.iter().partition(|record| record.0);
        let mut expected = reference(&left, &right);
        expected.sort();
        everywhere(
            |job| {
                let (left, right) = sides(job.source(Collection::new(input.clone())));
                join(left, right)
            },
            |topology, rows| assert_eq!(rows, expected, "seed {seed}, {topology}"),
        );
    }
}

/// All pairs that match, and the records of each side that match nothing.
struct Matches {
    pairs: Vec<(u64, u32, u32)>,
    left_alone: Vec<(u64, u32)>,
    right_alone: Vec<(u64, u32)>,
}

fn matches(left: &[Record], right: &[Record], match_times: impl Fn(i64, i64) -> bool) -> Matches {
    let is_match = |l: &Record, r: &Record| l.1 == r.1 && match_times(l.2, r.2);
    let (mut pairs, mut met) = (Vec::new(), BTreeSet::new());
    for l in left {
        for r in right.iter().filter(|r| is_match(l, r)) {
            pairs.push((l.1, l.3, r.3));
            met.extend([l.3, r.3]);
        }
    }
    let alone = |side: &[Record]| -> Vec<(u64, u32)> {
        side.iter().filter(|r| !met.contains(&r.3)).map(|r| (r.1, r.3)).collect()
    };
    Matches { left_alone: alone(left), right_alone: alone(right), pairs }
}

/// From 10 ms before to 25 ms after.
fn interval() -> Interval {
    let millis = Duration::from_millis;
    Interval::between(Offset::Before(millis(10)), Offset::After(millis(25)))
}

fn close(left: &[Record], right: &[Record]) -> Matches {
    matches(left, right, |l, r| (l - 10..=l + 25).contains(&r))
}

#[test]
fn interval_joins_with_pairs() {
    check(
        |left, right| {
            left.interval_join(right, interval()).inner().drop_late().without_event_time()
        },
        |left, right| close(left, right).pairs,
    );
    check(
        |left, right| left.interval_join(right, interval()).full().drop_late().without_event_time(),
        |left, right| {
            let Matches { pairs, left_alone, right_alone } = close(left, right);
            let pairs = pairs.into_iter().map(|(key, l, r)| (key, Some(l), Some(r)));
            let left = left_alone.into_iter().map(|(key, l)| (key, Some(l), None));
            let right = right_alone.into_iter().map(|(key, r)| (key, None, Some(r)));
            pairs.chain(left).chain(right).collect()
        },
    );
}

#[test]
fn interval_joins_that_ask_whether_there_is_a_match() {
    check(
        |left, right| left.interval_join(right, interval()).anti().drop_late().without_event_time(),
        |left, right| close(left, right).left_alone,
    );
    check(
        |left, right| left.interval_join(right, interval()).semi().drop_late().without_event_time(),
        |left, right| {
            let alone = close(left, right).left_alone;
            let all = left.iter().map(|l| (l.1, l.3));
            all.filter(|row| !alone.contains(row)).collect()
        },
    );
}

#[test]
fn a_join_behind_an_outer_join_misses_nothing() {
    check(
        |left, right| {
            let alone = left.clone().interval_join(right, interval()).anti().drop_late();
            let within = Interval::within(Duration::ZERO);
            let again = alone.keyed().interval_join(left, within).inner().drop_late();
            again.without_event_time()
        },
        |left, right| {
            let alone = close(left, right).left_alone;
            let is_alone = |l: &&Record| alone.contains(&(l.1, l.3));
            let lonely: Vec<Record> = left.iter().filter(is_alone).copied().collect();
            matches(&lonely, left, |one, other| one == other).pairs
        },
    );
}

#[test]
fn as_of_joins() {
    // Of right records with the same key and time it is not fixed which one counts: their
    // value is their time.
    for (seed, input) in inputs() {
        let latest = |left: &Record| {
            let is_earlier = |r: &&Record| !r.0 && r.1 == left.1 && r.2 <= left.2;
            input.iter().filter(is_earlier).map(|r| r.2).max()
        };
        let left = input.iter().filter(|record| record.0);
        let mut expected: Vec<_> = left.map(|l| (l.1, l.3, latest(l))).collect();
        expected.sort();
        everywhere(
            |job| {
                let watermarks = Watermarks::bounded(Duration::from_millis(DISORDER as u64));
                let timed = job
                    .source(Collection::new(input.clone()))
                    .event_time(|record| EventTime::from_millis(record.2), watermarks);
                let (left, right) = timed.branch(|record| record.0);
                let left = left.map(|l| (l.1, l.3)).keyed();
                let right = right.map(|r| (r.1, r.2)).keyed();
                left.as_of_join(right).left().drop_late().without_event_time()
            },
            |topology, rows| assert_eq!(rows, expected, "seed {seed}, {topology}"),
        );
    }
}

#[test]
fn joins_without_event_time() {
    check(
        |left, right| left.join_unbounded(right).inner().without_event_time(),
        |left, right| matches(left, right, |_, _| true).pairs,
    );
    check(
        |left, right| left.join_at_end(right).full(),
        |left, right| {
            let Matches { pairs, left_alone, right_alone } = matches(left, right, |_, _| true);
            let pairs = pairs.into_iter().map(|(key, l, r)| (key, Some(l), Some(r)));
            let left = left_alone.into_iter().map(|(key, l)| (key, Some(l), None));
            let right = right_alone.into_iter().map(|(key, r)| (key, None, Some(r)));
            pairs.chain(left).chain(right).collect()
        },
    );
}

#[test]
fn rows_of_a_broadcast_table_are_some_that_the_key_had() {
    let (changes, records) = (pairs(7, 300, 20), pairs(8, 5_000, 20));
    let mut had = BTreeMap::<u64, BTreeSet<Option<i64>>>::new();
    let value = |v: i64| (v % 4 != 0).then_some(v);
    for (key, v) in &changes {
        had.entry(*key).or_default().insert(value(*v));
    }
    everywhere(
        |job| {
            let changes = job.source(Collection::new(changes.clone()).in_order());
            let records = job.source(Collection::new(records.clone()));
            let changes = changes.map(move |(key, v)| (key, value(v))).keyed();
            records.keyed().join_broadcast(changes, |key, v, row| (*key, v, row.copied()))
        },
        |topology, rows| {
            let mut met: Vec<(u64, i64)> = rows.iter().map(|(key, v, _)| (*key, *v)).collect();
            let mut all = records.clone();
            met.sort_unstable();
            all.sort_unstable();
            assert_eq!(met, all, "every record once, {topology}");
            let known = |(key, _, row): &(u64, i64, Option<i64>)| {
                row.is_none() || had.get(key).is_some_and(|values| values.contains(row))
            };
            assert!(rows.iter().all(known), "{topology}");
        },
    );
}

#[test]
fn a_change_of_a_broadcast_table_is_seen_by_all_workers() {
    let (change, changes) = channel::<(u64, Option<u64>)>(16);
    let (record, records) = channel::<(u64, u64)>(1_024);
    let (seen, rows) = mpsc::channel();
    let job = Job::new("broadcast");
    let changes = job.source(changes).keyed();
    let joined = job
        .source(records)
        .rebalance()
        .keyed()
        .join_broadcast(changes, |_, number, row| (number, row.copied()));
    joined.sink(ForEach::new(move |row: (u64, Option<u64>)| {
        // The test may have seen enough.
        let _ = seen.send(row);
    }));
    let handle = job.start(Config::default().workers(4)).unwrap();
    for value in [Some(1), Some(2), None] {
        change.send((7, value)).unwrap();
        // Records that are dealt over the workers find the change sooner or later, and then all.
        let mut first = 0;
        loop {
            (first..first + 8).for_each(|number| record.send((7, number)).unwrap());
            let answers: Vec<_> =
                (0..8).map(|_| rows.recv_timeout(Duration::from_secs(30)).unwrap().1).collect();
            if answers.iter().all(|row| *row == value) {
                break;
            }
            first += 8;
        }
    }
    change.finish();
    record.finish();
    handle.wait().unwrap();
}

/// Rows of a table, made slowly.
fn slow_table(job: &Job) -> KeyedStream<u64, u64> {
    job.source(Generator::new(|n| (n, 3 * n)).count(2_000).rate_per_second(20_000.0)).keyed()
}

#[test]
fn a_slow_table_is_complete_before_anything_is_looked_up() {
    let expected: Vec<_> = (0..4_000).map(|n| (n, n + 1, (n < 2_000).then_some(3 * n))).collect();
    everywhere(
        |job| {
            // The records come from a source that was added first.
            let records = job.source(Collection::from_iter((0..4_000u64).map(|n| (n, n + 1))));
            records.keyed().lookup(slow_table(job))
        },
        |topology, rows| assert_eq!(rows, expected, "{topology}"),
    );
}

#[test]
fn one_table_may_serve_several_lookups_in_a_row() {
    let expected: Vec<_> = (0..500u64).map(|n| (n, Some(3 * n), Some(9 * n))).collect();
    everywhere(
        |job| {
            let table = slow_table(job);
            let records = job.source(Collection::from_iter((0..500u64).map(|n| (n, n))));
            let once = records.keyed().lookup(table.clone());
            let next = once.map(|(_, n, found)| (found.unwrap_or(0), (n, found))).keyed();
            next.lookup(table).map(|(_, (n, first), second)| (n, first, second))
        },
        |topology, rows| assert_eq!(rows, expected, "{topology}"),
    );
}

#[test]
fn a_table_may_be_larger_than_what_may_be_in_flight() {
    for workers in [1, 4] {
        let limits = Limits { in_flight_bytes: 64 << 10, ..Limits::default() };
        let job = Job::new("large table");
        let table = job.source(Generator::new(|n| (n, n)).count(300_000)).keyed();
        let records = job.source(Generator::new(|n| (n, n)).count(300_000)).keyed();
        let (sink, rows) = collect();
        let found = records.lookup(table).filter(|(key, _, row)| *row == Some(*key));
        found.count().at_end().sink(sink);
        job.run(Config::default().workers(workers).limits(limits)).unwrap();
        assert_eq!(rows.into_vec().unwrap(), [300_000], "{workers} workers");
    }
}

#[test]
fn a_job_that_waits_for_a_table_can_be_stopped_and_drained() {
    for drains in [false, true] {
        let (rows_of_table, table) = channel::<(u64, u64)>(16);
        let job = Job::new("waits");
        let records = job.source(Collection::from_iter((0..1_000u64).map(|n| (n, n))));
        let (sink, rows) = collect();
        records.keyed().lookup(job.source(table).keyed()).sink(sink);
        let handle = job.start(Config::default().workers(2)).unwrap();
        rows_of_table.send((1, 1)).unwrap();
        while handle.metrics().records < 1 {
            std::thread::yield_now();
        }
        match drains {
            true => handle.drain(),
            false => handle.stop(),
        }
        let report = handle.wait().unwrap();
        assert_eq!(report.records, 1, "nothing but the row of the table was read");
        assert_eq!(report.stopped, !drains);
        drop(rows);
    }
}

#[test]
fn a_plan_whose_sources_would_wait_for_ever_is_refused() {
    let job = Job::new("itself");
    let records = job.source(Collection::from_iter((0..10u64).map(|n| (n, n)))).keyed();
    let (sink, _rows) = collect();
    records.clone().lookup(records).sink(sink);
    let error = job.run(Config::default().workers(1)).unwrap_err().to_string();
    assert!(error.contains("`source` feeds both the table of `lookup`"), "{error}");

    let job = Job::new("each other");
    let (one, other) = (slow_table(&job), slow_table(&job));
    let (sink, _rows) = collect();
    let first = one.clone().lookup(other.clone());
    let second = other.lookup(one);
    first.union(second).sink(sink);
    let error = job.run(Config::default().workers(1)).unwrap_err().to_string();
    assert!(error.contains("waits for the table"), "{error}");
}
