//! Numbered records of keys: none is lost, doubled or reordered, and the counters of the job agree.
//!
//! All records of a key come from one split, so their order is that of the source, in every run.

use rheos::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::judge::Judge;
use super::super::task::{LANES, Task};
use super::Workload;

pub(super) const WORKLOAD: Workload =
    Workload::new("counters", &["counted", "totals", "windows"], build, judge);

/// Records in a count window.
const WINDOW: u64 = 7;

/// A record: the number `sequence`, from 1 on, of a lane.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Step {
    lane: u64,
    sequence: u64,
}

/// A record with the number that the job has counted for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Counted {
    lane: u64,
    sequence: u64,
    count: u64,
}

/// The sum of the sequence numbers in a count window, or of a whole lane.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Total {
    lane: u64,
    sum: u64,
}

fn step(_: &mut Random, index: u64) -> Step {
    Step { lane: index % LANES, sequence: index / LANES + 1 }
}

fn build(task: &Task, job: &Job) {
    let steps = task.source(job, step);
    steps
        .clone()
        .key_by(|step| step.lane)
        .scan(0, |count, _, step: Step| {
            *count += 1;
            Some(Counted { lane: step.lane, sequence: step.sequence, count: *count })
        })
        .sink(task.sink("counted"));
    let by_lane = steps.map(|step| (step.lane, step.sequence)).keyed();
    by_lane.clone().sum().at_end().map(|(lane, sum)| Total { lane, sum }).sink(task.sink("totals"));
    by_lane
        .count_window(WINDOW)
        .sum()
        .map(|pane| Total { lane: pane.key, sum: pane.value })
        .sink(task.sink("windows"));
}

fn judge(task: &Task, judge: &mut Judge<'_>) {
    let steps: Vec<Step> =
        (0..task.records).map(|index| step(&mut task.random(index), index)).collect();
    let counted = judge.rows::<Counted>("counted");
    judge.in_order("counted", &counted, |row| row.lane, |row| row.sequence);
    judge.same(
        "counted",
        counted,
        steps.iter().map(|step| Counted {
            lane: step.lane,
            sequence: step.sequence,
            count: step.sequence,
        }),
    );
    let of_lane = |lane| -> Vec<u64> {
        steps.iter().filter(|step| step.lane == lane).map(|step| step.sequence).collect()
    };
    let lanes: Vec<(u64, Vec<u64>)> = (0..LANES)
        .map(|lane| (lane, of_lane(lane)))
        .filter(|(_, sequences)| !sequences.is_empty())
        .collect();
    let total = |lane: &u64, sequences: &[u64]| Total { lane: *lane, sum: sequences.iter().sum() };
    judge.exactly("totals", lanes.iter().map(|(lane, sequences)| total(lane, sequences)));
    let windows = lanes.iter().flat_map(|(lane, sequences)| {
        sequences.chunks(WINDOW as usize).map(move |window| total(lane, window))
    });
    judge.exactly("windows", windows);
}
