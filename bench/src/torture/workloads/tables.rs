//! Joins without event time: with a table that is read first, with all earlier records of the other
//! side, and at the end; the same rows in every run.

use std::collections::BTreeMap;

use rheos::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::judge::Judge;
use super::super::task::Task;
use super::Workload;

pub(super) const WORKLOAD: Workload =
    Workload::new("tables", &["looked-up", "pairs", "at-end"], build, judge);

const KEYS: u64 = 2_000;
/// Keys of the table: every other one.
const TABLE: u64 = KEYS / 2;

/// A record of a key; it is on the left when its id is even.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Side {
    id: u64,
    key: u64,
}

/// A record with what the table says about its key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct LookedUp {
    id: u64,
    name: Option<u64>,
}

/// A pair of records.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Pair {
    left: u64,
    right: u64,
}

fn side(random: &mut Random, index: u64) -> Side {
    Side { id: index, key: random.below(KEYS) }
}

/// What the table says about a key.
fn name(key: u64) -> Option<u64> {
    key.is_multiple_of(2).then_some(key * key)
}

fn build(task: &Task, job: &Job) {
    let table = Generator::new(|index| (2 * index, 4 * index * index)).count(TABLE);
    let table = job.source(table).named("table").keyed();
    let sides = task.source(job, side);
    sides
        .clone()
        .map(|side| (side.key, side.id))
        .keyed()
        .lookup(table)
        .map(|(_, id, name)| LookedUp { id, name })
        .sink(task.sink("looked-up"));
    let (left, right) = sides.branch(|side| side.id.is_multiple_of(2));
    let left = left.map(|side| (side.key, side.id)).keyed();
    let right = right.map(|side| (side.key, side.id)).keyed();
    left.clone()
        .join_unbounded(right.clone())
        .inner()
        .map(|(_, left, right)| Pair { left, right })
        .sink(task.sink("pairs"));
    left.join_at_end(right)
        .inner()
        .map(|(_, left, right)| Pair { left, right })
        .sink(task.sink("at-end"));
}

fn judge(task: &Task, judge: &mut Judge<'_>) {
    let sides: Vec<Side> =
        (0..task.records).map(|index| side(&mut task.random(index), index)).collect();
    let row = |side: &Side| LookedUp { id: side.id, name: name(side.key) };
    judge.exactly("looked-up", sides.iter().map(row));
    let mut keys: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    sides.iter().for_each(|side| keys.entry(side.key).or_default().push(side.id));
    let pairs: Vec<Pair> = keys.values().flat_map(|ids| pairs(ids)).collect();
    judge.exactly("pairs", pairs.iter().cloned());
    judge.exactly("at-end", pairs);
}

fn pairs(ids: &[u64]) -> Vec<Pair> {
    let is_left = |id: &&u64| id.is_multiple_of(2);
    let right = || ids.iter().filter(|id| !is_left(id));
    ids.iter()
        .filter(is_left)
        .flat_map(|left| right().map(|right| Pair { left: *left, right: *right }))
        .collect()
}
