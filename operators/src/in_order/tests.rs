//! What sorters release, and when.

use std::time::Duration;

use rheos_engine::harness::Harness;
use rheos_engine::{EventTime, Keyed, ProcessingTime, Stamped};

use super::sessionize::Sessions;
use super::sort::Sorted;
use super::sorter::{Release, Sorter};
use crate::Timed;
use crate::random::Random;
use crate::recovery::{Step, check_recovery, to_owner};
use crate::with_late::{Emitted, Lateness};

fn at(millis: i64) -> EventTime {
    EventTime::from_millis(millis)
}

fn records(records: &[(i64, u64, i64)]) -> Vec<Stamped<Keyed<u64, i64>>> {
    let stamped = |&(time, key, value)| Stamped { time: at(time), value: Keyed::new(key, value) };
    records.iter().map(stamped).collect()
}

/// Results with their times; late records as none.
fn released<T, L>(out: Vec<Stamped<Emitted<T, L>>>) -> Vec<(i64, Option<T>)> {
    let row = |row: Stamped<Emitted<T, L>>| match row.value {
        Emitted::Result(result) => (row.time.as_millis(), Some(result)),
        Emitted::Late(_) => (row.time.as_millis(), None),
    };
    out.into_iter().map(row).collect()
}

/// Sorts pairs of keys and values.
type Pairs = Sorter<u64, i64, Sorted<u64, i64, (u64, i64)>>;

fn sorter(limit: usize) -> Harness<Pairs> {
    Harness::new(Sorter::new(Sorted::with_keys(), Lateness::Emit, limit))
}

#[test]
fn records_are_released_in_order_once_the_watermark_has_passed_them() {
    let mut harness = sorter(100);
    let came = records(&[(30, 7, 1), (10, 7, 2), (20, 7, 3), (10, 7, 4), (15, 8, 5)]);
    assert!(harness.batch(came).unwrap().is_empty());
    harness.set_watermark(at(20));
    let first = [(10, Some((7, 2))), (10, Some((7, 4))), (15, Some((8, 5)))];
    assert_eq!(released(harness.end_epoch().unwrap()), first, "20 may still come");
    assert_eq!(harness.watermark(), at(20));
    let late = released(harness.batch(records(&[(19, 7, 6), (20, 7, 7)])).unwrap());
    assert_eq!((late, harness.late()), (vec![(19, None)], 1));
    let rest = [(20, Some((7, 3))), (20, Some((7, 7))), (30, Some((7, 1)))];
    assert_eq!(released(harness.end_input().unwrap()), rest);
    let holdings = harness.holdings();
    assert_eq!((holdings.keys, holdings.records, holdings.timers), (0, 0, 0));
}

#[test]
fn the_end_of_time_is_released_at_the_end_of_the_input() {
    let mut harness = sorter(100);
    harness.batch(records(&[(i64::MAX, 7, 1)])).unwrap();
    assert_eq!(released(harness.end_input().unwrap()), [(i64::MAX, Some((7, 1)))]);
}

#[test]
fn late_records_that_are_not_wanted_are_counted() {
    let mut harness =
        Harness::new(Sorter::<u64, i64, _>::new(Sorted::with_keys(), Lateness::Drop, 10));
    harness.set_watermark(at(20));
    harness.end_epoch().unwrap();
    assert!(harness.batch(records(&[(19, 7, 6)])).unwrap().is_empty());
    assert_eq!(harness.late(), 1);
}

#[test]
fn a_sorter_that_holds_too_much_fails_the_job() {
    let mut harness = sorter(2);
    harness.batch(records(&[(1, 7, 1), (1, 7, 2)])).unwrap();
    let Err(error) = harness.batch(records(&[(1, 8, 1)])) else { panic!("the limit is 2") };
    assert!(error.to_string().contains("sorted_records"), "{error}");
}

#[test]
fn sessions_end_after_a_gap_and_are_forgotten_by_watermark() {
    let sessions = Sessions { gap: Duration::from_millis(10) };
    let mut harness = Harness::new(Sorter::<u64, i64, _>::new(sessions, Lateness::Emit, 100));
    harness.batch(records(&[(10, 7, 1), (0, 7, 2), (21, 7, 3)])).unwrap();
    let said = |harness: &mut Harness<Sorter<u64, i64, Sessions>>, watermark| {
        harness.set_watermark(at(watermark));
        let out = released(harness.end_epoch().unwrap()).into_iter();
        let row = |(_, row): (i64, Option<super::InSession<u64, i64>>)| {
            let row = row.unwrap();
            (row.session.as_millis(), row.position, row.value)
        };
        out.map(row).collect::<Vec<_>>()
    };
    assert_eq!(said(&mut harness, 11), [(0, 0, 2), (0, 1, 1)], "the gap itself is no gap");
    assert_eq!(said(&mut harness, 22), [(21, 0, 3)]);
    harness.batch(records(&[(25, 7, 4)])).unwrap();
    assert_eq!(said(&mut harness, 35), [(21, 1, 4)]);
    assert_eq!(harness.holdings().keys, 1, "35 may still come");
    assert_eq!(said(&mut harness, 36), []);
    assert_eq!((harness.holdings().keys, harness.holdings().timers), (0, 0));
}

#[test]
fn a_session_that_goes_on_has_one_reminder() {
    let sessions = Sessions { gap: Duration::from_millis(10) };
    let mut harness = Harness::new(Sorter::<u64, i64, _>::new(sessions, Lateness::Emit, 100));
    for time in (0..1_000).step_by(5) {
        harness.batch(records(&[(time, 7, time)])).unwrap();
        harness.set_watermark(at(time + 1));
        assert_eq!(harness.end_epoch().unwrap().len(), 1);
        assert_eq!(harness.holdings().timers, 1, "at {time}");
    }
    harness.end_input().unwrap();
    assert_eq!(harness.holdings().keys, 0);
}

fn random_steps(seed: u64) -> Vec<Step<Stamped<Keyed<u64, i64>>>> {
    let mut random = Random::new(seed);
    let mut watermark = 0;
    (0..1 + random.below(5))
        .map(|_| {
            let rows: Vec<_> = (0..random.below(40))
                .map(|number| {
                    (watermark + random.below(60) as i64 - 10, random.below(6), number as i64)
                })
                .collect();
            watermark += random.below(40) as i64;
            Step { records: records(&rows), watermark: at(watermark), now: ProcessingTime(0) }
        })
        .collect()
}

fn check<R: Release<u64, i64> + Clone>(release: R)
where
    Emitted<R::Out, R::Late>: std::fmt::Debug,
{
    for seed in 0..10 {
        let make =
            |_, _| Harness::new(Sorter::<u64, i64, _>::new(release.clone(), Lateness::Emit, 1_000));
        check_recovery(seed, &random_steps(seed), make, to_owner::<_, _, Timed>);
    }
}

#[test]
fn what_waits_survives_on_other_workers() {
    check(Sorted::with_keys());
    check(Sessions { gap: Duration::from_millis(10) });
}
