//! What operators compute, against references written for clarity, in every topology.

use std::collections::{BTreeMap, BTreeSet};

use rheos::prelude::*;

use crate::everywhere::everywhere;
use crate::random::pairs;

/// Inputs of different shapes: many keys, few, one, none.
fn inputs() -> Vec<(u64, Vec<(u64, i64)>)> {
    let shapes = [(1, 20_000, 5_000), (2, 20_000, 7), (3, 3_000, 1), (4, 0, 1), (5, 1, 1)];
    shapes.map(|(seed, count, keys)| (seed, pairs(seed, count, keys))).into()
}

/// The values of each key, in the order of the input.
fn grouped(input: &[(u64, i64)]) -> BTreeMap<u64, Vec<i64>> {
    let mut groups = BTreeMap::<u64, Vec<i64>>::new();
    for (key, value) in input {
        groups.entry(*key).or_default().push(*value);
    }
    groups
}

/// Checks a job on all inputs in all topologies against a function of the whole input.
fn check<T: rheos::engine::ExchangeData + Ord + std::fmt::Debug>(
    build: impl Fn(Stream<(u64, i64)>) -> Stream<T> + Sync,
    reference: impl Fn(&[(u64, i64)]) -> Vec<T>,
) {
    for (seed, input) in inputs() {
        let mut expected = reference(&input);
        expected.sort();
        everywhere(
            |job| build(job.source(Collection::new(input.clone()))),
            |topology, rows| assert_eq!(rows, expected, "seed {seed}, {topology}"),
        );
    }
}

#[test]
fn stateless_steps() {
    check(
        |input| {
            input
                .map(|(key, value)| (key, value * 2))
                .filter(|(key, _)| key % 3 != 0)
                .flat_map(|(key, value)| (0..key % 4).map(move |n| (key, value, n)))
                .filter_map(|(key, value, n)| (value > 0).then_some((key, value - n as i64)))
        },
        |input| {
            let mut rows = Vec::new();
            for (key, value) in input.iter().map(|(key, value)| (*key, value * 2)) {
                if key % 3 != 0 && value > 0 {
                    rows.extend((0..key % 4).map(|n| (key, value - n as i64)));
                }
            }
            rows
        },
    );
}

#[test]
fn records_on_other_workers_are_the_same_records() {
    let all = |input: &[(u64, i64)]| input.to_vec();
    check(|input| input.rebalance(), all);
    check(|input| input.gather(), all);
    check(|input| input.partition_by(|(key, _)| *key), all);
    check(|input| input.rebalance().gather().rebalance(), all);
}

#[test]
fn branches_and_unions() {
    check(
        |input| {
            let (even, odd) = input.branch(|(key, _)| key % 2 == 0);
            even.map(|(key, value)| (key, value + 1)).union(odd)
        },
        |input| input.iter().map(|(key, value)| (*key, value + i64::from(key % 2 == 0))).collect(),
    );
    check(
        |input| {
            let copy = input.clone();
            input.union(copy)
        },
        |input| [input, input].concat(),
    );
}

#[test]
fn errors_leave_with_their_records() {
    check(
        |input| {
            let (good, bad) = input.try_map(|(key, value)| match value {
                0.. => Ok(*key),
                _ => Err(format!("{value} is negative")),
            });
            good.map(|key| (key, String::new())).union(bad.map(|((key, _), why)| (key, why)))
        },
        |input| {
            let why = |value: i64| format!("{value} is negative");
            let row = |(key, value): &(u64, i64)| match *value {
                0.. => (*key, String::new()),
                value => (*key, why(value)),
            };
            input.iter().map(row).collect()
        },
    );
}

#[test]
fn a_limit_is_exact_over_all_workers() {
    for (seed, input) in inputs() {
        let expected = input.len().min(1_234);
        let all: BTreeSet<_> = input.iter().copied().collect();
        everywhere(
            |job| job.source(Collection::new(input.clone())).limit(1_234),
            |topology, rows| {
                assert_eq!(rows.len(), expected, "seed {seed}, {topology}");
                assert!(rows.iter().all(|row| all.contains(row)), "seed {seed}, {topology}");
            },
        );
    }
}

