//! State that is not kept by key: aggregates over the whole stream on one worker, and what a control
//! stream has said, the same on every worker.

use std::collections::BTreeSet;

use rheos::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::judge::Judge;
use super::super::task::{LANES, Task};
use super::Workload;

pub(super) const WORKLOAD: Workload =
    Workload::new("whole", &["counts", "largest", "limited", "ruled", "joined"], build, judge);

/// Records that pass the limit.
const LIMIT: u64 = 1_000;
/// Every so many records of the first lane, one changes the rule.
const RULE_EVERY: u64 = 5;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Event {
    id: u64,
    value: u64,
}

/// A number that is counted, so that a repetition shows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Count {
    number: u64,
    count: u64,
}

/// What all workers know: how many rules there were, and the sum of their values.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Rules {
    version: u64,
    sum: u64,
}

/// A record with the rules that it met.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Ruled {
    id: u64,
    /// How many records of the lane came before it.
    before: u64,
    rules: Rules,
}

/// A record with the version of the table that it met.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Joined {
    id: u64,
    version: u64,
}

fn event(random: &mut Random, index: u64) -> Event {
    Event { id: index, value: random.below(1_000_000) }
}

/// The number of the rule that a record says, from 1 on. They come from one lane, so in order.
fn rule(event: &Event) -> Option<u64> {
    let sequence = event.id / LANES;
    let is_rule = event.id.is_multiple_of(LANES) && sequence.is_multiple_of(RULE_EVERY);
    is_rule.then_some(sequence / RULE_EVERY + 1)
}

/// Tells each record the rules.
#[derive(Clone)]
struct Judging;

impl BroadcastProcessFunction for Judging {
    type Key = u64;
    type In = u64;
    type Control = u64;
    type Shared = Rules;
    type State = u64;
    type Timer = ();
    type Out = Ruled;

    fn on_control(&self, rules: &mut Rules, value: u64) {
        rules.version += 1;
        rules.sum += value;
    }

    fn on_record(
        &self,
        rules: &Rules,
        before: &mut u64,
        id: u64,
        context: &mut ProcessContext<'_, Untimed, u64, Ruled>,
    ) {
        context.emit(Ruled { id, before: *before, rules: rules.clone() });
        *before += 1;
    }
}

fn build(task: &Task, job: &Job) {
    let events = task.source(job, event);
    events
        .clone()
        .count()
        .updates()
        .key_by(|_| ())
        .scan(0, |number, (), count| {
            *number += 1;
            Some(Count { number: *number, count })
        })
        .sink(task.sink("counts"));
    events.clone().max_by(|event| (event.value, event.id)).at_end().sink(task.sink("largest"));
    events.clone().limit(LIMIT as usize).sink(task.sink("limited"));
    let rules = events.clone().filter_map(|event| rule(&event));
    let by_lane = events.map(|event| (event.id % LANES, event.id)).keyed();
    by_lane.clone().process_with_broadcast(rules.clone(), Judging).sink(task.sink("ruled"));
    // One table for all lanes: the last rule under the key of each.
    let changes = rules.flat_map(|rule| (0..LANES).map(move |lane| (lane, Some(rule)))).keyed();
    by_lane
        .join_broadcast(changes, |_, id, rule: Option<&u64>| Joined {
            id,
            version: rule.copied().unwrap_or(0),
        })
        .sink(task.sink("joined"));
}

fn judge(task: &Task, judge: &mut Judge<'_>) {
    let events: Vec<Event> =
        (0..task.records).map(|index| event(&mut task.random(index), index)).collect();
    judge_counts(task, judge);
    judge.exactly("largest", events.iter().max_by_key(|event| (event.value, event.id)).cloned());
    judge_limit(&events, judge);
    let last = events.iter().filter_map(rule).max().unwrap_or(0);
    let ruled = judge.rows::<Ruled>("ruled");
    judge.in_order("ruled", &ruled, |row| row.id % LANES, |row| row.id);
    judge.in_order("ruled", &ruled, |row| row.id % LANES, |row| row.rules.version);
    for row in &ruled {
        let Rules { version, sum } = row.rules;
        let is_known = version <= last && sum == version * (version + 1) / 2;
        let is_counted = row.before == row.id / LANES;
        judge.holds(is_known && is_counted, || format!("ruled: {row:?}"));
    }
    judge.same("ruled", ruled.into_iter().map(|row| row.id), 0..task.records);
    let joined = judge.rows::<Joined>("joined");
    judge.in_order("joined", &joined, |row| row.id % LANES, |row| row.id);
    judge.in_order("joined", &joined, |row| row.id % LANES, |row| row.version);
    for row in &joined {
        judge.holds(row.version <= last, || format!("joined: {row:?} of {last} rules"));
    }
    judge.same("joined", joined.into_iter().map(|row| row.id), 0..task.records);
}

/// Counts are numbered, rise, and end with all records.
fn judge_counts(task: &Task, judge: &mut Judge<'_>) {
    let counts = judge.rows::<Count>("counts");
    judge.numbered("counts", &counts, |_| (), |row| row.number);
    judge.in_order("counts", &counts, |_| (), |row| row.count);
    let last = counts.iter().map(|row| row.count).max().unwrap_or(0);
    judge.holds(last == task.records, || format!("the last count is {last}"));
}

/// So many records pass the limit, each once, whichever they are.
fn judge_limit(events: &[Event], judge: &mut Judge<'_>) {
    let limited = judge.rows::<Event>("limited");
    let distinct: BTreeSet<&Event> = limited.iter().collect();
    let passed = (distinct.len(), limited.len());
    let wanted = events.len().min(LIMIT as usize);
    judge.holds(passed == (wanted, wanted), || format!("limited: {passed:?} instead of {wanted}"));
    for event in distinct {
        let is_one = events.get(event.id as usize) == Some(event);
        judge.holds(is_one, || format!("limited: {event:?} was never made"));
    }
}
