//! Prints the most frequent words of the last minute, every ten seconds: trending words.
//!
//! With `--connect` or `--listen` the words come from a socket, and the minute is one of
//! processing time. Try it against `nc -lk 9999`. Without arguments the words of a built-in
//! conversation are taken, whose lines know their own time.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use rheos::prelude::*;

/// Prints the most frequent words of a sliding window.
#[derive(Parser)]
struct Arguments {
    /// Read from the server at this address
    #[arg(long, value_name = "HOST:PORT")]
    connect: Option<String>,
    /// Let clients connect to this address
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "connect")]
    listen: Option<String>,
    /// How many words are printed
    #[arg(long, value_name = "N", default_value_t = 3)]
    top: usize,
    /// The length of the window
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    window: u64,
    /// How often a window answers
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    every: u64,
    #[command(flatten)]
    job: JobArgs,
}

/// The most frequent words of a window, the most frequent first. Each worker counts its own words;
/// the counts of a slice that leaves a window are subtracted.
#[derive(Clone)]
struct Top {
    words: usize,
}

impl Aggregate for Top {
    type In = String;
    type Acc = BTreeMap<String, u64>;
    type Out = Vec<(String, u64)>;

    fn create(&self) -> Self::Acc {
        BTreeMap::new()
    }

    fn add(&self, counts: &mut Self::Acc, word: String) {
        *counts.entry(word).or_default() += 1;
    }

    fn merge(&self, counts: &mut Self::Acc, other: Self::Acc) {
        for (word, count) in other {
            *counts.entry(word).or_default() += count;
        }
    }

    fn unmerge(&self, counts: &mut Self::Acc, other: &Self::Acc) -> bool {
        for (word, count) in other {
            if let Some(left) = counts.get_mut(word) {
                *left -= count;
            }
        }
        counts.retain(|_, count| *count > 0);
        true
    }

    fn finish(&self, counts: &Self::Acc) -> Self::Out {
        let mut words: Vec<_> = counts.iter().map(|(word, count)| (word.clone(), *count)).collect();
        // Stable: words of the same count stay in the order of the alphabet.
        words.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        words.truncate(self.words);
        words
    }
}

fn main() -> ExitCode {
    let result = run(Arguments::parse());
    if let Err(error) = &result {
        eprintln!("error: {error}");
    }
    exit_code(&result)
}

fn run(arguments: Arguments) -> Result<(), Error> {
    let windows = Windows::sliding(
        Duration::from_secs(arguments.window),
        Duration::from_secs(arguments.every),
    );
    let top = Top { words: arguments.top };
    let job = Job::new("top k");
    let live = match (&arguments.connect, &arguments.listen) {
        (Some(address), _) => Some(job.source(TcpSource::connect(address, Text))),
        (None, Some(address)) => Some(job.source(TcpSource::listen(address, Text))),
        (None, None) => None,
    };
    let trends = match live {
        Some(lines) => words(lines).processing_time_window(windows).aggregate(top),
        None => {
            let lines = job
                .source(Collection::new(CONVERSATION.to_vec()).in_order())
                .event_time(
                    |(second, _)| EventTime::from_millis(1_000 * second),
                    Watermarks::monotone(),
                )
                .map(|(_, line)| line.to_owned());
            words(lines).window(windows).aggregate(top).drop_late().without_event_time()
        }
    };
    trends.map(line).sink(StdoutSink::new(Text));
    job.run(arguments.job.into_config()?)?;
    Ok(())
}

/// The words of lines, in small letters; with event time where the lines have it.
fn words<M: Timeline>(lines: Stream<String, M>) -> Stream<String, M> {
    lines.expand(|line: String, words| {
        let words_of = line.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 3);
        words_of.for_each(|word| words.push(word.to_lowercase()));
    })
}

/// "2026-01-01T09:01:00Z  3 rust, 2 streams"
fn line(trend: Pane<(), Vec<(String, u64)>>) -> String {
    let words: Vec<_> = trend.value.iter().map(|(word, count)| format!("{count} {word}")).collect();
    format!("{}  {}", trend.window.end, words.join(", "))
}

/// When a line was said, in seconds since 1970, and the line.
const CONVERSATION: [(i64, &str); 8] = [
    (1_767_258_002, "Did anybody watch the river today?"),
    (1_767_258_009, "The river is high, higher than last week"),
    (1_767_258_017, "High water again. The bridge is closed"),
    (1_767_258_031, "Which bridge? The bridge at the mill?"),
    (1_767_258_044, "The bridge at the mill, and the road"),
    (1_767_258_058, "The road is open again"),
    (1_767_258_075, "But the bridge is not. Take the road by the station"),
    (1_767_258_090, "The station has water in the tunnel"),
];
