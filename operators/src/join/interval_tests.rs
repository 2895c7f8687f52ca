//! The step of `interval_join` against a reference that tries every pair.

use std::time::Duration;

use rheos_engine::harness::TwoInputHarness;
use rheos_engine::{EventTime, Keyed, ProcessingTime, Snapshot, Stamped, hash_key, owner};

use super::interval::{Interval, Offset};
use super::interval_step::IntervalStep;
use super::kind::{Anti, Full, Inner, JoinKind, Left, Right, Semi};
use super::side::Side;
use crate::Timed;
use crate::random::Random;
use crate::recovery::{Either, Step, check_recovery, to_owner};
use crate::with_late::{Emitted, Lateness};

/// A record: its time, its key and what tells it from all others.
type Record = (i64, u64, u32);

/// A row of any kind of join, with its time.
type Row = (i64, u64, Option<u32>, Option<u32>);

/// Makes rows of all kinds alike.
trait Plain {
    fn plain(self, time: i64) -> Row;
}

impl Plain for (u64, u32, u32) {
    fn plain(self, time: i64) -> Row {
        (time, self.0, Some(self.1), Some(self.2))
    }
}

impl Plain for (u64, u32, Option<u32>) {
    fn plain(self, time: i64) -> Row {
        (time, self.0, Some(self.1), self.2)
    }
}

impl Plain for (u64, Option<u32>, u32) {
    fn plain(self, time: i64) -> Row {
        (time, self.0, self.1, Some(self.2))
    }
}

impl Plain for (u64, Option<u32>, Option<u32>) {
    fn plain(self, time: i64) -> Row {
        (time, self.0, self.1, self.2)
    }
}

impl Plain for (u64, u32) {
    fn plain(self, time: i64) -> Row {
        (time, self.0, Some(self.1), None)
    }
}

/// What an epoch brings, and the watermark after it.
struct Epoch {
    left: Vec<Record>,
    right: Vec<Record>,
    watermark: i64,
}

/// Epochs with disorder, ties, gaps and, where `late` says so, records behind the watermark.
fn epochs(seed: u64, keys: u64, late: bool) -> Vec<Epoch> {
    let mut random = Random::new(seed);
    let (mut watermark, mut number) = (-50, 0);
    let count = random.below(12);
    let mut epochs = Vec::new();
    for _ in 0..count {
        let mut side = |random: &mut Random| -> Vec<Record> {
            let records = random.below(4) * random.below(12);
            let mut record = || {
                let back = if late { random.below(8) as i64 } else { 0 };
                number += 1;
                (watermark - back + random.below(30) as i64, random.below(keys), number)
            };
            (0..records).map(|_| record()).collect()
        };
        let (left, right) = (side(&mut random), side(&mut random));
        watermark += [0, 1, 7, 20, 200][random.below(5) as usize];
        epochs.push(Epoch { left, right, watermark });
    }
    epochs
}

/// The bounds of the intervals that are tried.
const BOUNDS: [(i64, i64); 7] = [(-10, 5), (0, 0), (5, 12), (-12, -5), (-3, 0), (0, 9), (-9, -9)];

fn interval(lower: i64, upper: i64) -> Interval {
    let offset = |millis: i64| match millis < 0 {
        true => Offset::Before(Duration::from_millis(millis.unsigned_abs())),
        false => Offset::After(Duration::from_millis(millis.unsigned_abs())),
    };
    Interval::between(offset(lower), offset(upper))
}

fn stamped((time, key, value): Record) -> Stamped<Keyed<u64, u32>> {
    Stamped { time: EventTime::from_millis(time), value: Keyed::new(key, value) }
}

/// The records that are not late, of all epochs, and how many are.
fn on_time(epochs: &[Epoch]) -> (Vec<Record>, Vec<Record>, Vec<Record>) {
    let (mut left, mut right, mut late) = (Vec::new(), Vec::new(), Vec::new());
    let mut watermark = i64::MIN;
    for epoch in epochs {
        let is_late = |record: &&Record| record.0 < watermark;
        left.extend(epoch.left.iter().filter(|record| !is_late(record)));
        right.extend(epoch.right.iter().filter(|record| !is_late(record)));
        late.extend(epoch.left.iter().chain(&epoch.right).filter(is_late));
        watermark = epoch.watermark;
    }
    (left, right, late)
}

/// All rows that a full join gives of records that are not late.
fn full((lower, upper): (i64, i64), left: &[Record], right: &[Record]) -> Vec<Row> {
    let matches = |left: &Record, right: &Record| {
        left.1 == right.1 && (left.0 + lower..=left.0 + upper).contains(&right.0)
    };
    let mut rows = Vec::new();
    for l in left {
        let pairs = right.iter().filter(|r| matches(l, r));
        rows.extend(pairs.map(|r| (l.0.max(r.0), l.1, Some(l.2), Some(r.2))));
        if !right.iter().any(|r| matches(l, r)) {
            rows.push((l.0, l.1, Some(l.2), None));
        }
    }
    let alone = right.iter().filter(|r| !left.iter().any(|l| matches(l, r)));
    rows.extend(alone.map(|r| (r.0, r.1, None, Some(r.2))));
    rows.sort();
    rows
}

