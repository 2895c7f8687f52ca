//! How often each word occurs in each tumbling window of 10 s.

use std::collections::HashMap;
use std::time::Duration;

use rheos::prelude::*;

#[cfg(feature = "peers")]
use super::bare_timely::Counts;
use super::bare_timely::{self, Items};
use super::command::{Forms, Options, run_forms};
#[cfg(feature = "peers")]
use super::renoir;
use super::tally::{Row, Tally, run_job};
use super::text::{Line, Text};
use super::word_count::{count_words, words_of};
use crate::engine::Engine;
use crate::memory::Memory;

/// Milliseconds from the start of a window to its end.
const LENGTH: i64 = 10_000;

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let text = Text::of(options.words, options.workers)?;
    run_forms("words in windows", options, &forms(&text))
}

fn forms(text: &Text) -> Forms<'_> {
    let forms = Forms::new(naive(text))
        .on(Engine::Rheos, || rheos(text))
        .on(Engine::Timely, || timely(text));
    #[cfg(feature = "peers")]
    let forms = forms.on(Engine::Renoir, || renoir(text));
    forms
}

fn naive(text: &Text) -> Tally {
    let mut counts: HashMap<(i64, &str), u64> = HashMap::new();
    for line in text.lines() {
        let window_start = line.time - line.time.rem_euclid(LENGTH);
        text.words(line).for_each(|word| *counts.entry((window_start, word)).or_default() += 1);
    }
    let row = |((window_start, key), count)| Row { window_start, key, count };
    Tally::of(counts.into_iter().map(row))
}

fn rheos(text: &Text) -> anyhow::Result<Tally> {
    run_job("windowed word count", text.shares.len(), |job| {
        job.source(Memory::new(&text.shares))
            .event_time(|line: &Line| EventTime::from_millis(line.time), Watermarks::monotone())
            .expand(words_of(text))
            .key_by_self()
            .window(Windows::tumbling(Duration::from_millis(LENGTH.unsigned_abs())))
            .count()
            .drop_late()
            .map(|pane| Row {
                window_start: pane.window.start.as_millis(),
                key: pane.key,
                count: pane.value,
            })
    })
}

fn timely(text: &Text) -> anyhow::Result<Tally> {
    let items = Items { shares: &text.shares, time: |line| line.time, window: LENGTH };
    bare_timely::count(items, count_words(text))
}

/// A map for each window is folded where the lines are read, and again by window.
#[cfg(feature = "peers")]
fn renoir(text: &Text) -> anyhow::Result<Tally> {
    let add = count_words(text);
    renoir::run(
        &text.shares,
        |line| Some(*line),
        |lines, tally| {
            let windows = lines.group_by_fold(
                |line: &Line| line.time - line.time.rem_euclid(LENGTH),
                Counts::default(),
                move |counts, line| add(counts, &[line]),
                renoir::add_counts,
            );
            let rows = windows.unkey().flat_map(|(window_start, counts)| {
                counts.into_iter().map(move |(key, count)| Row { window_start, key, count })
            });
            renoir::tally_rows(rows, tally);
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_count_the_same() {
        for workers in [1, 3] {
            // Two windows, the last of them not full.
            let text = Text::of(1_100_000, workers).unwrap();
            forms(&text).check(workers);
        }
    }
}
