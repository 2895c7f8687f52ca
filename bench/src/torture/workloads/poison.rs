//! Records that user code cannot take: one panics or fails until the program has been repaired, and
//! others go to the dead letters.

use rheos::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::judge::Judge;
use super::super::task::{LANES, Task};
use super::Workload;

pub(super) const WORKLOAD: Workload =
    Workload { is_poisoned: true, ..Workload::new("poison", &["passed", "dead"], build, judge) };

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Letter {
    id: u64,
    is_legible: bool,
}

/// A letter with the number that its lane has given it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Passed {
    id: u64,
    number: u64,
}

/// A letter that nobody can read, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Dead {
    id: u64,
    reason: String,
}

fn letter(random: &mut Random, index: u64) -> Letter {
    Letter { id: index, is_legible: !random.chance(0.03) }
}

/// What happens at the record in the middle of the input, by the seed.
#[derive(Clone, Copy)]
enum Poison {
    Panic,
    Error,
}

fn build(task: &Task, job: &Job) {
    let poisoned = (!task.repaired).then_some(task.records / 2);
    let poison = if task.seed.is_multiple_of(2) { Poison::Panic } else { Poison::Error };
    let letters = task
        .source(job, letter)
        .map(move |letter| match poison {
            _ if poisoned != Some(letter.id) => Ok(letter),
            Poison::Panic => panic!("letter {} makes the program panic", letter.id),
            Poison::Error => Err(format!("letter {} is poisoned", letter.id)),
        })
        .or_fail();
    let (legible, dead) = letters.try_map(read);
    legible
        .map(|id| (id % LANES, id))
        .keyed()
        .scan(0, |number, _, id| {
            *number += 1;
            Some(Passed { id, number: *number })
        })
        .sink(task.sink("passed"));
    dead.map(|(letter, reason)| Dead { id: letter.id, reason }).sink(task.sink("dead"));
}

fn read(letter: &Letter) -> Result<u64, String> {
    if letter.is_legible { Ok(letter.id) } else { Err(format!("letter {} is blurred", letter.id)) }
}

fn judge(task: &Task, judge: &mut Judge<'_>) {
    let letters: Vec<Letter> =
        (0..task.records).map(|index| letter(&mut task.random(index), index)).collect();
    let passed = judge.rows::<Passed>("passed");
    judge.numbered("passed", &passed, |row| row.id % LANES, |row| row.number);
    judge.in_order("passed", &passed, |row| row.id % LANES, |row| row.id);
    let read = letters.iter().map(|letter| (letter.id, read(letter)));
    let (legible, dead): (Vec<_>, Vec<_>) = read.partition(|(_, read)| read.is_ok());
    judge.same("passed", passed.into_iter().map(|row| row.id), legible.into_iter().map(|l| l.0));
    let dead = dead.into_iter().filter_map(|(id, read)| Some(Dead { id, reason: read.err()? }));
    judge.exactly("dead", dead);
}