/// The rows of each kind follow from those of the full join.
fn keep(rows: &[Row], wanted: impl Fn(&Row) -> bool) -> Vec<Row> {
    rows.iter().copied().filter(|row| wanted(row)).collect()
}

/// Left records with a match, once, with their own time.
fn met(rows: &[Row], left: &[Record]) -> Vec<Row> {
    let has_met = |l: &&Record| rows.iter().any(|row| row.2 == Some(l.2) && row.3.is_some());
    let mut met: Vec<_> =
        left.iter().filter(has_met).map(|l| (l.0, l.1, Some(l.2), None)).collect();
    met.sort();
    met
}

/// What the step says.
type Said<J> = Stamped<Emitted<<J as JoinKind<u64, u32, u32>>::Row, Side<(u64, u32), (u64, u32)>>>;

/// A worker with the step.
struct Worker<J: JoinKind<u64, u32, u32>> {
    harness: TwoInputHarness<IntervalStep<u64, u32, u32, J>>,
}

/// Workers, what they have said and which records they found late.
struct Run<J: JoinKind<u64, u32, u32>> {
    workers: Vec<Worker<J>>,
    rows: Vec<Row>,
    late: Vec<Record>,
}

impl<J: JoinKind<u64, u32, u32>> Run<J>
where
    J::Row: Plain,
{
    fn new(interval: Interval, workers: usize) -> Self {
        let worker = |_| Worker {
            harness: TwoInputHarness::new(IntervalStep::new(interval, Lateness::Emit)),
        };
        Self { workers: (0..workers).map(worker).collect(), rows: Vec::new(), late: Vec::new() }
    }

    fn take(&mut self, said: Vec<Said<J>>, promised: EventTime) {
        for Stamped { time, value } in said {
            match value {
                Emitted::Result(row) => {
                    assert!(time >= promised, "a row at {time} came after {promised}");
                    self.rows.push(row.plain(time.as_millis()));
                }
                Emitted::Late(Side::Left((key, value)) | Side::Right((key, value))) => {
                    self.late.push((time.as_millis(), key, value));
                }
            }
        }
    }

    fn epoch(&mut self, epoch: &Epoch, random: &mut Random) {
        let count = self.workers.len();
        let mut records: Vec<(bool, Record)> = epoch.left.iter().map(|r| (true, *r)).collect();
        records.extend(epoch.right.iter().map(|r| (false, *r)));
        while !records.is_empty() {
            // The two sides come in any order.
            let next = random.below(records.len() as u64) as usize;
            let (is_left, record) = records.swap_remove(next);
            let harness = &mut self.workers[owner(hash_key(&record.1), count)].harness;
            let promised = harness.watermark();
            let said = match is_left {
                true => harness.left(vec![stamped(record)]).unwrap(),
                false => harness.right(vec![stamped(record)]).unwrap(),
            };
            self.take(said, promised);
        }
        self.end_epoch(epoch.watermark);
    }

    fn end_epoch(&mut self, watermark: i64) {
        for worker in 0..self.workers.len() {
            let harness = &mut self.workers[worker].harness;
            let promised = harness.watermark();
            harness.set_watermark(EventTime::from_millis(watermark));
            let said = harness.end_epoch().unwrap();
            self.take(said, promised);
        }
    }

    /// Ends the input; gives all rows and late records.
    fn finish(mut self) -> (Vec<Row>, Vec<Record>) {
        for worker in 0..self.workers.len() {
            let harness = &mut self.workers[worker].harness;
            let promised = harness.watermark();
            let said = harness.end_input().unwrap();
            let held = harness.holdings();
            assert_eq!((held.keys, held.records, held.timers, held.bytes), (0, 0, 0, 0));
            assert_eq!(harness.watermark(), EventTime::MAX);
            self.take(said, promised);
        }
        self.rows.sort();
        self.late.sort();
        (self.rows, self.late)
    }
}

