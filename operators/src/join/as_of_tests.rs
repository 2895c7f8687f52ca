//! The step of `as_of_join` against a reference that looks at every right record.

use std::time::Duration;

use rheos_engine::harness::TwoInputHarness;
use rheos_engine::{EventTime, Keyed, ProcessingTime, Stamped, TwoInput};

use super::as_of_step::AsOfStep;
use super::side::Side;
use crate::Timed;
use crate::random::Random;
use crate::recovery::{Either, Step, To, check_recovery, to_owner};
use crate::with_late::{Emitted, Lateness};

type Record = Stamped<Keyed<u64, u32>>;
type Row = (i64, u64, u32, Option<u32>);
type Out = Stamped<Emitted<(u64, u32, Option<u32>), Side<(u64, u32), (u64, u32)>>>;

fn at(millis: i64) -> EventTime {
    EventTime::from_millis(millis)
}

fn record(time: i64, key: u64, value: u32) -> Record {
    Stamped { time: at(time), value: Keyed::new(key, value) }
}

fn harness(
    max_age: Option<u64>,
) -> TwoInputHarness<impl TwoInput<Left = Record, Right = Record, Out = Out>> {
    let row = |key: &u64, left: u32, right: Option<&u32>| Some((*key, left, right.copied()));
    let max_age = max_age.map(Duration::from_millis);
    TwoInputHarness::new(AsOfStep::<u64, u32, u32, _>::new(row, max_age, Lateness::Emit))
}

fn rows(said: Vec<Out>) -> Vec<Row> {
    let row = |said: Out| match said.value {
        Emitted::Result((key, left, right)) => (said.time.as_millis(), key, left, right),
        Emitted::Late(late) => panic!("{late:?} is not late"),
    };
    said.into_iter().map(row).collect()
}

/// Epochs of records in any order that are not late.
fn steps(seed: u64, keys: u64) -> Vec<Step<Either<Record, Record>>> {
    let mut random = Random::new(seed);
    let (mut watermark, mut number) = (-40, 0);
    let count = random.below(10);
    let epoch = |_| {
        let mut record = || {
            number += 1;
            let record = record(watermark + random.below(25) as i64, random.below(keys), number);
            match random.below(2) {
                0 => Either::Left(record),
                _ => Either::Right(record),
            }
        };
        let records = (0..30).map(|_| record()).collect();
        watermark += [0, 1, 7, 20, 100][random.below(5) as usize];
        Step { records, watermark: at(watermark), now: ProcessingTime(0) }
    };
    (0..count).map(epoch).collect()
}

/// Each left record with the last of the latest right records.
fn reference(steps: &[Step<Either<Record, Record>>], max_age: Option<u64>) -> Vec<Row> {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for either in steps.iter().flat_map(|step| &step.records) {
        match either {
            Either::Left(record) => left.push(record.clone()),
            Either::Right(record) => right.push(record.clone()),
        }
    }
    let mut rows = Vec::new();
    for l in left {
        let earliest =
            max_age.map_or(EventTime::MIN, |age| l.time.minus(Duration::from_millis(age)));
        let candidates = right
            .iter()
            .filter(|r| r.value.key == l.value.key && r.time >= earliest && r.time <= l.time);
        // Of equal ones the last is taken.
        let latest = candidates.max_by_key(|r| r.time).map(|r| r.value.value);
        rows.push((l.time.as_millis(), l.value.key, l.value.value, latest));
    }
    rows.sort();
    rows
}

#[test]
fn each_left_record_meets_what_was_said_last_before_it() {
    for seed in 0..60 {
        let max_age = [None, Some(0), Some(8), Some(50)][seed as usize % 4];
        let input = steps(seed, [1, 3, 40][seed as usize % 3]);
        let mut harness = harness(max_age);
        let mut found = Vec::new();
        for step in &input {
            for either in step.records.clone() {
                let said = match either {
                    Either::Left(record) => harness.left(vec![record]).unwrap(),
                    Either::Right(record) => harness.right(vec![record]).unwrap(),
                };
                assert!(said.is_empty(), "nothing is decided before the watermark, seed {seed}");
            }
            let promised = harness.watermark();
            harness.set_watermark(step.watermark);
            let said = rows(harness.end_epoch().unwrap());
            assert!(said.iter().all(|row| row.0 >= promised.as_millis()), "seed {seed}");
            found.extend(said);
        }
        found.extend(rows(harness.end_input().unwrap()));
        found.sort();
        assert_eq!(found, reference(&input, max_age), "seed {seed}, {max_age:?}");
        let held = harness.holdings();
        assert_eq!((held.keys, held.records, held.timers, held.bytes), (0, 0, 0, 0));
    }
}

#[test]
fn it_survives_a_restart_on_other_workers() {
    for seed in 0..8 {
        let max_age = [None, Some(8)][seed as usize % 2];
        let make = |_: usize, _: usize| harness(max_age);
        let route = |either: &Either<Record, Record>, workers: usize| -> To {
            let (Either::Left(record) | Either::Right(record)) = either;
            to_owner::<u64, u32, Timed>(record, workers)
        };
        check_recovery(seed, &steps(seed, 5), make, route);
    }
}

#[test]
fn only_the_latest_of_a_quiet_key_is_kept() {
    let mut harness = harness(None);
    harness.right((0..100).map(|n| record(n, 1, n as u32)).collect()).unwrap();
    assert_eq!(harness.holdings().records, 100);
    harness.set_watermark(at(60));
    harness.end_epoch().unwrap();
    harness.set_watermark(at(200));
    harness.end_epoch().unwrap();
    assert_eq!(harness.holdings().records, 1);
    harness.left(vec![record(1_000, 1, 7)]).unwrap();
    harness.set_watermark(at(1_001));
    assert_eq!(rows(harness.end_epoch().unwrap()), [(1_000, 1, 7, Some(99))]);
}

#[test]
fn with_an_age_a_quiet_key_is_forgotten() {
    let mut harness = harness(Some(10));
    harness.right(vec![record(50, 1, 1)]).unwrap();
    harness.set_watermark(at(60));
    harness.end_epoch().unwrap();
    assert_eq!(harness.holdings().keys, 1, "a left record at 60 may still come");
    harness.set_watermark(at(61));
    harness.end_epoch().unwrap();
    assert_eq!((harness.holdings().keys, harness.holdings().timers), (0, 0));
}

#[test]
fn a_right_record_behind_the_watermark_counts_unless_a_later_one_does() {
    let mut harness = harness(None);
    harness.set_watermark(at(100));
    harness.end_epoch().unwrap();
    // Nothing newer is known of key 1: its late record is what a left one at 100 should meet.
    assert!(harness.right(vec![record(40, 1, 1)]).unwrap().is_empty());
    let late = harness.right(vec![record(30, 1, 2)]).unwrap();
    assert!(matches!(late[0].value, Emitted::Late(Side::Right((1, 2)))), "40 has taken its place");
    assert!(harness.right(vec![record(40, 1, 3)]).unwrap().is_empty(), "of equals the last counts");
    let late = harness.left(vec![record(99, 1, 4), record(100, 1, 5)]).unwrap();
    assert!(matches!(late[0].value, Emitted::Late(Side::Left((1, 4)))));
    assert_eq!((late.len(), harness.late()), (1, 2));
    harness.set_watermark(at(101));
    assert_eq!(rows(harness.end_epoch().unwrap()), [(100, 1, 5, Some(3))]);
}
