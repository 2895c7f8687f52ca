//! Words of files: totals at the end of the input in a single file, and the lines as they were in
//! parts.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use rheos::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::judge::Judge;
use super::super::task::Task;
use super::Workload;

pub(super) const WORKLOAD: Workload =
    Workload { write_input, ..Workload::new("words", &["totals", "lines"], build, judge) };

const FILES: u64 = 7;
const VOCABULARY: u64 = 300;
const WORDS_A_LINE: u64 = 8;

/// How often a word occurs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Total {
    word: String,
    count: u64,
}

/// Line `index`: its file and number, and words.
fn line(random: &mut Random, index: u64) -> String {
    let mut line = format!("{} {}", index % FILES, index / FILES);
    for _ in 0..random.below(WORDS_A_LINE) {
        // Writing to a string cannot fail.
        let _ = write!(line, " w{}", random.below(VOCABULARY));
    }
    line
}

fn write_input(task: &Task) -> anyhow::Result<()> {
    for file in 0..FILES {
        let mut text = String::new();
        for index in (0..task.records).filter(|index| index % FILES == file) {
            text.push_str(&line(&mut task.random(index), index));
            text.push('\n');
        }
        fs::write(task.input().join(format!("{file}.txt")), text)?;
    }
    Ok(())
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(' ').skip(2)
}

/// The file of a line and its number there.
fn place(line: &str) -> Option<(u64, u64)> {
    let mut numbers = line.split(' ').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn build(task: &Task, job: &Job) {
    let lines = task.lines(job);
    lines
        .clone()
        .flat_map(|line: String| words(&line).map(str::to_owned).collect::<Vec<_>>())
        .key_by_self()
        .count()
        .at_end()
        .map(|(word, count)| Total { word, count })
        .sink(task.single_sink("totals"));
    lines.sink(task.sink("lines"));
}

fn judge(task: &Task, judge: &mut Judge<'_>) {
    let lines: Vec<String> =
        (0..task.records).map(|index| line(&mut task.random(index), index)).collect();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    lines
        .iter()
        .flat_map(|line| words(line))
        .for_each(|word| *counts.entry(word).or_default() += 1);
    let total = |(word, count): (&str, u64)| Total { word: word.to_owned(), count };
    judge.exactly("totals", counts.into_iter().map(total));
    let read = judge.rows::<String>("lines");
    judge.in_order(
        "lines",
        &read,
        |line| place(line).map_or(FILES, |place| place.0),
        |line| place(line).map_or(0, |place| place.1),
    );
    judge.same("lines", read, lines);
}
