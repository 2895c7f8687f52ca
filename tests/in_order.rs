//! Records in order of event time, and what follows from it: sessions, repetitions, the largest.

use std::collections::BTreeMap;
use std::time::Duration;

use rheos::engine::{EventTime, Limits};
use rheos::prelude::*;

use crate::everywhere::everywhere;
use crate::process::{SECOND, SHAPES, at, check, events, many_epochs, timed};

#[test]
fn sorted_records_come_in_order() {
    check(
        |random| random.below(10),
        |events| {
            let sorted = events.sort_by_event_time().drop_late().stamped();
            // The position of each record among those of its key, as they come.
            sorted.map(|row| (row.value.0, (row.time, row.value.1))).keyed().scan(
                (0u64, EventTime::MIN),
                |(position, last), key, (time, _)| {
                    assert!(*last <= time, "{time} comes after {last}");
                    (*position, *last) = (*position + 1, time);
                    Some((*key, *position, time))
                },
            )
        },
        |key, events| {
            let times = events.iter().zip(1..);
            times.map(|((time, _), position)| (key, position, at(*time))).collect()
        },
    );
}

#[test]
fn a_whole_stream_is_sorted_too() {
    for (seed, count, keys) in SHAPES {
        let input = events(seed, count, keys, |random| random.below(10));
        let mut expected: Vec<i64> = input.iter().map(|(time, ..)| *time).collect();
        expected.sort_unstable();
        for config in [Config::default().workers(1), many_epochs().workers(3)] {
            let job = Job::new("sorted");
            let (sink, rows) = collect();
            let sorted = timed(&job, &input).entries().sort_by_event_time().drop_late();
            sorted.stamped().map(|row| row.time.as_millis()).sink(sink);
            job.run(config).unwrap();
            assert_eq!(rows.into_vec().unwrap(), expected, "seed {seed}");
        }
    }
}

#[test]
fn what_waits_too_much_names_its_limit() {
    let input = events(1, 1_000, 7, |random| random.below(10));
    let job = Job::new("stuck");
    // A watermark that promises nothing.
    let watermarks = Watermarks::bounded(Duration::from_secs(1 << 40));
    let stuck = job.source(Collection::new(input)).event_time(|(time, ..)| at(*time), watermarks);
    stuck.sort_by_event_time().drop_late().for_each_epoch(|_, _| Ok::<_, std::fmt::Error>(()));
    let limits = Limits { sorted_records: 100, ..Limits::default() };
    let error = job.run(Config::default().workers(1).limits(limits)).unwrap_err();
    assert!(error.to_string().contains("sorted_records"), "{error}");
}

#[test]
fn sessions_are_those_of_the_sorted_records() {
    check(
        |_| (),
        |events| {
            let sessions = events.sessionize(Duration::from_millis(200)).drop_late().stamped();
            sessions.map(|row| (row.value.key, row.value.session, row.value.position, row.time))
        },
        |key, events| {
            let (mut start, mut position, mut last) = (i64::MIN, 0, i64::MIN);
            let mut rows = Vec::new();
            for (time, ()) in events {
                if last == i64::MIN || time - last > 200 {
                    (start, position) = (*time, 0);
                }
                rows.push((key, at(start), position, at(*time)));
                (position, last) = (position + 1, *time);
            }
            rows
        },
    );
}

#[test]
fn repetitions_in_sorted_records_are_left_out() {
    // In which order records of several splits come is not fixed until they are sorted.
    check(
        |_| (),
        |events| {
            let passed = events.sort_by_event_time().drop_late().keyed().dedup(SECOND).drop_late();
            passed.stamped().map(|row| (row.value.0, row.time))
        },
        |key, events| {
            let mut passed = None;
            let mut rows = Vec::new();
            for (time, ()) in events {
                if passed.is_none_or(|passed| time - passed >= 1_000) {
                    passed = Some(*time);
                    rows.push((key, at(*time)));
                }
            }
            rows
        },
    );
}

/// What is among the largest when all changes have been taken in.
fn largest<K: Ord + Clone, T: Ord>(rows: Vec<(K, TopChange<T>)>) -> BTreeMap<(K, T), i64> {
    let mut counts = BTreeMap::new();
    for (key, change) in rows {
        match change {
            TopChange::Entered(record) => *counts.entry((key, record)).or_default() += 1,
            TopChange::Left(record) => *counts.entry((key, record)).or_default() -= 1,
        }
    }
    counts.retain(|_, count| *count != 0);
    counts
}

#[test]
fn changes_add_up_to_the_largest() {
    for (seed, count, keys) in SHAPES {
        let input = events(seed, count, keys, |random| random.below(1_000));
        let mut by_key = BTreeMap::<(u8, u64), Vec<u64>>::new();
        for (_, key, amount) in &input {
            by_key.entry((0, *key)).or_default().push(*amount);
            by_key.entry((1, 0)).or_default().push(*amount);
        }
        let mut expected = Vec::new();
        for (key, mut amounts) in by_key {
            amounts.sort_unstable_by(|a, b| b.cmp(a));
            expected.extend(amounts.iter().take(5).map(|n| (key, TopChange::Entered(*n))));
        }
        let expected = largest(expected);
        let program = |job: &Job| {
            let amounts = timed(job, &input);
            let whole = amounts.clone().entries().map(|(_, amount)| amount).top_n(5);
            let each = amounts.top_n(5).map(|(key, change)| ((0u8, key), change));
            each.union(whole.map(|change| ((1, 0), change)))
        };
        everywhere(program, |topology, rows| {
            assert_eq!(largest(rows), expected, "seed {seed}, {topology}");
        });
        let job = Job::new("many epochs");
        let (sink, rows) = collect();
        program(&job).sink(sink);
        job.run(many_epochs().workers(3)).unwrap();
        assert_eq!(largest(rows.into_vec().unwrap()), expected, "seed {seed}, many epochs");
    }
}
