//! Counting words: a Rheos job against a loop over `BufRead::lines`, `split_whitespace` and a
//! `HashMap<String, u64>`, on the same files with the same allocator.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::Args;
use compact_str::CompactString;
use rheos::prelude::*;

use crate::compare::{Side, in_turn};

/// Which files, how often.
#[derive(Args)]
pub(crate) struct Options {
    /// The folder with the text files
    folder: PathBuf,
    /// Rounds that count
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let by_hand = total(by_loop(&options.folder)?);
    let check = |counted: (u64, u64)| {
        anyhow::ensure!(counted == by_hand, "the sides count differently");
        Ok(())
    };
    in_turn(
        options.rounds,
        vec![
            Side::new("loop with a HashMap", || check(total(by_loop(&options.folder)?))),
            Side::new("rheos, 1 worker", || check(total(by_rheos(&options.folder, 1)?))),
            Side::new("rheos, 2 workers", || check(total(by_rheos(&options.folder, 2)?))),
        ],
    )
}

/// The number of different words and of all words.
fn total<W>(counts: impl IntoIterator<Item = (W, u64)>) -> (u64, u64) {
    counts.into_iter().fold((0, 0), |(words, all), (_, count)| (words + 1, all + count))
}

fn by_loop(folder: &Path) -> anyhow::Result<HashMap<String, u64>> {
    let mut counts: HashMap<String, u64> = HashMap::new();
    for file in std::fs::read_dir(folder)? {
        for line in BufReader::new(File::open(file?.path())?).lines() {
            for word in line?.split_whitespace() {
                *counts.entry(word.to_owned()).or_default() += 1;
            }
        }
    }
    Ok(counts)
}

fn by_rheos(folder: &Path, workers: usize) -> anyhow::Result<Vec<(CompactString, u64)>> {
    let (sink, counts) = collect();
    let job = Job::new("word count");
    job.source(TextFiles::folder(folder))
        .expand(|line: String, words: &mut Output<'_, CompactString>| {
            // As the example `word_count` does, which agrees with `tr`.
            let parts = line.split('\x0b').flat_map(str::split_ascii_whitespace);
            parts.for_each(|word| words.push(word.into()));
        })
        .key_by_self()
        .count()
        .at_end()
        .sink(sink);
    job.run(Config::default().workers(workers))?;
    Ok(counts.into_vec()?)
}
