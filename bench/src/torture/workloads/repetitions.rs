//! Repetitions are left out: within a time of event time, and for ever. All records of a lane come
//! in order from one split, so which of several is the first is the same in every run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rheos::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::judge::Judge;
use super::super::task::{LANES, Task};
use super::Workload;

pub(super) const WORKLOAD: Workload =
    Workload::new("repetitions", &["first", "distinct", "sorted"], build, judge);

/// Alarms of a lane are about so many things.
const THINGS: u64 = 5;
/// Milliseconds of event time from one record to the next.
const STEP: i64 = 10;
/// Alarms repeat others within so many milliseconds: a few of their lane.
const WITHIN: i64 = 6 * STEP * LANES as i64;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Alarm {
    lane: u64,
    thing: u64,
    id: u64,
}

fn alarm(random: &mut Random, index: u64) -> Alarm {
    // Most are repetitions, and now and then there is a new thing.
    let thing = if random.chance(0.05) { index } else { random.below(THINGS) };
    Alarm { lane: index % LANES, thing, id: index }
}

fn time(alarm: &Alarm) -> i64 {
    alarm.id as i64 * STEP
}

fn build(task: &Task, job: &Job) {
    let alarms = task
        .source(job, alarm)
        .event_time(|alarm| EventTime::from_millis(time(alarm)), Watermarks::monotone());
    alarms
        .clone()
        .key_by(|alarm| (alarm.lane, alarm.thing))
        .dedup(Duration::from_millis(WITHIN.unsigned_abs()))
        .drop_late()
        .map(|(_, alarm)| alarm)
        .sink(task.sink("first"));
    alarms.clone().map(|alarm| (alarm.lane, alarm.thing)).distinct().sink(task.sink("distinct"));
    // What has come is held until the watermark passes, and then said in order.
    alarms
        .key_by(|alarm| alarm.lane)
        .sort_by_event_time()
        .drop_late()
        .map(|(_, alarm)| alarm)
        .sink(task.sink("sorted"));
}

fn judge(task: &Task, judge: &mut Judge<'_>) {
    let alarms: Vec<Alarm> =
        (0..task.records).map(|index| alarm(&mut task.random(index), index)).collect();
    let mut passed: BTreeMap<(u64, u64), i64> = BTreeMap::new();
    let is_first = |alarm: &&Alarm| {
        let last = passed.get(&(alarm.lane, alarm.thing));
        let is_first = last.is_none_or(|last| time(alarm) >= last + WITHIN);
        if is_first {
            passed.insert((alarm.lane, alarm.thing), time(alarm));
        }
        is_first
    };
    judge.exactly("first", alarms.iter().filter(is_first).cloned().collect::<Vec<_>>());
    let distinct: BTreeSet<(u64, u64)> =
        alarms.iter().map(|alarm| (alarm.lane, alarm.thing)).collect();
    judge.exactly("distinct", distinct);
    let sorted = judge.rows::<Alarm>("sorted");
    judge.in_order("sorted", &sorted, |row| row.lane, |row| row.id);
    judge.same("sorted", sorted, alarms);
}