/// Runs one kind on one worker, and on several with a restart between; compares with the
/// reference.
fn check<J: JoinKind<u64, u32, u32>>(reference: impl Fn(&[Row], &[Record]) -> Vec<Row>)
where
    J::Row: Plain,
{
    for seed in 0..40 {
        for keys in [1, 3, 100] {
            let bounds = BOUNDS[seed as usize % BOUNDS.len()];
            let interval = interval(bounds.0, bounds.1);
            let input = epochs(seed, keys, seed % 2 == 0);
            let (left, right, mut late) = on_time(&input);
            late.sort();
            let expected = reference(&full(bounds, &left, &right), &left);
            let mut random = Random::new(seed);

            let mut run = Run::<J>::new(interval, 1);
            input.iter().for_each(|epoch| run.epoch(epoch, &mut random));
            let (rows, found) = run.finish();
            assert_eq!(rows, expected, "seed {seed}, {keys} keys, {bounds:?}");
            assert_eq!(found, late, "seed {seed}, {keys} keys, {bounds:?}");

            let (before, after) = input.split_at(input.len() / 2);
            let mut run = Run::<J>::new(interval, 2);
            before.iter().for_each(|epoch| run.epoch(epoch, &mut random));
            let mut snapshot = Snapshot::default();
            for (number, worker) in run.workers.iter_mut().enumerate() {
                worker.harness.snapshot(number, &mut snapshot).unwrap();
            }
            let mut restored = Run::<J> { rows: run.rows, late: run.late, ..Run::new(interval, 3) };
            for (number, worker) in restored.workers.iter_mut().enumerate() {
                worker.harness.restore(number, 3, &snapshot).unwrap();
            }
            if let Some(last) = before.last() {
                restored.end_epoch(last.watermark);
            }
            after.iter().for_each(|epoch| restored.epoch(epoch, &mut random));
            let (rows, found) = restored.finish();
            assert_eq!(rows, expected, "restored, seed {seed}, {keys} keys, {bounds:?}");
            assert_eq!(found, late, "restored, seed {seed}, {keys} keys, {bounds:?}");
        }
    }
}

#[test]
fn every_kind_gives_the_rows_of_the_reference() {
    let is_pair = |row: &Row| row.2.is_some() && row.3.is_some();
    check::<Inner>(|rows, _| keep(rows, is_pair));
    check::<Left>(|rows, _| keep(rows, |row| row.2.is_some()));
    check::<Right>(|rows, _| keep(rows, |row| row.3.is_some()));
    check::<Full>(|rows, _| rows.to_vec());
    check::<Semi>(met);
    check::<Anti>(|rows, _| keep(rows, |row| row.3.is_none()));
}

#[test]
fn it_survives_a_restart_on_other_workers() {
    for seed in 0..8 {
        let step = |epoch: Epoch| Step {
            records: epoch
                .left
                .into_iter()
                .map(|record| Either::Left(stamped(record)))
                .chain(epoch.right.into_iter().map(|record| Either::Right(stamped(record))))
                .collect(),
            watermark: EventTime::from_millis(epoch.watermark),
            now: ProcessingTime(0),
        };
        let steps: Vec<_> = epochs(seed, 5, true).into_iter().take(5).map(step).collect();
        let (lower, upper) = BOUNDS[seed as usize % BOUNDS.len()];
        let make = |_, _| {
            let interval = interval(lower, upper);
            TwoInputHarness::new(IntervalStep::<_, _, _, Full>::new(interval, Lateness::Emit))
        };
        check_recovery(seed, &steps, make, |either, workers| {
            let (Either::Left(record) | Either::Right(record)) = either;
            to_owner::<u64, u32, Timed>(record, workers)
        });
    }
}

#[test]
fn state_falls_back_to_the_share_of_the_interval() {
    let step = IntervalStep::<_, _, _, Inner>::new(interval(-50, 50), Lateness::Drop);
    let mut harness = TwoInputHarness::new(step);
    let mut most = 0;
    for epoch in 0..100i64 {
        let records = |value: u32| {
            let record = |n: i64| stamped((epoch * 100 + n, (n % 10) as u64, value));
            (0..100).map(record).collect::<Vec<_>>()
        };
        harness.left(records(1)).unwrap();
        harness.right(records(2)).unwrap();
        harness.set_watermark(EventTime::from_millis((epoch + 1) * 100));
        harness.end_epoch().unwrap();
        most = most.max(harness.holdings().records);
        assert_eq!(harness.holdings().keys, 10, "epoch {epoch}");
    }
    assert_eq!(most, 100, "50 ms of both sides, a record a millisecond");
    assert!(harness.holdings().timers <= 20, "{:?}", harness.holdings());
}

#[test]
fn much_that_is_without_a_match_comes_out_in_parts() {
    let step = IntervalStep::<_, u32, u32, Full>::new(interval(0, 10), Lateness::Drop);
    let mut harness = TwoInputHarness::new(step);
    harness.left((0..5_000).map(|n| stamped((0, 1, n))).collect()).unwrap();
    harness.right((0..5_000).map(|n| stamped((-1, 1, n))).collect()).unwrap();
    harness.set_watermark(EventTime::from_millis(11));
    assert_eq!(harness.end_epoch().unwrap().len(), 10_000);
    assert_eq!(harness.holdings().keys, 0);
}

#[test]
fn late_records_are_counted_when_nobody_wants_them() {
    let step = IntervalStep::<_, u32, u32, Inner>::new(interval(0, 10), Lateness::Drop);
    let mut harness = TwoInputHarness::new(step);
    harness.set_watermark(EventTime::from_millis(100));
    harness.end_epoch().unwrap();
    assert!(harness.left(vec![stamped((99, 1, 1)), stamped((100, 1, 2))]).unwrap().is_empty());
    assert!(harness.right(vec![stamped((99, 1, 3))]).unwrap().is_empty());
    assert_eq!((harness.late(), harness.holdings().records), (2, 1));
}
