//! Counts the words of text files: what stands between white space, as `tr` and `uniq -c` would.
//!
//! With `--input` and `--output`, the totals go to part files of JSON Lines. Without arguments,
//! the words of this repository's own documents are counted and the most frequent ones printed.

use std::process::ExitCode;

use clap::Parser;
use compact_str::CompactString;
use rheos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Counts whitespace-separated words.
#[derive(Parser)]
struct Arguments {
    /// The text files to read, as a glob; this repository's documents unless given
    #[arg(long, value_name = "GLOB")]
    input: Option<String>,
    /// The folder for the totals; the most frequent words are printed unless given
    #[arg(long, value_name = "DIR")]
    output: Option<String>,
    /// Write into the folder even if it is not empty
    #[arg(long)]
    overwrite: bool,
    /// How many of the most frequent words are printed
    #[arg(long, value_name = "N", default_value_t = 20)]
    top: usize,
    #[command(flatten)]
    job: JobArgs,
}

#[derive(Debug, Serialize, Deserialize)]
struct Total {
    word: CompactString,
    count: u64,
}

fn main() -> ExitCode {
    let result = run(Arguments::parse());
    if let Err(error) = &result {
        eprintln!("error: {error}");
    }
    exit_code(&result)
}

fn run(arguments: Arguments) -> Result<(), Error> {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/**/*.md");
    let input = arguments.input.as_deref().unwrap_or(own);

    let job = Job::new("word count");
    let totals = job
        .source(TextFiles::glob(input))
        .expand(|line: String, words: &mut Output<'_, CompactString>| {
            words_of(&line).for_each(|word| words.push(word.into()));
        })
        .key_by_self()
        .count()
        .at_end()
        .map(|(word, count)| Total { word, count });

    match &arguments.output {
        Some(folder) => {
            let folder = FileSink::folder(folder, JsonLines::new());
            let folder = if arguments.overwrite { folder.overwrite() } else { folder };
            totals.sink(folder);
            job.run(arguments.job.into_config()?)?;
        }
        None => {
            let (sink, collected) = collect();
            totals.sink(sink);
            job.run(arguments.job.into_config()?)?;
            // With several processes the totals are at the first one.
            if let Some(totals) = collected.take() {
                print_top(totals, arguments.top);
            }
        }
    }
    Ok(())
}

/// The words of a line: what stands between the white space of ASCII, as `tr` sees it. The standard
/// library leaves the vertical tab out of that.
fn words_of(line: &str) -> impl Iterator<Item = &str> {
    line.split('\x0b').flat_map(str::split_ascii_whitespace)
}

#[allow(clippy::print_stdout, reason = "the most frequent words are this program's output")]
fn print_top(mut totals: Vec<Total>, most: usize) {
    // In documents with tables and code the most frequent "words" are bars and fences.
    totals.retain(|total| total.word.chars().any(char::is_alphanumeric));
    totals.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.word.cmp(&b.word)));
    for Total { word, count } in totals.iter().take(most) {
        println!("{count:>8}  {word}");
    }
}
