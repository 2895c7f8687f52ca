//! Windows of event time over records that come out of order within a bound: the same rows in every
//! run, and none late.

use std::collections::BTreeMap;
use std::time::Duration;

use rheos::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::judge::Judge;
use super::super::task::Task;
use super::Workload;

pub(super) const WORKLOAD: Workload =
    Workload::new("windows", &["tumbling", "sliding", "sessions", "late"], build, judge);

const KEYS: u64 = 200;
/// Milliseconds of event time from one record to the next.
const STEP: i64 = 5;
/// Milliseconds by which records come behind, at the most.
const DISORDER: i64 = 60;
const TUMBLING: i64 = 1_000;
const SLIDING: (i64, i64) = (3_000, 500);
const GAP: i64 = 900;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Event {
    key: u64,
    time: i64,
    amount: u64,
}

/// What a window says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Row {
    key: u64,
    start: i64,
    end: i64,
    value: u64,
}

fn event(random: &mut Random, index: u64) -> Event {
    let key = random.below(KEYS);
    let time = index as i64 * STEP + random.below(DISORDER as u64 + 1) as i64;
    Event { key, time, amount: random.below(100) }
}

fn millis(millis: i64) -> Duration {
    Duration::from_millis(millis.unsigned_abs())
}

fn row(pane: Pane<u64, u64>) -> Row {
    let (start, end) = (pane.window.start.as_millis(), pane.window.end.as_millis());
    Row { key: pane.key, start, end, value: pane.value }
}

fn build(task: &Task, job: &Job) {
    let events = task
        .source(job, event)
        .event_time(
            |event| EventTime::from_millis(event.time),
            Watermarks::bounded(millis(DISORDER)),
        )
        .map(|event| (event.key, event.amount))
        .keyed();
    let (counts, late) = events.clone().window(Windows::tumbling(millis(TUMBLING))).count().late();
    counts.map(row).sink(task.sink("tumbling"));
    late.sink(task.sink("late"));
    let sliding = Windows::sliding(millis(SLIDING.0), millis(SLIDING.1));
    events.clone().window(sliding).sum().drop_late().map(row).sink(task.sink("sliding"));
    let sessions = Windows::session(millis(GAP));
    events.window(sessions).max().drop_late().map(row).sink(task.sink("sessions"));
}

fn judge(task: &Task, judge: &mut Judge<'_>) {
    let events: Vec<Event> =
        (0..task.records).map(|index| event(&mut task.random(index), index)).collect();
    judge.exactly("tumbling", aligned(&events, (TUMBLING, TUMBLING), |_| 1));
    judge.exactly("sliding", aligned(&events, SLIDING, |event| event.amount));
    judge.exactly("sessions", sessions(&events));
    judge.exactly::<(u64, u64)>("late", []);
}

/// The sums in windows of a size, one each slide: every window that holds a record is looked at.
fn aligned(events: &[Event], (size, slide): (i64, i64), value: impl Fn(&Event) -> u64) -> Vec<Row> {
    let mut sums: BTreeMap<(u64, i64), u64> = BTreeMap::new();
    for event in events {
        let mut start = event.time.div_euclid(slide) * slide;
        while start + size > event.time {
            *sums.entry((event.key, start)).or_default() += value(event);
            start -= slide;
        }
    }
    let row = |((key, start), value)| Row { key, start, end: start + size, value };
    sums.into_iter().map(row).collect()
}

/// The largest amounts of sessions: the records of a key in order of time, cut where nothing comes
/// for longer than the gap.
fn sessions(events: &[Event]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut events: Vec<&Event> = events.iter().collect();
    events.sort_by_key(|event| (event.key, event.time));
    for event in events {
        match rows.last_mut() {
            Some(row) if row.key == event.key && event.time <= row.end => {
                row.end = event.time + GAP;
                row.value = row.value.max(event.amount);
            }
            _ => rows.push(Row {
                key: event.key,
                start: event.time,
                end: event.time + GAP,
                value: event.amount,
            }),
        }
    }
    rows
}