/// Checks a keyed aggregate at the end of the input.
fn check_keyed<T: rheos::engine::ExchangeData + Ord + std::fmt::Debug>(
    build: impl Fn(KeyedStream<u64, i64>) -> Stream<(u64, T)> + Sync,
    of_values: impl Fn(&[i64]) -> T,
) {
    check(
        |input| build(input.key_by(|(key, _)| *key).map_values(|(_, value)| value)),
        |input| grouped(input).into_iter().map(|(k, values)| (k, of_values(&values))).collect(),
    );
}

#[test]
fn counts_and_sums() {
    check_keyed(|keyed| keyed.count().at_end(), |values| values.len() as u64);
    check_keyed(|keyed| keyed.sum().at_end(), |values| values.iter().sum::<i64>());
}

#[test]
fn extremes() {
    check_keyed(|keyed| keyed.min().at_end(), |values| *values.iter().min().unwrap());
    check_keyed(|keyed| keyed.max().at_end(), |values| *values.iter().max().unwrap());
}

#[test]
fn folds_and_reductions() {
    check_keyed(
        |keyed| keyed.reduce(|a, b| a.wrapping_mul(31).max(b.wrapping_mul(31)) / 31).at_end(),
        |values| *values.iter().max().unwrap(),
    );
    check_keyed(
        |keyed| keyed.fold(0u64, |count, value: i64| *count += u64::from(value > 0)).at_end(),
        |values| values.iter().filter(|value| **value > 0).count() as u64,
    );
}

#[test]
fn the_last_update_of_every_key_is_its_total() {
    for (seed, input) in inputs() {
        let expected: Vec<(u64, u64)> =
            grouped(&input).into_iter().map(|(key, values)| (key, values.len() as u64)).collect();
        everywhere(
            |job| {
                let input = job.source(Collection::new(input.clone()));
                input.key_by(|(key, _)| *key).count().updates()
            },
            |topology, rows| {
                let last: BTreeMap<u64, u64> = rows.into_iter().collect();
                let last: Vec<(u64, u64)> = last.into_iter().collect();
                assert_eq!(last, expected, "seed {seed}, {topology}");
            },
        );
    }
}

#[test]
fn distinct_values_come_once() {
    check(
        |input| input.map(|(key, value)| (key % 50, value % 3)).distinct(),
        |input| {
            let all = input.iter().map(|(key, value)| (key % 50, value % 3));
            all.collect::<BTreeSet<_>>().into_iter().collect()
        },
    );
}

#[test]
fn scans_see_every_record_of_their_key() {
    check(
        |input| {
            input.key_by(|(key, _)| *key).scan(0u64, |seen, key, _| {
                *seen += 1;
                Some((*key, *seen))
            })
        },
        |input| {
            let groups = grouped(input).into_iter();
            groups
                .flat_map(|(key, values)| (1..=values.len() as u64).map(move |n| (key, n)))
                .collect()
        },
    );
}

#[test]
fn whole_streams_have_totals_too() {
    check(|input| input.count().at_end(), |input| vec![input.len() as u64]);
    check(
        |input| input.map(|(_, value)| value).sum().at_end(),
        |input| vec![input.iter().map(|(_, v)| v).sum::<i64>()],
    );
}

#[test]
fn a_chain_of_keyed_steps() {
    check(
        |input| {
            input
                .key_by(|(key, _)| *key)
                .count()
                .at_end()
                .key_by(|(_, count)| *count)
                .count()
                .at_end()
                .key_by(|(_, keys)| *keys % 2)
                .count()
                .at_end()
        },
        |input| {
            let mut first = BTreeMap::<u64, u64>::new();
            input.iter().for_each(|(key, _)| *first.entry(*key).or_default() += 1);
            let mut second = BTreeMap::<u64, u64>::new();
            first.values().for_each(|count| *second.entry(*count).or_default() += 1);
            let mut third = BTreeMap::<u64, u64>::new();
            second.values().for_each(|keys| *third.entry(*keys % 2).or_default() += 1);
            third.into_iter().collect()
        },
    );
}
