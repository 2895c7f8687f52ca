//! Joins by event time of two streams from one source: the same rows in every run.

use std::collections::BTreeMap;
use std::time::Duration;

use rheos::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::judge::Judge;
use super::super::task::Task;
use super::Workload;

pub(super) const WORKLOAD: Workload =
    Workload::new("joins", &["interval", "windows", "as-of"], build, judge);

const KEYS: u64 = 300;
/// Records come behind by so many places at the most.
const DISORDER: u64 = 20;
/// Milliseconds of event time from one place to the next, and more places than disorder, so that
/// no two records have the same time.
const STEP: u64 = 64;
/// A right record matches a left one from so many milliseconds before it to so many after it.
const INTERVAL: (u64, u64) = (5_000, 20_000);
const WINDOW: i64 = 30_000;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Side {
    id: u64,
    key: u64,
    time: i64,
    is_left: bool,
}

/// The records of a row; one without a match is alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Row {
    left: Option<u64>,
    right: Option<u64>,
}

fn side(random: &mut Random, index: u64) -> Side {
    let place = index + random.below(DISORDER + 1);
    let time = (place * STEP + index % STEP) as i64;
    Side { id: index, key: random.below(KEYS), time, is_left: random.chance(0.5) }
}

fn build(task: &Task, job: &Job) {
    let disorder = Duration::from_millis((DISORDER + 1) * STEP);
    let (left, right) = task
        .source(job, side)
        .event_time(|side| EventTime::from_millis(side.time), Watermarks::bounded(disorder))
        .branch(|side| side.is_left);
    let left = left.map(|side| (side.key, side.id)).keyed();
    let right = right.map(|side| (side.key, side.id)).keyed();
    let millis = Duration::from_millis;
    let interval =
        Interval::between(Offset::Before(millis(INTERVAL.0)), Offset::After(millis(INTERVAL.1)));
    left.clone()
        .interval_join(right.clone(), interval)
        .full()
        .drop_late()
        .map(|(_, left, right)| Row { left, right })
        .sink(task.sink("interval"));
    left.clone()
        .window_join(right.clone(), Windows::tumbling(millis(WINDOW.unsigned_abs())))
        .full()
        .drop_late()
        .map(|(_, left, right)| Row { left, right })
        .sink(task.sink("windows"));
    left.as_of_join(right)
        .left()
        .drop_late()
        .map(|(_, left, right)| Row { left: Some(left), right })
        .sink(task.sink("as-of"));
}

/// The records of a key: left ones and right ones.
#[derive(Default)]
struct Sides<'a> {
    left: Vec<&'a Side>,
    right: Vec<&'a Side>,
}

impl Sides<'_> {
    /// Every pair that matches, and every record that has no match.
    fn full(&self, matches: impl Fn(&Side, &Side) -> bool) -> Vec<Row> {
        let mut rows = Vec::new();
        for left in &self.left {
            let matched = self.right.iter().filter(|right| matches(left, right));
            rows.extend(matched.map(|right| Row { left: Some(left.id), right: Some(right.id) }));
        }
        let has_no_left = |right: &&&Side| !self.left.iter().any(|left| matches(left, right));
        let has_no_right = |left: &&&Side| !self.right.iter().any(|right| matches(left, right));
        let (left, right) = (self.left.iter(), self.right.iter());
        rows.extend(left.filter(has_no_right).map(|l| Row { left: Some(l.id), right: None }));
        rows.extend(right.filter(has_no_left).map(|r| Row { left: None, right: Some(r.id) }));
        rows
    }

    /// Every left record with the latest right one that is not later.
    fn as_of(&self) -> Vec<Row> {
        let latest = |left: &Side| {
            let not_later = self.right.iter().filter(|right| right.time <= left.time);
            not_later.max_by_key(|right| right.time).map(|right| right.id)
        };
        self.left.iter().map(|left| Row { left: Some(left.id), right: latest(left) }).collect()
    }
}

fn judge(task: &Task, judge: &mut Judge<'_>) {
    let sides: Vec<Side> =
        (0..task.records).map(|index| side(&mut task.random(index), index)).collect();
    let mut keys: BTreeMap<u64, Sides<'_>> = BTreeMap::new();
    for side in &sides {
        let key = keys.entry(side.key).or_default();
        if side.is_left { key.left.push(side) } else { key.right.push(side) }
    }
    let is_near = |left: &Side, right: &Side| {
        let (before, after) = (INTERVAL.0 as i64, INTERVAL.1 as i64);
        (left.time - before..=left.time + after).contains(&right.time)
    };
    let in_one_window = |left: &Side, right: &Side| left.time / WINDOW == right.time / WINDOW;
    judge.exactly("interval", keys.values().flat_map(|sides| sides.full(is_near)));
    judge.exactly("windows", keys.values().flat_map(|sides| sides.full(in_one_window)));
    judge.exactly("as-of", keys.values().flat_map(Sides::as_of));
}
