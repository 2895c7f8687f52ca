//! How often each word of a text occurs, said once, at the end.

use std::collections::HashMap;

use compact_str::CompactString;
use rheos::prelude::*;

use super::bare_timely::{self, Counts, ENDLESS, Items};
use super::command::{Forms, Options, run_forms};
#[cfg(feature = "peers")]
use super::renoir;
use super::tally::{Row, Tally, run_job};
use super::text::{Line, Text};
use crate::engine::Engine;
use crate::memory::Memory;

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let text = Text::of(options.words, options.workers)?;
    run_forms("words", options, &forms(&text))
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
    let mut counts: HashMap<&str, u64> = HashMap::new();
    for line in text.lines() {
        text.words(line).for_each(|word| *counts.entry(word).or_default() += 1);
    }
    Tally::of(counts.into_iter().map(|(key, count)| Row { window_start: 0, key, count }))
}

fn rheos(text: &Text) -> anyhow::Result<Tally> {
    run_job("word count", text.shares.len(), |job| {
        job.source(Memory::new(&text.shares))
            .expand(words_of(text))
            .key_by_self()
            .count()
            .at_end()
            .map(|(key, count)| Row { window_start: 0, key, count })
    })
}

fn timely(text: &Text) -> anyhow::Result<Tally> {
    let items = Items { shares: &text.shares, time: |line| line.time, window: ENDLESS };
    bare_timely::count(items, count_words(text))
}

/// Each worker folds a map, as the fastest count of words among Renoir's own examples does, and one
/// worker the maps into one. With a `flat_map` to words and `group_by_fold`, which also folds before
/// the exchange, it takes 2.5 to 3 times as long.
#[cfg(feature = "peers")]
fn renoir(text: &Text) -> anyhow::Result<Tally> {
    let add = count_words(text);
    renoir::run(
        &text.shares,
        |line| Some(*line),
        |lines, tally| {
            let add = move |counts: &mut Counts<_>, line| add(counts, &[line]);
            let counts = lines.fold_assoc(Counts::default(), add, renoir::add_counts).flatten();
            let row = |(key, count)| Row { window_start: 0, key, count };
            renoir::tally_rows(counts.map(row), tally);
        },
    )
}

/// Makes words of lines.
pub(crate) fn words_of(
    text: &Text,
) -> impl Fn(Line, &mut Output<'_, CompactString>) + Clone + Send + Sync + 'static {
    let text = text.clone();
    move |line, words| text.words(line).for_each(|word| words.push(word.into()))
}

/// Counts the words of lines. Only a word that is new becomes a text of its own.
pub(crate) fn count_words(
    text: &Text,
) -> impl Fn(&mut Counts<CompactString>, &[Line]) + Clone + Send + Sync + 'static {
    let text = text.clone();
    move |counts, lines| {
        for word in lines.iter().flat_map(|line| text.words(*line)) {
            match counts.get_mut(word) {
                Some(count) => *count += 1,
                None => drop(counts.insert(word.into(), 1)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_count_the_same() {
        for workers in 1..=3 {
            let text = Text::of(20_001, workers).unwrap();
            forms(&text).check(workers);
        }
    }
}
