//! The step of `join_unbounded` against a reference that tries every pair.

use std::time::Duration;

use rheos_engine::Keyed;

use super::unbounded_step::Everything;
use rheos_engine::harness::TwoInputHarness;
use rheos_engine::{EventTime, ProcessingTime, Stamped};

use crate::random::Random;
use crate::recovery::{Either, Step, check_recovery, to_owner};
use crate::{Timed, Untimed};

type Pair = Keyed<u64, i64>;

fn harness(ttl: Option<u64>) -> TwoInputHarness<Everything<u64, i64, i64, Untimed>> {
    TwoInputHarness::new(Everything::new(ttl.map(Duration::from_millis)))
}

/// Epochs of records of both sides.
fn steps(seed: u64) -> Vec<Step<Either<Pair, Pair>>> {
    let mut random = Random::new(seed);
    let epochs = random.epochs();
    let mut side = |(key, value): (u64, i64)| match random.below(2) {
        0 => Either::Left(Keyed::new(key, value)),
        _ => Either::Right(Keyed::new(key, value)),
    };
    let mut step = |(number, records): (usize, Vec<_>)| Step {
        records: records.into_iter().map(&mut side).collect(),
        watermark: EventTime::MIN,
        now: ProcessingTime(10 * (number as u64 + 1)),
    };
    epochs.into_iter().enumerate().map(&mut step).collect()
}

#[test]
fn all_pairs_younger_than_the_time_to_live_come_once() {
    for seed in 0..30 {
        for ttl in [None, Some(1), Some(15), Some(40)] {
            let mut harness = harness(ttl);
            let (mut left, mut right) = (Vec::new(), Vec::new());
            let (mut now, mut wanted, mut found) = (0, Vec::new(), Vec::new());
            for step in steps(seed) {
                for record in step.records {
                    let lives = |since: u64| ttl.is_none_or(|ttl| since + ttl > now);
                    match record {
                        Either::Left(Keyed { key, value, .. }) => {
                            let matches = right.iter().filter(|(k, _, s)| *k == key && lives(*s));
                            wanted.extend(matches.map(|(_, other, _)| (key, value, *other)));
                            left.push((key, value, now));
                            found.extend(harness.left(vec![Keyed::new(key, value)]).unwrap());
                        }
                        Either::Right(Keyed { key, value, .. }) => {
                            let matches = left.iter().filter(|(k, _, s)| *k == key && lives(*s));
                            wanted.extend(matches.map(|(_, other, _)| (key, *other, value)));
                            right.push((key, value, now));
                            found.extend(harness.right(vec![Keyed::new(key, value)]).unwrap());
                        }
                    }
                }
                now = step.now.0;
                harness.set_time(step.now);
                assert!(harness.end_epoch().unwrap().is_empty());
            }
            assert_eq!(found, wanted, "seed {seed}, {ttl:?}");
        }
    }
}

#[test]
fn state_is_dropped_when_it_has_lived_long_enough() {
    let mut harness = harness(Some(3_200));
    harness.set_time(ProcessingTime(1_050));
    harness.left(vec![Keyed::new(1, 1)]).unwrap();
    harness.right(vec![Keyed::new(2, 2)]).unwrap();
    harness.end_epoch().unwrap();
    assert_eq!((harness.holdings().records, harness.holdings().timers), (2, 2));
    assert_eq!(harness.deadline(), Some(ProcessingTime(4_300)), "in parts of 100 ms");
    harness.set_time(ProcessingTime(4_300));
    harness.end_epoch().unwrap();
    let held = harness.holdings();
    assert_eq!((held.keys, held.records, held.timers, held.bytes), (0, 0, 0, 0));
    assert_eq!(harness.deadline(), None);
}

#[test]
fn a_pair_has_the_later_of_two_times() {
    let mut harness = TwoInputHarness::new(Everything::<u64, char, char, Timed>::new(None));
    let record =
        |time, value| Stamped { time: EventTime::from_millis(time), value: Keyed::new(1, value) };
    harness.left(vec![record(5, 'a'), record(9, 'b')]).unwrap();
    let pairs = harness.right(vec![record(7, 'c')]).unwrap();
    let times: Vec<_> = pairs.iter().map(|pair| pair.time.as_millis()).collect();
    assert_eq!(times, [7, 9]);
}

#[test]
fn it_survives_a_restart_on_other_workers() {
    for seed in 0..5 {
        let make = |_: usize, _: usize| harness(Some(15));
        check_recovery(seed, &steps(seed), make, |either, workers| {
            let (Either::Left(record) | Either::Right(record)) = either;
            to_owner::<u64, i64, Untimed>(record, workers)
        });
    }
}
