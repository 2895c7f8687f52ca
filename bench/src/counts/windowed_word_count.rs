//! How often each word occurs in each tumbling window of 10 s.

use std::collections::HashMap;
use std::time::Duration;

use rheos::prelude::*;

use super::bare_timely::{self, Items};
use super::command::{Forms, Options, run_forms};
use super::tally::{Row, Tally, run_job};
use super::text::{Line, Text};
use super::word_count::{count_words, words_of};
use crate::memory::Memory;

/// Milliseconds from the start of a window to its end.
const LENGTH: i64 = 10_000;

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let text = Text::of(options.words, options.workers)?;
    let forms = Forms { naive: || naive(&text), timely: || timely(&text), rheos: || rheos(&text) };
    run_forms("words in windows", options, forms)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_count_the_same() {
        for workers in [1, 3] {
            // Two windows, the last of them not full.
            let text = Text::of(1_100_000, workers).unwrap();
            let right = naive(&text);
            assert_eq!(timely(&text).unwrap(), right, "{workers} workers");
            assert_eq!(rheos(&text).unwrap(), right, "{workers} workers");
        }
    }
}
