//! Windows survive: interrupted anywhere and restored onto other numbers of workers, they say
//! what they say undisturbed.

use std::time::Duration;

use rheos_engine::harness::Harness;
use rheos_engine::{EventTime, Keyed, Operator, ProcessingTime, Snapshot, Stamped};

use super::arrival::Arrival;
use super::clock::Domain;
use super::count::{CountWindows, Counts};
use super::per_key::PerKeyWindows;
use super::sliced::SlicedWindows;
use super::tests::{EMIT, Numbers, Said, WithInverse, number};
use super::windows::{Placement, Windows};
use crate::random::Random;
use crate::recovery::{Step, check_recovery, to_owner};
use crate::{Aggregate, Timed};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn at(millis: i64) -> EventTime {
    EventTime::from_millis(millis)
}

/// Records with disorder, ties and gaps, some of them late and some very late; `make` makes what
/// the operator takes of a record, given the watermark when its epoch began.
fn steps<T>(seed: u64, make: impl Fn(i64, Stamped<Keyed<u64, u64>>) -> T) -> Vec<Step<T>> {
    let random = &mut Random::new(seed);
    let (mut base, mut watermark, mut now, mut numbers) = (-30, -100, 0, 0..);
    let step = |_| {
        let records = (0..random.below(9)).map(|_| {
            base += random.below(8) as i64;
            let time = at(base - random.below(40) as i64);
            let value = Keyed::new(random.below(4), numbers.next().unwrap());
            make(watermark, Stamped { time, value })
        });
        let records = records.collect();
        now += random.below(12);
        watermark = watermark.max(base - random.below(30) as i64);
        Step { records, watermark: at(watermark), now: ProcessingTime(now) }
    };
    (0..6).map(step).collect()
}

type Arrived = Stamped<Keyed<u64, Arrival<u64, Vec<u64>>>>;

/// A record as it arrives at windows that share slices: combined, where it cannot be late.
fn arrived(watermark: i64, record: Stamped<Keyed<u64, u64>>) -> Arrived {
    let Stamped { time, value: Keyed { hash, key, value } } = record;
    let value = match time.as_millis() < watermark || value % 2 == 0 {
        true => Arrival::Record(Box::new(value)),
        false => Arrival::Combined(vec![value]),
    };
    Stamped { time, value: Keyed { hash, key, value } }
}

fn check_sliced<A>(aggregate: &A)
where
    A: Aggregate<In = u64, Acc = Vec<u64>, Out = Vec<u64>>,
{
    let kinds = [
        Windows::tumbling(ms(10)),
        Windows::sliding(ms(20), ms(5)),
        Windows::sliding(ms(14), ms(4)).offset(ms(1)),
    ];
    for (seed, windows) in (0..).zip(kinds.iter().cycle().take(6)) {
        for lateness in [0, 25] {
            let windows = windows.clone().allowed_lateness(ms(lateness));
            let Placement::Aligned(aligned) = windows.placement else { unreachable!() };
            let make = |_, _| {
                let places = (aligned, windows.lateness);
                let number: fn(EventTime, u64) -> u64 = number;
                let (aggregate, domain) = (aggregate.clone(), Domain::EventTime);
                Harness::new(SlicedWindows::new(aggregate, number, places, EMIT, domain))
            };
            check_recovery(seed, &steps(seed, arrived), make, to_owner::<_, _, Timed>);
        }
    }
}

#[test]
fn windows_that_share_slices_survive() {
    check_sliced(&Numbers);
    check_sliced(&WithInverse);
}

#[test]
fn windows_of_each_key_survive() {
    let sessions = || Windows::session(ms(6));
    let tumbling = || Windows::tumbling(ms(15));
    let kinds = [
        sessions(),
        sessions().allowed_lateness(ms(25)),
        sessions().allowed_lateness(ms(25)).early_each(2).discarding(),
        sessions().early_every(ms(7)),
        tumbling().early_every(ms(7)).allowed_lateness(ms(20)).discarding(),
        tumbling().late_each_record().allowed_lateness(ms(20)),
        Windows::sliding(ms(20), ms(5)).early_each(3),
        Windows::global().early_each(4).early_every(ms(10)),
        Windows::global().trigger(|seen| seen.new_records >= 2 && seen.now.0 > seen.since.0 + 3),
        Windows::custom(|time| {
            let second = time.as_millis().div_euclid(7) * 7;
            vec![super::Window::new(at(second), at(second + 9))]
        }),
    ];
    for windows in kinds {
        for seed in 0..4 {
            let make = |_, _| {
                let number: fn(EventTime, u64) -> u64 = number;
                let (windows, domain) = (windows.clone(), Domain::EventTime);
                Harness::new(PerKeyWindows::new(Numbers, number, windows, EMIT, domain))
            };
            check_recovery(seed, &steps(seed, |_, record| record), make, to_owner::<_, _, Timed>);
        }
    }
}

#[test]
fn windows_of_so_many_records_survive() {
    for (size, slide) in [(3, 3), (4, 2), (5, 1), (2, 5)] {
        for seed in 0..4 {
            let make = |_, _| {
                let number: fn(EventTime, u64) -> u64 = number;
                let counts = Counts::new(size, slide);
                Harness::new(CountWindows::<_, _, _, _, ()>::new(Numbers, number, counts))
            };
            check_recovery(seed, &steps(seed, |_, record| record), make, to_owner::<_, _, Timed>);
        }
    }
}

/// Takes a snapshot after the watermark has passed 20, restores it onto another worker and gives
/// that a record of window 0 to 10 at once, before the watermark has come again.
fn late_after_restore<O: Operator>(make: impl Fn() -> O, record: impl Fn(i64, u64) -> O::In)
where
    Said: From<O::Out>,
{
    let (mut before, mut after) = (Harness::new(make()), Harness::new(make()));
    before.batch(vec![record(1, 1), record(21, 2)]).unwrap();
    before.set_watermark(at(20));
    assert_eq!(before.end_epoch().unwrap().len(), 1);
    let mut snapshot = Snapshot::default();
    before.snapshot(0, &mut snapshot).unwrap();
    after.restore(0, 1, &snapshot).unwrap();
    let said = after.batch(vec![record(3, 3)]).unwrap();
    let said: Vec<Said> = said.into_iter().map(Said::from).collect();
    assert_eq!(said, [Said::Late(3)], "its window had answered");
}

#[test]
fn what_was_late_before_a_restore_is_late_behind_it() {
    let windows = Windows::tumbling(ms(10));
    let Placement::Aligned(aligned) = windows.placement else { unreachable!() };
    let record = |time, number| Stamped { time: at(time), value: Keyed::new(0u64, number) };
    late_after_restore(
        || SlicedWindows::new(Numbers, number, (aligned, 0), EMIT, Domain::EventTime),
        |time, number| arrived(i64::MAX, record(time, number)),
    );
    late_after_restore(
        || PerKeyWindows::new(Numbers, number, windows.clone(), EMIT, Domain::EventTime),
        record,
    );
}
